"""How good a rule is: how many rows it covers, and what is inside against everywhere, with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import ndtri

from tabkit.errors import ConfigError
from tabkit.predicates import Rule, expr
from tabkit.rules.goal import Goal, Mask


@dataclass(frozen=True, slots=True)
class Measured:
    """What some rows say about a rule.

    Parameters
    ----------
    rows, covered
        All rows, and those inside of the rule.
    value, low, high
        The share, mean or effect inside, with its interval; None where there are too few rows to say. Of a share the
        interval is Wilson's (1927), of a mean and an effect the normal one with the rows' own variances.
    base
        The same over all rows.
    treated
        Of an effect: how many of the covered rows were treated; None otherwise.
    level
        Of the interval.
    """

    rows: int
    covered: int
    value: float | None
    low: float | None
    high: float | None
    base: float
    treated: int | None
    level: float

    @property
    def coverage(self) -> float:
        """The share of the rows that are inside."""
        return self.covered / self.rows if self.rows else 0.0

    @property
    def lift(self) -> float | None:
        """How many times the base the value is; None where the base is not above zero."""
        return None if self.value is None or self.base <= 0 else self.value / self.base

    @property
    def gain(self) -> float | None:
        """The value less the base."""
        return None if self.value is None else self.value - self.base

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, with what follows from the fields."""
        return {**asdict(self), "coverage": self.coverage, "lift": self.lift, "gain": self.gain}


def wilson(successes: float, n: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share (Wilson 1927; Brown, Cai and DasGupta 2001, equation 4).

    Parameters
    ----------
    successes, n
        Counts; `n` above zero.
    level
        Of the interval, strictly between 0 and 1.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    z = z_of(level)
    middle = (successes + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(successes * (n - successes) / n + z * z / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def z_of(level: float) -> float:
    """Return the normal quantile of a two-sided interval.

    >>> round(z_of(0.95), 4)
    1.96
    """
    if not 0 < level < 1:
        raise ConfigError(f"level is {level}; a number strictly between 0 and 1 was expected")
    return -float(ndtri((1 - level) / 2))


def measure(inside: Mask, goal: Goal, *, level: float = 0.95) -> Measured:
    """Measure the rows inside of a rule.

    Parameters
    ----------
    inside
        Shape (n,): which rows are inside.
    goal
        The same n rows.
    level
        Of the interval.

    Examples
    --------
    >>> goal = Goal("churned", "share", np.array([1.0, 1.0, 0.0, 0.0, 0.0]), positive="yes")
    >>> found = measure(np.array([True, True, True, False, False]), goal)
    >>> round(found.value, 3), found.coverage, round(found.lift, 3)
    (0.667, 0.6, 1.667)
    """
    covered = int(inside.sum())
    value, low, high, treated = _inside(inside, goal, level=level)
    base = _inside(np.ones(len(inside), dtype=np.bool_), goal, level=level)[0] if len(inside) else None
    return Measured(len(inside), covered, value, low, high, 0.0 if base is None else base, treated, level)


def _inside(inside: Mask, goal: Goal, *, level: float) -> tuple[float | None, float | None, float | None, int | None]:
    y = goal.y[inside]
    if goal.treated is not None:
        arm = goal.treated[inside]
        return *_difference(y[arm], y[~arm], level=level), int(arm.sum())
    if not len(y):
        return None, None, None, None
    value = float(y.sum()) / len(y)
    if goal.kind == "share":
        return value, *wilson(float(y.sum()), len(y), level=level), None
    if len(y) < 2:
        return value, None, None, None
    half = z_of(level) * math.sqrt(_variance(y) / len(y))
    return value, value - half, value + half, None


def _difference(
    treated: np.ndarray[Any, np.dtype[np.float64]], controls: np.ndarray[Any, np.dtype[np.float64]], *, level: float
) -> tuple[float | None, float | None, float | None]:
    if not len(treated) or not len(controls):
        return None, None, None
    value = float(treated.mean() - controls.mean())
    if min(len(treated), len(controls)) < 2:
        return value, None, None
    half = z_of(level) * math.sqrt(_variance(treated) / len(treated) + _variance(controls) / len(controls))
    return value, value - half, value + half


def _variance(y: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(y.var(ddof=1))


def masks(rules: Sequence[Rule], frame: pl.DataFrame) -> list[Mask]:
    """Return, by rule, which rows are inside, shape (n,) each; one pass over the frame.

    >>> from tabkit.predicates import Range
    >>> [found] = masks([Rule(all_of=(Range(column="x", ge=2),))], pl.DataFrame({"x": [1, 2, None]}))
    >>> found.tolist()
    [False, True, False]
    """
    named = [expr(rule, frame.schema).alias(f"{index}") for index, rule in enumerate(rules)]
    # The row's number makes a rule without conditions as long as the others.
    found = frame.select(pl.int_range(pl.len()).alias("row"), *named)
    return [found[f"{index}"].to_numpy().astype(np.bool_) for index in range(len(rules))]
