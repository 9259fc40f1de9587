"""Where the rows lie in a JSON object: in a list in it, or in the object itself, in a shape that programs write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal

from hover_core.tables.reading.json_stream import JsonStream
from hover_core.tables.reading.looks import KNOWN_NAMES, is_path, name_key, share_of
from hover_core.tables.rows import cell_text

_SAMPLE: Final = 30
_MOST_DEPTH: Final = 5
_SUBSETS: Final = frozenset((
    "raw", "train", "training", "dev", "development", "val", "valid", "validation", "eval", "evaluation", "test",
    "testing",
))  # fmt: skip

# objects: a list of them · lists, texts: a list of them · split, index, columns: as pandas writes · arrays: a list for
# each column · parts: a list of rows for each key · mapping: key and value are a row · one: the object is one row
Form = Literal["objects", "lists", "texts", "split", "index", "columns", "arrays", "parts", "mapping", "one"]


@dataclass
class Node:
    """A value of a JSON text, as much of it as is needed to know what it is.

    Attributes
    ----------
    kind : `object`, `list` or `cell`.
    count : how many members or entries it has.
    kinds : of how many kinds its members or entries are.
    counting : whether its keys, or its entries, count 0, 1, 2 …
    members : the first members of an object.
    sample : the first entries of a list, or a cell.
    """

    kind: str
    path: tuple[str, ...]
    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    counting: bool = True
    members: dict[str, Node] = field(default_factory=dict)
    sample: list[Any] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The path as `Reading.records` has it."""
        return ".".join(self.path) or "."

    def all_are(self, kind: str) -> bool:
        """Whether there are members or entries, all of one kind."""
        return self.count > 0 and self.kinds[kind] == self.count


def kind_of(value: Any) -> str:
    """The kind of a value of Python's."""
    return "object" if isinstance(value, dict) else "list" if isinstance(value, list) else "cell"


def look(stream: JsonStream, path: tuple[str, ...] = ()) -> Node:
    """What the next value is; it is taken."""
    entry = stream.value_at_hand()
    if entry is not None:
        return _node_of(entry.value, path)
    mark = stream.peek()
    if mark == "{" and len(path) < _MOST_DEPTH:
        node = Node("object", path)
        for key, member in stream.pairs():
            if member is None:
                _add_member(node, key, look(stream, (*path, key)))
            else:
                _add_value(node, key, member.value)
    elif mark == "[":
        node = Node("list", path)
        for listed in stream.entries():
            _add_entry(node, listed.value)
    else:
        node = Node("cell", path)
        stream.skip()
    return node


def _node_of(value: Any, path: tuple[str, ...]) -> Node:
    node = Node(kind_of(value), path)
    if isinstance(value, dict):
        for key, member in value.items():
            _add_value(node, key, member)
    elif isinstance(value, list):
        for listed in value:
            _add_entry(node, listed)
    else:
        node.sample.append(value)
    return node


def _add_value(node: Node, key: str, value: Any) -> None:
    """Count a member that is in memory, and keep it where it is one of the first."""
    if node.count < _SAMPLE and len(node.path) < _MOST_DEPTH:
        _add_member(node, key, _node_of(value, (*node.path, key)))
    else:
        node.counting = node.counting and key == str(node.count)
        node.count += 1
        node.kinds[kind_of(value)] += 1


def _add_member(node: Node, key: str, child: Node) -> None:
    node.counting = node.counting and key == str(node.count)
    node.count += 1
    node.kinds[child.kind] += 1
    if len(node.members) < _SAMPLE:
        node.members[key] = child


def _add_entry(node: Node, value: Any) -> None:
    node.counting = node.counting and type(value) is int and value == node.count
    node.count += 1
    node.kinds[kind_of(value)] += 1
    if len(node.sample) < _SAMPLE:
        node.sample.append(value)


# which of them are rows -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A place where rows may lie, in which form, and how much speaks for it."""

    node: Node
    form: Form
    score: float
    key_name: str = ""

    @property
    def rows(self) -> int:
        """How many rows there are, about."""
        if self.form == "one":
            return 1
        first = next(iter(self.node.members.values()), None)
        if self.form == "split":
            return self.node.members["data"].count
        if self.form in ("columns", "arrays") and first is not None:
            return first.count
        return sum(child.count for child in self.node.members.values()) if self.form == "parts" else self.node.count


def places(root: Node) -> list[Place]:
    """Where the rows may lie in an object, the likeliest first."""
    candidates = [place for node in _nodes(root) for place in _forms(node, node is root)]
    return sorted(candidates, key=lambda place: (-place.score, len(place.node.path)))


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.members.values():
        yield from _nodes(child)


def _forms(node: Node, is_root: bool) -> Iterator[Place]:
    if node.kind == "list":
        if node.kinds["object"] * 2 > node.count:
            yield Place(node, "objects", 2 + _addresses(node.sample))
        elif node.all_are("list"):
            yield Place(node, "lists", 1 + _addresses(node.sample))
        elif node.all_are("cell") and _addresses(node.sample) > 0.9:
            yield Place(node, "texts", 1.5)
    if node.kind != "object":
        return
    form, key_name = _form_of_object(node)
    if form:
        yield Place(node, form, _score(node, form) - 0.1 * len(node.path), key_name)
    elif is_root and node.count:
        cells = [child.sample[0] for child in node.members.values() if child.kind == "cell" and child.sample]
        inner = [child.members for child in node.members.values() if child.kind == "object"]
        cells += [child.sample[0] for members in inner for child in members.values() if child.sample]
        here = any(is_path(cell_text(cell)) for cell in cells)
        yield Place(node, "one", 2.9 if here else 0.5)


def _score(node: Node, form: Form) -> float:
    if form == "split":
        return 5.0
    if form in ("parts", "columns", "arrays", "index"):
        return 3.05 + 0.5 * (form in ("index", "parts"))
    return 2.5


def _form_of_object(node: Node) -> tuple[Form | None, str]:
    """In which form an object as a whole is a table."""
    children = list(node.members.values())
    names, data = node.members.get("columns"), node.members.get("data")
    if names is not None and data is not None and names.all_are("cell") and data.kind == "list":
        return ("split", "index") if data.all_are("list") or not data.count else (None, "")
    if node.all_are("list"):
        return _form_of_lists(node, children)
    if node.all_are("object") and all(child.count for child in children):
        return _form_of_objects(node, children)
    if node.all_are("cell") and node.count > 1:
        keys, values = list(node.members), [cell_text(child.sample[0]) for child in children if child.sample]
        named = any(name_key(key) in KNOWN_NAMES for key in keys) or not all(values)
        if share_of(is_path, keys) > 0.9 or (share_of(is_path, values) > 0.9 and node.count > 2 and not named):
            return "mapping", ""
    return None, ""


def _form_of_lists(node: Node, children: Sequence[Node]) -> tuple[Form | None, str]:
    subsets = all(key.lower() in _SUBSETS for key in node.members)
    key_name = "split" if subsets else "key"
    if all(child.all_are("object") or not child.count for child in children):
        alike = len(children) > 1 and len({frozenset(child.sample[0]) for child in children if child.sample}) == 1
        return ("parts", key_name) if subsets or alike else (None, "")
    if not all(child.all_are("cell") or not child.count for child in children):
        return None, ""
    if all(_addresses(child.sample) > 0.9 for child in children if child.count) and (len(children) > 1 or subsets):
        return "parts", key_name
    if len({child.count for child in children}) == 1 and children[0].count and len(children) > 1:
        return "arrays", ""
    return None, ""


def _form_of_objects(node: Node, children: Sequence[Node]) -> tuple[Form | None, str]:
    """Objects in an object: its keys name rows (`index`) or columns."""
    inner = [list(child.members) for child in children]
    if not all(child.kinds["list"] + child.kinds["object"] < child.count for child in children):
        return None, ""
    outer_rows = _like_rows(list(node.members))
    inner_rows = max(map(_like_rows, inner))
    same = len({tuple(keys[:5]) for keys in inner}) == 1
    if inner_rows > outer_rows and same:
        return "columns", "key"
    alike = bool(frozenset(inner[0]).intersection(*inner[1:]))
    if outer_rows >= 1.5 or (alike and len(children) > 1 and (outer_rows > inner_rows or same)):
        return "index", "key"
    return None, ""


def _like_rows(keys: Sequence[str]) -> float:
    """How much keys look like those of rows: they count, or are addresses, and are no names of columns."""
    if any(name_key(key) in KNOWN_NAMES for key in keys):
        return 0.0
    if all(key.lstrip("-").isdigit() for key in keys):
        return 2.0
    return 1.5 if share_of(is_path, keys) > 0.9 else 0.5


def _addresses(values: Sequence[Any]) -> float:
    """Which part of some entries holds an address or a path. [0 to 1]"""
    return sum(any(is_path(text) for text in _texts(value)) for value in values) / len(values) if values else 0.0


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in islice(value.values(), 100):
            yield from _texts(member)
    elif isinstance(value, list):
        yield from (entry for entry in value[:20] if isinstance(entry, str))
