"""Cut points of numbers and times: round values that divide the rows about equally."""

from __future__ import annotations

import datetime
import math

import numpy as np

from tabkit.predicates import Bound
from tabkit.rules.goal import Floats
from tabkit.schema import Family

_EPOCH = datetime.datetime(1970, 1, 1)
_DIGITS = 17  # that a float can hold
_EXACT = 2**53  # up to which a float holds every whole number
_TIMES = (
    {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    {"day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    {"hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    {"minute": 0, "second": 0, "microsecond": 0},
    {"second": 0, "microsecond": 0},
    {"microsecond": 0},
)


def cut(values: Floats, *, bins: int, slack: float, kind: Family, whole: bool) -> tuple[tuple[Bound, ...], Floats]:
    """Choose at most ``bins - 1`` cuts; a value on a cut belongs to the bin above it.

    Parameters
    ----------
    values
        Shape (n,): numbers, or days (of ``date``) or microseconds (of ``datetime``) since 1970; NaN where missing.
    bins
        How many bins at most. Values that are at most so many are a bin each, and those that are frequent too.
    slack
        How far a cut may move to a rounder one, as a share of the rows.
    kind
        The family of the column.
    whole
        Whether the values are integers: then cuts are too.

    Returns
    -------
    tuple
        The cuts as bounds of a condition, and as numbers like `values`; both ascending. They never lie at the data's
        ends: what is below the first cut and above the last one has no bound.

    Examples
    --------
    >>> cut(np.array([1.0, 1.4973, 1.5021, 9.0]), bins=2, slack=0, kind="number", whole=False)[0]
    (1.5,)
    """
    finite = np.sort(values[np.isfinite(values)])
    if not finite.size:
        return (), np.empty(0)
    starts = np.concatenate(([0], np.flatnonzero(finite[1:] != finite[:-1]) + 1))
    counts = np.diff(np.append(starts, finite.size))
    few = starts.size <= bins
    cuts: dict[float, Bound] = {}
    for index in range(1, starts.size) if few else _places(starts, finite.size, bins):
        width = 0 if few else int(slack * finite.size)
        if max(counts[index - 1], counts[index]) > width:  # a frequent value keeps a cut of its own
            width = 0
        low = float(finite[max(starts[index] - 1 - width, 0)])
        high = float(finite[min(starts[index] + width, finite.size - 1)])
        value = roundest(low, high, kind=kind, whole=whole)
        if value is not None:
            cuts[value[0]] = value[1]
    return tuple(cuts[number] for number in sorted(cuts)), np.array(sorted(cuts), dtype=np.float64)


def _places(starts: np.ndarray[tuple[int], np.dtype[np.int64]], rows: int, bins: int) -> list[int]:
    """Return which of the distinct values begin a bin.

    Each bin takes its share of the rows that are left, so that a value that fills several bins leaves the others to
    the rest of the values.
    """
    ends = np.append(starts[1:], rows)
    places: list[int] = []
    first = 0
    for left in range(bins, 1, -1):
        done = int(starts[first])
        target = (rows - done) / left
        last = int(np.searchsorted(ends, done + target))
        if last > first and ends[last] - done - target > done + target - ends[last - 1]:
            last -= 1
        first = last + 1
        if first >= starts.size:
            break
        places.append(first)
    return places


def roundest(low: float, high: float, *, kind: Family, whole: bool) -> tuple[float, Bound] | None:
    """Return the roundest cut above `low` and not above `high`, as a number and as a bound; see `cut` for the units.

    >>> roundest(20.2, 45.0, kind="date", whole=True)
    (31.0, datetime.date(1970, 2, 1))
    """
    if kind not in ("date", "datetime"):
        number = shortest(low, high, whole=whole)
        # A whole number reads better without its ".0", and compares with floats alike.
        return number, int(number) if whole or (number.is_integer() and abs(number) < _EXACT) else number
    unit = datetime.timedelta(days=1) if kind == "date" else datetime.timedelta(microseconds=1)
    try:
        # In whole units, which a float of microseconds holds for some 280 years around 1970 exactly.
        exact = _EPOCH + int(high) * unit
    except OverflowError:  # years that Python does not know: no bound could be written
        return None
    for parts in _TIMES:
        time = exact.replace(**parts)  # type: ignore[arg-type]  # all are integers
        number = float((time - _EPOCH) // unit)
        if low < number <= high:
            return number, time.date() if kind == "date" else time
    return high, exact.date() if kind == "date" else exact


def shortest(low: float, high: float, *, whole: bool = False) -> float:
    """Return the decimal of the fewest digits above `low` and not above `high`.

    >>> shortest(1.4973, 1.5021), shortest(98.7, 103.2), shortest(41, 42, whole=True)
    (1.5, 100.0, 42.0)
    >>> shortest(-3, 8), shortest(0.1, 0.1 + 2**-54)
    (0.0, 0.1...)
    """
    if low < 0 <= high:
        return 0.0
    top = math.ceil(math.log10(max(abs(low), abs(high))))
    for power in range(top, (0 if whole else top - _DIGITS) - 1, -1):
        unit = float(f"1e{power}")
        if unit == 0:
            break
        if math.isfinite(unit):
            found = float(f"{math.floor(high / unit)}e{power}")
            if low < found <= high:
                return found
    return high
