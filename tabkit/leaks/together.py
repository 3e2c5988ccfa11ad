"""Columns that leak a target together: sums, products and differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tabkit.leaks.alone import monotone, standard_error
from tabkit.leaks.columns import Floats
from tabkit.leaks.limits import FEWEST_PAIRED, IDENTITY, MOST_COLUMNS, MOST_SUMMED, MOST_TERMS, TOGETHER

_ERRORS = 3  # standard errors: more pairs are tried than columns, so one more than for a single column
_HUGE = 1e100
"""Beyond it, squares of numbers are infinite."""
_GLANCE = 1000
"""Rows that show of most pairs that they tell nothing."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A few columns that determine a target together.

    Parameters
    ----------
    columns
        Two or more.
    words
        What is taken of them, such as ``'a' + 'b'``.
    value
        R squared of an account, or AUC of a pair.
    pair
        Which of the two it is.
    """

    columns: tuple[str, ...]
    words: str
    value: float
    pair: bool = False


def accounts(numbers: Mapping[str, Floats], y: Floats, half: NDArray[np.bool_]) -> Identity | None:
    """Return the sum or the product of columns that a number is; None where there is none.

    Parameters
    ----------
    numbers
        By column, shape (n,); those with missing values are passed over.
    y
        Shape (n,).
    half
        Shape (n,): the rows to fit on; the others prove.
    """
    whole = {name: x for name, x in numbers.items() if np.abs(x).max() < _HUGE and x.min() < x.max()}
    if not np.abs(y).max() < _HUGE:
        return None
    added = _sparse(dict(list(whole.items())[:MOST_SUMMED]), y, half)
    if added is not None:
        return Identity(*added)
    positive = {name: np.log(x) for name, x in whole.items() if x.min() > 0}
    if y.min() <= 0 or len(positive) < 2:
        return None
    product = _sparse(positive, np.log(y), half)
    if product is None:
        return None
    columns, _, value = product
    return Identity(columns, "the product or quotient of " + " and ".join(map(repr, columns)), value)


def _sparse(
    columns: Mapping[str, Floats], y: Floats, half: NDArray[np.bool_]
) -> tuple[tuple[str, ...], str, float] | None:
    """Return the fewest columns whose weighted sum a number is: each next one is what leaves least over."""
    names, n = list(columns), int(half.sum())
    if len(names) < 2 or n < 3 * min(len(names), n) or n < 30:
        return None
    x = np.column_stack([(columns[name] - columns[name].mean()) / columns[name].std() for name in names])
    if _fit(x, y, half)[1] < IDENTITY:
        return None
    chosen: list[int] = []
    left = y[half] - y[half].mean()
    while len(chosen) < MOST_TERMS:
        leaves = np.abs(x[half].T @ left)
        leaves[chosen] = -1
        chosen.append(int(leaves.argmax()))
        weights, value = _fit(x[:, chosen], y, half)
        left = y[half] - weights[0] - x[half][:, chosen] @ weights[1:]
        if value >= IDENTITY:
            found = _pruned(x, y, half, chosen)
            weights, value = _fit(x[:, found], y, half)
            terms = [(names[place], float(weight)) for place, weight in zip(found, weights[1:], strict=True)]
            return tuple(name for name, _ in terms), _sum(terms), value
    return None


def _pruned(x: Floats, y: Floats, half: NDArray[np.bool_], chosen: list[int]) -> list[int]:
    """Leave out, one by one, columns without which the sum is as good."""
    kept = list(chosen)
    for place in chosen:
        rest = [other for other in kept if other != place]
        if rest and _fit(x[:, rest], y, half)[1] >= IDENTITY:
            kept = rest
    return kept


def _fit(x: Floats, y: Floats, half: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Return the weights of a sum on one half of the rows, and its R squared on the other."""
    design = np.column_stack([np.ones(len(y)), x])
    weights: Floats = np.linalg.lstsq(design[half], y[half], rcond=None)[0].astype(np.float64)
    rest = y[~half]
    total = float(((rest - rest.mean()) ** 2).sum())
    left = float(((rest - design[~half] @ weights) ** 2).sum())
    return weights, 1 - left / total if total else 0.0


def _sum(terms: list[tuple[str, float]]) -> str:
    first, *others = sorted(terms, key=lambda term: term[1] < 0)
    return f"{'-' if first[1] < 0 else ''}{first[0]!r}" + "".join(
        f" {'-' if weight < 0 else '+'} {name!r}" for name, weight in others
    )


def pairs(kinds: Mapping[str, Mapping[str, Floats]], y: Floats, *, seed: int) -> Identity | None:
    """Return the sum or difference of two columns that ranks 0 and 1 best, if that is too well; see `TOGETHER`.

    Parameters
    ----------
    kinds
        Columns that may be added, together: numbers with numbers, dates with dates.
    y
        Shape (n,).
    """
    some = np.random.default_rng(seed).permutation(len(y))[:_GLANCE]
    fewest = min(y.sum(), len(y) - y.sum())
    if fewest < FEWEST_PAIRED or y[some].min() == y[some].max():
        return None
    best: Identity | None = None
    for columns, words, values in _combined(kinds):
        if monotone(values[some], y[some]) < TOGETHER:
            continue
        value = monotone(values, y)
        surely = value - _ERRORS * standard_error(value, int(y.sum()), int(len(y) - y.sum()))
        if surely >= TOGETHER and (best is None or value > best.value):
            best = Identity(columns, words, value, pair=True)
    return best


def _combined(kinds: Mapping[str, Mapping[str, Floats]]) -> Iterator[tuple[tuple[str, str], str, Floats]]:
    for numbers in kinds.values():
        for (a, x), (b, z) in combinations(list(numbers.items())[:MOST_COLUMNS], 2):
            with np.errstate(invalid="ignore", over="ignore"):  # infinite less infinite is missing
                less, more = x - z, x + z
            yield (a, b), f"{a!r} - {b!r}", less
            yield (a, b), f"{a!r} + {b!r}", more
