"""docs/architecture.md draws the tables that the migrations make."""

from pathlib import Path

from sqlalchemy import Inspector, inspect

from hover_core.store.database import Store

ARCHITECTURE = Path(__file__).resolve().parents[3] / "docs" / "architecture.md"


def drawing(inspector: Inspector) -> str:
    """The tables with their columns: * for the primary key, and an arrow to what a column refers to."""
    lines = []
    for table in sorted(inspector.get_table_names()):
        key = set(inspector.get_pk_constraint(table)["constrained_columns"])
        refers = {
            column: f"{foreign['referred_table']}.{there}"
            for foreign in inspector.get_foreign_keys(table)
            for column, there in zip(foreign["constrained_columns"], foreign["referred_columns"], strict=True)
        }
        lines.append(table)
        for column in inspector.get_columns(table):
            name = column["name"]
            mark = "*" if name in key else " "
            lines.append(f"  {mark} {name}" + (f" → {refers[name]}" if name in refers else ""))
    return "\n".join(lines)


def test_the_drawing_of_the_database_is_what_the_migrations_make(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/hover.sqlite")
    drawn = drawing(inspect(store.engine))
    store.close()

    assert drawn in ARCHITECTURE.read_text(), f"docs/architecture.md should say:\n{drawn}"
