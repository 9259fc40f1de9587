"""The settings of the operator of a machine, read from the environment at each call."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hover_core import demo
from hover_core.errors import Refused
from hover_core.sources import Source, read_sources, sources_json

_secrets: Callable[[], Mapping[str, Any]] = dict


def data_folder() -> Path:
    """The folder of the database and of fetched sound: `HOVER_DATA`, else `~/.hover`. Made if it is missing."""
    folder = Path(os.environ.get("HOVER_DATA") or Path.home() / ".hover").expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def database_url(otherwise: str = "") -> str:
    """`HOVER_DATABASE_URL`, else `otherwise`, else the address of one SQLite file in the data folder.

    The form is SQLAlchemy's; `postgres://…` and `postgresql://…` are accepted too.
    """
    url = os.environ.get("HOVER_DATABASE_URL", "").strip() or otherwise.strip()
    if not url:
        return f"sqlite:///{data_folder() / 'hover.sqlite'}"
    for short in ("postgres://", "postgresql://"):
        if url.startswith(short):
            return "postgresql+psycopg://" + url.removeprefix(short)
    return url


def allowed_hosts() -> frozenset[str]:
    """`HOVER_ALLOWED_HOSTS`: `host:port` pairs, separated by commas, that may be private addresses."""
    return frozenset(
        part.strip().lower() for part in os.environ.get("HOVER_ALLOWED_HOSTS", "").split(",") if part.strip()
    )


def audio_root() -> Path | None:
    """`HOVER_AUDIO_ROOT`: the one folder of this machine from which tables may name files, or None."""
    root = os.environ.get("HOVER_AUDIO_ROOT", "").strip()
    return Path(root).expanduser().resolve() if root else None


def models() -> Path | None:
    """`HOVER_MODELS`: an ONNX file or a folder of them, each of which is a vectorizer; or None."""
    where = os.environ.get("HOVER_MODELS", "").strip()
    return Path(where).expanduser().resolve() if where else None


def cache_bytes() -> int:
    """`HOVER_CACHE_BYTES`: the most fetched sound to keep on disk [bytes]; 5 GB by default."""
    return int(os.environ.get("HOVER_CACHE_BYTES") or 5_000_000_000)


def table_bytes() -> int:
    """`HOVER_TABLE_BYTES`: the most that one table, or one file of vectors, may take once it is unpacked [bytes].

    By default 4 GB, or a quarter of the machine's memory if that is less.

    Raises
    ------
    Refused
        The variable is no whole number above 0.
    """
    return _positive("HOVER_TABLE_BYTES") or min(4_000_000_000, _memory_bytes() // 4)


def table_rows() -> int:
    """`HOVER_TABLE_ROWS`: the most rows of one table, or of one file of vectors; two million by default.

    Raises
    ------
    Refused
        The variable is no whole number above 0.
    """
    return _positive("HOVER_TABLE_ROWS") or 2_000_000


def dask_scheduler() -> str:
    """`HOVER_DASK_SCHEDULER`: the address of the Dask scheduler whose workers vectorize, or empty for this machine.

    Raises
    ------
    Refused
        The variable does not begin with `tcp://` or `tls://`.
    """
    address = os.environ.get("HOVER_DASK_SCHEDULER", "").strip()
    if address and not address.startswith(("tcp://", "tls://")):
        raise Refused(f"HOVER_DASK_SCHEDULER={address!r} is no address: it looks like tcp://host:8786")
    return address


def folders() -> dict[str, Path]:
    """The folders whose files a table may name, by scheme: `demo`, and `local` if there is an `audio_root`."""
    root = audio_root()
    return {"demo": demo.FOLDER, **({} if root is None else {"local": root})}


def take_secrets_from(give: Callable[[], Mapping[str, Any]]) -> None:
    """Set a function that gives sources besides `HOVER_SOURCES`.

    `sources` calls it each time, so that a new token counts at once.
    """
    global _secrets
    _secrets = give


def sources() -> tuple[Source, ...]:
    """The operator's sources of private sound: those of `HOVER_SOURCES` and those of the app's secrets.

    Raises
    ------
    Refused
        The sources cannot be read; the message shows no secret.
    """
    return read_sources(sources_text())


def sources_text() -> str:
    """All sources as JSON, for `HOVER_SOURCES` of a child process. It holds secrets: never log or print it.

    Raises
    ------
    Refused
        `HOVER_SOURCES` cannot be read.
    """
    from_environment = json.loads(sources_json(os.environ.get("HOVER_SOURCES", "")))
    return json.dumps({**from_environment, **_secrets()}, default=str)


def _positive(name: str) -> int:
    """A whole number from the environment; 0 if it is not set."""
    value = os.environ.get(name, "").strip()
    if value and not (value.isascii() and value.isdigit() and int(value[:20]) > 0):
        raise Refused(f"{name}={value[:40]!r} must be a whole number, 1 or more")
    return int(value or 0)


def _memory_bytes() -> int:
    """Memory of this machine, or of the container that this process is in."""
    sizes = [16_000_000_000]
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # not a container, or “max”
            sizes.append(int(Path(limit).read_text()))
    return min(sizes)
