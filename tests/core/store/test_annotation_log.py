"""The log: what is written, what is current, and what undo takes back. On both databases."""

import secrets
import threading

import numpy as np
import pytest
from sqlalchemy import text

from hover_core.data.clips import Clip
from hover_core.errors import NotAllowed, NotFound, Refused
from hover_core.store import clip_rows
from hover_core.store.annotation_log import Journal
from hover_core.store.database import Store
from hover_core.store.transaction import Entry

tokens = iter(secrets.token_hex, None)  # a new one each time


def at(*positions):
    return np.array(positions, np.int64)


def label(journal, dataset, positions, name, *, by="ann", verdict="yes", how="lasso", token=None):
    entry = Entry(at(*positions), name, verdict)
    return journal.annotate(dataset, [entry], annotator=by, how=how, token=token or next(tokens))


def undo(journal, dataset, batch, *, by="ann", only_own=False, token=None):
    return journal.undo(dataset, batch, annotator=by, token=token or next(tokens), only_own=only_own)


def clear(journal, dataset, positions, *, by="ann", token=None):
    return journal.clear(dataset, at(*positions), annotator=by, how="lasso", token=token or next(tokens))


def move(journal, dataset, positions, subset, *, by="ann", **options):
    return journal.move(dataset, [(at(*positions), subset)], annotator=by, token=next(tokens), **options)


def labels(journal, dataset):
    return " ".join(name or "-" for name in journal.state(dataset).label_names())


def givers(journal, dataset):
    state = journal.state(dataset)
    sources = journal.sources(dataset, state.source.tolist())
    return [sources.get(source, ("-",))[0] for source in state.source.tolist()]


def events(journal, batch):
    with journal.store.read() as connection:
        rows = connection.execute(
            text("SELECT position, verdict FROM annotations WHERE batch_id = :b ORDER BY position, verdict"),
            {"b": batch},
        )
        return [tuple(row) for row in rows]


# labels -----------------------------------------------------------------------------------------------------------


def test_a_batch_labels_its_clips_and_no_others(journal, ten):
    written = label(journal, ten, [1, 3], "dog")

    assert labels(journal, ten) == "- dog - dog - - - - - -"
    assert (written.changed, written.left, written.revision) == (2, 0, 2)


def test_a_new_label_withdraws_the_old_one_in_the_same_batch(journal, ten):
    label(journal, ten, [0], "dog")
    written = label(journal, ten, [0], "cat")

    assert events(journal, written.batch_id) == [(0, "withdrawn"), (0, "yes")]
    assert labels(journal, ten) == "cat - - - - - - - - -"


def test_a_clip_that_carries_the_label_is_left_alone(journal, ten):
    label(journal, ten, [0, 1], "dog", by="ann")
    written = label(journal, ten, [1, 2], "dog", by="ben")

    assert (written.changed, written.left) == (1, 1)
    assert givers(journal, ten)[:3] == ["ann", "ann", "ben"]


def test_a_position_twice_in_a_batch_counts_once(journal, ten):
    written = label(journal, ten, [4, 4, 4], "dog")

    assert (written.changed, events(journal, written.batch_id)) == (1, [(4, "yes")])


def test_no_ends_the_label_that_it_denies(journal, ten):
    label(journal, ten, [0, 1], "dog")
    label(journal, ten, [0], "dog", verdict="no")

    assert labels(journal, ten) == "- dog - - - - - - - -"


@pytest.mark.parametrize(("name", "verdict"), [("cat", "no"), ("dog", "unsure"), ("cat", "unsure")])
def test_no_for_another_label_and_unsure_end_nothing(journal, ten, name, verdict):
    label(journal, ten, [0], "dog")
    label(journal, ten, [0], name, verdict=verdict)

    assert labels(journal, ten) == "dog - - - - - - - - -"


def test_a_retried_token_counts_once(journal, ten):
    first = label(journal, ten, [0], "dog", token=f"click {ten}")
    label(journal, ten, [0], "cat")
    again = label(journal, ten, [0], "dog", token=f"click {ten}")

    assert labels(journal, ten) == "cat - - - - - - - - -"
    assert (again.repeated, again.batch_id, again.changed) == (True, first.batch_id, 1)


def test_a_token_of_another_dataset_is_refused(journal, ten):
    other = journal.store.add_dataset(f"other {ten}")
    label(journal, ten, [0], "dog", token=f"click {ten}")

    with pytest.raises(Refused, match="another dataset"):
        label(journal, other, [], "dog", token=f"click {ten}")


def test_revisions_are_dense_also_after_actions_without_effect(journal, ten):
    seen = [label(journal, ten, [0], "dog", token=f"click {ten}").revision]
    label(journal, ten, [0], "dog")
    label(journal, ten, [0], "dog", token=f"click {ten}")
    label(journal, ten, [], "cat")
    move(journal, ten, [0], "raw")
    batch = label(journal, ten, [1], "dog").batch_id
    undo(journal, ten, batch)
    undo(journal, ten, batch)
    seen.append(label(journal, ten, [2], "dog").revision)

    assert seen == [2, 5]
    assert [batch.revision for batch in journal.batches(ten)] == [5, 4, 3, 2]


def test_an_action_without_effect_leaves_no_batch_and_no_label(journal, ten):
    entry = Entry(at(), "dog", source=("ann", "2026-01-01T00:00:00+00:00", "heard"))
    written = journal.annotate(ten, [entry], annotator="owner", how="imported", token=f"click {ten}")
    with journal.store.read() as connection:
        batches = connection.execute(text("SELECT * FROM batches WHERE dataset_id = :d"), {"d": ten}).all()
        names = connection.execute(text("SELECT * FROM labels WHERE dataset_id = :d"), {"d": ten}).all()

    assert written.batch_id is None
    assert (batches, names) == ([], [])


@pytest.mark.parametrize(("bad", "reason"), [
    ({"positions": [10]}, "position 10 is no clip: the dataset has 10"),
    ({"positions": [-1]}, "position -1 is no clip"),
    ({"name": " "}, "needs a name"),
    ({"name": "x" * 201}, "201 characters"),
    ({"name": "a  b"}, "not in normal form"),
    ({"verdict": "maybe"}, "“maybe” is no verdict"),
    ({"how": "guessed"}, "“guessed” is no way of labelling"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_and_writes_nothing(journal, ten, bad, reason):
    with pytest.raises(Refused, match=reason):
        label(journal, ten, **{"positions": [0], "name": "dog", **bad})

    assert journal.batches(ten) == []
    assert journal.state(ten).revision == 1


def test_a_clip_with_two_labels_in_one_batch_is_refused(journal, ten):
    entries = [Entry(at(0, 1), "dog"), Entry(at(1, 2), "cat")]

    with pytest.raises(Refused, match="twice"):
        journal.annotate(ten, entries, annotator="ann", how="lasso", token=f"click {ten}")


def test_codes_do_not_change_when_labels_are_added(journal, ten):
    for name in ("wolf", "ant", "dog", "ant"):
        label(journal, ten, [0], name)

    assert journal.state(ten).names == ("wolf", "ant", "dog")
    assert Journal(journal.store).state(ten).names == ("wolf", "ant", "dog")


def test_a_kept_source_says_who_gave_a_label_and_is_no_action_of_its_own(journal, ten):
    entry = Entry(at(0), "dog", source=("ann", "2026-01-01T00:00:00+00:00", "heard"))
    journal.annotate(ten, [entry], annotator="owner", how="imported", token=f"click {ten}")

    assert givers(journal, ten)[0] == "ann"
    assert [batch.annotator for batch in journal.batches(ten)] == ["owner"]


def test_counts_and_population(journal, ten):
    label(journal, ten, [0, 1, 2], "dog")
    label(journal, ten, [2, 3], "cat")
    move(journal, ten, [0, 9], "test")
    state = journal.state(ten)

    assert state.counts() == {"dog": 2, "cat": 2}
    assert state.population() == {
        "": {"raw": 5, "train": 0, "dev": 0, "test": 1},
        "dog": {"raw": 1, "train": 0, "dev": 0, "test": 1},
        "cat": {"raw": 2, "train": 0, "dev": 0, "test": 0},
    }


def test_changed_says_at_which_revision_a_clip_changed(journal, ten):
    label(journal, ten, [0, 1], "dog")
    move(journal, ten, [1], "test")
    label(journal, ten, [2], "dog", verdict="no")

    assert journal.state(ten).changed.tolist() == [2, 3, 1, 1, 1, 1, 1, 1, 1, 1]


def test_batches_of_one_action_count_one_after_the_other_also_when_the_log_is_read_again(journal, ten):
    with journal.transaction(ten, "ann") as transaction:
        transaction.annotate([Entry(at(0, 1), "dog")], how="lasso", token=next(tokens))
        transaction.clear(at(0), how="lasso", token=next(tokens))
        transaction.move([(at(5), "train")], token=next(tokens))
        transaction.move([(at(5), "test")], token=next(tokens))
    again = Journal(journal.store)

    assert labels(journal, ten) == labels(again, ten) == "- dog - - - - - - - -"
    assert journal.state(ten).subset[5] == again.state(ten).subset[5] == 3
    assert again.state(ten).changed.tolist() == journal.state(ten).changed.tolist() == [2, 2, 1, 1, 1, 2, 1, 1, 1, 1]


# undo -------------------------------------------------------------------------------------------------------------


def test_undo_gives_a_label_back_to_whoever_gave_it(journal, ten):
    label(journal, ten, [0, 1], "dog", by="ann")
    batch = label(journal, ten, [0, 1, 2], "cat", by="ben").batch_id
    undone = undo(journal, ten, batch, by="ben")

    assert labels(journal, ten) == "dog dog - - - - - - - -"
    assert givers(journal, ten)[:3] == ["ann", "ann", "-"]
    assert (undone.changed, undone.left) == (3, 0)


def test_undo_leaves_later_changes_alone(journal, ten):
    batch = label(journal, ten, [0, 1, 2], "dog", by="ann").batch_id
    label(journal, ten, [1], "cat", by="ben")
    undone = undo(journal, ten, batch)

    assert labels(journal, ten) == "- cat - - - - - - - -"
    assert (undone.changed, undone.left) == (2, 1)


def test_undo_takes_back_a_clip_whose_later_change_was_itself_taken_back(journal, ten):
    first = label(journal, ten, [0], "dog", by="ann").batch_id
    later = label(journal, ten, [0], "cat", by="ben").batch_id
    undo(journal, ten, later, by="ben")
    undo(journal, ten, first)

    assert labels(journal, ten) == "- - - - - - - - - -"


def test_a_label_that_was_given_again_later_is_a_later_change(journal, ten):
    first = label(journal, ten, [0], "dog", by="ann").batch_id
    label(journal, ten, [0], "dog", verdict="no", by="ben")
    label(journal, ten, [0], "dog", by="ben")
    undone = undo(journal, ten, first)

    assert labels(journal, ten) == "dog - - - - - - - - -"
    assert (undone.batch_id, undone.left) == (None, 1)


def test_undo_of_an_undo_gives_everything_again(journal, ten):
    label(journal, ten, [0], "cat", by="ben")
    batch = label(journal, ten, [0, 1], "dog", by="ann").batch_id
    undo(journal, ten, undo(journal, ten, batch, by="owner").batch_id, by="owner")

    assert labels(journal, ten) == "dog dog - - - - - - - -"
    assert givers(journal, ten)[:2] == ["ann", "ann"]


def test_undoing_twice_changes_nothing_more(journal, ten):
    batch = label(journal, ten, [0], "dog").batch_id
    undo(journal, ten, batch)
    again = undo(journal, ten, batch)

    assert (again.batch_id, again.changed, again.left) == (None, 0, 1)


def test_a_retried_undo_counts_once(journal, ten):
    batch = label(journal, ten, [0], "dog").batch_id
    first = undo(journal, ten, batch, token=f"click {ten}")
    again = undo(journal, ten, batch, token=f"click {ten}")

    assert (again.repeated, again.batch_id) == (True, first.batch_id)


def test_undo_of_no_gives_back_the_label_that_it_ended(journal, ten):
    label(journal, ten, [0], "dog", by="ann")
    batch = label(journal, ten, [0, 1], "dog", verdict="no", by="ben").batch_id
    undo(journal, ten, batch, by="ben")

    assert labels(journal, ten) == "dog - - - - - - - - -"
    assert givers(journal, ten)[0] == "ann"


def test_undo_of_no_leaves_a_later_yes_alone(journal, ten):
    batch = label(journal, ten, [0], "dog", verdict="no", by="ann").batch_id
    label(journal, ten, [0], "dog", by="ben")
    undo(journal, ten, batch)

    assert labels(journal, ten) == "dog - - - - - - - - -"
    assert givers(journal, ten)[0] == "ben"


@pytest.mark.parametrize("verdict", ["no", "unsure"])
def test_undo_of_the_undo_of_a_no_is_no_yes(journal, ten, verdict):
    batch = label(journal, ten, [0], "dog", verdict=verdict).batch_id
    back = undo(journal, ten, batch).batch_id
    again = undo(journal, ten, back).batch_id

    assert labels(journal, ten) == "- - - - - - - - - -"
    assert events(journal, again) == [(0, verdict)]


def test_a_no_is_taken_back_once(journal, ten):
    batch = label(journal, ten, [0], "dog", verdict="no").batch_id
    undo(journal, ten, batch)

    assert undo(journal, ten, batch).batch_id is None


def test_clear_leaves_clips_without_a_label_and_undo_gives_it_back_to_whoever_gave_it(journal, ten):
    label(journal, ten, [0, 1], "dog", by="ann")
    label(journal, ten, [2], "cat", by="bob")
    written = clear(journal, ten, [1, 2, 3], by="bob")
    cleared = labels(journal, ten)
    undo(journal, ten, written.batch_id, by="bob", only_own=True)

    assert (written.changed, written.left) == (2, 1)
    assert cleared == "dog - - - - - - - - -"
    assert labels(journal, ten) == "dog dog cat - - - - - - -"
    assert givers(journal, ten)[:4] == ["ann", "ann", "bob", "-"]


def test_undo_of_a_clear_leaves_a_later_label_alone(journal, ten):
    label(journal, ten, [0, 1], "dog")
    cleared = clear(journal, ten, [0, 1])
    label(journal, ten, [1], "cat")
    written = undo(journal, ten, cleared.batch_id)

    assert labels(journal, ten).startswith("dog cat -")
    assert labels(Journal(journal.store), ten).startswith("dog cat -")
    undo(journal, ten, written.batch_id)
    assert labels(journal, ten).startswith("- cat -")


def test_a_clear_of_what_has_no_label_leaves_no_batch_and_a_retried_one_counts_once(journal, ten):
    nothing = clear(journal, ten, [3])
    label(journal, ten, [0], "dog")
    once, twice = (clear(journal, ten, [0], token="the same click") for _ in range(2))

    assert (nothing.batch_id, nothing.left) == (None, 1)
    assert (twice.batch_id, twice.repeated) == (once.batch_id, True)
    assert events(journal, once.batch_id) == [(0, "withdrawn")]


def test_an_annotator_undoes_only_what_they_did(journal, ten):
    batch = label(journal, ten, [0], "dog", by="ann").batch_id

    with pytest.raises(NotAllowed, match="done by ann"):
        undo(journal, ten, batch, by="ben", only_own=True)
    assert labels(journal, ten) == "dog - - - - - - - - -"


def test_a_batch_of_another_dataset_cannot_be_undone(journal, ten):
    other = journal.store.add_dataset(f"other {ten}")
    batch = label(journal, ten, [0], "dog").batch_id

    with pytest.raises(NotFound, match="no batch"):
        undo(journal, other, batch)


def test_batches_say_what_still_stands(journal, ten):
    first = label(journal, ten, [0], "dog").batch_id
    second = label(journal, ten, [1], "dog").batch_id
    undo(journal, ten, undo(journal, ten, first).batch_id)
    undo(journal, ten, second)

    assert {batch.id: batch.undone for batch in journal.batches(ten) if batch.kind == "label"} == {
        first: False,
        second: True,
    }


def test_the_newest_standing_action_is_found_behind_any_number_of_undone_ones(journal, ten):
    first = label(journal, ten, [0], "dog").batch_id
    for _ in range(30):
        undo(journal, ten, label(journal, ten, [1], "dog").batch_id)
    label(journal, ten, [2], "dog", by="ben")

    assert journal.newest_standing(ten, "ann").id == first
    assert journal.newest_standing(ten, "cleo") is None


# moves ------------------------------------------------------------------------------------------------------------


def test_a_move_puts_clips_into_a_subset(journal, ten):
    written = move(journal, ten, [1, 2], "train")

    assert journal.state(ten).subset.tolist() == [0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert (written.changed, written.left) == (2, 0)


def test_a_clip_that_is_there_already_is_left_alone(journal, ten):
    move(journal, ten, [1], "train")
    written = move(journal, ten, [1, 2], "train")

    assert (written.changed, written.left) == (1, 1)


def test_only_labelled_raw_clips_are_committed(journal, ten):
    label(journal, ten, [0, 1], "dog")
    move(journal, ten, [1], "dev")
    written = move(journal, ten, [0, 1, 2], "train", only_labelled_raw=True)

    assert journal.state(ten).subset.tolist()[:3] == [1, 2, 0]
    assert (written.changed, written.left) == (1, 2)


def test_undo_of_a_move_puts_clips_back_where_they_were(journal, ten):
    move(journal, ten, [0], "dev")
    batch = move(journal, ten, [0, 1], "test").batch_id
    undo(journal, ten, batch)

    assert journal.state(ten).subset.tolist()[:2] == [2, 0]


def test_undo_of_a_move_leaves_later_moves_alone(journal, ten):
    batch = move(journal, ten, [0, 1], "train").batch_id
    move(journal, ten, [0], "dev")
    move(journal, ten, [0], "train")
    undone = undo(journal, ten, batch)

    assert journal.state(ten).subset.tolist()[:2] == [1, 0]
    assert (undone.changed, undone.left) == (1, 1)


def test_undo_takes_back_a_move_whose_later_move_was_itself_taken_back(journal, ten):
    batch = move(journal, ten, [0], "train").batch_id
    undo(journal, ten, move(journal, ten, [0], "dev").batch_id)
    undo(journal, ten, batch)

    assert journal.state(ten).subset.tolist()[0] == 0


def test_a_move_to_no_clip_is_refused(journal, ten):
    with pytest.raises(Refused, match="position 10 is no clip"):
        move(journal, ten, [10], "train")


# many at once -----------------------------------------------------------------------------------------------------


def test_two_processes_writing_at_once_lose_nothing(shared_store, ten):
    stores = [shared_store, Store(shared_store.url)]
    journals = [Journal(each) for each in stores]
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for turn in range(12):
                label(journals[number % 2], ten, [turn % 10], f"label {number}", by=f"person {number}")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [journals[0].batches(ten, limit=1000), journals[0].state(ten), journals[1].state(ten)]
    stores[1].close()

    assert failed == []
    assert sorted(batch.revision for batch in found[0]) == list(range(2, 2 + len(found[0])))
    assert found[1].label.tolist() == found[2].label.tolist() == Journal(shared_store).state(ten).label.tolist()
    assert sorted(found[1].names) == ["label 0", "label 1", "label 2", "label 3"]


def test_the_same_click_from_two_threads_counts_once(journal, ten):
    done = []

    def click() -> None:
        done.append(label(journal, ten, [0], "dog", token=f"click {ten}"))

    threads = [threading.Thread(target=click) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(written.repeated for written in done) == [False, True, True, True, True]
    assert len(journal.batches(ten)) == 1


def test_what_another_process_wrote_is_seen(journal, ten):
    journal.state(ten)
    label(Journal(journal.store), ten, [5], "dog")

    assert labels(journal, ten) == "- - - - - dog - - - -"


def test_clips_that_came_later_are_in_the_state(journal, ten):
    label(journal, ten, [0], "dog")
    with journal.store.revise(ten) as (connection, _):
        clip_rows.add_clips(connection, ten, [Clip("later", "http://host/later.wav", subset="dev")])
    label(journal, ten, [10], "cat")

    assert labels(journal, ten).endswith("- cat")
    assert journal.state(ten).subset.tolist()[-1] == 2
    assert journal.state(ten).changed.tolist()[-1] == 4


# an oracle --------------------------------------------------------------------------------------------------------


class Diary:
    """The rules once more, one clip at a time, in plain words."""

    def __init__(self, size: int) -> None:
        self.label = [(None, None)] * size  # label, the batch that gave it
        self.subset = [("raw", None)] * size
        self.batches: dict[int, list[tuple[str, int, object, object]]] = {}

    def annotate(self, batch, positions, name, verdict):
        done = []
        for position in set(positions):
            held = self.label[position]
            if verdict == "yes" and held[0] != name:
                done.append(("label", position, held, (name, batch)))
            if (verdict == "no" and held[0] == name) or (verdict == "cleared" and held[0] is not None):
                done.append(("label", position, held, (None, None)))
        self._write(batch, done)

    def move(self, batch, positions, subset):
        before = self.subset
        self._write(
            batch, [("subset", p, before[p], (subset, batch)) for p in set(positions) if before[p][0] != subset]
        )

    def undo(self, batch, undone):
        done = self.batches[undone]
        self._write(batch, [(what, p, new, old) for what, p, old, new in done if getattr(self, what)[p] == new])

    def _write(self, batch, done):
        self.batches[batch] = done
        for what, position, _, new in done:
            getattr(self, what)[position] = new


@pytest.mark.parametrize("seed", range(6))
def test_a_long_random_history_is_what_the_rules_say_however_it_is_read(shared_store, ten, seed):
    random = np.random.default_rng(seed)
    journal, often, seldom, diary = Journal(shared_store), Journal(shared_store), Journal(shared_store), Diary(10)
    past: list[int] = []
    for turn in range(70):
        positions = random.integers(0, 10, random.integers(1, 6)).tolist()
        act = random.choice(["yes", "yes", "yes", "no", "unsure", "move", "undo", "undo", "clear"])
        if act == "undo" and past:
            undone = int(random.choice(past[-8:]))
            written = undo(journal, ten, undone)
            if written.batch_id is not None:
                diary.undo(written.batch_id, undone)
        elif act == "clear":
            written = clear(journal, ten, positions)
            if written.batch_id is not None:
                diary.annotate(written.batch_id, positions, None, "cleared")
        elif act == "move":
            subset = str(random.choice(["raw", "train", "dev", "test"]))
            written = move(journal, ten, positions, subset)
            if written.batch_id is not None:
                diary.move(written.batch_id, positions, subset)
        else:
            name = str(random.choice(["ant", "bee", "cow"]))
            verdict = act if act in ("no", "unsure") else "yes"
            written = label(journal, ten, positions, name, verdict=verdict)
            if written.batch_id is not None:
                diary.annotate(written.batch_id, positions, name, verdict)
        if written.batch_id is not None:
            past.append(written.batch_id)
        often.state(ten)
        if turn % 20 == 0:
            seldom.state(ten)
    reader = journal.state(ten)

    assert [name or None for name in reader.label_names()] == [name for name, _ in diary.label]
    assert reader.source.tolist() == [batch or 0 for _, batch in diary.label]
    assert [("raw", "train", "dev", "test")[subset] for subset in reader.subset] == [name for name, _ in diary.subset]
    assert reader.subset_source.tolist() == [batch or 0 for _, batch in diary.subset]
    for other in (often, seldom, Journal(shared_store)):
        state = other.state(ten)
        for array in ("label", "source", "subset", "subset_source", "changed"):
            assert getattr(state, array).tolist() == getattr(reader, array).tolist(), array
        assert (state.revision, state.names) == (reader.revision, reader.names)


def test_who_waits_for_news_goes_on_when_they_are_written_and_not_much_later_than_asked(journal, ten):
    seen = journal.state(ten).revision
    waiting = threading.Thread(target=journal.await_news, args=(ten, seen, 60))
    waiting.start()
    label(journal, ten, [1], "wren")
    waiting.join(30)
    assert not waiting.is_alive()

    journal.await_news(ten, seen + 1, 0.01)
    assert journal.state(ten).revision == seen + 1
