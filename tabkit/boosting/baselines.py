"""Two baselines that every model must beat: the base rate, and a linear model on the same encoding."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, TweedieRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from tabkit.boosting.config import BoostingConfig
from tabkit.boosting.objective import OBJECTIVES, Objective, base_score, inverse_link
from tabkit.boosting.rows import Rows, matrix
from tabkit.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BaseRate:
    """The best constant prediction, times the exposure where there is one."""

    base_score: tuple[float, ...]
    objective: Objective

    def predict(self, features: pl.DataFrame, *, offset: Floats | None = None) -> Floats:
        """Return shape (n,), or (n, classes) for multiclass."""
        raw = np.tile(np.array(self.base_score), (features.height, 1))
        if offset is not None:
            raw = raw + offset[:, None]
        return inverse_link(raw if raw.shape[1] > 1 else raw[:, 0], self.objective.link)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A regularised linear model of scikit-learn: missing values become the mean, columns unit variance.

    Logistic regression for classes, ridge for numbers, a Tweedie model with log link for counts and amounts;
    for a quantile, ridge moved up or down by that quantile of its residuals.
    """

    pipeline: Pipeline
    features: tuple[str, ...]
    objective: Objective
    shift: float = 0.0

    def predict(self, features: pl.DataFrame, *, offset: Floats | None = None) -> Floats:
        """Return shape (n,), or (n, classes) for multiclass."""
        X = _array(features, self.features)
        if self.objective.link in ("logit", "softmax"):
            proba: Floats = self.pipeline.predict_proba(X)
            return proba if self.objective.link == "softmax" else proba[:, 1]
        values: Floats = self.pipeline.predict(X) + self.shift
        if offset is None:
            return values
        return values * np.exp(offset) if self.objective.link == "log" else values + offset


def base_rate(rows: Rows, *, config: BoostingConfig, classes: int = 1) -> BaseRate:
    """Fit the constant."""
    objective = _named(config)
    score = base_score(
        rows.y,
        weight=rows.weights(),
        offset=rows.offsets(),
        config=config,
        objective=objective,
        classes=classes,
    )
    return BaseRate(tuple(float(s) for s in score), objective)


def linear(rows: Rows, *, config: BoostingConfig) -> Linear:
    """Fit the linear model; exposure enters as weight for log links, offsets are subtracted otherwise."""
    objective = _named(config)
    names = tuple(rows.features.columns)
    X, y, weight, offset = _array(rows.features, names), rows.y, rows.weights(), rows.offsets()
    if objective.link == "log":
        power = {"poisson": 1.0, "gamma": 2.0, "tweedie": config.tweedie_power}[objective.name]
        y, weight = y / np.exp(offset), weight * np.exp((2 - power) * offset)
        step: Any = TweedieRegressor(power=power, link="log", alpha=1e-3, max_iter=1000)
    elif objective.link == "identity":
        y, step = y - offset, Ridge(alpha=1.0)
    else:
        step = LogisticRegression(max_iter=1000)
    pipeline = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline may stop early; it is scored as it is
        pipeline.fit(X, y, **{f"{pipeline.steps[-1][0]}__sample_weight": weight})
    shift = 0.0
    if objective.name == "quantile":
        shift = float(np.quantile(y - pipeline.predict(X), config.quantile))
    return Linear(pipeline, names, objective, shift)


def _named(config: BoostingConfig) -> Objective:
    if config.objective == "auto":
        raise ConfigError("the objective is 'auto'", advice=f"name one of {', '.join(OBJECTIVES)}")
    return OBJECTIVES[config.objective]


def _array(features: pl.DataFrame, names: tuple[str, ...]) -> Floats:
    array = matrix(features, names).select(pl.all().cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    return np.asarray(array, dtype=np.float64)
