"""Results that are remembered."""

import numpy as np
import pytest

from hover_core.errors import StoreError
from hover_core.memoize import memoize


def counted(value=None, **options):
    """A remembered function that returns its argument (or `value`), and the list of its real calls."""
    calls = []

    @memoize(**options)
    def function(x, *, y=0):
        calls.append(x)
        return x if value is None else value

    return function, calls


def test_the_second_call_is_remembered():
    function, calls = counted()
    function("a")

    assert (function("a"), calls) == ("a", ["a"])


def test_other_arguments_are_other_results():
    function, calls = counted()
    for x, y in ((1, 0), (1, 1), (1.0, 0), (True, 0), ("1", 0)):
        function(x, y=y)

    assert calls == [1, 1, 1.0, True, "1"]


def test_a_new_session_remembers(tmp_path):
    counted(np.arange(3.0), persist_path=tmp_path / "new" / "cache.sqlite")[0]("a")
    function, calls = counted(persist_path=tmp_path / "new" / "cache.sqlite")

    assert function("a").tolist() == [0, 1, 2]
    assert calls == []


@pytest.mark.parametrize(
    "value", [0, 1.5, "é", False, [1, [2]], {"a": None}, np.float32(2.5), np.zeros((0, 3), np.int8)]
)
def test_a_result_comes_back_as_it_was(value):
    function, _ = counted(value)
    first, again = function("a"), function("a")

    assert type(again) is type(first)
    np.testing.assert_equal(again, first)
    assert getattr(again, "dtype", None) == getattr(first, "dtype", None)


@pytest.mark.parametrize("value", [(1, 2), {1: "a"}, object(), {1, 2}, np.array([None])])
def test_a_result_that_would_come_back_as_something_else_is_refused(value):
    with pytest.raises(TypeError, match="cannot be remembered"):
        counted(value)[0]("a")


def test_the_oldest_results_go_first():
    function, calls = counted(cache_limit=2)
    for x in (1, 2, 3, 2, 3, 1):
        function(x)

    assert calls == [1, 2, 3, 1]


def test_two_functions_may_share_a_file(tmp_path):
    @memoize(persist_path=tmp_path / "cache")
    def one(x):
        return "one"

    @memoize(persist_path=tmp_path / "cache")
    def two(x):
        return "two"

    assert (one(1), two(1), one(1)) == ("one", "two", "one")


def test_a_pickle_is_not_opened(tmp_path):
    (tmp_path / "cache.pkl").write_bytes(b"\x80\x04cos\nsystem\n." + bytes(2000))
    function, _ = counted(persist_path=tmp_path / "cache.pkl")

    with pytest.raises(StoreError, match="perhaps a pickle"):
        function("a")


def test_what_the_function_raises_is_not_remembered():
    calls = []

    @memoize()
    def function(x):
        calls.append(x)
        raise ValueError(x)

    for _ in range(2):
        with pytest.raises(ValueError):
            function(1)
    assert calls == [1, 1]
