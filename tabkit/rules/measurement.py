"""Measure a rule: how many rows it covers, and its mean inside against all rows, with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from tabkit import forked
from tabkit.predicates import Rule, expr
from tabkit.rules.goal import Goal, Mask
from tabkit.rules.intervals import Moments, estimate, less, moments, wilson

__all__ = ["UNBALANCED", "Measured", "Moments", "masks", "measure", "moments", "wilson"]

UNBALANCED = 4.0
"""By how many standard errors the shares of treated rows inside and outside may differ.

Where they differ by more, treatment was not drawn alike there, and a difference of effects may be one of who was
treated.
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurement of a rule on some rows.

    Parameters
    ----------
    rows, covered
        All rows, and those inside of the rule.
    value, low, high
        The share, mean or effect inside, with its interval; None where there are too few rows to say. See
        `tabkit.rules.intervals`.
    base
        The same over all rows.
    treated
        Of an effect: how many of the covered rows were treated; None otherwise.
    level
        Of the intervals.
    rest
        The value over the rows outside.
    difference, difference_low, difference_high
        The value inside less that of the rest, with its interval; None where either side has none.
    balanced
        Of an effect: whether about as large a share of the rows was treated inside as outside; None otherwise.
    """

    rows: int
    covered: int
    value: float | None
    low: float | None
    high: float | None
    base: float
    treated: int | None
    level: float
    rest: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    balanced: bool | None = None

    @property
    def coverage(self) -> float:
        """The share of the rows that are inside."""
        return self.covered / self.rows if self.rows else 0.0

    @property
    def lift(self) -> float | None:
        """The value divided by the base; None where the base is not above zero."""
        return None if self.value is None or self.base <= 0 else self.value / self.base

    @property
    def gain(self) -> float | None:
        """The value less the base."""
        return None if self.value is None else self.value - self.base

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, with what follows from the fields."""
        return {**asdict(self), "coverage": self.coverage, "lift": self.lift, "gain": self.gain}


def measure(inside: Mask, goal: Goal, *, level: float = 0.95, exact: bool = False) -> Measured:
    """Measure the rows inside of a rule.

    Parameters
    ----------
    inside
        Shape (n,): which rows are inside.
    goal
        The same n rows.
    level
        Of the intervals.
    exact
        Whether the interval of a share is Clopper and Pearson's rather than Wilson's; that of the difference from the
        rest always is.

    Examples
    --------
    >>> goal = Goal("churned", "share", np.array([1.0, 1.0, 0.0, 0.0, 0.0]), positive="yes")
    >>> found = measure(np.array([True, True, True, False, False]), goal)
    >>> round(found.value, 3), found.coverage, round(found.lift, 3), found.rest
    (0.667, 0.6, 1.667, 0.0)
    """
    here, there = moments(inside, goal), moments(~inside, goal)
    binary, clustered = goal.binary, goal.unit is not None
    sure = estimate(here, binary=binary, clustered=clustered, level=level)
    shown = sure if exact else estimate(here, binary=binary, clustered=clustered, level=level, exact=False)
    rest = estimate(there, binary=binary, clustered=clustered, level=level)
    apart, effect = less(sure, rest), goal.treated is not None
    return Measured(
        rows=len(inside),
        covered=sum(part.n for part in here),
        value=shown.value,
        low=shown.low,
        high=shown.high,
        base=_base(here, there),
        treated=here[0].n if effect else None,
        level=level,
        rest=rest.value,
        difference=apart.value,
        difference_low=apart.low,
        difference_high=apart.high,
        balanced=_balanced(here, there) if effect else None,
    )


def _base(here: Sequence[Moments], there: Sequence[Moments]) -> float:
    """Return the value over all rows; 0 where there are none, or none of an arm."""
    counts = [one.n + other.n for one, other in zip(here, there, strict=True)]
    if not min(counts):
        return 0.0
    means = [(one.total + other.total) / n for one, other, n in zip(here, there, counts, strict=True)]
    return means[0] - (means[1] if len(means) > 1 else 0.0)


def _balanced(here: Sequence[Moments], there: Sequence[Moments]) -> bool:
    """Return whether the shares of treated rows inside and outside differ by no more than chance would have it.

    The shares are of rows, and the error is that of as many draws as there are units: treatment may be given to them.
    """
    inside, outside = sum(part.n for part in here), sum(part.n for part in there)
    if not inside or not outside:
        return True
    pooled = (here[0].n + there[0].n) / (inside + outside)
    draws = 1 / sum(part.units for part in here) + 1 / sum(part.units for part in there)
    apart = abs(here[0].n / inside - there[0].n / outside)
    return apart <= UNBALANCED * math.sqrt(pooled * (1 - pooled) * draws) or not 0 < pooled < 1


def masks(rules: Sequence[Rule], frame: pl.DataFrame) -> list[Mask]:
    """Return, by rule, which rows are inside, shape (n,) each; one pass over the frame.

    >>> from tabkit.predicates import Range
    >>> [found] = masks([Rule(all_of=(Range(column="x", ge=2),))], pl.DataFrame({"x": [1, 2, None]}))
    >>> found.tolist()
    [False, True, False]
    """
    forked.check()
    named = [expr(rule, frame.schema).alias(f"{index}") for index, rule in enumerate(rules)]
    # The row's number makes a rule without conditions as long as the others.
    found = frame.select(pl.int_range(pl.len()).alias("row"), *named)
    return [found[f"{index}"].to_numpy().astype(np.bool_) for index in range(len(rules))]
