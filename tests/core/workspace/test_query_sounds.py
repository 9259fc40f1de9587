"""Asking with a sound: what whoever is not the owner can have fetched, what they are told, and how much at once."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hover_core.analysis.search import query, ranking
from hover_core.analysis.search.query import Stretch, playable, prepare_playable_query, prepare_query
from hover_core.analysis.search.ranking import find
from hover_core.audio.segment import Piece
from hover_core.data.clips import Clip, clip_id
from hover_core.data.people import ANNOTATOR, MOST_SOUND_BYTES, Person
from hover_core.errors import DecodeError, FetchError, NotAllowed, Refused, RefusedHost
from hover_core.fetching import transport
from hover_core.fetching.addresses import refusal
from hover_core.jobs import vectorize
from hover_core.store import clip_rows, vector_rows
from hover_core.store.database import Store
from hover_core.tables.intake import Intake
from hover_core.workspace import query_sounds
from hover_core.workspace.concurrency_limits import Turns
from hover_core.workspace.datasets import Datasets
from hover_core.workspace.query_sounds import NO_SOUND, NO_SOUND_OF_CLIP, QuerySound, decode
from hover_core.workspace.sounds import ClipSounds
from tests import sounds
from tests.servers import Fault, SoundServer

KEY = "mfcc-mean-32-22050-v1"
NAMES = {"internal.example": "10.0.0.7", "both.example": "8.8.8.8 10.0.0.7", "sounds.example": "127.0.0.1"}


@pytest.fixture(autouse=True)
def connections(monkeypatch):
    """The addresses that were connected to; none but this machine can be."""
    connected = []

    class Socket(socket.socket):
        def connect(self, address):
            connected.append(address)
            assert address[0] == "127.0.0.1", f"connection to {address}"
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Socket)
    return connected


def resolve(host, port, **_):
    """The names of this file, and numbers as the system reads them."""
    if host in NAMES:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in NAMES[host].split()]
    if host == "busy.example":
        raise socket.gaierror(socket.EAI_AGAIN, "try again")
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror as error:
        raise socket.gaierror(socket.EAI_NONAME, "unknown") from error


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A dataset on a private server that operator and owner allow: four sounds, half a recording, one that is gone."""
    folder = tmp_path_factory.mktemp("asking")
    files = {f"/{number}.wav": sounds.encode(sounds.tone(300 + 200 * number, 0.4)) for number in range(4)}
    files["/long.wav"] = sounds.encode(np.concatenate([sounds.noise(0.5, seed=1), sounds.tone(2_000, 0.5)]))
    files["/gone.wav"] = sounds.encode(sounds.tone(5_000, 0.4))
    files["/secret.wav"] = sounds.encode(sounds.tone(444, 0.4))
    (folder / "local").mkdir()
    (folder / "local" / "diary.wav").write_bytes(files["/secret.wav"])
    with pytest.MonkeyPatch.context() as patch, SoundServer(files) as server:
        patch.setenv("HOVER_DATA", str(folder))
        patch.setenv("HOVER_ALLOWED_HOSTS", server.host_port)
        patch.setenv("HOVER_AUDIO_ROOT", str(folder / "local"))
        datasets = Datasets(Store(f"sqlite:///{folder}/hover.sqlite"))
        datasets._sounds = ClipSounds(datasets.store, resolver=resolve)
        dataset = datasets.new("sounds")
        dataset.change_settings(allowed_hosts=[server.host_port, "internal.example:80"])
        clips = [Clip(clip_id(url), url) for url in [server.url(f"/{number}.wav") for number in range(4)]]
        long = server.url("/long.wav")
        clips.append(Clip(clip_id(long, 0.5, 1.0), long, start_s=0.5, end_s=1.0, group="tower"))
        gone = server.url("/gone.wav")
        clips.append(Clip(clip_id(gone), gone))
        dataset.add(Intake(clips=clips))
        vectorize.run_here(dataset, vectorizer=KEY)
        dataset.change_settings(vectorizer=KEY)
        del server.files["/gone.wav"]
        for path in (folder / "sounds").rglob("*"):  # the cache forgets it too
            if path.is_file():
                path.unlink()
        datasets._sounds.close()
        datasets._sounds = ClipSounds(datasets.store, resolver=resolve)
        yield dataset, server
        datasets.close()


def theirs(dataset, name="Mira", *, blind=False):
    """The dataset in the hands of somebody who was invited."""
    return dataset.resources.open(dataset.id, by=Person(name, ANNOTATOR, dataset.id, blind))


WAYS = {
    "ask": prepare_playable_query,
    "sought": prepare_query,
    "find": find,
    "playable": playable,
    "of_url": lambda dataset, url: query.vector_of_url(dataset, url, KEY),
    "neighbours": lambda dataset, url: ranking.neighbours(dataset, [url]),
}


def answer(dataset, url, way="ask"):
    """What is said of an address, in full."""
    with pytest.raises(FetchError) as caught:
        WAYS[way](dataset, url)
    assert type(caught.value) is FetchError  # a kind of its own would tell as well
    return str(caught.value)


# addresses ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["http://{}/1.wav", "HTTP://{}/1.wav#here", "  http://{}/1.wav "])
def test_the_address_of_a_clip_is_a_question_of_an_annotator(world, spelling):
    dataset, server = world
    found, sound = prepare_playable_query(theirs(dataset), spelling.format(server.host_port))

    assert find(dataset, found, 1).positions.tolist() == [1]
    assert sound[:4] == b"RIFF"


@pytest.mark.parametrize("way", ["sought", "of_url"])
def test_the_address_of_a_clip_has_the_vector_of_the_clip(world, way):
    dataset, server = world
    found = WAYS[way](theirs(dataset), server.url("/2.wav"))
    vector = found if isinstance(found, np.ndarray) else found.vectors[0]
    index = dataset.index()

    np.testing.assert_allclose(vector, index.raw(np.array([index.vector_row(2)]))[0], rtol=1e-3, atol=1e-3)


def test_the_address_of_a_recording_is_heard_as_its_clip_and_no_further(world):
    dataset, server = world
    found, sound = prepare_playable_query(theirs(dataset), server.url("/long.wav"))

    assert len(sound) == 44 + 2 * 11_025  # half of it
    assert find(dataset, found, 1).scores[0] == pytest.approx(1, abs=1e-3)
    assert found.groups == ("tower",)
    assert (
        len(prepare_playable_query(dataset, server.url("/long.wav"))[1]) == 44 + 2 * 22_050
    )  # the owner's question is all of it


PRIVATE = [
    "http://{}/secret.wav", "http://{}/missing.wav", "http://{}/", "http://10.0.0.1/x.wav", "http://10.0.0.1:1/x.wav",
    "http://internal.example/x.wav", "https://internal.example/x.wav", "http://both.example/x.wav",
    "http://gone.example/x.wav", "http://busy.example/x.wav", "http://169.254.169.254/latest/meta-data/", "http://[::1]:80/x.wav",
    "http://[::1/x.wav", "http://me:secret@sounds.example/x.wav", "http://sounds.example:0/x.wav",
    "file:///etc/passwd", "ftp://sounds.example/x.wav", "local:diary.wav", "local:nothing.wav", "demo:d0001.ogg",
    "s3://bucket/x.wav", "gs://bucket/x.wav", "hf://datasets/o/r/x.wav", "x.wav", "", "http://a\x00b/",
    "http://sounds.example/" + "x" * 60_000,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_of_every_other_address_an_annotator_is_told_one_and_the_same(world, connections, way):
    dataset, server = world
    asked = server.count.total()
    said = {answer(theirs(dataset), url.format(server.host_port), way) for url in PRIVATE}

    assert said == {NO_SOUND}
    assert (connections, server.count.total()) == ([], asked)


def test_a_clip_whose_sound_is_gone_is_told_as_an_address_that_is_none(world):
    dataset, server = world

    assert answer(theirs(dataset), server.url("/gone.wav")) == NO_SOUND
    with pytest.raises(FetchError) as caught:
        prepare_playable_query(theirs(dataset), Stretch(5, 0.0, 0.2))
    assert str(caught.value) == NO_SOUND_OF_CLIP


@pytest.fixture
def public(world, monkeypatch):
    """A world in which this machine is a public place, and its other private ones are not."""
    monkeypatch.setattr(transport, "refusal", lambda address: None if address == "127.0.0.1" else refusal(address))
    server = world[1]
    server.files["/page.wav"] = b"<!doctype html><html>sign in</html>"
    server.files["/public.wav"] = server.files["/3.wav"]
    faults = {
        "/broken.wav": Fault(status=403),
        "/large.wav": Fault(declared=MOST_SOUND_BYTES + 1),
        "/inside.wav": Fault(redirect="http://internal.example/x.wav"),
        "/metadata.wav": Fault(redirect="http://169.254.169.254/latest"),
        "/nowhere.wav": Fault(redirect="http://gone.example/x.wav"),
        "/file.wav": Fault(redirect="file:///etc/passwd"),
        "/round.wav": Fault(redirect="/round.wav"),
    }
    server.files["/large.wav"] = b""
    server.faults.update(faults)
    yield lambda path: server.url(path, host="sounds.example")
    for path in faults:
        del server.faults[path]


def test_a_public_address_is_a_question_of_an_annotator(world, public):
    dataset, _ = world
    found, _ = prepare_playable_query(theirs(dataset), public("/public.wav"))

    assert find(dataset, found, 1).positions.tolist() == [3]
    assert found.groups == (None,)
    assert prepare_playable_query(theirs(dataset, blind=True), public("/public.wav"))[1][:4] == b"RIFF"


@pytest.mark.parametrize("way", ["ask", "sought", "playable", "of_url"])
def test_why_a_public_address_gives_no_sound_is_not_told_either(world, public, way):
    dataset, server = world
    paths = [*server.faults, "/missing.wav", "/page.wav"]

    assert {answer(theirs(dataset), public(path), way) for path in paths} == {NO_SOUND}
    assert server.count["/inside.wav"] > 0  # the redirect was there to be followed


def test_whoever_works_blind_cannot_learn_how_clips_are_called(world):
    dataset, server = world

    assert answer(theirs(dataset, blind=True), server.url("/1.wav")) == NO_SOUND


def test_an_address_is_not_told_by_vectors_that_no_sound_can_be_turned_into(world):
    dataset, server = world
    before = dataset.vectorizer_key
    dataset.change_settings(vectorizer="mine@1")
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, "mine@1", [0, 1], np.eye(2, dtype=np.float32))
    try:
        for path in ("/1.wav", "/secret.wav"):
            with pytest.raises(Refused, match="were not made here"):
                prepare_playable_query(theirs(dataset), server.url(path))
    finally:
        dataset.change_settings(vectorizer=before)


def test_the_owner_is_told_why(world):
    dataset, server = world
    with pytest.raises(FetchError, match="HTTP 404"):
        prepare_playable_query(dataset, server.url("/missing.wav"))
    with pytest.raises(RefusedHost, match=r"10\.0\.0\.1:80 is in a private network"):
        prepare_playable_query(dataset, "http://10.0.0.1/x.wav")


def test_an_annotator_allows_no_host(world):
    dataset, _ = world
    with pytest.raises(NotAllowed):
        theirs(dataset).change_settings(allowed_hosts=["10.0.0.1:80"])


def test_a_sound_that_an_annotator_gives_has_a_size_that_fits(world):
    dataset, _ = world
    with pytest.raises(DecodeError, match="at most 20 MB"):
        prepare_playable_query(theirs(dataset), bytes(MOST_SOUND_BYTES + 1))
    with pytest.raises(DecodeError, match="not a sound file"):  # of their own file they are told
        prepare_playable_query(theirs(dataset), b"only words, and no sound at all")


@pytest.mark.parametrize(
    ("identity", "asked", "positions"),
    [
        ("full", "https://host/a%20b_1.wav?sig=1", [0]),
        ("full", "HTTPS://HOST:443/a%20b_1.wav?sig=1#x", [0]),
        ("full", "https://host/a%20b_1.wav?sig=2", [1]),
        ("full", "https://host/a%20b_1.wav", []),
        ("full", "https://host/a%20bX1.wav?sig=1", []),
        ("full", "https://host/?id=7", [4]),
        ("full", "https://host?id=7", [4]),
        ("full", "https://host/", [5]),
        ("full", "local:x.wav", [3]),
        ("full", "local:X.wav", []),
        ("no-query", "https://host/a%20b_1.wav?sig=9", [0, 1]),
        ("no-query", "https://other/a%20b_1.wav", [2]),
        ("path", "http://anywhere/a%20b_1.wav", [0, 1, 2]),
        ("full", "http://[", []),
        ("full", "https://host/" + "%" * 9_000, []),
        ("full", "https://host/\x00", []),
        ("full", "https://host/\ud800", []),
    ],
)  # fmt: skip
def test_clips_are_found_by_their_address_in_normal_form(journal, identity, asked, positions):
    urls = [
        "https://Host/a%20b_1.wav?sig=1", "https://host:443/a%20b_1.wav?sig=2", "https://other/a%20b_1.wav?sig=3",
        "local:x.wav", "https://host?id=7", "https://HOST",
    ]  # fmt: skip
    dataset_id = journal.store.add_dataset(f"addresses {id(asked)} {identity} {len(asked)}")
    with journal.store.revise(dataset_id) as (connection, _):
        clip_rows.add_clips(connection, dataset_id, [Clip(f"c{n}", url, group=f"g{n}") for n, url in enumerate(urls)])

    found = clip_rows.with_address(journal.store, dataset_id, asked, identity)
    assert found == [(position, f"g{position}") for position in positions]


# how much at once -----------------------------------------------------------------------------------------------------


def test_a_person_asks_a_few_questions_at_once_and_keeps_nobody_else_from_asking(world, monkeypatch):
    dataset, server = world
    turns = dataset.sounds.turns
    server.files["/slow.wav"] = server.files["/1.wav"]
    slow = server.url("/slow.wav")
    dataset.add(Intake(clips=[Clip(clip_id(slow), slow)]))
    there, go = threading.Semaphore(0), threading.Event()

    def opens(path, _):
        if path == "/slow.wav":
            there.release()
            go.wait(60)
        return True

    monkeypatch.setattr(server, "opens", opens)
    monkeypatch.setattr(turns, "patience_s", 0.05)
    mine = sounds.encode(sounds.tone(500, 0.4))
    with ThreadPoolExecutor(query_sounds.AT_ONCE) as pool:
        try:
            asked = [pool.submit(prepare_playable_query, theirs(dataset), slow) for _ in range(query_sounds.AT_ONCE)]
            for _ in asked:
                assert there.acquire(timeout=30)
            for more in (slow, server.url("/1.wav"), mine, Stretch(1, 0.0, 0.3)):
                with pytest.raises(Refused, match="3 of your searches are running: wait for one of them"):
                    prepare_playable_query(theirs(dataset), more)
            others = [prepare_playable_query(theirs(dataset, "Ben"), mine)[0], prepare_playable_query(dataset, mine)[0]]
            by_clip = prepare_query(theirs(dataset), 1)  # what nothing is fetched or decoded for needs no turn
        finally:
            go.set()
        answers = [one.result(30)[0] for one in asked]

    assert {find(dataset, found, 1).positions.tolist()[0] for found in answers} == {1}
    assert [len(found) for found in [*others, by_clip, prepare_playable_query(theirs(dataset), mine)[0]]] == [1] * 4


@pytest.mark.parametrize(("who", "most"), [("owner", query_sounds.OWNER_AT_ONCE), ("annotator", query_sounds.AT_ONCE)])
def test_the_owner_asks_more_at_once(world, monkeypatch, who, most):
    dataset = world[0] if who == "owner" else theirs(world[0])
    monkeypatch.setattr(dataset.sounds.turns, "patience_s", 0)
    there, go = threading.Barrier(most + 1), threading.Event()

    def question():
        with query_sounds.turn(dataset):
            there.wait(30)
            return go.wait(30)

    with ThreadPoolExecutor(most) as pool:
        asked = [pool.submit(question) for _ in range(most)]
        there.wait(30)
        with pytest.raises(Refused, match=f"{most} of your searches"), query_sounds.turn(dataset):
            pass
        go.set()
        assert [one.result(30) for one in asked] == [True] * most


def test_a_question_waits_a_moment_for_its_turn():
    turns = Turns(patience_s=30)
    begun, end, second = threading.Event(), threading.Event(), threading.Event()

    def first():
        with turns.turn(("a",), 1):
            begun.set()
            assert end.wait(30)

    def waiting():
        with turns.turn(("a",), 1):
            second.set()

    threads = [threading.Thread(target=first), threading.Thread(target=waiting)]
    threads[0].start()
    assert begun.wait(30)
    threads[1].start()
    assert not second.is_set()
    with turns.turn(("b",), 1):  # another key does not wait
        end.set()

    assert second.wait(30)
    for thread in threads:
        thread.join(30)


def test_a_turn_ends_with_an_error_and_a_turn_within_a_turn_is_one():
    turns = Turns(patience_s=0)
    for _ in range(3):
        with pytest.raises(KeyError), turns.turn(("a",), 1), turns.turn(("a",), 1):
            raise KeyError

    with turns.turn(("a",), 1):
        pass
    assert not turns._running


def test_one_person_decodes_one_sound_at_a_time_so_that_a_decoder_is_left_for_others(world):
    dataset, _ = world
    sound = QuerySound(Piece(sounds.encode(sounds.tone(500, 0.4))))
    begun, end, second = threading.Event(), threading.Event(), threading.Event()

    def hostile(workers):
        begun.set()
        assert end.wait(30)
        return workers.probe(sound.piece)

    def next_one(workers):
        second.set()
        return workers.probe(sound.piece)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(decode, theirs(dataset), sound, hostile)
        assert begun.wait(30)
        waiting = pool.submit(decode, theirs(dataset), sound, next_one)
        try:
            others = decode(theirs(dataset, "Ben"), sound, lambda workers: workers.probe(sound.piece))
            assert not second.is_set()
        finally:
            end.set()

        assert first.result(30) == waiting.result(30) == others
    assert dataset.sounds.question_workers is not dataset.sounds.workers
