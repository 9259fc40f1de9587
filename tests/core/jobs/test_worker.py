"""Which function does the work of a kind, and which modules each part of a job needs."""

import subprocess
import sys

import pytest

from hover_core.jobs import job_kinds, process, queue, worker
from hover_core.store import job_rows
from tests.core.jobs.test_jobs import _until
from tests.run import ROOT

WORK = ("cut", "draw_map", "sequences", "vectorize", "worker")
QUEUE = ("queue", "process")


@pytest.fixture(autouse=True)
def data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOVER_DATA", str(tmp_path / "data"))


def test_every_kind_has_its_work():
    assert tuple(worker.WORK) == job_kinds.KINDS


@pytest.mark.parametrize(("modules", "others"), [(QUEUE, WORK), (WORK, QUEUE)], ids=["queue", "work"])
def test_the_queue_and_the_work_do_not_import_each_other(modules, others):
    imports = ", ".join(f"hover_core.jobs.{name}" for name in modules)
    code = f"import sys, {imports}; print(*[name for name in {others} if f'hover_core.jobs.{{name}}' in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout.split() == []


def test_a_job_of_a_kind_that_this_version_does_not_know_fails_with_its_name(datasets):
    dataset = datasets.new("clips")
    job_id = job_rows.add_job(datasets.store, dataset.id, "separate", {"model": "of a later version"})

    process.launch(datasets.store, job_id)
    job = _until(dataset, lambda job: not job.running)

    assert job.state == "failed"
    assert job.progress["message"] == ("this version knows no work of kind 'separate', only map, part, sequences, cut")
    assert queue.tend(dataset).attempts == 1


def test_a_dask_worker_needs_neither_pandas_nor_the_store():
    code = "import sys, hover_core.jobs.dask_engine; print(*[n for n in ('pandas', 'sqlalchemy') if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout.split() == []
