"""A number with its interval: what every estimate has, whatever it is of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate with its interval.

    Parameters
    ----------
    value
        The estimate itself.
    low, high
        Ends of the interval.
    level
        Its nominal coverage, strictly between 0 and 1.
    se
        The standard error: of a bootstrap, the standard deviation over the resamples.
    """

    value: float
    low: float
    high: float
    level: float
    se: float
