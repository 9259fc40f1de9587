"""What adding a table to a dataset will do, by the rules that the dataset was made with; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hover_core.data.people import OWNER, Person
from hover_core.errors import TableError
from hover_core.store import clip_rows
from hover_core.store.database import DatasetRow, Store
from hover_core.tables.columns import Columns
from hover_core.tables.decisions import Decision
from hover_core.tables.intake import Intake, plan_intake
from hover_core.tables.meaning.understand import understand
from hover_core.tables.rows import RawTable


def plan(
    store: Store,
    row: DatasetRow,
    by: Person,
    table: RawTable,
    columns: Columns | None,
    answers: Mapping[str, str] | None,
    options: Mapping[str, Any],
) -> Intake:
    """The plan of `Dataset.plan`.

    Raises
    ------
    TableError
        No column holds the addresses, or a question about the table is open; the message names its answers.
    """
    options = dict(options)
    if columns is None:
        known = understand(table, answers=answers)
        questions = [decision for decision in (*table.decisions, *known.decisions) if not decision.sure]
        if questions:
            raise TableError(_in_words(questions))
        table, columns = known.table, known.columns
        options.setdefault("decisions", known.decisions)
    columns = replace(columns, own_id=columns.own_id or own_id_column(store, row, table))
    return plan_intake(
        table,
        columns,
        identity=row.settings.get("identity", "full"),
        keep_sources=by.role == OWNER and row.size == 0,
        own_ids=own_ids(store, row),
        **options,
    )


def own_ids(store: Store, row: DatasetRow) -> str:
    """What an id of a table names in a dataset: a clip `with stretch`, or the clip `alone` (before 0.1.0)."""
    rule = row.settings.get("own_ids")
    if rule is None:
        rule = "alone" if row.size and clip_rows.has_own_ids(store, row.id) else "with stretch"
    return str(rule)


def own_id_column(store: Store, row: DatasetRow, table: RawTable) -> str:
    """The column of a table whose ids name clips of the dataset already; empty where there is none.

    It is the column that was chosen when the first clips came; in a dataset that was made before columns were
    recorded, the one that was taken then.
    """
    names = [str(name) for name in table.frame.columns]
    if row.settings.get("own_id_column"):
        return str(row.settings["own_id_column"]) if row.settings["own_id_column"] in names else ""
    if own_ids(store, row) != "alone":
        return ""
    return next((name for name in names if name.strip().lower() in ("id", "clip_id")), "")


def _in_words(questions: Sequence[Decision]) -> str:
    """The open questions about a table, and how they are answered from Python."""
    lines = []
    for question in questions:
        values = ", ".join(f"{choice.value!r} ({choice.words})" for choice in question.choices)
        lines.append(f"{question.sentence}: answers={{{question.about!r}: …}}, one of {values}")
    return "; ".join(lines)
