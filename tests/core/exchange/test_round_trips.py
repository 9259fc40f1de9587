"""Any labels, groups and stretches go out in our formats and in those that name them, and come in again the same."""

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hover_core.data.annotations import MAX_LABEL
from hover_core.data.clips import Clip, clip_id
from hover_core.data.names import clean, has_control
from hover_core.exchange import formats
from hover_core.tables.columns import Columns
from hover_core.tables.intake import Intake
from hover_core.tables.rows import plain
from tests.core.exchange.adding import add, read

LABELS = (
    st.one_of(
        st.text(min_size=1, max_size=8),
        st.sampled_from(["=1+1", "'=x", "-", "NA", "007", 'say "hi"', "a,b", "a;b", "'", "''", "#", "@ulm", "﹢1"]),
    )
    .filter(lambda label: not has_control(label))
    .map(clean)
    .filter(lambda label: label and label != "ABSTAIN" and len(label) <= MAX_LABEL)
)
TIMES = st.integers(0, 3_600_000).map(lambda ms: ms / 1_000)
CLIPS = st.lists(
    st.tuples(LABELS, LABELS, st.sampled_from(["raw", "train", "dev", "test"]), TIMES, TIMES), min_size=1, max_size=5
)


def fill(dataset, given_clips):
    clips = []
    for number, (label, group, subset, start, length) in enumerate(given_clips):
        url, end = f"http://h/{number}.wav", start + length + 0.001
        clips.append(Clip(clip_id(url, start, end), url, start, end, group=group, subset=subset, label=label))
    dataset.add(Intake(clips=clips, subset_given=True))


def state_of(dataset):
    state, clips = dataset.state(), dataset.clips()
    return list(zip(clips["clip_id"], state.label_names(), state.subset.tolist(), clips["group_name"], strict=True))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CLIPS)
@pytest.mark.parametrize("key", ["csv", "jsonl", "parquet"])
def test_our_table_makes_the_same_state(datasets, tmp_path, key, given_clips):
    dataset, copy = (datasets.new(f"{len(datasets.store.datasets())}") for _ in range(2))
    fill(dataset, given_clips)
    formats.write(dataset, key, tmp_path / f"out.{key}")
    add(copy, (tmp_path / f"out.{key}").read_bytes(), f"out.{key}")

    assert state_of(copy) == state_of(dataset)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CLIPS)
def test_hoplite_makes_the_same_stretches_and_labels(datasets, tmp_path, given_clips):
    dataset, copy = (datasets.new(f"{len(datasets.store.datasets())}") for _ in range(2))
    fill(dataset, given_clips)
    formats.write(dataset, "perch_hoplite", tmp_path / "out.csv")
    columns = Columns(audio="recording", label="label", start="start_offset_s", end="end_offset_s")
    copy.add(copy.plan(read(tmp_path / "out.csv"), columns))

    assert [row[:2] for row in state_of(copy)] == [row[:2] for row in state_of(dataset)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CLIPS)
def test_every_label_is_in_the_text_of_every_format(datasets, given_clips):
    dataset = datasets.new(f"{len(datasets.store.datasets())}")
    fill(dataset, given_clips)
    labels = [label for label, *_ in given_clips]
    nemo = [json.loads(line) for line in formats.preview(dataset, "nemo").split("\n")[:-1]]
    tasks = json.loads(formats.preview(dataset, "label_studio") + "]")
    raven = csv.reader(io.StringIO(formats.preview(dataset, "raven"), newline=""), delimiter="\t")
    audacity = formats.preview(dataset, "audacity").split("\n")

    assert [line["label"] for line in nemo] == labels
    assert [task["annotations"][0]["result"][0]["value"]["labels"] for task in tasks] == [[label] for label in labels]
    assert [plain(row[7]) for row in raven if row and row[0] == "1"] == labels
    assert [line.split("\t")[2] for line in audacity if "\t" in line] == labels
