"""Search by ear: anything that sounds is a query, examples for and against refine it, the answer is a ranking.

Queries go through the same guarded fetch, limited decoder and vectorizer as the clips of the table, and a bad one is
refused in the same words.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.audio.decoder_pool import Workers
from hover_core.audio.segment import Heard, Piece
from hover_core.data.arrays import Floats, Positions
from hover_core.data.people import MOST_SOUND_BYTES, OWNER
from hover_core.errors import DecodeError, NotFound, Refused
from hover_core.fetching.transport import FetchLimits
from hover_core.numerics import dtw
from hover_core.numerics.index import SearchIndex
from hover_core.numerics.standardize import unit
from hover_core.store import vector_rows
from hover_core.store.clip_rows import clip_at
from hover_core.vectorizers import registry
from hover_core.workspace import asking
from hover_core.workspace.asking import QuerySound

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset


MODEL_FROM: Final = 8  # examples of each kind from which a linear model is as good as their centres
PLAYED_S: Final = 30.0
_AGAINST: Final = 0.4  # how much a centre of negative examples counts against one of positive ones
_BACKGROUND: Final = 200
_LEAST_ADVISERS: Final = 20
_MOST_ADVISERS: Final = 3_000
_MOST_TEXT: Final = 200


@dataclass(frozen=True)
class Stretch:
    """A part of a clip, in seconds from the clip's own beginning."""

    position: int
    start_s: float
    end_s: float


Query = int | str | bytes | Stretch | QuerySound | Floats | Sequence["int | str | bytes | Stretch | QuerySound"]


@dataclass(frozen=True)
class Sought:
    """A query, ready to be compared.

    Attributes
    ----------
    vectorizer : the key of what made the vectors
    clips : positions of clips that are asked for by their own vectors [shape=(c,)]
    vectors : raw, of everything else that was given [shape=(m, d), float32]
    silent : positions of clips that do not answer: those asked for, and those of which a stretch was
    frames : of each sound in `vectors` its sequence, if the dataset has sequences [shape=(frames, 12) each]
    groups : of each of `vectors` its group; None where nobody knows
    """

    vectorizer: str
    clips: Positions
    vectors: Floats
    silent: Positions
    frames: tuple[Floats, ...] = ()
    groups: tuple[str | None, ...] = ()

    def __len__(self) -> int:
        return len(self.clips) + len(self.vectors)


@dataclass(frozen=True)
class Ranking:
    """Clips that answer a query, best first.

    Attributes
    ----------
    positions : [shape=(k,)]
    scores : what they are ranked by: the cosine with the query, refined by examples if there are any, in [-1, 1]
    closer_than : the share of all compared clips that are further away [shape=(k,), 0 to 1]
    of : how many clips were compared
    by : `cosine`; `centres` or `model` where examples refined it
    took_s : seconds that the search took, without fetching and decoding the query
    distances : of a re-rank: mean distance of aligned frames, NaN for what was not compared [shape=(k,)]
    reranked_s : seconds that the re-rank took
    """

    positions: Positions
    scores: Floats
    closer_than: Floats
    of: int
    by: str = "cosine"
    took_s: float = 0.0
    distances: Floats | None = None
    reranked_s: float = 0.0

    def __len__(self) -> int:
        return len(self.positions)

    def first(self, k: int) -> Ranking:
        """The best `k` of them."""
        distances = None if self.distances is None else self.distances[:k]
        return replace(
            self,
            positions=self.positions[:k],
            scores=self.scores[:k],
            closer_than=self.closer_than[:k],
            distances=distances,
        )


def sought(dataset: Dataset, query: Query) -> Sought:
    """The vectors of a query.

    Parameters
    ----------
    query
        A clip's position; a URL, which need not be in the table; the bytes of a sound file; a `Stretch` of a clip; a
        `QuerySound`; a raw vector [shape=(d,)]; or several of the first five. Which URLs and how many at once depends
        on who asks: see `asking`.

    Raises
    ------
    Refused
        Nothing is vectorized yet, the query is none of these, or too many of this person's are under way.
    NotFound
        There is no such clip, or it has no vector.
    FetchError, DecodeError
        The URL, the bytes or the stretch have no sound.
    """
    index, key = _index(dataset)
    nothing, width = np.zeros(0, np.int64), index.units.shape[1]
    if isinstance(query, np.ndarray) and query.dtype.kind == "f":
        vector = np.atleast_2d(np.asarray(query, np.float32))
        if vector.shape[-1] != width or not np.isfinite(vector).all():
            raise Refused(
                f"a vector of shape {query.shape} is no query: {width} finite numbers are wanted, as {key} gives"
            )
        return Sought(key, nothing, vector, nothing)
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
            vectors.append(_of_address(dataset, part, key))
            groups.append(asking.group_at(dataset, part))
            if in_frames:
                frames.append(_frames_of(dataset, sound_of(dataset, part)))
        elif isinstance(part, bytes | Stretch | QuerySound):
            sound = sound_of(dataset, part)
            vectors.append(_of_sound(dataset, sound, key))
            groups.append(sound.group)
            if in_frames:
                frames.append(_frames_of(dataset, sound))
            if sound.silent is not None:
                silent.append(sound.silent)
        else:
            raise Refused(f"{type(part).__name__} is nothing to search by: give positions, URLs, bytes or stretches")
    stacked = np.stack(vectors).astype(np.float32) if vectors else np.zeros((0, width), np.float32)
    return Sought(key, np.array(clips, np.int64), stacked, np.array(silent, np.int64), tuple(frames), tuple(groups))


def find(
    dataset: Dataset,
    query: Query | Sought,
    k: int | None = 50,
    *,
    like: Sequence[int] | Positions = (),
    unlike: Sequence[int] | Positions = (),
    nearest: bool = False,
    among: NDArray[np.bool_] | None = None,
    at_least: float | None = None,
    rerank: str | None = None,
) -> Ranking:
    """The clips that sound most like a query.

    Parameters
    ----------
    query
        As in `sought`, or what it returned.
    k
        How many; None: all.
    like, unlike
        Positions of clips that are, and are not, what is meant. They answer like any other. A few shift the query by
        their centres; from `MODEL_FROM` of each a linear model takes over.
    nearest
        Of several sounds: rank by the nearest to any of them. By default their mean is the query.
    among
        Only these clips answer; they keep their place among all. [shape=(n,)]
    at_least
        Only scores of at least this answer.
    rerank
        `dtw` compares the first 200 frame by frame and orders them anew by both: good for words and calls, bad for
        steady sounds (see `dtw`, and `advice` for what the labels say). The dataset needs sequences:
        `jobs.queue.start_sequences`.

    Raises
    ------
    Refused, NotFound, FetchError, DecodeError
        As `sought`; or a re-rank without sequences.

    Source: Rocchio, J. Relevance feedback in information retrieval. The SMART Retrieval System, 1971. Weights measured.
    """
    if rerank not in (None, "dtw"):
        raise Refused(f"rerank={rerank!r} must be “dtw” or None")
    asked = query if isinstance(query, Sought) else sought(dataset, query)
    index, key = _index(dataset)
    if key != asked.vectorizer:
        raise Refused("the clips have other vectors now: ask again")
    begun = time.perf_counter()
    units = np.concatenate([index.units[index.rows_of(asked.clips)], index.asked(asked.vectors, asked.groups)])
    by = "cosine"
    for_rows, against_rows = index.rows_of(np.asarray(like, np.int64)), index.rows_of(np.asarray(unlike, np.int64))
    if len(for_rows) or len(against_rows):
        units, by = _refined(index, units, for_rows, against_rows, nearest=nearest)
    elif len(units) > 1 and not nearest:
        units = unit(units.mean(axis=0, keepdims=True))
    wanted = max(k, dtw.CANDIDATES) if k is not None and rerank else k
    rows, scores, places = _ranked(index, units, asked.silent, wanted, among, at_least)
    of = len(index.positions) - len(index.rows_of(np.unique(asked.silent)))
    closer = (1 - (places + 1) / max(of, 1)).astype(np.float32)
    ranking = Ranking(index.positions[rows], scores, closer, of, by, time.perf_counter() - begun)
    if rerank:
        ranking = _reranked(dataset, asked, ranking, nearest=nearest)
    return ranking if k is None else ranking.first(k)


def neighbours(dataset: Dataset, query: Query, k: int = 50, **options: Any) -> tuple[Positions, Floats]:
    """The `k` clips that sound most like a query, best first, and their cosines; options and errors as of `find`.

    Returns
    -------
    positions, cosines : [shape=(k,), shape=(k,)]
    """
    ranking = find(dataset, query, k, **options)
    return ranking.positions, ranking.scores


def has_sequences(dataset: Dataset) -> bool:
    """Whether somebody had the clips' sequences made, so that a search can be re-ranked."""
    return vector_rows.version(dataset.store, dataset.id, dtw.KEY)[0] > 0


def sequences(dataset: Dataset) -> dtw.Sequences:
    """The clips' sequences as they are now, read once for everybody.

    Raises
    ------
    Refused
        There are none.
    """
    version = vector_rows.version(dataset.store, dataset.id, dtw.KEY)
    if not version[0]:
        raise Refused(
            "the clips have no sequences yet, so nothing can be compared frame by frame: have them made first"
        )
    key = ("sequences", dataset.id, version)
    return dataset.remember(key, lambda: dtw.Sequences(*dataset.vectors(dtw.KEY)))


def with_frames(dataset: Dataset, asked: Sought, sounds: Sequence[bytes]) -> Sought:
    """A query of before there were sequences, with those of its sounds, as files. Raises as `sought`."""
    return replace(asked, frames=tuple(_frames_of(dataset, sound_of(dataset, data)) for data in sounds))


@dataclass(frozen=True)
class Advice:
    """What the labels say of re-ranking: precision of the ten nearest labelled clips.

    Attributes
    ----------
    plain, reranked : the share of the ten nearest that have the label of the clip asked for, 0 to 1
    asked : how many labelled clips were asked for
    took_s : seconds
    """

    plain: float
    reranked: float
    asked: int
    took_s: float


def advice(dataset: Dataset, *, sample: int = 150) -> Advice | None:
    """Whether a re-rank by `dtw` would find more clips of one label, by leaving one labelled clip out after the other.

    Clips of the query's own group do not answer it. None with fewer than 20 labelled clips, or one label alone.

    Raises
    ------
    Refused
        There are no sequences.
    """
    kept = sequences(dataset)
    index, _ = _index(dataset)
    state = dataset.state()
    begun = time.perf_counter()
    labelled = np.intersect1d(np.flatnonzero(state.label >= 0), np.intersect1d(index.positions, kept.positions))
    draw = np.random.default_rng(0)
    if len(labelled) > _MOST_ADVISERS:
        labelled = np.sort(draw.permutation(labelled)[:_MOST_ADVISERS])
    codes = state.label[labelled]
    if len(labelled) < _LEAST_ADVISERS or len(np.unique(codes)) < 2:
        return None
    units = index.units[index.rows_of(labelled)]
    groups = dataset.resources.clips(dataset.id)["group_name"].to_numpy()[labelled]
    plain, reranked = [], []
    for query in draw.permutation(len(labelled))[:sample]:
        others = np.flatnonzero((groups != groups[query]) | (groups == ""))
        others = others[others != query]
        frames = kept.of(int(labelled[query]))
        if len(others) < 10 or frames is None:
            continue
        cosines = units[others] @ units[query]
        best = np.argsort(-cosines, kind="stable")[: dtw.CANDIDATES]
        order = dtw.reordered(cosines[best], kept.distances(frames, labelled[others[best]]))
        same = codes[others[best]] == codes[query]
        plain.append(same[:10].mean())
        reranked.append(same[order][:10].mean())
    if not plain:
        return None
    return Advice(float(np.mean(plain)), float(np.mean(reranked)), len(plain), time.perf_counter() - begun)


def matching(
    dataset: Dataset, text: str, *, column: str = "", regex: bool = False, exclude: bool = False
) -> NDArray[np.bool_]:
    """Which clips' text matches, whatever the case. [shape=(n,)]

    Parameters
    ----------
    column
        One of `own_texts`, or a column of the table that this person is shown; empty: any of them.
    regex
        `text` is a regular expression (RE2's, which takes no more than linear time).
    exclude
        Answer those that do not match.

    Raises
    ------
    Refused
        The regular expression cannot be read, or there is no such column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(text) > _MOST_TEXT:
        raise Refused(f"the text to look for has {len(text)} characters: at most {_MOST_TEXT} are looked for")
    state = dataset.state()
    found = np.zeros(state.size, bool)
    for cells in _texts(dataset, state.label_names(), column):
        values = pa.array(cells[: state.size], pa.string())
        try:
            match = pc.match_substring_regex if regex else pc.match_substring
            hits = match(values, pattern=text, ignore_case=True)
        except pa.ArrowInvalid as error:
            said = str(error).removeprefix("Invalid regular expression: ")
            raise Refused(f"“{text}” is no regular expression that can be read: {said}") from error
        found[: len(values)] |= np.asarray(hits, bool)
    return ~found if exclude else found


def own_texts(dataset: Dataset) -> list[str]:
    """What text can be looked for in besides columns of the table: the owner's `url`, a guest's `name`, and `label`.

    A blind guest is told no names, so that none can be guessed letter by letter.
    """
    if dataset.by.role == OWNER:
        return ["url", "label"]
    return ["label"] if dataset.by.blind else ["name", "label"]


def ask(dataset: Dataset, query: str | bytes | Stretch) -> tuple[Sought, bytes]:
    """A query ready to be compared, and what it sounds like (see `playable`): fetched once. Raises as `sought`."""
    _can_hear(_index(dataset)[1])  # before anything is fetched: else the answer would tell what is there
    with asking.turn(dataset):
        sound = sound_of(dataset, query)
        return sought(dataset, sound), playable(dataset, sound)


def _of_address(dataset: Dataset, url: str, key: str) -> Floats:
    """By the notebook's own function where the dataset has one (`SupervisableAudioDataset.vector_of`), else by ours."""
    own = getattr(dataset, "vector_of", None)
    return own(url) if own is not None and key == dataset.vectorizer_key else of_url(dataset, url, key)


def of_url(dataset: Dataset, url: str, key: str) -> Floats:
    """The vector of a URL by a vectorizer of ours. [shape=(d,), float32] Raises as `sought`."""
    _can_hear(key)
    with asking.turn(dataset):
        return _of_sound(dataset, sound_of(dataset, url), key)


def sound_of(dataset: Dataset, query: str | bytes | Stretch | QuerySound) -> QuerySound:
    """Where the sound of a query lies, fetched if it is somewhere else. Raises as `sought`."""
    if isinstance(query, QuerySound):
        return query
    if isinstance(query, str):
        return asking.sound_at(dataset, query)
    if isinstance(query, bytes):
        return QuerySound(Piece(_small_enough(dataset, query)))
    found = clip_at(dataset.store, dataset.id, query.position)
    group = None if found is None else found[0].group
    return QuerySound(piece(dataset, query), group, query.position, asking.vague_of_clip(dataset))


def piece(dataset: Dataset, stretch: Stretch) -> Piece:
    """Where the sound of a stretch lies.

    Raises
    ------
    Refused
        It does not end after it begins, or lies outside of the clip.
    NotFound, FetchError
        There is no such clip, or its sound cannot be had.
    """
    found = clip_at(dataset.store, dataset.id, stretch.position)
    if found is None:
        raise NotFound(f"there is no clip at position {stretch.position}")
    if not 0 <= stretch.start_s < stretch.end_s:
        raise Refused(f"a stretch from {stretch.start_s:g} s to {stretch.end_s:g} s: it must end after it begins")
    clip = asking.recording_of(dataset, stretch.position)
    first = clip.start_s or 0.0
    start, end = first + stretch.start_s, first + stretch.end_s
    if clip.end_s is not None:
        if start >= clip.end_s:
            raise Refused(f"the stretch begins at {stretch.start_s:g} s: the clip is {clip.end_s - first:g} s long")
        end = min(end, clip.end_s)
    return Piece(clip.data, start, end)


def playable(dataset: Dataset, query: str | bytes | Stretch | QuerySound) -> bytes:
    """What a query sounds like, its first `PLAYED_S` seconds as WAV that every browser plays. Raises as `sought`."""
    sound = sound_of(dataset, query)
    start, end = sound.piece.start_s or 0.0, sound.piece.end_s
    first = replace(sound.piece, start_s=start, end_s=min(start + PLAYED_S, end or start + PLAYED_S))
    return asking.decode(dataset, sound, lambda workers: workers.wav(first))


def _index(dataset: Dataset) -> tuple[SearchIndex, str]:
    key = dataset.vectorizer_key
    if not key:
        raise Refused("no clip has a vector yet: vectorize first")
    index, served = dataset.indexes.get(dataset.id, key)
    if not len(index.positions):
        raise NotFound("no clip has a vector yet: vectorize first")
    return index, served


def _of_sound(dataset: Dataset, sound: QuerySound, key: str) -> Floats:
    _can_hear(key)

    def vectorize(workers: Workers) -> Floats:
        answer = workers.vectorize([sound.piece], key)[0]
        if isinstance(answer, Heard):
            return answer.vector
        raise answer

    return asking.decode(dataset, sound, vectorize)


def _can_hear(key: str) -> None:
    try:
        registry.get(key)
    except Refused as error:
        raise Refused(
            f"the vectors “{key}” were not made here, so a sound cannot be turned into one: search by clips"
        ) from error


def _why_no_vector(dataset: Dataset, position: int, key: str) -> str:
    named = dataset.names([position])
    name = named[position][0] if position in named else f"the clip at position {position}"
    why = next((failure.reason for failure in dataset.failures(key) if failure.position == position), "")
    return f"{name} has no vector: {why or 'vectorize first'}"


def _small_enough(dataset: Dataset, data: bytes) -> bytes:
    most = FetchLimits().max_bytes if dataset.by.role == OWNER else MOST_SOUND_BYTES
    if not data:
        raise DecodeError("empty file")
    if len(data) > most:
        raise DecodeError(f"the file has {len(data) / 1e6:.0f} MB: at most {most // 1_000_000} MB are decoded")
    return data


def _frames_of(dataset: Dataset, sound: QuerySound) -> Floats:
    return dtw.unpacked(_of_sound(dataset, sound, dtw.KEY))


def _reranked(dataset: Dataset, asked: Sought, ranking: Ranking, *, nearest: bool) -> Ranking:
    kept = sequences(dataset)
    queries = [frames for position in asked.clips if (frames := kept.of(int(position))) is not None]
    queries += asked.frames
    if len(queries) < len(asked):
        raise Refused("what was asked has no sequence to compare frame by frame: ask again, with a clip or a sound")
    begun = time.perf_counter()
    first = ranking.positions[: dtw.CANDIDATES]
    each = np.stack([kept.distances(query, first) for query in queries])
    distances = each.min(axis=0) if nearest else each.mean(axis=0)
    order = np.arange(len(ranking))
    order[: len(first)] = dtw.reordered(ranking.scores[: len(first)], distances)
    every = np.full(len(ranking), np.nan, np.float32)
    every[: len(first)] = distances
    return replace(
        ranking,
        positions=ranking.positions[order],
        scores=ranking.scores[order],
        closer_than=ranking.closer_than[order],
        distances=every[order],
        reranked_s=time.perf_counter() - begun,
    )


def _refined(
    index: SearchIndex, units: Floats, like: Positions, unlike: Positions, *, nearest: bool
) -> tuple[Floats, str]:
    """The query moved by examples: towards the middle of `like` and the query itself, away from `unlike`."""
    liked = np.concatenate([units, index.units[like]])
    against = index.units[unlike]
    if len(like) >= MODEL_FROM and len(unlike) >= MODEL_FROM:
        return unit(_model(index, liked, against)[None]), "model"
    if nearest and not len(unlike):
        return liked, "centres"
    moved = liked.mean(axis=0)
    if len(against):
        moved = moved - _AGAINST * against.mean(axis=0)
    return unit(moved[None]), "centres"


def _model(index: SearchIndex, liked: Floats, against: Floats) -> Floats:
    """The direction of a logistic regression. Random clips stand beside the negative examples at the same weight.

    Without them the model knows only the neighbourhood that was heard, and ranks worse than no model at all (measured).
    """
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(0)
    random = index.units[np.sort(draw.integers(0, len(index.units), _BACKGROUND))]
    given = np.concatenate([liked, against, random])
    means = np.repeat([1, 0], [len(liked), len(against) + len(random)])
    total = len(liked) + len(against)
    weights = np.concatenate(
        [
            np.full(len(part), share * total / len(part))
            for part, share in ((liked, 0.5), (against, 0.25), (random, 0.25))
        ]
    )
    model = LogisticRegression(C=20, max_iter=300).fit(given, means, sample_weight=weights)
    return np.asarray(model.coef_[0], np.float32)


def _ranked(
    index: SearchIndex,
    units: Floats,
    leave_out: Positions,
    k: int | None,
    among: NDArray[np.bool_] | None,
    at_least: float | None,
) -> tuple[Positions, Floats, NDArray[np.int64]]:
    """Rows, their scores, and at which place among all compared each is; best first."""
    out = index.rows_of(np.unique(leave_out))
    n = len(index.positions)
    if k is not None and among is None and at_least is None:
        candidates = [index.nearest(query, k + len(out)) for query in units]
        if len(candidates) == 1:
            rows, scores = candidates[0]
        else:
            rows = np.unique(np.concatenate([found for found, _ in candidates]))
            scores = np.clip((index.units[rows] @ units.T).max(axis=1), -1, 1)
            order = np.lexsort((rows, -scores))
            rows, scores = rows[order], scores[order]
        keep = ~np.isin(rows, out)
        rows, scores = rows[keep][:k], scores[keep][:k]
        return rows, scores, np.arange(len(rows))
    every = index.cosines(units)
    answers = np.ones(n, bool)
    answers[out] = False
    compared = every[answers]
    if among is not None:
        answers &= among[index.positions]
    if at_least is not None:
        answers &= every >= at_least
    rows = np.flatnonzero(answers)
    if k is not None and k < len(rows):
        rows = rows[np.argpartition(-every[rows], k)[: max(k, 1)]][:k]
    rows = rows[np.argsort(-every[rows], kind="stable")]
    if among is None:
        places = np.arange(len(rows))
    else:  # how many of all are nearer
        ordered = np.sort(compared)
        places = len(ordered) - np.searchsorted(ordered, every[rows], side="right")
    return rows, every[rows], places


def _texts(dataset: Dataset, labels: NDArray[Any], column: str) -> list[list[str]]:
    every = {
        "url": lambda: dataset.clips()["url"].tolist(),
        "name": dataset.titles,
        "label": lambda: [str(label) for label in labels],
    }
    own = {name: every[name] for name in own_texts(dataset)}
    if column == "url" and column in own:
        return [own[column]()]
    extras = dataset.clips()["extra"].tolist()  # with the columns alone that this person is shown
    named = dict.fromkeys(name for extra in extras for name in extra)
    if column and column not in own and column not in named:
        raise Refused(f"the table has no column “{column}”: choose {', '.join(own)} or one that it came with")
    cells = [texts() for name, texts in own.items() if column in ("", name)]
    return cells + [[str(extra.get(name, "")) for extra in extras] for name in named if column in ("", name)]
