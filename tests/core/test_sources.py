"""Private sound over http: what the operator gives opens it, and goes nowhere else."""

import json
import logging
import sys
import time
from pathlib import Path

import pytest

from hover_core import settings
from hover_core.analysis.search import query
from hover_core.data.clips import Clip, clip_id
from hover_core.data.people import ANNOTATOR, Person
from hover_core.errors import FetchError, Refused
from hover_core.fetching.fetcher import Fetcher
from hover_core.jobs import process, queue
from hover_core.sources import AddressPrefix, closest_source, for_dataset, read_sources
from hover_core.store import vector_rows
from hover_core.store.database import Store
from hover_core.tables.intake import Intake
from hover_core.workspace.datasets import Datasets
from hover_core.workspace.sounds import ClipSounds
from tests import sounds
from tests.servers import Fault, SoundServer

SECRET = "Bearer s3cr3t-of-the-operator"
KEY = "mfcc-mean-32-22050-v1"
WAV = sounds.encode(sounds.tone(440, 0.2))


def has_secret(path, headers):
    return headers.get("authorization") == SECRET


def source(hosts, **more):
    return read_sources(json.dumps({"archive": {"hosts": hosts, "headers": {"Authorization": SECRET}, **more}}))


@pytest.fixture
def private():
    with SoundServer({"/clips/a.wav": WAV, "/b.wav": WAV}, opens=has_secret) as server:
        yield server


def test_a_header_opens_private_sound(private):
    with Fetcher(allowed_hosts=[private.host_port], sources=source([private.url("/clips/")])) as fetcher:
        assert fetcher.fetch(private.url("/clips/a.wav")) == WAV


def test_without_its_source_private_sound_is_a_failure_in_words(private):
    with Fetcher(allowed_hosts=[private.host_port]) as fetcher:
        with pytest.raises(FetchError, match="HTTP 403: the server does not allow it"):
            fetcher.fetch(private.url("/clips/a.wav"))


@pytest.mark.parametrize(
    "path",
    ["/b.wav", "/clips2/a.wav", "/clips/../b.wav", "/clips/%2e%2e/b.wav", "/clips/..;/b.wav", "/clips/..%5cb.wav"],
)
def test_a_header_goes_only_below_its_path(private, path):
    with Fetcher(allowed_hosts=[private.host_port], sources=source([private.url("/clips")])) as fetcher:
        with pytest.raises(FetchError, match="HTTP 403"):
            fetcher.fetch(private.url(path))

    assert all("authorization" not in {name.lower() for name in headers} for _, headers in private.requests)


def test_a_header_does_not_follow_a_redirect_to_another_host(private):
    with SoundServer({"/a.wav": WAV}) as other:
        private.faults["/clips/a.wav"] = Fault(redirect=other.url("/a.wav"))
        given = source([private.url("/clips/")])
        with Fetcher(allowed_hosts=[private.host_port, other.host_port], sources=given) as fetcher:
            data = fetcher.fetch(private.url("/clips/a.wav"))

        [(_, headers)] = other.requests
    assert data == WAV
    assert SECRET not in headers.values()
    assert SECRET in private.requests[0][1].values()


def test_a_header_does_not_follow_a_redirect_out_of_its_path_and_back_again_it_does(private):
    private.faults["/clips/a.wav"] = Fault(redirect="/elsewhere", times=1)
    private.faults["/elsewhere"] = Fault(redirect="/clips/a.wav")
    with Fetcher(allowed_hosts=[private.host_port], sources=source([private.url("/clips/")])) as fetcher:
        data = fetcher.fetch(private.url("/clips/a.wav"))

    assert data == WAV
    assert [(path, SECRET in headers.values()) for path, headers in private.requests] == [
        ("/clips/a.wav", True), ("/elsewhere", False), ("/clips/a.wav", True),
    ]  # fmt: skip


def test_a_host_without_a_scheme_is_https_so_that_no_secret_travels_in_the_open(private):
    with Fetcher(allowed_hosts=[private.host_port], sources=source([private.host_port])) as fetcher:
        with pytest.raises(FetchError, match="HTTP 403"):
            fetcher.fetch(private.url("/clips/a.wav"))


def test_a_source_does_not_allow_a_private_address(private):
    with Fetcher(sources=source([private.url()])) as fetcher:
        with pytest.raises(FetchError, match="is this machine: allow it"):
            fetcher.fetch(private.url("/clips/a.wav"))


def test_a_query_of_the_operator_opens_presigned_sound_and_is_in_no_message():
    with SoundServer({"/a.wav": WAV}, opens=lambda path, _: path.endswith("sig=ABC%2Bs3cr3t&se=9")) as server:
        given = read_sources(json.dumps({"sas": {"hosts": [server.url()], "query": "?sig=ABC%2Bs3cr3t&se=9"}}))
        with Fetcher(allowed_hosts=[server.host_port], sources=given) as fetcher:
            data = fetcher.fetch(server.url("/a.wav"))
            beside = fetcher.fetch(server.url("/a.wav?version=3"))
            with pytest.raises(FetchError) as failure:
                fetcher.fetch(server.url("/missing.wav"))

        asked = [path for path, _ in server.requests]
    assert data == beside == WAV
    assert asked[1] == "/a.wav?version=3&sig=ABC%2Bs3cr3t&se=9"
    assert "s3cr3t" not in str(failure.value)


def test_the_source_that_covers_most_closely_counts():
    given = read_sources(
        json.dumps({
            "all": {"hosts": ["http://host:80"], "headers": {"X": "1"}},
            "birds": {"hosts": ["http://host/birds/"], "headers": {"X": "2"}},
        })
    )  # fmt: skip
    names = [
        found.name if (found := closest_source(given, *asked)) else None
        for asked in (("http", "host:80", "/birds/a"), ("http", "host:80", "/a"), ("https", "host:443", "/a"))
    ]

    assert names == ["birds", "all", None]


def test_a_source_may_be_kept_to_some_datasets():
    given = source(["https://host"], datasets=["Birds"])

    assert for_dataset(given, ["9f3c", "Birds"]) == given
    assert for_dataset(given, ["9f3c", "Frogs"]) == ()


def test_a_place_is_read_as_it_is_written():
    written = [
        "host",
        "Host:8443",
        "http://host:8000/a",
        "[::1]:80",
        "s3://bucket/clips/",
        "s3://",
        "hf://datasets/o/r",
    ]

    assert source(written)[0].places == (
        AddressPrefix("https", "host:443", "/"),
        AddressPrefix("https", "host:8443", "/"),
        AddressPrefix("http", "host:8000", "/a"),
        AddressPrefix("https", "[::1]:80", "/"),
        AddressPrefix("s3", "bucket", "/clips/"),
        AddressPrefix("s3", "", "/"),
        AddressPrefix("hf", "datasets", "/o/r"),
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("s3cr3t", "names no file"),
        ('{"a": "s3cr3t"', "cannot be read"),
        ('{"a": "s3cr3t"}', "is no table"),
        ('{"a": {"headers": {"X": "s3cr3t"}}}', "hosts must be a list"),
        ('{"a": {"hosts": []}}', "names no hosts"),
        ('{"a": {"hosts": ["https://me:s3cr3t@host"]}}', "one of its hosts cannot be read"),
        ('{"a": {"hosts": ["https://*.host"]}}', "one of its hosts cannot be read"),
        ('{"a": {"hosts": ["ftp://host"]}}', "one of its hosts cannot be read"),
        ('{"a": {"hosts": ["host"], "header": {"X": "s3cr3t"}}}', "“header”, which means nothing here"),
        ('{"a": {"hosts": ["host"], "headers": {"Host": "s3cr3t"}}}', "'Host' is no header that can be given"),
        ('{"a": {"hosts": ["host"], "headers": {"X": "s3cr3t\\r\\nY: 1"}}}', "the value of X is no line of text"),
        ('{"a": {"hosts": ["host"], "headers": {"X Y": "s3cr3t"}}}', "no header that can be given"),
        ('{"a": {"hosts": ["host"], "headers": {"X": 7}}}', "the value of X is no line of text"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_read_is_said_without_its_values(given, words):
    with pytest.raises(Refused, match=words) as refused:
        read_sources(given)

    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_file_of_sources_is_read_as_the_secrets_of_the_app(tmp_path, monkeypatch):
    file = tmp_path / "secrets.toml"
    file.write_text('[hover.sources.archive]\nhosts = ["https://host"]\nheaders = { Authorization = "s3cr3t" }\n')
    monkeypatch.setenv("HOVER_SOURCES", str(file))

    [found] = settings.sources()

    assert (found.name, found.headers) == ("archive", (("Authorization", "s3cr3t"),))
    assert "s3cr3t" not in repr(found)
    assert "s3cr3t" not in repr(settings.sources())


@pytest.mark.parametrize("spare", [False, True], ids=["its own process", "the waiting process"])
def test_a_job_gets_what_opens_private_sound_and_leaves_it_nowhere(hover_data: Path, monkeypatch, caplog, spare):
    caplog.set_level(logging.DEBUG)
    files = {f"/clips/{number}.wav": WAV for number in range(12)}
    with SoundServer(files, opens=has_secret, latency_s=0.2) as server:
        datasets = Datasets(Store())
        if spare:  # started before the operator gave anything: it must not work with what it had then
            process.keep_spare(datasets.store)
        table = {"archive": {"hosts": [server.url("/clips/")], "headers": {"Authorization": SECRET}, "datasets": ["p"]}}
        monkeypatch.setattr(settings, "_secrets", lambda: table)
        dataset = datasets.new("p")
        urls = [server.url(path) for path in [*files, "/elsewhere.wav"]]
        dataset.add(Intake(clips=[Clip(clip_id(url), url) for url in urls]))
        dataset.change_settings(allowed_hosts=[server.host_port])

        job = queue.start(dataset, vectorizer="mfcc-mean", reducer="pca")
        arguments = ""
        deadline = time.monotonic() + 60
        while job.running and time.monotonic() < deadline:
            job = queue.tend(dataset)
            if job.process and sys.platform == "linux":
                with_nul = Path(f"/proc/{job.process}/cmdline")
                arguments += with_nul.read_text() if with_nul.exists() else ""
            time.sleep(0.05)
        heard = ClipSounds(datasets.store).playable(dataset.id, 0)
        done = len(vector_rows.vectorized_positions(datasets.store, dataset.id, dataset.vectorizer_key))
        reasons = [failure.reason for failure in dataset.failures()]
        process.drop_spare()
        datasets.close()

    assert (job.state, done) == ("done", 12)
    assert heard.path.read_bytes() == WAV
    assert len(reasons) == 1
    assert "HTTP 403" in reasons[0]
    assert "hover_core.jobs" in arguments or sys.platform != "linux"
    left = [path for path in hover_data.rglob("*") if path.is_file() and b"s3cr3t" in path.read_bytes()]
    assert left == []
    assert "s3cr3t" not in caplog.text + arguments + repr(job)


def test_a_job_says_that_its_sources_cannot_be_read_and_ends(hover_data: Path, monkeypatch):
    monkeypatch.setenv("HOVER_SOURCES", '{"archive": "s3cr3t"\n')
    datasets = Datasets(Store())
    dataset = datasets.new("p")
    dataset.add(Intake(clips=[Clip("c", "https://host.example/a.wav")]))

    job = queue.start(dataset, vectorizer="mfcc-mean", reducer="pca")
    deadline = time.monotonic() + 60
    while job.running and time.monotonic() < deadline:
        job = queue.tend(dataset)
        time.sleep(0.05)
    datasets.close()

    assert job.state == "failed"
    assert job.progress["message"].startswith("the sources cannot be read: JSON looks like")
    assert "s3cr3t" not in job.progress["message"]


def test_an_address_that_an_annotator_types_is_fetched_without_what_opens_private_sound(
    private, datasets, monkeypatch, tmp_path
):
    (tmp_path / "diary.wav").write_bytes(WAV)
    monkeypatch.setenv("HOVER_AUDIO_ROOT", str(tmp_path))
    table = {"archive": {"hosts": [private.url("/clips/")], "headers": {"Authorization": SECRET}}}
    monkeypatch.setattr(settings, "_secrets", lambda: table)
    owners = datasets.new("p")
    owners.change_settings(allowed_hosts=[private.host_port])
    theirs = datasets.open(owners.id, by=Person("Mira", ANNOTATOR, owners.id))

    assert query.playable(owners, private.url("/clips/a.wav"))[:4] == b"RIFF"
    assert query.playable(owners, "local:diary.wav")[:4] == b"RIFF"
    before = len(private.requests)
    for address in (private.url("/clips/a.wav"), "local:diary.wav"):
        with pytest.raises(FetchError, match="no sound can be had from this address"):
            query.playable(theirs, address)
    with pytest.raises(FetchError, match="no sound can be had from this address"):
        query.vector_of_url(theirs, private.url("/clips/a.wav"), KEY)
    assert len(private.requests) == before
