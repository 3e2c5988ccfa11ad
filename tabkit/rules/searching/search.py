"""Beam search for conjunctions of conditions; each condition must improve on the rule it refines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tabkit.predicates import Rule
from tabkit.rules.bins import BinnedColumn
from tabkit.rules.config import SuggestConfig
from tabkit.rules.goal import Floats, Mask
from tabkit.rules.limits import FEWEST_LEVEL_ROWS
from tabkit.rules.relevance import usefulness

GAIN = 2.0
"""By how many standard errors a condition must gain over its parent on the rows that are searched."""

_SINGLES = 3  # single levels of a column that are kept for each parent
_ENDS = 3  # runs of bins likewise, of those open below, above, on both ends, and on none
_SAME = 0.95  # Jaccard above which two rules of one depth are one for the beam

Pick = tuple[int, bytes]
"""The index of an axis, and which of its codes are inside, as bytes of a Boolean array."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A rule in the search.

    Parameters
    ----------
    picks
        Its conditions, sorted.
    rows
        Shape (n,): which rows are inside.
    value
        The mean of the signal inside.
    quality
        See `search`.
    """

    picks: tuple[Pick, ...]
    rows: Mask
    value: float
    quality: float

    def rule(self, axes: Sequence[BinnedColumn]) -> Rule:
        """Return it as conditions on columns."""
        return Rule(all_of=tuple(axes[index].condition(_member(found)) for index, found in self.picks))


@dataclass(frozen=True, slots=True)
class Searched:
    """The result of a search.

    Parameters
    ----------
    nodes
        The members of all beams, the best first.
    evaluated
        How many rules were looked at.
    combined
        With how many columns conditions were combined.
    """

    nodes: tuple[Node, ...]
    evaluated: int
    combined: int


@dataclass(frozen=True, slots=True)
class _Option:
    quality: float
    value: float
    parent: int
    pick: Pick


@dataclass(frozen=True, slots=True, eq=False)
class _World:
    """All rows that are searched: their number, their mean and its unit, and what is asked of a rule."""

    axes: Sequence[BinnedColumn]
    signal: Floats
    rows: int
    base: float
    unit: float
    least: int
    exponent: float


@dataclass(frozen=True, slots=True)
class _Parent:
    rows: int
    value: float
    deviation: float
    quality: float
    index: int


def search(
    axes: Sequence[BinnedColumn],
    signal: Floats,
    *,
    least: int,
    config: SuggestConfig,
    advance: Callable[[float], None] = lambda _amount: None,
) -> Searched:
    """Search for rules with a high mean of the signal.

    The quality of a rule is ``coverage ** exponent * (mean inside - mean of all)`` (Klösgen 1996, "Explora"), in units
    of the signal's standard deviation. A rule is refined by the intervals of bins, single levels, sets of levels, null
    and not null of each column that it does not use. As the quality of a set of levels is convex in its rows and their
    sum, the best set of each size is found among the levels in order of their means (Breiman et al. 1984, section
    4.2.2; Fayyad and Irani 1992). A refinement must have the higher quality and mean, by more than `GAIN` standard
    errors of drawing as many rows from the parent without looking.

    Parameters
    ----------
    axes
        Columns as codes, n rows each.
    signal
        Shape (n,), finite.
    least
        The fewest rows of a rule.
    config
        Depth, beam, exponent and most_columns.
    advance
        Called with 1 after each depth.

    Examples
    --------
    >>> axis = BinnedColumn("age", np.repeat(np.arange(3, dtype=np.uint8), 40), (30, 45), (), True)
    >>> found = search([axis], np.repeat([0.0, 1.0, 0.0], 40), least=10, config=SuggestConfig())
    >>> print(found.nodes[0].rule([axis]).text())
    30 <= age < 45
    """
    if not signal.size or (unit := float(signal.std())) <= 0:
        return Searched((), 0, len(axes))
    world = _World(axes, signal, signal.size, float(signal.mean()), unit, least, config.exponent)
    root = Node((), np.ones(signal.size, dtype=np.bool_), world.base, 0.0)
    usable, beam, pool, evaluated = list(range(len(axes))), [root], list[Node](), 0
    for depth in range(config.depth):
        options: list[_Option] = []
        for index, node in enumerate(beam):
            evaluated += _refine(node, index, usable, world, options)
        beam = _beam(beam, options, axes, width=config.beam)
        pool += beam
        advance(1)
        if not beam:
            break
        if depth == 0 and config.depth > 1 and len(usable) > config.most_columns:
            usable = _most_useful(axes, signal, config.most_columns)
    pool.sort(key=lambda node: (-node.quality, node.picks))
    return Searched(tuple(pool), evaluated, len(usable))


def _most_useful(axes: Sequence[BinnedColumn], signal: Floats, most: int) -> list[int]:
    use = [usefulness(axis.codes, signal, groups=axis.groups) for axis in axes]
    return sorted(np.argsort(-np.array(use), kind="stable")[:most].tolist())


def _refine(node: Node, index: int, usable: Sequence[int], world: _World, options: list[_Option]) -> int:
    """Add what the node can become to the options, and return how many rules were looked at."""
    inside = np.flatnonzero(node.rows)
    own = world.signal[inside]
    deviation = float(own.std())
    if deviation <= 0 or own.size <= world.least:
        return 0
    parent = _Parent(own.size, node.value, deviation, node.quality, index)
    used = {found for found, _ in node.picks}
    looked = 0
    for position in (each for each in usable if each not in used):
        axis = world.axes[position]
        codes = axis.codes if own.size == world.rows else axis.codes[inside]
        counts = np.bincount(codes, minlength=axis.groups)
        sums = np.asarray(np.bincount(codes, weights=own, minlength=axis.groups), dtype=np.float64)
        looked += (_intervals if axis.ordered else _sets)(counts, sums, position, parent, world, options)
    return looked


def _intervals(
    counts: NDArray[np.int64], sums: Floats, position: int, parent: _Parent, world: _World, options: list[_Option]
) -> int:
    """Look at all runs of bins and at missing values; the best runs with each end open or not are options."""
    bins = counts.size - 1
    low, high, shapes = _runs(bins)
    below, weight = np.zeros(bins + 1, dtype=np.int64), np.zeros(bins + 1)
    np.cumsum(counts[:bins], out=below[1:])
    np.cumsum(sums[:bins], out=weight[1:])
    n = np.append(below[high] - below[low], counts[-1])
    total = np.append(weight[high] - weight[low], sums[-1])
    quality, value = _quality(n, total, parent, world)
    for shape in (*shapes, np.array([n.size - 1])):
        # The best end alone need not be the best one beside another condition: a few go on.
        for best in shape[np.argsort(-quality[shape], kind="stable")[:_ENDS]]:
            if quality[best] > -math.inf:
                member = np.zeros(bins + 1, dtype=np.bool_)
                if best == n.size - 1:
                    member[-1] = True
                else:
                    member[low[best] : high[best]] = True
                options.append(_Option(quality[best], value[best], parent.index, (position, member.tobytes())))
    return int(np.count_nonzero(n))


@lru_cache(maxsize=256)
def _runs(bins: int) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[NDArray[np.int64], ...]]:
    """Return where runs of bins begin and end, and which are open below, above, on both ends, and on none."""
    low, high = np.triu_indices(bins + 1, k=1)
    first, last = low == 0, high == bins
    shapes = tuple(np.flatnonzero(shape) for shape in (first & ~last, ~first & last, first & last, ~first & ~last))
    return low, high, shapes


def _sets(
    counts: NDArray[np.int64], sums: Floats, position: int, parent: _Parent, world: _World, options: list[_Option]
) -> int:
    """Look at single levels, sets of the levels with the highest means, missing values, and all others."""
    levels = counts.size - 2
    frequent = np.flatnonzero(counts[:levels] >= FEWEST_LEVEL_ROWS)
    order = frequent[np.argsort(-(sums[frequent] / counts[frequent]), kind="stable")]
    n = np.concatenate((counts[order], np.cumsum(counts[order]), [counts[-1], counts[:-1].sum()]))
    total = np.concatenate((sums[order], np.cumsum(sums[order]), [sums[-1], sums[:-1].sum()]))
    quality, value = _quality(n, total, parent, world)
    one, several = quality[: order.size], quality[order.size : 2 * order.size]
    best = list(np.argsort(-one, kind="stable")[:_SINGLES])
    if order.size > 1:
        best.append(order.size + 1 + int(several[1:].argmax()))
    for index in (*best, n.size - 2, n.size - 1):
        if quality[index] > -math.inf:
            member = np.zeros(counts.size, dtype=np.bool_)
            if index < order.size:
                member[order[index]] = True
            elif index < 2 * order.size:
                member[order[: index - order.size + 1]] = True
            elif index == n.size - 2:
                member[-1] = True
            else:
                member[:-1] = True
            options.append(_Option(quality[index], value[index], parent.index, (position, member.tobytes())))
    return int(np.count_nonzero(n))


def _quality(n: NDArray[np.int64], total: Floats, parent: _Parent, world: _World) -> tuple[Floats, Floats]:
    """Return the quality, -inf of what is too small or no gain over the parent, and the mean."""
    some = np.maximum(n, 1)
    value = total / some
    quality = (n / world.rows) ** world.exponent * (value - world.base) / world.unit
    # The standard error of a mean of n of the parent's rows drawn without replacement (Cochran 1977, equation 2.8).
    error = parent.deviation * np.sqrt((parent.rows - n).clip(0) / (some * (parent.rows - 1)))
    gained = (value - parent.value > GAIN * error) & (quality > parent.quality)
    allowed = gained & (n >= world.least) & (n < parent.rows)
    return np.where(allowed, quality, -math.inf), value


def _beam(parents: Sequence[Node], options: list[_Option], axes: Sequence[BinnedColumn], *, width: int) -> list[Node]:
    """Return the best options as nodes, without those that say the same in other words."""
    options.sort(key=lambda option: (-option.quality, option.pick, option.parent))
    best_nodes: list[Node] = []
    sizes: list[int] = []
    seen: set[tuple[Pick, ...]] = set()
    for option in options:
        if len(best_nodes) == width:
            break
        parent = parents[option.parent]
        picks = tuple(sorted((*parent.picks, option.pick)))
        if picks in seen:
            continue
        seen.add(picks)
        index, member = option.pick
        rows = parent.rows & _member(member)[axes[index].codes]
        size = int(np.count_nonzero(rows))
        if not any(_alike(rows, size, node.rows, other) for node, other in zip(best_nodes, sizes, strict=True)):
            best_nodes.append(Node(picks, rows, option.value, option.quality))
            sizes.append(size)
    return best_nodes


def _alike(rows: Mask, size: int, others: Mask, other: int) -> bool:
    if min(size, other) <= _SAME * max(size, other):
        return False
    both = int(np.count_nonzero(rows & others))
    return both > _SAME * (size + other - both)


def _member(found: bytes) -> Mask:
    return np.frombuffer(found, dtype=np.bool_)
