"""JSON tables: a list of objects, an object a line, or one object that holds the rows somewhere."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import IO, Any, Final

from hover_core.errors import TableError
from hover_core.tables.decisions import Choice, Decision, Reading
from hover_core.tables.reading.file_blocks import pack_text
from hover_core.tables.reading.file_limits import MOST_COLUMNS
from hover_core.tables.reading.grid import Row, send_grid
from hover_core.tables.reading.json_shapes import Place, look, places
from hover_core.tables.reading.json_stream import Entry, JsonDecoder, JsonStream
from hover_core.tables.reading.line_cells import Lines
from hover_core.tables.reading.row_blocks import BLOCK_CELLS, BLOCK_CHARACTERS, Rows
from hover_core.tables.reading.text_encoding import TextEncoding
from hover_core.tables.reading.text_reader import text_of
from hover_core.tables.rows import ColumnNames, cell_text

_LIST: Final = re.compile(r"\s*\[\s*([{\]])")
_LIST_OF_OTHERS: Final = re.compile(r'\s*\[\s*["\[]')
_NO_OBJECT: Final = "the entry is no JSON object: the list is [{…}, {…}]"


def is_json(head: str, name: str) -> bool:
    """Whether a text is JSON and no text table, by its beginning and its name."""
    begins = _LIST.match(head) or head.lstrip().startswith("{")
    return bool(begins) or name.lower().endswith((".jsonl", ".ndjson", ".json"))


def read_json(source: IO[bytes], encoding: TextEncoding, head: str, reading: Reading, out: Rows) -> None:
    """Send the rows of a JSON file.

    Raises
    ------
    TableError
        There is no object in it, or it is damaged.
    """
    if _LIST.match(head) or (_LIST_OF_OTHERS.match(head) and out.name.lower().endswith(".json")):
        with text_of(source, encoding) as file:
            _read_list(file, head, reading, out)
        return
    if head.lstrip().startswith("{") and not _is_a_line(head, out.name):
        with text_of(source, encoding) as file:
            stream = JsonStream(file, f"{out.name} is damaged")
            try:
                root = look(stream)
                more = stream.peek()
            except TableError:
                if not _has_lines(head):
                    raise
                more = "\n"
        if not more:
            _read_object(source, encoding, places(root), reading, out)
            return
        if more == "{":
            with text_of(source, encoding) as file:
                send_objects(_one_after_another(file, out.name), out, _NO_OBJECT)
            return
    with text_of(source, encoding, "\n") as file:
        send_objects(_lines(file, out.name), out, "the line is no JSON object: write one {…} a line, or one list […]")


def _is_a_line(head: str, name: str) -> bool:
    """Whether the first line is an object by itself, and more lines follow or would have their place."""
    first, _, rest = head.lstrip().partition("\n")
    try:
        return bool(rest.strip() or name.lower().endswith((".jsonl", ".ndjson"))) and isinstance(
            json.loads(first), dict
        )
    except (ValueError, RecursionError):
        return False


def _has_lines(head: str) -> bool:
    """Whether half of the first lines are objects by themselves."""
    lines = [line for line in head.split("\n")[:50] if line.strip()]
    return 2 * sum(_is_a_line(line, ".jsonl") for line in lines) >= len(lines)


def _read_list(file: IO[str], head: str, reading: Reading, out: Rows) -> None:
    stream = JsonStream(file, f"{out.name} starts like a list of JSON objects, but is none")
    if _LIST.match(head):
        send_objects(_to_the_end(stream, out.name), out, _NO_OBJECT)
    else:
        _send_values(_to_the_end(stream, out.name), reading, out)


def _to_the_end(stream: JsonStream, name: str) -> Iterator[Entry]:
    yield from stream.entries()
    if stream.peek():
        raise TableError(f"{name} starts like a list of JSON objects, but more follows after its end")


def _one_after_another(file: IO[str], name: str) -> Iterator[Entry]:
    stream = JsonStream(file, f"{name} is damaged")
    for number in itertools.count(1):
        if not stream.peek():
            return
        yield stream.value(number)


def _lines(file: IO[str], name: str) -> Iterator[Entry]:
    decoder = JsonDecoder()
    lines = Lines(file, name)
    for line in lines:  # splitlines() would split at U+2028 inside a cell
        if line.strip():
            decoder.wrong, value = "", None
            try:
                value = decoder.decode(line.rstrip().removesuffix(","))  # as some write it: a list without brackets
            except RecursionError:
                decoder.wrong = "it is nested too deeply"
            except ValueError:
                decoder.wrong = ""
            yield Entry(lines.number, value, decoder.wrong, line[:400])
        lines.next_row()


# one object -----------------------------------------------------------------------------------------------------------


def _read_object(
    source: IO[bytes], encoding: TextEncoding, candidates: list[Place], reading: Reading, out: Rows
) -> None:
    if reading.records:
        chosen = next((place for place in candidates if place.node.place == reading.records), None)
        if chosen is None:
            known = ", ".join(f"“{place.node.place}”" for place in candidates[:10])
            raise TableError(f"{out.name} has no rows at records={reading.records[:80]!r}: there are {known or 'none'}")
    elif not candidates:
        raise TableError(f"{out.name} holds no JSON object with rows: write one {{…}} a line, or one list [{{…}}, …]")
    else:
        chosen = candidates[0]
    decision = _about(chosen, candidates, bool(reading.records))
    if decision:
        out.decide(decision)
    with text_of(source, encoding) as file:
        stream = JsonStream(file, f"{out.name} is damaged")
        stream.find(chosen.node.path)
        if chosen.form in ("lists", "texts"):
            _send_values(stream.entries(), reading, out)
        elif chosen.form == "split":
            with text_of(source, encoding) as again:
                names, index = _split_names(JsonStream(again, f"{out.name} is damaged"), chosen)
            with text_of(source, encoding) as again:
                stream = JsonStream(again, f"{out.name} is damaged")
                stream.find((*chosen.node.path, "data"))
                send_objects(_split_rows(stream, names, index), out, "the entry is no list of as many cells as columns")
        else:
            send_objects(_entries(stream, chosen), out, "the entry is no JSON object")


def _about(chosen: Place, candidates: list[Place], chosen_by_person: bool) -> Decision | None:
    others = [place for place in candidates if place is not chosen and place.node.place != chosen.node.place]
    if chosen.form == "one" and not others:
        return None
    words = {
        "objects": f"The rows are the entries of “{chosen.node.place}”",
        "lists": f"The rows are the lists in “{chosen.node.place}”",
        "texts": f"The rows are the entries of “{chosen.node.place}”",
        "split": "The columns, the index and the rows stand apart, as pandas writes them (orient “split”)",
        "index": "Each key is a row, as pandas writes it (orient “index”)",
        "columns": "Each key is a column, as pandas writes it (orient “columns”)",
        "arrays": "Each key is a column, and holds a list of cells",
        "parts": f"Each key holds a list of rows: it is their “{chosen.key_name}”",
        "mapping": "Each key and its value are a row",
        "one": "The object as a whole is one row",
    }[chosen.form]
    return Decision(
        "records",
        f"{words}: {_count(chosen)}",
        chosen.node.place,
        tuple(Choice(place.node.place, _choice(place)) for place in others[:8]),
        sure=chosen_by_person
        or not any(place.form == "objects" and place.score >= chosen.score > 2.5 for place in others),
    )


def _count(place: Place) -> str:
    return "1 row" if place.rows == 1 else f"{place.rows:,} rows"


def _choice(place: Place) -> str:
    where = "the object itself" if place.node.place == "." else f"“{place.node.place}”"
    return f"{where}: {_count(place)}"


def _entries(stream: JsonStream, place: Place) -> Iterator[Entry]:
    """The rows of a place as objects."""
    if place.form == "objects":
        yield from stream.entries()
    elif place.form == "one":
        yield stream.value(1)
    elif place.form in ("index", "mapping", "parts"):
        yield from _by_key(stream, place)
    else:
        yield from _by_column(stream, place)


def _by_key(stream: JsonStream, place: Place) -> Iterator[Entry]:
    if place.form == "parts":
        yield from _of_parts(stream, place)
        return
    for number, (key, at_hand) in enumerate(stream.pairs(), 1):
        entry = at_hand or stream.value(number)
        value = entry.value
        if place.form == "mapping":
            value = {"key": key, "value": value}
        elif isinstance(value, dict) and not place.node.counting:
            value = {_free("key", value): key, **value}
        yield Entry(number, value, entry.wrong, entry.stood or key)


def _of_parts(stream: JsonStream, place: Place) -> Iterator[Entry]:
    """The rows of several lists, each with the key of its list."""
    number = 0
    for key in stream.members():
        for entry in stream.entries():
            number += 1
            value = entry.value if isinstance(entry.value, dict) else {"value": entry.value}
            yield Entry(number, {_free(place.key_name, value): key, **value}, entry.wrong, entry.stood)


def _free(name: str, row: dict[str, Any]) -> str:
    return f"{name} (of the list)" if name in row else name


def _by_column(stream: JsonStream, place: Place) -> Iterator[Entry]:
    """Columns one after the other → rows; here the whole table has to be held."""
    columns: dict[str, dict[str, str]] = {}
    keys: dict[str, None] = {}
    for name in stream.members():
        if place.form == "arrays":
            cells = {str(n): cell_text(entry.value) for n, entry in enumerate(stream.entries())}
        else:
            cells = {key: cell_text((entry or stream.value(1)).value) for key, entry in stream.pairs()}
        columns[name] = cells
        keys |= dict.fromkeys(cells)
    counting = place.form == "arrays" or all(key == str(n) for n, key in enumerate(keys))
    for number, key in enumerate(keys, 1):
        row = {} if counting else {_free("key", columns): key}
        yield Entry(number, {**row, **{name: cells.get(key, "") for name, cells in columns.items()}}, "", key)


def _split_names(stream: JsonStream, place: Place) -> tuple[list[str], list[str] | None]:
    """The columns of a table that pandas wrote with its columns apart, and its index if that does not just count."""
    stream.find(place.node.path)
    names: list[str] = []
    index: list[str] | None = None
    for key in stream.members():
        if key == "columns":
            names = [cell_text(entry.value) for entry in stream.entries()]
        elif key == "index" and stream.peek() == "[":
            counts = place.node.members["index"].counting
            index = None if counts else [cell_text(entry.value) for entry in stream.entries()]
            if counts:
                stream.skip()
        else:
            stream.skip()
    return ColumnNames().add(names), index


def _split_rows(stream: JsonStream, names: list[str], index: list[str] | None) -> Iterator[Entry]:
    for entry in stream.entries():
        value: Any = None
        if isinstance(entry.value, list) and len(entry.value) == len(names):
            value = dict(zip(names, entry.value, strict=True))
            if index is not None:
                name = _free("index", value)
                value = {name: index[entry.number - 1] if entry.number <= len(index) else "", **value}
        yield entry._replace(value=value)


# rows -----------------------------------------------------------------------------------------------------------------


def _send_values(entries: Iterable[Entry], reading: Reading, out: Rows) -> None:
    """Rows of a list of lists, or of texts."""
    first, entries = _first(entries)
    if first is not None and not isinstance(first.value, list):
        reading = replace(reading, header=reading.header or "0")

    def rows() -> Iterator[Row]:
        for entry in entries:
            values = entry.value if isinstance(entry.value, list) else [entry.value]
            cells = [cell_text(value) for value in values]
            if entry.wrong or not any(cell.strip() for cell in cells):
                out.refuse(entry.number, entry.stood, entry.wrong or "the entry is empty")
            else:
                yield Row(entry.number, cells, sum(map(len, cells)))

    send_grid(rows(), out, reading, word="entry")


def _first(entries: Iterable[Entry]) -> tuple[Entry | None, Iterator[Entry]]:
    source = iter(entries)
    first = next(source, None)
    return first, itertools.chain(() if first is None else (first,), source)


def _flat(value: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The cells of an object, and of the objects in it."""
    for key, cell in value.items():
        if isinstance(cell, dict):
            yield from _flat(cell, (*above, key)) if cell else iter((((*above, key), ""),))
        else:
            yield (*above, key), cell_text(cell)


def send_objects(entries: Iterable[Entry], out: Rows, no_object: str) -> None:
    """Send JSON objects as rows, objects in them as columns with dots in their names; what is none is refused."""
    names = ColumnNames()
    columns: dict[tuple[str, ...], int] = {}  # path of keys → its column
    rows: list[dict[tuple[str, ...], str]] = []
    numbers: list[int] = []
    characters = 0

    def flush() -> None:
        nonlocal rows, numbers, characters
        paths = list(columns)
        if len(paths) > out.columns:
            out.add_columns(names.add(".".join(path) for path in paths[out.columns :]))
        out.add(numbers, [pack_text([row.get(path, "") for row in rows]) for path in paths])
        rows, numbers, characters = [], [], 0

    for number, value, wrong, stood in entries:
        if wrong or not isinstance(value, dict):
            out.refuse(number, stood.strip(), wrong or no_object)
            continue
        try:
            row = dict(_flat(value))
        except RecursionError:
            out.refuse(number, stood, "it is nested too deeply")
            continue
        rows.append(row)
        numbers.append(number)
        for path in row:
            if path not in columns:
                columns[path] = len(columns)
        if len(columns) > MOST_COLUMNS:
            out.add_columns(names.add(".".join(path) for path in list(columns)[out.columns :]))
        characters += sum(map(len, row.values()))
        if characters >= BLOCK_CHARACTERS or len(rows) * len(columns) >= BLOCK_CELLS:
            flush()
    if rows and columns:
        flush()
    if not out.rows:
        raise TableError(f"{out.name} holds no JSON object: write one {{…}} a line, or one list [{{…}}, {{…}}]")
