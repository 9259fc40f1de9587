"""What a person has before them on Label: selections under the filters of the map."""

from collections.abc import Iterator

import numpy as np
import pytest

from hover_core.analysis import maps
from hover_core.data.people import LOCAL_OWNER
from hover_core.errors import Refused
from hover_core.store.vector_rows import Embedding
from hover_core.workspace.dataset import Dataset
from pages.components.clip_map import SelectionMade
from pages.components.labelling import actions, search_actions
from pages.components.labelling.search_state import HitQueue, Search
from pages.components.labelling.state import LabellingState
from pages.server import identity


@pytest.fixture
def labelling(mapped: Dataset) -> Iterator[LabellingState]:
    """The owner's state on 40 clips: the even ones of the first ten selected, the others filtered out."""
    identity.seam = lambda: LOCAL_OWNER
    labelling, even = LabellingState(mapped.id), np.arange(0, 40, 2)
    labelling.selection.take_over(SelectionMade(np.arange(10), "lasso", np.arange(10)))
    labelling.selection.take_over(SelectionMade(np.arange(0, 10, 2), "filter", np.arange(10), even))
    yield labelling
    identity.seam = None


def test_growing_adds_only_what_the_filters_let_through(labelling: LabellingState) -> None:
    labelling.grow_by = 4
    actions.grow(labelling)

    assert len(labelling.selection.positions) == 9
    assert not (labelling.selection.positions % 2).any()
    assert labelling.selection.unfiltered.tolist() == sorted({*range(10), *labelling.selection.positions.tolist()})


def test_hits_are_selected_as_far_as_the_filters_let_them_through(labelling: LabellingState) -> None:
    search_actions.take(labelling, np.array([31, 30, 13, 12]))

    assert labelling.selection.positions.tolist() == [12, 30]
    assert labelling.selection.unfiltered.tolist() == [12, 13, 30, 31]
    search_actions.take(labelling, np.array([20, 21]), mode="add")
    assert labelling.selection.positions.tolist() == [12, 20, 30]
    assert labelling.selection.unfiltered.tolist() == [12, 13, 20, 21, 30, 31]


def test_a_clip_that_is_left_out_stays_out_and_what_a_filter_hides_is_remembered(labelling: LabellingState) -> None:
    labelling.selection.leave_out(4)

    assert labelling.selection.positions.tolist() == [0, 2, 6, 8]
    assert labelling.selection.unfiltered.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_a_filter_leaves_the_search_open_and_how_a_selection_came_about(labelling: LabellingState) -> None:
    labelling.search = Search("like a wren")
    search_actions.take(labelling, np.array([12, 13]))
    turn = labelling.selection.turn

    labelling.selection.take_over(
        SelectionMade(np.array([12]), "filter", np.array([12, 13]), labelling.selection.passes)
    )
    assert (labelling.selection.how, labelling.selection.turn) == ("search", turn)
    labelling.selection.take_over(SelectionMade(np.array([12, 13]), "filter", np.array([12, 13])))

    assert labelling.search is not None
    assert (labelling.selection.how, labelling.selection.visible(np.array([3])).tolist()) == ("search", [3])


def test_the_way_through_maps_of_parts_is_a_stack(labelling: LabellingState, mapped: Dataset) -> None:
    whole = mapped.embedding()
    assert whole is not None

    def part(parent: int, size: int) -> Embedding:
        maps.embed(mapped, whole.vectorizer, "pca", only=np.arange(size), parent=parent)
        return mapped.embeddings()[0]

    wide = part(whole.id, 20)
    labelling.trail.enter(wide)
    narrow = part(wide.id, 10)
    labelling.trail.enter(narrow)
    assert ([found.clips for found in labelling.trail.maps(mapped)], labelling.trail.depth) == ([40, 20, 10], 2)

    labelling.trail.back()
    assert ([found.clips for found in labelling.trail.maps(mapped)], labelling.trail.depth) == ([40, 20, 10], 1)
    labelling.trail.back()
    labelling.trail.back()
    assert labelling.trail.depth == 0
    labelling.trail.enter(part(whole.id, 7))  # another way down

    assert ([found.clips for found in labelling.trail.maps(mapped)], labelling.trail.depth) == ([40, 7], 1)


def test_a_clip_that_leaves_the_selection_leaves_the_focus(labelling: LabellingState) -> None:
    labelling.selection.focus = 2
    labelling.selection.take_over(SelectionMade(np.array([0, 4]), "filter", np.arange(10), np.array([0, 4])))
    assert labelling.selection.focus is None

    labelling.selection.focus = 31  # a hit that was never selected
    labelling.selection.take_over(SelectionMade(np.arange(10), "filter", np.arange(10)))
    assert labelling.selection.focus == 31
    labelling.selection.take_over(SelectionMade(np.arange(5), "lasso", np.arange(5)))
    assert labelling.selection.focus is None

    labelling.selection.focus = 3
    labelling.selection.leave_out(3)
    assert labelling.selection.focus is None


def test_labelling_says_what_was_done_and_one_undo_takes_it_back(labelling: LabellingState, mapped: Dataset) -> None:
    before = mapped.state().label_names().tolist()
    actions.apply(labelling, "owl")

    assert labelling.message == "Labelled 5 as “owl”. Undo with u."
    assert [note for _, note in labelling.history] == ["5 × “owl”"]
    assert mapped.state().label_names()[:10:2].tolist() == ["owl"] * 5
    actions.undo(labelling)
    assert (labelling.message, labelling.history) == ("Undone: 5 × “owl”.", [])
    assert mapped.state().label_names().tolist() == before


def test_a_label_that_is_refused_is_a_problem_and_no_history(labelling: LabellingState, mapped: Dataset) -> None:
    revision = mapped.state().revision
    actions.apply(labelling, "x" * 10_000)

    assert labelling.problem
    assert (labelling.message, labelling.history, labelling.attempts) == ("", [], 1)
    assert mapped.state().revision == revision


def test_a_write_that_was_refused_is_tried_again_with_its_token(labelling: LabellingState) -> None:
    tokens: list[str] = []

    def refuse(dataset: Dataset, token: str) -> None:
        tokens.append(token)
        raise Refused("not now")

    def write(dataset: Dataset, token: str) -> None:
        tokens.append(token)

    said: list[None] = []
    assert not actions.do(labelling, "test", refuse, said.append)
    assert (labelling.problem, said) == ("not now", [])
    assert actions.do(labelling, "test", write, said.append)
    assert actions.do(labelling, "test", write, said.append)

    assert said == [None, None]
    assert tokens[0] == tokens[1] != tokens[2]


def test_whoever_left_writes_nothing_from_an_open_tab(labelling: LabellingState, mapped: Dataset) -> None:
    revision = mapped.state().revision
    identity.seam = lambda: None
    actions.apply(labelling, "owl")

    assert labelling.problem == "You are no longer signed in. Nothing was changed."
    assert mapped.state().revision == revision


def test_moving_nothing_promises_no_undo(labelling: LabellingState) -> None:
    actions.clear_labels(labelling)
    labelling.history.clear()
    actions.commit(labelling, "train")

    assert labelling.message == "Nothing was moved: none of these clips is raw and labelled any more."
    assert labelling.history == []


def test_what_was_kept_in_a_row_is_labelled_by_how_and_undone_as_one(
    labelling: LabellingState, mapped: Dataset
) -> None:
    before = mapped.state().label_names().tolist()
    row = HitQueue([20, 21, 22], kept={20: True, 21: False})
    labelling.search = Search("like a wren", row=row)
    actions.apply_kept(labelling, "owl")

    assert labelling.message == "Labelled 2 as “owl”. Undo with u."
    assert (row.kept, row.done) == ({}, {20, 21})
    assert mapped.state().label_names()[[20, 21]].tolist() == ["owl", "owl"]
    actions.undo(labelling)
    assert mapped.state().label_names().tolist() == before
