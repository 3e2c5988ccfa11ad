"""Regressions by boosted trees, for learners of effects."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import boosting, splits
from tabkit.boosting import BoostedModel, BoostingConfig, Rows
from tabkit.predictors import linear
from tabkit.predictors.linear_config import LinearConfig
from tabkit.untrusted.manifest import NamedTable
from tabkit.uplift.limits import FEWEST_STOPPING_ROWS
from tabkit.uplift.regressor import Codes, Floats, Kind, Learn

_OBJECTIVES: Mapping[Kind, str] = {
    "binary": "binary",
    "count": "poisson",
    "number": "regression",
    "effect": "regression",
    "arm": "binary",
}
_HELD_OUT = 0.2
"""Of the rows, to end the growth of trees."""
_FOLDS = 5  # one fifth stops the growth
_MANY = 20_000
"""Rows from which one held-out part is enough to say how many trees an effect needs."""
_SMALL = 1_000_000
"""Cells below which threads of LightGBM wait for one another longer than they work."""


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """A logistic regression, on which trees for propensities start, since trees alone are too flat in the tails.

    Parameters
    ----------
    features
        Names, shape (p,).
    fill, centre, scale, weights
        Shape (p,): what stands for missing values, what is taken off and divided by, and the coefficients.
    intercept
        Of the logits.
    """

    features: tuple[str, ...]
    fill: tuple[float, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(cls, rows: Rows, config: BoostingConfig) -> Logistic:
        """Fit on rows with a target of 0 and 1."""
        model = linear.fit(rows, config=LinearConfig(penalty=1.0), losses=config)
        mean, scale, weights = (tuple(each.tolist()) for each in (model.mean, model.scale, model.coefficients[0]))
        return cls(model.features, mean, mean, scale, weights, model.base_score[0])

    def offset(self, features: pl.DataFrame) -> Floats:
        """Return logits, shape (n,), from -8 to 8."""
        X = features.select(self.features).cast(pl.Float64).to_numpy()
        X = np.where(np.isfinite(X), X, self.fill)
        return np.asarray(np.clip((X - self.centre) / self.scale @ np.array(self.weights) + self.intercept, -8, 8))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Logistic:
        """Rebuild what `dataclasses.asdict` gave; anything else is a `BundleError`."""
        given = NamedTable(values, "a logistic regression").only([field.name for field in fields(cls)])
        features = given.texts("features")
        return cls(
            features=features,
            **{name: given.numbers(name, size=len(features)) for name in ("fill", "centre", "weights")},
            scale=given.numbers("scale", size=len(features), low=sys.float_info.min),
            intercept=given.number("intercept"),
        )


@dataclass(frozen=True, slots=True, eq=False)
class BoostedRegression:
    """A boosted model as uplift's learners see it.

    Parameters
    ----------
    model
        The trees.
    num_threads
        Of predicting; 0 takes all cores.
    start
        Where the scores of the trees start; None at their base score.
    """

    model: BoostedModel
    num_threads: int = 0
    start: Logistic | None = None

    def predict(self, features: pl.DataFrame) -> Floats:
        """Return the expected value of each row, shape (n,)."""
        offset = None if self.start is None else self.start.offset(features)
        return self.model.predict(features, offset=offset, num_threads=self.num_threads)


def regressions(*, outcomes: BoostingConfig, effects: BoostingConfig, seed: int) -> Learn:
    """Return a function that fits a regression: trees grown on four fifths of the rows until the rest stop improving.

    A target that is the same everywhere, or too few rows, give its mean. With ``early_stopping_rounds=0`` all trees are
    grown, on all rows. How many trees an effect of few units needs is the mean over five folds.
    """

    def learn(
        features: pl.DataFrame,
        y: Floats,
        *,
        kind: Kind,
        weight: Floats | None = None,
        groups: Codes | None = None,
    ) -> BoostedRegression:
        config = (effects if kind == "effect" else outcomes).model_copy(update={"objective": _OBJECTIVES[kind]})
        if config.num_threads == 0 and features.height * features.width < _SMALL:
            config = config.model_copy(update={"num_threads": 1})
        own = np.arange(len(y)) if weight is None else np.flatnonzero(weight > 0)
        rows = Rows(features, y, weight=weight)
        grown = _grown(rows, own, kind=kind, groups=groups, config=config, seed=seed)
        return grown or BoostedRegression(_constant(rows), config.num_threads)

    return learn


def _grown(
    rows: Rows, own: NDArray[np.int64], *, kind: Kind, groups: Codes | None, config: BoostingConfig, seed: int
) -> BoostedRegression | None:
    """Grow trees on the rows that have weight, `own`; None where a constant is all that can be learned."""
    if len(own) * _HELD_OUT < FEWEST_STOPPING_ROWS or (rows.y[own] == rows.y[own[0]]).all():
        return None
    if kind == "effect" and len(own) < _MANY and config.early_stopping_rounds:
        trees = _rounds(rows, groups, config, seed)
        stopped = config.model_copy(update={"max_trees": max(trees, 1)})
        return BoostedRegression(boosting.fit(_part(rows, own), config=stopped), config.num_threads) if trees else None
    if config.early_stopping_rounds == 0 and kind != "arm":
        return BoostedRegression(boosting.fit(_part(rows, own), config=config), config.num_threads)
    fit_on, stop_on = (_part(rows, each) for each in _divided(rows.y, kind=kind, groups=groups, seed=seed))
    if (fit_on.y == fit_on.y[0]).all():
        return None
    if kind != "arm":
        return BoostedRegression(boosting.fit(fit_on, stop_on, config=config), config.num_threads)
    start = Logistic.fit(fit_on, config)
    begun = [replace(part, offset=start.offset(part.features)) for part in (fit_on, stop_on)]
    return BoostedRegression(boosting.fit(*begun, config=config), config.num_threads, start)


def _rounds(rows: Rows, groups: Codes | None, config: BoostingConfig, seed: int) -> int:
    """Return how many trees serve held-out folds on average: one fold would say little of a noisy target."""
    together = groups if groups is not None and np.unique(groups).size >= _FOLDS else None
    fold = splits.kfold(len(rows.y), folds=_FOLDS, seed=seed, groups=together)
    trees = []
    for k in range(_FOLDS):
        parts = (_part(rows, np.flatnonzero(own)) for own in (fold != k, fold == k))
        trees.append(boosting.fit(*parts, config=config).trees)
    return round(sum(trees) / _FOLDS)


def _part(rows: Rows, own: NDArray[np.int64]) -> Rows:
    return Rows(rows.features[own], rows.y[own], weight=None if rows.weight is None else rows.weight[own])


def _divided(y: Floats, *, kind: Kind, groups: Codes | None, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    classes = y if kind in ("binary", "arm") else None
    found = splits.divide(len(y), share=_HELD_OUT, seed=seed, groups=groups, classes=classes)
    return found.train, found.test


def _constant(rows: Rows) -> BoostedModel:
    mean = float(np.average(rows.y, weights=rows.weight)) if len(rows.y) else 0.0
    return BoostedModel("regression", tuple(rows.features.columns), (mean,), 0, "")
