"""The metrics by name, and which of them are reported for a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from numpy.typing import ArrayLike

from tabkit.errors import ConfigError
from tabkit.metrics.calibration import expected_calibration_error
from tabkit.metrics.classification import (
    accuracy,
    brier,
    log_loss,
    multiclass_accuracy,
    multiclass_log_loss,
)
from tabkit.metrics.deviance import (
    check_power,
    gamma_deviance,
    poisson_deviance,
    tweedie_deviance,
)
from tabkit.metrics.prepared import MetricFunction, Prepared
from tabkit.metrics.ranking import (
    auc,
    average_precision,
    multiclass_auc,
)
from tabkit.metrics.regression import (
    check_quantile,
    coverage,
    mae,
    pinball_loss,
    r2,
    rmse,
)

Task = Literal["binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, its direction and its name.

    Parameters
    ----------
    name
        What reports call it.
    function
        Called as ``function(y, prediction, weight=weight)``; returns a float, raises FitError where it is
        undefined.
    greater_is_better
        None when neither direction is better: coverage should equal its level.
    prepare
        Called as ``prepare(y, prediction)``; returns the metric as a function of the weights alone, for the
        bootstrap. None when there is no such short cut.
    has_interval
        False where the bootstrap's percentile interval misleads: every resample adds noise to the calibration
        error, so that its interval often lies above the value itself.
    """

    name: str
    function: Callable[..., float]
    greater_is_better: bool | None
    prepare: Callable[..., Prepared] | None = None
    has_interval: bool = True


def _metric(
    name: str, function: MetricFunction, greater_is_better: bool | None, *, has_interval: bool = True
) -> Metric:
    return Metric(name, function, greater_is_better, function.prepare, has_interval)


# The keys are unique; the names are what a report says, so that log loss is one word whatever the task.
METRICS: dict[str, Metric] = {
    "log_loss": _metric("log_loss", log_loss, False),
    "auc": _metric("auc", auc, True),
    "average_precision": _metric("average_precision", average_precision, True),
    "brier": _metric("brier", brier, False),
    "ece": _metric("ece", expected_calibration_error, False, has_interval=False),
    "accuracy": _metric("accuracy", accuracy, True),
    "multiclass_log_loss": _metric("log_loss", multiclass_log_loss, False),
    "multiclass_auc": _metric("auc", multiclass_auc, True),
    "multiclass_accuracy": _metric("accuracy", multiclass_accuracy, True),
    "rmse": _metric("rmse", rmse, False),
    "mae": _metric("mae", mae, False),
    "r2": _metric("r2", r2, True),
    "poisson_deviance": _metric("poisson_deviance", poisson_deviance, False),
    "gamma_deviance": _metric("gamma_deviance", gamma_deviance, False),
    "tweedie_deviance": _metric("tweedie_deviance", tweedie_deviance, False),
    "pinball_loss": _metric("pinball_loss", pinball_loss, False),
    "coverage": _metric("coverage", coverage, None),
}

# Keys of METRICS; the first is the one that a model of the task is fitted by.
TASKS: dict[Task, tuple[str, ...]] = {
    "binary": ("log_loss", "auc", "average_precision", "brier", "ece"),
    "multiclass": ("multiclass_log_loss", "multiclass_auc", "multiclass_accuracy"),
    "regression": ("rmse", "mae", "r2"),
    "poisson": ("poisson_deviance", "rmse", "mae"),
    "gamma": ("gamma_deviance", "rmse", "mae"),
    "tweedie": ("tweedie_deviance", "rmse", "mae"),
    "quantile": ("pinball_loss", "mae", "coverage"),
}


def for_task(task: Task, *, power: float = 1.5, quantile: float = 0.5) -> tuple[Metric, ...]:
    """Return the metrics reported for a task, the one that its models are fitted by first.

    Parameters
    ----------
    task
        A key of `TASKS`.
    power
        Tweedie variance power, bound to `tweedie_deviance`; other tasks ignore it.
    quantile
        Level, bound to `pinball_loss`; other tasks ignore it.

    Raises
    ------
    ConfigError
        When the task is unknown, or the power or quantile that it uses is out of range.

    Examples
    --------
    >>> [metric.name for metric in for_task("binary")]
    ['log_loss', 'auc', 'average_precision', 'brier', 'ece']
    >>> pinball, _, _ = for_task("quantile", quantile=0.75)
    >>> pinball.function([10, 10], [8, 12])
    1.0
    """
    if task not in TASKS:
        raise ConfigError(
            f"task must be one of {', '.join(TASKS)}, got {task!r}",
            advice="name the task after what the target is",
        )
    metrics = [METRICS[key] for key in TASKS[task]]
    if task == "tweedie":
        metrics[0] = _bind(metrics[0], power=check_power(power))
    if task == "quantile":
        metrics[0] = _bind(metrics[0], quantile=check_quantile(quantile))
    return tuple(metrics)


def prepare(metric: Metric, y: ArrayLike, prediction: ArrayLike) -> Prepared:
    """Return `metric` on these rows as a function of the weights, by its short cut if it has one.

    Raises
    ------
    FitError
        When the rows are unusable, at once or, without a short cut, when called.

    Examples
    --------
    >>> prepare(METRICS["rmse"], [0, 0], [3, 4])([1, 0])
    3.0
    """
    if metric.prepare is not None:
        return metric.prepare(y, prediction)

    def evaluate(weight: ArrayLike | None) -> float:
        return metric.function(y, prediction, weight=weight)

    return evaluate


def _bind(metric: Metric, **options: float) -> Metric:
    bound = None if metric.prepare is None else partial(metric.prepare, **options)
    return replace(metric, function=partial(metric.function, **options), prepare=bound)
