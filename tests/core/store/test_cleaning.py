"""Databases from before names were cleaned."""

import json

import numpy as np
import pytest
from sqlalchemy import text

from hover_core.analysis.facets import column
from hover_core.data.clips import Clip
from hover_core.data.people import ANNOTATOR, Person
from hover_core.errors import Refused
from hover_core.store import clip_rows, members, migrations
from hover_core.store.database import Store
from hover_core.store.transaction import Entry
from hover_core.workspace.datasets import Datasets

BEFORE = migrations.STEPS.index(migrations._names_without_what_does_not_show)
HIDDEN = "\u200b"


def old_store(url, monkeypatch) -> Store:
    """A new database as the version before left it."""
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:BEFORE])
        return Store(url)


def old_dataset(store, name="old", *, clips=(), labels=(), given=(), invites=(), settings=None) -> str:
    """A dataset with rows as they used to be written. `given`: annotator, label and clip of one batch each."""
    with store.write() as connection:

        def run(statement, **values):
            return connection.execute(text(statement), {"d": name, **values})

        about = json.dumps(settings or {}, ensure_ascii=False)
        run(
            "INSERT INTO datasets (id, name, revision, size, settings, created_at) VALUES (:d, :d, :r, :n, :s, '')",
            r=len(given), n=len(clips), s=about,
        )  # fmt: skip
        for position, (group, reference) in enumerate(clips):
            run(
                "INSERT INTO clips (dataset_id, position, clip_id, url, subset, group_name, reference, extra) "
                "VALUES (:d, :p, :c, :c, 0, :g, :f, :e)",
                p=position, c=f"http://host/{position}.wav", g=group, f=reference,
                e=json.dumps({"speaker": group}, ensure_ascii=False),
            )  # fmt: skip
        for code, label in enumerate(labels):
            run("INSERT INTO labels (dataset_id, code, name) VALUES (:d, :c, :n)", c=code, n=label)
        for revision, (who, label, position) in enumerate(given, 1):
            batch = run(
                "INSERT INTO batches (dataset_id, revision, token, annotator, at, how, kind, note, size) VALUES "
                "(:d, :r, :t, :a, '2026-01-01T00:00:00+00:00', 'heard', 'label', :n, 1) RETURNING id",
                r=revision, t=f"{name}{revision}", a=who, n=label,
            ).scalar_one()  # fmt: skip
            run(
                "INSERT INTO annotations (batch_id, position, code, verdict, source) VALUES (:b, :p, :c, 'yes', :b)",
                b=batch, p=position, c=labels.index(label),
            )  # fmt: skip
        for number, invite in enumerate(invites):
            invite_id = run(
                "INSERT INTO invites (dataset_id, token_digest, name, created_at, expires_at, blind) "
                "VALUES (:d, :t, :n, '', '', 1) RETURNING id",
                t=f"{name}{number}", n=invite,
            ).scalar_one()  # fmt: skip
            run(
                "INSERT INTO devices (invite_id, cookie_digest, role, name, created_at, last_seen) "
                "VALUES (:i, :c, 'annotator', :n, '', '2026-01-01T00:00:00+00:00')",
                i=invite_id, c=f"{name}{number}", n=invite,
            )  # fmt: skip
    return name


@pytest.fixture
def reopened(database_url, monkeypatch):
    """`reopened(**of_a_dataset)`: that dataset of an older database, opened by this version."""
    opened = []

    def reopen(*names, **of_it):
        store = old_store(database_url, monkeypatch)
        for name in names or ("old",):
            old_dataset(store, name, **of_it)
        store.close()
        opened.append(Datasets(Store(database_url)))
        return opened[0].open((names or ("old",))[0])

    yield reopen
    for datasets in opened:
        datasets.close()


def test_labels_are_cleaned_where_they_stand(reopened):
    dataset = reopened(
        clips=[("", f"cafe\u0301{HIDDEN}"), ("", "")],
        labels=["dog", f"wren{HIDDEN}", "cafe\u0301"],
        given=[("owner", f"wren{HIDDEN}", 1)],
        settings={"offered_labels": [[f"wren{HIDDEN}", 1]]},
    )
    state = dataset.state()

    assert state.names == ("dog", "wren", "café")
    assert list(state.label_names()) == ["", "wren"]
    assert dataset.offered_labels == ["wren"]
    assert list(dataset.clips()["reference"]) == ["café", ""]
    assert [batch.note for batch in dataset.batches()] == ["wren"]
    assert dataset.notices() == []


def test_two_labels_stay_two_and_it_is_said(reopened):
    dataset = reopened(
        clips=[("", "dog"), ("", f"d{HIDDEN}og"), ("", "")],
        labels=[f"dog{HIDDEN}", "dog", f"d{HIDDEN}og", "dog (2)", HIDDEN],
        given=[("Ann", f"dog{HIDDEN}", 0), ("Ben", "dog", 1), ("Ben", HIDDEN, 2)],
    )
    state = dataset.state()

    assert state.names == ("dog (3)", "dog", "dog (4)", "dog (2)", "‹U+200B›")
    assert list(state.label_names()) == ["dog (3)", "dog", "‹U+200B›"]
    assert list(dataset.clips()["reference"]) == ["dog", "dog (4)", ""]
    assert [notice.split(":")[0] for notice in dataset.notices()] == [
        "The label “dog‹U+200B›” is “dog (3)” from now on",
        "The label “d‹U+200B›og” is “dog (4)” from now on",
        "The label “‹U+200B›” is “‹U+200B›” from now on",
    ]


def test_two_people_stay_two_and_keep_what_they_gave(reopened):
    dataset = reopened(
        clips=[("", "")] * 3,
        labels=["dog", "owl"],
        given=[(f"Mira{HIDDEN}", "owl", 0), ("Mira", "dog", 1), (f"own{HIDDEN}er", "dog", 2)],
        invites=[f"Mira{HIDDEN}", "Mira", f"own{HIDDEN}er", "Jose\u0301"],
    )
    blind = {
        name: dataset.resources.open("old", by=Person(name, ANNOTATOR, "old", blind=True)).state()
        for name in ("Mira", "Mira (2)", "owner (2)")
    }

    assert dataset.journal.people("old") == ("Mira (2)", "Mira", "owner (2)")
    assert {invite.name for invite in dataset.invites()} == {"Mira (2)", "Mira", "owner (2)", "José"}
    assert [name for invite in dataset.invites() for name, *_ in members.guests(dataset.store, invite.id)] == [
        invite.name for invite in dataset.invites()
    ]
    assert {name: list(state.label_names()) for name, state in blind.items()} == {
        "Mira": ["", "dog", ""],
        "Mira (2)": ["owl", "", ""],
        "owner (2)": ["", "", "dog"],
    }
    assert [notice.split(":")[0] for notice in dataset.notices()] == [
        "The name “Mira‹U+200B›” is “Mira (2)” from now on",
        "The name “own‹U+200B›er” is “owner (2)” from now on",
    ]


def test_nobody_whose_name_is_cleaned_looks_like_somebody_else(reopened):
    dataset = reopened(invites=["Mira", f"M\u0456ra{HIDDEN}", f"Owner{HIDDEN}", f"Ann{HIDDEN}"])

    assert {invite.name for invite in dataset.invites()} == {"Mira", "M\u0456ra (2)", "Owner (2)", "Ann"}


def test_groups_that_look_the_same_are_one_and_it_is_said(reopened):
    dataset = reopened(clips=[("theo", ""), (f"theo{HIDDEN}", ""), ("\ufeffann", ""), ("", "")])

    assert list(dataset.clips()["group_name"]) == ["theo", "theo", "ann", ""]
    assert column(dataset, "group").names == ("theo", "ann")
    assert [extra["speaker"] for extra in dataset.clips()["extra"]][1] == f"theo{HIDDEN}"  # the table's own cells stay
    assert [notice.split(":")[0] for notice in dataset.notices()] == [
        "2 groups that look the same are one from now on, “theo”"
    ]


def test_references_that_look_the_same_are_one_and_it_is_said(reopened):
    dataset = reopened(clips=[("", "dog"), ("", f"dog{HIDDEN}"), ("", "owl"), ("", "cafe\u0301")])

    assert list(dataset.clips()["reference"]) == ["dog", "dog", "owl", "café"]
    assert dataset.notices() == ["2 references that look the same are one from now on, “dog”."]


def test_two_datasets_stay_two_and_it_is_said(reopened):
    reopened_one = reopened("birds", f"birds{HIDDEN}", "cafe\u0301")
    rows = {row.id: row for row in reopened_one.store.datasets()}

    assert {row.name for row in rows.values()} == {"birds", "birds (2)", "café"}
    assert [len(row.settings.get("notices", [])) for row in rows.values()].count(1) == 1
    assert "“birds‹U+200B›” is “birds (2)”" in rows[f"birds{HIDDEN}"].settings["notices"][0]


def test_pages_that_are_open_are_told_of_the_new_names(reopened):
    dataset = reopened(clips=[(f"theo{HIDDEN}", "")], labels=["dog"], given=[("owner", "dog", 0)])

    assert (dataset.row.revision, dataset.clips_revision, dataset.state().revision) == (2, 2, 2)


def test_a_dataset_whose_names_are_clean_is_left_alone(reopened):
    dataset = reopened(clips=[("theo", "dog")], labels=["dog"], given=[("Ann", "dog", 0)], invites=["Mira"])

    assert (dataset.row.revision, dataset.row.settings) == (1, {})


def test_notices_go_when_the_owner_has_read_them(reopened):
    dataset = reopened(labels=["dog", f"dog{HIDDEN}"], settings={"identity": "path"})
    before = len(dataset.notices())
    dataset.dismiss_notices()

    assert (before, dataset.notices(), dataset.row.settings["identity"]) == (1, [], "path")


def test_of_many_notices_some_are_a_number(reopened):
    dataset = reopened(labels=[name for n in range(30) for name in (f"l{n}", f"l{n}{HIDDEN}")])

    assert len(dataset.notices()) == 21
    assert "10 more" in dataset.notices()[-1]


def test_what_is_long_keeps_its_length(reopened):
    dataset = reopened(labels=["x" * 200, "x" * 100 + HIDDEN + "x" * 99, "x" * 199 + HIDDEN, HIDDEN + "x" * 199])

    assert dataset.state().names == ("x" * 200, "x" * 199, "x" * 196 + " (2)", "x" * 196 + " (3)")


def test_whatever_way_a_group_or_a_reference_comes_it_is_clean(dataset):
    clips = [
        Clip("a", "http://host/a.wav", group=f"theo{HIDDEN}", reference=f"dog{HIDDEN}", extra={"who": "\ufefftheo"})
    ]
    with dataset.store.revise(dataset.id) as (connection, _):
        clip_rows.add_clips(connection, dataset.id, clips)
    with dataset.store.read() as connection:
        row = connection.execute(text("SELECT group_name, reference FROM clips WHERE clip_id = 'a'")).one()
    dataset.group_by("who")

    assert tuple(row) == ("theo", "dog")
    assert dataset.clips()["group_name"].tolist()[-1] == "theo"


def test_a_name_that_is_not_clean_is_in_no_log(dataset):
    entries = [Entry(np.array([0]), "dog", source=(f"Mira{HIDDEN}", "2026-01-01T00:00:00+00:00", "heard"))]
    journal = dataset.journal

    with pytest.raises(Refused, match="name “Mira‹U\\+200B›” is not in normal form"):
        journal.annotate(dataset.id, entries, annotator="owner", how="imported", token="t1")
    with pytest.raises(Refused, match="not in normal form"):
        journal.annotate(dataset.id, [Entry(np.array([0]), "dog")], annotator="\u202eAnn", how="heard", token="t2")
    assert dataset.state().counts() == {}


def test_a_dataset_is_not_named_twice_by_what_does_not_show(datasets):
    datasets.new("birds")

    with pytest.raises(Refused, match="there is a dataset “birds” already"):
        datasets.new(f"bir{HIDDEN}ds")
    with pytest.raises(Refused, match="needs a name"):
        datasets.new(HIDDEN)
    assert datasets.new(f" cafe\u0301{HIDDEN}").name == "café"


def test_whatever_way_a_label_comes_it_is_clean(dataset):
    dataset.annotate([0], f"do{HIDDEN}g", how="heard")
    dataset.annotate(np.array([1]), "\u202edog", how="lasso")
    dataset.offer_labels([f"dog{HIDDEN}", "cafe\u0301"])

    assert dataset.state().counts() == {"dog": 2}
    assert dataset.offered_labels == ["dog", "café"]
