"""JSON a piece at a time says what Python's own reader says of the whole."""

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from hover_core.tables.reading.json_stream import JsonStream

TEXTS = st.text(st.sampled_from('ab,"{}[]:\\ é'), max_size=6)
LEAVES = st.none() | st.booleans() | st.integers(-9, 9_999) | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
SPACES = st.sampled_from([None, 0, 2])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.dictionaries(TEXTS, VALUES, max_size=3) | VALUES, max_size=8), SPACES, st.sampled_from([7, 10**6]))
def test_entries_of_a_list_are_those_of_the_whole(values, indent, piece):
    text = json.dumps(values, indent=indent)
    stream = stream_of(text, piece)

    assert [entry.value for entry in stream.entries()] == values
    assert stream.peek() == ""


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=8) | st.dictionaries(TEXTS, LEAVES, max_size=8), SPACES,
       st.sampled_from([7, 10**6]))  # fmt: skip
def test_pairs_of_an_object_are_those_of_the_whole(members, indent, piece):
    stream = stream_of(json.dumps(members, indent=indent), piece)
    pairs = [(key, (entry or stream.value(1)).value) for key, entry in stream.pairs()]

    assert pairs == list(members.items())
    assert stream.peek() == ""


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, max_size=4), SPACES, st.sampled_from([7, 10**6]))
def test_what_is_skipped_is_skipped_whole(values, indent, piece):
    stream = stream_of(json.dumps({"a": values, "b": [1, {"c": "end"}]}, indent=indent), piece)

    assert stream.find(("b",))
    assert stream.value(1).value == [1, {"c": "end"}]


def stream_of(text: str, piece: int) -> JsonStream:
    """A stream that reads so many characters at a time."""

    class Pieces(io.StringIO):
        def read(self, size=-1):
            return super().read(min(size, piece) if size and size > 0 else size)

    return JsonStream(Pieces(text), "the text is damaged")
