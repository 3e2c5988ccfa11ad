"""A linear model as a learner: logistic, ridge or log-linear on standardised features, saved as plain numbers.

Its penalty is written for sums over rows: what is minimised is ``sum(w * loss) + penalty / 2 * sum(coefficient ** 2)``,
the loss being the negative log-likelihood (half the squared error of numbers, half the deviance of amounts), with
features of unit variance. In scikit-learn that is ``C = 1 / penalty`` of `LogisticRegression`, ``alpha = penalty`` of
`Ridge`, and ``alpha = penalty / sum(w)`` of `TweedieRegressor`.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from tabkit import boosting, neural
from tabkit.bundle import Bundle
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.fitted_model import BundleParts
from tabkit.objective import OBJECTIVES, LossSettings, base_score, check_parts, loss, named, variance_power
from tabkit.predictors.linear_config import LinearConfig
from tabkit.predictors.linear_model import PART, LinearModel, numbers
from tabkit.predictors.protocol import FitSettings, Learner
from tabkit.progress import Progress
from tabkit.rows import Floats, Rows, matrix

PENALTIES = (10_000.0, 1_000.0, 100.0, 10.0, 1.0, 0.1)
"""Those that held-out rows choose among, the strongest first: of equal ones the first is taken."""
_DEFAULT = 1.0  # scikit-learn's own, where no rows can choose
_NEWTON = 300  # coefficients up to which the matrix of second derivatives is cheaper than more steps
_STEPS = 1_000
_ADVICE = "choose another objective, or a larger linear.penalty"


def fit(
    train: Rows,
    valid: Rows | None = None,
    *,
    config: LinearConfig,
    losses: LossSettings,
    classes: Sequence[str] = (),
) -> LinearModel:
    """Fit coefficients on `train`, with the penalty with which `valid` loses least.

    Parameters
    ----------
    train
        The rows to learn from. What is missing or infinite becomes the mean of its column.
    valid
        Held-out rows; without them ``auto`` is a penalty of 1.
    losses
        The objective, which must be named, and what it needs to know. For a quantile ridge is moved up or down by that
        quantile of its residuals.
    classes
        The labels of a classification, in the order of the indices in `y`.

    Returns
    -------
    LinearModel
        With coefficients of 0 alone if none did better than the best constant on the held-out rows.

    Raises
    ------
    FitError
        If the target does not suit the objective, there is one class only, or coefficients run away.
    ConfigError
        If there is an offset and the target has classes.

    Examples
    --------
    >>> x = np.arange(200.0)
    >>> rows = Rows(pl.DataFrame({"x": x}), 3 * x + 5)
    >>> model = fit(rows, config=LinearConfig(penalty=1e-6), losses=boosting.BoostingConfig(objective="regression"))
    >>> model.predict(pl.DataFrame({"x": [100.0]})).round(3)
    array([305.])
    """
    objective = named(losses)
    check_parts(train, valid, objective, classes=classes)
    if objective.link in ("logit", "softmax") and train.offset is not None:
        raise ConfigError("a linear model of classes takes no offset", advice="drop the offset, or the linear model")
    outputs = len(classes) if objective.name == "multiclass" else 1
    weight, offset = train.weights(), train.offsets()
    base = base_score(train.y, weight=weight, offset=offset, config=losses, objective=objective, classes=outputs)
    names = tuple(train.features.columns)
    X, mean, scale = _space(numbers(matrix(train.features, names)))
    start = LinearModel(
        objective=objective.name,
        features=names,
        base_score=tuple(map(float, base)),
        coefficients=np.zeros((outputs, len(names))),
        mean=mean,
        scale=scale,
        constant=tuple(map(float, base)),
        classes=tuple(classes),
    )
    chosen = (_DEFAULT if valid is None else None) if config.penalty == "auto" else config.penalty
    penalties = PENALTIES if chosen is None else (chosen,)
    models = _models(start, X, train, penalties, losses)
    return next(models) if valid is None else _best(start, models, valid, losses)


def recalibrate(model: LinearModel, rows: Rows, *, losses: LossSettings) -> LinearModel:
    """Return the model with new intercepts and a common factor of its coefficients, by the loss of new rows.

    Raises
    ------
    FitError
        If the target does not suit the objective, or a class has no row: its intercept cannot be found.
    SchemaError
        If the features are not those of the model.
    """
    objective, weight, base = model.kind, rows.weights(), np.array(model.base_score)
    if tuple(rows.features.columns) != model.features:
        raise SchemaError(
            f"the rows have features {', '.join(map(repr, rows.features.columns[:10]))}, the model "
            f"{', '.join(map(repr, model.features[:10]))}: the same, in one order, were expected",
            advice="encode the rows with the model's own encoder",
        )
    check_parts(rows, None, objective, classes=model.classes)
    if objective.link in ("logit", "softmax"):
        counts = np.bincount(rows.y.astype(np.int64), weights=weight, minlength=max(len(base), 2))
        if not counts.min() > 0:
            raise FitError(f"class number {int(counts.argmin())} has no row: its intercept cannot be found")
    found = neural.line(
        model.added(rows.features), neural.CalibrationLine(base, 1.0), rows.y,
        weight=weight, offset=rows.offsets(), config=losses, objective=objective,
    )  # fmt: skip
    return replace(
        model,
        base_score=tuple(map(float, found.intercept)),
        coefficients=model.coefficients * found.slope,
        held_out_loss=None,
        base_loss=None,
    )


class _Solution(NamedTuple):
    intercept: Floats
    coefficients: Floats


def _models(
    start: LinearModel, X: Floats, rows: Rows, penalties: Sequence[float], losses: LossSettings
) -> Iterator[LinearModel]:
    """Return a model for each penalty; a column that never varies has a coefficient of 0, not of rounding."""
    solve = {"identity": _numbers_solved, "log": _amounts_solved}.get(start.kind.link, _classes_solved)
    varies = X.any(axis=0)
    for penalty, (intercept, coefficients) in zip(penalties, solve(X, rows, penalties, losses), strict=True):
        if not (np.isfinite(intercept).all() and np.isfinite(coefficients).all()):
            raise FitError("the coefficients of the linear model run away", advice=_ADVICE)
        score = tuple(map(float, intercept))
        yield replace(start, base_score=score, coefficients=coefficients * varies, penalty=float(penalty))


def _best(start: LinearModel, models: Iterator[LinearModel], valid: Rows, losses: LossSettings) -> LinearModel:
    """Return the model that loses least on held-out rows, the constant among them."""

    def lost(model: LinearModel) -> float:
        prediction = model.predict(valid.features, offset=valid.offset)
        if not np.isfinite(prediction).all():
            return float("inf")
        return loss(valid.y, prediction, weight=valid.weights(), config=losses, objective=model.kind)

    base_loss, (least, best) = lost(start), min(((lost(model), model) for model in models), key=lambda each: each[0])
    if not least < base_loss:
        least, best = base_loss, replace(start, penalty=best.penalty)
    return replace(best, held_out_loss=least, base_loss=base_loss)


def _numbers_solved(X: Floats, rows: Rows, penalties: Sequence[float], losses: LossSettings) -> Iterator[_Solution]:
    """Solve ridge for all penalties by one decomposition; the target is learned around 0 and in a unit of its own."""
    weight, y = rows.weights(), rows.y - rows.offsets()
    middle = float(np.average(y, weights=weight))
    unit = float(np.abs(y - middle).max()) or 1.0
    y, root, centre = (y - middle) / unit, np.sqrt(weight), np.average(X, axis=0, weights=weight)
    own = root[:, None] * (X - centre)
    values, vectors = np.linalg.eigh(own.T @ own)
    turned = vectors.T @ (own.T @ (root * y))
    for penalty in penalties:
        coefficients = vectors @ (turned / (values.clip(0) + penalty))
        intercept = -centre @ coefficients
        if losses.objective == "quantile":
            rest, none = y - intercept - X @ coefficients, np.zeros(len(y))
            objective = OBJECTIVES["quantile"]
            intercept += base_score(rest, weight=weight, offset=none, config=losses, objective=objective)[0]
        yield _Solution(np.array([middle + unit * intercept]), unit * coefficients[None])


def _amounts_solved(X: Floats, rows: Rows, penalties: Sequence[float], losses: LossSettings) -> Iterator[_Solution]:
    """Solve a Tweedie model of rates, which exposure weighs; amounts are learned in the unit of their mean."""
    power, offset = variance_power(losses), rows.offsets()
    y, weight = rows.y / np.exp(offset), rows.weights() * np.exp((2 - power) * offset)
    counts = losses.objective == "poisson" and rows.y.max() >= 1  # what a count of 1 tells is no matter of units
    unit = 1.0 if counts else float(np.average(y, weights=weight))
    library = importlib.import_module("sklearn.linear_model")
    model = library.TweedieRegressor(power=power, link="log", warm_start=True, max_iter=_STEPS)
    model.set_params(**_solver(X.shape[1]))
    for penalty in penalties:
        _fitted(model.set_params(alpha=penalty / weight.sum()), X, y / unit, weight)
        yield _Solution(np.array([model.intercept_ + np.log(unit)]), model.coef_[None].copy())


def _classes_solved(X: Floats, rows: Rows, penalties: Sequence[float], losses: LossSettings) -> Iterator[_Solution]:
    """Solve a logistic regression; of two classes under a multiclass objective, each has half of the difference."""
    classes = int(rows.y.max()) + 1
    library = importlib.import_module("sklearn.linear_model")
    model = library.LogisticRegression(warm_start=True, max_iter=_STEPS)
    model.set_params(**_solver(X.shape[1] * classes if classes > 2 else X.shape[1]))
    halves = np.array([[-0.5], [0.5]]) if losses.objective == "multiclass" and classes == 2 else np.ones((1, 1))
    for penalty in penalties:
        _fitted(model.set_params(C=1 / penalty), X, rows.y, rows.weights())
        if classes > 2:
            yield _Solution(model.intercept_.copy(), model.coef_.copy())
        else:
            yield _Solution((halves * model.intercept_)[:, 0], halves * model.coef_)


def _solver(coefficients: int) -> dict[str, Any]:
    few = coefficients <= _NEWTON
    return {"solver": "newton-cholesky" if few else "lbfgs", "tol": 1e-7 if few else 1e-5}


def _fitted(model: Any, X: Floats, y: Floats, weight: Floats) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it ends early it is measured as it is
        model.fit(X, y, sample_weight=weight)


def _space(X: Floats) -> tuple[Floats, Floats, Floats]:
    """Standardise columns in place; return them with means and scales, those of a column that never varies 1."""
    mean, scale = np.zeros(X.shape[1]), np.ones(X.shape[1])
    rounding = len(X) * np.finfo(np.float64).eps
    for k in range(X.shape[1]):
        column = X[:, k]
        known = np.isfinite(column)
        mean[k] = column[known].mean() if known.any() else 0.0
        column[~known] = mean[k]
        X[:, k] -= mean[k]
        variance = float(column @ column) / len(column)
        varies = variance > rounding * variance + (rounding * mean[k]) ** 2
        scale[k] = np.sqrt(variance) if varies else 1.0
        X[:, k] *= 1 / scale[k] if varies else 0.0
    return np.ascontiguousarray(X), mean, scale


class Linear(Learner[LinearModel]):
    """A linear model."""

    name = "linear"
    section = "linear"
    title = "linear"
    subject = "the linear model"
    noun = "a linear model"
    unit = "coefficients"
    nothing = "No coefficient"
    part = PART
    updates = ("keep", "recalibrate", "retrain")
    explains = True
    shown_by = "coefficients"

    def fit(
        self, rows: Rows, stop: Rows | None, *, settings: FitSettings, classes: Sequence[str], progress: Progress
    ) -> LinearModel:
        """Fit with the penalty that the held-out rows choose; see `fit`."""
        return fit(rows, stop, config=self.own(settings), losses=settings.boosting, classes=classes)

    def fit_again(
        self, measured: LinearModel, rows: Rows, *, settings: FitSettings, classes: Sequence[str], progress: Progress
    ) -> LinearModel:
        """Fit with the penalty of `measured`; where no coefficient helped, the best constant."""
        config = LinearConfig(penalty=measured.penalty)
        model = fit(rows, config=config, losses=settings.boosting, classes=classes)
        if self.extent(measured):
            return model
        return replace(model, base_score=model.constant, coefficients=np.zeros_like(model.coefficients))

    def extent(self, model: LinearModel) -> int:
        """Return how many coefficients are not 0."""
        return int(np.count_nonzero(model.coefficients))

    def constant(self, model: LinearModel) -> tuple[float, ...]:
        """Return the raw score of the best constant."""
        return model.constant

    def to_parts(self, model: LinearModel) -> BundleParts:
        """Return the coefficients as a table, and the rest as JSON."""
        return model.to_parts()

    def from_parts(self, found: Bundle) -> LinearModel:
        """Rebuild what `to_parts` gave, every number checked."""
        return LinearModel.from_parts(found)

    def recalibrate(self, model: LinearModel, rows: Rows, *, settings: FitSettings) -> LinearModel:
        """Move the intercept, and stretch the coefficients."""
        return recalibrate(model, rows, losses=settings.boosting)

    def reasons(
        self, model: LinearModel, features: pl.DataFrame, *, largest: int, source_of: Mapping[str, str]
    ) -> pl.DataFrame:
        """Return the largest products of coefficient and distance from the mean."""
        return boosting.reasons(model, features, largest=largest, source_of=source_of)

    def importance(self, model: LinearModel) -> pl.DataFrame:
        """Return by feature the size of its coefficient."""
        return model.importance()

    def inside(self, model: LinearModel) -> dict[str, Any]:
        """Return coefficients and penalty."""
        return {"importance": model.importance().to_dicts(), "penalty": model.penalty}

    def measured(self, model: LinearModel) -> dict[str, Any]:
        """Return the penalty that was chosen."""
        return {"penalty": model.penalty}
