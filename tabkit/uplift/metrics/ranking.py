"""Ranking metrics of a randomised experiment, from outcomes and treatment; ties are averaged over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tabkit.errors import FitError
from tabkit.metrics.inputs import Floats
from tabkit.uplift.metrics.checks import check_binary, check_experiment
from tabkit.uplift.metrics.curves import (
    ArmTotals,
    Curve,
    accumulate,
    area,
    area_over_line,
    last,
    perfect_qini,
    perfect_uplift,
    qini_heights,
    rank,
    uplift_heights,
)

ExperimentStatistic = Literal["qini_area", "uplift_area", "auuc", "qini_normalised", "uplift_auc_normalised"]


def qini_area(outcome: ArrayLike, treated: ArrayLike, score: ArrayLike) -> float:
    """Return the area between the Qini curve and the random line, per treated row, over shares from 0 to 1.

    The curve is `qini_curve` over the number of treated rows. With treatment assigned by one probability
    the area estimates the same quantity as `rate_qini`: by how many units of outcome per row the ranking
    beats a random order, on average over the shares that one may treat. Zero is a random order; it may be
    negative. It holds for outcomes of any kind. CausalML's unnormalised ``qini_score`` is about this times
    the number of treated rows, where no scores are tied; its normalised one divides by the effect on all
    rows. Neither is the normalised area of scikit-uplift: that is `qini_normalised`.

    Parameters
    ----------
    outcome
        Shape (n,), of any unit.
    treated
        0 or 1, or booleans, shape (n,); assigned by chance with one probability for all rows.
    score
        Shape (n,); a higher score asks for earlier treatment. Rows of equal score enter together.

    Raises
    ------
    FitError
        When a column is unusable or an arm has no rows.

    Examples
    --------
    >>> qini_area([1, 0, 0, 1], [1, 0, 1, 0], [4, 3, 2, 1])
    0.375
    """
    return evaluate(accumulate(rank(outcome, treated, score)), "qini_area")


def uplift_area(outcome: ArrayLike, treated: ArrayLike, score: ArrayLike) -> float:
    """Return the area between the uplift curve and the random line, per row, over shares from 0 to 1.

    The curve is `uplift_curve` over the number of rows. It estimates the same quantity as `qini_area` and
    `rate_qini`, in units of outcome per row, and differs by how it allows for chance imbalance of the arms.
    Parameters and errors are those of `qini_area`.

    Examples
    --------
    >>> uplift_area([1, 0, 0, 1], [1, 0, 1, 0], [4, 3, 2, 1])
    0.28125
    """
    return evaluate(accumulate(rank(outcome, treated, score)), "uplift_area")


def auuc(outcome: ArrayLike, treated: ArrayLike, score: ArrayLike) -> float:
    """Return the whole area under the uplift curve, per row, over shares from 0 to 1.

    It is `uplift_area` plus half of the difference of means, so a random order scores half of the average
    effect. CausalML's ``auuc_score(normalize=False)`` is about this times the number of rows where no
    scores are tied; by default it divides by the effect on all rows too, so that a random order scores one
    half. scikit-uplift's ``uplift_auc_score`` is another metric: see `uplift_auc_normalised`.
    Parameters and errors are those of `qini_area`.

    Examples
    --------
    >>> auuc([1, 0, 0, 1], [1, 0, 1, 0], [4, 3, 2, 1])
    0.28125
    """
    return evaluate(accumulate(rank(outcome, treated, score)), "auuc")


def qini_normalised(outcome: ArrayLike, treated: ArrayLike, score: ArrayLike, *, negative_effect: bool = True) -> float:
    """Return the area of the Qini curve over the random line, over that of the perfect curve.

    It is ``qini_auc_score`` of scikit-uplift 0.5.1, the Qini coefficient of Radcliffe (2007) with the
    perfect curve of `perfect_qini_curve`. One is the perfect order and zero a random one.

    Parameters
    ----------
    outcome
        0 or 1, shape (n,). For counts and amounts see `qini_area`.
    treated
        0 or 1, or booleans, shape (n,); assigned by chance with one probability for all rows.
    score
        Shape (n,); a higher score asks for earlier treatment. Rows of equal score enter together.
    negative_effect
        Whether the perfect curve knows rows that treatment harms.

    Raises
    ------
    FitError
        When a column is unusable, an arm has no rows, or the perfect curve is no better than a random order.

    Examples
    --------
    >>> qini_normalised([1, 0, 0, 1], [1, 0, 1, 0], [4, 3, 2, 1])
    1.0
    """
    totals = _binary(outcome, treated, score)
    found = _over_perfect(qini_heights, perfect_qini(last(totals), negative_effect=negative_effect), totals)
    return _defined(found)


def uplift_auc_normalised(outcome: ArrayLike, treated: ArrayLike, score: ArrayLike) -> float:
    """Return the area of the uplift curve over the random line, over that of the ideal order.

    It is ``uplift_auc_score`` of scikit-uplift 0.5.1. That library's ideal order is not always the best
    one, so the value may exceed one. CausalML's ``auuc_score`` is another metric: see `auuc`. Parameters
    and errors are those of `qini_normalised`.

    Examples
    --------
    >>> uplift_auc_normalised([1, 0, 0, 1], [1, 0, 1, 0], [4, 3, 2, 1])
    1.0
    """
    totals = _binary(outcome, treated, score)
    return _defined(_over_perfect(uplift_heights, perfect_uplift(last(totals)), totals))


def evaluate(totals: ArmTotals, statistic: ExperimentStatistic) -> float:
    """Return a statistic from the totals of a ranking; NaN where an arm is empty or nothing is to be gained."""
    if min(totals.treated[-1], totals.control[-1]) <= 0:
        return float("nan")
    return STATISTICS[statistic](totals)


def _qini_area(totals: ArmTotals) -> float:
    curve = _curve(totals, qini_heights)
    return area_over_line(curve) / float(curve.rows[-1] * totals.treated[-1])


def _uplift_area(totals: ArmTotals) -> float:
    curve = _curve(totals, uplift_heights)
    return area_over_line(curve) / float(curve.rows[-1]) ** 2


def _auuc(totals: ArmTotals) -> float:
    curve = _curve(totals, uplift_heights)
    return area(curve) / float(curve.rows[-1]) ** 2


STATISTICS: dict[ExperimentStatistic, Callable[[ArmTotals], float]] = {
    "qini_area": _qini_area,
    "uplift_area": _uplift_area,
    "auuc": _auuc,
    "qini_normalised": lambda totals: _over_perfect(qini_heights, perfect_qini(last(totals)), totals),
    "uplift_auc_normalised": lambda totals: _over_perfect(uplift_heights, perfect_uplift(last(totals)), totals),
}


def _curve(totals: ArmTotals, heights: Callable[[ArmTotals], Floats]) -> Curve:
    return Curve(totals.treated + totals.control, heights(totals))


def _binary(outcome: ArrayLike, treated: ArrayLike, score: ArrayLike) -> ArmTotals:
    check_binary(check_experiment(outcome, treated)[0])
    return accumulate(rank(outcome, treated, score))


def _over_perfect(heights: Callable[[ArmTotals], Floats], perfect: Curve, totals: ArmTotals) -> float:
    best = area_over_line(perfect)
    return area_over_line(_curve(totals, heights)) / best if best > 0 else float("nan")


def _defined(value: float) -> float:
    if np.isnan(value):
        raise FitError(
            "the perfect order of these outcomes is no better than a random one, so nothing can be normalised by it",
            advice="check that both arms hold rows with and without response, or use an unnormalised area",
        )
    return value
