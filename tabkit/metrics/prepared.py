"""A metric bound to its data, so that resamples differ in weights alone.

A metric is written in this form and made a plain one by `metric`: ``auc.prepare(y, score)`` sorts once and returns a
function of the weights alone, which `bootstrap` calls for each resample, and ``auc(y, score, weight=w)`` is
``auc.prepare(y, score)(w)``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike

from tabkit.metrics.inputs import Floats, check_weight

Prepared: TypeAlias = Callable[[ArrayLike | None], float]
"""From weights of shape (n,), or None for equal ones, to the metric; FitError where it is undefined."""

_COPIED = ("__module__", "__name__", "__qualname__", "__doc__")  # not the annotations: it returns a number


class MetricFunction(Protocol):
    """A plain metric, with its prepared form; both take the same rows and settings, the plain one weights besides."""

    prepare: Callable[..., Prepared]

    def __call__(self, *rows: ArrayLike, weight: ArrayLike | None = None, **settings: Any) -> float:
        """Return the metric of rows, usually targets and predictions."""
        ...


def metric(prepare: Callable[..., Prepared]) -> MetricFunction:
    """Make a plain metric of a prepared one, which it keeps as ``prepare``; a decorator.

    Examples
    --------
    >>> @metric
    ... def bias(y_true, y_pred):
    ...     return mean_of(np.subtract(y_pred, y_true))
    >>> bias([0, 0], [1, 4], weight=[2, 1]), bias.prepare([0, 0], [1, 4])([2, 1])
    (2.0, 2.0)
    """

    @functools.wraps(prepare, assigned=_COPIED)
    def plain(*rows: ArrayLike, weight: ArrayLike | None = None, **settings: Any) -> float:
        return prepare(*rows, **settings)(weight)

    signature = inspect.signature(prepare)
    with_weight = inspect.Parameter(
        "weight", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="ArrayLike | None"
    )
    shown = signature.replace(parameters=[*signature.parameters.values(), with_weight], return_annotation="float")
    plain.__signature__ = shown  # type: ignore[attr-defined]  # what help() says
    plain.prepare = prepare  # type: ignore[attr-defined]
    return cast("MetricFunction", plain)


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
