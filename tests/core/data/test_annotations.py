"""Words and colours of labels."""

import pytest

from hover_core.data.annotations import label_named
from hover_core.data.colours import COLOURS, colour
from hover_core.errors import Refused


def test_the_first_colours_never_change():
    assert [colour(code) for code in range(8)] == [
        "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#8c3bff",
    ]  # fmt: skip


def test_no_colour_comes_twice_before_all_were_used():
    assert len(set(COLOURS)) == len(COLOURS) == 44
    assert colour(44) == colour(0)


def test_spellings_that_look_the_same_are_one_label():
    assert label_named(" great\ttit ") == "great tit"
    assert label_named("cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize("words", ["x" * 201, "a\x00b", "a\x7fb", "a\ud800b"])
def test_a_label_that_nobody_could_read_is_refused(words):
    with pytest.raises(Refused, match="the label"):
        label_named(words)
