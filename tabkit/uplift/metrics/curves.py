"""Qini and uplift curves of a randomised experiment, actual and perfect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabkit.errors import FitError
from tabkit.metrics.inputs import Floats
from tabkit.uplift.metrics.checks import check_binary, check_column, check_experiment
from tabkit.uplift.metrics.ties import Runs, falling, run_sums


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A polyline from (0, 0) with one point at the end of each run of equal scores.

    Parameters
    ----------
    rows
        Shape (m,): how many rows are at or above the score, from 0 to n.
    value
        Shape (m,): the height, in units of the outcome.
    """

    rows: Floats
    value: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """The rows of an experiment by falling score; each column has shape (n,).

    Parameters
    ----------
    runs
        The order and its runs of equal scores.
    treated, control
        One in the row's own arm, zero in the other.
    treated_outcome, control_outcome
        The outcome in the row's own arm, zero in the other.
    """

    runs: Runs
    treated: Floats
    control: Floats
    treated_outcome: Floats
    control_outcome: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ArmTotals:
    """Rows and outcomes of each arm at or above the end of each run; shape (m + 1,), the first are zero."""

    treated: Floats
    control: Floats
    treated_outcome: Floats
    control_outcome: Floats


def qini_curve(outcome: ArrayLike, treated: ArrayLike, score: ArrayLike) -> Curve:
    r"""Return the Qini curve of Radcliffe (2007).

    .. math:: Q = Y_t - Y_c N_t / N_c

    at or above each score, with the outcomes Y and rows N of the treated and the control rows. A top
    without control rows has nothing subtracted. scikit-uplift's ``qini_curve`` is the same for binary
    outcomes, and so is CausalML's ``get_qini`` where no scores are tied.

    Parameters
    ----------
    outcome
        Shape (n,), of any unit.
    treated
        0 or 1, or booleans, shape (n,); assigned by chance with one probability for all rows.
    score
        Shape (n,); a higher score asks for earlier treatment. Only its order matters. Rows of equal score
        enter together.

    Raises
    ------
    FitError
        When a column is unusable or an arm has no rows.

    Examples
    --------
    >>> qini_curve([1, 0, 0, 1], [1, 0, 1, 0], [4, 3, 2, 1]).value
    array([0., 1., 1., 1., 0.])
    """
    totals = accumulate(rank(outcome, treated, score))
    return Curve(totals.treated + totals.control, qini_heights(totals))


def uplift_curve(outcome: ArrayLike, treated: ArrayLike, score: ArrayLike) -> Curve:
    r"""Return the uplift curve, also called cumulative gain.

    .. math:: U = (Y_t / N_t - Y_c / N_c) (N_t + N_c)

    at or above each score, both arms ranked together: the joint, absolute curve in the list of Devriendt,
    Guns and Verbeke (2020). The mean of an arm without rows counts as zero, as it does in scikit-uplift's
    ``uplift_curve``, which is the same for binary outcomes. CausalML's ``get_cumgain`` interpolates there
    and depends on the order of tied rows. Jaskowski and Jaroszewicz (2012) rank each arm by itself instead.

    Parameters and errors are those of `qini_curve`.

    Examples
    --------
    >>> uplift_curve([1, 0, 0, 1], [1, 0, 1, 0], [4, 3, 2, 1]).value
    array([0. , 1. , 2. , 1.5, 0. ])
    """
    totals = accumulate(rank(outcome, treated, score))
    return Curve(totals.treated + totals.control, uplift_heights(totals))


def perfect_qini_curve(outcome: ArrayLike, treated: ArrayLike, *, negative_effect: bool = True) -> Curve:
    """Return the highest Qini curve that binary outcomes allow, as scikit-uplift 0.5.1 defines it.

    Parameters
    ----------
    outcome
        0 or 1, shape (n,).
    treated
        0 or 1, shape (n,).
    negative_effect
        True puts treated responders first and control responders last. False rises with slope one to the
        effect on all treated rows and stays there.

    Raises
    ------
    FitError
        When a column is unusable, or without `negative_effect` when the effect on all rows is not positive.

    Examples
    --------
    >>> perfect_qini_curve([1, 0, 0, 1], [1, 0, 1, 0]).value
    array([0., 1., 1., 0.])
    """
    outcomes, arm = check_experiment(outcome, treated)
    return perfect_qini(ends(check_binary(outcomes), arm), negative_effect=negative_effect)


def perfect_uplift_curve(outcome: ArrayLike, treated: ArrayLike) -> Curve:
    """Return the uplift curve of the ideal order of binary outcomes, as scikit-uplift 0.5.1 defines it.

    Treated responders come first and control rows without response second. Of the other two kinds the more
    frequent one comes third: treated rows without response, unless control responders outnumber them.

    Parameters and errors are those of `perfect_qini_curve`.

    Examples
    --------
    >>> perfect_uplift_curve([1, 0, 0, 1], [1, 0, 1, 0]).value
    array([0. , 1. , 2. , 1.5, 0. ])
    """
    outcomes, arm = check_experiment(outcome, treated)
    return perfect_uplift(ends(check_binary(outcomes), arm))


def rank(outcome: ArrayLike, treated: ArrayLike, score: ArrayLike) -> Ranked:
    """Return the checked rows of an experiment by falling score; errors are those of `qini_curve`."""
    outcomes, arm = check_experiment(outcome, treated)
    runs = falling(check_column(score, name="score", rows=arm.size))
    y, t = outcomes[runs.order], arm[runs.order]
    return Ranked(runs, t, 1 - t, y * t, y * (1 - t))


def accumulate(experiment: Ranked, weight: Floats | None = None) -> ArmTotals:
    """Return the totals at the end of each run; `weight`, shape (n,), stands in the order of the runs."""

    def total(column: Floats) -> Floats:
        sums = run_sums(experiment.runs, column if weight is None else column * weight)
        return np.concatenate([[0.0], np.cumsum(sums)])

    return ArmTotals(
        total(experiment.treated),
        total(experiment.control),
        total(experiment.treated_outcome),
        total(experiment.control_outcome),
    )


def ends(outcome: Floats, treated: Floats) -> ArmTotals:
    """Return the totals of all rows, each of shape (1,): all that the perfect curves need."""
    experiment = Ranked(
        falling(np.zeros(treated.size)), treated, 1 - treated, outcome * treated, outcome * (1 - treated)
    )
    return last(accumulate(experiment))


def last(totals: ArmTotals) -> ArmTotals:
    """Return the totals of all rows, each of shape (1,)."""
    return ArmTotals(totals.treated[-1:], totals.control[-1:], totals.treated_outcome[-1:], totals.control_outcome[-1:])


def qini_heights(totals: ArmTotals) -> Floats:
    """Return the Qini curve at each of the totals."""
    per_control = _ratio(totals.treated, totals.control)
    heights: Floats = totals.treated_outcome - totals.control_outcome * per_control
    return heights


def uplift_heights(totals: ArmTotals) -> Floats:
    """Return the uplift curve at each of the totals."""
    means = _ratio(totals.treated_outcome, totals.treated) - _ratio(totals.control_outcome, totals.control)
    heights: Floats = means * (totals.treated + totals.control)
    return heights


def perfect_qini(everything: ArmTotals, *, negative_effect: bool = True) -> Curve:
    """Return `perfect_qini_curve` from the totals of all rows, each of shape (1,)."""
    if negative_effect:
        kinds = _kinds(everything)
        indifferent = kinds["treated no"] + kinds["control no"]
        totals = _stack([kinds["treated yes"], indifferent, kinds["control yes"]])
        return Curve(totals.treated + totals.control, qini_heights(totals))
    height = float(qini_heights(everything)[0])
    rows = float(everything.treated[0] + everything.control[0])
    if height <= 0:
        raise FitError(
            f"a perfect curve without negative effects needs a positive effect on all rows, got {height:g} outcomes",
            advice="allow negative effects, or use an unnormalised area",
        )
    return Curve(np.array([0.0, height, rows]), np.array([0.0, height, height]))


def perfect_uplift(everything: ArmTotals) -> Curve:
    """Return `perfect_uplift_curve` from the totals of all rows, each of shape (1,)."""
    kinds = _kinds(everything)
    losses = [kinds["treated no"], kinds["control yes"]]
    if losses[1][1] > losses[0][0]:
        losses.reverse()
    totals = _stack([kinds["treated yes"], kinds["control no"], *losses])
    return Curve(totals.treated + totals.control, uplift_heights(totals))


def area(curve: Curve) -> float:
    """Return the area under the polyline, in rows times units of the outcome."""
    return float(np.trapezoid(curve.value, curve.rows))


def area_over_line(curve: Curve) -> float:
    """Return the area between the polyline and the straight line between its ends: the random order's."""
    return area(curve) - float(curve.rows[-1] * curve.value[-1]) / 2


def _ratio(above: Floats, below: Floats) -> Floats:
    """Return the ratio, zero where there is nothing below."""
    ratio: Floats = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return ratio


def _kinds(everything: ArmTotals) -> dict[str, Floats]:
    """Return the totals, in the order of the fields, of the four kinds of rows of a binary outcome."""
    t, c = everything.treated[0], everything.control[0]
    y_t, y_c = everything.treated_outcome[0], everything.control_outcome[0]
    return {
        "treated yes": np.array([y_t, 0, y_t, 0]),
        "treated no": np.array([t - y_t, 0, 0, 0]),
        "control yes": np.array([0, y_c, 0, y_c]),
        "control no": np.array([0, c - y_c, 0, 0]),
    }


def _stack(kinds: list[Floats]) -> ArmTotals:
    """Return the totals after each of the kinds, from zero."""
    return ArmTotals(*np.cumsum([np.zeros(4), *kinds], axis=0).T)
