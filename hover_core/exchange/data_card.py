"""What somebody who trains on an export has to know about it: counts, how it was labelled, by whom, and what leaks."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any, Final

import numpy as np

from hover_core.analysis import leaks
from hover_core.data.clips import SUBSETS
from hover_core.workspace.dataset import Dataset

_MOST_PEOPLE: Final = 12  # whose labels are compared with each other
KEY: Final = "hover:data_card"  # where a Parquet file carries it, as JSON


def data_card(dataset: Dataset) -> dict[str, Any]:
    """The card of a dataset as it is now, as plain values.

    `labels` counts clips by label and subset; `how` and `annotators` count labelled clips by how the current label came
    about and by who gave it; `agreement` compares what people said of the clips that two of them labelled, each by
    their own latest word; `leak` is `leaks.leak`; `near_duplicates` is what was found last.
    """
    dataset.by.allow("own", dataset.id)
    state = dataset.state()
    sources = dataset.journal.sources(dataset.id, np.unique(state.source).tolist())
    known = [sources[source] for source in state.source[state.label >= 0].tolist() if source in sources]
    population = {name: counts for name, counts in state.population().items() if name and sum(counts.values())}
    near_duplicates = dataset.near_duplicates()
    card: dict[str, Any] = {
        "dataset": dataset.name,
        "revision": state.revision,
        "clips": state.size,
        "labelled": int((state.label >= 0).sum()),
        "subsets": {name: int((state.subset == code).sum()) for code, name in enumerate(SUBSETS)},
        "labels": population,
        "how": dict(Counter(how for _, _, how in known)),
        "annotators": dict(Counter(name for name, _, _ in known)),
        "agreement": _agreement(dataset, Counter(name for name, _, _ in known)),
        "vectorizer": dataset.vectorizer_key,
        "leak": leaks.measure_leak(dataset).as_dict(),
    }
    if near_duplicates is not None:
        groups = near_duplicates.groups
        card["near_duplicates"] = {"groups": len(groups), "clips": sum(map(len, groups))}
    return card


def _agreement(dataset: Dataset, current: Counter[str]) -> dict[str, Any]:
    """How many clips two people labelled, each by themselves, and on what share they said the same; over all pairs."""
    tally = dataset.journal.tally(dataset.id)
    # also those whose every label somebody else has replaced
    most = Counter({name: clips for name, (clips, _) in tally.items()}) | current
    people = [name for name, _ in most.most_common()]
    said = [dataset.journal.state(dataset.id, name).label_names() for name in people[:_MOST_PEOPLE]]
    both = same = 0
    seen = np.zeros(dataset.state().size, bool)
    for one, other in combinations(said, 2):
        common = min(len(one), len(other), len(seen))
        shared = (one[:common] != "") & (other[:common] != "")
        both += int(shared.sum())
        same += int((one[:common][shared] == other[:common][shared]).sum())
        seen[:common] |= shared
    if not both:
        return {"clips_labelled_by_two_or_more": 0}
    return {"clips_labelled_by_two_or_more": int(seen.sum()), "share_of_pairs_that_agree": round(same / both, 4)}
