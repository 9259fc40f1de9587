"""Asking with a sound: what a person may have fetched for a question, and how many questions of theirs run at once.

The owner may ask with any address that the dataset may fetch. Everybody else may give the address of a clip of this
dataset, whose own recording is then used as when it is played, or an address on the public internet. Every other
address, and every one behind which is no sound, gets one and the same sentence: an answer that told them apart would
let an annotator look into the network that the server stands in.
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

AT_ONCE: Final = 3  # questions of one person in one dataset that are fetched and decoded at the same time
OWNER_AT_ONCE: Final = 8
NO_SOUND: Final = (
    "no sound can be had from this address: give that of a clip of this dataset, or of a sound file of up to "
    f"{MOST_SOUND_BYTES >> 20} MB on the public internet"
)
NO_SOUND_OF_CLIP: Final = visibility.NOT_FETCHED


@dataclass(frozen=True)
class QuerySound:
    """The sound of a query: fetched once, to be compared and to be heard.

    Attributes
    ----------
    piece : where it lies
    group : the group of the clip that it is, or is a part of; None where nobody knows
    silent : the position of the clip of which it is a stretch, and which does not answer
    vague : what is said instead of a reason when it cannot be decoded; empty: the reason
    """

    piece: Piece
    group: str | None = None
    silent: int | None = None
    vague: str = ""


@contextmanager
def turn(dataset: Dataset) -> Iterator[None]:
    """A turn of the person who asks, for as long as the block takes. Raises Refused when they ask too much at once."""
    owner = dataset.by.role == OWNER
    with dataset.sounds.turns.turn(_asker(dataset.id, dataset.by), OWNER_AT_ONCE if owner else AT_ONCE):
        yield


def decode(dataset: Dataset, sound: QuerySound, work: Callable[[DecoderPool], T]) -> T:
    """What `work` makes of the sound in the processes that decode for questions.

    One at a time for each person: there are more processes than that, so that nobody's sound keeps others waiting.

    Raises
    ------
    Refused
        Too many questions of this person are under way.
    DecodeError
        There is no sound in it.
    FetchError
        The same, of an address for which no reasons are given.
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
    """The sound behind an address that a person gives.

    Raises
    ------
    Refused
        Too many questions of this person are under way.
    FetchError
        There is none that this person may have; whoever is not the owner is not told why.
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
    """The recording of a clip, from its beginning to its end. Raises as `sound_at`; NotFound: there is no such clip."""
    with turn(dataset):
        try:
            clip, _, recording = dataset.sounds.recording(dataset.id, position)
        except FetchError:
            if dataset.by.role == OWNER:
                raise
            raise FetchError(NO_SOUND_OF_CLIP) from None  # the cause names the host
        return Piece(recording, clip.start_s, clip.end_s)


def vague_of_clip(dataset: Dataset) -> str:
    """What this person is told instead of a reason when a clip cannot be decoded; empty for the owner."""
    return "" if dataset.by.role == OWNER else NO_SOUND_OF_CLIP


def group_at(dataset: Dataset, url: str) -> str | None:
    """The group of the clips that have this address, if they have one and the same and this person may know of it."""
    groups = {group for _, group in _clips_at(dataset, url)}
    return groups.pop() if len(groups) == 1 else None


def _clips_at(dataset: Dataset, url: str) -> list[tuple[int, str]]:
    """Position and group of the clips that this person may call by an address.

    Whoever works blind is not shown how clips are called, so an address that they guess must not confirm it.
    """
    if dataset.by.blind:
        return []
    identity = str(dataset.row.settings.get("identity", "full"))
    return clip_rows.with_address(dataset.store, dataset.id, url, identity)


def _asker(dataset_id: str, by: Person) -> tuple[str, ...]:
    return (dataset_id, by.role, by.name)
