"""The regressions that uplift's learners are made of: boosted trees, handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import boosting, splits
from tabkit.boosting import BoostedModel, BoostingConfig, Rows
from tabkit.uplift.regressor import Codes, Floats, Kind, Learn

_OBJECTIVES: Mapping[Kind, str] = {
    "binary": "binary",
    "count": "poisson",
    "number": "regression",
    "effect": "regression",
}
_HELD_OUT = 0.2
"""Of the rows, to end the growth of trees."""
_FOLDS = 5
_MANY = 20_000
"""Rows from which one held-out part is enough to say how many trees an effect needs."""
_SMALL = 1_000_000
"""Cells below which threads of LightGBM wait for one another longer than they work."""
_FEWEST = 20
"""Rows of an early-stopping part; with fewer, no trees are grown at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """A boosted model as uplift's learners see it.

    Parameters
    ----------
    model
        The trees.
    num_threads
        Of predicting; 0 takes all cores.
    """

    model: BoostedModel
    num_threads: int = 0

    def predict(self, features: pl.DataFrame) -> Floats:
        """Return the expected value of each row, shape (n,)."""
        return self.model.predict(features, num_threads=self.num_threads)


def regressions(*, outcomes: BoostingConfig, effects: BoostingConfig, seed: int) -> Learn:
    """Return what fits a regression: trees grown on four fifths of the rows until the others stop improving.

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
    ) -> Regression:
        config = (effects if kind == "effect" else outcomes).model_copy(update={"objective": _OBJECTIVES[kind]})
        if config.num_threads == 0 and features.height * features.width < _SMALL:
            config = config.model_copy(update={"num_threads": 1})
        rows = np.arange(len(y)) if weight is None else np.flatnonzero(weight > 0)
        if len(rows) * _HELD_OUT < _FEWEST or (y[rows] == y[rows[0]]).all():
            return Regression(_constant(features, y, weight), config.num_threads)

        def part(own: NDArray[np.int64]) -> Rows:
            return Rows(features[own], y[own], weight=None if weight is None else weight[own])

        if config.early_stopping_rounds == 0:
            return Regression(boosting.fit(part(rows), config=config), config.num_threads)
        if kind == "effect" and len(rows) < _MANY:
            trees = _rounds(part, y, groups, config, seed)
            if trees == 0:
                return Regression(_constant(features, y, weight), config.num_threads)
            grown = boosting.fit(part(rows), config=config.model_copy(update={"max_trees": trees}))
            return Regression(grown, config.num_threads)
        fit_on, stop_on = _divided(y, kind=kind, groups=groups, seed=seed)
        if (y[fit_on] == y[fit_on][0]).all():
            return Regression(_constant(features, y, weight), config.num_threads)
        return Regression(boosting.fit(part(fit_on), part(stop_on), config=config), config.num_threads)

    return learn


def updated(regression: Regression, change: Callable[[BoostedModel], BoostedModel]) -> Regression:
    """Return the regression with its trees brought up to date by one of `tabkit.boosting`'s strategies."""
    return Regression(change(regression.model), regression.num_threads)


def _rounds(
    part: Callable[[NDArray[np.int64]], Rows], y: Floats, groups: Codes | None, config: BoostingConfig, seed: int
) -> int:
    """Return how many trees serve held-out folds on average: one fold would say little of a noisy target."""
    together = groups if groups is not None and np.unique(groups).size >= _FOLDS else None
    fold = splits.kfold(len(y), folds=_FOLDS, seed=seed, groups=together)
    trees = []
    for k in range(_FOLDS):
        fitted = boosting.fit(part(np.flatnonzero(fold != k)), part(np.flatnonzero(fold == k)), config=config)
        trees.append(fitted.trees)
    return round(sum(trees) / _FOLDS)


def _divided(y: Floats, *, kind: Kind, groups: Codes | None, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    together = groups if groups is not None and np.unique(groups).size > 1 else None
    stratify = y if kind == "binary" and together is None else None
    found = splits.holdout(len(y), share=_HELD_OUT, seed=seed, groups=together, stratify=stratify)
    return found.train, found.test


def _constant(features: pl.DataFrame, y: Floats, weight: Floats | None) -> BoostedModel:
    mean = float(np.average(y, weights=weight)) if len(y) else 0.0
    return BoostedModel("regression", tuple(features.columns), (mean,), 0, "")
