"""Which clip goes into which subset: by shares, seeded, stratified by label, and never a group in two subsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hover_core.data.clips import SUBSETS
from hover_core.errors import Refused

_CLEARLY = 0.02  # of all clips
_MUCH = 0.2  # of what was asked for


def split(
    labels: Sequence[str], shares: Mapping[str, float], *, groups: Sequence[str] | None = None, seed: int = 0
) -> NDArray[np.int8]:
    """An index into `clips.SUBSETS` for each clip. [shape=(n,)]

    Parameters
    ----------
    labels
        What to stratify by; the empty label is a stratum as well.
    shares
        `{subset: share}`, shares in any unit that adds up to more than 0.
    groups
        What must not be split across subsets; an empty name is a group of its own.

    Raises
    ------
    Refused
        A share is negative, they add up to 0, or one is of no subset.
    """
    unknown = sorted(set(shares) - set(SUBSETS))
    if unknown:
        raise Refused(f"{', '.join(unknown)}: there is no such subset; use {', '.join(SUBSETS)}")
    wanted = np.array([float(shares.get(name, 0.0)) for name in SUBSETS])
    if not np.isfinite(wanted).all() or (wanted < 0).any() or wanted.sum() <= 0:
        raise Refused(f"the shares {dict(shares)} must be 0 or more and not all 0")
    wanted /= wanted.sum()
    generator = np.random.default_rng(seed)
    _, label_codes = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    if groups is None or not any(groups):
        return _by_clip(label_codes, wanted, generator)
    names = [name or f"\x00{number}" for number, name in enumerate(groups)]
    _, group_codes = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    return _by_group(label_codes, group_codes, wanted, generator)


def unmet(assigned: NDArray[np.int8], shares: Mapping[str, float]) -> dict[str, tuple[int, float, float]]:
    """The subsets that a split gave clearly more or fewer clips than they were to have, as large groups make it do.

    Parameters
    ----------
    assigned
        What `split` returned. [shape=(n,)]
    shares
        What it was asked for.

    Returns
    -------
    dict
        `{subset: (its clips, its share, the share that was asked for)}`, shares from 0 to 1. What rounding does, less
        than 2 % of all clips, or less than a fifth of what was asked for, is not told.
    """
    whole = sum(shares.values())
    found = {}
    for code, name in enumerate(SUBSETS):
        count, wanted = int((assigned == code).sum()), shares.get(name, 0.0) / whole
        gap = abs(count - wanted * len(assigned))
        if gap > max(1.0, _CLEARLY * len(assigned), _MUCH * wanted * len(assigned)):
            found[name] = count, count / len(assigned), wanted
    return found


def _by_clip(label_codes: NDArray[Any], wanted: NDArray[Any], generator: np.random.Generator) -> NDArray[np.int8]:
    result = np.zeros(len(label_codes), np.int8)
    owed = np.zeros(len(wanted))  # what rounding kept from each subset: else small labels add up to a bias
    for code in np.unique(label_codes):
        members = generator.permutation(np.flatnonzero(label_codes == code))
        ideal = len(members) * wanted + owed
        counts = np.floor(np.maximum(ideal, 0)).astype(int)
        while counts.sum() > len(members):
            counts[counts.argmax()] -= 1
        for _ in range(len(members) - counts.sum()):
            counts[np.where(wanted > 0, ideal - counts, -np.inf).argmax()] += 1
        owed = ideal - counts
        result[members] = np.repeat(np.arange(len(wanted)), counts)
    return result


def _by_group(
    label_codes: NDArray[Any], group_codes: NDArray[Any], wanted: NDArray[Any], generator: np.random.Generator
) -> NDArray[np.int8]:
    group_count, label_count = int(group_codes.max()) + 1, int(label_codes.max()) + 1
    sizes = np.bincount(group_codes, minlength=group_count)
    # largest groups first, ties in random order: what is left to place gets ever smaller, and the shares are met best
    order = generator.permutation(group_count)
    order = order[np.argsort(-sizes[order], kind="stable")]
    by_group = np.argsort(group_codes, kind="stable")
    ends = np.cumsum(sizes)
    target = np.bincount(label_codes, minlength=label_count)[:, None] * wanted
    weight = 1 / np.maximum(target.sum(axis=1, keepdims=True), 1)
    held = np.zeros((label_count, len(wanted)))
    chosen = np.zeros(group_count, np.int8)
    total = len(label_codes) * wanted
    several = sizes > 1
    for group in order[several[order]]:
        members = by_group[ends[group] - sizes[group] : ends[group]]
        found, brought = np.unique(label_codes[members], return_counts=True)
        # what grows least: squared distance from the target, of the labels and of the subset as a whole
        gap, size_gap = held[found] - target[found], held.sum(axis=0) - total
        cost = (weight[found] * (2 * gap * brought[:, None] + brought[:, None] ** 2)).sum(axis=0)
        cost = cost + (2 * size_gap * sizes[group] + sizes[group] ** 2) / max(len(label_codes), 1)
        cost[wanted == 0] = np.inf
        best = int(cost.argmin())
        chosen[group] = best
        held[found, best] += brought
    _fill_up(chosen, by_group[(ends - sizes)[~several]], group_codes, label_codes, target - held, wanted, generator)
    _fill_empty(chosen, sizes, wanted)
    return chosen[group_codes]


def _fill_up(
    chosen: NDArray[np.int8],
    alone: NDArray[Any],
    group_codes: NDArray[Any],
    label_codes: NDArray[Any],
    missing: NDArray[np.float64],
    wanted: NDArray[Any],
    generator: np.random.Generator,
) -> None:
    """Give clips that are groups of their own to where their label is missing most. `missing` [shape=(labels, subsets)]

    There may be a million of them: they are dealt by label, not one by one.
    """
    alone = generator.permutation(alone)
    order = np.argsort(label_codes[alone], kind="stable")
    alone = alone[order]
    owed = np.zeros(len(wanted))
    for members in np.split(alone, np.flatnonzero(np.diff(label_codes[alone])) + 1):
        if len(members):
            ideal = np.maximum(np.where(wanted > 0, missing[label_codes[members[0]]] + owed, 0), 0)
            ideal = ideal / ideal.sum() * len(members) if ideal.sum() > 0 else wanted * len(members)
            counts = np.floor(ideal).astype(int)
            rest = ideal - counts
            for subset in np.argsort(-rest, kind="stable")[: len(members) - counts.sum()]:
                counts[subset] += 1
            owed = ideal - counts
            chosen[group_codes[members]] = np.repeat(np.arange(len(wanted)), counts)


def _fill_empty(chosen: NDArray[np.int8], sizes: NDArray[Any], wanted: NDArray[Any]) -> None:
    """Give a wanted subset that got nothing the smallest group of the one with the most: few large groups would else
    leave nobody to test on."""
    for subset in np.flatnonzero(wanted > 0):
        groups = np.bincount(chosen, minlength=len(wanted))
        if groups[subset] or groups.max() < 2:
            continue
        surplus = np.bincount(chosen, sizes, minlength=len(wanted)) - sizes.sum() * wanted
        donor = int(np.where(groups > 1, surplus, -np.inf).argmax())
        candidates = np.flatnonzero(chosen == donor)
        chosen[candidates[sizes[candidates].argmin()]] = subset
