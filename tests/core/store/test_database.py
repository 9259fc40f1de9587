"""The database: opened, migrated, written to all or nothing."""

import re
import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

import hover_core
from hover_core.errors import NotFound, Refused, StoreError
from hover_core.store.database import Store, insert
from hover_core.store.migrations import STEPS, migrate


def test_opening_twice_applies_each_step_once(database_url):
    Store(database_url).close()
    store = Store(database_url)
    with store.read() as connection:
        steps = connection.execute(text("SELECT step FROM migrations ORDER BY step")).scalars().all()
    store.close()

    assert steps == list(range(1, len(STEPS) + 1))


def test_many_processes_may_open_a_new_database_at_once(database_url):
    failed: list[BaseException] = []

    def open_it() -> None:
        try:
            Store(database_url).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []


def test_the_database_has_every_column_that_the_code_inserts(shared_store):
    inspector = inspect(shared_store.engine)
    columns = {
        table: {column["name"] for column in inspector.get_columns(table)} for table in inspector.get_table_names()
    }
    modules = Path(hover_core.__file__).parent.rglob("*.py")
    source = "\n".join(
        path.read_text() for path in modules if path.name != "sound_cache.py"
    )  # it has a file of its own
    statements = re.findall(r"INSERT INTO (\w+)\s*\"?\s*\"?\(([\w, ]+)\)", source)

    assert len(statements) >= 7
    for table, names in statements:
        assert {name.strip() for name in names.split(",")} <= columns[table], table


def test_an_older_database_is_brought_forward_with_what_is_in_it(database_url):
    store = Store(database_url)
    dataset_id = store.add_dataset("old")
    with store.write() as connection:  # back to what step 1 left
        for statement in (
            "DROP INDEX batches_by_undone",
            "ALTER TABLE moves DROP COLUMN source",
            "ALTER TABLE moves DROP COLUMN source_before",
            "ALTER TABLE clips DROP COLUMN revision",
            "DROP TABLE twins",
            "ALTER TABLE invites DROP COLUMN blind",
            "DELETE FROM migrations WHERE step > 1",
        ):
            connection.execute(text(statement))
        batch = {"id": 7, "dataset_id": dataset_id, "revision": 1, "token": "t", "annotator": "a", "at": "", "how": "",
                 "kind": "move"}  # fmt: skip
        insert(connection, "batches", [batch])
        insert(connection, "moves", [{"batch_id": 7, "position": 0, "subset": 1, "subset_before": 0}])
    store.close()
    store = Store(database_url)
    with store.read() as connection:
        moved = connection.execute(text("SELECT source, source_before FROM moves")).all()
        assert migrate(connection) == len(STEPS)
    store.close()

    assert moved == [(7, 0)]


def test_a_failed_write_leaves_nothing(shared_store, ten):
    def fail() -> None:
        with shared_store.revise(ten) as (connection, _):
            insert(connection, "labels", [{"dataset_id": ten, "code": 0, "name": "dog"}])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with shared_store.read() as connection:
        labels = connection.execute(text("SELECT count(*) FROM labels WHERE dataset_id = :d"), {"d": ten}).scalar()

    assert labels == 0
    assert shared_store.dataset(ten).revision == 1


def test_a_reader_sees_one_moment(shared_store, ten):
    with shared_store.read() as connection:
        query = text("SELECT revision FROM datasets WHERE id = :d")
        before = connection.execute(query, {"d": ten}).scalar()
        with shared_store.revise(ten):
            pass
        after = connection.execute(query, {"d": ten}).scalar()

    assert (before, after) == (1, 1)
    assert shared_store.dataset(ten).revision == 2


def test_every_kind_of_cell_comes_back_as_it_went_in(shared_store, ten):
    nasty = 'tab\t newline\n backslash\\ \\N \\. quote" é 🐦'
    rows = [
        {"dataset_id": ten, "position": i, "sha256": nasty, "duration_s": None if i % 2 else 0.1, "sample_rate": i}
        for i in range(10)
    ]
    blocks = [
        {"dataset_id": ten, "vectorizer": "v", "positions": bytes(range(256)), "vectors": b"\\x00" + bytes([i])}
        for i in range(10)
    ]
    with shared_store.write() as connection:
        insert(connection, "sounds", rows)
        insert(connection, "vector_blocks", blocks)
    with shared_store.read() as connection:
        sounds = (
            connection.execute(text("SELECT * FROM sounds WHERE dataset_id = :d ORDER BY position"), {"d": ten})
            .mappings()
            .all()
        )
        kept = connection.execute(
            text("SELECT positions, vectors FROM vector_blocks WHERE dataset_id = :d ORDER BY id"), {"d": ten}
        ).all()

    assert [dict(row) for row in sounds] == rows
    assert [(bytes(a), bytes(b)) for a, b in kept] == [(block["positions"], block["vectors"]) for block in blocks]


def test_settings_that_are_not_named_stay(shared_store, ten):
    shared_store.change_settings(ten, {"a": 1, "b": 2})
    shared_store.change_settings(ten, {"b": 3})

    assert shared_store.dataset(ten).settings == {"a": 1, "b": 3}


def test_a_dataset_name_is_taken_once(shared_store, ten):
    with pytest.raises(Refused, match="take another name"):
        shared_store.add_dataset(f" {shared_store.dataset(ten).name} ")


def test_a_dataset_needs_a_name(shared_store):
    with pytest.raises(Refused, match="needs a name"):
        shared_store.add_dataset("  ")


def test_an_archived_dataset_is_listed_only_if_asked_for(shared_store, ten):
    shared_store.archive_dataset(ten, archived=True)

    assert ten not in [row.id for row in shared_store.datasets()]
    assert ten in [row.id for row in shared_store.datasets(archived=True)]


def test_a_dataset_that_is_not_there_is_named(shared_store):
    with pytest.raises(NotFound, match="no dataset nowhere"):
        shared_store.dataset("nowhere")
    with pytest.raises(NotFound, match="no dataset nowhere"):
        with shared_store.revise("nowhere"):
            pass


def test_a_file_that_is_no_database_says_so(tmp_path):
    (tmp_path / "x.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 100)

    with pytest.raises(StoreError, match="cannot be opened"):
        Store(f"sqlite:///{tmp_path}/x.sqlite")


def test_a_password_is_not_in_the_message():
    with pytest.raises(StoreError) as refused:
        Store("postgresql+psycopg://me:secret@127.0.0.1:1/x")

    assert "secret" not in str(refused.value)


def test_an_address_that_is_none_is_refused():
    with pytest.raises(StoreError, match="HOVER_DATABASE_URL"):
        Store("hunter2")
