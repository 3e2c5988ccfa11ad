"""Checks of the inputs of metrics; each error says what came and what to do."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabkit.errors import FitError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Probabilities computed in single precision and summed over many classes stay within this of one.
SUM_TOLERANCE = 1e-4


def check_floats(values: ArrayLike, *, name: str, dimensions: int = 1) -> Floats:
    """Return `values` as finite float64 with at least one row.

    Parameters
    ----------
    values
        Numbers or booleans, shape (n,) or, with two `dimensions`, (n, k). A null counts as not finite.
    name
        What the error calls them.
    dimensions
        How many axes they must have.

    Raises
    ------
    FitError
        When they are not numeric, of another shape, empty or not finite.

    Examples
    --------
    >>> check_floats([True, False], name="y_true")
    array([1., 0.])
    """
    array = _numeric(values, name=name)
    if array.ndim != dimensions or array.size == 0:
        expected = "(n,)" if dimensions == 1 else "(n, k)"
        raise FitError(
            f"{name} must have shape {expected} with at least one row, got {array.shape}",
            advice=f"pass {name} with one row for each observation",
        )
    broken = array.size - int(np.count_nonzero(np.isfinite(array)))
    if broken:
        raise FitError(
            f"{name} must be finite; {broken} of its {array.size} values are null, NaN or infinite",
            advice="drop those rows or fill their values before the metric",
        )
    return array


def _numeric(values: ArrayLike, *, name: str) -> Floats:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":
            raise TypeError(f"dtype {array.dtype} is not numeric")
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise FitError(
            f"{name} must be an array of numbers, got {type(values).__name__}: {error}",
            advice="encode labels as numbers and cast the column before the metric",
        ) from error


def check_pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Floats, Floats]:
    """Return targets and predictions as finite float64, each of shape (n,).

    Raises
    ------
    FitError
        When either is unusable (see `check_floats`) or their lengths differ.

    Examples
    --------
    >>> check_pair([0, 1], [0.25, 0.5])
    (array([0., 1.]), array([0.25, 0.5 ]))
    """
    y = check_floats(y_true, name="y_true")
    prediction = check_floats(y_pred, name="y_pred")
    _check_length(prediction, name="y_pred", rows=y.size)
    return y, prediction


def check_binary_pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Floats, Floats]:
    """Return labels in {0, 1} and scores as finite float64, each of shape (n,).

    Raises
    ------
    FitError
        When a label is neither 0 nor 1, or as in `check_pair`.
    """
    y, score = check_pair(y_true, y_pred)
    strange = y[(y != 0) & (y != 1)]
    if strange.size:
        raise FitError(
            f"y_true must hold the labels 0 and 1; {strange.size} of its {y.size} rows hold others, "
            f"such as {strange[0]:g}",
            advice="encode the positive class as 1 and the other as 0",
        )
    return y, score


def check_probabilities(probability: Floats) -> Floats:
    """Return `probability`, of any shape, when it lies in [0, 1].

    Raises
    ------
    FitError
        When it does not; raw scores (log-odds) are the usual reason.
    """
    low, high = float(probability.min()), float(probability.max())
    if low < 0 or high > 1:
        raise FitError(
            f"y_pred must hold probabilities in [0, 1], got values from {low:g} to {high:g}",
            advice="pass probabilities; turn raw scores into them with the logistic function",
        )
    return probability


def check_classes(y_index: ArrayLike, proba: ArrayLike) -> tuple[Integers, Floats]:
    """Return class numbers, shape (n,) in 0 .. k - 1, and their probabilities, shape (n, k).

    Raises
    ------
    FitError
        When a class number is out of range or not whole, a probability lies outside [0, 1], a row does
        not sum to one, or lengths differ.
    """
    y = check_floats(y_index, name="y_index")
    probability = check_floats(proba, name="proba", dimensions=2)
    _check_length(probability, name="proba", rows=y.size)
    check_probabilities(probability)
    classes = probability.shape[1]
    strange = y[(y != np.floor(y)) | (y < 0) | (y >= classes)]
    if strange.size:
        raise FitError(
            f"y_index must hold class numbers from 0 to {classes - 1}, one for each column of proba; "
            f"{strange.size} of {y.size} rows hold others, such as {strange[0]:g}",
            advice="number the classes in the order of the columns of proba",
        )
    off = float(np.abs(probability.sum(axis=1) - 1).max())
    if off > SUM_TOLERANCE:
        raise FitError(
            f"each row of proba must sum to 1, the worst is off by {off:g}",
            advice="divide each row by its sum, or pass the softmax of the raw scores",
        )
    return y.astype(np.int64), probability


def check_weight(weight: ArrayLike | None, *, rows: int) -> Floats | None:
    """Return the weights as float64 of shape (rows,), or None for equal weights.

    Raises
    ------
    FitError
        When a weight is negative or not finite, their sum is not positive, or the length differs.

    Examples
    --------
    >>> check_weight([1, 0, 2], rows=3)
    array([1., 0., 2.])
    """
    if weight is None:
        return None
    array = check_floats(weight, name="weight")
    _check_length(array, name="weight", rows=rows)
    with np.errstate(over="ignore"):  # an infinite sum is refused below
        total = float(array.sum())
    if array.min() < 0 or not 0 < total < np.inf:
        raise FitError(
            f"weight must be non-negative with a positive, finite sum; got a least weight of "
            f"{array.min():g} and a sum of {total:g}",
            advice="drop rows of negative weight and keep at least one of positive weight",
        )
    return array


def _check_length(array: Floats, *, name: str, rows: int) -> None:
    if len(array) != rows:
        raise FitError(
            f"{name} must have as many rows as the targets, {rows}, got {len(array)}",
            advice="check that both come from the same frame, filtered and sorted alike",
        )
