"""Near-duplicates of a dataset: clips that are the same sound, found by bytes, by waveform and by vector.

The search runs in a thread of this process, takes seconds, and stores its result in the database; every page can show
its progress. It fetches nothing: a clip whose sound is not in the cache any more is compared by its vector alone.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import numpy as np

from hover_core.audio.segment import Piece
from hover_core.data.arrays import Floats, Positions
from hover_core.errors import DecodeError, HoverError
from hover_core.numerics import same_sound
from hover_core.store import near_duplicate_rows, vector_rows
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.near_duplicate_groups import NearDuplicates, NearDuplicateSearch

BYTES, EAR, VECTOR = 0, 1, 2  # how a pair was recognised: EAR is by waveform
MOST_PAIRS: Final = 30_000
MOST_SECONDS: Final = 60.0
_LENGTHS_DIFFER_S: Final = 0.35  # encoders pad: MP3 at 8 kHz by up to 0.28 s
_KEPT_PRINTS_BYTES: Final = 400_000_000


_lock = threading.Lock()


def current(dataset: Dataset) -> bool:
    """Whether the stored result was computed from the vectors and clips that the dataset has now."""
    return near_duplicate_rows.made_of(dataset.store, dataset.id) == _made_of(dataset)


def last_search(dataset: Dataset) -> NearDuplicateSearch | None:
    """The last search of this process in the dataset, or None."""
    return dataset.resources.duplicate_searches.get(dataset.id)


def start(dataset: Dataset) -> NearDuplicateSearch:
    """Search in the background, unless a search is running or has seen the same data; return the search.

    Raises
    ------
    NotAllowed
        This person does not own the dataset.
    """
    dataset.by.allow("own", dataset.id)
    with _lock:
        searches = dataset.resources.duplicate_searches
        last, made_of = searches.get(dataset.id), _made_of(dataset)
        if last is not None and (last.running or last.made_of == made_of):
            return last
        search = searches[dataset.id] = NearDuplicateSearch(made_of)
    threading.Thread(target=_run, args=(dataset, search), name=f"near-duplicates of {dataset.id}", daemon=True).start()
    return search


def find(dataset: Dataset, search: NearDuplicateSearch | None = None) -> NearDuplicates:
    """Search now, store the result, and return it.

    Clips with the same bytes and the same stretch of them are the same sound. Pairs with close vectors and similar
    durations are compared by waveform, the closest first: at most 30,000, for at most a minute, and only sounds that
    are in the cache. A pair that was not compared counts if its vectors are closer than chance explains.

    Raises
    ------
    NotAllowed
        This person does not own the dataset.
    """
    dataset.by.allow("own", dataset.id)
    search = search or NearDuplicateSearch(_made_of(dataset))
    sounds = near_duplicate_rows.sounds(dataset.store, dataset.id)
    same_bytes = _same_bytes(sounds)
    parts = [(same_bytes, np.full(len(same_bytes), BYTES), np.full(len(same_bytes), np.nan, np.float32))]
    threshold, heard, unheard = 0.0, 0, 0
    positions, vectors = (
        dataset.vectors(dataset.vectorizer_key) if dataset.vectorizer_key else (_NO_POSITIONS, _NO_VECTORS)
    )
    is_first = ~np.isin(positions, same_bytes[:, 1])  # of clips with the same bytes only the first is compared
    positions, vectors = positions[is_first], vectors[is_first]
    if len(positions) > 1:
        likely = same_sound.likely(vectors)
        pairs, threshold = positions[likely.pairs], likely.threshold
        length = sounds.duration_s[pairs]
        # an unknown length (NaN) agrees with every other
        agree = ~(np.abs(length[:, 0] - length[:, 1]) > _LENGTHS_DIFFER_S)
        pairs, sure = np.sort(pairs[agree], axis=1), likely.sure[agree]
        score = _WaveformComparison(dataset, sounds).compare(pairs[:MOST_PAIRS], search)
        score = np.concatenate([score, np.full(len(pairs) - len(score), np.nan, np.float32)])
        is_compared = ~np.isnan(score)
        heard, unheard = int(is_compared.sum()), int((~is_compared).sum())
        is_same = np.where(is_compared, score >= same_sound.SAME_WAVE, sure)
        how = np.where(is_compared, EAR, VECTOR)
        parts.append((pairs[is_same], how[is_same], score[is_same]))
    pairs, how, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    result = NearDuplicates(
        same_sound.groups_of(len(sounds.sha256), pairs),
        pairs.astype(np.int64),
        how.astype(np.int8),
        score.astype(np.float32),
        threshold,
        heard,
        unheard,
        search.made_of,
    )
    numbers = np.array([threshold, heard, unheard], np.float64)
    arrays = {name: getattr(result, name) for name in ("group", "pairs", "how", "score")}
    near_duplicate_rows.keep(dataset.store, dataset.id, search.made_of, {**arrays, "numbers": numbers})
    return result


_NO_POSITIONS: Final = np.zeros(0, np.int64)
_NO_VECTORS: Final = np.zeros((0, 1), np.float32)


class _WaveformComparison:
    """Compares the waveforms of clips that are in the cache."""

    def __init__(self, dataset: Dataset, identities: near_duplicate_rows.SoundIdentities) -> None:
        self._sounds = dataset.sounds
        self._identities = identities
        self._prints: dict[int, Floats | None] = {}
        self._bytes = 0

    def compare(self, pairs: Positions, search: NearDuplicateSearch) -> Floats:
        """Resemblance of each pair [shape=(m,), float32]; NaN if a sound is not in the cache or the time is over."""
        score = np.full(len(pairs), np.nan, np.float32)
        search.total = len(pairs)
        until = time.monotonic() + MOST_SECONDS
        for number, (first, second) in enumerate(pairs.tolist()):
            if search.cancelled or time.monotonic() > until:
                break
            first_print, second_print = self._print(first), self._print(second)
            if first_print is not None and second_print is not None:
                score[number] = same_sound.resemblance(first_print, second_print)
            search.done = number + 1
        return score

    def _print(self, position: int) -> Floats | None:
        if position not in self._prints:
            if self._bytes > _KEPT_PRINTS_BYTES:
                self._prints.clear()
                self._bytes = 0
            self._prints[position] = fingerprint = self._fingerprint(position)
            self._bytes += 0 if fingerprint is None else fingerprint.nbytes
        return self._prints[position]

    def _fingerprint(self, position: int) -> Floats | None:
        sha256 = str(self._identities.sha256[position])
        sound = self._sounds.cache.get(sha256) if sha256 else None
        if sound is None:
            return None
        start_s, end_s = self._identities.start_s[position], self._identities.end_s[position]
        start_s = 0.0 if np.isnan(start_s) else float(start_s)
        most = start_s + same_sound.LONGEST_S
        end_s = None if np.isnan(end_s) and not self._identities.duration_s[position] > same_sound.LONGEST_S else (
            most if np.isnan(end_s) else min(float(end_s), most)
        )  # fmt: skip
        try:
            wav = self._sounds.workers.wav(Piece(sound, start_s or None, end_s), sample_rate=same_sound.RATE)
        except DecodeError:  # it is compared by its vector alone
            return None
        channels = int.from_bytes(wav[22:24], "little")
        wave = np.frombuffer(wav[44:], "<i2").astype(np.float32) / 32768
        return same_sound.print_of(wave.reshape(-1, channels).mean(axis=1))


def _same_bytes(identities: near_duplicate_rows.SoundIdentities) -> Positions:
    """Pairs `(first, later)` of clips that are the same stretch of the same bytes. [shape=(m, 2), int64]"""
    first: dict[tuple[str, str, str], int] = {}
    pairs = []
    for position, sha256 in enumerate(identities.sha256):
        if sha256:
            key = (sha256, str(identities.start_s[position]), str(identities.end_s[position]))
            earlier = first.setdefault(key, position)
            if earlier != position:
                pairs.append((earlier, position))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _run(dataset: Dataset, search: NearDuplicateSearch) -> None:
    try:
        find(dataset, search)
    except HoverError as error:
        search.problem = str(error)
    except Exception as error:  # in a thread nobody would see the error: the page shows it
        search.problem = f"{type(error).__name__}: {error}"
    finally:
        search.running = False


def _made_of(dataset: Dataset) -> str:
    key = dataset.vectorizer_key
    blocks, newest = vector_rows.version(dataset.store, dataset.id, key) if key else (0, 0)
    return f"{key}/{blocks}/{newest}/{dataset.row.size}"


def progress_words(search: NearDuplicateSearch) -> str:
    """The progress of a search as a sentence."""
    if not search.total:
        return "Looking for near-duplicates …"
    return f"Comparing likely near-duplicates by ear: {search.done:,} of {search.total:,} pairs"
