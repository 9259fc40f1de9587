"""Cuts a long recording into clips: at equal steps, or in its pauses. Numbers only, no files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hover_core.errors import Refused

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WAYS: Final = ("fixed", "pauses")
STEP_S: Final = 0.01  # seconds for each value of loudness
MOST_CLIPS: Final = 100_000  # of one recording
_MARGIN_S: Final = 0.05  # seconds of a pause that are kept on either side of a sound
_SILENCE_DB: Final = -90.0  # below the last bit of 16


@dataclass(frozen=True)
class Cut:
    """The way in which recordings are cut.

    Parameters
    ----------
    way : `fixed` cuts into clips of `length_s` seconds, `pauses` where the sound is quiet.
    length_s : length of a clip [seconds, 0.1 to 3600]; with `pauses` the longest: longer sounds are cut where they are
        quietest.
    overlap_s : seconds that a clip shares with the next [0 to 0.95 × `length_s`]; only for `fixed`.
    pause_s : with `pauses`, the shortest quiet that separates two clips [seconds, 0.02 to 60].
    quiet_db : with `pauses`, sound this far below the loudest moment of the recording is quiet [dB, 1 to 90].
    shortest_s : with `pauses`, shorter sounds are left out [seconds, 0 to 3600].

    Raises
    ------
    Refused
        The way is unknown, or a number lies outside its range.
    """

    way: str = "fixed"
    length_s: float = 5.0
    overlap_s: float = 0.0
    pause_s: float = 0.3
    quiet_db: float = 30.0
    shortest_s: float = 0.1

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise Refused(f"way={self.way!r} must be one of {', '.join(WAYS)}")
        for name, least, most in (
            ("length_s", 0.1, 3600.0),
            ("overlap_s", 0.0, 3600.0),
            ("pause_s", 0.02, 60.0),
            ("quiet_db", 1.0, 90.0),
            ("shortest_s", 0.0, 3600.0),
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and least <= value <= most):
                raise Refused(f"{name}={value:g} must lie between {least:g} and {most:g}")
        if self.overlap_s > 0.95 * self.length_s:
            raise Refused(f"overlap_s={self.overlap_s:g} must be less than length_s={self.length_s:g} by a twentieth")
        if self.way == "pauses" and self.shortest_s > self.length_s:
            raise Refused(f"shortest_s={self.shortest_s:g} must not be more than length_s={self.length_s:g}")


def every(duration_s: float, cut: Cut) -> list[tuple[float, float]]:
    """The clips `[start, end)` [seconds] of equal length that cover a recording of `duration_s`.

    The last clip ends with the recording. If less than a quarter of a length is left for it, the clip before ends
    there instead.

    Raises
    ------
    Refused
        There would be more than `MOST_CLIPS`.

    Examples
    --------
    >>> every(12.0, Cut(length_s=5))
    [(0.0, 5.0), (5.0, 10.0), (10.0, 12.0)]
    """
    step = cut.length_s - cut.overlap_s
    _few_enough(duration_s / step)
    stretches: list[tuple[float, float]] = []
    number = 0
    while not stretches or stretches[-1][1] < duration_s:
        start = number * step
        end = min(start + cut.length_s, duration_s)
        if stretches and end - stretches[-1][1] < cut.length_s / 4 and end >= duration_s:
            stretches[-1] = (stretches[-1][0], duration_s)
            break
        stretches.append((start, end))
        number += 1
    return [(_rounded(start), _rounded(end)) for start, end in stretches]


def at_pauses(loudness_db: NDArray[np.float32], duration_s: float, cut: Cut) -> list[tuple[float, float]]:
    """The sounds `[start, end)` [seconds] between pauses, with a twentieth of a second around each.

    Parameters
    ----------
    loudness_db : one value for each `STEP_S`, as `DecoderPool.loudness` measures them
        [shape=(n,), float32, dBFS].
    duration_s : duration of the recording [seconds].

    Raises
    ------
    Refused
        There would be more than `MOST_CLIPS`.

    Examples
    --------
    >>> import numpy as np
    >>> loudness_db = np.repeat(np.float32([-10, -80, -10]), 50)
    >>> at_pauses(loudness_db, 1.5, Cut("pauses"))
    [(0.0, 0.55), (0.95, 1.5)]
    """
    import numpy as np

    if not len(loudness_db) or loudness_db.max() < _SILENCE_DB:
        return []
    loud = loudness_db >= loudness_db.max() - cut.quiet_db
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(np.int8), [0]])))
    firsts, lasts = edges[::2], edges[1::2]
    pause = max(1, round(cut.pause_s / STEP_S))
    parts = firsts[1:] - lasts[:-1] >= pause
    firsts, lasts = firsts[np.concatenate([[True], parts])], lasts[np.concatenate([parts, [True]])]
    long_enough = lasts - firsts >= cut.shortest_s / STEP_S
    firsts, lasts = firsts[long_enough], lasts[long_enough]
    margin = round(_MARGIN_S / STEP_S)
    room = np.concatenate([[2 * margin], firsts[1:] - lasts[:-1], [2 * margin]]) // 2
    starts = np.maximum(firsts - np.minimum(margin, room[:-1]), 0)
    ends = np.minimum(lasts + np.minimum(margin, room[1:]), len(loudness_db))
    _few_enough(len(starts) + float((ends - starts).sum()) * STEP_S / cut.length_s)
    stretches: list[tuple[float, float]] = []
    longest = max(2, round(cut.length_s / STEP_S))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        while end - start > longest:
            half = start + longest // 2
            # of equally quiet moments the last: clips of an even sound are as long as possible
            window = loudness_db[half : start + longest + 1]
            at = half + len(window) - 1 - int(np.argmin(window[::-1]))
            stretches.append((start * STEP_S, at * STEP_S))
            start = at
        stretches.append((start * STEP_S, min(end * STEP_S, duration_s)))
    return [(_rounded(start), _rounded(end)) for start, end in stretches]


def _few_enough(clips: float) -> None:
    if clips > MOST_CLIPS:
        raise Refused(f"more than {MOST_CLIPS:,} clips of one recording: choose longer ones")


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
