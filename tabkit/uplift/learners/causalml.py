"""CausalML's learners, with the regressions handed in; the result is kept without CausalML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tabkit.errors import ConfigError, FitError
from tabkit.extras import Later, require
from tabkit.frames import fresh_name
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners.learners import NAMES, Effects, Models, Name
from tabkit.uplift.regressor import Kind, Learn

if TYPE_CHECKING:
    from tabkit.uplift.learners import estimator
else:
    estimator = Later("tabkit.uplift.learners.estimator")


def fit_causalml(
    name: Name,
    features: pl.DataFrame,
    experiment: Experiment,
    *,
    learn: Learn,
    seed: int = 0,
    folds: int = 5,
) -> Effects:
    """Fit a learner of CausalML on n encoded rows.

    CausalML sees row numbers in place of features, so that names, types and nulls stay as they are. It is always told
    the propensity. Outcomes are regressed as what they are, so that a binary one gives probabilities: that is why the
    classes for regression are used whatever the outcome (`BaseTClassifier` and `BaseDRClassifier` take labels).

    Where it differs from `learners.fit`: its X-learner imputes effects of the rows that the outcome models saw, its
    DR-learner has three rotating parts and compares an arm with control among their units alone. Its R-learner pools
    the outcomes of all arms but compares pairs; it is therefore run arm by arm. It keeps no outcome by arm, so those
    models are learned beside it.

    Parameters
    ----------
    name
        ``s``, ``t``, ``x``, ``r`` or ``dr``.
    features
        n rows of numbers; null means missing.
    experiment
        Arms, outcomes and propensities of the same rows.
    learn
        Fits one regression.
    seed
        Draws the folds of R and the parts of DR.
    folds
        How many folds R has. DR always has three parts; the others have none.

    Raises
    ------
    ConfigError
        If the name is unknown, there are fewer than two folds, or units have clusters, which R and DR would divide.
    FitError
        If there are too few units of an arm, or some are all but certain to be treated.
    ImportError
        If CausalML is not installed.
    """
    if name not in NAMES:
        raise ConfigError(f"unknown learner {name!r}", advice=f"the learners are {', '.join(NAMES)}")
    if name in ("r", "dr") and experiment.clusters is not None:
        raise ConfigError(
            f"CausalML's learner {name!r} would divide clusters between its folds: it knows none",
            advice="use tabkit's own learner with folds that keep clusters together",
        )
    if name == "r" and folds < 2:
        raise ConfigError(f"{folds} folds; at least 2 were expected", advice="leave it at 5")
    _check(features, experiment, least=folds if name == "r" else 1)
    return _FITS[name](_Setting(features, experiment, learn, seed, folds))


@dataclass(frozen=True, slots=True, eq=False)
class _Setting:
    """What a learner of CausalML is run on."""

    features: pl.DataFrame
    experiment: Experiment
    learn: Learn
    seed: int
    folds: int

    def run(
        self, learner: str, /, *, options: Mapping[str, Any] | None = None, **regressions: estimator.Estimator
    ) -> Any:
        """Fit the class of that name; its arms are numbers, control 0, so that its order of arms is ours."""
        found, n = self.experiment, self.experiment.rows
        propensity = {arm: found.pairwise(arm) for arm in range(1, len(found.arms))}
        model = getattr(require("causalml.inference.meta", extra="uplift"), learner)(control_name=0, **regressions)
        for name, value in (options or {}).items():
            setattr(model, name, value)
        more = {"seed": self.seed} if learner == "BaseDRRegressor" else {}
        return model.fit(X=np.arange(n)[:, None], treatment=found.arm, y=found.outcome, p=propensity, **more)

    def outcome(self) -> estimator.Estimator:
        return self._regression(self.experiment.kind)

    def effect(self) -> estimator.Estimator:
        return self._regression("effect")

    def _regression(self, kind: Kind) -> estimator.Estimator:
        indicator = fresh_name("treated", self.features.columns)
        return estimator.Estimator(self.learn, self.features, kind, self.experiment.clusters, indicator)

    def of(self, *arms: int) -> _Setting:
        """Return the units of some arms, which are numbered anew."""
        found = self.experiment
        rows = np.flatnonzero(np.isin(found.arm, arms))
        propensity = found.propensity[np.ix_(rows, np.asarray(arms))]
        pair = Experiment(
            arms=tuple(found.arms[arm] for arm in arms),
            arm=np.searchsorted(arms, found.arm[rows]),
            outcome=found.outcome[rows],
            propensity=propensity / propensity.sum(axis=1, keepdims=True),
            kind=found.kind,
        )
        return _Setting(self.features[rows], pair, self.learn, self.seed, self.folds)


def _single(setting: _Setting) -> Effects:
    model = setting.run("BaseSRegressor", learner=setting.outcome())
    return Effects(
        "s", setting.experiment.treated, _alone(*model.models.values()), indicator=setting.outcome().indicator
    )


def _two(setting: _Setting) -> Effects:
    regressions = {name: setting.outcome() for name in ("control_learner", "treatment_learner")}
    model = setting.run("BaseTRegressor", **regressions)
    return Effects("t", setting.experiment.treated, _alone(model.model_c, *model.models_t.values()))


def _imputed(setting: _Setting) -> Effects:
    model = setting.run(
        "BaseXRegressor",
        control_outcome_learner=setting.outcome(),
        treatment_outcome_learner=setting.outcome(),
        control_effect_learner=setting.effect(),
        treatment_effect_learner=setting.effect(),
    )
    return Effects(
        "x",
        setting.experiment.treated,
        _alone(model.model_mu_c, *model.models_mu_t.values()),
        _alone(*model.models_tau_c.values()),
        _alone(*model.models_tau_t.values()),
    )


def _residual(setting: _Setting) -> Effects:
    arms = range(len(setting.experiment.arms))
    options = {"n_fold": setting.folds, "random_state": setting.seed, "cv_n_jobs": 1}
    effects = []
    for arm in arms[1:]:
        pair = setting.of(0, arm)
        regressions = {"outcome_learner": pair.outcome(), "effect_learner": pair.effect()}
        effects.append(_fitted(pair.run("BaseRRegressor", options=options, **regressions).models_tau.values()))
    alone = [setting.of(arm) for arm in arms]
    outcomes = [one.outcome().fit(np.arange(one.experiment.rows)[:, None], one.experiment.outcome) for one in alone]
    return Effects("r", setting.experiment.treated, _alone(*outcomes), tuple(effects))


def _doubly_robust(setting: _Setting) -> Effects:
    model = setting.run(
        "BaseDRRegressor",
        control_outcome_learner=setting.outcome(),
        treatment_outcome_learner=setting.outcome(),
        treatment_effect_learner=setting.effect(),
    )
    outcomes = [_fitted(part) for part in (model.models_mu_c, *model.models_mu_t.values())]
    effects = [_fitted(part) for part in model.models_tau.values()]
    return Effects("dr", setting.experiment.treated, tuple(outcomes), tuple(effects))


_FITS: Mapping[Name, Callable[[_Setting], Effects]] = {
    "s": _single,
    "t": _two,
    "x": _imputed,
    "r": _residual,
    "dr": _doubly_robust,
}


def _fitted(regressions: Iterable[estimator.Estimator]) -> Models:
    return tuple(regression.fitted_ for regression in regressions)


def _alone(*regressions: estimator.Estimator) -> tuple[Models, ...]:
    return tuple((fitted,) for fitted in _fitted(regressions))


def _check(features: pl.DataFrame, experiment: Experiment, *, least: int) -> None:
    """Refuse what CausalML would stumble over."""
    if features.height != experiment.rows:
        raise FitError(f"{features.height:,} rows of features; {experiment.rows:,} were expected")
    counts = np.bincount(experiment.arm, minlength=len(experiment.arms))
    few = [f"{arm!r} has {n}" for arm, n in zip(experiment.arms, counts, strict=True) if n < least]
    if few:
        raise FitError(f"each arm needs at least {least} units: {', '.join(few)}", advice="leave such arms out")
    certain = sum(int((experiment.pairwise(arm) > 1 - 1e-15).sum()) for arm in range(1, len(counts)))
    if certain:
        raise FitError(
            f"{certain:,} rows are all but certain to be treated, which CausalML refuses",
            advice="such units say nothing about control: leave them out, or trim them (--trim)",
        )
