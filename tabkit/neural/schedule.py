"""Schedules of the learning rate and dropout over the steps of a training."""

from __future__ import annotations

import math


def rate_at(step: int, *, steps: int, warmup: float) -> float:
    """Return the share of the top learning rate at a step: a straight rise, then half a cosine down to zero.

    Parameters
    ----------
    step
        From 0.
    steps
        Of the whole schedule.
    warmup
        The share of them over which the rate rises.

    Notes
    -----
    Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.2 (the rise); Loshchilov and Hutter 2017, "SGDR",
    equation 5 without restarts (the fall).

    Examples
    --------
    >>> [round(rate_at(step, steps=10, warmup=0.2), 2) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.04]
    """
    rise = warmup * steps
    if step + 1 < rise:
        return (step + 1) / max(math.ceil(rise), 1)
    return _cosine((step - rise) / max(steps - rise, 1)) if step > rise else 1.0


def dropout_at(step: int, *, steps: int) -> float:
    """Return the share of the dropout at a step: all of it for the first half, then half a cosine down to zero.

    The ``flat_cos`` schedule of Holzmüller, Grinsztajn and Steinwart 2024, "Better by default", appendix A.

    >>> [round(dropout_at(step, steps=8), 2) for step in (0, 4, 6, 8)]
    [1.0, 1.0, 0.5, 0.0]
    """
    return _cosine(max(2 * step / max(steps, 1) - 1, 0.0))


def _cosine(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def batch_size(rows: int) -> int:
    """Return the rows of one step, a power of two: a quarter of few rows, 128 of some, a sixtieth of many.

    >>> [batch_size(rows) for rows in (20, 100, 500, 8_000, 40_000, 1_000_000)]
    [16, 32, 128, 128, 512, 1024]
    """
    quarter, sixtieth = (_power_of_two(rows / parts) for parts in (4, 60))
    return min(max(min(quarter, 128), sixtieth, 16), 1024)


def _power_of_two(number: float) -> int:
    return int(2 ** round(math.log2(max(number, 1.0))))
