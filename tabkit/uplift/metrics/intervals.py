"""Intervals of a metric from its resamples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabkit.errors import FitError
from tabkit.metrics.inputs import Floats, Integers
from tabkit.uplift.metrics.checks import check_clusters
from tabkit.uplift.metrics.poisson import Counts, resample

Evaluate = Callable[[Counts], float]


@dataclass(frozen=True, slots=True)
class RankingInterval:
    """A metric of a ranking, or a difference of two, with its bootstrap interval.

    Parameters
    ----------
    value
        On the rows as they came.
    low, high
        Ends of the percentile interval (Efron and Tibshirani 1993, chapter 13).
    se
        Standard deviation over the resamples.
    undefined
        How many resamples were left out because the metric is undefined on them: no rows were drawn, or
        none of one arm.
    """

    value: float
    low: float
    high: float
    se: float
    undefined: int = 0


@dataclass(frozen=True, slots=True)
class SamplingUnits:
    """What is drawn: rows or clusters.

    Parameters
    ----------
    count
        How many there are.
    codes
        Shape (n,): the unit of each row; None when each row is one.
    """

    count: int
    codes: Integers | None

    def index(self, order: Integers) -> Integers:
        """Return the number of the unit of each row, in an order of rows."""
        return order if self.codes is None else self.codes[order]


def units_of(clusters: ArrayLike | None, *, rows: int) -> SamplingUnits:
    """Return what to draw, or raise a FitError when there are fewer than two rows or clusters."""
    found = check_clusters(clusters, rows=rows)
    if rows < 2:
        raise FitError("at least two rows are needed, got 1", advice="pass every unit of the test set")
    return SamplingUnits(rows, None) if found is None else SamplingUnits(found.count, found.codes)


def evaluate_all(
    found: list[Evaluate], units: SamplingUnits, *, resamples: int, seed: int, threads: int | None
) -> tuple[list[float], Floats]:
    """Return the metrics as they came, and on each resample, shape (resamples, k)."""
    once = np.ones(units.count, dtype=np.uint8)
    draws = resample(
        lambda counts: np.array([each(counts) for each in found]),
        units=units.count,
        resamples=resamples,
        seed=seed,
        threads=threads,
    )
    return [each(once) for each in found], draws


def interval_of(value: float, draws: Floats, *, level: float) -> RankingInterval:
    """Return the interval from draws of shape (resamples,), or raise a FitError where too few are defined."""
    kept = defined(draws)
    if np.isnan(value):
        raise FitError("the metric is undefined on the rows as they came", advice="use an unnormalised area")
    low, high = percentiles(kept, level=level)
    return RankingInterval(value, float(low), float(high), float(kept.std(ddof=1)), draws.size - kept.size)


def defined(draws: Floats) -> Floats:
    """Return the resamples on which all numbers are defined; the first axis counts them.

    Raises
    ------
    FitError
        When there are fewer than two.
    """
    kept: Floats = draws[~np.isnan(draws.reshape(len(draws), -1)).any(axis=1)]
    if len(kept) < 2:
        raise FitError(
            f"the metric is undefined on {len(draws) - len(kept)} of {len(draws)} resamples",
            advice="use more rows; normalised metrics need responses in both arms",
        )
    return kept


def percentiles(draws: Floats, *, level: float) -> Floats:
    """Return both ends of the central part of the draws, over the first axis."""
    found: Floats = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return found
