"""How well features predict the outcome: too well suggests that they were measured after contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
import scipy

from tabkit.schema import family
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.limits import EXACT_AUC, EXACT_R2, NOTED_R2, STRONG_AUC, STRONG_R2
from tabkit.uplift.regressor import Codes, Floats

Level = Literal["little", "note", "asks", "exact"]
_BINS = 50  # levels that are taken as they are; numbers are binned as finely
_PRIOR = 5.0
"""Units by which the mean of a bin is drawn to that of all, so that bins of few units say little."""
_NAMED = 3  # features that a warning names
_SAMPLE = 20_000
"""Units that tell what a feature tells alone."""
_TELLING = {"auc": 0.6, "r2": 0.1}
"""What a feature tells alone before it is worth a name."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How well outcome models predict units that they did not see.

    Parameters
    ----------
    r2
        The share of the outcome's variance within arms; None where it does not vary there.
    auc
        Within arms, of an outcome with two values; else None.
    alone
        The features that tell most by themselves, with their own AUC (or R2), if that is worth a name.
    """

    r2: float | None
    auc: float | None
    alone: tuple[tuple[str, float], ...] = ()

    @property
    def level(self) -> Level:
        """How much that is: ``note`` and ``asks`` are open, ``exact`` is what nothing known beforehand tells.

        The most counts that models or one feature tell: models of few units learn less than one good feature says.
        """
        models = self.auc if self.auc is not None else self.r2
        most = max(models or 0.0, *(size for _, size in self.alone), 0.0)
        if self.auc is not None:
            return "exact" if most >= EXACT_AUC else "asks" if most >= STRONG_AUC else "little"
        if most < NOTED_R2:
            return "little"
        return "exact" if most >= EXACT_R2 else "asks" if most >= STRONG_R2 else "note"


def strength(experiment: Experiment, outcomes: Floats, frame: pl.DataFrame, features: Sequence[str]) -> Strength:
    """Measure how well outcome models predict, and which single features predict best.

    Parameters
    ----------
    experiment
        n units.
    outcomes
        Shape (n, k): expected outcome of each unit under each arm, by models that did not see it.
    frame, features
        The same units' columns, and those that are features.
    """
    expected = outcomes[np.arange(experiment.rows), experiment.arm]
    measured = _told(experiment, expected)
    if measured.r2 is None:
        return measured
    rows = np.random.default_rng(0).permutation(experiment.rows)[:_SAMPLE]
    few, part = experiment.take(rows), frame[rows]
    alone = [
        (name, _alone(part.get_column(name).alias("values"), few))
        for name in features
        if _has_bins(part.get_column(name))
    ]
    measure = "r2" if measured.auc is None else "auc"
    sizes = [(name, getattr(told, measure) or 0.0) for name, told in alone]
    ranked = sorted((pair for pair in sizes if pair[1] >= _TELLING[measure]), key=lambda pair: -pair[1])
    return Strength(measured.r2, measured.auc, tuple(ranked[:_NAMED]))


def _told(experiment: Experiment, expected: Floats) -> Strength:
    """Return R2 and AUC within arms: an effect, however large, is no leak."""
    y, arm = experiment.outcome, experiment.arm
    sides = [(y[own], expected[own]) for own in (arm == a for a in range(len(experiment.arms)))]
    spread = sum(float(((part - part.mean()) ** 2).sum()) for part, _ in sides if part.size)
    scale = float(np.abs(y).max()) or 1.0
    if spread <= len(y) * (1e-12 * scale) ** 2:
        return Strength(None, None)
    r2 = 1 - sum(float(((part - told) ** 2).sum()) for part, told in sides) / spread
    if len(np.unique(y)) != 2:
        return Strength(r2, None)
    varied = [(part, told) for part, told in sides if np.ptp(part) > 0]
    areas = [_auc(part == y.max(), told) for part, told in varied]
    return Strength(r2, float(np.average(areas, weights=[part.size for part, _ in varied])))


def _auc(positive: np.ndarray, told: Floats) -> float:
    few = int(positive.sum())
    ranks = scipy.stats.rankdata(told)[positive].sum() - few * (few + 1) / 2
    return float(ranks / (few * (len(told) - few)))


def _alone(values: pl.Series, experiment: Experiment) -> Strength:
    """Return what a feature tells by bins, or if that is more of a yes or no, by its order, upwards or downwards."""
    found = _told(experiment, _by_bin(values, experiment))
    if found.auc is None or family(values.dtype) == "text" or values.null_count():
        return found
    area = _told(experiment, values.to_physical().cast(pl.Float64).fill_nan(None).rank().fill_null(0).to_numpy()).auc
    return found if area is None else Strength(found.r2, max(found.auc, area, 1 - area))


def _has_bins(values: pl.Series) -> bool:
    return family(values.dtype) not in ("other", "null")


def _by_bin(values: pl.Series, experiment: Experiment) -> Floats:
    """Return the mean outcome of the units with nearly the same value, as the other half of them has it."""
    bins = _bins(values)
    half = np.random.default_rng(0).random(len(bins)) < 0.5
    means = np.bincount(experiment.arm, experiment.outcome) / np.maximum(np.bincount(experiment.arm), 1)
    mean = means[experiment.arm]  # that of the arm: an effect is told by no feature
    residual = experiment.outcome - mean
    found = np.empty(len(bins))
    for side in (half, ~half):
        counts = np.bincount(bins[side], minlength=bins.max() + 1)
        sums = np.bincount(bins[side], weights=residual[side], minlength=bins.max() + 1)
        found[~side] = mean[~side] + (sums / (counts + _PRIOR))[bins[~side]]
    return found


def _bins(values: pl.Series) -> Codes:
    """Return a bin of each row: levels of text, fiftieths of what has an order; what is missing has its own."""
    if family(values.dtype) in ("text", "boolean") or values.n_unique() <= _BINS:
        return values.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    numbers = values.to_physical().cast(pl.Float64).fill_nan(None)
    place = numbers.rank("average") / max(len(numbers) - numbers.null_count(), 1)
    return (place * _BINS).ceil().fill_null(0).to_numpy().astype(np.int64)
