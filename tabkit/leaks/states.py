"""States of one column that imply a class, or that a class always needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from tabkit.leaks.columns import Floats, levels
from tabkit.leaks.limits import CHANCE, FEWEST, MISSED, NEEDED, ODDS, PURE, SURELY_MISSED


@dataclass(frozen=True, slots=True)
class LeakingState:
    """A state of a column that reveals a class.

    Parameters
    ----------
    words
        Such as ``'status' is 'closed'``.
    kind
        ``implies``: rows of this state are of the class. ``needs``: no row of this state is of the class.
    rows, hits
        Rows of the state, and those of them that are of the class.
    elsewhere
        The share of the class among all other rows.
    """

    words: str
    kind: Literal["implies", "needs"]
    rows: int
    hits: int
    elsewhere: float


def telling(column: pl.Series, member: NDArray[np.bool_], *, needs: bool) -> LeakingState | None:
    """Return the state of a column that tells a class most often, the one that implies it first; None if there is none.

    Values of measurements hardly repeat, and one end of a measurement may well be of one class: only states are looked
    at that many rows share, such as a level, null, zero, or anything but that.

    Parameters
    ----------
    column
        Of the n rows.
    member
        Shape (n,): which rows are of the class, at most half of them.
    needs
        Whether a state without the class counts too.
    """
    rows, hits = len(member), int(member.sum())
    implied: list[LeakingState] = []
    needed: list[LeakingState] = []
    for words, n, k in _states(column, member):
        rest = rows - n
        if n < FEWEST or rest < FEWEST:
            continue
        if _implies(n, k, hits / rows):
            implied.append(LeakingState(words, "implies", n, k, (hits - k) / rest))
        elif needs and _needed(n, k, rows, hits):
            needed.append(LeakingState(words, "needs", n, k, (hits - k) / rest))
    found = implied or needed
    return max(found, key=lambda state: state.rows) if found else None


def _implies(n: int, k: int, share: float) -> bool:
    if k < PURE * n:
        return False
    low = float(scipy.stats.beta.ppf(CHANCE, k, n - k + 1))
    return low / (1 - low) >= ODDS * share / (1 - share)


def _needed(n: int, k: int, rows: int, hits: int) -> bool:
    """Whether a class stays out of n rows, k of its hits apart, that are most of those without it."""
    if k > MISSED * hits:
        return False
    high = float(scipy.stats.beta.ppf(1 - CHANCE, k + 1, hits - k)) if hits > k else 1.0
    ranked = ((hits - k) / hits + (n - k) / (rows - hits)) / 2
    return high <= SURELY_MISSED and ranked >= NEEDED


def _states(column: pl.Series, member: NDArray[np.bool_]) -> Iterator[tuple[str, int, int]]:
    """Yield states in words, with their rows and those of the class."""
    name, codes = repr(column.name), levels(column)
    missing, full = np.isnan(codes), len(codes)
    empty = int(missing.sum())
    if empty:
        inside = int(member[missing].sum())
        yield f"{name} is null", empty, inside
        yield f"{name} is not null", full - empty, int(member.sum()) - inside
    if empty == full:
        return
    known = codes[~missing].astype(np.int64)
    sizes, inside_of = np.bincount(known), np.bincount(known, weights=member[~missing]).astype(np.int64)
    frequent = np.flatnonzero(sizes >= FEWEST)
    if not len(frequent):
        return
    values = _examples(column, codes, frequent)
    for code, value in zip(frequent.tolist(), values, strict=True):
        yield f"{name} is {value}", int(sizes[code]), int(inside_of[code])
    top = int(frequent[sizes[frequent].argmax()])
    value = values[frequent.tolist().index(top)]
    inside = int(inside_of.sum() - inside_of[top])
    yield f"{name} is not {value}", full - empty - int(sizes[top]), inside


def _examples(column: pl.Series, codes: Floats, wanted: NDArray[np.int64]) -> list[str]:
    """Return the values of codes as a reader would write them."""
    first = np.zeros(int(np.nanmax(codes)) + 1, dtype=np.int64)
    known = np.flatnonzero(~np.isnan(codes))
    first[codes[known].astype(np.int64)] = known
    return [_shown(value) for value in column[first[wanted]].to_list()]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    return repr(value) if isinstance(value, str) else str(value)
