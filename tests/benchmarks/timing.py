"""Rows of a benchmark: a figure, the baseline of the same run, their ratio, and how far the runs spread.

A ratio always says how many times better ours is, whether more or less is better. `value` and `baseline` are medians
over the runs, `ratio` is the median of the ratios of the single runs, `low` and `high` are the smallest and the largest
of these.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
FSDD = ROOT.parent / "shared" / "data" / "fsdd"
FIELDS = ("measure", "setting", "value", "unit", "baseline", "ratio", "low", "high", "runs")

Row = dict[str, Any]
Rows = Iterator[Row]
T = TypeVar("T")


class Skipped(Exception):
    """A measure cannot be taken here; the message says why in a sentence."""


def fsdd(at_most: int | None = None) -> list[Path]:
    """The clips of the Free Spoken Digit Dataset in the order of their names, or as many of them, evenly chosen.

    Raises
    ------
    Skipped
        It is not beside the repository.
    """
    files = sorted(FSDD.glob("*.wav"))
    if not files:
        raise Skipped(f"the Free Spoken Digit Dataset is not in {FSDD}")
    if at_most is None or at_most >= len(files):
        return files
    return [files[i] for i in np.linspace(0, len(files) - 1, at_most).astype(int)]


def row(
    measure: str,
    setting: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    unit: str,
    *,
    more_is_better: bool = False,
    beside: str = "",
    **extras: Any,
) -> Row:
    """One row from the figures of each run; `theirs` has as many as `ours`, or one for all, or none.

    `beside` names the baseline in words.
    """
    paired = list(theirs) * len(ours) if len(theirs) == 1 else list(theirs)
    ratios = [
        (mine / other if more_is_better else other / mine) if mine and other else float("nan")
        for mine, other in zip(ours, paired, strict=False)
    ]
    return {
        "measure": measure,
        "setting": setting,
        "value": median(ours),
        "unit": unit,
        "baseline": median(theirs) if theirs else None,
        "ratio": median(ratios) if ratios else None,
        "low": min(ratios) if ratios else None,
        "high": max(ratios) if ratios else None,
        "runs": len(ours),
        "beside": beside,
        **extras,
    }


def seconds(act: Callable[[], Any]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def in_turn(runs: int, *acts: Callable[[], T]) -> list[list[T]]:
    """What each act answers in each run. They take turns, so that a busy machine is as busy for each of them."""
    answers: list[list[T]] = [[] for _ in acts]
    for _ in range(runs):
        for answer, act in zip(answers, acts, strict=True):
            answer.append(act())
    return answers


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(values, 95))


@contextmanager
def data_folder() -> Iterator[Path]:
    """An empty folder that HOVER_DATA names meanwhile; nothing of the person's own is touched."""
    kept = {name: os.environ.pop(name, None) for name in ("HOVER_DATA", "HOVER_DATABASE_URL")}
    with tempfile.TemporaryDirectory(prefix="hover-bench-", ignore_cleanup_errors=True) as folder:
        os.environ["HOVER_DATA"] = folder
        try:
            yield Path(folder)
        finally:
            for name, value in kept.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def in_a_process(module: str, *arguments: str, environment: dict[str, str] | None = None) -> Any:
    """Run `python -m module arguments` and answer the JSON that it prints last."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
