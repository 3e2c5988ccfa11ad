"""Intervals of a metric from its resamples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabkit.errors import FitError
from tabkit.metrics.estimate import Estimate
from tabkit.metrics.inputs import Floats, Integers
from tabkit.metrics.resamples import Counts, estimate_of, on_resamples, poisson
from tabkit.uplift.metrics.checks import check_clusters

Evaluate = Callable[[Counts], float]


@dataclass(frozen=True, slots=True)
class RankingInterval(Estimate):
    """A metric of a ranking, or a difference of two, with its bootstrap interval.

    Parameters
    ----------
    undefined
        How many resamples were left out because the metric is undefined on them: no rows were drawn, or
        none of one arm.
    """

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
    draws = on_resamples(
        lambda counts: np.array([each(counts) for each in found]),
        poisson(units.count, resamples=resamples, seed=seed),
        threads=threads,
    )
    return [each(once) for each in found], draws


def interval_of(value: float, draws: Floats, *, level: float) -> RankingInterval:
    """Return the interval from draws of shape (resamples,), or raise a FitError where too few are defined."""
    found, undefined = estimate_of(value, draws, level=level)
    if np.isnan(value):
        raise FitError("the metric is undefined on the rows as they came", advice="use an unnormalised area")
    return RankingInterval(value, found.low, found.high, level, found.se, undefined)
