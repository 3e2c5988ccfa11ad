"""Checks of the inputs of uplift metrics; each error says what came and what to do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabkit.errors import ConfigError, FitError
from tabkit.metrics.inputs import Floats, Integers, check_floats


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Which cluster each row belongs to.

    Parameters
    ----------
    codes
        Shape (n,), from 0 to `count` - 1.
    count
        How many clusters there are.
    """

    codes: Integers
    count: int


def check_effect(effect: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    """Return the effects and the scores as finite float64, each of shape (n,).

    Raises
    ------
    FitError
        When either is not numeric, not finite, empty or of another shape.

    Examples
    --------
    >>> check_effect([1, -1], [0.5, 0.25])
    (array([ 1., -1.]), array([0.5 , 0.25]))
    """
    effects = check_floats(effect, name="effect")
    return effects, check_column(score, name="score", rows=effects.size)


def check_experiment(outcome: ArrayLike, treated: ArrayLike) -> tuple[Floats, Floats]:
    """Return the outcomes and the treatment, 0 or 1, as float64, each of shape (n,).

    Raises
    ------
    FitError
        When either is unusable, `treated` holds other values than 0 and 1, or an arm has no rows.

    Examples
    --------
    >>> check_experiment([0, 2], [True, False])
    (array([0., 2.]), array([1., 0.]))
    """
    outcomes = check_floats(outcome, name="outcome")
    arm = check_column(treated, name="treated", rows=outcomes.size)
    _check_labels(arm, name="treated", advice="encode the treated rows as 1 and the control rows as 0")
    if arm.min() == arm.max():
        raise FitError(
            f"treated must hold both arms, all of its {arm.size} rows are {arm[0]:g}",
            advice="keep the control rows beside the treated ones",
        )
    return outcomes, arm


def check_binary(outcome: Floats) -> Floats:
    """Return the outcomes when they are all 0 or 1.

    Raises
    ------
    FitError
        When they are not.
    """
    _check_labels(
        outcome,
        name="outcome",
        advice="use an unnormalised area for counts or amounts: the perfect curve is known for binary outcomes only",
    )
    return outcome


def check_column(values: ArrayLike, *, name: str, rows: int) -> Floats:
    """Return `values` as finite float64 of shape (rows,).

    Raises
    ------
    FitError
        When they are unusable or their number differs.
    """
    column = check_floats(values, name=name)
    if column.size != rows:
        raise FitError(
            f"{name} must have as many rows as the other columns, {rows}, got {column.size}",
            advice="check that all columns come from the same frame, filtered and sorted alike",
        )
    return column


def check_clusters(clusters: ArrayLike | None, *, rows: int) -> Clusters | None:
    """Return the clusters as codes, or None when each row stands for itself.

    Parameters
    ----------
    clusters
        Labels of any one sortable type, shape (rows,), or None.
    rows
        How many rows there are.

    Raises
    ------
    FitError
        When the shape is another, a label is null or there are fewer than two clusters.

    Examples
    --------
    >>> check_clusters(["b", "a", "b"], rows=3).codes
    array([1, 0, 1])
    """
    if clusters is None:
        return None
    labels = np.asarray(clusters)
    if labels.shape != (rows,):
        raise FitError(
            f"clusters must have shape ({rows},), got {labels.shape}", advice="give each row the label of its cluster"
        )
    try:
        distinct, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise FitError(
            f"clusters must be labels of one type without nulls: {error}", advice="fill or cast the column first"
        ) from error
    if distinct.dtype.kind in "fcmM" and bool(np.isnan(distinct).any()):
        raise FitError("clusters hold null labels", advice="give each row without a cluster a label of its own")
    if distinct.size < 2:
        raise FitError(
            f"at least two clusters are needed, got {distinct.size}", advice="leave clusters out to treat rows as units"
        )
    return Clusters(codes.astype(np.int64), int(distinct.size))


def check_choice(value: str, *, name: str, choices: tuple[str, ...]) -> None:
    """Raise a ConfigError when the value is none of the choices."""
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}; got {value!r}", advice=f"write {choices[0]!r}")


def _check_labels(column: Floats, *, name: str, advice: str) -> None:
    strange = column[(column != 0) & (column != 1)]
    if strange.size:
        raise FitError(
            f"{name} must hold 0 and 1 only; {strange.size} of its {column.size} rows hold others, "
            f"such as {strange[0]:g}",
            advice=advice,
        )
