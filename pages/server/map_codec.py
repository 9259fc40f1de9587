"""The map codec: sets of clips, bases of maps, facets and the journal, as bytes and JSON for the map in the browser.

A set is sorted clip positions as bytes in base64: either byte 0 and then differences as varints (LEB128), or byte 1 and
then one bit for each position from 0 on. The sender takes the shorter form.
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

MISSING = 65_535  # the step of a clip without a coordinate
_STEPS = 65_534
_FORMAT = 2  # version of the base's format, part of its ETag: browsers do not reuse an older format


def encode_set(positions: Positions) -> str:
    """Encode clip positions as text for the browser.

    Parameters
    ----------
    positions : Positions
        Clip positions in any order, also repeated [shape=(n,), int64].

    Examples
    --------
    >>> encode_set(np.array([1, 2, 300]))
    'AAEBqgI='
    """
    ordered = distinct(positions)
    bits = int(ordered[-1]) // 8 + 1 if len(ordered) else 0
    # a varint takes a byte at least: for a dense set, varints cannot be the shorter form
    data = b"\x00" + _varints(np.diff(ordered, prepend=0)) if len(ordered) <= bits else b""
    if len(ordered) and (not data or bits < len(data) - 1):
        flags = np.zeros(bits * 8, bool)
        flags[ordered] = True
        data = b"\x01" + np.packbits(flags, bitorder="little").tobytes()
    return base64.b64encode(data).decode()


def decode_set(text: str, size: int) -> Positions:
    """Decode clip positions from the browser.

    Parameters
    ----------
    text : str
        A set as `encode_set` writes it.
    size : int
        Number of clips of the dataset.

    Returns
    -------
    Positions
        Sorted clip positions [shape=(n,), int64, 0 to size - 1].

    Raises
    ------
    Refused
        The text is not a set, or a position is not one of the dataset's.

    Examples
    --------
    >>> decode_set('AAEBqgI=', size=301)
    array([  1,   2, 300])
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("the selection could not be read: select again") from error
    if data[:1] == b"\x01":
        flags = np.unpackbits(np.frombuffer(data[1:], np.uint8), bitorder="little").view(bool)
        positions = np.flatnonzero(flags).astype(np.int64, copy=False)
    elif data[:1] == b"\x00":
        positions = np.cumsum(_gaps(np.frombuffer(data[1:], np.uint8)))
    else:
        raise Refused("the selection could not be read: select again")
    if len(positions) and (positions[0] < 0 or positions[-1] >= size):
        raise Refused(f"the selection names clip {int(positions[-1])}, the dataset has {size}: reload the page")
    return positions


def dataset_of(datasets: Datasets, embedding_id: int, *, by: Person) -> Dataset:
    """The dataset to which an embedding belongs.

    Raises
    ------
    NotFound
        No embedding has this number.
    NotAllowed
        `by` may not see the dataset.
    """
    owner = datasets.remember(
        ("owner of map", embedding_id), lambda: vector_rows.dataset_of(datasets.store, embedding_id)
    )
    if owner is None:
        raise NotFound(f"there is no map {embedding_id}")
    return datasets.open(owner, by=by)


def base(dataset: Dataset, embedding_id: int, x: str = "0", y: str = "1") -> tuple[bytes, str]:
    """The base of a map: where each clip lies.

    Parameters
    ----------
    x, y : str
        An axis: the number of a dimension of the embedding, or `c:` and the key of a numeric facet.

    Returns
    -------
    bytes
        Length and JSON header, then x and y of each clip in clip order [shape=(n, 2), uint16]. The header says whether
        this is the map of a `part`, how many clips are `missing` on it, and how many of the others are `without` a
        value for x and for y.
    str
        The ETag of these bytes.

    Raises
    ------
    NotFound
        The dataset has no such embedding, or the map has no such axis.
    """
    state = dataset.state()
    embedding = next((row for row in dataset.embeddings() if row.id == embedding_id), None)
    if embedding is None:
        raise NotFound(f"there is no map {embedding_id}")
    for axis in (x, y):  # some facets are for the owner only
        if axis.startswith("c:"):
            facets.check(dataset, axis[2:])
    # facets change with the labels and the sounds; an embedding only gains clips
    version = f"{state.size}.{embedding.clips}" + (
        "" if x.isdigit() and y.isdigit() else f".{state.revision}.{state.view}"
    )

    def make() -> tuple[bytes, str]:
        coordinates = dataset.coordinates(embedding)
        points = np.stack([_axis(dataset, coordinates, x), _axis(dataset, coordinates, y)], axis=1)
        on_map = np.isfinite(coordinates[:, 0])
        points[~on_map] = np.nan  # the map of a part shows only its part, on any axes
        tag = hashlib.sha256(f"{_FORMAT}/{embedding_id}/{version}/{x}/{y}".encode()).hexdigest()[:20]
        return _pack_base(points, on_map, part="parent" in embedding.settings), f'"{tag}"'

    return dataset.remember(("base", embedding_id, version, x, y), make)


def axes(embedding: Embedding) -> list[dict[str, str]]:
    """The dimensions of a map as axes. Numeric facets can be axes as well: `c:` and their key."""
    return [{"key": str(n), "title": f"{embedding.reducer.upper()} {n + 1}"} for n in range(embedding.dimension)]


def column(dataset: Dataset, key: str) -> bytes:
    """One facet as bytes: length and JSON header, then float32 or uint16 for each clip, then uint8 of confidence.

    The header's `colours` has each colour once: names beyond them begin again with the first.

    Raises
    ------
    NotFound
        The dataset has no such facet, or the person may not see it.
    """
    facet = facets.column(dataset, key)
    header: dict[str, Any] = {"kind": facet.kind}
    if facet.values is not None:
        finite = facet.values[np.isfinite(facet.values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
        header |= {"min": low, "max": high}
        body = np.ascontiguousarray(facet.values, "<f4").tobytes()
    else:
        assert facet.codes is not None  # a facet has either values or codes
        colours = [colour(code) for code in range(min(len(facet.names), len(COLOURS)))]
        header |= {"names": list(facet.names), "colours": colours, "opacity": facet.confidence is not None}
        header |= {"n": len(facet.codes)}
        body = np.ascontiguousarray(facet.codes, "<u2").tobytes()
        body += b"\0" * (-len(body) % 4)
        if facet.confidence is not None:
            body += facet.confidence.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + body


def quantise(coordinates: NDArray[np.float32]) -> tuple[NDArray[np.uint16], dict[str, float]]:
    """Round coordinates to a grid of 65,535 steps on each axis. The browser draws these and tests a lasso against them.

    Parameters
    ----------
    coordinates : array
        x and y of each clip [shape=(n, 2), float32]. A clip with a coordinate that is not finite has no place.

    Returns
    -------
    array
        Steps from 0 to 65,534, or `MISSING` [shape=(n, 2), uint16].
    dict
        The edges of the grid: `x0`, `x1`, `y0`, `y1`, in the coordinates' unit.

    Examples
    --------
    >>> steps, grid = quantise(np.float32([[0, 0], [1, 2], [np.nan, 1]]))
    >>> steps.tolist(), grid["y1"]
    ([[0, 0], [65534, 65534], [65535, 65535]], 2.0)
    """
    has_place = np.isfinite(coordinates).all(axis=1)
    low = coordinates[has_place].min(axis=0) if has_place.any() else np.zeros(2)
    high = coordinates[has_place].max(axis=0) if has_place.any() else np.ones(2)
    span = np.where(high > low, high - low, 1.0).astype(np.float64)
    low = np.where(high > low, low, low - 0.5)  # an axis without extent: all clips in the middle
    steps = np.full(coordinates.shape, MISSING, np.uint16)
    steps[has_place] = np.rint((coordinates[has_place] - low) / span * _STEPS).astype(np.uint16)
    grid = {
        "x0": float(low[0]),
        "x1": float(low[0] + span[0]),
        "y0": float(low[1]),
        "y1": float(low[1] + span[1]),
    }
    return steps, grid


def journal(dataset: Dataset, after: int, names: str = "") -> dict[str, Any]:
    """The current label and subset of every clip that changed after revision `after`; of all clips for -1.

    Parameters
    ----------
    names : str
        The `names` of the answer before. Only names of labels that came since then are sent. If it does not match,
        because the person sees other names than before, the whole journal is sent again.
    """
    state = dataset.state()
    sent_count = int(names.split(".")[0]) if after >= 0 and names else 0
    if sent_count and names != _names_token(state.names[:sent_count]):
        sent_count, after = 0, -1
    fresh = state.changed > after if after >= 0 else np.ones(state.size, bool)
    changes, subsets = [], []
    if state.revision > after:
        labels = state.label[fresh]
        positions = np.flatnonzero(fresh)
        for code in np.unique(labels).tolist():
            if after >= 0 or code >= 0:
                changes.append([code, encode_set(positions[labels == code])])
        codes = state.subset[fresh]
        for code in np.unique(codes).tolist():
            if after >= 0 or code > 0:
                subsets.append([code, encode_set(positions[codes == code])])
    return {
        "revision": state.revision,
        "n": state.size,
        "reset": after < 0,
        "labels": [[code, state.names[code], colour(code)] for code in range(sent_count, len(state.names))],
        "names": _names_token(state.names),
        "changes": changes,
        "subsets": subsets,
    }


def _names_token(names: tuple[str, ...]) -> str:
    """The number of labels and a checksum of their names."""
    return f"{len(names)}.{zlib.crc32(json.dumps(names).encode()):x}"


def _axis(dataset: Dataset, coordinates: NDArray[np.float32], key: str) -> NDArray[np.float32]:
    if key.isdigit() and int(key) < coordinates.shape[1]:
        return coordinates[:, int(key)]
    if key.startswith("c:"):
        values = facets.column(dataset, key[2:]).values
        if values is not None:
            return values
    raise NotFound(f"this map has no axis {key}")


def _pack_base(coordinates: NDArray[np.float32], on_map: NDArray[np.bool_], *, part: bool) -> bytes:
    """The base of a map. A clip that is `on_map` but has a coordinate that is not finite has no value for an axis."""
    steps, grid = quantise(coordinates)
    steps[on_map & (steps[:, 0] == MISSING), 1] = 0  # tells them from clips that are not on the map
    without = (~np.isfinite(coordinates[on_map])).sum(axis=0).tolist()
    missing = 0 if part else int((~on_map).sum())
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
    for byte_number in range(int(width.max())):
        here = width > byte_number
        byte = (values[here] >> (7 * byte_number)) & 0x7F
        out[starts[here] + byte_number] = byte | np.where(width[here] > byte_number + 1, 0x80, 0)
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
    for byte_number in range(int(width.max())):
        here = width > byte_number
        values[here] |= (raw[starts[here] + byte_number].astype(np.int64) & 0x7F) << (7 * byte_number)
    return values


__all__ = ["SUBSETS", "axes", "base", "column", "dataset_of", "decode_set", "encode_set", "journal", "quantise"]
