"""Who is shown what of a dataset: columns, groups, names, addresses, reasons of failure."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hover_core.analysis import facets
from hover_core.analysis.search.query import Stretch, stretch_piece
from hover_core.analysis.search.ranking import find
from hover_core.analysis.search.words import match_text
from hover_core.audio.segmentation import Cut
from hover_core.data.clips import file_name
from hover_core.data.people import ANNOTATOR, LOCAL_OWNER, Person
from hover_core.dataset import SupervisableAudioDataset
from hover_core.errors import DecodeError, FetchError, NotFound, Refused
from hover_core.jobs import cut
from hover_core.store import clip_rows, vector_rows
from hover_core.store.database import Store
from hover_core.tables import intake as tables
from hover_core.tables import rows
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from hover_core.workspace.visibility import ColumnRule, problem
from tests import sounds
from tests.servers import SoundServer

WORDS = ("siren", "owl", "rain", "engine")
SHOWN = {"fold", "recordist", "depth"}
NEVER = {
    "sound", "kind", "target", "Primary Label", "soundClass", "caption", "predicted", "page", "score", "source",
    "clip", "Rater", "reference_2",
}  # fmt: skip
OWN = {"predicted", "annotator", "how", "duration", "group", "reference"}


def table(rows: int = 24) -> pd.DataFrame:
    """A table as people have them: many of its columns give the label away, or the address."""
    words = [WORDS[n % 4] for n in range(rows)]
    return pd.DataFrame(
        {
            "sound": [f"https://h.example/in/{word}_{n}.wav?sig=s3cret" for n, word in enumerate(words)],
            "kind": words,
            "target": [str(10 + n % 4) for n in range(rows)],
            "Primary Label": [word.upper() for word in words],
            "soundClass": ["x"] * rows,
            "caption": [f"here a {word} can be heard" for word in words],
            "predicted": ["owl"] * rows,
            "score": [str(n / 100) for n in range(rows)],
            "page": ["", "https://h.example/page?id=1", *[""] * (rows - 2)],
            "source": [f"tapes/{n % 3}.flac" for n in range(rows)],
            "clip": [f"{word}_{n}" for n, word in enumerate(words)],
            "Rater": [f"rater {n % 2}" for n in range(rows)],
            "reference_2": ["z"] * rows,
            "fold": [str(1 + n % 3) for n in range(rows)],
            "recordist": [f"person {n % 5}" for n in range(rows)],
            "depth": [f"{n / 2}" for n in range(rows)],
        }
    )


def add(dataset: Dataset, frame: pd.DataFrame, *, raw_labels: str = "keep", **roles: str) -> None:
    """Add a table with the meanings that a person chose on Upload."""
    meaning = tables.Columns(**roles)
    dataset.add(dataset.plan(rows.frame_table(frame), meaning, raw_labels=raw_labels))


def guest(dataset: Dataset, *, blind: bool = False) -> Dataset:
    """The dataset in the hands of somebody who was invited."""
    return dataset.resources.open(dataset.id, by=Person("Mira", ANNOTATOR, dataset.id, blind=blind))


def in_table(dataset: Dataset) -> set[str]:
    """The columns of the table that somebody is offered."""
    return {
        one["key"].removeprefix("table:") for one in facets.available_facets(dataset) if one["key"].startswith("table:")
    }


@pytest.fixture(params=["keep", "reference"])
def sounds_table(datasets: Datasets, request: pytest.FixtureRequest) -> Dataset:
    """That table, its labels kept or set aside."""
    dataset = datasets.new("sounds")
    add(dataset, table(), raw_labels=request.param, audio="sound", label="kind", group="recordist")
    return dataset


@pytest.fixture
def older(datasets: Datasets) -> Dataset:
    """The same clips in a dataset that was made before it was recorded what columns hold."""
    dataset = datasets.open(datasets.store.add_dataset("older", {"identity": "full", "group_column": "recordist"}))
    intake = tables.plan_intake(
        rows.frame_table(table()), tables.Columns(audio="sound", label="kind", group="recordist"), raw_labels="keep"
    )
    with datasets.store.revise(dataset.id) as (connection, _):
        clip_rows.add_clips(connection, dataset.id, intake.clips)
    return dataset


# columns --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blind", [False, True])
def test_guests_are_shown_no_column_that_gives_labels_or_addresses_away(sounds_table: Dataset, *, blind: bool) -> None:
    assert in_table(guest(sounds_table, blind=blind)) == SHOWN
    assert in_table(sounds_table) == SHOWN | NEVER


@pytest.mark.parametrize("who", ["owner", "annotator", "blind"])
@pytest.mark.parametrize("kind", ["new", "older"])
def test_a_key_answers_exactly_if_it_is_offered(sounds_table: Dataset, older: Dataset, who: str, kind: str) -> None:
    dataset = sounds_table if kind == "new" else older
    seen = dataset if who == "owner" else guest(dataset, blind=who == "blind")
    offered = {one["key"] for one in facets.available_facets(seen)}
    own = OWN - {"reference"} if who == "owner" else OWN  # the owner's is offered once there is one
    keys = own | {f"table:{name}" for name in SHOWN | NEVER} | {"table:nothing", "label", "url", "table:"}

    for key in keys:
        if key in offered:
            assert facets.column(seen, key) is not None
        else:
            with pytest.raises(NotFound):
                facets.column(seen, key)
    for name in SHOWN | NEVER:
        if f"table:{name}" in offered:
            assert match_text(seen, "", column=name).all()
        else:
            with pytest.raises(Refused, match=f"no column “{name}”"):
                match_text(seen, "", column=name)


def test_what_is_not_shown_and_what_there_is_not_are_refused_in_the_same_words(sounds_table: Dataset) -> None:
    mira = guest(sounds_table)
    said = []
    for name in ("kind", "nope"):
        with pytest.raises(NotFound) as missing:
            facets.column(mira, f"table:{name}")
        with pytest.raises(Refused) as refused:
            match_text(mira, "x", column=name)
        said.append((str(missing.value).replace(name, "…"), str(refused.value).replace(name, "…")))

    assert said[0] == said[1]


def test_each_hidden_column_says_what_it_holds_and_how_that_is_known(datasets: Datasets) -> None:
    dataset = datasets.new("why")
    add(dataset, table(), raw_labels="reference", audio="sound", label="kind")
    why = {rule.name: (rule.holds, rule.known_by) for rule in dataset.guest_columns() if rule.holds}

    assert why == {
        "sound": ("addresses", "table"),
        "kind": ("references", "table"),
        "target": ("labels", "name"),
        "Primary Label": ("labels", "name"),
        "soundClass": ("labels", "name"),
        "caption": ("labels", "cells"),
        "predicted": ("predictions", "name"),
        "score": ("predictions", "name"),
        "page": ("addresses", "cells"),
        "source": ("file names", "cells"),
        "clip": ("file names", "cells"),
        "Rater": ("annotators", "name"),
        "reference_2": ("references", "name"),
    }


@pytest.mark.parametrize("raw_labels", ["keep", "reference"])
def test_a_column_that_says_the_same_as_the_labels_is_hidden_whatever_its_name(
    datasets: Datasets, raw_labels: str
) -> None:
    dataset = datasets.new("esc")
    frame = table()[["sound", "kind", "fold"]].assign(number=table()["target"])
    add(dataset, frame.rename(columns={"kind": "label"}), raw_labels=raw_labels, audio="sound", label="label")

    assert in_table(guest(dataset)) == {"fold"}
    assert ColumnRule("number", shown=False, holds="labels", known_by="cells") in dataset.guest_columns()


def test_labels_that_come_with_a_later_table_hide_what_says_the_same(datasets: Datasets) -> None:
    dataset = datasets.new("later")
    frame = table()[["sound", "kind", "fold"]].assign(number=table()["target"])
    add(dataset, frame[["sound", "number", "fold"]], audio="sound")
    assert in_table(guest(dataset)) == {"number", "fold"}

    add(dataset, frame[["sound"]].assign(label=frame["kind"]), audio="sound", label="label")

    assert in_table(guest(dataset)) == {"fold"}


def test_a_column_that_once_held_labels_stays_hidden(datasets: Datasets) -> None:
    dataset = datasets.new("twice")
    frame = table()[["sound", "fold", "depth"]]
    add(dataset, frame, audio="sound", label="fold")
    add(dataset, frame.assign(sound=frame["sound"].str.replace("/in/", "/b/")), audio="sound")

    assert in_table(guest(dataset)) == {"depth"}


def test_a_column_that_a_second_table_chooses_as_labels_is_hidden_from_then_on(datasets: Datasets) -> None:
    dataset = datasets.new("second")
    frame = table()[["sound", "fold", "depth"]]
    add(dataset, frame, audio="sound")
    assert in_table(guest(dataset)) == {"fold", "depth"}
    add(dataset, frame, audio="sound", label="fold")

    assert in_table(guest(dataset)) == {"depth"}


def test_columns_that_are_added_to_known_clips_follow_the_same_rule(datasets: Datasets) -> None:
    dataset = datasets.new("wider")
    add(dataset, table()[["sound", "fold"]], audio="sound")
    add(dataset, table()[["sound", "kind", "depth", "page"]], audio="sound", reference="kind")

    assert in_table(guest(dataset)) == {"fold", "depth"}


def test_a_notebooks_table_follows_the_same_rule_also_when_it_comes_again(datasets: Datasets) -> None:
    frame = table()[["sound", "kind", "fold", "depth"]]
    dataset = SupervisableAudioDataset.from_pandas(frame, "sound", "kind", store=datasets.store, name="nb")
    assert in_table(guest(datasets.open(dataset.id))) == {"fold", "depth"}
    SupervisableAudioDataset.from_pandas(frame, "sound", "fold", store=datasets.store, name="nb")

    assert in_table(guest(datasets.open(dataset.id))) == {"depth"}


def test_the_label_of_a_recording_is_hidden_in_the_clips_that_it_was_cut_into(
    datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"/{n}.wav": sounds.encode(sounds.tone(300 + n, 1.0)) for n in range(2)}
    with SoundServer(files) as server:
        monkeypatch.setenv("HOVER_ALLOWED_HOSTS", server.host_port)
        dataset = datasets.new("cut")
        frame = pd.DataFrame(
            {"at": [server.url(path) for path in files], "bird": ["wren", "tit"], "weather": ["dry", "dry"]}
        )
        intake = dataset.plan(rows.frame_table(frame), tables.Columns(audio="at", label="bird"), raw_labels="keep")
        cut.cut_here(dataset, intake, Cut(length_s=0.5))

    mira = guest(dataset)
    assert dataset.row.size == 4
    assert in_table(dataset) == {"at", "bird", "weather", cut.LABEL_COLUMN}
    assert in_table(mira) == {"weather"}
    assert dataset.clips()["group_name"].str.contains(server.host_port).all()
    assert "group" not in {one["key"] for one in facets.available_facets(mira)}  # groups are the recordings' addresses


# the owner's choice ---------------------------------------------------------------------------------------------------


def test_what_the_owner_unticks_is_gone_at_once_and_comes_back(sounds_table: Dataset) -> None:
    mira = guest(sounds_table)
    revision = sounds_table.row.revision
    assert facets.available_facets(mira)
    sounds_table.show_to_guests({"depth": False})
    assert in_table(mira) == SHOWN - {"depth"}
    with pytest.raises(NotFound):
        facets.column(mira, "table:depth")
    sounds_table.show_to_guests({"depth": True})

    assert in_table(mira) == SHOWN
    assert sounds_table.row.revision == revision


@pytest.mark.parametrize("name", sorted(NEVER))
def test_what_is_never_shown_cannot_be_ticked(sounds_table: Dataset, name: str) -> None:
    with pytest.raises(Refused, match="guests are never shown"):
        sounds_table.show_to_guests({name: True})
    with pytest.raises(Refused, match="no column “nope”"):
        sounds_table.show_to_guests({"nope": True})


def test_an_older_dataset_shows_guests_no_column_until_the_owner_ticks_it(older: Dataset) -> None:
    mira = guest(older, blind=True)
    assert in_table(mira) == set()
    assert "group" not in {one["key"] for one in facets.available_facets(mira)}
    older.show_to_guests({"depth": True, "recordist": True})

    assert in_table(mira) == {"depth", "recordist"}
    assert "group" in {one["key"] for one in facets.available_facets(mira)}


def test_a_second_table_in_an_older_dataset_shows_its_own_new_columns_alone(older: Dataset) -> None:
    more = table()[["sound", "fold"]].assign(weather=["dry", "wet", "windy"] * 8)
    add(older, more, audio="sound")

    assert in_table(guest(older)) == {"weather"}


def test_an_older_dataset_knows_labels_and_addresses_by_name_and_cells(older: Dataset) -> None:
    held = {rule.name for rule in older.guest_columns() if rule.holds}

    assert held == NEVER  # “kind” says the same as “target”, whose name says what it is


# groups ---------------------------------------------------------------------------------------------------------------


def test_groups_are_shown_as_the_column_is_that_they_come_from(sounds_table: Dataset) -> None:
    mira = guest(sounds_table)

    def offered() -> bool:
        return "group" in {one["key"] for one in facets.available_facets(mira)}

    assert offered()
    sounds_table.show_to_guests({"recordist": False})
    assert not offered()
    assert set(mira.clips()["group_name"]) == {""}
    sounds_table.group_by("kind")
    assert not offered()
    with pytest.raises(NotFound):
        facets.column(mira, "group")
    sounds_table.group_by("fold")
    assert offered()


def test_groups_of_a_table_that_names_them_so_can_be_unticked(datasets: Datasets) -> None:
    dataset = datasets.new("groups")
    add(dataset, table()[["sound"]].assign(group=table()["recordist"]), audio="sound", group="group")
    mira = guest(dataset)
    assert "group" in {one["key"] for one in facets.available_facets(mira)}
    dataset.show_to_guests({"group": False})

    assert "group" not in {one["key"] for one in facets.available_facets(mira)}
    assert in_table(mira) == set()


def test_groups_that_a_later_table_takes_from_a_hidden_column_hide_all_groups(datasets: Datasets) -> None:
    dataset = datasets.new("mixed")
    frame = table()[["sound", "kind", "recordist"]]
    add(dataset, frame, audio="sound", group="recordist")
    add(dataset, frame.assign(sound=frame["sound"].str.replace("/in/", "/b/")), audio="sound", label="kind")
    other = frame.assign(sound=frame["sound"].str.replace("/in/", "/c/"))
    add(dataset, other, audio="sound", group="kind")

    assert "group" not in {one["key"] for one in facets.available_facets(guest(dataset))}


# names and addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h.example/a/7_theo_31.wav?X-Sig=1#t", "7_theo_31.wav"),
        ("https://me:s3cret@h.example/a.wav", "a.wav"),
        ("https://h.example?file=a.wav&sig=s3cret", ""),
        ("https://h.example/?sig=s3cret", ""),
        ("https://me:s3cret@h.example", ""),
        ("https://h.example:8000", ""),
        ("//h.example/a.wav", "a.wav"),
        ("//h.example", ""),
        ("https://h.example/v0/b/bucket/o/in%2Fdogs%2Fa.wav?alt=media&token=s3cret", "a.wav"),
        ("https://h.example/in%252Fdogs%252Fa.wav", "a.wav"),
        ("https://h.example/get/https%3A%2F%2Fme%3As3cret%40other%2Fa.wav%3Fsig%3Ds3cret", "a.wav"),
        ("https://h.example/get/https%3A%2F%2Fme%3As3cret%40other", ""),
        ("https://h.example/a.wav%3Fsig%3Ds3cret", "a.wav"),
        ("https://h.example/a.wav;sig=s3cret", "a.wav"),
        ("https://h.example/a.wav&sig=s3cret", "a.wav"),
        ("https://h.example/a%" + "25" * 9 + "2Fs3cret", ""),
        ("https://h.example/in/dogs/", "dogs"),
        ("s3://bucket/in/a.wav", "a.wav"),
        ("s3://bucket", ""),
        ("hf://datasets/me/set/a.wav", "a.wav"),
        ("local:in/dogs/a.wav", "a.wav"),
        ("local:C:\\s3cret\\a.wav", "a.wav"),
        ("demo:d0001.ogg", "d0001.ogg"),
        ("https://h.example/rock%20%26%20roll%231.wav", "rock & roll#1.wav"),
        ("http://[::1/a.wav", "a.wav"),
    ],
)
def test_a_name_is_the_last_part_of_the_path_and_nothing_else_of_an_address(url: str, name: str) -> None:
    assert file_name(url) == name


def test_the_owner_is_told_names_and_addresses_a_guest_names_and_a_blind_guest_numbers(datasets: Datasets) -> None:
    dataset = datasets.new("names")
    urls = ["https://h.example/in/7_theo.wav?sig=1", "https://h.example?sig=1", "https://h.example/in/7_ann.wav"]
    frame = pd.DataFrame({"audio": urls, "start": ["", "", "1"], "end": ["", "", "2.5"]})
    add(dataset, frame, audio="audio", start="start", end="end")
    seen = [dataset, guest(dataset), guest(dataset, blind=True)]

    assert seen[0].names([0, 2]) == {0: ("7_theo.wav", urls[0]), 2: ("7_ann.wav 1–2.5 s", urls[2])}
    assert seen[1].names([0, 1, 2]) == {0: ("7_theo.wav", ""), 1: ("clip 1", ""), 2: ("7_ann.wav 1–2.5 s", "")}
    assert seen[2].names([0, 2]) == {0: ("clip 0", ""), 2: ("clip 2", "")}
    for one in seen[1:]:
        assert one.titles() == [name for name, _ in one.names([0, 1, 2]).values()]


def test_search_by_words_finds_no_address_for_a_guest_and_no_name_for_a_blind_one(sounds_table: Dataset) -> None:
    mira, bea = guest(sounds_table), guest(sounds_table, blind=True)

    assert match_text(sounds_table, "s3cret").all()
    assert match_text(sounds_table, "s3cret", column="url").all()
    for text in ("s3cret", "h.example", "in/", "https"):
        assert not match_text(mira, text).any()
        assert not match_text(bea, text).any()
    for seen in (mira, bea):
        with pytest.raises(Refused, match="no column “url”"):
            match_text(seen, "s", column="url", regex=True)
    assert match_text(mira, "siren_").sum() == 6
    assert match_text(mira, "siren_", column="name").sum() == 6
    for word in WORDS:
        assert not match_text(bea, word).any()
        assert not match_text(bea, word, regex=True).any()
    with pytest.raises(Refused, match="no column “name”"):
        match_text(bea, "siren", column="name")
    assert match_text(bea, "person 2").sum() == 5


@pytest.mark.parametrize("blind", [False, True])
def test_a_guests_clips_hold_nothing_that_they_are_not_shown(sounds_table: Dataset, *, blind: bool) -> None:
    seen = guest(sounds_table, blind=blind).clips()
    text = seen.to_json(orient="records")

    assert len(seen) == 24
    assert {name for extra in seen["extra"] for name in extra} == SHOWN
    for secret in (*WORDS, "s3cret", "h.example", "rater"):
        assert secret not in text
    assert "siren" in sounds_table.clips().to_json(orient="records")


# failures -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def failing(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Dataset, str]]:
    """Two clips behind a server that answers 404, one of which was tried; and its `host:port`."""
    with SoundServer({}) as server:
        monkeypatch.setenv("HOVER_ALLOWED_HOSTS", server.host_port)
        dataset = datasets.new("failing")
        add(dataset, pd.DataFrame({"audio": [server.url(f"/{n}.wav?sig=s3cret") for n in range(2)]}), audio="audio")
        with dataset.store.write() as connection:
            vector_rows.add_vectors(connection, dataset.id, "v", [1], np.ones((1, 4), np.float32))
            reason = f"{server.host_port} has no such file (HTTP 404)"
            vector_rows.add_failures(connection, dataset.id, "v", {0: reason})
        dataset.change_settings(vectorizer="v")
        yield dataset, server.host_port


ASKED: list[Callable[[Dataset], Any]] = [
    lambda dataset: find(dataset, 0),
    lambda dataset: stretch_piece(dataset, Stretch(0, 0.0, 0.1)),
]


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize("blind", [False, True])
def test_a_guest_is_told_that_a_clip_cannot_be_had_and_not_where_it_lies(
    failing: tuple[Dataset, str], ask: Callable[[Dataset], Any], *, blind: bool
) -> None:
    dataset, host_port = failing
    with pytest.raises((NotFound, FetchError), match="404"):
        ask(dataset)
    with pytest.raises((NotFound, FetchError)) as refused:
        ask(guest(dataset, blind=blind))

    assert "the owner of this dataset can see why" in str(refused.value)
    for secret in (host_port, host_port.rpartition(":")[2], "404", "s3cret", "HTTP", *(["0.wav"] if blind else [])):
        assert secret not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_is_wrong_with_a_sound_itself_is_told_to_everybody() -> None:
    for who in (LOCAL_OWNER, Person("Mira", ANNOTATOR, "d"), Person("Bea", ANNOTATOR, "d", blind=True)):
        assert problem(who, DecodeError("empty file")) == "empty file"


def test_recorded_failures_tell_a_guest_no_reason(failing: tuple[Dataset, str]) -> None:
    dataset, _ = failing
    (told,) = guest(dataset).failures()

    assert replace(told, reason="") == replace(dataset.failures()[0], reason="")
    assert "HTTP" not in told.reason


def test_the_rule_is_the_same_on_each_kind_of_database(store: Store) -> None:
    datasets = Datasets(store)
    dataset = datasets.new("both")
    add(dataset, table(), audio="sound", label="kind", group="recordist")
    dataset.show_to_guests({"depth": False})

    assert in_table(guest(dataset)) == SHOWN - {"depth"}
    assert {rule.name for rule in dataset.guest_columns() if rule.holds} == NEVER
