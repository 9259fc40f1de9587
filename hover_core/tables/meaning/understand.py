"""What a table means: known formats first, then each column by its name and by what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hover_core.tables.columns import Columns
from hover_core.tables.decisions import Decision
from hover_core.tables.meaning.formats import read_format
from hover_core.tables.meaning.listings import split_lists
from hover_core.tables.meaning.recognise import recognise
from hover_core.tables.rows import RawTable


@dataclass(frozen=True)
class Understanding:
    """A table with the meaning of its columns.

    Attributes
    ----------
    table : the rows; of a known format turned into rows of ours, with the numbers that they have in the file. It may
        have columns more than the file: answers, regions, subsets of folders.
    columns : which column means what.
    decisions : what was decided or is to be asked about the meaning; how the file was read is in `table.decisions`.
    """

    table: RawTable
    columns: Columns
    decisions: list[Decision]

    @property
    def questions(self) -> list[Decision]:
        """The decisions that wait for a person: nothing is added before."""
        return [decision for decision in self.decisions if not decision.sure]


def understand(table: RawTable, name: str = "", answers: Mapping[str, str] | None = None) -> Understanding:
    """What a table means, and what else it could.

    Parameters
    ----------
    table : rows of text; it is not changed.
    name : of the file; it names the recording where no column does.
    answers : what a person chose, by `about` of the decisions of an earlier understanding: everything that follows from
        it is decided anew.

    Raises
    ------
    TableError
        A role that was chosen is given to a column that the table does not have.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"url": ["http://h/page"], "filename": ["a/1.ogg"], "primary_label": ["wren"]})
    >>> understand(RawTable(frame, [2])).columns.audio
    'filename'
    """
    answers = answers or {}
    form_table, decisions = read_format(split_lists(table), answers)
    columns, more = recognise(
        form_table.table, roles=form_table.roles, fixed_answers=form_table.fixed_answers, answers=answers, name=name
    )
    return Understanding(form_table.table, columns, [*decisions, *more])
