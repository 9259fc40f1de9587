"""Queries: a clip, a URL, a file, a stretch of a clip or a vector becomes vectors that can be compared.

Sounds of queries go through the same guarded fetcher, limited decoder and vectorizer as the clips of the table, and
fail with the same messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hover_core.analysis.search.search_index import has_sequences, search_index
from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import DecodedClip, Piece
from hover_core.data.arrays import Floats, Positions
from hover_core.data.people import MOST_SOUND_BYTES, OWNER
from hover_core.errors import DecodeError, NotFound, Refused
from hover_core.fetching.transport import FetchLimits
from hover_core.numerics import dtw
from hover_core.store.clip_rows import clip_at
from hover_core.vectorizers import registry
from hover_core.workspace import query_sounds
from hover_core.workspace.query_sounds import QuerySound

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset


PLAYED_S: Final = 30.0


@dataclass(frozen=True)
class Stretch:
    """A part of a clip, in seconds from the beginning of the clip."""

    position: int
    start_s: float
    end_s: float


Query = int | str | bytes | Stretch | QuerySound | Floats | Sequence["int | str | bytes | Stretch | QuerySound"]


@dataclass(frozen=True)
class PreparedQuery:
    """A query as vectors, ready to be compared.

    Attributes
    ----------
    vectorizer : the key of the vectors
    clips : positions of the clips in the query; their vectors are in the index [shape=(c,), int64]
    vectors : raw vectors of the other sounds in the query [shape=(m, d), float32]
    silent : positions of clips that are never results: those in the query, and those with a stretch in it [int64]
    frames : the sequence of each of `vectors`, if the dataset has sequences [shape=(frames, 12) each, float32]
    groups : the group of each of `vectors`; None if it is unknown
    """

    vectorizer: str
    clips: Positions
    vectors: Floats
    silent: Positions
    frames: tuple[Floats, ...] = ()
    groups: tuple[str | None, ...] = ()

    def __len__(self) -> int:
        return len(self.clips) + len(self.vectors)


def prepare_query(dataset: Dataset, query: Query) -> PreparedQuery:
    """The vectors of a query.

    Parameters
    ----------
    query
        A clip's position; a URL, which need not be in the table; the bytes of a sound file; a `Stretch` of a clip; a
        `QuerySound`; a raw vector [shape=(d,), float]; or a list of the first five. The allowed URLs, and the number of
        queries at once, depend on the person: see `asking`.

    Raises
    ------
    Refused
        Nothing is vectorized yet, the query is none of these, or too many queries of this person are running.
    NotFound
        There is no such clip, or it has no vector.
    FetchError
        The sound of a URL or a stretch could not be fetched.
    DecodeError
        The sound could not be decoded.
    """
    index, key = search_index(dataset)
    no_positions, width = np.zeros(0, np.int64), index.units.shape[1]
    if isinstance(query, np.ndarray) and query.dtype.kind == "f":
        vector = np.atleast_2d(np.asarray(query, np.float32))
        if vector.shape[-1] != width or not np.isfinite(vector).all():
            raise Refused(
                f"a vector of shape {query.shape} is no query: {width} finite numbers are needed, as {key} gives"
            )
        return PreparedQuery(key, no_positions, vector, no_positions)
    single = isinstance(query, int | np.integer | str | bytes | Stretch | QuerySound)
    parts: Sequence[Any] = [query] if single else list(query)  # type: ignore[arg-type]
    if not parts:
        raise Refused("there is nothing to search by: give a clip, a URL, a file, a stretch or a vector")
    vectors, clips, silent, frames = [], [], [], []
    groups: list[str | None] = []
    in_frames = has_sequences(dataset)
    for part in parts:
        if isinstance(part, int | np.integer):
            if index.vector_row(int(part)) is None:
                raise NotFound(_why_no_vector(dataset, int(part), key))
            clips.append(int(part))
            silent.append(int(part))
        elif isinstance(part, str):
            vectors.append(_vector_of_address(dataset, part, key))
            groups.append(query_sounds.group_at(dataset, part))
            if in_frames:
                frames.append(_frames_of(dataset, sound_of(dataset, part)))
        elif isinstance(part, bytes | Stretch | QuerySound):
            sound = sound_of(dataset, part)
            vectors.append(_vector_of_sound(dataset, sound, key))
            groups.append(sound.group)
            if in_frames:
                frames.append(_frames_of(dataset, sound))
            if sound.silent is not None:
                silent.append(sound.silent)
        else:
            raise Refused(f"{type(part).__name__} is nothing to search by: give positions, URLs, bytes or stretches")
    sound_vectors = np.stack(vectors).astype(np.float32) if vectors else np.zeros((0, width), np.float32)
    return PreparedQuery(
        key, np.array(clips, np.int64), sound_vectors, np.array(silent, np.int64), tuple(frames), tuple(groups)
    )


def prepare_playable_query(dataset: Dataset, query: str | bytes | Stretch) -> tuple[PreparedQuery, bytes]:
    """A prepared query and its sound for a player (see `playable`), fetched once. Raises as `prepare_query`."""
    _check_vectorizer(search_index(dataset)[1])  # before the fetch: the error must not depend on what is behind the URL
    with query_sounds.turn(dataset):
        sound = sound_of(dataset, query)
        return prepare_query(dataset, sound), playable(dataset, sound)


def with_frames(dataset: Dataset, query: PreparedQuery, sounds: Sequence[bytes]) -> PreparedQuery:
    """`query` with the sequences of its sounds added, whose files are `sounds`. Raises as `prepare_query`.

    For a query that was prepared before the dataset had sequences.
    """
    return replace(query, frames=tuple(_frames_of(dataset, sound_of(dataset, data)) for data in sounds))


def vector_of_url(dataset: Dataset, url: str, key: str) -> Floats:
    """The vector of a URL by a registered vectorizer. [shape=(d,), float32] Raises as `prepare_query`."""
    _check_vectorizer(key)
    with query_sounds.turn(dataset):
        return _vector_of_sound(dataset, sound_of(dataset, url), key)


def sound_of(dataset: Dataset, query: str | bytes | Stretch | QuerySound) -> QuerySound:
    """The sound of a query, fetched if it is not on this machine. Raises as `prepare_query`."""
    if isinstance(query, QuerySound):
        return query
    if isinstance(query, str):
        return query_sounds.sound_at(dataset, query)
    if isinstance(query, bytes):
        return QuerySound(Piece(_check_size(dataset, query)))
    row = clip_at(dataset.store, dataset.id, query.position)
    group = None if row is None else row[0].group
    return QuerySound(stretch_piece(dataset, query), group, query.position, query_sounds.vague_of_clip(dataset))


def stretch_piece(dataset: Dataset, stretch: Stretch) -> Piece:
    """The recording and the seconds of it that a stretch is.

    Raises
    ------
    Refused
        The stretch does not end after it begins, or begins after the end of the clip.
    NotFound
        There is no such clip.
    FetchError
        The sound of the clip could not be fetched.
    """
    row = clip_at(dataset.store, dataset.id, stretch.position)
    if row is None:
        raise NotFound(f"there is no clip at position {stretch.position}")
    if not 0 <= stretch.start_s < stretch.end_s:
        raise Refused(f"a stretch from {stretch.start_s:g} s to {stretch.end_s:g} s: it must end after it begins")
    clip = query_sounds.recording_of(dataset, stretch.position)
    first = clip.start_s or 0.0
    start, end = first + stretch.start_s, first + stretch.end_s
    if clip.end_s is not None:
        if start >= clip.end_s:
            raise Refused(f"the stretch begins at {stretch.start_s:g} s: the clip is {clip.end_s - first:g} s long")
        end = min(end, clip.end_s)
    return Piece(clip.data, start, end)


def playable(dataset: Dataset, query: str | bytes | Stretch | QuerySound) -> bytes:
    """The first `PLAYED_S` seconds of a query as WAV that every browser plays. Raises as `prepare_query`."""
    sound = sound_of(dataset, query)
    start, end = sound.piece.start_s or 0.0, sound.piece.end_s
    first = replace(sound.piece, start_s=start, end_s=min(start + PLAYED_S, end or start + PLAYED_S))
    return query_sounds.decode(dataset, sound, lambda workers: workers.wav(first))


def _vector_of_address(dataset: Dataset, url: str, key: str) -> Floats:
    """By the notebook's vectorizer if there is one (`SupervisableAudioDataset.vector_of`), else a registered one."""
    own = getattr(dataset, "vector_of", None)
    return own(url) if own is not None and key == dataset.vectorizer_key else vector_of_url(dataset, url, key)


def _vector_of_sound(dataset: Dataset, sound: QuerySound, key: str) -> Floats:
    _check_vectorizer(key)

    def vectorize(workers: DecoderPool) -> Floats:
        answer = workers.vectorize([sound.piece], key)[0]
        if isinstance(answer, DecodedClip):
            return answer.vector
        raise answer

    return query_sounds.decode(dataset, sound, vectorize)


def _check_vectorizer(key: str) -> None:
    try:
        registry.get(key)
    except Refused as error:
        raise Refused(
            f"the vectors “{key}” were not made here, so a sound cannot be turned into one: search by clips"
        ) from error


def _why_no_vector(dataset: Dataset, position: int, key: str) -> str:
    names = dataset.names([position])
    name = names[position][0] if position in names else f"the clip at position {position}"
    why = next((failure.reason for failure in dataset.failures(key) if failure.position == position), "")
    return f"{name} has no vector: {why or 'vectorize first'}"


def _check_size(dataset: Dataset, data: bytes) -> bytes:
    most = FetchLimits().max_bytes if dataset.by.role == OWNER else MOST_SOUND_BYTES
    if not data:
        raise DecodeError("empty file")
    if len(data) > most:
        raise DecodeError(f"the file has {len(data) / 1e6:.0f} MB: at most {most // 1_000_000} MB are decoded")
    return data


def _frames_of(dataset: Dataset, sound: QuerySound) -> Floats:
    return dtw.unpack(_vector_of_sound(dataset, sound, dtw.KEY))
