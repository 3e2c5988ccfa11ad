"""Calibrate an ensemble on predictions for units that its members did not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tabkit.errors import FitError
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.design.overlap import floored, kept
from tabkit.uplift.ensemble.calibration import Calibration, calibrate
from tabkit.uplift.ensemble.fit import Ensemble, ExperimentUnits, predict_mean
from tabkit.uplift.ensemble.member import Predicted
from tabkit.uplift.limits import FEWEST_UNITS
from tabkit.uplift.regressor import Codes, Floats
from tabkit.uplift.scores import arm_scores, effect_scores

_SAMPLE = 20_000
"""Units that tell how far the mean of members varies."""


def calibrations(units: ExperimentUnits, fitted: Ensemble, settings: UpliftConfig) -> tuple[Calibration, ...]:
    """Fit calibrations on predictions for units that the members did not see.

    New units get the mean of all members, which varies less than one member. So a member's prediction is first turned
    into the mean that it lets expect: drawn to its own mean by the ratio of the two variances.
    """
    predicted = fitted.predicted
    few = units.table.frame.sample(min(units.experiment.rows, _SAMPLE), seed=settings.seed)
    spread = predict_mean(fitted.members, few)[0].effect.var(axis=0)
    own = predicted.effect.var(axis=0)
    drawn = np.divide(spread, own, out=np.ones_like(own), where=own > 0)
    effect = predicted.effect.mean(axis=0) + drawn * (predicted.effect - predicted.effect.mean(axis=0))
    experiment, rows = units.experiment, np.arange(units.experiment.rows)
    if settings.design == "observational":
        rows = np.flatnonzero(kept(predicted.propensity, trim=settings.trim))
        _check_overlap(units, rows, settings)
        experiment = replace(experiment, propensity=floored(predicted.propensity, trim=settings.trim))
    scores = effect_scores(arm_scores(experiment, predicted.outcome))[rows]
    level, parts = scores.mean(axis=0), fitted.parts[rows]
    # A part whose scores lie high by chance was left out by a member that lies low: parts are compared within.
    effect, scores = (_within(values, parts) for values in (effect[rows], scores))
    return tuple(
        calibrate(
            effect[:, i],
            scores[:, i] + (level[i] - scores[:, i].mean()),
            method=settings.calibration,
            clusters=None if experiment.clusters is None else experiment.clusters[rows],
        )
        for i in range(scores.shape[1])
    )


def _check_overlap(units: ExperimentUnits, rows: Codes, settings: UpliftConfig) -> None:
    counts = np.bincount(units.experiment.arm[rows], minlength=len(units.arms.labels))
    few = [f"{label!r} ({n})" for label, n in zip(units.arms.labels, counts, strict=True) if n < FEWEST_UNITS // 4]
    if few:
        raise FitError(
            f"the features tell so well who was in which arm that after trimming propensities below {settings.trim:g} "
            f"arms are left with few units: {', '.join(few)}",
            advice="there is no one to compare with: leave out features that decided the arm by rule, or compare only "
            "groups in which both happened",
        )


def _within(values: Floats, parts: Codes) -> Floats:
    """Return values less the mean of their part, plus the mean of all, shape (n, k - 1)."""
    counts = np.maximum(np.bincount(parts), 1)
    columns = [column - (np.bincount(parts, weights=column) / counts)[parts] + column.mean() for column in values.T]
    return np.column_stack(columns)


def joined(units: ExperimentUnits, *parts: tuple[Codes, Predicted]) -> Predicted:
    """Put the predictions of parts of the units back into the order of units."""
    found = {}
    for name in Predicted.__slots__:
        whole = np.empty((units.experiment.rows, getattr(parts[0][1], name).shape[1]))
        for rows, predicted in parts:
            whole[rows] = getattr(predicted, name)
        found[name] = whole
    return Predicted(**found)
