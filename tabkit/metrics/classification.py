"""Metrics of predicted probabilities and labels that are means over the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tabkit.metrics.inputs import (
    Floats,
    check_binary_pair,
    check_classes,
    check_pair,
    check_probabilities,
)
from tabkit.metrics.prepared import Prepared, mean_of, metric


@metric
def log_loss(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    r"""Return the mean negative log-likelihood of binary labels, in nats.

    .. math:: -\sum_i w_i [y_i \log p_i + (1 - y_i) \log(1 - p_i)] / \sum_i w_i

    As in scikit-learn, p is kept away from 0 and 1 by the machine epsilon of its own precision: that of
    single precision for float32 (some 1e-7), that of double precision otherwise.

    Parameters
    ----------
    y_true
        Labels in {0, 1}, shape (n,).
    y_pred
        Probabilities of label 1, shape (n,).
    weight
        Non-negative weights, shape (n,); None weighs rows equally.

    Raises
    ------
    FitError
        When an input is unusable.

    Examples
    --------
    >>> round(log_loss([1, 0], [0.5, 0.5]), 6)
    0.693147
    """
    y, probability = check_binary_pair(y_true, y_pred)
    check_probabilities(probability)
    return mean_of(_negative_log(np.where(y == 1, probability, 1 - probability), like=y_pred))


@metric
def brier(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    r"""Return the mean squared distance of binary labels from their probabilities, in [0, 1].

    .. math:: \sum_i w_i (y_i - p_i)^2 / \sum_i w_i

    Brier (1950) sums over both classes, which is twice as large; this form, now usual, counts one.
    Parameters and errors are those of `log_loss`.

    Examples
    --------
    >>> brier([1, 0], [0.5, 0.0])
    0.125
    """
    y, probability = check_binary_pair(y_true, y_pred)
    return mean_of((y - check_probabilities(probability)) ** 2)


@metric
def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    """Return the weighted share of rows whose predicted label, a number, is the true one.

    Parameters
    ----------
    y_true, y_pred
        Labels as numbers, shape (n,).
    weight
        Non-negative weights, shape (n,); None weighs rows equally.

    Raises
    ------
    FitError
        When an input is unusable.

    Examples
    --------
    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    """
    y, label = check_pair(y_true, y_pred)
    return mean_of((y == label).astype(np.float64))


@metric
def multiclass_log_loss(y_index: ArrayLike, proba: ArrayLike) -> Prepared:
    r"""Return the mean negative log-probability of the true class, in nats.

    .. math:: -\sum_i w_i \log p_{i, y_i} / \sum_i w_i

    Probabilities are kept away from 0 and 1 as in `log_loss`.

    Parameters
    ----------
    y_index
        Class numbers from 0 to k - 1, shape (n,).
    proba
        Probabilities, shape (n, k); each row sums to one.
    weight
        Non-negative weights, shape (n,); None weighs rows equally.

    Raises
    ------
    FitError
        When an input is unusable.

    Examples
    --------
    >>> round(multiclass_log_loss([0, 2], [[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]]), 6)
    0.693147
    """
    y, probability = check_classes(y_index, proba)
    return mean_of(_negative_log(probability[np.arange(y.size), y], like=proba))


@metric
def multiclass_accuracy(y_index: ArrayLike, proba: ArrayLike) -> Prepared:
    """Return the weighted share of rows whose most probable class is the true one.

    Among equally probable classes the first counts as predicted. Parameters and errors are those of
    `multiclass_log_loss`.

    Examples
    --------
    >>> multiclass_accuracy([0, 2], [[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]])
    0.5
    """
    y, probability = check_classes(y_index, proba)
    return mean_of((probability.argmax(axis=1) == y).astype(np.float64))


def _negative_log(probability: Floats, *, like: ArrayLike) -> Floats:
    precision = np.float32 if np.asarray(like).dtype == np.float32 else np.float64
    epsilon = float(np.finfo(precision).eps)
    return -np.log(np.clip(probability, epsilon, 1 - epsilon))
