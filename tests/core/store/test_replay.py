"""The replay of a log: all annotations at once as each by itself, and for everybody as for one who works alone."""

import secrets

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hover_core.data.clips import Clip
from hover_core.data.verdicts import ALONE, EVERYBODY, Annotations, Verdict, apply
from hover_core.store import clip_rows
from hover_core.store.annotation_log import Journal
from hover_core.store.replay import fold_labels, in_order
from hover_core.store.transaction import Entry

tokens = iter(secrets.token_hex, None)

# batches: {clip: what it is told}, two verdicts where a label is ended and another one given
TOLD = st.sampled_from([*((verdict,) for verdict in Verdict), (Verdict.YES, Verdict.WITHDRAWN)])
BATCHES = st.lists(st.dictionaries(st.integers(0, 5), st.tuples(TOLD, st.integers(0, 2)), max_size=6), max_size=8)


@pytest.mark.parametrize("effects", [EVERYBODY, ALONE], ids=["everybody", "alone"])
@given(BATCHES)
def test_all_annotations_at_once_do_what_they_do_one_after_the_other(effects, batches):
    rows = [
        (position, verdict.number, code, number, number)
        for number, batch in enumerate(batches, start=1)
        for position, (verdicts, code) in batch.items()
        for verdict in verdicts
    ]
    singly = [(-1, 0)] * 6
    for position, verdict, code, source, _ in sorted(rows, key=lambda row: (row[4], effects[row[1]])):
        label, given_by = apply(*singly[position], int(effects[verdict]), code, source)
        singly[position] = int(label), int(given_by)
    *columns, number = np.array(rows[::-1], np.int64).reshape(-1, 5).T
    log = Annotations(*columns)
    label, source = np.full(6, -1, np.int32), np.zeros(6, np.int64)
    fold_labels(label, source, *in_order(log, number, effects), effects)

    assert list(zip(label.tolist(), source.tolist(), strict=True)) == singly


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["yes", "yes", "yes", "no", "unsure", "clear", "undo", "redo"]),
        st.sampled_from(["dog", "cat", "fox"]),
        st.sets(st.integers(0, 5), min_size=1, max_size=4),
        st.booleans(),
    ),
    max_size=16,
)


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS)
def test_what_everybody_sees_of_one_annotator_is_what_they_see_themselves(shared_store, acts):
    """Undo takes back the newest action that stands, as the button does; redo takes back the undo that came last."""
    journal = Journal(shared_store)
    dataset = shared_store.add_dataset(f"six {next(tokens)}")
    with shared_store.revise(dataset) as (connection, _):
        clip_rows.add_clips(connection, dataset, [Clip(f"c{n}", f"http://host/{n}.wav") for n in range(6)])
    by = {"annotator": "mira", "blind": True}
    undos: list[int] = []
    for act, name, clips, look in acts:
        where = np.array(sorted(clips), np.int64)
        if act == "undo":
            batch = journal.newest_standing(dataset, "mira")
            if batch is not None:
                undos.append(journal.undo(dataset, batch.id, token=next(tokens), only_own=True, **by).batch_id)
        elif act == "redo":
            if undos:
                journal.undo(dataset, undos.pop(), token=next(tokens), only_own=True, **by)
        elif act == "clear":
            journal.clear(dataset, where, how="lasso", token=next(tokens), **by)
            undos = []
        else:
            journal.annotate(dataset, [Entry(where, name, act)], how="lasso", token=next(tokens), **by)
            undos = []
        if look:
            assert shown(journal, dataset, "mira") == shown(journal, dataset)
    again = Journal(shared_store)

    assert shown(journal, dataset) == shown(again, dataset)
    assert shown(journal, dataset, "mira") == shown(again, dataset, "mira") == shown(again, dataset)


def shown(journal, dataset, view=""):
    state = journal.state(dataset, view)
    return state.label_names().tolist(), state.source.tolist()
