"""What a table means, tried on tables of all kinds."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hover_core.tables.meaning.recognise import ROLES
from hover_core.tables.meaning.roles import answer
from hover_core.tables.meaning.understand import understand
from hover_core.tables.rows import RawTable, frame_table
from tests.benchmarks.table_kinds import KINDS, Maker
from tests.benchmarks.tables import is_answerable, judge, make_tables, score


def test_no_table_is_taken_for_something_else_without_a_question():
    counts = score(len(KINDS) * 2, seed=3)

    assert counts.silently_wrong == []
    assert len(counts.right) > 4 * len(counts.asked)


@pytest.mark.parametrize("kind", KINDS[:-2], ids=lambda kind: kind.__name__.strip("_"))
def test_each_kind_of_table_is_right_or_asked_about(kind):
    made = kind(Maker(12))

    assert judge(made, understand(made.table, made.name))[0] == []


def test_every_question_offers_the_right_answer():
    assert [made.kind for made in make_tables(len(KINDS), seed=7) if not is_answerable(made)] == []


def test_the_tables_are_the_same_for_the_same_seed():
    first, second = ([made.table.frame.to_csv() for made in make_tables(6, seed=5)] for _ in range(2))

    assert first == second


def test_every_choice_that_is_offered_can_be_taken():
    for made in make_tables(len(KINDS), seed=1):
        for decision in understand(made.table, made.name).decisions:
            for choice in decision.choices:
                found = understand(made.table, made.name, {decision.about: choice.value})
                taken = [part for part in found.decisions if part.about == decision.about]
                if taken:  # it may have gone with what was chosen
                    assert (taken[0].value, taken[0].sure) == (choice.value, True)
                if decision.about in ROLES and choice.value:
                    assert getattr(found.columns, decision.about) == choice.value


def test_a_choice_can_be_taken_back():
    table = frame_table(pd.DataFrame({"file": ["a.wav", "b.wav"], "species": ["x", "y"], "call_type": ["c", "d"]}))
    before = understand(table).columns
    chosen = understand(table, "", {"label": ""}).decisions
    [label] = [part for part in chosen if part.about == "label"]

    assert before.label in [choice.value for choice in label.choices]


@st.composite
def frames(draw):
    names = draw(st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=6, unique=True))
    rows = draw(st.integers(0, 6))
    cell = st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            ["NA", "-1", "0:05", "1,5", "a/b.wav", "http://h/1.wav", "train", '["a", "b"]', "[{}]", "\\", "7"]
        ),
    )
    cells = {name: draw(st.lists(cell, min_size=rows, max_size=rows)) for name in names}
    return RawTable(pd.DataFrame(cells, dtype=object), list(range(2, rows + 2)))


@settings(max_examples=150, deadline=None)
@given(frames(), st.sampled_from(["", "a.txt", "x.selections.txt"]))
def test_any_table_is_understood_and_no_row_goes_without_a_word(table, name):
    found = understand(table, name)

    names = set(map(str, found.table.frame.columns))
    assert {value for role, value in vars(found.columns).items() if role not in ("pattern", "time_unit")} <= names | {
        ""
    }
    assert len(found.table.frame) == len(found.table.rows)
    gone = set(table.rows) - set(found.table.rows) - {bad.row for bad in found.table.refused}
    assert not gone or any(part.about == "format" for part in found.decisions)
    assert all(part.sentence and "\n" not in part.about for part in found.decisions if part.about in ROLES)


def test_a_decision_without_an_answer_stays_as_it_is():
    table = frame_table(pd.DataFrame({"file": ["a.wav"]}))
    [audio] = understand(table).decisions

    assert answer(audio, {"label": "x"}) is audio
