"""Balance: whether the columns of two groups have like distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy

from tabkit.schema import family
from tabkit.uplift.regressor import Codes, Floats

_LEVELS = 20  # the commonest levels; rarer ones are too few to compare


def balance(
    frame: pl.DataFrame,
    columns: Sequence[str],
    given: Floats,
    *,
    weight: Floats | None = None,
    clusters: Codes | None = None,
) -> pl.DataFrame:
    """Compare the columns of two groups of units.

    Numbers, dates and truth values are compared by their mean; text by the share of its commonest 20 levels; what has
    nulls also by the share of these. Lists and the like are left out.

    Parameters
    ----------
    frame
        n rows.
    columns
        What to compare.
    given
        Shape (n,): 1 for the units of the one group, 0 for the other.
    weight
        Shape (n,): such as one over the propensity of the arm that a unit was in; None for equal weights.
    clusters
        Shape (n,): what units belong to; the tests then go by sums over clusters.

    Returns
    -------
    pl.DataFrame
        A row per thing compared, the largest difference first: ``column``; ``level`` (null for a mean); ``without``
        and ``given``, the two means; ``smd``, their difference over the root of the mean of the two variances (Austin
        2009, section 2), 0 where nothing varies; ``p`` of the test that there is none: the larger of Welch's and of
        Student's with one variance for both, weights taken as fixed, and not below what a permutation of the units
        could give. Each alone calls a rare level, or a tail, of a small group beside a large one a difference.

    Examples
    --------
    >>> frame = pl.DataFrame({"age": [20.0, 30, 40, 50], "plan": ["a", "a", "b", "b"]})
    >>> balance(frame, ["age", "plan"], np.array([0.0, 1, 0, 1]))["smd"].round(2).to_list()
    [1.0, 0.0, 0.0]
    """
    rows = [
        {"column": name, "level": level, **_compared(values, given, weight, clusters)}
        for name in columns
        for level, values in _views(frame[name].alias("values"))
    ]
    schema = {"column": pl.String, "level": pl.String} | dict.fromkeys(("without", "given", "smd", "p"), pl.Float64)
    return pl.DataFrame(rows, schema=schema).sort(pl.col("smd").abs(), descending=True, maintain_order=True)


def beyond_chance(found: pl.DataFrame, *, level: float = 0.001) -> list[str]:
    """Return the columns that differ significantly, corrected for the number of tests (Bonferroni)."""
    tests = max(found.height, 1)
    return found.filter(pl.col("p") < level / tests)["column"].unique(maintain_order=True).to_list()


def _views(values: pl.Series) -> list[tuple[str | None, Floats]]:
    """Return what of a column is compared, NaN for what is missing."""
    kind = family(values.dtype)
    if values.dtype.is_float():
        values = values.fill_nan(None)
    views: list[tuple[str | None, Floats]] = []
    if kind == "text":
        texts = values.cast(pl.String)
        commonest = texts.drop_nulls().alias("level").value_counts(sort=True)["level"].head(_LEVELS)
        views.extend((label, _numbers(texts == label)) for label in commonest)
    elif kind == "number":
        views.append((None, _numbers(values)))
    elif kind in ("boolean", "date", "datetime", "time", "duration"):
        views.append((None, _numbers(values.to_physical())))
    if views and 0 < values.null_count() < len(values):
        views.append(("null", values.is_null().cast(pl.Float64).to_numpy()))
    return views


def _numbers(values: pl.Series) -> Floats:
    found = values.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64, copy=True)
    found[~np.isfinite(found)] = np.nan
    return found


def _compared(values: Floats, given: Floats, weight: Floats | None, clusters: Codes | None) -> dict[str, float | None]:
    known = ~np.isnan(values)
    mass = np.ones(len(values)) if weight is None else weight
    sides = []
    for side in (0, 1):
        own = known & (given == side)
        if not mass[own].sum() > 0:
            return {"without": None, "given": None, "smd": 0.0, "p": 1.0}
        sides.append(_side(values[own], mass[own], None if clusters is None else clusters[own]))
    means = [side.mean for side in sides]
    apart, spread = means[1] - means[0], np.sqrt(np.mean([side.variance for side in sides]))
    tiny = 1e-12 * max(abs(means[0]), abs(means[1]), 1e-300)
    if abs(apart) <= tiny:
        smd, p = 0.0, 1.0
    else:
        smd = apart / spread if spread > tiny else np.sign(apart) * 100.0  # two constants that differ
        p = _chance(apart, *sides)
    return {"without": means[0], "given": means[1], "smd": float(smd), "p": p}


@dataclass(frozen=True, slots=True)
class _Side:
    """One group: mean and variance of a column; how many units (or clusters) it has, their weights and deviations."""

    mean: float
    variance: float
    units: int
    masses: Floats
    deviations: Floats

    @property
    def error(self) -> float:
        """The squared standard error of the mean."""
        square = float(self.deviations @ self.deviations) / float(self.masses.sum()) ** 2
        return square * self.units / max(self.units - 1, 1)


def _side(x: Floats, w: Floats, clusters: Codes | None) -> _Side:
    mean = float(np.average(x, weights=w))
    parts = [w, w * (x - mean)]
    if clusters is not None:
        codes = np.unique(clusters, return_inverse=True)[1]
        parts = [np.bincount(codes, weights=part).astype(np.float64) for part in parts]
    return _Side(mean, float(np.average((x - mean) ** 2, weights=w)), parts[0].size, *parts)


def _chance(apart: float, a: _Side, b: _Side) -> float:
    """Return the p of a difference of two means; see `balance`."""
    gammaln = scipy.special.gammaln
    least = float(np.exp(np.log(2) - gammaln(a.units + b.units + 1) + gammaln(a.units + 1) + gammaln(b.units + 1)))
    if min(a.units, b.units) < 2:
        return 1.0
    free = a.units + b.units - 2
    squares, masses = (sum(float(v @ v) for v in pair) for pair in ((a.deviations, b.deviations), (a.masses, b.masses)))
    alike = sum(float(side.masses @ side.masses) / side.masses.sum() ** 2 for side in (a, b))
    pooled = squares / masses * (free + 2) / free * alike
    apart_by = a.error + b.error
    if not min(pooled, apart_by) > 0:
        return min(least, 1.0)
    welch = apart_by**2 / (a.error**2 / (a.units - 1) + b.error**2 / (b.units - 1))
    tests = ((apart_by, welch), (pooled, free))
    return min(max(least, *(float(2 * scipy.stats.t.sf(abs(apart) / np.sqrt(error), df)) for error, df in tests)), 1.0)
