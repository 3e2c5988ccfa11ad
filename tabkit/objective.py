"""Objectives: the link, the base score, and the loss that early stopping uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tabkit import metrics
from tabkit.config import ObjectiveName
from tabkit.errors import ConfigError, FitError
from tabkit.rows import Rows

Floats = NDArray[np.float64]
Link = Literal["logit", "softmax", "identity", "log"]
_NEWTON_STEPS = 50  # Newton's method needs about ten; more means that it does not converge
_LARGEST = 1e100  # squares of larger targets would be infinite


class LossSettings(Protocol):
    """What an objective needs to know of a model's settings, whichever room they belong to."""

    @property
    def objective(self) -> ObjectiveName | Literal["auto"]:
        """What is minimised; ``auto`` until the target's task is known."""

    @property
    def quantile(self) -> float:
        """The level of the quantile objective, between 0 and 1."""

    @property
    def tweedie_power(self) -> float:
        """The variance power of the Tweedie objective, from 1 to below 2."""


@dataclass(frozen=True, slots=True)
class Objective:
    """An objective: what a fit minimises.

    Parameters
    ----------
    name
        LightGBM's name of it.
    link
        From the raw score to the prediction: its inverse is applied to base score + offset + what the model adds.
    metric
        LightGBM's name of the loss that early stopping watches.
    lowest
        The smallest target allowed; None for any.
    strict
        Whether the target must lie above `lowest` instead of at it or above.
    """

    name: ObjectiveName
    link: Link
    metric: str
    lowest: float | None = None
    strict: bool = False


OBJECTIVES: dict[ObjectiveName, Objective] = {
    "binary": Objective("binary", "logit", "binary_logloss", lowest=0.0),
    "multiclass": Objective("multiclass", "softmax", "multi_logloss", lowest=0.0),
    "regression": Objective("regression", "identity", "l2"),
    "poisson": Objective("poisson", "log", "poisson", lowest=0.0),
    "gamma": Objective("gamma", "log", "gamma", lowest=0.0, strict=True),
    "tweedie": Objective("tweedie", "log", "tweedie", lowest=0.0),
    "quantile": Objective("quantile", "identity", "quantile"),
}


def inverse_link(raw: Floats, link: Link) -> Floats:
    """Turn raw scores, shape (n,) or (n, classes), into predictions of the same shape.

    >>> inverse_link(np.array([0.0]), "logit")
    array([0.5])
    """
    if link == "identity":
        return raw
    if link == "log":
        with np.errstate(over="ignore"):  # whoever scores refuses what is no finite number
            return np.asarray(np.exp(raw))
    if link == "logit":
        positive = np.exp(-np.abs(raw))
        return np.where(raw >= 0, 1.0, positive) / (1.0 + positive)
    shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def named(config: LossSettings) -> Objective:
    """Return the objective of settings in which it is named, not ``auto``."""
    if config.objective == "auto":
        raise ConfigError("the objective is 'auto'", advice=f"name one of {', '.join(OBJECTIVES)}")
    return OBJECTIVES[config.objective]


def variance_power(config: LossSettings) -> float:
    """Return p of a log-link objective's variance, mean to the power of p: 1 Poisson, 2 Gamma, between them Tweedie."""
    return {"poisson": 1.0, "gamma": 2.0}.get(config.objective, config.tweedie_power)


def check_target(y: Floats, objective: Objective, *, what: str, classes: int = 0) -> None:
    """Refuse a target that the objective cannot have; `classes` is the number of a multiclass target's."""
    if y.size == 0:
        raise FitError(f"{what} has no rows", advice="give it more rows, or a larger share")
    if not np.isfinite(y).all():
        raise FitError(
            f"{what}: the target is null, NaN or infinite in {int((~np.isfinite(y)).sum()):,} rows",
            advice="repair or remove these rows",
        )
    highest = {"binary": 1, "multiclass": classes - 1}.get(objective.name)
    if highest is not None:
        wrong = y[(y != np.floor(y)) | (y < 0) | (y > highest)]
        if wrong.size:
            raise FitError(
                f"{what}: a {objective.name} target has whole numbers from 0 to {highest}, found {wrong[0]:g}",
                advice="number the classes, or choose another objective",
            )
    if float(np.abs(y).max()) > _LARGEST:
        raise FitError(
            f"{what}: the target reaches {float(np.abs(y).max()):g}, too large to be squared and summed",
            advice="predict it in a larger unit, or repair these rows",
        )
    if 0 < float(np.abs(y).max()) < 1 / _LARGEST:
        raise FitError(
            f"{what}: the target reaches {float(np.abs(y).max()):g} at most, too small to be squared and summed",
            advice="predict it in a smaller unit",
        )
    low = float(y.min())
    bad = objective.lowest is not None and (low < objective.lowest or (objective.strict and low == objective.lowest))
    if bad:
        sign = "above" if objective.strict else "at least"
        raise FitError(
            f"{what}: the target falls to {low:g}, but {objective.name} needs values {sign} {objective.lowest:g}",
            advice="choose another objective (regression takes any number), or repair these rows",
        )


def check_parts(train: Rows, valid: Rows | None, objective: Objective, *, classes: Sequence[str] = ()) -> None:
    """Refuse rows that a model of this objective cannot be fitted to, or be held out from it.

    Raises
    ------
    FitError
        If there is no feature, the target does not suit the objective, or only one part has an offset.
    ConfigError
        If a multiclass objective has fewer than two classes, or an offset.
    """
    if not train.features.columns:
        raise FitError("there are no features to learn from", advice="encode at least one column")
    if objective.name == "multiclass" and (train.offset is not None or len(classes) < 2):
        raise ConfigError("a multiclass objective needs at least two classes and takes no offset or exposure")
    check_target(train.y, objective, what="the training part", classes=len(classes))
    if valid is not None:
        check_target(valid.y, objective, what="the early-stopping part", classes=len(classes))
        if (valid.offset is None) != (train.offset is None):
            raise FitError("only one of the training and the early-stopping part has an offset (exposure)")


def base_score(
    y: Floats,
    *,
    weight: Floats,
    offset: Floats,
    config: LossSettings,
    objective: Objective,
    classes: int = 1,
) -> Floats:
    """Return the raw score of the best constant model, shape (classes,): all that is known without features.

    It is the maximum likelihood intercept given the offset; for the quantile objective the weighted
    quantile of ``y - offset``.

    Parameters
    ----------
    y
        Shape (n,): the target; a class's index for multiclass.
    weight, offset
        Shape (n,). The offset is on the raw scale (log of the exposure for a log link).
    """
    if objective.link == "softmax":
        share = np.bincount(y.astype(np.int64), weights=weight, minlength=classes) / weight.sum()
        if (share <= 0).any():
            raise FitError(f"class number {int(share.argmin())} has no row (or no weight) to learn from")
        return np.asarray(np.log(share))
    return np.array([_SCORES[objective.name](y, weight, offset, config)])


def loss(y: Floats, prediction: Floats, *, weight: Floats, config: LossSettings, objective: Objective) -> float:
    """Return the objective's mean loss of predictions; lower is better."""
    kind = objective.name
    if kind == "binary":
        return metrics.log_loss(y, prediction, weight=weight)
    if kind == "multiclass":
        return metrics.multiclass_log_loss(y.astype(np.int64), prediction, weight=weight)
    if kind == "regression":
        return metrics.rmse(y, prediction, weight=weight)
    if kind == "quantile":
        return metrics.pinball_loss(y, prediction, quantile=config.quantile, weight=weight)
    return metrics.tweedie_deviance(y, prediction, power=variance_power(config), weight=weight)


def _logit_mean(y: Floats, weight: Floats, offset: Floats, _config: LossSettings) -> float:
    rate = float(np.average(y, weights=weight))
    if not 0 < rate < 1:
        raise FitError("only one class is present in the rows of the fit", advice="check the split and the filter")
    score = float(np.log(rate / (1 - rate)))
    if not offset.any():
        return score
    for _ in range(_NEWTON_STEPS):
        p = inverse_link(score + offset, "logit")
        step = float((weight * (y - p)).sum() / (weight * p * (1 - p)).sum())
        score += float(np.clip(step, -2, 2))
        if abs(step) < 1e-12:
            break
    return score


def _mean(y: Floats, weight: Floats, offset: Floats, _config: LossSettings) -> float:
    return float(np.average(y - offset, weights=weight))


def _log_mean(y: Floats, weight: Floats, offset: Floats, *, power: float) -> float:
    # the score equation of a Tweedie model with log link: sum w (y - mu) mu^(1-p) = 0, mu = e^(b + offset)
    top = float((weight * y * np.exp((1 - power) * offset)).sum())
    bottom = float((weight * np.exp((2 - power) * offset)).sum())
    if not top > 0:
        raise FitError("the target is zero in every row of the fit: its logarithm has no mean")
    return float(np.log(top / bottom))


def _poisson(y: Floats, weight: Floats, offset: Floats, _config: LossSettings) -> float:
    return _log_mean(y, weight, offset, power=1.0)


def _gamma(y: Floats, weight: Floats, offset: Floats, _config: LossSettings) -> float:
    return _log_mean(y, weight, offset, power=2.0)


def _tweedie(y: Floats, weight: Floats, offset: Floats, config: LossSettings) -> float:
    return _log_mean(y, weight, offset, power=config.tweedie_power)


def _quantile(y: Floats, weight: Floats, offset: Floats, config: LossSettings) -> float:
    values = y - offset
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) >= config.quantile * weight.sum()
    return float(values[order][int(reached.argmax())])


_SCORES: dict[str, Callable[[Any, Any, Any, LossSettings], float]] = {
    "binary": _logit_mean,
    "regression": _mean,
    "poisson": _poisson,
    "gamma": _gamma,
    "tweedie": _tweedie,
    "quantile": _quantile,
}
