"""Rows in order of falling score, with runs of equal scores kept together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabkit.metrics.inputs import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """The order of rows by falling score, and where runs of equal scores begin.

    Parameters
    ----------
    order
        Shape (n,): numbers of the rows, the highest score first.
    starts
        Shape (m,): the places in `order` at which the m runs begin. None when no two scores are equal, so
        that sums over runs cost nothing.
    """

    order: Integers
    starts: Integers | None


def falling(score: Floats) -> Runs:
    """Return the rows by falling score.

    Examples
    --------
    >>> runs = falling(np.array([1.0, 3.0, 1.0]))
    >>> runs.order, runs.starts
    (array([1, 0, 2]), array([0, 1]))
    """
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    return Runs(order, None if starts.size == order.size else starts)


def run_sums(runs: Runs, ranked: Floats) -> Floats:
    """Return the sum over each run, shape (m,), of values that already stand in the order of the runs."""
    if runs.starts is None:
        return ranked
    sums: Floats = np.add.reduceat(ranked, runs.starts)
    return sums


def run_ends(runs: Runs) -> Integers:
    """Return how many rows stand at or above the end of each run, shape (m,)."""
    rows = runs.order.size
    return np.arange(1, rows + 1) if runs.starts is None else np.append(runs.starts[1:], rows)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Neighbouring rows of a ranking that fit into a processor's cache.

    Parameters
    ----------
    rows
        Which places of the order they are; whole runs.
    starts
        Where their runs begin, counted from the first row of the block; None when no two scores are equal.
    """

    rows: slice
    starts: Integers | None


def blocks(runs: Runs, *, size: int = 32_768) -> tuple[Block, ...]:
    """Return the ranking in blocks of about `size` rows; a longer run is a block of its own.

    Examples
    --------
    >>> [block.rows for block in blocks(falling(np.array([3.0, 1.0, 1.0, 1.0, 0.0])), size=2)]
    [slice(0, 1, None), slice(1, 4, None), slice(4, 5, None)]
    """
    rows = runs.order.size
    if runs.starts is None:
        return tuple(Block(slice(low, min(low + size, rows)), None) for low in range(0, rows, size))
    result, starts, low = [], runs.starts, 0
    while low < starts.size:
        # As many runs as end within the size, but one at least.
        high = max(int(np.searchsorted(starts, starts[low] + size, side="right")) - 1, low + 1)
        if starts[low] + size >= rows:
            high = starts.size
        end = rows if high >= starts.size else int(starts[high])
        result.append(Block(slice(int(starts[low]), end), starts[low:high] - starts[low]))
        low = high
    return tuple(result)


def block_sums(block: Block, ranked: Floats) -> Floats:
    """Return the sum over each run of a block, of values of its rows."""
    if block.starts is None:
        return ranked
    sums: Floats = np.add.reduceat(ranked, block.starts)
    return sums
