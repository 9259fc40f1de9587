"""The benchmarks name every measure, write the fields that are promised, and their own rules are right."""

import json

import numpy as np
import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import corpora, maps, quality
from tests.benchmarks.timing import FIELDS, row

ALL = {"V1", "V2", "V3", "V4", "V5", "Q1", "Q2", "E1", "E2", "S1", "S2", "M1", "M2", "L1", "L2", "A1", "T1"}


def test_every_measure_is_there_or_says_why_it_is_not() -> None:
    assert set(benchmarks.MEASURES) | set(benchmarks.MISSING) == ALL
    assert set(benchmarks.MEASURES) & set(benchmarks.MISSING) == set()
    assert all(len(reason) > 20 for reason in benchmarks.MISSING.values())


def test_without_an_argument_the_measures_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmarks.main([]) == 0

    said = capsys.readouterr().out
    assert all(f"  {name}  " in said for name in ALL)


def test_an_unknown_measure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        benchmarks.main(["Z9"])

    assert "no measure Z9" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.timeout(60)
def test_a_quick_run_writes_the_promised_fields(tmp_path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.benchmarks import people

    monkeypatch.setattr(people, "CLIPS", 20_000)
    path = tmp_path / "figures.json"

    assert benchmarks.main(["L1", "--quick", "--json", str(path)]) == 0

    written = json.loads(path.read_text())
    assert [found["setting"] for found in written] == ["sqlite", "postgresql"]
    for found in written:
        assert {*FIELDS, "p95_ms"} <= set(found)
        assert found["value"] is None or found["low"] <= found["ratio"] <= found["high"]
    assert "sqlite" in capsys.readouterr().out


def test_a_measure_that_is_not_written_yet_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmarks.main(["L2"]) == 0

    assert "L2 is left out: many annotators" in capsys.readouterr().out


def test_a_ratio_says_how_many_times_better_ours_is() -> None:
    faster = row("X", "", [200.0, 300.0, 400.0], [100.0, 100.0, 100.0], "clips/s", more_is_better=True)
    shorter = row("X", "", [1.0, 2.0], [4.0], "s")

    assert (faster["value"], faster["ratio"], faster["low"], faster["high"], faster["runs"]) == (300, 3, 2, 4, 3)
    assert (shorter["value"], shorter["ratio"], shorter["low"], shorter["high"]) == (1.5, 3, 2, 4)


def test_trustworthiness_of_all_clips_is_scikit_learns() -> None:
    from sklearn.manifold import trustworthiness

    vectors = np.random.default_rng(0).normal(size=(150, 8)).astype(np.float32)
    flat = vectors[:, :2] + 0.1

    mine = maps.trustworthiness(vectors, flat, k=7)
    assert mine == pytest.approx(trustworthiness(vectors, flat, n_neighbors=7), abs=1e-9)


def test_no_answer_comes_from_the_querys_own_group() -> None:
    # each clip has a twin of its class in its own group, and the nearest of other groups are of the other class
    vectors = np.array([[1, 0], [1, 0.01], [1, 0.02], [1, 0.03]] * 3, np.float32)
    classes, groups = np.array([0, 0, 1, 1] * 3), np.array([0, 0, 1, 1] * 3)

    right, share = quality.neighbours_agree(vectors, classes, groups)

    assert right.tolist() == [0.0] * 12
    assert share.tolist() == [0.0] * 12


@pytest.mark.parametrize("make", [corpora.environment, corpora.instruments, corpora.calls])
def test_a_generated_corpus_is_the_same_every_time(make) -> None:
    corpus = make(clips_each=1, seconds=0.5)
    again = make(clips_each=1, seconds=0.5)

    assert corpus.files == again.files
    assert len(set(corpus.files)) == len(corpus.files) == 80


@pytest.mark.parametrize("make", [corpora.environment, corpora.instruments])
def test_no_source_is_of_two_classes(make) -> None:
    corpus = make(clips_each=1, seconds=0.5)

    assert len({(c, g) for c, g in zip(corpus.classes, corpus.groups, strict=True)}) == len(set(corpus.groups)) == 80


def test_every_station_hears_every_call() -> None:
    corpus = corpora.calls(clips_each=1, seconds=0.5)

    assert len({(c, g) for c, g in zip(corpus.classes, corpus.groups, strict=True)}) == 80
    assert set(corpus.groups) == set(range(corpora.SOURCES))
