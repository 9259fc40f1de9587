"""Verdicts: what each does to the label of a clip, and what an undo appends."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hover_core.data.verdicts import (
    ALONE,
    ANSWERS,
    EVERYBODY,
    INVERSES,
    Annotations,
    Effect,
    Verdict,
    apply,
    inverse_batch,
)

NONE, DOG, CAT = (-1, 0), (0, 5), (1, 6)  # label and source of a clip; every annotation here is: dog, by batch 9
GIVEN = (0, 9)
STATES = {"none": NONE, "the label": DOG, "another label": CAT}

# the verdict: what a clip carries after it that carried (nothing, the label, another label)
FOR_EVERYBODY = {
    "yes": (GIVEN, GIVEN, GIVEN),
    "no": (NONE, DOG, CAT),
    "unsure": (NONE, DOG, CAT),
    "withdrawn": (NONE, NONE, NONE),
    "no withdrawn": (NONE, DOG, CAT),
    "unsure withdrawn": (NONE, DOG, CAT),
    "cleared": (NONE, DOG, CAT),
    "cleared withdrawn": (NONE, DOG, CAT),
}
FOR_ONE_ALONE = FOR_EVERYBODY | {"no": (NONE, NONE, CAT), "cleared": (NONE, NONE, NONE)}

# the verdict of a batch: what its undo appends where the clip is (as the batch left it, changed later), and the same
# once more when the batch is undone already
UNDO = {
    "yes": ("withdrawn", None, "withdrawn", None),
    "no": ("no withdrawn", "no withdrawn", None, None),
    "unsure": ("unsure withdrawn", "unsure withdrawn", None, None),
    "withdrawn": ("yes", None, "yes", None),
    "no withdrawn": ("no", "no", None, None),
    "unsure withdrawn": ("unsure", "unsure", None, None),
    "cleared": ("cleared withdrawn", "cleared withdrawn", None, None),
    "cleared withdrawn": ("cleared", "cleared", None, None),
}


def annotations(*rows):
    """Rows of (position, verdict, code, source) as columns."""
    position, verdict, code, source = zip(*rows, strict=True) if rows else ((), (), (), ())
    numbers = [Verdict(word).number for word in verdict]
    return Annotations(*(np.array(column, np.int64) for column in (position, numbers, code, source)))


def rows_of(columns):
    words = [list(Verdict)[number].value for number in columns.verdict.tolist()]
    return list(zip(columns.position.tolist(), words, columns.code.tolist(), columns.source.tolist(), strict=True))


def undo_rows(rows, clips, *, undone=False):
    label, source = np.array(clips, np.int64).reshape(-1, 2).T
    return rows_of(inverse_batch(annotations(*rows), label, source, undone=undone))


def test_the_words_in_the_database_never_change():
    assert [verdict.value for verdict in Verdict] == [
        "yes", "no", "unsure", "withdrawn", "no withdrawn", "unsure withdrawn", "cleared", "cleared withdrawn",
    ]  # fmt: skip
    assert [str(verdict) for verdict in ANSWERS] == ["yes", "no", "unsure"]


@pytest.mark.parametrize("verdict", Verdict)
def test_taking_back_what_was_taken_back_gives_it_again(verdict):
    assert verdict.inverse.inverse is verdict
    assert verdict.inverse is not verdict
    assert list(Verdict)[INVERSES[verdict.number]] is verdict.inverse


@pytest.mark.parametrize(("view", "table"), [("everybody", FOR_EVERYBODY), ("alone", FOR_ONE_ALONE)])
@pytest.mark.parametrize(("verdict", "before"), [*itertools.product(Verdict, enumerate(STATES))])
def test_what_each_verdict_does_to_each_state(view, table, verdict, before):
    place, words = before
    effects = {"everybody": EVERYBODY, "alone": ALONE}[view]
    label, source = apply(*STATES[words], int(effects[verdict.number]), *GIVEN)

    assert (int(label), int(source)) == table[verdict][place]


def test_an_array_of_annotations_does_what_each_of_them_does():
    pairs = [(effect, before) for effect in Effect for before in STATES.values()]
    effect = np.array([effect for effect, _ in pairs])
    before = np.array([before for _, before in pairs])
    together = apply(before[:, 0], before[:, 1], effect, np.full(12, GIVEN[0]), np.full(12, GIVEN[1]))
    singly = [apply(*clip, int(effect), *GIVEN) for effect, clip in pairs]

    assert np.stack(together, axis=1).tolist() == [[int(label), int(source)] for label, source in singly]


@pytest.mark.parametrize(("verdict", "undone", "changed"), [*itertools.product(Verdict, [False, True], [False, True])])
def test_what_the_undo_of_each_verdict_appends(verdict, undone, changed):
    left = {"yes": GIVEN, "withdrawn": NONE}.get(verdict, DOG)
    appended = undo_rows([(0, verdict, *GIVEN)], [CAT if changed else left], undone=undone)
    expected = UNDO[verdict][2 * undone + changed]

    assert appended == ([] if expected is None else [(0, expected, *GIVEN)])


def test_a_clip_that_a_batch_gave_another_label_gets_the_first_one_back():
    batch = [(0, "withdrawn", *DOG), (0, "yes", *CAT), (1, "withdrawn", *DOG), (1, "yes", *CAT)]

    assert undo_rows(batch, [CAT, NONE]) == [(0, "yes", *DOG), (0, "withdrawn", *CAT)]


@pytest.mark.parametrize("clip", [(0, 7), (1, 9), NONE])
def test_a_clip_with_another_label_or_the_same_by_another_batch_was_changed_later(clip):
    assert undo_rows([(0, "yes", 0, 9)], [clip]) == []


def test_the_undo_of_an_empty_batch_appends_nothing():
    assert undo_rows([], [DOG, CAT]) == []


CLIPS = st.lists(st.sampled_from([NONE, DOG, CAT, (0, 7)]), min_size=4, max_size=4)


@given(CLIPS, st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["yes", "no", "unsure"]), st.integers(0, 1))))
def test_undo_right_after_a_batch_leaves_every_clip_as_it_was(clips, wanted):
    """As the log writes them: an answer for each clip, beside it a `withdrawn` for the label that it ends."""
    answers = {position: (verdict, code) for position, verdict, code in wanted}
    batch = []
    for position, (verdict, code) in answers.items():
        held = clips[position]
        if held != NONE and (verdict == "yes" or (verdict == "no" and held[0] == code)):
            batch.append((position, "withdrawn", *held))
        batch.append((position, verdict, code, 9))
    after = replayed(clips, batch)

    assert replayed(after, undo_rows(batch, after)) == clips
    assert undo_rows(undo_rows(batch, after), clips) == batch


def replayed(clips, batch):
    clips = list(clips)
    for position, verdict, code, source in sorted(batch, key=lambda row: EVERYBODY[Verdict(row[1]).number]):
        label, given_by = apply(*clips[position], int(EVERYBODY[Verdict(verdict).number]), code, source)
        clips[position] = int(label), int(given_by)
    return clips
