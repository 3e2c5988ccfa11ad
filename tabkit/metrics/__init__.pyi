from .calibration import Binning, CalibrationCurve, calibration_curve, expected_calibration_error
from .classification import accuracy, brier, log_loss, multiclass_accuracy, multiclass_log_loss
from .deviance import gamma_deviance, poisson_deviance, tweedie_deviance
from .prepared import Prepared
from .ranking import RocCurve, auc, average_precision, multiclass_auc, roc_curve
from .registry import METRICS, TASKS, Metric, Task, for_task, prepare
from .regression import coverage, mae, pinball_loss, r2, rmse
from .resampling import Draws, Interval, bootstrap, joint_bootstrap, paired_bootstrap

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
