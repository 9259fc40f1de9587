"""The database: SQLite in one file by default, PostgreSQL by one setting, the same code for both.

It promises that a write returns only after its commit, that writes to one dataset happen one after another, and that
each has a revision, so that "everything after revision r" is well defined. It knows nothing of sound.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from hover_core import settings
from hover_core.data.clock import now
from hover_core.data.names import clean
from hover_core.errors import NotFound, Refused, StoreError
from hover_core.store.migrations import migrate

_MIGRATION_LOCK = 7_461_002  # any number, the same in every process that opens a PostgreSQL store


@dataclass(frozen=True)
class DatasetRow:
    """The row of one dataset; `size` is the number of its clips."""

    id: str
    name: str
    revision: int
    size: int
    settings: dict[str, Any]
    archived: bool


class Store:
    """An open database with its migrations applied.

    Parameters
    ----------
    url
        SQLAlchemy address, `sqlite:///…` or `postgresql+psycopg://…`; by default `settings.database_url()`.

    Raises
    ------
    StoreError
        The database cannot be opened; the message shows no password.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = url or settings.database_url()
        # Threads wait for this lock before they wait for that of SQLite, because waiting in Python is fair and SQLite's
        # busy handler is not (p95 of 20 writers 267 → 69 ms).
        self._writer = threading.Lock()
        try:
            self.engine = _engine(self.url)
            self._is_sqlite = self.engine.dialect.name == "sqlite"
            with self.write() as connection:
                if not self._is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
                migrate(connection)
        except SQLAlchemyError as error:
            raise StoreError(f"the database {_where(self.url)} cannot be opened: {error.__cause__ or error}") from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose queries all see the same snapshot of the database."""
        with self.engine.connect() as connection:
            if not self._is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction: committed when the block ends, rolled back if it raises."""
        if not self._is_sqlite:
            with self.engine.begin() as connection:
                yield connection
            return
        with self._writer, self.engine.connect().execution_options(hover_begin="IMMEDIATE") as connection:
            with connection.begin():
                yield connection

    @contextmanager
    def revise(self, dataset_id: str) -> Iterator[tuple[Connection, int]]:
        """A write to the labels, subsets or clips of one dataset: `(connection, the new revision)`.

        Raises
        ------
        NotFound
            There is no such dataset.
        """
        with self.write() as connection:
            revision = connection.execute(
                text("UPDATE datasets SET revision = revision + 1 WHERE id = :id RETURNING revision"),
                {"id": dataset_id},
            ).scalar_one_or_none()
            if revision is None:
                raise NotFound(f"there is no dataset {dataset_id}")
            yield connection, revision

    # datasets ---------------------------------------------------------------------------------------------------------

    def add_dataset(self, name: str, dataset_settings: Mapping[str, Any] | None = None) -> str:
        """Make an empty dataset and return its id.

        Raises
        ------
        Refused
            The name is empty, or another dataset has it.
        """
        dataset_id = secrets.token_hex(6)
        with self.write() as connection:
            name = _free_name(connection, name, dataset_id)
            insert(
                connection,
                "datasets",
                [
                    {
                        "id": dataset_id,
                        "name": name,
                        "settings": dump(dataset_settings or {}),
                        "created_at": now(),
                    }
                ],
            )
        return dataset_id

    def datasets(self, *, archived: bool = False) -> list[DatasetRow]:
        """All datasets, the newest first; archived ones only with `archived`."""
        with self.read() as connection:
            rows = connection.execute(text("SELECT * FROM datasets ORDER BY created_at DESC, id")).all()
        return [row for row in map(_dataset_row, rows) if archived or not row.archived]

    def dataset(self, dataset_id: str) -> DatasetRow:
        """The dataset with this id.

        Raises
        ------
        NotFound
            There is none.
        """
        with self.read() as connection:
            row = connection.execute(text("SELECT * FROM datasets WHERE id = :id"), {"id": dataset_id}).one_or_none()
        if row is None:
            raise NotFound(f"there is no dataset {dataset_id}")
        return _dataset_row(row)

    def rename_dataset(self, dataset_id: str, name: str) -> None:
        """Give a dataset another name.

        Raises
        ------
        Refused
            The name is empty, or another dataset has it.
        """
        with self.write() as connection:
            name = _free_name(connection, name, dataset_id)
            connection.execute(text("UPDATE datasets SET name = :n WHERE id = :id"), {"n": name, "id": dataset_id})

    def archive_dataset(self, dataset_id: str, *, archived: bool) -> None:
        """Archive a dataset, or take it out of the archive; nothing is deleted."""
        with self.write() as connection:
            connection.execute(
                text("UPDATE datasets SET archived_at = :at WHERE id = :id"),
                {"at": now() if archived else "", "id": dataset_id},
            )

    def change_settings(self, dataset_id: str, changes: Mapping[str, Any]) -> None:
        """Set some settings of a dataset; the others stay."""
        with self.write() as connection:
            self.set_settings(connection, dataset_id, changes)

    def set_settings(self, connection: Connection, dataset_id: str, changes: Mapping[str, Any]) -> None:
        """`change_settings` inside a write that is under way."""
        # an UPDATE that changes nothing locks the row in both databases until the write ends
        stored = connection.execute(
            text("UPDATE datasets SET settings = settings WHERE id = :id RETURNING settings"), {"id": dataset_id}
        ).scalar_one()
        connection.execute(
            text("UPDATE datasets SET settings = :s WHERE id = :id"),
            {"s": dump({**json.loads(stored), **changes}), "id": dataset_id},
        )


def insert(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns; many in one statement."""
    if rows:
        columns = tuple(rows[0])
        insert_tuples(connection, table, columns, [tuple(row[column] for column in columns) for row in rows])


def insert_tuples(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows whose cells are in the order of `columns`; many in one statement."""
    if not rows:
        return
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        values = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({values})", list(rows))  # noqa: S608 - our own names
        return
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def run_for_all(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement with `?` placeholders once for each row, by the driver: SQLAlchemy's work per row costs more."""
    if rows:
        driver_statement = statement if connection.dialect.name == "sqlite" else statement.replace("?", "%s")
        connection.exec_driver_sql(driver_statement, list(rows))


def dump(value: Any) -> str:
    """`value` as compact JSON with sorted keys: equal values give equal text.

    Examples
    --------
    >>> dump({"b": 1, "a": "é"})
    '{"a":"é","b":1}'
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=10, max_overflow=30, pool_pre_ping=True)
    engine = create_engine(url, pool_size=10, max_overflow=60, connect_args={"timeout": 60, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # `_begin` sends BEGIN: that of pysqlite would not be IMMEDIATE
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('hover_begin', '')}")

    return engine


def _where(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:  # no address at all: it may be a password in the wrong place
        return "that HOVER_DATABASE_URL names"


def _dataset_row(row: Row[Any]) -> DatasetRow:
    return DatasetRow(
        row.id, row.name, row.revision, row.size, json.loads(row.settings), archived=bool(row.archived_at)
    )


def _free_name(connection: Connection, name: str, dataset_id: str) -> str:
    """`name` cleaned; Refused if it is empty, or another dataset has it."""
    name = clean(name)
    if not name:
        raise Refused("a dataset needs a name")
    other = connection.execute(
        text("SELECT 1 FROM datasets WHERE name = :name AND id <> :id"), {"name": name, "id": dataset_id}
    ).first()
    if other:
        raise Refused(f"there is a dataset “{name}” already: take another name")
    return name
