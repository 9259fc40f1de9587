"""The loops of `hover_core.numerics.umap_layout`, which alone imports them: compiled by numba, cached on disk.

They run without the interpreter's lock, so that threads move points side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

_LOWEST = -24
_STEPS_BITS = 7  # 128 steps for each doubling
_TABLE = 48 << _STEPS_BITS


def _loop(function: Callable[..., Any]) -> Any:
    """Compile a function; cache it on disk if numba can write to the folder of this file or to the user's cache."""
    options: dict[str, Any] = {"nogil": True, "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"}}
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:  # numba found no folder that it may write to
        return numba.njit(function, **options)


@_loop
def memberships(distances, target, local_connectivity, overall_mean, first):  # type: ignore[no-untyped-def]
    """exp(-(d - rho) / sigma) of distances [shape=(n, k)], as umap-learn's `smooth_knn_dist`. [shape=(n, k), float32]

    Bisection finds the sigma of a row for which its weights add up to `target`.
    """
    n, k = distances.shape
    weights = np.zeros((n, k), np.float32)
    for i in range(n):
        row = distances[i]
        nonzero = 0
        for j in range(k):
            if row[j] > 0:
                nonzero += 1
        rho = 0.0
        whole = int(np.floor(local_connectivity))
        part = local_connectivity - whole
        zeros = k - nonzero  # the row is sorted
        if nonzero >= local_connectivity:
            if whole > 0:
                rho = row[zeros + whole - 1]
                if part > 1e-5 and zeros + whole < k:
                    rho += part * (row[zeros + whole] - row[zeros + whole - 1])
            elif nonzero > 0:
                rho = part * row[zeros]
        elif nonzero > 0:
            rho = row[k - 1]
        low, high, sigma = 0.0, np.inf, 1.0
        for _ in range(64):
            total = 0.0
            for j in range(1, k):
                d = row[j] - rho
                total += np.exp(-d / sigma) if d > 0 else 1.0
            if abs(total - target) < 1e-5:
                break
            if total > target:
                high = sigma
                sigma = (low + high) / 2
            else:
                low = sigma
                sigma = sigma * 2 if high == np.inf else (low + high) / 2
        mean = 0.0
        for j in range(k):
            mean += row[j]
        mean /= k
        least = 1e-3 * (mean if rho > 0 else overall_mean)
        sigma = max(sigma, least)
        for j in range(k):
            d = row[j] - rho
            weights[i, j] = 1.0 if d <= 0 or sigma == 0 else np.exp(-d / sigma)
    return weights


@_loop
def symmetric(others, weights, mix):  # type: ignore[no-untyped-def]
    """A + Aᵀ - A∘Aᵀ for `mix` 1, A∘Aᵀ for 0, a mixture between; of directed edges [shape=(n, k)], as CSR."""
    n, k = others.shape
    at = np.zeros(n + 1, np.int64)  # where the edges that lead to each row begin
    for i in range(n):
        for j in range(k):
            if weights[i, j] > 0:
                at[others[i, j] + 1] += 1
    for i in range(n):
        at[i + 1] += at[i]
    sources = np.empty(at[n], np.int32)
    source_weights = np.empty(at[n], np.float32)
    next_slot = at[:-1].copy()
    for i in range(n):
        for j in range(k):
            if weights[i, j] > 0:
                place = next_slot[others[i, j]]
                sources[place] = i
                source_weights[place] = weights[i, j]
                next_slot[others[i, j]] += 1
    starts = np.zeros(n + 1, np.int64)
    out = np.empty(2 * at[n], np.int32)
    out_weight = np.empty(2 * at[n], np.float32)
    slot = np.full(n, -1, np.int64)  # where the edge to each row stands in `out`, for the current row
    end = 0
    for i in range(n):
        begin = end
        for j in range(k):
            if weights[i, j] > 0:
                slot[others[i, j]] = end
                out[end] = others[i, j]
                out_weight[end] = -weights[i, j]  # negative until the edge in the other direction is added
                end += 1
        for place in range(at[i], at[i + 1]):
            j = sources[place]
            there = slot[j]
            if there >= begin and out[there] == j:
                product = -out_weight[there] * source_weights[place]
                both = -out_weight[there] + source_weights[place] - product
                out_weight[there] = mix * both + (1 - mix) * product
            elif mix > 0:
                out[end] = j
                out_weight[end] = mix * source_weights[place]
                end += 1
        write_at = begin
        for place in range(begin, end):
            slot[out[place]] = -1
            weight = out_weight[place]
            if weight < 0:
                weight = -weight * mix
            if weight > 0:
                out[write_at] = out[place]
                out_weight[write_at] = weight
                write_at += 1
        end = write_at
        starts[i + 1] = end
    return starts, out[:end].copy(), out_weight[:end].copy()


@_loop
def _mix(x):  # type: ignore[no-untyped-def]
    """A number [uint64] in which every bit depends on every bit of `x` (splitmix64, Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@_loop
def _place_in_table(squared):  # type: ignore[no-untyped-def]
    """The index of a squared distance [float32] in the table of forces: its exponent and seven bits."""
    place = (np.float32(squared).view(np.int32) >> (23 - _STEPS_BITS)) - ((127 + _LOWEST) << _STEPS_BITS)
    return min(max(place, 0), _TABLE - 1)


@_loop
def move_2d(  # type: ignore[no-untyped-def]
    now, then, against, dice, starts, others, often, pull, push, draws, negatives, epoch, alpha, seed, low, high
):
    """One epoch of the rows from `low` to `high`: positions before it are read from `now`, new ones written to `then`.

    The pushes along one edge are all computed from the same position of the point, so that none waits for another:
    half the time, and the same trustworthiness (*measured* on 100,000 vectors).
    """
    four = np.float32(4)
    n = np.uint64(against.shape[0])
    is_self = against.shape[0] == now.shape[0] and draws == 2
    for i in range(low, high):
        x, y = now[i, 0], now[i, 1]
        state = _mix(np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(epoch) * np.uint64(0xD1342543DE82EF95)
                     + np.uint64(dice[i]) + np.uint64(1))  # fmt: skip
        for edge in range(starts[i], starts[i + 1]):
            turn = np.float32(epoch) * often[edge]
            if np.floor(turn + often[edge]) == np.floor(turn):
                continue  # a weak edge is followed in few epochs
            j = others[edge]
            for _ in range(draws):
                dx, dy = x - against[j, 0], y - against[j, 1]
                squared = dx * dx + dy * dy
                if squared > 0:
                    force = pull[_place_in_table(squared)]
                    x += alpha * min(max(force * dx, -four), four)
                    y += alpha * min(max(force * dy, -four), four)
            pushed_x, pushed_y = np.float32(0), np.float32(0)
            for _ in range(negatives):
                state += np.uint64(0x9E3779B97F4A7C15)
                j = np.int64(((_mix(state) >> np.uint64(32)) * n) >> np.uint64(32))
                dx, dy = x - against[j, 0], y - against[j, 1]
                squared = dx * dx + dy * dy
                if squared > 0 and not (is_self and j == i):
                    force = push[_place_in_table(squared)]
                    pushed_x += min(max(force * dx, -four), four)
                    pushed_y += min(max(force * dy, -four), four)
            x += alpha * pushed_x
            y += alpha * pushed_y
        then[i, 0], then[i, 1] = x, y


@_loop
def move(  # type: ignore[no-untyped-def]
    now, then, against, dice, starts, others, often, pull, push, draws, negatives, epoch, alpha, seed, low, high
):
    """`move_2d` for any number of dimensions."""
    four = np.float32(4)
    n = np.uint64(against.shape[0])
    dimension = now.shape[1]
    is_self = against.shape[0] == now.shape[0] and draws == 2
    at, push_sum = np.empty(dimension, np.float32), np.empty(dimension, np.float32)
    for i in range(low, high):
        for axis in range(dimension):
            at[axis] = now[i, axis]
        state = _mix(np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(epoch) * np.uint64(0xD1342543DE82EF95)
                     + np.uint64(dice[i]) + np.uint64(1))  # fmt: skip
        for edge in range(starts[i], starts[i + 1]):
            turn = np.float32(epoch) * often[edge]
            if np.floor(turn + often[edge]) == np.floor(turn):
                continue
            push_sum[:] = 0
            for act in range(draws + negatives):
                pulls = act < draws
                j = np.int64(others[edge])
                if not pulls:
                    state += np.uint64(0x9E3779B97F4A7C15)
                    j = np.int64(((_mix(state) >> np.uint64(32)) * n) >> np.uint64(32))
                    if is_self and j == i:
                        continue
                squared = np.float32(0)
                for axis in range(dimension):
                    squared += (at[axis] - against[j, axis]) ** 2
                if squared > 0:
                    place = _place_in_table(squared)
                    force = pull[place] if pulls else push[place]
                    target = at if pulls else push_sum
                    for axis in range(dimension):
                        target[axis] += alpha * min(max(force * (at[axis] - against[j, axis]), -four), four)
            for axis in range(dimension):
                at[axis] += push_sum[axis]
        for axis in range(dimension):
            then[i, axis] = at[axis]
