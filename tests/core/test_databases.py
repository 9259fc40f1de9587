"""The databases that the tests run on."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy

from tests.run import ROOT, find_postgres


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_database(database_url: str, turn: int) -> None:
    engine = sqlalchemy.create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE clip (name TEXT)")  # fails if the other turn's table were here
        connection.exec_driver_sql("INSERT INTO clip VALUES ('a')")
        rows = connection.exec_driver_sql("SELECT name FROM clip").all()
    engine.dispose()

    assert rows == [("a",)]


@pytest.mark.skipif(find_postgres() is None, reason="PostgreSQL not found")
def test_the_server_ends_with_the_process_that_started_it_even_if_that_is_killed() -> None:
    script = "from tests.databases import Server; s = Server(); print(s.folder, s.port, flush=True); input()"
    owner = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    folder = Path(owner.stdout.readline().split()[0])
    was_there = folder.exists()
    owner.kill()
    owner.communicate()
    deadline = time.monotonic() + 30
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert was_there
    assert not folder.exists()
