"""Differences between two arms of models, with intervals over drawn rows and repeated fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabkit import metrics
from tabkit.boosting import BoostedModel
from tabkit.errors import FitError
from tabkit.propensity.ablation.folds import Fold
from tabkit.propensity.evaluation import Resampling
from tabkit.table import Table, labels
from tabkit.target import TargetColumn

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two models of one fold, with and without the rules, and what they predicted for its judging rows."""

    fold: Fold
    predictions: tuple[Floats, Floats]
    boosters: tuple[BoostedModel, BoostedModel]


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric with and without the rules.

    Parameters
    ----------
    metric
        Its name.
    greater_is_better
        None where neither is.
    with_rules, without_rules
        Of all judging rows together, the mean over repeats.
    difference
        The first less the second.
    low, high
        The ends of its interval, see `differences`; None for a metric that has none.
    by_fold
        The difference in each fold, one division after another; None where it is undefined.
    """

    metric: str
    greater_is_better: bool | None
    with_rules: float
    without_rules: float
    difference: float
    low: float | None
    high: float | None
    by_fold: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ArmPredictions:
    """The predictions of both arms for the n judging rows.

    Parameters
    ----------
    y, weight
        Shape (n,): targets, and weights if there are any.
    predictions
        Of the arm with the rules in each of `repeats` divisions, then of the arm without: shape (n,) or (n, classes).
    lots
        By fold, the rows and what both arms predicted for them.
    repeats
        How many divisions.
    """

    y: Floats
    weight: Floats | None
    predictions: list[Floats]
    lots: list[tuple[Places, tuple[Floats, Floats]]]
    repeats: int

    @classmethod
    def of(cls, judged: Table, places: Places, pairs: Sequence[Pair], target: TargetColumn) -> ArmPredictions:
        """Put predictions in the order of the judging rows, whose places in the table are given."""
        repeats = 1 + max(pair.fold.repeat for pair in pairs)
        predictions = [_gathered(pairs, arm, repeat) for arm in (0, 1) for repeat in range(repeats)]
        lots = [(np.searchsorted(places, pair.fold.test), pair.predictions) for pair in pairs]
        return cls(labels(judged, target), judged.numbers("weight"), predictions, lots, repeats)


def differences(arms: ArmPredictions, measures: Sequence[metrics.Metric], how: Resampling) -> tuple[Difference, ...]:
    """Measure both arms; a metric other than the first is left out where it is undefined on these rows.

    Notes
    -----
    A bootstrap of rows takes the models as they are, though another chance would have grown others: of 100 rules of
    pure noise its intervals at 95% excluded zero for 15, stretched ones for 4. What the differences of the K folds
    vary more than rows explain, ``max(0, s^2 / K - b^2)`` with b the standard error of the bootstrap in one division,
    is the variance of fitting; over R repeats it falls to one R-th. Intervals are stretched by what it adds.
    """
    found = []
    for i, measure in enumerate(measures):
        try:
            found.append(_difference(arms, measure, how))
        except FitError:
            if i == 0:
                raise
    return tuple(found)


def _difference(arms: ArmPredictions, measure: metrics.Metric, how: Resampling) -> Difference:
    options = how.options()
    level = options.pop("level")
    drawn = metrics.joint_bootstrap(measure, arms.y, arms.predictions, weight=arms.weight, **options)
    ours, theirs = drawn.values.reshape(2, arms.repeats).mean(axis=1).tolist()
    by_fold = [_of_fold(arms, measure, rows, both) for rows, both in arms.lots]
    draws = drawn.draws.reshape(-1, 2, arms.repeats)
    ends = _ends(draws[:, 0] - draws[:, 1], np.array(by_fold, dtype=np.float64), ours - theirs, level)
    low, high = ends if measure.has_interval else (None, None)
    better = measure.greater_is_better
    return Difference(measure.name, better, ours, theirs, ours - theirs, low, high, tuple(by_fold))


def _ends(draws: Floats, by_fold: Floats, value: float, level: float) -> tuple[float, float]:
    """Return an interval about the value.

    Parameters
    ----------
    draws
        Shape (resamples, R): the difference in each division; NaN where it is undefined.
    by_fold
        Shape (K * R,): the difference in each fold, one division after another; NaN where it is undefined.
    """
    whole = draws.mean(axis=1)
    low, high = np.nanquantile(whole, [(1 - level) / 2, (1 + level) / 2])
    error, repeats = float(np.nanstd(whole)), draws.shape[1]
    known = [each[~np.isnan(each)] for each in by_fold.reshape(repeats, -1)]
    varied = [each.var(ddof=1) / len(each) for each in known if len(each) > 1]
    if not varied or not error:
        return float(low), float(high)
    fitting = max(0.0, float(np.mean(varied)) - float(np.nanvar(draws, axis=0).mean())) / repeats
    stretch = np.sqrt(error**2 + fitting) / error
    return float(value - stretch * (value - low)), float(value + stretch * (high - value))


def _gathered(pairs: Sequence[Pair], arm: int, repeat: int) -> Floats:
    own = [pair for pair in pairs if pair.fold.repeat == repeat]
    order = np.argsort(np.concatenate([pair.fold.test for pair in own]), kind="stable")
    found: Floats = np.concatenate([pair.predictions[arm] for pair in own])[order]
    return found


def _of_fold(arms: ArmPredictions, measure: metrics.Metric, rows: Places, both: tuple[Floats, Floats]) -> float | None:
    weight = None if arms.weight is None else arms.weight[rows]
    try:
        ours, theirs = (measure.function(arms.y[rows], prediction, weight=weight) for prediction in both)
    except FitError:
        return None
    return float(ours - theirs)
