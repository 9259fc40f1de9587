"""Blind mode: the view of one annotator is the fold of their own annotations, and everybody's stays as it was."""

import secrets

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hover_core.data.clips import Clip
from hover_core.data.people import ANNOTATOR, Person
from hover_core.errors import HoverError, Refused
from hover_core.store import clip_rows
from hover_core.store.annotation_log import Journal
from hover_core.store.database import Store
from hover_core.store.transaction import Entry
from hover_core.tables.intake import Intake

tokens = iter(secrets.token_hex, None)


def label(journal, dataset, positions, name, *, by, verdict="yes", blind=None, source=None):
    entry = Entry(np.array(positions, np.int64), name, verdict, source)
    blind = by == "mira" if blind is None else blind
    return journal.annotate(dataset, [entry], annotator=by, how="lasso", token=next(tokens), blind=blind)


def undo(journal, dataset, written, *, by, only_own=True):
    return journal.undo(
        dataset, written.batch_id, annotator=by, token=next(tokens), only_own=only_own, blind=by == "mira"
    )


def clear(journal, dataset, positions, *, by):
    where = np.array(positions, np.int64)
    return journal.clear(dataset, where, annotator=by, how="lasso", token=next(tokens), blind=by == "mira")


def everybody(journal, dataset):
    return " ".join(name or "-" for name in journal.state(dataset).label_names()[:4])


def hers(journal, dataset, view="mira"):
    """What a view shows, and again from nothing: the kept view must be what the log says."""
    shown = journal.state(dataset, view)
    fresh = Journal(journal.store).state(dataset, view)
    assert shown.label.tolist() == fresh.label.tolist()
    assert (shown.source.tolist(), shown.names) == (fresh.source.tolist(), fresh.names)
    return " ".join(name or "-" for name in shown.label_names()[:4])


def test_others_labels_do_not_show(journal, ten):
    label(journal, ten, [0, 1], "dog", by="ann")
    label(journal, ten, [1, 2], "cat", by="mira")

    assert hers(journal, ten) == "- cat cat -"
    assert everybody(journal, ten) == "dog cat cat -"


def test_names_and_codes_are_those_of_ones_own_labels_in_the_order_of_their_first_use(journal, ten):
    label(journal, ten, [0], "secret", by="ann")
    label(journal, ten, [1], "whale", by="mira")
    label(journal, ten, [2], "ant", by="mira")
    state = journal.state(ten, "mira")

    assert state.names == ("whale", "ant")
    assert state.label.tolist()[:4] == [-1, 0, 1, -1]
    assert state.view == "mira"


def test_labels_that_the_owner_offers_are_known_by_name_in_every_view_and_keep_their_codes(datasets):
    dataset = datasets.new("ten")
    dataset.add(Intake(clips=[Clip(f"c{n}", f"http://host/{n}.wav") for n in range(10)]))
    journal = datasets.journal
    label(journal, dataset.id, [0], "whale", by="mira")
    label(journal, dataset.id, [0], "secret", by="ann")
    assert journal.state(dataset.id, "mira").names == ("whale",)
    first = dataset.offer_labels(["dog", " cat ", "dog", "whale"])
    assert journal.state(dataset.id, "mira").names == ("whale", "dog", "cat")
    label(journal, dataset.id, [1], "ant", by="mira")
    second = dataset.offer_labels(["cat", "fox"])
    label(journal, dataset.id, [2], "fox", by="mira")
    clear(journal, dataset.id, [2], by="mira")

    assert (first, second) == (["dog", "cat", "whale"], ["fox"])
    assert hers(journal, dataset.id) == "whale ant - -"
    assert journal.state(dataset.id, "mira").names == ("whale", "dog", "cat", "ant", "fox")
    assert journal.state(dataset.id, "jon").names == ("dog", "cat", "whale", "fox")
    assert journal.state(dataset.id).names == ("whale", "secret", "ant", "fox")


def test_only_the_owner_offers_labels(datasets):
    dataset = datasets.new("ten")
    guest = datasets.open(dataset.id, by=Person("Mira", ANNOTATOR, dataset.id, blind=True))

    with pytest.raises(HoverError):
        guest.offer_labels(["dog"])
    with pytest.raises(Refused, match="at most 500"):
        dataset.offer_labels([f"label {n}" for n in range(501)])
    assert dataset.offered_labels == []


def test_imported_labels_show_only_to_whom_they_are_by(journal, ten):
    at = "2026-01-01T00:00:00+00:00"
    label(journal, ten, [0], "dog", by="owner", source=("ann", at, "heard"))
    label(journal, ten, [1], "cat", by="owner", source=("mira", at, "heard"))

    assert hers(journal, ten) == "- cat - -"


def test_a_label_that_somebody_gave_already_counts_as_ones_own_when_given_again(journal, ten):
    label(journal, ten, [0], "dog", by="ann")
    written = label(journal, ten, [0, 1], "dog", by="mira")

    assert (written.changed, written.left) == (2, 0)  # nothing gives away that somebody was there
    assert hers(journal, ten) == "dog dog - -"
    assert everybody(journal, ten) == "dog dog - -"


def test_giving_ones_own_label_again_changes_nothing(journal, ten):
    label(journal, ten, [0], "dog", by="mira")
    label(journal, ten, [0], "cat", by="ann")
    written = label(journal, ten, [0], "dog", by="mira")

    assert (written.batch_id, written.left) == (None, 1)
    assert everybody(journal, ten) == "cat - - -"


def test_a_label_that_others_change_stays_in_ones_own_view(journal, ten):
    label(journal, ten, [0], "dog", by="mira")
    label(journal, ten, [0], "cat", by="ann")

    assert hers(journal, ten) == "dog - - -"


def test_undo_brings_ones_own_earlier_label_back_whatever_others_did(journal, ten):
    label(journal, ten, [0], "dog", by="mira")
    label(journal, ten, [0], "fox", by="ann")
    second = label(journal, ten, [0], "cat", by="mira")
    told = undo(journal, ten, second, by="mira")

    assert (told.changed, told.left) == (1, 0)
    assert hers(journal, ten) == "dog - - -"
    assert everybody(journal, ten) == "fox - - -"


def test_undo_works_also_where_somebody_else_has_labelled_since(journal, ten):
    first = label(journal, ten, [0, 1], "dog", by="mira")
    label(journal, ten, [0, 1], "fox", by="ann")
    told = undo(journal, ten, first, by="mira")

    assert (told.changed, told.left, told.batch_id is None) == (2, 0, False)
    assert hers(journal, ten) == "- - - -"
    assert everybody(journal, ten) == "fox fox - -"
    assert journal.newest_standing(ten, "mira") is None


def test_an_undo_of_what_is_undone_changes_nothing(journal, ten):
    first = label(journal, ten, [0], "dog", by="mira")
    undo(journal, ten, first, by="mira")
    told = undo(journal, ten, first, by="mira")

    assert (told.batch_id, told.changed) == (None, 0)


def test_an_undo_of_an_undo_gives_the_labels_back(journal, ten):
    first = label(journal, ten, [0], "dog", by="mira")
    back = undo(journal, ten, first, by="mira")
    undo(journal, ten, back, by="mira")

    assert hers(journal, ten) == "dog - - -"


def test_what_the_owner_takes_back_is_gone_from_ones_own_view(journal, ten):
    first = label(journal, ten, [0], "dog", by="mira")
    undo(journal, ten, first, by="owner", only_own=False)

    assert hers(journal, ten) == "- - - -"


def test_undo_by_others_that_restores_ones_label_in_everybodys_view_changes_nothing_here(journal, ten):
    label(journal, ten, [0], "dog", by="mira")
    theirs = label(journal, ten, [0], "fox", by="ann")
    undo(journal, ten, theirs, by="ann")

    assert hers(journal, ten) == "dog - - -"
    assert everybody(journal, ten) == "dog - - -"


def test_no_ends_ones_own_label_and_not_that_of_others_in_this_view(journal, ten):
    label(journal, ten, [0, 1], "dog", by="mira")
    label(journal, ten, [0], "dog", by="mira", verdict="no")
    label(journal, ten, [1], "dog", by="ann", verdict="no")

    assert hers(journal, ten) == "- dog - -"


def test_subsets_are_everybodys(journal, ten):
    label(journal, ten, [0], "dog", by="ann")
    journal.move(ten, [(np.array([0, 3]), "test")], annotator="owner", token=next(tokens))

    assert journal.state(ten, "mira").subset.tolist()[:4] == [3, 0, 0, 3]


def test_clips_that_only_others_touched_have_not_changed(journal, ten):
    before = journal.state(ten, "mira").revision
    label(journal, ten, [0, 1, 2], "dog", by="ann")
    label(journal, ten, [2], "cat", by="mira")
    journal.move(ten, [(np.array([5]), "test")], annotator="owner", token=next(tokens))

    for state in (journal.state(ten, "mira"), Journal(journal.store).state(ten, "mira")):
        assert np.flatnonzero(state.changed > before).tolist() == [2, 5]


def test_new_clips_come_into_a_view(journal, ten):
    label(journal, ten, [0], "dog", by="mira")
    journal.state(ten, "mira")
    with journal.store.revise(ten) as (connection, _):
        clip_rows.add_clips(connection, ten, [Clip("new", "http://host/new.wav")])

    assert journal.state(ten, "mira").size == 11
    assert hers(journal, ten) == "dog - - -"


def test_two_blind_annotators_see_nothing_of_each_other(journal, ten):
    label(journal, ten, [0], "dog", by="mira")
    label(journal, ten, [0], "cat", by="jon", blind=True)

    assert (hers(journal, ten), hers(journal, ten, "jon")) == ("dog - - -", "cat - - -")


def test_a_clear_takes_ones_own_label_away_and_no_label_of_others(journal, ten):
    label(journal, ten, [0, 1], "cat", by="mira")
    label(journal, ten, [1, 2], "dog", by="ann")
    written = clear(journal, ten, [0, 1, 2], by="mira")

    assert (written.changed, written.left) == (2, 1)  # as she sees it: the third clip has no label
    assert hers(journal, ten) == "- - - -"
    assert everybody(journal, ten) == "- dog dog -"


def test_undo_of_a_clear_gives_ones_own_labels_back(journal, ten):
    label(journal, ten, [0, 1], "cat", by="mira")
    label(journal, ten, [1], "dog", by="ann")
    written = clear(journal, ten, [0, 1], by="mira")
    back = undo(journal, ten, written, by="mira")

    assert (back.changed, back.left) == (2, 0)
    assert hers(journal, ten) == "cat cat - -"
    assert everybody(journal, ten) == "cat dog - -"


def test_what_others_clear_stays_in_ones_own_view(journal, ten):
    label(journal, ten, [0], "cat", by="mira")
    clear(journal, ten, [0], by="owner")

    assert (hers(journal, ten), everybody(journal, ten)) == ("cat - - -", "- - - -")


def test_undo_of_a_move_puts_clips_back_also_for_whoever_works_blind(journal, ten):
    move = journal.move(ten, [(np.array([2, 3]), "train")], annotator="mira", token=next(tokens))
    journal.move(ten, [(np.array([3]), "test")], annotator="owner", token=next(tokens))
    back = undo(journal, ten, move, by="mira")

    assert (back.changed, back.left) == (1, 1)
    assert journal.state(ten).subset.tolist()[:4] == [0, 0, 0, 3]


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["mira", "ann", "owner"]),
        st.sampled_from(["dog", "cat", "fox", "undo", "undo any", "no dog", "clear"]),
        st.sets(st.integers(0, 5), min_size=1, max_size=4),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS)
def test_whatever_happens_a_view_is_the_fold_of_ones_own_standing_annotations(tmp_path_factory, acts):
    """Against a model that keeps a list of one's own batches, and with the view kept or made from nothing."""
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('views')}/x.sqlite")
    journal = Journal(store)
    dataset = store.add_dataset("six")
    with store.revise(dataset) as (connection, _):
        clip_rows.add_clips(connection, dataset, [Clip(f"c{n}", f"http://host/{n}.wav") for n in range(6)])
    batches: list[tuple[int, str, str, str, set[int]]] = []  # id, who, verdict, label, clips
    gone: set[int] = set()
    last = {clip: "" for clip in range(6)}
    seen_at = 0
    for who, act, clips, look in acts:
        if act.startswith("undo"):
            mine = [b for b in batches if b[0] not in gone and (b[1] == who or act == "undo any")]
            if mine and (who == "owner" or mine[-1][1] == who):
                told = journal.undo(dataset, mine[-1][0], annotator=who, token=next(tokens), only_own=who != "owner",
                                    blind=who == "mira")  # fmt: skip
                if told.batch_id is not None:
                    gone.add(mine[-1][0])
        elif act == "clear":
            written = journal.clear(dataset, np.array(sorted(clips)), annotator=who, how="lasso", token=next(tokens),
                                    blind=who == "mira")  # fmt: skip
            if written.batch_id is not None:
                batches.append((written.batch_id, who, "clear", "", clips))
        else:
            verdict, name = ("no", "dog") if act == "no dog" else ("yes", act)
            if verdict == "yes":  # a clip that carries the label is left alone
                now = _model(batches, gone, who)
                clips = {clip for clip in clips if who != "mira" or now[clip] != name}
            written = label(journal, dataset, sorted(clips), name, by=who, verdict=verdict)
            if written.batch_id is not None:
                batches.append((written.batch_id, who, verdict, name, clips))
        if look:
            state = journal.state(dataset, "mira")
            now = _model(batches, gone)
            assert dict(enumerate(state.label_names().tolist())) == now
            changed = {clip for clip in range(6) if now[clip] != last[clip]}
            assert changed <= set(np.flatnonzero(state.changed > seen_at).tolist())
            last, seen_at = now, state.revision

    assert dict(enumerate(Journal(store).state(dataset, "mira").label_names().tolist())) == _model(batches, gone)
    store.close()


def _model(batches, gone, view="mira"):
    shown = dict.fromkeys(range(6), "")
    for number, who, verdict, name, clips in batches:
        if who == view and number not in gone:
            for clip in clips:
                if verdict == "yes":
                    shown[clip] = name
                elif verdict == "clear" or shown[clip] == name:
                    shown[clip] = ""
    return shown


def test_a_view_of_many_clips_is_made_and_brought_forward(shared_store: Store):
    dataset = shared_store.add_dataset(f"many {next(tokens)}")
    with shared_store.revise(dataset) as (connection, _):
        clip_rows.add_clips(connection, dataset, [Clip(f"m{n}", f"http://host/{n}.wav") for n in range(2_000)])
    journal = Journal(shared_store)
    label(journal, dataset, range(0, 2_000, 2), "dog", by="mira")
    label(journal, dataset, range(2_000), "cat", by="ann")
    assert journal.state(dataset, "mira").counts() == {"dog": 1_000}
    label(journal, dataset, range(1, 2_000, 2), "fox", by="mira")

    assert journal.state(dataset, "mira").counts() == {"dog": 1_000, "fox": 1_000}
