"""Makes the demo clips and their table: spoken digits, and four kinds of other sounds.

    python -m hover_core.demo.make

writes `clips/*.ogg` and `demo.csv` again, beside this file. It needs `espeak-ng` and `sox`; the demo itself needs
neither, because its files are committed. Every clip has its own random generator, seeded by `SEED` and by the clip's
speaker, label and take: the same versions of espeak-ng and sox write the same bytes, and another voice or source does
not change the sound of other clips (only their file names and subsets).

The table has the form of the guide's: every row has a label, half the rows are raw. `speaker` is the group: the voice
of a digit, the source (`bell-a` … `bell-f`) of any other sound. Clips are assigned to subsets by label and *not* by
speaker, so the same voice is in train and in test; a new split by speaker shows the difference.
"""

import csv
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hover_core.demo import FOLDER, TABLE

SEED = 2023
RATE_HZ = 16_000
SHORTEST_S, LONGEST_S = 0.3, 1.5
PEAK_DB = -3.0  # of the loudest clips; the others are up to QUIETER_DB below
QUIETER_DB = 4.0
MEAN_DB = -17.0  # highest mean power of a clip: without it a siren after a bell would hurt

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VOICES = (
    "en-us",
    "en-us+f2",
    "en-us+m3",
    "en-us-nyc",
    "en-gb",
    "en-gb+f3",
    "en-gb-scotland",
    "en-gb-scotland+f4",
    "en-gb-x-rp+m1",
    "en-gb-x-gbcwmd+f5",
    "en-gb-x-gbclan+m7",
    "en-029+m2",
)
TAKES_PER_DIGIT = 4
SOURCES = "abcdef"
TAKES_PER_SOURCE = 5
SUBSETS_IN_TURN = ("raw", "train", "raw", "dev", "raw", "train", "raw", "test")  # 300, 150, 75, 75 of 600

Sound = np.ndarray  # mono, at RATE_HZ [shape=(n,), float64]


@dataclass(frozen=True)
class ClipSpec:
    """The description of one clip; `speaker` is its voice or source, `kind` is `speech` or `sound`."""

    label: str
    speaker: str
    kind: str
    take: int


def main() -> None:
    """Write all clips and the table.

    Raises
    ------
    FileNotFoundError
        `espeak-ng` or `sox` is not installed.
    subprocess.CalledProcessError
        One of them fails.
    """
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.ogg"):
        old.unlink()

    clips = _clip_list()
    subsets = _subsets(clips)
    order = np.random.default_rng(SEED).permutation(len(clips))  # so that a file's number says nothing about its label
    rows = []
    for number, position in enumerate(order):
        clip = clips[position]
        name = f"d{number:04d}.ogg"
        _write(name, _sound(clip))
        rows.append((f"demo:{name}", clip.label, clip.speaker, subsets[position], clip.kind))
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {len(clips)} clips", end="", file=sys.stderr, flush=True)

    with TABLE.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("audio", "label", "speaker", "SUBSET", "kind"))
        table.writerows(rows)
    print(f"\n{len(rows)} clips, {sum(path.stat().st_size for path in FOLDER.glob('*.ogg')):,} bytes")


def _clip_list() -> list[ClipSpec]:
    digits = [
        ClipSpec(digit, voice, "speech", take)
        for digit in DIGITS
        for voice in VOICES
        for take in range(TAKES_PER_DIGIT)
    ]
    others = [
        ClipSpec(label, f"{label}-{letter}", "sound", take)
        for label in OTHER_SOUNDS
        for letter in SOURCES
        for take in range(TAKES_PER_SOURCE)
    ]
    return digits + others


def _subsets(clips: list[ClipSpec]) -> list[str]:
    """The subset of every clip: clips are shuffled within their label, then get subsets in turn, label after label."""
    rng = np.random.default_rng(SEED + 1)
    shuffled = rng.permutation(len(clips))
    by_label = sorted(shuffled, key=lambda position: clips[position].label)
    subsets = [""] * len(clips)
    for turn, position in enumerate(by_label):
        subsets[position] = SUBSETS_IN_TURN[turn % len(SUBSETS_IN_TURN)]
    return subsets


def _sound(clip: ClipSpec) -> Sound:
    rng = _generator(f"{clip.speaker}/{clip.label}/{clip.take}")
    if clip.kind == "speech":
        sound = _speak(clip.label, clip.speaker, clip.take, rng)
    else:
        sound = OTHER_SOUNDS[clip.label](_generator(clip.speaker), rng)
    sound = _fade(sound)
    quieter_db = rng.uniform(0, QUIETER_DB)
    by_peak = _amplitude(PEAK_DB - quieter_db) / np.abs(sound).max()
    by_mean = _amplitude(MEAN_DB - quieter_db) / np.sqrt(np.mean(sound**2))
    return sound * min(by_peak, by_mean)


def _amplitude(db: float) -> float:
    return 10 ** (db / 20)


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng((SEED, zlib.crc32(name.encode())))


# Speech


def _speak(word: str, voice: str, take: int, rng: np.random.Generator) -> Sound:
    # A range of speeds for each take, so that no two takes of a word by one voice are the same.
    words_per_minute = 100 + 20 * take + int(rng.integers(0, 12))
    pitch = int(rng.integers(30, 71))
    while True:
        sound = _trim(_espeak(word, voice, words_per_minute, pitch))
        if len(sound) >= SHORTEST_S * RATE_HZ:
            return sound[: int(LONGEST_S * RATE_HZ)]
        words_per_minute -= 8


def _espeak(word: str, voice: str, words_per_minute: int, pitch: int) -> Sound:
    speech = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "--stdout", word],
        check=True,
        capture_output=True,
    ).stdout
    # --ignore-length: espeak-ng streams, so the length in its header is wrong
    raw = ["-t", "raw", "-e", "floating-point", "-b", "32", "-c", "1"]
    resampled = subprocess.run(
        ["sox", "-R", "-V1", "-t", "wav", "--ignore-length", "-", *raw, "-", "rate", str(RATE_HZ)],
        check=True,
        capture_output=True,
        input=speech,
    ).stdout
    return np.frombuffer(resampled, "<f4").astype(np.float64)


def _trim(sound: Sound, floor_db: float = -40.0, margin_s: float = 0.02) -> Sound:
    """`sound` without the silence at both ends (more than `floor_db` below the peak), but for a margin."""
    loud = np.flatnonzero(np.abs(sound) > _amplitude(floor_db) * np.abs(sound).max())
    margin = int(margin_s * RATE_HZ)
    return sound[max(loud[0] - margin, 0) : loud[-1] + margin]


# Other sounds. Each takes two generators: one of the source, which is the same for all of its takes and fixes its
# character, and one of the take, which varies it.


def _siren(source: np.random.Generator, take: np.random.Generator) -> Sound:
    """A tone that rises and falls, with a few harmonics."""
    low_hz, span, sweeps_hz = source.uniform(450, 800), source.uniform(1.4, 2.2), source.uniform(1.2, 4.5)
    roundness = source.uniform(0.5, 6)  # 0.5: nearly a sine; 6: jumps between two tones
    harmonics = source.uniform(0.1, 0.6, size=4)

    t = _time(take, 0.8, 1.4)
    sweep = np.tanh(roundness * np.sin(2 * np.pi * (sweeps_hz * take.uniform(0.9, 1.1) * t + take.uniform())))
    sweep /= np.tanh(roundness)
    frequency_hz = low_hz * take.uniform(0.97, 1.03) * span ** ((sweep + 1) / 2)
    phase = 2 * np.pi * np.cumsum(frequency_hz) / RATE_HZ
    tone = np.sin(phase) + sum(a * np.sin((k + 2) * phase) / (k + 1) for k, a in enumerate(harmonics))
    return tone + 0.02 * take.standard_normal(len(t))


def _rain(source: np.random.Generator, take: np.random.Generator) -> Sound:
    """A hiss with drops, which are short bursts of the same noise."""
    centre_hz, octaves = source.uniform(1200, 4500), source.uniform(0.7, 1.6)
    drops_per_s, drop_s = source.uniform(15, 90), source.uniform(0.003, 0.012)
    hiss = source.uniform(0.1, 0.4)

    t = _time(take, 0.7, 1.3)
    strikes = (take.uniform(size=len(t)) < drops_per_s / RATE_HZ) * take.exponential(size=len(t))
    dying = np.exp(-np.arange(int(6 * drop_s * RATE_HZ)) / (drop_s * RATE_HZ))
    loudness = hiss + np.convolve(strikes, dying)[: len(t)]

    def band(hz: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * (np.log2(np.maximum(hz, 1) / centre_hz) / octaves) ** 2)

    return _filter(loudness * take.standard_normal(len(t)), band)


def _bell(source: np.random.Generator, take: np.random.Generator) -> Sound:
    """One stroke: inharmonic partials, of which the high ones decay first."""
    strike_hz, decay_s = source.uniform(250, 900), source.uniform(0.25, 0.8)
    ratios = np.array([0.5, 1, 1.19, 1.5, 2, 2.51, 2.66, 3.01, 4.17, 5.43]) * source.uniform(0.97, 1.03, size=10)
    strengths = source.uniform(0.2, 1, size=10)

    t = _time(take, 0.8, 1.5)
    hardness = take.uniform(0.4, 1.4)  # a hard clapper excites the high partials
    bell = np.zeros_like(t)
    for ratio, strength in zip(ratios, strengths, strict=True):
        partial = np.sin(2 * np.pi * strike_hz * ratio * t + take.uniform(0, 2 * np.pi))
        bell += strength * ratio ** (hardness - 1.4) * np.exp(-t * (0.5 + 0.5 * ratio) / decay_s) * partial
    return bell


def _engine(source: np.random.Generator, take: np.random.Generator) -> Sound:
    """A train of unequal pulses through an exhaust with three resonances."""
    idle_hz, unevenness = source.uniform(28, 85), source.uniform(0.02, 0.12)
    resonances_hz = source.uniform((90, 300, 900), (250, 800, 2400))
    cylinders = source.uniform(0.5, 1, size=4)

    t = _time(take, 0.8, 1.4)
    revs = take.uniform(0.9, 1.15) * np.linspace(1, take.uniform(0.85, 1.3), len(t))
    turns = np.cumsum(idle_hz * revs) / RATE_HZ + take.uniform()
    firings = np.flatnonzero(np.diff(np.floor(turns), prepend=0.0) > 0)
    pulses = np.zeros_like(t)
    for count, position in enumerate(firings):
        late = int(take.normal(0, unevenness) * RATE_HZ / idle_hz)
        pulses[np.clip(position + late, 0, len(t) - 1)] += cylinders[count % 4] * take.uniform(0.8, 1)
    pulses += 0.01 * take.standard_normal(len(t))

    def exhaust(hz: np.ndarray) -> np.ndarray:
        widths_hz = resonances_hz / 4
        return sum(1 / (1 + ((hz - at) / width) ** 2) for at, width in zip(resonances_hz, widths_hz, strict=True))

    return _filter(pulses, exhaust)


OTHER_SOUNDS: dict[str, Callable[[np.random.Generator, np.random.Generator], Sound]] = {
    "siren": _siren,
    "rain": _rain,
    "bell": _bell,
    "engine": _engine,
}


def _time(take: np.random.Generator, shortest_s: float, longest_s: float) -> np.ndarray:
    """The times of the samples of a new sound. [shape=(n,), float64, seconds]"""
    return np.arange(int(take.uniform(shortest_s, longest_s) * RATE_HZ)) / RATE_HZ


def _filter(sound: Sound, gain: Callable[[np.ndarray], np.ndarray]) -> Sound:
    """`sound` with each frequency [Hz] multiplied by `gain`."""
    spectrum = np.fft.rfft(sound)
    return np.fft.irfft(spectrum * gain(np.fft.rfftfreq(len(sound), 1 / RATE_HZ)), len(sound))


def _fade(sound: Sound, fade_s: float = 0.005) -> Sound:
    """`sound` faded in and out, so that it does not click."""
    ramp = np.linspace(0, 1, int(fade_s * RATE_HZ))
    shape = np.ones(len(sound))
    shape[: len(ramp)] = ramp
    shape[-len(ramp) :] = ramp[::-1]
    return sound * shape


def _write(name: str, sound: Sound) -> None:
    raw = ["-t", "raw", "-e", "floating-point", "-b", "32", "-c", "1", "-r", str(RATE_HZ)]
    # -R: the same serial number in the Ogg pages each time. -C 2: about 40 kbit/s. An empty comment replaces sox's own.
    subprocess.run(
        ["sox", "-R", "-D", "-V1", *raw, "-", "-C", "2", "--comment", "", str(FOLDER / name)],
        check=True,
        input=sound.astype("<f4").tobytes(),
    )


if __name__ == "__main__":
    main()
