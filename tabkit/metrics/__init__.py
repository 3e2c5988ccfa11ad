"""Metrics in NumPy alone, equal to scikit-learn's, and bootstrap intervals for them.

Every metric takes ``(y_true, y_pred, *, weight=None)`` and returns a float, or raises `FitError` where it is
undefined. `METRICS` lists them by name, `for_task` those that a task reports.
"""

from tabkit.metrics.calibration import (
    Binning,
    CalibrationCurve,
    calibration_curve,
    expected_calibration_error,
)
from tabkit.metrics.classification import (
    accuracy,
    brier,
    log_loss,
    multiclass_accuracy,
    multiclass_log_loss,
)
from tabkit.metrics.deviance import gamma_deviance, poisson_deviance, tweedie_deviance
from tabkit.metrics.prepared import Prepared
from tabkit.metrics.ranking import RocCurve, auc, average_precision, multiclass_auc, roc_curve
from tabkit.metrics.registry import METRICS, TASKS, Metric, Task, for_task, prepare
from tabkit.metrics.regression import coverage, mae, pinball_loss, r2, rmse
from tabkit.metrics.resampling import Draws, Interval, bootstrap, joint_bootstrap, paired_bootstrap

__all__ = [
    "METRICS",
    "TASKS",
    "Binning",
    "CalibrationCurve",
    "Draws",
    "Interval",
    "Metric",
    "Prepared",
    "RocCurve",
    "Task",
    "accuracy",
    "auc",
    "average_precision",
    "bootstrap",
    "brier",
    "calibration_curve",
    "coverage",
    "expected_calibration_error",
    "for_task",
    "gamma_deviance",
    "joint_bootstrap",
    "log_loss",
    "mae",
    "multiclass_accuracy",
    "multiclass_auc",
    "multiclass_log_loss",
    "paired_bootstrap",
    "pinball_loss",
    "poisson_deviance",
    "prepare",
    "r2",
    "rmse",
    "roc_curve",
    "tweedie_deviance",
]
