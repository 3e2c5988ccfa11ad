"""Readable numbers: ticks at round steps, with short labels."""

from __future__ import annotations

import math


def steps(low: float, high: float, *, most: int) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten from `low` to `high`, at most `most` of them.

    >>> steps(0.0, 97.0, most=6)
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    power = math.floor(math.log10(span / most))
    for factor, further in ((1, 0), (2, 0), (5, 0), (1, 1), (2, 1)):
        step = float(f"{factor}e{power + further}")
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [float(f"{index * factor}e{power + further}") for index in range(first, last + 1)]
    return [low, high]


def plain(value: float) -> int | float:
    """Return a whole number as int: it is written without a point.

    >>> plain(30.0), plain(0.5)
    (30, 0.5)
    """
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else float(value)


def short(value: float) -> str:
    """Return a number as an axis shows it.

    >>> [short(v) for v in (1200.0, 3500000.0, 0.25, -2e9, 1e-7)]
    ['1200', '3.5M', '0.25', '-2B', '1e-07']
    """
    size = abs(value)
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if size >= unit and size < 1e15:
            divisor = 1e3 if letter == "k" else unit
            return f"{value / divisor:.4g}{letter}"
    return f"{value:.6g}" if size >= 1e-4 or value == 0 else f"{value:.3g}"
