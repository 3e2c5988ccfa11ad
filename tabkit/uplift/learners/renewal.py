"""Update learners of effects with new units, using pseudo-outcomes of the old models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import polars as pl

from tabkit.errors import FitError
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners.learners import Effects, Models
from tabkit.uplift.regressor import Fitted, Floats, Kind
from tabkit.uplift.scores import arm_scores, effect_scores


class Change(Protocol):
    """A function that updates a fitted regression with new rows."""

    def __call__(
        self, model: Fitted, features: pl.DataFrame, y: Floats, *, kind: Kind, weight: Floats | None = None
    ) -> Fitted:
        """Return the new regression; see `tabkit.uplift.regressor.Learn` for the parameters."""
        ...


def renew(effects: Effects, features: pl.DataFrame, experiment: Experiment, *, change: Change) -> Effects:
    """Update every regression of a learner with the units of a further experiment.

    Models of outcomes learn the new outcomes of their arm. Models of effects learn pseudo-outcomes that the *old*
    models of outcomes give: those never saw the new units, so that no cross-fitting is needed.

    Parameters
    ----------
    effects
        The fitted learner; it is not changed.
    features
        n encoded rows of new units.
    experiment
        The same rows; its arms are those of the fit.
    change
        Changes one regression.

    Raises
    ------
    FitError
        If the arms are others, or an arm has no new units.
    """
    if experiment.treated != effects.treated:
        raise FitError(
            f"the new units are of arms {', '.join(map(repr, experiment.treated))}; the model knows "
            f"{', '.join(map(repr, effects.treated))}",
            advice="train a new model",
        )
    empty = set(range(len(experiment.arms))) - set(np.unique(experiment.arm).tolist())
    if empty:
        raise FitError(
            f"no new unit was in arm {', '.join(repr(experiment.arms[a]) for a in sorted(empty))}",
            advice="update with units of every arm",
        )
    news = _News(effects, features, experiment, change)
    outcomes = news.joint_outcomes() if effects.name == "s" else news.outcomes()
    of_control, of_treated = news.effects()
    return replace(effects, outcomes=outcomes, effects=of_control, effects_of_treated=of_treated)


@dataclass(frozen=True, slots=True, eq=False)
class _News:
    """New units, the learner that is to learn from them, and how."""

    learner: Effects
    features: pl.DataFrame
    experiment: Experiment
    change: Change

    def changed(self, models: Models, rows: np.ndarray, y: Floats, kind: Kind, weight: Floats | None = None) -> Models:
        own = self.features.filter(pl.Series(rows))
        mass = None if weight is None else weight[rows]
        return tuple(self.change(model, own, y[rows], kind=kind, weight=mass) for model in models)

    def outcomes(self) -> tuple[Models, ...]:
        found = self.experiment
        return tuple(
            self.changed(models, found.arm == arm, found.outcome, found.kind)
            for arm, models in enumerate(self.learner.outcomes)
        )

    def joint_outcomes(self) -> tuple[Models, ...]:
        """Change the S-learner's models, which take the treatment as a feature."""
        found, name = self.experiment, self.learner.indicator
        return tuple(
            replace(
                self, features=self.features.with_columns(pl.Series((found.arm == arm).astype(np.float64)).alias(name))
            ).changed(models, np.isin(found.arm, (0, arm)), found.outcome, found.kind)
            for arm, models in enumerate(self.learner.outcomes, start=1)
        )

    def effects(self) -> tuple[tuple[Models, ...], tuple[Models, ...]]:
        """Change the models of effects; those of S and T are none."""
        learner, experiment = self.learner, self.experiment
        if not learner.effects:
            return (), ()
        expected = learner.outcome(self.features)
        scores = effect_scores(arm_scores(experiment, expected))
        first, second = [], []
        for arm, models in enumerate(learner.effects, start=1):
            if learner.name == "dr":
                first.append(
                    self.changed(models, np.ones(experiment.rows, dtype=np.bool_), scores[:, arm - 1], "effect")
                )
            elif learner.name == "r":
                e = experiment.pairwise(arm)
                rest = (experiment.arm == arm) - e
                mean = e * expected[:, arm] + (1 - e) * expected[:, 0]
                among = np.isin(experiment.arm, (0, arm))
                first.append(self.changed(models, among, (experiment.outcome - mean) / rest, "effect", rest**2))
            else:
                control, treated = experiment.arm == 0, experiment.arm == arm
                first.append(self.changed(models, control, expected[:, arm] - experiment.outcome, "effect"))
                gained = experiment.outcome - expected[:, 0]
                second.append(self.changed(learner.effects_of_treated[arm - 1], treated, gained, "effect"))
        return tuple(first), tuple(second)
