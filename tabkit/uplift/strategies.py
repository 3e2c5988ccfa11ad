"""The ways to bring an uplift model up to date, each a function of old model and new units, the cheapest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tabkit import boosting, splits
from tabkit.boosting import BoostedModel, Rows
from tabkit.errors import FitError
from tabkit.progress import Progress
from tabkit.updates import KEEP, Strategy
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.ensemble.calibrating import calibrations, joined
from tabkit.uplift.ensemble.fit import Ensemble, ExperimentUnits, fit_ensemble, predict_mean
from tabkit.uplift.ensemble.folds import folds_of
from tabkit.uplift.ensemble.member import Member, Predicted
from tabkit.uplift.learners.boosted import BoostedRegression
from tabkit.uplift.learners.forest import Forest
from tabkit.uplift.learners.renewal import renew
from tabkit.uplift.model import UpliftModel
from tabkit.uplift.regressor import Codes, Fitted, Floats, Kind

_DECAY = 0.5  # old and new leaves count alike: effects have too much noise to choose by
_TREES = 50  # early stopping ends sooner; more would be a new model


@dataclass(frozen=True, slots=True, eq=False)
class UpliftTask:
    """What candidates are made from: the model as it is, new units to learn from, and the settings of its training."""

    model: UpliftModel
    units: ExperimentUnits
    settings: UpliftConfig
    progress: Progress


@dataclass(frozen=True, slots=True, eq=False)
class UpliftCandidate:
    """Members as a strategy makes them, their calibrations, and in a few words how they were made."""

    ensemble: Ensemble
    calibrations: tuple[Any, ...]
    how: str = ""

    def effect(self, frame: pl.DataFrame) -> tuple[Predicted, Floats]:
        """Return the mean of the members' predictions, and their calibrated effects, shape (n, k - 1)."""
        mean, _ = predict_mean(self.ensemble.members, frame)
        return mean, np.column_stack([c(mean.effect[:, i]) for i, c in enumerate(self.calibrations)])


TreeChange = Callable[[BoostedModel, Rows, Kind, UpliftConfig], BoostedModel]
"""Changes the trees of a boosted regression by new rows."""


def kept(task: UpliftTask) -> UpliftCandidate:
    """Change nothing."""
    return UpliftCandidate(_ensemble(task, None), task.model.calibrations)


def calibrated(task: UpliftTask) -> UpliftCandidate:
    """Learn the calibrations anew."""
    return _changed(task, None, "calibration")


def retrained(task: UpliftTask) -> UpliftCandidate:
    """Fit new members to the new units alone."""
    ensemble = fit_ensemble(task.units, task.settings, progress=task.progress)
    return UpliftCandidate(ensemble, calibrations(task.units, ensemble, task.settings), "new units alone")


def _refitted(model: BoostedModel, rows: Rows, _: Kind, __: UpliftConfig) -> BoostedModel:
    return boosting.refit(boosting.recalibrate(model, rows, slope=False), rows, decay=_DECAY)


def _extended(model: BoostedModel, rows: Rows, kind: Kind, settings: UpliftConfig) -> BoostedModel:
    config = settings.effects if kind == "effect" else settings.outcomes
    config = config.model_copy(update={"objective": model.objective})
    held_out = splits.holdout(len(rows.y), share=0.2, seed=settings.seed)
    parts = [_part(rows, own) for own in (held_out.train, held_out.test)]
    return boosting.extend(model, *parts, config=config, trees=_TREES)


def _part(rows: Rows, own: Codes) -> Rows:
    return Rows(rows.features[own], rows.y[own], weight=None if rows.weight is None else rows.weight[own])


def _of_trees(name: str, change: TreeChange, how: str) -> Strategy[UpliftTask, UpliftCandidate]:
    return Strategy(name, lambda task: _changed(task, change, how), refusal=_forest)


def _forest(model: UpliftModel) -> str | None:
    """Say that nothing but forests predicts effects, whose trees stay."""
    used = [learner for learner, weights in model.members[0].learners if any(weights)]
    return "a forest's trees are not updated" if all(isinstance(learner, Forest) for learner in used) else None


STRATEGIES: tuple[Strategy[UpliftTask, UpliftCandidate], ...] = (
    Strategy(KEEP, kept),
    Strategy("calibrate", calibrated),
    _of_trees("recalibrate", lambda model, rows, *_: boosting.recalibrate(model, rows), "intercept and slope"),
    _of_trees("refit", _refitted, f"decay {_DECAY:g}"),
    _of_trees("extend", _extended, f"at most {_TREES} more trees for each model"),
    Strategy("retrain", retrained),
)
"""What an uplift model can be updated by, the cheapest first."""


def _changed(task: UpliftTask, change: TreeChange | None, how: str) -> UpliftCandidate:
    ensemble = _ensemble(task, change)
    return UpliftCandidate(ensemble, calibrations(task.units, ensemble, task.settings), how)


def _ensemble(task: UpliftTask, change: TreeChange | None) -> Ensemble:
    """Update each member without one part of the units, and let it predict that part."""
    units, members = task.units, task.model.members
    parts = folds_of(units.experiment, folds=len(members), seed=task.settings.seed)
    found, told = [], []
    for k, member in enumerate(members):
        rows, own = np.flatnonzero(parts != k), np.flatnonzero(parts == k)
        new = member if change is None else _renewed(member, units.take(rows), change, task.settings)
        found.append(new)
        told.append((own, new.predict(new.encoder.transform(units.table.frame[own]))))
    return Ensemble(tuple(found), joined(units, *told), parts)


def _renewed(member: Member, units: ExperimentUnits, change: TreeChange, settings: UpliftConfig) -> Member:
    features, experiment = member.encoder.transform(units.table.frame), units.experiment

    def regression(
        model: Fitted, features: pl.DataFrame, y: Floats, *, kind: Kind, weight: Floats | None = None
    ) -> Fitted:
        if not isinstance(model, BoostedRegression):
            raise FitError(f"a {type(model).__name__} cannot be updated", advice="hand in boosted trees")
        if model.model.trees == 0:
            return model  # it says that nothing was to be learned; retraining alone may say otherwise
        return replace(model, model=change(model.model, Rows(features, y, weight=weight), kind, settings))

    learners = tuple(
        (learner if isinstance(learner, Forest) else renew(learner, features, experiment, change=regression), weights)
        for learner, weights in member.learners
    )
    return replace(member, learners=learners)
