"""Assigns clips to subsets: by shares, seeded, stratified by label, and never one group to two subsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hover_core.data.clips import SUBSETS
from hover_core.errors import Refused

_CLEARLY = 0.02  # of all clips
_MUCH = 0.2  # of the clips that a subset was to have


def split(
    labels: Sequence[str], shares: Mapping[str, float], *, groups: Sequence[str] | None = None, seed: int = 0
) -> NDArray[np.int8]:
    """The subset of each clip, as an index into `clips.SUBSETS`. [shape=(n,), int8]

    Parameters
    ----------
    labels
        The label of each clip, by which the split is stratified; no label (`""`) is a stratum as well.
    shares
        `{subset: share}`; only the ratios of shares count.
    groups
        The group of each clip: clips of one group get the same subset. A clip with an empty name is its own group.
    seed
        The same seed gives the same split.

    Raises
    ------
    Refused
        A share is negative or not finite, all are 0, or one names no subset.

    Examples
    --------
    >>> subsets = split(["cat"] * 10 + ["dog"] * 10, {"train": 8, "dev": 1, "test": 1})
    >>> np.bincount(subsets, minlength=len(SUBSETS)).tolist()
    [0, 16, 2, 2]
    """
    unknown = sorted(set(shares) - set(SUBSETS))
    if unknown:
        raise Refused(f"{', '.join(unknown)}: there is no such subset; use {', '.join(SUBSETS)}")
    target_shares = np.array([float(shares.get(name, 0.0)) for name in SUBSETS])
    if not np.isfinite(target_shares).all() or (target_shares < 0).any() or target_shares.sum() <= 0:
        raise Refused(f"the shares {dict(shares)} must be 0 or more and not all 0")
    target_shares /= target_shares.sum()
    generator = np.random.default_rng(seed)
    _, label_codes = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    if groups is None or not any(groups):
        return _by_clip(label_codes, target_shares, generator)
    names = [name or f"\x00{number}" for number, name in enumerate(groups)]
    _, group_codes = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    return _by_group(label_codes, group_codes, target_shares, generator)


def unmet(assigned: NDArray[np.int8], shares: Mapping[str, float]) -> dict[str, tuple[int, float, float]]:
    """The subsets that got clearly more or fewer clips than their share, which happens with large groups.

    Parameters
    ----------
    assigned
        The return value of `split`. [shape=(n,), int8]
    shares
        The shares that were passed to `split`.

    Returns
    -------
    dict
        `{subset: (its clips, its share, its target share)}`, shares from 0 to 1. Differences below one clip, below 2 %
        of all clips or below a fifth of the target are left out.

    Examples
    --------
    >>> subsets = split([""] * 10, {"train": 8, "test": 2}, groups=["a"] * 5 + ["b"] * 5)
    >>> unmet(subsets, {"train": 8, "test": 2})
    {'train': (5, 0.5, 0.8), 'test': (5, 0.5, 0.2)}
    """
    whole = sum(shares.values())
    gaps = {}
    for code, name in enumerate(SUBSETS):
        count, target_share = int((assigned == code).sum()), shares.get(name, 0.0) / whole
        gap = abs(count - target_share * len(assigned))
        if gap > max(1.0, _CLEARLY * len(assigned), _MUCH * target_share * len(assigned)):
            gaps[name] = count, count / len(assigned), target_share
    return gaps


def _by_clip(
    label_codes: NDArray[Any], target_shares: NDArray[Any], generator: np.random.Generator
) -> NDArray[np.int8]:
    result = np.zeros(len(label_codes), np.int8)
    carry = np.zeros(len(target_shares))  # clips lost to rounding, carried on: else small labels add up to a bias
    for code in np.unique(label_codes):
        members = generator.permutation(np.flatnonzero(label_codes == code))
        ideal = len(members) * target_shares + carry
        counts = np.floor(np.maximum(ideal, 0)).astype(int)
        while counts.sum() > len(members):
            counts[counts.argmax()] -= 1
        for _ in range(len(members) - counts.sum()):
            counts[np.where(target_shares > 0, ideal - counts, -np.inf).argmax()] += 1
        carry = ideal - counts
        result[members] = np.repeat(np.arange(len(target_shares)), counts)
    return result


def _by_group(
    label_codes: NDArray[Any], group_codes: NDArray[Any], target_shares: NDArray[Any], generator: np.random.Generator
) -> NDArray[np.int8]:
    group_count, label_count = int(group_codes.max()) + 1, int(label_codes.max()) + 1
    sizes = np.bincount(group_codes, minlength=group_count)
    # largest groups first, ties in random order: the small ones at the end fill the gaps and meet the shares best
    order = generator.permutation(group_count)
    order = order[np.argsort(-sizes[order], kind="stable")]
    by_group = np.argsort(group_codes, kind="stable")
    ends = np.cumsum(sizes)
    target = np.bincount(label_codes, minlength=label_count)[:, None] * target_shares
    weight = 1 / np.maximum(target.sum(axis=1, keepdims=True), 1)
    counts = np.zeros((label_count, len(target_shares)))
    subset_of = np.zeros(group_count, np.int8)
    total = len(label_codes) * target_shares
    several = sizes > 1
    for group in order[several[order]]:
        members = by_group[ends[group] - sizes[group] : ends[group]]
        codes, clips = np.unique(label_codes[members], return_counts=True)
        # the subset whose squared distance from its target, by labels and as a whole, grows least
        gap, size_gap = counts[codes] - target[codes], counts.sum(axis=0) - total
        cost = (weight[codes] * (2 * gap * clips[:, None] + clips[:, None] ** 2)).sum(axis=0)
        cost = cost + (2 * size_gap * sizes[group] + sizes[group] ** 2) / max(len(label_codes), 1)
        cost[target_shares == 0] = np.inf
        best = int(cost.argmin())
        subset_of[group] = best
        counts[codes, best] += clips
    alone = by_group[(ends - sizes)[~several]]
    _fill_up(subset_of, alone, group_codes, label_codes, target - counts, target_shares, generator)
    _fill_empty(subset_of, sizes, target_shares)
    return subset_of[group_codes]


def _fill_up(
    subset_of: NDArray[np.int8],
    alone: NDArray[Any],
    group_codes: NDArray[Any],
    label_codes: NDArray[Any],
    missing: NDArray[np.float64],
    target_shares: NDArray[Any],
    generator: np.random.Generator,
) -> None:
    """Assign clips that are their own group to the subsets that lack their label most.

    `missing` are the clips that each subset lacks [shape=(labels, subsets)]. There may be a million clips: they are
    assigned label by label, not one by one.
    """
    alone = generator.permutation(alone)
    order = np.argsort(label_codes[alone], kind="stable")
    alone = alone[order]
    carry = np.zeros(len(target_shares))
    for members in np.split(alone, np.flatnonzero(np.diff(label_codes[alone])) + 1):
        if len(members):
            ideal = np.maximum(np.where(target_shares > 0, missing[label_codes[members[0]]] + carry, 0), 0)
            ideal = ideal / ideal.sum() * len(members) if ideal.sum() > 0 else target_shares * len(members)
            counts = np.floor(ideal).astype(int)
            rest = ideal - counts
            for subset in np.argsort(-rest, kind="stable")[: len(members) - counts.sum()]:
                counts[subset] += 1
            carry = ideal - counts
            subset_of[group_codes[members]] = np.repeat(np.arange(len(target_shares)), counts)


def _fill_empty(subset_of: NDArray[np.int8], sizes: NDArray[Any], target_shares: NDArray[Any]) -> None:
    """Move the smallest group of the fullest subset to each subset with a share and no group.

    With few large groups there would otherwise be no test clips.
    """
    for subset in np.flatnonzero(target_shares > 0):
        groups = np.bincount(subset_of, minlength=len(target_shares))
        if groups[subset] or groups.max() < 2:
            continue
        surplus = np.bincount(subset_of, sizes, minlength=len(target_shares)) - sizes.sum() * target_shares
        donor = int(np.where(groups > 1, surplus, -np.inf).argmax())
        candidates = np.flatnonzero(subset_of == donor)
        subset_of[candidates[sizes[candidates].argmin()]] = subset
