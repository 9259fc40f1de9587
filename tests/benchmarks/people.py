"""L1: bulk labels in the database, on SQLite and PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np
from sqlalchemy import text

from hover_core.data.clips import Clip
from hover_core.store import clip_rows
from hover_core.store.database import Store, insert_tuples
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from tests.benchmarks.timing import Rows, data_folder, p95, row

AT_ONCE = 10_000
CLIPS = 100_000
_numbers = count(1)


def l1(quick: bool) -> Rows:
    """p95 of giving 10,000 of 100,000 clips a label, until it is committed."""
    runs = 10 if quick else 30
    for setting in ("sqlite", "postgresql"):
        with _store(setting) as store:
            if store is None:
                yield {
                    **row("L1", setting, [float("nan")], [], "ms"),
                    "value": None,
                    "runs": 0,
                    "p95_ms": None,
                    "note": "no PostgreSQL server can be run on this machine",
                }
                continue
            datasets = Datasets(store)
            with store.write() as connection:
                connection.execute(text("CREATE TABLE bare (position INTEGER, label INTEGER)"))
            ours, theirs = [], []
            dataset = _dataset(datasets)
            for run in range(runs):
                at = run * AT_ONCE % CLIPS
                if run and not at:
                    dataset = _dataset(datasets)
                # clips here and there, as a lasso takes them
                positions = np.random.default_rng(run // 10).permutation(CLIPS)[at : at + AT_ONCE]
                begun = time.perf_counter()
                written = dataset.annotate(positions, f"label {run % 3}", how="lasso")
                ours.append((time.perf_counter() - begun) * 1000)
                assert written.changed == AT_ONCE
                begun = time.perf_counter()
                with store.write() as connection:
                    cells = [(position, run) for position in positions.tolist()]
                    insert_tuples(connection, "bare", ("position", "label"), cells)
                theirs.append((time.perf_counter() - begun) * 1000)
            state = Datasets(store).open(dataset.id).state()
            assert int((state.label >= 0).sum()) == ((runs - 1) % (CLIPS // AT_ONCE) + 1) * AT_ONCE
            figure = row(
                "L1",
                setting,
                ours,
                theirs,
                "ms",
                beside="10,000 rows of two numbers into a bare table, one commit (p95; ratios of single runs)",
                p95_ms=p95(ours),
                p50_ms=float(np.median(ours)),
            )
            yield {**figure, "value": p95(ours), "baseline": p95(theirs)}
            datasets.close()


@contextmanager
def _store(kind: str) -> Iterator[Store | None]:
    with data_folder() as folder:
        if kind == "sqlite":
            opened = Store(f"sqlite:///{folder}/labels.sqlite")
            yield opened
            opened.close()
            return
        from tests.databases import Missing, drop_postgres, postgres_url

        try:
            url = postgres_url(name := f"hover_bench_{next(_numbers)}")
        except Missing:
            yield None
            return
        opened = Store(url)
        yield opened
        opened.close()
        drop_postgres(name)


def _dataset(datasets: Datasets) -> Dataset:
    dataset = datasets.new(f"benchmark {next(_numbers)}")
    with datasets.store.revise(dataset.id) as (connection, _):
        clips = [Clip(f"c{n}", f"http://sounds.example/{n}.wav") for n in range(CLIPS)]
        clip_rows.add_clips(connection, dataset.id, clips)
    dataset.state()
    return dataset
