"""Sounds as search queries: which addresses a person may search with, and how many of their queries run at once.

The owner may search with any address that the dataset may fetch. Everybody else may give the address of a clip of this
dataset, whose recording is then used as for playing, or an address on the public internet. For any other address, and
for any without sound, the error message is always the same: different messages would let an annotator explore the
network of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import Piece
from hover_core.data.people import MOST_SOUND_BYTES, OWNER, Person
from hover_core.errors import DecodeError, FetchError, NotFound
from hover_core.store import clip_rows
from hover_core.workspace import visibility

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset

T = TypeVar("T")

AT_ONCE: Final = 3  # queries of one person in one dataset that are fetched and decoded at the same time
OWNER_AT_ONCE: Final = 8
NO_SOUND: Final = (
    "no sound can be had from this address: give that of a clip of this dataset, or of a sound file of up to "
    f"{MOST_SOUND_BYTES >> 20} MB on the public internet"
)
NO_SOUND_OF_CLIP: Final = visibility.NOT_FETCHED


@dataclass(frozen=True)
class QuerySound:
    """The sound of a query, fetched once for the search and for the player.

    Attributes
    ----------
    piece : the recording and the stretch of it
    group : the group of the clip that it is, or is a stretch of; None if unknown
    silent : the position of the clip that it is a stretch of, which is then no result
    vague : the message of the error if it cannot be decoded; empty: the real reason
    """

    piece: Piece
    group: str | None = None
    silent: int | None = None
    vague: str = ""


@contextmanager
def turn(dataset: Dataset) -> Iterator[None]:
    """Hold one of the person's turns while the block runs.

    Raises
    ------
    Refused
        Too many queries of this person are running.
    """
    owner = dataset.by.role == OWNER
    with dataset.sounds.turns.turn(_asker(dataset.id, dataset.by), OWNER_AT_ONCE if owner else AT_ONCE):
        yield


def decode(dataset: Dataset, sound: QuerySound, work: Callable[[DecoderPool], T]) -> T:
    """Run `work` with the decoder pool for queries, and return its result.

    Each person has one decoder at a time, and the pool has more, so that one person's sound does not keep others
    waiting.

    Raises
    ------
    Refused
        Too many queries of this person are running.
    DecodeError
        The sound cannot be decoded.
    FetchError
        The sound cannot be decoded, and `sound.vague` hides the reason.
    """
    sounds = dataset.sounds
    with turn(dataset), sounds.decoding.turn(_asker(dataset.id, dataset.by), 1):
        try:
            return work(sounds.question_workers)
        except DecodeError as error:
            if sound.vague:
                raise FetchError(sound.vague) from error
            raise


def sound_at(dataset: Dataset, url: str) -> QuerySound:
    """The sound behind an address that a person entered.

    Raises
    ------
    Refused
        Too many queries of this person are running.
    FetchError
        There is no sound that this person may have; only the owner sees the reason.
    """
    sounds = dataset.sounds
    with turn(dataset):
        if dataset.by.role == OWNER:
            return QuerySound(Piece(sounds.fetch(dataset.id, url)), group_at(dataset, url))
        try:
            own = _clips_at(dataset, url)
            if not own:
                return QuerySound(Piece(sounds.fetch_public(url)), vague=NO_SOUND)
            position, group = own[0]
            clip, _, recording = sounds.recording(dataset.id, position)
        except (FetchError, NotFound) as error:
            raise FetchError(NO_SOUND) from error
        return QuerySound(Piece(recording, clip.start_s, clip.end_s), group, vague=NO_SOUND)


def recording_of(dataset: Dataset, position: int) -> Piece:
    """The recording of a clip, and the stretch of it that the clip is.

    Raises
    ------
    Refused
        Too many queries of this person are running.
    NotFound
        There is no such clip.
    FetchError
        The recording could not be fetched; only the owner sees the reason.
    """
    with turn(dataset):
        try:
            clip, _, recording = dataset.sounds.recording(dataset.id, position)
        except FetchError:
            if dataset.by.role == OWNER:
                raise
            raise FetchError(NO_SOUND_OF_CLIP) from None  # not chained: the cause names the host
        return Piece(recording, clip.start_s, clip.end_s)


def vague_of_clip(dataset: Dataset) -> str:
    """The error message for this person if a clip cannot be decoded; empty for the owner, who sees the reason."""
    return "" if dataset.by.role == OWNER else NO_SOUND_OF_CLIP


def group_at(dataset: Dataset, url: str) -> str | None:
    """The group of the clips with this address; None if they have several, or if this person may not know."""
    groups = {group for _, group in _clips_at(dataset, url)}
    return groups.pop() if len(groups) == 1 else None


def _clips_at(dataset: Dataset, url: str) -> list[tuple[int, str]]:
    """Position and group of the clips with this address; none for a blind person.

    A blind person does not see addresses, so a search must not confirm one that they guess.
    """
    if dataset.by.blind:
        return []
    identity = str(dataset.row.settings.get("identity", "full"))
    return clip_rows.with_address(dataset.store, dataset.id, url, identity)


def _asker(dataset_id: str, by: Person) -> tuple[str, ...]:
    return (dataset_id, by.role, by.name)
