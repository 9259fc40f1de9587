"""A PostgreSQL server for the tests, in a temporary folder, gone when the tests are.

One server a test session, one fresh database a test. It keeps PostgreSQL's own durability (no `fsync=off`), so that
what passes here passes on a real one; only its memory and its log are small. It ends with the process that started
it, however that process ends.
"""

import functools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from tests.run import find_postgres

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
}
STARTS_WITHIN_S = 30


class Missing(Exception):
    """This machine cannot run a PostgreSQL server; the message says why."""


def postgres_url(database_name: str) -> str:
    """The SQLAlchemy URL of a new, empty database on the session's server, which the first call starts.

    `database_name` must be new. Raises `Missing` where no server can be run.
    """
    server = _server()
    server.execute(f'CREATE DATABASE "{database_name}"')
    return f"postgresql+psycopg://postgres:{server.password}@127.0.0.1:{server.port}/{database_name}"


def drop_postgres(database_name: str) -> None:
    """Remove a database, whoever is still connected to it."""
    _server().execute(f'DROP DATABASE IF EXISTS "{database_name}" WITH (FORCE)')


class Server:
    """A running PostgreSQL server. `folder` is its data; it is removed when the server ends."""

    def __init__(self) -> None:
        bin_folder = find_postgres()
        if bin_folder is None:
            raise Missing("PostgreSQL not found: no initdb in /usr/lib/postgresql/*/bin or on PATH")
        self.password = secrets.token_hex(16)
        self.folder = Path(tempfile.mkdtemp(prefix="hover-postgres-"))
        # PostgreSQL refuses to run as root, and Debian's package brings a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._as_user = {"user": self._user, "group": self._user, "extra_groups": []} if self._user else {}
        try:
            if self._user:
                shutil.chown(self.folder, self._user)
            self._initdb(bin_folder)
            self._start(bin_folder)
        except BaseException as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            if isinstance(error, LookupError | PermissionError):
                raise Missing(f"PostgreSQL cannot be run as user {self._user or os.geteuid()}: {error}") from error
            raise

    def execute(self, statement: str) -> None:
        """Run one statement on the server's own database, outside any transaction."""
        with self._connect() as connection:
            connection.execute(statement)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def _initdb(self, bin_folder: Path) -> None:
        # A password, and not `trust`: other people of this machine reach 127.0.0.1 too.
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self._user:
            shutil.chown(password_file, self._user)
        initdb = [str(bin_folder / "initdb"), "-D", str(self.folder / "data"), "-U", "postgres", "--no-sync"]
        text = ["--encoding=UTF8", "--locale=C"]
        login = ["--auth=scram-sha-256", f"--pwfile={password_file}"]
        done = subprocess.run(
            [*initdb, *text, *login], cwd=self.folder, capture_output=True, text=True, **self._as_user
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")

    def _start(self, bin_folder: Path) -> None:
        self.port = _free_port()
        settings = SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # The shell reads from a pipe that only this process writes to. When this process ends, even by SIGKILL, the
        # pipe closes, the shell stops the server (SIGINT: disconnect everybody, shut down) and removes the folder.
        watch = 'folder=$1; shift; "$@" & server=$!; cat; kill -INT $server; wait $server; rm -rf "$folder"'
        postgres = [str(bin_folder / "postgres"), "-D", str(self.folder / "data"), *arguments]
        log = self.folder / "log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", watch, "sh", str(self.folder), *postgres],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is for pytest; the server ends after it
                **self._as_user,
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                self._connect().close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    said = log.read_text(errors="replace")[-2000:]
                    self._process.stdin.close()
                    self._process.wait()
                    raise RuntimeError(f"PostgreSQL did not start within {STARTS_WITHIN_S} s: {said}") from None
                time.sleep(0.05)


@functools.cache
def _server() -> Server:
    return Server()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
