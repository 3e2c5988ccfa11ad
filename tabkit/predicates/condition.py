"""Conditions on one column: each row matches or does not, and the result is never null."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from tabkit.errors import ConfigError

_LEAST, _MOST = -(2**63), 2**64 - 1  # what Polars's integers hold

Bound: TypeAlias = int | float | datetime.date | datetime.datetime
Level: TypeAlias = str | bool | int | float | datetime.date | datetime.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Values between two ends, either of which may be open.

    Parameters
    ----------
    column
        Name of the column: numbers, dates, datetimes (bounds are its own wall clock), or durations (bounds are
        seconds).
    ge, gt, le, lt
        At least, above, at most, below. At least one is given, and at most one for each end.
    null
        Whether null (and NaN) counts as inside; otherwise it is outside.

    Raises
    ------
    ConfigError
        If there is no bound or two for one end, a bound is NaN, infinite or a whole number beyond 64 bits, or no
        value can be inside.

    Examples
    --------
    >>> Range(column="age", ge=30, lt=45)
    Range(column='age', ge=30, gt=None, le=None, lt=45, null=False)
    >>> Range(column="age", ge=45, lt=30)
    Traceback (most recent call last):
    tabkit.errors.ConfigError: the range of 'age' is empty: no value is at least 45 and below 30
    To do: swap the two bounds, or drop one
    """

    column: str
    ge: Bound | None = None
    gt: Bound | None = None
    le: Bound | None = None
    lt: Bound | None = None
    null: bool = False

    def __post_init__(self) -> None:
        _check_column(self.column)
        given = [bound for bound in (self.ge, self.gt, self.le, self.lt) if bound is not None]
        if not given:
            raise ConfigError(f"the range of {self.column!r} has no bound", advice="give one of ge, gt, le and lt")
        for low, high in ((self.ge, self.gt), (self.le, self.lt)):
            if low is not None and high is not None:
                raise ConfigError(
                    f"one end of the range of {self.column!r} has two bounds", advice="give ge or gt, and le or lt"
                )
        for bound in given:
            _check_bound(bound, self.column)
        self._check_order()

    @property
    def low(self) -> Bound | None:
        """The lower bound, whether the value itself is inside or not."""
        return self.gt if self.ge is None else self.ge

    @property
    def high(self) -> Bound | None:
        """The upper bound, whether the value itself is inside or not."""
        return self.lt if self.le is None else self.le

    def _check_order(self) -> None:
        low, high = self.low, self.high
        if low is None or high is None:
            return
        if _kind(low) != _kind(high):
            raise ConfigError(
                f"the bounds of {self.column!r} are of two kinds: {low!r} and {high!r}",
                advice="give two numbers, two dates, or two datetimes",
            )
        closed = self.ge is not None and self.le is not None
        if low > high or (low == high and not closed):  # type: ignore[operator]  # of one kind
            least = "at least" if self.ge is not None else "above"
            most = "at most" if self.le is not None else "below"
            raise ConfigError(
                f"the range of {self.column!r} is empty: no value is {least} {low} and {most} {high}",
                advice="swap the two bounds, or drop one",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Values from a list.

    Parameters
    ----------
    column
        Name of the column: text, booleans, numbers or dates.
    levels
        At least one, all of one kind; kept once each, sorted.
    null
        Whether null (and NaN) counts as inside; otherwise it is outside.

    Raises
    ------
    ConfigError
        If there are no levels, or of several kinds.

    Examples
    --------
    >>> Levels(column="job", levels=("student", "retired")).levels
    ('retired', 'student')
    """

    column: str
    levels: tuple[Level, ...]
    null: bool = False

    def __post_init__(self) -> None:
        _check_column(self.column)
        levels = _listed(self.levels)
        if not levels:
            raise ConfigError(
                f"the levels of {self.column!r} are given as {self.levels!r}; a list with at least one was expected",
                advice="list levels, or write null = true alone for missing values",
            )
        # One of each type stands for all of its type: there may be thousands.
        types = {type(level): level for level in levels}
        for level in types.values():
            if not isinstance(level, str | bool | int | float | datetime.date):
                raise ConfigError(
                    f"a level of {self.column!r} is {level!r}", advice="a text, number, boolean or date was expected"
                )
        if not types.keys() <= {str, bool}:
            for level in levels:
                if not isinstance(level, str | bool):
                    _check_bound(level, self.column)
        kinds = {_kind(level) for level in types.values()}
        if len(kinds) > 1:
            raise ConfigError(
                f"the levels of {self.column!r} are of several kinds: {', '.join(sorted(kinds))}",
                advice="give levels of the column's own kind",
            )
        object.__setattr__(self, "levels", tuple(sorted(dict.fromkeys(levels))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """Missing values: null, and of floats NaN too.

    Examples
    --------
    >>> Null(column="age")
    Null(column='age')
    """

    column: str

    def __post_init__(self) -> None:
        _check_column(self.column)


Positive: TypeAlias = Range | Levels | Null


@dataclass(frozen=True, slots=True)
class Not:
    """The rows outside a condition. Where null is outside of the condition, it is inside here.

    Examples
    --------
    >>> Not(Null(column="age")).column
    'age'
    """

    condition: Positive

    def __post_init__(self) -> None:
        if not isinstance(self.condition, Range | Levels | Null):
            raise ConfigError(
                f"not of {type(self.condition).__name__} was given",
                advice="negate a range, levels or null; twice negated is the condition itself",
            )

    @property
    def column(self) -> str:
        """Name of the column."""
        return self.condition.column


Condition: TypeAlias = Range | Levels | Null | Not


def negate(condition: Condition) -> Condition:
    """Return the condition with all other rows.

    >>> negate(negate(Null(column="age")))
    Null(column='age')
    """
    return condition.condition if isinstance(condition, Not) else Not(condition)


def _listed(levels: object) -> tuple[Any, ...]:
    return tuple(levels) if isinstance(levels, Iterable) and not isinstance(levels, str) else ()


def _kind(value: Level) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, datetime.datetime):
        return "datetime"
    return "date" if isinstance(value, datetime.date) else "text"


def _check_column(column: object) -> None:
    if not isinstance(column, str) or not column:
        raise ConfigError(f"a condition is on {column!r}; the name of a column was expected")


def _check_bound(bound: object, column: str) -> None:
    if isinstance(bound, bool) or not isinstance(bound, int | float | datetime.date):
        raise ConfigError(f"a bound of {column!r} is {bound!r}; a number or a date was expected")
    if isinstance(bound, int) and not _LEAST <= bound <= _MOST:
        raise ConfigError(
            f"a bound of {column!r} is beyond the whole numbers of 64 bits", advice="leave this end open, or write 1e19"
        )
    if isinstance(bound, float) and not math.isfinite(bound):
        raise ConfigError(f"a bound of {column!r} is {bound}", advice="leave this end open")
    if isinstance(bound, datetime.datetime) and bound.tzinfo is not None:
        raise ConfigError(
            f"a bound of {column!r} has an offset: {bound.isoformat()}",
            advice="write it without: times are read in the column's own time zone",
        )
