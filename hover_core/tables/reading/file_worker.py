"""The child of `foreign_files`: reads one file after another by functions that have a name here.

`python -m hover_core.tables.reading.file_worker` is started by `foreign_files` only. A question names a function of
`READERS` and the file, which comes as bytes or as a path; the answer is what it sends, and one last header."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO, Any

from hover_core.errors import TableError
from hover_core.sandbox.confinement import ParentChannel, allow_memory, confine, renew_cpu
from hover_core.tables.decisions import Reading
from hover_core.tables.reading.file_limits import FileLimits
from hover_core.tables.reading.row_blocks import Send
from hover_core.tables.reading.table_reader import read_table

Read = Callable[[IO[bytes], dict[str, Any], FileLimits, Send], None]


def _read_table(source: IO[bytes], question: dict[str, Any], limits: FileLimits, send: Send) -> None:
    read_table(source, question["name"], Reading(**question.get("reading", {})), limits, send)


def _read_vectors(source: IO[bytes], question: dict[str, Any], limits: FileLimits, send: Send) -> None:
    from hover_core.tables.reading.vector_reader import read_vectors  # needs numpy, and tables do without

    read_vectors(source, question["name"], limits, send)


READERS: dict[str, Read] = {"table": _read_table, "vectors": _read_vectors}


def _main() -> None:
    pipes = ParentChannel()
    greeting = pipes.question()
    if greeting is None:
        return
    confine(greeting[0]["memory_bytes"])
    pipes.send({"ready": 1}, b"")
    pipes.sink.flush()
    while True:
        question = pipes.question()
        if question is None:
            break
        header, size = question
        limits = FileLimits(**header["limits"])
        allow_memory(limits.memory_bytes + size)
        renew_cpu(header["cpu_s"])
        answer = _answer(pipes, header, size, limits)
        pipes.send(answer, b"")
        pipes.sink.flush()
        if answer.get("last"):
            break


def _answer(pipes: ParentChannel, header: dict[str, Any], size: int, limits: FileLimits) -> dict[str, Any]:
    """Read a file and send what is in it; return the last header, `end` or `error`."""
    try:
        source: IO[bytes]
        if "path" in header:
            source = open(header["path"], "rb")  # noqa: SIM115 - closed below
        else:
            source = io.BytesIO(pipes.source.read(size))
        with source:
            READERS[header["act"]](source, header, limits, pipes.send)
    except MemoryError:
        # Libraries may be in any state after a failed allocation: this process makes room for a fresh one.
        return {"error": "memory", "last": 1}
    except TableError as error:
        return {"error": "table", "reason": str(error)}
    except OSError as error:
        return {"error": "file", "reason": error.strerror or str(error)}
    except Exception as error:
        return {"error": "other", "reason": f"{type(error).__name__}: {error}"[:300], "last": 1}
    return {"end": 1}


if __name__ == "__main__":
    _main()
