"""Metrics in NumPy alone, equal to scikit-learn's, and bootstrap intervals for them.

Every metric takes ``(y_true, y_pred, *, weight=None)`` and returns a float, or raises `FitError` where it is
undefined. `METRICS` lists them by name, `for_task` those that a task reports.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
