"""What a person has before them on Label: selections under the filters of the map."""

from collections.abc import Iterator

import numpy as np
import pytest

from hover_core.analysis import maps
from hover_core.data.people import LOCAL_OWNER
from hover_core.store.vector_rows import Embedding
from hover_core.workspace.dataset import Dataset
from pages.components.clip_map import Selected
from pages.components.labelling.actions import Desk
from pages.components.labelling.query import Search
from pages.server import identity


@pytest.fixture
def desk(mapped: Dataset) -> Iterator[Desk]:
    """The owner's desk on the dataset of 40 clips: the even ones of the first ten selected, the others filtered out."""
    identity.seam = lambda: LOCAL_OWNER
    desk, even = Desk(mapped.id), np.arange(0, 40, 2)
    desk.drawn(Selected(np.arange(10), "lasso", np.arange(10)))
    desk.drawn(Selected(np.arange(0, 10, 2), "filter", np.arange(10), even))
    yield desk
    identity.seam = None


def test_growing_adds_only_what_the_filters_let_through(desk: Desk) -> None:
    desk.grow_by = 4
    desk.grow()

    assert len(desk.selection) == 9
    assert not (desk.selection % 2).any()
    assert desk.kept.tolist() == sorted({*range(10), *desk.selection.tolist()})


def test_hits_are_selected_as_far_as_the_filters_let_them_through(desk: Desk) -> None:
    desk.take(np.array([31, 30, 13, 12]))

    assert desk.selection.tolist() == [12, 30]
    assert desk.kept.tolist() == [12, 13, 30, 31]
    desk.take(np.array([20, 21]), mode="add")
    assert desk.selection.tolist() == [12, 20, 30]
    assert desk.kept.tolist() == [12, 13, 20, 21, 30, 31]


def test_a_clip_that_is_left_out_stays_out_and_what_a_filter_hides_is_remembered(desk: Desk) -> None:
    desk.leave_out(4)

    assert desk.selection.tolist() == [0, 2, 6, 8]
    assert desk.kept.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_a_filter_leaves_the_search_open_and_how_a_selection_came_about(desk: Desk) -> None:
    desk.search = Search("like a wren")
    desk.take(np.array([12, 13]))
    turn = desk.turn

    desk.drawn(Selected(np.array([12]), "filter", np.array([12, 13]), desk.passes))
    assert (desk.how, desk.turn) == ("search", turn)
    desk.drawn(Selected(np.array([12, 13]), "filter", np.array([12, 13])))

    assert desk.search is not None
    assert (desk.how, desk.shown(np.array([3])).tolist()) == ("search", [3])


def test_the_way_through_maps_of_parts_is_a_stack(desk: Desk, mapped: Dataset) -> None:
    whole = mapped.embedding()
    assert whole is not None

    def part(parent: int, size: int) -> Embedding:
        maps.embed(mapped, whole.vectorizer, "pca", only=np.arange(size), parent=parent)
        return mapped.embeddings()[0]

    wide = part(whole.id, 20)
    desk.enter(wide)
    narrow = part(wide.id, 10)
    desk.enter(narrow)
    assert ([found.clips for found in desk.way(mapped)], desk.depth) == ([40, 20, 10], 2)

    desk.back()
    assert ([found.clips for found in desk.way(mapped)], desk.depth) == ([40, 20, 10], 1)
    desk.back()
    desk.back()
    assert desk.depth == 0
    desk.enter(part(whole.id, 7))  # another way down

    assert ([found.clips for found in desk.way(mapped)], desk.depth) == ([40, 7], 1)


def test_a_clip_that_leaves_the_selection_leaves_the_focus(desk: Desk) -> None:
    desk.focus = 2
    desk.drawn(Selected(np.array([0, 4]), "filter", np.arange(10), np.array([0, 4])))
    assert desk.focus is None

    desk.focus = 31  # a hit that was never selected
    desk.drawn(Selected(np.arange(10), "filter", np.arange(10)))
    assert desk.focus == 31
    desk.drawn(Selected(np.arange(5), "lasso", np.arange(5)))
    assert desk.focus is None

    desk.focus = 3
    desk.leave_out(3)
    assert desk.focus is None
