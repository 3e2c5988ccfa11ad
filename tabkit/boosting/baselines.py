"""Two baselines that every model must beat: the base rate, and a linear model on the same encoding."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
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
from tabkit.boosting.scale import LabelScale
from tabkit.errors import ConfigError, FitError
from tabkit.objective import Objective, base_score, check_target, inverse_link, named, variance_power
from tabkit.rows import Rows, matrix

Floats = NDArray[np.float64]
_LARGEST = 1e100  # squares of larger features would be infinite


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
    for a quantile, ridge moved up or down by that quantile of its residuals. Numbers are learned around 0 and in a unit
    of their own, which `shift` and `unit` put back.
    """

    pipeline: Pipeline
    features: tuple[str, ...]
    objective: Objective
    shift: float = 0.0
    unit: float = 1.0

    def predict(self, features: pl.DataFrame, *, offset: Floats | None = None) -> Floats:
        """Return shape (n,), or (n, classes) for multiclass."""
        X = _array(features, self.features)
        if not len(X):  # scikit-learn refuses it
            return np.empty((0, len(self.pipeline.classes_)) if self.objective.link == "softmax" else 0)
        if self.objective.link in ("logit", "softmax"):
            proba: Floats = self.pipeline.predict_proba(X)
            return proba if self.objective.link == "softmax" else proba[:, 1]
        values: Floats = self.pipeline.predict(X) * self.unit + self.shift
        if offset is None:
            return values
        return values * np.exp(offset) if self.objective.link == "log" else values + offset


def base_rate(rows: Rows, *, config: BoostingConfig, classes: int = 1) -> BaseRate:
    """Fit the constant; `FitError` if the target does not suit the objective."""
    objective = named(config)
    check_target(rows.y, objective, what="the training part", classes=classes)
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
    """Fit the linear model; exposure enters as weight for log links, offsets are subtracted for the identity.

    Raises
    ------
    FitError
        If the target does not suit the objective or has one class only.
    ConfigError
        If there is an offset and the target has classes.
    """
    objective = named(config)
    names = tuple(rows.features.columns)
    X, y, weight, offset = _array(rows.features, names), rows.y, rows.weights(), rows.offsets()
    unit, shift = 1.0, 0.0
    check_target(y, objective, what="the training part", classes=len(np.unique(y)))
    step: Any
    if objective.link == "log":
        power = variance_power(config)
        y, weight = y / np.exp(offset), weight * np.exp((2 - power) * offset)
        unit = LabelScale.of(replace(rows, y=y, weight=weight), np.zeros((len(y), 1)), objective).unit
        y = y / unit
        step = TweedieRegressor(power=power, link="log", alpha=1e-3, max_iter=1000)
    elif objective.link == "identity":
        y, step = y - offset, Ridge(alpha=1.0)
        middle = float(np.average(y, weights=weight))
        unit = float(np.abs(y - middle).max()) or 1.0
        y, shift = (y - middle) / unit, middle
    else:
        _check_classes(y, weight, rows)
        step = LogisticRegression(max_iter=1000)
    pipeline = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline may stop early; it is scored as it is
        pipeline.fit(X, y, **{f"{pipeline.steps[-1][0]}__sample_weight": weight})
    if objective.name == "quantile":
        rest = np.asarray(y - pipeline.predict(X), dtype=np.float64)
        none = np.zeros(len(y))
        shift += unit * float(base_score(rest, weight=weight, offset=none, config=config, objective=objective)[0])
    return Linear(pipeline, names, objective, shift, unit)


def _check_classes(y: Floats, weight: Floats, rows: Rows) -> None:
    if rows.offset is not None:
        raise ConfigError("a linear model of classes takes no offset", advice="drop the offset, or the linear model")
    if len(np.unique(y[weight > 0])) < 2:
        raise FitError("only one class is present in the rows of the fit", advice="check the split and the filter")


def _array(features: pl.DataFrame, names: tuple[str, ...]) -> Floats:
    """Return the features as float64, what is infinite taken for missing and what is huge made smaller.

    scikit-learn refuses the one and overflows on the other.
    """
    numbers = pl.all().cast(pl.Float64)
    array = matrix(features, names).select(
        pl.when(numbers.is_finite()).then(numbers.clip(-_LARGEST, _LARGEST)).otherwise(float("nan"))
    )
    return np.asarray(array.to_numpy(), dtype=np.float64)
