"""Each measure beside a baseline of the same run: `python -m tests.benchmarks V1 [M1 …] [--quick] [--json FILE]`.

Without an argument, or with `--help`, it lists the measures. `all` takes every one. No test asserts a time; that what
is timed is right (the same vectors, neighbours and selection) is asserted here.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.timing import FIELDS, Row, Rows, Skipped

MEASURES: Final = {
    "V1": ("vectors", "clips → vectors, 1,000 clips of FSDD by HTTP at 0 and 50 ms"),
    "V2": ("vectors", "the same on five-second stereo WAV, MP3, FLAC, Ogg, m4a"),
    "V3": ("vectors", "resume after kill -9 at half of 3,000 clips"),
    "V4": ("vectors", "memory of one decoding process: clips, ten minutes, a decoder bomb"),
    "V5": ("cluster", "clips → vectors on 1, 2 and 4 Dask workers, sound 50 ms away"),
    "Q1": ("quality", "vector quality by cosine, own speaker or source left out"),
    "Q2": ("quality", "accuracy of all clips after 100 labels"),
    "E1": ("maps", "1,000 vectors → map, in a fresh process and in a running app"),
    "E2": ("maps", "UMAP of 3,000, 10,000 and 100,000 vectors, warm"),
    "S1": ("searching", "search, top 50 of 100,000 and 1,000,000 × 140"),
    "S2": ("searching", "re-rank of 200 by dynamic time warping, and what it does to precision"),
    "M1": ("browser", "the map in a real browser at 1k, 10k, 100k, 1M points"),
    "M2": ("browser", "hover → sound starts"),
    "L1": ("people", "bulk apply of 10,000 labels, SQLite and PostgreSQL"),
    "A1": ("browser", "start → first page painted"),
    "T1": ("table_path", "a table's way in and out at 10,000, 100,000 and 1,000,000 rows"),
}
MISSING: Final = {
    "L2": "many annotators at once needs a client that speaks Streamlit's websocket; it is not written yet",
}


def measure(name: str, *, quick: bool = False) -> Rows:
    """Take one measure: its rows, as they come."""
    module = importlib.import_module(f"tests.benchmarks.{MEASURES[name][0]}")
    act: Callable[[bool], Rows] = getattr(module, name.lower())
    yield from act(quick)


def listing() -> str:
    """What can be measured, and what cannot be yet, and why."""
    lines = [f"  {name}  {words}" for name, (_, words) in MEASURES.items()]
    lines += [f"  {name}  not yet: {reason}" for name, reason in MISSING.items()]
    return "\n".join(["Measures:", *lines])


def table(rows: Sequence[Row]) -> str:
    """Rows as people read them: the figures, and below each what else was found."""
    head = ("measure", "setting", "value", "unit", "baseline", "ratio", "low", "high", "runs")
    lines = [[*head]]
    for found in rows:
        lines.append([_said(found.get(name)) for name in head])
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    out = []
    for number, line in enumerate(lines):
        right = (2, 4, 5, 6, 7, 8)
        cells = [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("  ".join(cells).rstrip())
        if number:
            rest = {name: value for name, value in rows[number - 1].items() if name not in FIELDS and value != ""}
            words = " · ".join(f"{name} {_said(value)}" for name, value in rest.items())
            out.append(f"    {words}" if words else "")
    return "\n".join(out)


def _said(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        if value == 0 or 1e-3 <= abs(value) < 1e5:
            return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        return f"{value:.2g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(map(_said, value)) + "]"
    return str(value)


def _plain(found: Row) -> Row:
    """As JSON knows it: no NaN, and nothing of numpy."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in found.items()
        if name != "paints"
    }


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for, print it, and write it down."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__.partition("\n")[0] if __doc__ else "",
        epilog=listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help="V1, M1, … or all")
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer runs: each within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, as a list of objects")
    given = parser.parse_args(arguments)
    if not given.measures:
        parser.print_help()
        return 0
    names = [name.upper() for name in given.measures]
    if "ALL" in names:
        names = list(MEASURES)
    unknown = sorted(set(names) - set(MEASURES) - set(MISSING))
    if unknown:
        parser.error(f"there is no measure {', '.join(unknown)}\n{listing()}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}", flush=True)
    rows: list[Row] = []
    failed = 0
    for name in names:
        if name in MISSING:
            print(f"\n{name} is left out: {MISSING[name]}.", flush=True)
            continue
        begun = time.monotonic()
        mine: list[Row] = []
        try:
            for found in measure(name, quick=given.quick):
                mine.append(_plain({**found, "quick": given.quick, "load": os.getloadavg()[0]}))
                _write(given.json, rows + mine)
        except Skipped as reason:
            print(f"\n{name} is left out: {reason}.", flush=True)
        except AssertionError as wrong:
            failed += 1
            print(f"\n{name} is WRONG: {wrong}", flush=True)
        rows += mine
        print(f"\n{name}: {MEASURES[name][1]} ({time.monotonic() - begun:.0f} s)\n{table(mine)}", flush=True)
    _write(given.json, rows)
    return 1 if failed else 0


def _write(path: Path | None, rows: Sequence[Row]) -> None:
    if path is not None:
        path.write_text(json.dumps(list(rows), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
