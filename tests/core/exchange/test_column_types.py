"""A column of text becomes one of numbers, times or booleans only where it reads as the same text again."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hover_core.exchange.column_types import arrow_type, types_of, values
from hover_core.tables.rows import cell_text


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-20", "0"], "integer"),
        (["9223372036854775807"], "integer"),
        (["9223372036854775808"], "text"),
        (["007", "12"], "text"),
        (["1", "0.25"], "float"),
        (["1.50"], "text"),  # it would come back as 1.5
        (["1.0", "2"], "text"),
        (["nan"], "text"),
        (["inf"], "text"),
        (["1_000"], "text"),
        (["+1"], "text"),
        (["-0"], "text"),
        (["１"], "text"),
        (["True", "False"], "boolean"),
        (["true"], "text"),
        (["2024-05-01"], "date"),
        (["2024-05-01 10:00:00"], "time"),
        (["2024-05-01T10:00:00"], "text"),
        (["2024-05-01 10:00:00+00:00"], "time_utc"),
        (["2024-05-01 10:00:00+02:00"], "text"),
        (["", "5", ""], "integer"),
        (["", ""], "text"),
        ([], "text"),
        (["5", "dog"], "text"),
    ],
)
def test_the_kind_of_a_column_is_the_narrowest_that_spells_every_cell_so(cells, kind):
    assert types_of({"column": cells})["column"] == kind


def test_labels_and_ids_are_text_also_where_all_are_numbers():
    assert types_of({"label": ["1", "2"], "id": ["7"], "group": ["3"]}) == {
        "label": "text",
        "id": "text",
        "group": "text",
    }


def test_our_times_are_numbers_however_they_are_spelled():
    assert types_of({"start": ["0.50", "1"], "duration": ["2.0"], "end": []}) == {
        "start": "seconds", "duration": "seconds", "end": "seconds",
    }  # fmt: skip


def test_a_duration_that_is_none_keeps_its_column_text():
    assert types_of({"duration": ["2.0", "unknown"]}) == {"duration": "text"}


CELLS = st.one_of(
    st.text(max_size=6),
    st.integers().map(str),
    st.floats().map(cell_text),
    st.booleans().map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.from_regex(r"[-+]?0?[0-9]{1,3}(\.[0-9]{0,3})?", fullmatch=True),
)


@given(st.lists(CELLS, max_size=4))
def test_every_column_reads_from_arrow_as_the_text_that_it_was(cells):
    kind = types_of({"column": cells})["column"]
    array = pa.array(values(kind, cells), arrow_type(kind))

    assert [cell_text(value) for value in array.to_pylist()] == cells
