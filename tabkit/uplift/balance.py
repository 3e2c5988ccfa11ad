"""Balance: whether groups of units that should be alike are, column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import stats

from tabkit.schema import family
from tabkit.uplift.regressor import Codes, Floats

_LEVELS = 20


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
        2009, section 2), 0 where nothing varies; ``p`` of the test that there is none (Welch's, weights taken as
        fixed).

    Examples
    --------
    >>> frame = pl.DataFrame({"age": [20.0, 30, 40, 50], "plan": ["a", "a", "b", "b"]})
    >>> balance(frame, ["age", "plan"], np.array([0.0, 1, 0, 1]))["smd"].round(2).to_list()
    [1.0, 0.0, 0.0]
    """
    rows = [
        {"column": name, "level": level, **_compared(values, given, weight, clusters)}
        for name in columns
        for level, values in _views(frame[name])
    ]
    schema = {"column": pl.String, "level": pl.String} | dict.fromkeys(("without", "given", "smd", "p"), pl.Float64)
    return pl.DataFrame(rows, schema=schema).sort(pl.col("smd").abs(), descending=True, maintain_order=True)


def beyond_chance(found: pl.DataFrame, *, level: float = 0.001) -> list[str]:
    """Return the columns whose difference chance does not explain, at a level divided by the number of tests."""
    tests = max(found.height, 1)
    return found.filter(pl.col("p") < level / tests)["column"].unique(maintain_order=True).to_list()


def _views(values: pl.Series) -> list[tuple[str | None, Floats]]:
    """Return what of a column is compared, NaN for what is missing."""
    kind = family(values.dtype)
    views: list[tuple[str | None, Floats]] = []
    if kind == "text":
        texts = values.cast(pl.String)
        commonest = texts.drop_nulls().value_counts(sort=True)[texts.name].head(_LEVELS)
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
    means, variances, errors = [], [], []
    for side in (0, 1):
        own = known & (given == side)
        x, w = values[own], mass[own]
        if not w.sum() > 0:
            return {"without": None, "given": None, "smd": 0.0, "p": 1.0}
        mean = float(np.average(x, weights=w))
        means.append(mean)
        variances.append(float(np.average((x - mean) ** 2, weights=w)))
        apart_by = w * (x - mean)
        sums = apart_by if clusters is None else np.bincount(clusters[own], weights=apart_by)
        errors.append(float((sums @ sums) / w.sum() ** 2))
    apart, spread, error = means[1] - means[0], np.sqrt(np.mean(variances)), np.sqrt(sum(errors))
    tiny = 1e-12 * max(abs(means[0]), abs(means[1]), 1e-300)
    if abs(apart) <= tiny:
        smd, p = 0.0, 1.0
    elif spread <= tiny:
        smd, p = float(np.sign(apart)) * 100.0, 0.0  # two constants that differ
    else:
        smd, p = apart / spread, float(2 * stats.norm.sf(abs(apart) / error))
    return {"without": means[0], "given": means[1], "smd": float(smd), "p": p}
