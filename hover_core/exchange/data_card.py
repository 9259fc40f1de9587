"""The data card of an export, for people who train with it: counts, ways of labelling, annotators, and leaks."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any, Final

import numpy as np

from hover_core.analysis import leaks
from hover_core.data.clips import SUBSETS
from hover_core.workspace.dataset import Dataset

_MOST_PEOPLE: Final = 12  # people whose labels are compared with each other
KEY: Final = "hover:data_card"  # key of the card in the metadata of a Parquet file, as JSON


def data_card(dataset: Dataset) -> dict[str, Any]:
    """The card of a dataset as it is now, as plain values.

    `labels` counts clips by label and subset; `how` and `annotators` count labelled clips by the way and the annotator
    of the current label; `agreement` compares the newest labels of any two people who labelled the same clips; `leak`
    is the report of `leaks.measure_leak`; `near_duplicates` counts those of the last search.

    Raises
    ------
    NotAllowed
        This person does not own the dataset.
    """
    dataset.by.allow("own", dataset.id)
    state = dataset.state()
    sources = dataset.journal.sources(dataset.id, np.unique(state.source).tolist())
    label_sources = [sources[source] for source in state.source[state.label >= 0].tolist() if source in sources]
    population = {name: counts for name, counts in state.population().items() if name and sum(counts.values())}
    near_duplicates = dataset.near_duplicates()
    card: dict[str, Any] = {
        "dataset": dataset.name,
        "revision": state.revision,
        "clips": state.size,
        "labelled": int((state.label >= 0).sum()),
        "subsets": {name: int((state.subset == code).sum()) for code, name in enumerate(SUBSETS)},
        "labels": population,
        "how": dict(Counter(how for _, _, how in label_sources)),
        "annotators": dict(Counter(name for name, _, _ in label_sources)),
        "agreement": _agreement(dataset, Counter(name for name, _, _ in label_sources)),
        "vectorizer": dataset.vectorizer_key,
        "leak": leaks.measure_leak(dataset).as_dict(),
    }
    if near_duplicates is not None:
        groups = near_duplicates.groups
        card["near_duplicates"] = {"groups": len(groups), "clips": sum(map(len, groups))}
    return card


def _agreement(dataset: Dataset, current: Counter[str]) -> dict[str, Any]:
    """The number of clips that several people labelled, and the share of equal labels over all pairs of people."""
    tally = dataset.journal.tally(dataset.id)
    # includes people whose labels were all replaced by others
    most = Counter({name: clips for name, (clips, _) in tally.items()}) | current
    people = [name for name, _ in most.most_common()]
    labels_by_person = [dataset.journal.state(dataset.id, name).label_names() for name in people[:_MOST_PEOPLE]]
    both = same = 0
    labelled_twice = np.zeros(dataset.state().size, bool)
    for first, second in combinations(labels_by_person, 2):
        common = min(len(first), len(second), len(labelled_twice))
        by_both = (first[:common] != "") & (second[:common] != "")
        both += int(by_both.sum())
        same += int((first[:common][by_both] == second[:common][by_both]).sum())
        labelled_twice[:common] |= by_both
    if not both:
        return {"clips_labelled_by_two_or_more": 0}
    return {
        "clips_labelled_by_two_or_more": int(labelled_twice.sum()),
        "share_of_pairs_that_agree": round(same / both, 4),
    }
