"""Numbers in words and text: as many digits as their interval supports."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

NONE = "n/a"
_DASH = "\N{EN DASH}"
Sign = Literal["+", ""]
_MOST = 6  # decimals: more are counted rather than read
_TINY = 1e-5  # where the largest of some numbers is below it, a power of ten says more than six decimals
_LARGE = 1e15  # from here on a float does not hold every whole number


def decimals_of(low: float | None, high: float | None) -> int | None:
    """Return how many decimals an interval supports, two digits of its width; None where it has no width.

    >>> decimals_of(0.68012, 0.68951), decimals_of(11_000, 12_500), decimals_of(1.0, 1.0), decimals_of(0.0, 1e-12)
    (4, 0, None, 6)
    """
    if low is None or high is None or not math.isfinite(high - low):
        return None
    width = abs(high - low)
    if width <= 1e-12 * max(abs(low), abs(high)):
        return None
    return min(max(1 - math.floor(math.log10(width)), 0), _MOST)


def number(value: float | None, *, sign: Sign = "", decimals: int | None = None, digits: int = 3) -> str:
    """Return a number with so many significant digits, whole ones in full, or with so many decimals; zero has no sign.

    >>> number(0.68457), number(-1e-17, decimals=3), number(12_345.6, sign="+"), number(3.2e-9), number(float("nan"))
    ('0.685', '0.000', '+12,346', '3.2e-09', 'n/a')
    """
    if value is None or not math.isfinite(value):
        return NONE
    if decimals is None:
        if value == 0:
            return "0"
        if abs(value) < _TINY:
            return f"{value:{sign}.2g}"
        decimals = min(max(digits - 1 - math.floor(math.log10(abs(value))), 0), _MOST)
    if abs(value) >= _LARGE:
        return f"{value:{sign}.3g}"
    rounded = round(value, decimals) + 0.0
    return f"{rounded:{sign if rounded else ''},.{decimals}f}"


def figures(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    sign: Sign = "",
    least: float = 0.0,
    decimals: int | None = None,
) -> tuple[str, str, str]:
    """Return a number and the ends of its interval, all with the digits that the interval supports.

    Parameters
    ----------
    least
        A size up to which a number is nothing but the rounding of a computer.
    decimals
        With so many instead, as the others of its row or column.

    Examples
    --------
    >>> figures(-0.062, -0.091, -0.031, sign="+"), figures(-1e-10, -2e-10, 1e-11, sign="+", least=1e-6)
    (('-0.062', '-0.091', '-0.031'), ('0', '0', '0'))
    >>> figures(-0.08, -0.17, -0.002)
    ('-0.080', '-0.170', '-0.002')
    >>> figures(3e-9, 2e-9, 4e-9), figures(0.5, 0.5, 0.5), figures(0.5, None, None)
    (('3e-09', '2e-09', '4e-09'), ('0.500', '0.500', '0.500'), ('0.500', 'n/a', 'n/a'))
    """
    known = [abs(part) for part in (value, low, high) if part is not None and math.isfinite(part)]
    largest = max(known, default=0.0)
    if known and largest <= least:
        shown = [NONE if part is None or not math.isfinite(part) else "0" for part in (value, low, high)]
    elif 0 < largest < _TINY:
        shown = [number(part, sign=sign) for part in (value, low, high)]
    else:
        if decimals is None:
            decimals = _supported(value, low, high)
        shown = [number(part, sign=sign, decimals=decimals) for part in (value, low, high)]
    return shown[0], shown[1], shown[2]


def _supported(value: float | None, low: float | None, high: float | None) -> int | None:
    decimals = decimals_of(low, high)
    if decimals is None and value is not None and math.isfinite(value) and low is not None:
        return min(max(2 - math.floor(math.log10(abs(value))), 0), _MOST) if value else 0
    if decimals is not None and low is not None and high is not None and low * high > 0:
        while decimals < _MOST and 0 in (round(low, decimals), round(high, decimals)):
            decimals += 1  # an end that is not zero decides, and must not look like it
    return decimals


def spelled(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    sign: Sign = "",
    least: float = 0.0,
    decimals: int | None = None,
) -> tuple[str, str]:
    """Return a number, and its interval as one text: ``n/a`` where it has no width that can be seen.

    Parameters are those of `figures`. A dash stands between ends without signs, else "to".

    Examples
    --------
    >>> spelled(1.29, 0.87, 1.71), spelled(7.64, 6.99, 8.3, sign="+"), spelled(0.5, None, None)
    (('1.29', '0.87–1.71'), ('+7.6', '+7.0 to +8.3'), ('0.500', 'n/a'))
    """
    shown, lowest, highest = figures(value, low, high, sign=sign, least=least, decimals=decimals)
    if NONE in (shown, lowest, highest) or lowest == highest or not _wide(low, high):
        return shown, NONE
    return shown, between(lowest, highest)


def between(low: str, high: str) -> str:
    """Return two ends as one text.

    >>> between("0.87", "1.71"), between("-0.5", "0.5"), between("0", "+2")
    ('0.87–1.71', '-0.5 to 0.5', '0 to +2')
    """
    return f"{low}{' to ' if low[0] in '+-' or high[0] in '+-' else _DASH}{high}"


def _wide(low: float | None, high: float | None) -> bool:
    return decimals_of(low, high) is not None or (low is not None and high is not None and low < high)


def with_interval(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    sign: Sign = "",
    least: float = 0.0,
    decimals: int | None = None,
    before: str = " (",
    after: str = ")",
    without: str = "",
) -> str:
    """Return a number with its interval behind it; alone where the interval has no width that can be seen.

    Parameters
    ----------
    sign, least, decimals
        As of `figures`.
    before, after
        What stands around the ends.
    without
        What is said instead where there is no interval, or one without width: it is no evidence.

    Examples
    --------
    >>> with_interval(1.29, 0.87, 1.71), with_interval(0.0, 0.0, 0.0), with_interval(0.9999999, 0.9999998, 1.0)
    ('1.29 (0.87–1.71)', '0', '1.000000')
    >>> with_interval(-0.098, -0.098, -0.098, without=" (no interval)")
    '-0.0980 (no interval)'
    """
    shown, ends = spelled(value, low, high, sign=sign, least=least, decimals=decimals)
    if ends != NONE:
        return f"{shown}{before}{ends}{after}"
    is_nothing = {*figures(value, low, high, sign=sign, least=least, decimals=decimals)} <= {NONE, "0"}
    return shown if shown == NONE or is_nothing or _wide(low, high) else f"{shown}{without}"


Parts = tuple[float | None, float | None, float | None]


def in_row(row: Sequence[Parts]) -> list[tuple[str, str]]:
    """Return numbers of one measure, each with its interval as `spelled` has it, all with as many decimals.

    The first interval with a width decides, since that of a constant can be arbitrarily narrow; a number too small to
    be seen so is written with its own.

    Parameters
    ----------
    row
        Values with the ends of their intervals, the model's own first.

    Examples
    --------
    >>> in_row([(0.68457, 0.68012, 0.69951), (0.5, None, None)])
    [('0.685', '0.680–0.700'), ('0.500', 'n/a')]
    """
    known = (decimals_of(low, high) for _, low, high in row)
    decimals = next((each for each in known if each is not None), 3)
    unseen = 10.0**-decimals
    return [
        spelled(*parts, decimals=None if all(part is None or abs(part) < unseen for part in parts) else decimals)
        for parts in row
    ]


def amount_decimals(values: Sequence[float | None]) -> int:
    """Return with how many decimals a table shows amounts, by the largest.

    >>> amount_decimals([10.2, 8.0, None]), amount_decimals([12_000.0, 8.0]), amount_decimals([0.04])
    (2, 0, 4)
    """
    known = [abs(value) for value in values if value is not None and math.isfinite(value)]
    largest = max(known, default=0.0)
    return 4 if 0 < largest < 1 else 2 if largest < 100 else 1 if largest < 1000 else 0


def share(value: float | None, *, decimals: int = 0) -> str:
    """Return a share as a percentage; what is not quite none or all does not read as such.

    >>> share(0.5), share(0.999), share(0.001), share(0.9412, decimals=1), share(None)
    ('50%', '> 99%', '< 1%', '94.1%', 'n/a')
    """
    if value is None or not math.isfinite(value):
        return NONE
    least = 10.0**-decimals / 100
    if 0 < value < least:
        return f"< {least:.{decimals}%}"
    if 1 - least < value < 1:
        return f"> {1 - least:.{decimals}%}"
    return f"{value:.{decimals}%}"


def chance(value: float | None) -> str:
    """Return a probability that was counted among draws: none of them, or all, is still not certain.

    >>> chance(1.0), chance(0.0), chance(0.54)
    ('> 99%', '< 1%', '54%')
    """
    return share(None if value is None else min(max(value, 1e-9), 1 - 1e-9))


def percentages(parts: Sequence[float], *, decimals: int = 0) -> tuple[str, ...]:
    """Return parts of a whole as percentages that sum to 100 as they are written, without a sign.

    Rounded one by one, 52.95 and 47.05 may read 52.9 and 47.0. Here all are rounded down, and what is missing goes,
    a last digit each, to those that lost most (the largest remainders), of equal ones to the first. None is off by a
    whole last digit.

    Parameters
    ----------
    parts
        Counts or shares, none of them negative: the whole is their sum.
    decimals
        Of a percentage.

    Examples
    --------
    >>> percentages([5295, 4705], decimals=1), percentages([1, 1, 1]), percentages([0, 0])
    (('53.0', '47.0'), ('34', '33', '33'), ('0', '0'))
    """
    whole, steps = math.fsum(parts), 100 * 10**decimals
    if not whole:
        return tuple(f"{0:.{decimals}f}" for _ in parts)
    exact = [round(part / whole * steps, 6) for part in parts]  # 529.5 may come as 529.4999999999999
    found = [math.floor(size) for size in exact]
    by_loss = sorted(range(len(parts)), key=lambda place: found[place] - exact[place])
    for place in by_loss[: steps - sum(found)]:
        found[place] += 1
    return tuple(f"{size / 10**decimals:.{decimals}f}" for size in found)


def days(span: Sequence[str]) -> str:
    """Write a span of time; of datetimes only the days.

    >>> days(["2013-09-01 05:00:00-04:00", "2013-12-31 23:00:00-05:00"]), days(["17000000000", "18000000000"])
    ('2013-09-01 to 2013-12-31', '17000000000 to 18000000000')
    """
    return " to ".join(text[:10] if re.match(r"\d{4}-\d\d-\d\d ", text) else text for text in span)
