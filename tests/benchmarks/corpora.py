"""Generated sounds that are not speech, in classes, each by sources that share nothing but the class.

What a source is (mechanism, room, microphone, background) and what happens in a clip are drawn apart, and nothing of
one source is in two groups. The same arguments give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests import sounds

RATE = 22_050
SOURCES = 8

Draw = np.random.Generator
Wave = NDArray[np.float64]
Make = Callable[[Draw, Draw, float], Wave]  # (what the source is, what happens in this clip, seconds)


@dataclass(frozen=True)
class Corpus:
    """Sounds with their classes and with the groups that nothing may be shared between."""

    name: str
    files: list[bytes]
    classes: NDArray[np.int64]
    groups: NDArray[np.int64]


def environment(clips_each: int = 8, seconds: float = 3.0) -> Corpus:
    """Ten classes of environmental sounds × eight sources × `clips_each` clips; a source has one class."""
    return _made("environment", ENVIRONMENT, clips_each, seconds, seed=0)


def instruments(clips_each: int = 8, seconds: float = 2.0) -> Corpus:
    """Ten instruments × eight specimens × `clips_each` clips; pitch, loudness and rhythm say nothing of the class."""
    return _made("instruments", INSTRUMENTS, clips_each, seconds, seed=100, colour_db=1, above_db=(20, 35))


def calls(clips_each: int = 8, seconds: float = 1.5) -> Corpus:
    """Ten calls of animals × eight stations × `clips_each` clips; every station hears all ten, each by an animal of
    its own, so that the station (its place, microphone and background) can be told from the call."""
    return _made("calls", CALLS, clips_each, seconds, seed=200, crossed=True, colour_db=2, above_db=(15, 30))


def _made(
    name: str,
    makers: Mapping[str, Make],
    clips_each: int,
    seconds: float,
    *,
    seed: int,
    crossed: bool = False,
    colour_db: float = 5.0,
    above_db: tuple[float, float] = (3.0, 25.0),
) -> Corpus:
    files, classes, groups = [], [], []
    for number, make in enumerate(makers.values()):
        for source in range(SOURCES):
            who = number * SOURCES + source
            where = source if crossed else who
            for clip in range(clips_each):
                # what the source is, and what happens in this clip, are drawn by hands of their own
                wave = make(_hand(seed, 1, who), _hand(seed, 2, who, clip), seconds)
                room, level = _hand(seed, 3, where), _hand(seed, 4, who, clip)
                wave = _recorded(wave, room, level, colour_db=colour_db, above_db=above_db)
                files.append(sounds.encode(wave.astype(np.float32), RATE))
                classes.append(number)
                groups.append(where)
    return Corpus(name, files, np.array(classes), np.array(groups))


def _hand(seed: int, *what: int) -> Draw:
    return np.random.default_rng([seed + what[0], *what[1:]])


def _recorded(wave: Wave, source: Draw, clip: Draw, *, colour_db: float, above_db: tuple[float, float]) -> Wave:
    """The wave in the source's room, by its microphone, so far above its background, at any level."""
    n = len(wave)
    length_s = source.uniform(0.05, 0.5)
    tail = np.arange(round(length_s * RATE))
    room = source.normal(size=len(tail)) * np.exp(-tail / len(tail) * 6) * source.uniform(0.02, 0.25)
    room[0] = 1
    spectrum = np.fft.rfft(wave, 2 * n) * np.fft.rfft(room, 2 * n)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(2 * n, 1 / RATE), 20) / 20)
    knots = source.normal(0, colour_db, 7)
    spectrum *= 10 ** (np.interp(octaves, np.linspace(0, 9.2, 7), knots) / 20)
    wet = np.fft.irfft(spectrum)[:n]
    wet /= np.abs(wet).max() + 1e-9
    background = _coloured(n, source.uniform(0, 2), clip)
    background *= np.sqrt((wet**2).mean() / (background**2).mean()) * 10 ** (-source.uniform(*above_db) / 20)
    out = wet + background
    out *= 10 ** (clip.uniform(-12, -1) / 20) / np.abs(out).max()
    return out


def _coloured(n: int, slope: float, draw: Draw) -> Wave:
    """Noise whose power falls with frequency to the `slope`: 0 is white, 1 pink, 2 brown."""
    hertz = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20)
    spectrum = np.fft.rfft(draw.normal(size=n)) * hertz ** (-slope / 2)
    wave = np.fft.irfft(spectrum, n)
    return np.asarray(wave / np.abs(wave).max())


def _band(wave: Wave, low: float, high: float) -> Wave:
    """Only what lies between two frequencies, with soft edges of half an octave."""
    hertz = np.maximum(np.fft.rfftfreq(len(wave), 1 / RATE), 1)
    gain = 1 / (1 + (low / hertz) ** 6) / (1 + (hertz / high) ** 6)
    return np.asarray(np.fft.irfft(np.fft.rfft(wave) * gain, len(wave)))


def _times(seconds: float) -> Wave:
    return np.arange(round(seconds * RATE)) / RATE


def _events(seconds: float, every_s: float, jitter: float, draw: Draw) -> list[float]:
    """Moments in a clip, `every_s` seconds apart, each off by a share of that; the first comes at any phase."""
    found, now = [], draw.uniform(0, every_s)
    while now < seconds - 0.02:
        found.append(now)
        now += every_s * max(0.1, 1 + jitter * draw.normal())
    return found or [0.1]


def _put(out: Wave, at_s: float, sound: Wave) -> None:
    first = round(at_s * RATE)
    part = out[first : first + len(sound)]
    part += sound[: len(part)]


def _rings(hertz: Wave, decays_s: Wave, gains: Wave, seconds: float) -> Wave:
    t = _times(seconds)[:, None]
    return np.asarray((gains * np.sin(2 * np.pi * hertz * t) * np.exp(-t / decays_s)).sum(axis=1))


def _rain(source: Draw, clip: Draw, seconds: float) -> Wave:
    n = round(seconds * RATE)
    out = _band(_coloured(n, source.uniform(0, 0.8), clip), source.uniform(300, 1_500), source.uniform(5_000, 10_000))
    low, high = source.uniform(1_000, 2_500), source.uniform(3_000, 8_000)
    for at in clip.uniform(0, seconds, round(seconds * source.uniform(30, 150))):
        hertz = clip.uniform(low, high)
        _put(out, at, clip.exponential(0.3) * _rings(np.array([hertz]), np.array([0.002]), np.array([1.0]), 0.012))
    return out


def _wind(source: Draw, clip: Draw, seconds: float) -> Wave:
    t = _times(seconds)
    gusts = sum(
        np.sin(2 * np.pi * source.uniform(0.1, 0.8) * t + clip.uniform(0, 6.3)) * source.uniform(0.2, 0.5)
        for _ in range(3)
    )
    roar = _band(_coloured(len(t), source.uniform(1.2, 2), clip), 30, source.uniform(300, 900)) * (1.2 + gusts)
    whistle = source.uniform(400, 1_500) * 2 ** (0.2 * np.asarray(gusts))
    narrow = _band(clip.normal(size=len(t)), 0.8 * whistle.mean(), 1.3 * whistle.mean())
    return np.asarray(roar + source.uniform(0, 0.08) * narrow * (1 + gusts))


def _engine(source: Draw, clip: Draw, seconds: float) -> Wave:
    t = _times(seconds)
    hertz = source.uniform(25, 110) * (1 + clip.uniform(-0.15, 0.3) * np.clip(t / seconds, 0, 1))
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    gains = source.exponential(1, 40) / np.arange(1, 41) ** source.uniform(0.5, 1.3)
    tone = sum(gain * np.sin((k + 1) * phase + source.uniform(0, 6.3)) for k, gain in enumerate(gains))
    puffs = _band(clip.normal(size=len(t)), 100, source.uniform(800, 3_000)) * np.maximum(0, np.sin(phase)) ** 4
    return np.asarray(tone + source.uniform(0.2, 1.5) * puffs)


def _bell(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    base = source.uniform(250, 1_800)
    partials = base * np.array([0.5, 1, 1.2, 1.5, 2, 2.66, 3.01, 4.16]) * source.normal(1, 0.02, 8)
    decays = source.uniform(0.3, 2) / (partials / base) ** source.uniform(0.3, 1)
    gains = source.exponential(1, 8)
    for at in _events(seconds, source.uniform(0.25, 2.0), 0.05, clip):
        _put(out, at, clip.uniform(0.5, 1) * _rings(partials, decays, gains, 2.0))
    return out


def _siren(source: Draw, clip: Draw, seconds: float) -> Wave:
    t = _times(seconds)
    low, high = source.uniform(350, 700), source.uniform(900, 1_800)
    turn = t * source.uniform(0.2, 3) + clip.uniform()
    steps = source.uniform() < 0.4
    shape = (turn % 1 < 0.5).astype(float) if steps else 0.5 - 0.5 * np.cos(2 * np.pi * turn)
    phase = 2 * np.pi * np.cumsum(low * (high / low) ** shape) / RATE
    gains = 1 / np.arange(1, 8) ** source.uniform(0.8, 2.5)
    return np.asarray(sum(gain * np.sin((k + 1) * phase) for k, gain in enumerate(gains)))


def _dog(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    pitch, length_s = source.uniform(180, 700), source.uniform(0.12, 0.35)
    formants = source.uniform((400, 1_000, 2_000), (900, 2_000, 3_800))
    for at in _events(seconds, source.uniform(0.3, 1.2), 0.3, clip):
        t = _times(length_s * clip.uniform(0.8, 1.2))
        bend = np.sin(np.pi * np.clip(t / t[-1], 0, 1)) ** 0.7
        hertz = pitch * clip.uniform(0.9, 1.1) * (0.7 + 0.5 * bend)
        phase = 2 * np.pi * np.cumsum(hertz) / RATE
        bark = np.zeros(len(t))
        for k in range(1, 25):
            gain = np.exp(-(((k * hertz[:, None] - formants) / 350) ** 2)).sum(axis=1)
            bark += np.where(k * hertz < RATE / 2, gain, 0) * np.sin(k * phase)
        bark += source.uniform(0.1, 0.6) * _band(clip.normal(size=len(t)), 500, 5_000)
        _put(out, at, bark * bend)
    return out


def _clock(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    hertz = source.uniform(1_000, 7_000, 4)
    other = hertz * source.uniform(0.7, 1.0)
    decays, gains = source.uniform(0.001, 0.012, 4), source.exponential(1, 4)
    for number, at in enumerate(_events(seconds, source.uniform(0.2, 1.0), 0.003, clip)):
        _put(out, at, _rings(other if number % 2 else hertz, decays, gains, 0.06))
    return out


def _footsteps(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    thud, low, high = source.uniform(50, 180), source.uniform(200, 1_200), source.uniform(2_000, 7_000)
    crunch, decay = source.uniform(0.1, 1.0), source.uniform(0.02, 0.1)
    for at in _events(seconds, source.uniform(0.3, 0.75), 0.06, clip):
        t = _times(0.25)
        heel = np.sin(2 * np.pi * thud * clip.uniform(0.9, 1.1) * t) * np.exp(-t / 0.04)
        sole = _band(clip.normal(size=len(t)), low, high) * np.exp(-t / decay) * crunch
        _put(out, at, clip.uniform(0.6, 1) * heel + sole)
        _put(out, at + 0.08, 0.5 * clip.uniform(0.5, 1) * sole)
    return out


def _drops(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    base, rise = source.uniform(500, 2_200), source.uniform(0.3, 1.5)
    for at in _events(seconds, source.uniform(0.15, 0.9), 0.4, clip):
        t = _times(0.15)
        hertz = base * clip.uniform(0.8, 1.25) * (1 + rise * t / 0.1)
        drop = np.sin(2 * np.pi * np.cumsum(hertz) / RATE) * np.exp(-t / source.uniform(0.02, 0.05))
        _put(out, at, clip.uniform(0.4, 1) * drop * np.minimum(1, t / 0.003))
    return out


def _birds(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    base, span = source.uniform(2_000, 5_500), source.uniform(0.1, 0.6)
    length_s, trill, notes = source.uniform(0.05, 0.25), source.uniform(0, 60), int(source.integers(1, 6))
    for at in _events(seconds, source.uniform(0.4, 1.3), 0.3, clip):
        for note in range(notes):
            t = _times(length_s)
            bend = np.cos(2 * np.pi * (t / length_s * source.uniform(0.3, 1.0) + note / 3))
            wobble = 1 + 0.05 * np.sin(2 * np.pi * trill * t)
            hertz = base * clip.uniform(0.93, 1.07) * (1 + span * 0.5 * bend) * wobble
            chirp = np.sin(2 * np.pi * np.cumsum(hertz) / RATE) * np.sin(np.pi * t / length_s)
            _put(out, at + note * length_s * 1.3, clip.uniform(0.5, 1) * chirp)
    return out


ENVIRONMENT: dict[str, Make] = {
    "rain": _rain,
    "wind": _wind,
    "engine": _engine,
    "bell": _bell,
    "siren": _siren,
    "dog": _dog,
    "clock": _clock,
    "footsteps": _footsteps,
    "drops": _drops,
    "birds": _birds,
}


# instruments ----------------------------------------------------------------------------------------------------------


def _notes(out: Wave, clip: Draw, seconds: float) -> list[tuple[float, float, float, float]]:
    """One to four notes: when, how long [s], pitch [Hz], loudness."""
    count = int(clip.integers(1, 5))
    tonic = 220 * 2 ** clip.uniform(0, 0.6)
    starts = np.sort(clip.uniform(0, 0.75 * seconds, count))
    steps = clip.choice([0, 2, 4, 5, 7], count)
    return [
        (at, clip.uniform(0.2, 0.9), tonic * 2 ** (step / 12), clip.uniform(0.4, 1))
        for at, step in zip(starts, steps, strict=True)
    ]


def _partials(pitch: Wave, gains: Wave, stretch: float = 0.0) -> Wave:
    """Harmonics on a gliding pitch [Hz]; `stretch` makes them sharp, as a stiff string does."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    out = np.zeros(len(pitch))
    for number, gain in enumerate(gains, start=1):
        ratio = number * np.sqrt(1 + stretch * number**2)
        if ratio * pitch.max() < RATE / 2:
            out += gain * np.sin(ratio * phase)
    return out


def _swell(t: Wave, length_s: float, attack_s: float, release_s: float) -> Wave:
    return np.clip(t / attack_s, 0, 1) * np.clip((length_s - t) / release_s, 0, 1)


def _blown(slope: tuple[float, float], odd: float, attack: tuple[float, float], breath: tuple[float, float]) -> Make:
    """A tone that is held: how its harmonics fall (power), how weak the even ones are, how it starts, how it hisses."""

    def make(source: Draw, clip: Draw, seconds: float) -> Wave:
        out = np.zeros(round(seconds * RATE))
        fall, rise, hiss = source.uniform(*slope), source.uniform(*attack), source.uniform(*breath)
        body = source.normal(0, 3, 24)
        vibrato, depth = source.uniform(4, 7), source.uniform(0, 0.012)
        for at, length_s, hertz, loud in _notes(out, clip, seconds):
            t = _times(length_s)
            numbers = np.arange(1, 25)
            gains = numbers ** -(fall - 0.4 * loud) * 10 ** (body / 20) * np.where(numbers % 2, 1, 1 - odd)
            pitch = hertz * (1 + depth * np.sin(2 * np.pi * vibrato * t + clip.uniform(0, 6.3)))
            tone = _partials(pitch, gains) / np.abs(gains).sum()
            noise = _band(clip.normal(size=len(t)), hertz, 6_000)
            _put(out, at, loud * _swell(t, length_s, rise, 0.08) * (tone + hiss * noise))
        return out

    return make


def _struck(
    ratios: Sequence[float], decay: tuple[float, float], fall: tuple[float, float], click: tuple[float, float]
) -> Make:
    """A tone that dies away: its partials, how long they last [s], how they fall with frequency, how it is hit."""

    def make(source: Draw, clip: Draw, seconds: float) -> Wave:
        out = np.zeros(round(seconds * RATE))
        tuned = np.array(ratios) * source.normal(1, 0.01, len(ratios))
        lasts, slope, knock = source.uniform(*decay), source.uniform(*fall), source.uniform(*click)
        gains = tuned**-slope * source.uniform(0.4, 1.6, len(ratios))
        for at, _, hertz, loud in _notes(out, clip, seconds):
            partials = hertz * tuned
            heard = partials < RATE / 2
            rung = _rings(partials[heard], lasts * tuned[heard] ** -0.7, gains[heard] / np.abs(gains).sum(), 1.2)
            t = _times(0.02)
            _put(out, at, loud * rung)
            _put(out, at, loud * knock * _band(clip.normal(size=len(t)), 800, 7_000) * np.exp(-t / 0.004))
        return out

    return make


INSTRUMENTS: dict[str, Make] = {
    "flute": _blown((1.8, 2.6), 0.0, (0.04, 0.12), (0.05, 0.2)),
    "clarinet": _blown((0.8, 1.4), 0.9, (0.02, 0.07), (0.01, 0.06)),
    "trumpet": _blown((0.3, 0.8), 0.0, (0.02, 0.06), (0.005, 0.03)),
    "bowed": _blown((0.7, 1.2), 0.1, (0.08, 0.25), (0.02, 0.1)),
    "organ": _blown((0.9, 1.5), 0.3, (0.005, 0.02), (0.0, 0.01)),
    "piano": _struck([1, 2.002, 3.01, 4.03, 5.06, 6.1, 7.2, 8.3], (0.4, 1.0), (0.8, 1.4), (0.05, 0.2)),
    "guitar": _struck([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], (0.15, 0.4), (0.4, 1.0), (0.02, 0.1)),
    "marimba": _struck([1, 3.93, 9.2], (0.06, 0.18), (0.4, 1.2), (0.1, 0.5)),
    "drum": _struck([1, 1.59, 2.14, 2.3, 2.65, 2.92], (0.08, 0.25), (0.3, 1.0), (0.3, 1.2)),
    "chime": _struck([1, 2.76, 5.4, 8.93], (0.7, 1.6), (0.0, 0.6), (0.02, 0.15)),
}


# calls ----------------------------------------------------------------------------------------------------------------


def _call(shape: Callable[[Wave], Wave], *, notes: int, note_s: float, buzz: float = 0.0, harmonics: int = 2) -> Make:
    """A call of so many notes; its pitch [octaves] runs by `shape` over 0 … 1. Animals differ in pitch, pace, voice."""

    def make(source: Draw, clip: Draw, seconds: float) -> Wave:
        out = np.zeros(round(seconds * RATE))
        pitch = 1_800 * 2 ** source.uniform(-0.25, 0.25)
        pace, span = source.uniform(0.75, 1.33), source.uniform(0.6, 1.4)
        gains = source.exponential(1, harmonics) / np.arange(1, harmonics + 1)
        now = clip.uniform(0, 0.3)
        for _ in range(max(1, notes + int(clip.integers(-1, 2)))):
            t = _times(note_s * pace * clip.uniform(0.85, 1.15))
            along = t / t[-1]
            hertz = pitch * clip.uniform(0.95, 1.05) * 2 ** (span * shape(along))
            voice = _partials(hertz, gains) / gains.sum() * (1 - buzz)
            rough = _band(clip.normal(size=len(t)), 0.7 * pitch, 2.0 * pitch) * buzz
            _put(out, now, clip.uniform(0.6, 1) * np.sin(np.pi * along) ** 0.5 * (voice + rough))
            now += len(t) / RATE * clip.uniform(1.2, 1.5)
            if now > seconds - 0.05:
                break
        return out

    return make


CALLS: dict[str, Make] = {
    "rise": _call(lambda x: x - 0.5, notes=2, note_s=0.35),
    "fall": _call(lambda x: 0.5 - x, notes=2, note_s=0.35),
    "arch": _call(lambda x: np.sin(np.pi * x) - 0.5, notes=2, note_s=0.35),
    "dip": _call(lambda x: 0.5 - np.sin(np.pi * x), notes=2, note_s=0.35),
    "flat": _call(lambda x: 0 * x, notes=2, note_s=0.35),
    "trill": _call(lambda x: 0.3 * np.sign(np.sin(2 * np.pi * 8 * x)), notes=2, note_s=0.4),
    "chirps": _call(lambda x: 0.5 - x, notes=8, note_s=0.06),
    "peeps": _call(lambda x: x - 0.5, notes=8, note_s=0.06),
    "buzz": _call(lambda x: 0 * x, notes=3, note_s=0.2, buzz=0.8),
    "caw": _call(lambda x: 0.2 * np.sin(np.pi * x), notes=2, note_s=0.3, buzz=0.3, harmonics=9),
}
