"""T1: a table's way in and out: file → rows → plan → clips in the database → in memory → own vectors → export.

`python -m tests.benchmarks.table_path ROWS` takes it once, in a process of its own, so that the peak of its memory is
that of this table.
"""

from __future__ import annotations

import csv
import io
import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from hover_core.exchange import formats, imported_vectors
from hover_core.tables.reading import foreign_files
from hover_core.workspace.datasets import Datasets
from tests.benchmarks.timing import Rows, data_folder, in_a_process, row

SIZES = {"10k": 10_000, "100k": 100_000, "1M": 1_000_000}
WIDTH = 64
STEPS = ("read_s", "plan_s", "add_s", "clips_s", "vectors_s", "export_s")


def t1(quick: bool) -> Rows:
    """Seconds and peak memory of each step, beside pandas reading the same CSV."""
    before: dict[str, float] | None = None
    for setting, size in list(SIZES.items())[: 2 if quick else 3]:
        steps = in_a_process("tests.benchmarks.table_path", str(size))
        in_s = steps["read_s"] + steps["plan_s"] + steps["add_s"]
        growth = None if before is None else sum(steps[name] for name in STEPS) / sum(before[name] for name in STEPS)
        yield row(
            "T1", setting, [in_s], [steps["pandas_s"]], "s", beside="pandas reads the same CSV",
            in_s=in_s, growth=growth, **{name: steps[name] for name in (*STEPS, "peak_mb")},
        )  # fmt: skip
        before = steps


def take(size: int) -> dict[str, float]:
    """The seconds of each step for one table, and the peak of memory in MB."""
    data = generated_table(size)
    steps: dict[str, float] = {}

    def timed(name: str, begun: float) -> None:
        steps[name] = time.perf_counter() - begun

    begun = time.perf_counter()
    table = foreign_files.read_table(data, "clips.csv")
    timed("read_s", begun)
    dataset = Datasets().new("t1")
    begun = time.perf_counter()
    intake = dataset.plan(table)
    timed("plan_s", begun)
    assert (len(intake.clips), len(intake.refused), len(intake.duplicates)) == (size, 0, 0)
    begun = time.perf_counter()
    added = dataset.add(intake)
    timed("add_s", begun)
    assert (added.new, added.labelled) == (size, size // 2)
    del intake, table
    begun = time.perf_counter()
    clips = dataset.clips()
    timed("clips_s", begun)
    ids = clips["clip_id"].tolist()
    vectors = np.random.default_rng(0).normal(size=(size, WIDTH)).astype(np.float32)
    begun = time.perf_counter()
    plan = imported_vectors.import_vectors(dataset, {"ids": ids, "vectors": vectors}, name="own")
    timed("vectors_s", begun)
    assert len(plan.positions) == size
    del ids, vectors, plan
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        report = formats.write(dataset, "csv", Path(folder) / "out.csv")
        timed("export_s", begun)
    assert report.clips == size
    steps["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    begun = time.perf_counter()
    pd.read_csv(io.BytesIO(data))
    timed("pandas_s", begun)
    return steps


def generated_table(size: int) -> bytes:
    """A CSV of so many clips: address, label of every second one, speaker, split, and three columns more."""
    draw = random.Random(0)
    file = io.StringIO()
    write = csv.writer(file)
    write.writerow(["url", "label", "speaker", "split", "take", "snr", "note"])
    for number in range(size):
        write.writerow(
            [
                f"https://sounds.example.org/corpus/{number // 1000}/clip_{number:07d}.wav",
                f"word {number % 30}" if number % 2 else "",
                f"s{number % 97:02d}",
                ("train", "dev", "test", "raw")[number % 4],
                str(number % 5),
                f"{draw.random() * 30:.2f}",
                f"take {number}",
            ]
        )
    return file.getvalue().encode()


if __name__ == "__main__":
    with data_folder():
        print(json.dumps(take(int(sys.argv[1]))))
