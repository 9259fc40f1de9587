"""What travels between the map in the browser and Python: sets of clips, the base of a map, and the journal.

A set is sorted clip positions as bytes in base64: first byte 0, then differences as varints (LEB128), or first byte 1,
then a bit for each position from 0; the sender takes the shorter.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hover_core.analysis import facets
from hover_core.data.arrays import Positions
from hover_core.data.clips import SUBSETS
from hover_core.data.colours import COLOURS, colour
from hover_core.data.people import Person
from hover_core.errors import NotFound, Refused
from hover_core.store import vector_rows
from hover_core.store.transaction import distinct
from hover_core.store.vector_rows import Embedding
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets

MISSING = 65_535
_STEPS = 65_534
_FORM = 2  # of the base: browsers that keep an older one fetch it anew


def encode_set(positions: Positions) -> str:
    """Clip positions as text for the browser."""
    ordered = distinct(positions)
    bits = int(ordered[-1]) // 8 + 1 if len(ordered) else 0
    # a varint has a byte at least: a set that is dense enough need not be tried as gaps
    packed = b"\x00" + _varints(np.diff(ordered, prepend=0)) if len(ordered) <= bits else b""
    if len(ordered) and (not packed or bits < len(packed) - 1):
        flags = np.zeros(bits * 8, bool)
        flags[ordered] = True
        packed = b"\x01" + np.packbits(flags, bitorder="little").tobytes()
    return base64.b64encode(packed).decode()


def decode_set(text: str, size: int) -> Positions:
    """Clip positions from the browser; `Refused` if they are none of a dataset of `size` clips."""
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("the selection could not be read: select again") from error
    if packed[:1] == b"\x01":
        flags = np.unpackbits(np.frombuffer(packed[1:], np.uint8), bitorder="little").view(bool)
        positions = np.flatnonzero(flags).astype(np.int64, copy=False)
    elif packed[:1] == b"\x00":
        positions = np.cumsum(_gaps(np.frombuffer(packed[1:], np.uint8)))
    else:
        raise Refused("the selection could not be read: select again")
    if len(positions) and (positions[0] < 0 or positions[-1] >= size):
        raise Refused(f"the selection names clip {int(positions[-1])}, the dataset has {size}: reload the page")
    return positions


def dataset_of(datasets: Datasets, embedding_id: int, *, by: Person) -> Dataset:
    """The dataset that an embedding belongs to, if `by` may see it."""
    owner = datasets.remember(
        ("owner of map", embedding_id), lambda: vector_rows.dataset_of(datasets.store, embedding_id)
    )
    if owner is None:
        raise NotFound(f"there is no map {embedding_id}")
    return datasets.open(owner, by=by)


def base(dataset: Dataset, embedding_id: int, x: str = "0", y: str = "1") -> tuple[bytes, str]:
    """All clips on a map and their ETag: a JSON header, then uint16 x, y for each clip in clip order.

    An axis is a dimension of the embedding by its number, or `c:` and the key of a numeric column. The header says
    whether it is the map of a `part`, how many clips are `missing` on it, and how many of the others are `without` a
    value for x and for y.
    """
    state = dataset.state()
    embedding = next((found for found in dataset.embeddings() if found.id == embedding_id), None)
    if embedding is None:
        raise NotFound(f"there is no map {embedding_id}")
    for axis in (x, y):  # what was made for the owner is not for everybody
        if axis.startswith("c:"):
            facets.check(dataset, axis[2:])
    # columns change with the labels and the sounds; on the embedding clips are only added
    made_of = f"{state.size}.{embedding.clips}" + (
        "" if x.isdigit() and y.isdigit() else f".{state.revision}.{state.view}"
    )

    def make() -> tuple[bytes, str]:
        placed = dataset.coordinates(embedding)
        chosen = np.stack([_axis(dataset, placed, x), _axis(dataset, placed, y)], axis=1)
        there = np.isfinite(placed[:, 0])
        chosen[~there] = np.nan  # a map of a part shows its part, whatever the axes
        tag = hashlib.sha256(f"{_FORM}/{embedding_id}/{made_of}/{x}/{y}".encode()).hexdigest()[:20]
        return _pack_base(chosen, there, part="parent" in embedding.settings), f'"{tag}"'

    return dataset.remember(("base", embedding_id, made_of, x, y), make)


def axes(embedding: Embedding) -> list[dict[str, str]]:
    """The dimensions of a map as axes. Numeric columns can be axes as well: `c:` and their key."""
    return [{"key": str(n), "title": f"{embedding.reducer.upper()} {n + 1}"} for n in range(embedding.dimension)]


def column(dataset: Dataset, key: str) -> bytes:
    """One column as bytes: length and JSON header, then float32 or uint16 a clip, then uint8 of confidence.

    `colours` are as many as there are different ones: names beyond them begin again with the first.
    """
    found = facets.column(dataset, key)
    header: dict[str, Any] = {"kind": found.kind}
    if found.values is not None:
        known = found.values[np.isfinite(found.values)]
        header |= {"min": float(known.min()) if len(known) else 0.0, "max": float(known.max()) if len(known) else 0.0}
        body = np.ascontiguousarray(found.values, "<f4").tobytes()
    else:
        assert found.codes is not None  # a column is one or the other
        coloured = [colour(code) for code in range(min(len(found.names), len(COLOURS)))]
        named = {"names": list(found.names), "colours": coloured, "opacity": found.confidence is not None}
        header |= named | {"n": len(found.codes)}
        body = np.ascontiguousarray(found.codes, "<u2").tobytes()
        body += b"\0" * (-len(body) % 4)
        if found.confidence is not None:
            body += found.confidence.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + body


def quantise(coordinates: NDArray[np.float32]) -> tuple[NDArray[np.uint16], dict[str, float]]:
    """Coordinates [shape=(n, 2)] as steps of a grid, and the grid: what the browser draws and tests a lasso against."""
    placed = np.isfinite(coordinates).all(axis=1)
    low = coordinates[placed].min(axis=0) if placed.any() else np.zeros(2)
    high = coordinates[placed].max(axis=0) if placed.any() else np.ones(2)
    span = np.where(high > low, high - low, 1.0).astype(np.float64)
    low = np.where(high > low, low, low - 0.5)  # what has no extent lies in the middle
    steps = np.full(coordinates.shape, MISSING, np.uint16)
    steps[placed] = np.rint((coordinates[placed] - low) / span * _STEPS).astype(np.uint16)
    grid = {
        "x0": float(low[0]),
        "x1": float(low[0] + span[0]),
        "y0": float(low[1]),
        "y1": float(low[1] + span[1]),
    }
    return steps, grid


def journal(dataset: Dataset, after: int, names: str = "") -> dict[str, Any]:
    """What is current of every clip that changed after a revision; of all clips for -1.

    `names` is what the answer before said of the labels' names: only those that came since are sent. Where it does not
    fit, for whoever asks sees other names than before, all is sent anew.
    """
    state = dataset.state()
    known = int(names.split(".")[0]) if after >= 0 and names else 0
    if known and names != _names_token(state.names[:known]):
        known, after = 0, -1
    fresh = state.changed > after if after >= 0 else np.ones(state.size, bool)
    changes, subsets = [], []
    if state.revision > after:
        labels = state.label[fresh]
        where = np.flatnonzero(fresh)
        for code in np.unique(labels).tolist():
            if after >= 0 or code >= 0:
                changes.append([code, encode_set(where[labels == code])])
        moved = state.subset[fresh]
        for code in np.unique(moved).tolist():
            if after >= 0 or code > 0:
                subsets.append([code, encode_set(where[moved == code])])
    return {
        "revision": state.revision,
        "n": state.size,
        "reset": after < 0,
        "labels": [[code, state.names[code], colour(code)] for code in range(known, len(state.names))],
        "names": _names_token(state.names),
        "changes": changes,
        "subsets": subsets,
    }


def _names_token(names: tuple[str, ...]) -> str:
    """How many labels there are, and which."""
    return f"{len(names)}.{zlib.crc32(json.dumps(names).encode()):x}"


def _axis(dataset: Dataset, placed: NDArray[np.float32], key: str) -> NDArray[np.float32]:
    if key.isdigit() and int(key) < placed.shape[1]:
        return placed[:, int(key)]
    if key.startswith("c:"):
        values = facets.column(dataset, key[2:]).values
        if values is not None:
            return values
    raise NotFound(f"this map has no axis {key}")


def _pack_base(coordinates: NDArray[np.float32], there: NDArray[np.bool_], *, part: bool) -> bytes:
    """The base of a map on which clips are `there`; without finite coordinates they have no value for an axis."""
    steps, grid = quantise(coordinates)
    steps[there & (steps[:, 0] == MISSING), 1] = 0  # told from those that are not on the map
    without = (~np.isfinite(coordinates[there])).sum(axis=0).tolist()
    missing = 0 if part else int((~there).sum())
    header = json.dumps({"n": len(steps), "part": part, "missing": missing, "without": without, **grid}).encode()
    header += b" " * (-len(header) % 4)
    return len(header).to_bytes(4, "little") + header + np.ascontiguousarray(steps, "<u2").tobytes()


def _varints(values: NDArray[np.int64]) -> bytes:
    if not len(values):
        return b""
    width = np.maximum(1, (np.floor(np.log2(np.maximum(values, 1))) // 7 + 1).astype(np.int64))
    ends = np.cumsum(width)
    out = np.zeros(int(ends[-1]), np.uint8)
    starts = ends - width
    for place in range(int(width.max())):
        here = width > place
        byte = (values[here] >> (7 * place)) & 0x7F
        out[starts[here] + place] = byte | np.where(width[here] > place + 1, 0x80, 0)
    return out.tobytes()


def _gaps(raw: NDArray[np.uint8]) -> NDArray[np.int64]:
    ends = np.flatnonzero(raw < 0x80)
    if not len(raw):
        return np.zeros(0, np.int64)
    if not len(ends) or ends[-1] != len(raw) - 1:
        raise Refused("the selection could not be read: select again")
    starts = np.concatenate([[0], ends[:-1] + 1])
    width = ends - starts + 1
    if width.max() > 8:
        raise Refused("the selection could not be read: select again")
    values = np.zeros(len(ends), np.int64)
    for place in range(int(width.max())):
        here = width > place
        values[here] |= (raw[starts[here] + place].astype(np.int64) & 0x7F) << (7 * place)
    return values


__all__ = ["SUBSETS", "axes", "base", "column", "dataset_of", "decode_set", "encode_set", "journal", "quantise"]
