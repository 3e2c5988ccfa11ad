"""How well one column predicts a target, on rows that its bins and levels were not made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from tabkit.leaks.columns import Codes, Floats, Form


def tells_two(form: Form, y: Floats, half: NDArray[np.bool_]) -> float:
    """Return the AUC of a column for 0 and 1, shape (n,): of its order, or of its cells, whichever is higher."""
    told = ranked(_crossed(form.cells(), y[:, None], half)[:, 0], y)
    return max(told, monotone(form.values, y)) if form.ordered else told


def tells_classes(form: Form, codes: Codes, half: NDArray[np.bool_]) -> float:
    """Return the share of the errors of always naming the most frequent class that a column spares."""
    hot = np.eye(int(codes.max()) + 1)[codes]
    shares = _crossed(form.cells(), hot, half)
    wrong, base = (shares.argmax(axis=1) != codes).mean(), 1 - hot.mean(axis=0).max()
    return float(1 - wrong / base) if base > 0 else 0.0


def explains(form: Form, y: Floats, half: NDArray[np.bool_]) -> float:
    """Return the R squared of a column for the ranks of a number: no outlier decides."""
    ranks = scipy.stats.rankdata(y)
    spread = float(((ranks - ranks.mean()) ** 2).sum())
    if not spread:
        return 0.0
    told = 1 - float(((ranks - _crossed(form.cells(), ranks[:, None], half)[:, 0]) ** 2).sum()) / spread
    known = ~np.isnan(form.values)
    if not form.ordered or not known.all():
        return told
    order = scipy.stats.rankdata(form.values)
    return told if order.min() == order.max() else max(told, float(np.corrcoef(order, ranks)[0, 1]) ** 2)


def monotone(values: Floats, y: Floats) -> float:
    """Return the AUC of numbers as they are, rising or falling; where they are missing is the lowest place of all."""
    found = ranked(np.where(np.isnan(values), -np.inf, values), y)
    return max(found, 1 - found)


def ranked(score: Floats, y: Floats) -> float:
    """Return the AUC of a score that may be infinite for 0 and 1, of which there must be both.

    >>> ranked(np.array([-np.inf, 1.0, 2.0, 2.0]), np.array([0.0, 0.0, 0.0, 1.0]))
    0.8333333333333334
    """
    ones = int(y.sum())
    return float((scipy.stats.rankdata(score)[y > 0].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))


def standard_error(value: float, ones: int, zeros: int) -> float:
    """Return that of an AUC (Hanley and McNeil 1982, eq. 1 and 2)."""
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    variance = value * (1 - value) + (ones - 1) * (q1 - value**2) + (zeros - 1) * (q2 - value**2)
    return float(np.sqrt(max(variance, 0.0) / (ones * zeros)))


def _crossed(cells: Codes, y: Floats, half: NDArray[np.bool_]) -> Floats:
    """Return what each half of the rows says of the other: means by cell, drawn to those of all by one row."""
    size = int(cells.max()) + 1
    found = np.empty_like(y)
    for rows in (half, ~half):
        base = y[rows].mean(axis=0)
        counts = np.bincount(cells[rows], minlength=size)
        for k in range(y.shape[1]):
            sums = np.bincount(cells[rows], weights=y[rows, k], minlength=size)
            found[~rows, k] = ((sums + base[k]) / (counts + 1))[cells[~rows]]
    return found


def halves(rows: int, y: Sequence[float] | Floats, *, seed: int) -> NDArray[np.bool_]:
    """Return which rows are of the first half, shape (n,): every other one by target, in an order drawn by chance."""
    chance = np.random.default_rng(seed).random(rows)
    half = np.zeros(rows, dtype=np.bool_)
    half[np.lexsort((chance, np.asarray(y)))[::2]] = True
    return half
