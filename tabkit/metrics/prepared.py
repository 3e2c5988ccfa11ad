"""A metric bound to its data, so that resamples differ in weights alone.

`prepare_auc(y, score)` sorts once and returns a function of the weights alone; `bootstrap` calls it for
each resample. The plain form, `auc(y, score, weight=w)`, is `prepare_auc(y, score)(w)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tabkit.metrics.inputs import Floats, check_weight

Prepared: TypeAlias = Callable[[ArrayLike | None], float]
"""From weights of shape (n,), or None for equal ones, to the metric; FitError where it is undefined."""


def weighted_mean(values: Floats, weight: Floats | None) -> float:
    r"""Return :math:`\sum_i w_i v_i / \sum_i w_i` of `values`, shape (n,), with checked weights.

    Examples
    --------
    >>> weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0]))
    2.0
    """
    if weight is None:
        return float(values.mean())
    return float(np.sum(values * weight) / np.sum(weight))  # a product by BLAS would wait for its threads


def mean_of(losses: Floats) -> Prepared:
    """Return the metric that is the weighted mean of a loss for each row, shape (n,).

    Examples
    --------
    >>> mean_of(np.array([1.0, 4.0]))([2, 1])
    2.0
    """

    def evaluate(weight: ArrayLike | None) -> float:
        return weighted_mean(losses, check_weight(weight, rows=losses.size))

    return evaluate
