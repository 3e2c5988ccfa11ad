"""Learners of effects: S, T, X, R and DR, from regressions that are handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import polars as pl

from tabkit.errors import ConfigError, FitError
from tabkit.frames import fresh_name
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners.plan import CrossFitting
from tabkit.uplift.regressor import Codes, Fitted, Floats, Learn
from tabkit.uplift.scores import arm_scores, effect_scores

Name = Literal["s", "t", "x", "r", "dr"]
NAMES: tuple[Name, ...] = get_args(Name)
Models = tuple[Fitted, ...]
"""Models whose mean prediction counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """A fitted learner.

    Parameters
    ----------
    name
        Which learner.
    treated
        The arms beside control, in the order of the columns of `effect`.
    outcomes
        By arm, control first: models of the outcome under that arm. Of an S-learner, models by treated arm that take
        the indicator `indicator` as a feature.
    effects
        By treated arm: models of the effect. Of an X-learner pairs, learned on control and on treated units. None for
        S and T, whose effects are differences of outcomes.
    indicator
        The name of the S-learner's extra feature.
    """

    name: Name
    treated: tuple[str, ...]
    outcomes: tuple[Models, ...]
    effects: tuple[Models, ...] = ()
    effects_of_treated: tuple[Models, ...] = ()
    indicator: str = ""

    def outcome(self, features: pl.DataFrame) -> Floats:
        """Return the expected outcome under each arm, control first, shape (n, k)."""
        if self.name != "s":
            return np.column_stack([_mean(models, features) for models in self.outcomes])
        without = _with(features, self.indicator, 0.0)
        control = np.mean([_mean(models, without) for models in self.outcomes], axis=0)[:, None]
        return np.hstack([control, control + self.effect(features)])

    def effect(self, features: pl.DataFrame, *, propensity: Floats | None = None) -> Floats:
        """Return the effect of each treated arm, shape (n, k - 1), in the unit of the outcome.

        Parameters
        ----------
        propensity
            Shape (n, k); the X-learner weighs its two models with it.
        """
        if self.name == "s":
            without, given = (_with(features, self.indicator, value) for value in (0.0, 1.0))
            return np.column_stack([_mean(models, given) - _mean(models, without) for models in self.outcomes])
        if self.name == "t":
            outcome = self.outcome(features)
            return np.asarray(outcome[:, 1:] - outcome[:, [0]])
        own = np.column_stack([_mean(models, features) for models in self.effects])
        if self.name != "x":
            return own
        if propensity is None:
            raise ConfigError("an X-learner needs the propensity of each row", advice="hand in its shares by arm")
        if propensity.shape != (features.height, len(self.treated) + 1):
            raise ConfigError(
                f"the propensity has shape {propensity.shape}; {features.height} rows and {len(self.treated) + 1} arms "
                "were expected",
                advice="hand in one for each row and arm, control first",
            )
        among = propensity[:, 1:] / (propensity[:, 1:] + propensity[:, [0]])
        of_treated = np.column_stack([_mean(models, features) for models in self.effects_of_treated])
        return np.asarray(among * own + (1 - among) * of_treated)


def fit(
    name: Name,
    features: pl.DataFrame,
    experiment: Experiment,
    *,
    learn: Learn,
    plan: CrossFitting | None = None,
) -> Effects:
    """Fit a learner on n encoded rows.

    S and T take differences of outcome models (Kunzel, Sekhon, Bickel and Yu 2019, equations 1 to 3), X learns imputed
    effects (ibid., equations 4 to 6), R minimises the R-loss (Nie and Wager 2021, equation 5) and DR regresses doubly
    robust scores (Kennedy 2023, algorithm 1). Of several arms each is compared with control; DR learns from all rows.

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
    plan
        Which rows nuisances are learned on; X, R and DR need one (see `CrossFitting.crossfit`), S and T have none.

    Raises
    ------
    ConfigError
        If the name is unknown, or a plan is missing.
    """
    return fit_many([name], features, experiment, learn=learn, plan=plan)[0]


def fit_many(
    names: Sequence[str],
    features: pl.DataFrame,
    experiment: Experiment,
    *,
    learn: Learn,
    plan: CrossFitting | None = None,
) -> tuple[Effects, ...]:
    """Fit several learners on the same rows, in the order of `names`; models that they share are fitted once.

    Parameters and errors are those of `fit`.
    """
    _check_rows(features, experiment, plan)
    unknown = [name for name in names if name not in _FITS]
    if unknown:
        raise ConfigError(f"unknown learner {unknown[0]!r}", advice=f"the learners are {', '.join(NAMES)}")
    needy = [name for name in names if name not in ("s", "t")]
    if needy and plan is None:
        raise ConfigError(
            f"learner {needy[0]!r} needs a plan of cross-fitting", advice="hand in plan=Plan.crossfit(folds)"
        )
    shared = _Shared(_Rows(features, experiment, learn), plan or CrossFitting(()))
    return tuple(_FITS[name](shared) for name in names)


def _check_rows(features: pl.DataFrame, experiment: Experiment, plan: CrossFitting | None) -> None:
    if features.height != experiment.rows:
        raise FitError(
            f"there are {features.height:,} rows of features and {experiment.rows:,} units",
            advice="hand in the same rows, in one order",
        )
    for what, rows in [("the rows", None), *(("a part of the plan", own) for own, _ in (plan.pairs if plan else ()))]:
        arm = experiment.arm if rows is None else experiment.arm[rows]
        counts = np.bincount(arm, minlength=len(experiment.arms))
        empty = [repr(label) for label, n in zip(experiment.arms, counts, strict=True) if n == 0]
        if empty:
            raise FitError(
                f"{what} to learn from hold no unit of arm {', '.join(empty)}",
                advice="use more rows or fewer folds, or leave the arm out of the experiment",
            )
    if plan is not None and plan.pairs:
        told = np.sort(np.concatenate([held for _, held in plan.pairs]))
        if plan.pooled and not np.array_equal(told, np.arange(experiment.rows)):
            raise FitError("the plan does not speak about each row once", advice="make it of folds of these rows")


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows to fit on, and what fits."""

    features: pl.DataFrame
    experiment: Experiment
    learn: Learn

    def take(self, rows: Codes) -> _Rows:
        return _Rows(self.features[rows], self.experiment.take(rows), self.learn)

    def of(self, *arms: int) -> _Rows:
        return self.take(np.flatnonzero(np.isin(self.experiment.arm, arms)))

    def outcomes(self) -> tuple[Fitted, ...]:
        """Fit the outcome of each arm."""
        return tuple(self.of(a).outcome() for a in range(len(self.experiment.arms)))

    def outcome(self) -> Fitted:
        """Fit the outcome over all rows."""
        found = self.experiment
        return self.learn(self.features, found.outcome, kind=found.kind, groups=found.clusters)

    def effect(self, pseudo: Floats, weight: Floats | None = None) -> Fitted:
        return self.learn(self.features, pseudo, kind="effect", weight=weight, groups=self.experiment.clusters)


@dataclass(frozen=True, eq=False)
class _Shared:
    """Rows with a plan, and the outcome models that several learners need."""

    rows: _Rows
    plan: CrossFitting

    @cached_property
    def outcomes(self) -> tuple[Models, ...]:
        """By arm: one model on all rows of that arm."""
        return _by_arm([self.rows.outcomes()])

    @cached_property
    def crossed(self) -> _Crossed:
        """Outcome models of each pair of the plan, and what they expect."""
        return _crossed(self.rows, self.plan)


def _single(shared: _Shared) -> Effects:
    rows, found = shared.rows, shared.rows.experiment
    indicator = fresh_name("treated", rows.features.columns)
    models = []
    for arm in range(1, len(found.arms)):
        pair = rows.of(0, arm)
        own = _with(pair.features, indicator, (pair.experiment.arm == arm).astype(np.float64))
        models.append((_Rows(own, pair.experiment, rows.learn).outcome(),))
    return Effects("s", found.treated, tuple(models), indicator=indicator)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What an effect model is to learn: pseudo-outcomes of some rows, and their weights."""

    rows: Codes
    pseudo: Floats
    weight: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Crossed:
    """Outcome models by arm, and by pair of the plan the rows spoken about with what is expected of each arm."""

    models: tuple[Models, ...]
    told: tuple[tuple[Codes, Floats], ...]


def _crossed(rows: _Rows, plan: CrossFitting) -> _Crossed:
    models, told = [], []
    for fitted_on, spoken_about in plan.pairs:
        found = rows.take(fitted_on).outcomes()
        models.append(found)
        features = rows.features[spoken_about]
        told.append((spoken_about, np.column_stack([model.predict(features) for model in found])))
    return _Crossed(_by_arm(models), tuple(told))


def _imputed(shared: _Shared) -> Effects:
    """X: impute the outcome that was not seen, and learn the effects among control and among treated units."""
    rows, plan, crossed = shared.rows, shared.plan, shared.crossed
    arm_of, y = rows.experiment.arm, rows.experiment.outcome
    of_control, of_treated = [], []
    for arm in range(1, len(rows.experiment.arms)):
        control, treated = [], []
        for held, expected in crossed.told:
            first, second = (arm_of[held] == side for side in (0, arm))
            control.append(_Part(held[first], expected[first, arm] - y[held[first]]))
            treated.append(_Part(held[second], y[held[second]] - expected[second, 0]))
        of_control.append(_effects(rows, control, pooled=plan.pooled))
        of_treated.append(_effects(rows, treated, pooled=plan.pooled))
    return Effects("x", rows.experiment.treated, crossed.models, tuple(of_control), tuple(of_treated))


def _residual(shared: _Shared) -> Effects:
    """R: residuals of the outcome over those of the treatment, weighted by the latter squared."""
    rows, plan = shared.rows, shared.plan
    effects, experiment = [], rows.experiment
    for arm in range(1, len(experiment.arms)):
        among, parts = np.isin(experiment.arm, (0, arm)), []
        for fitted_on, spoken_about in plan.pairs:
            own, held = fitted_on[among[fitted_on]], spoken_about[among[spoken_about]]
            model = rows.take(own).outcome()
            rest = (experiment.arm[held] == arm) - experiment.pairwise(arm)[held]
            parts.append(_Part(held, (experiment.outcome[held] - model.predict(rows.features[held])) / rest, rest**2))
        effects.append(_effects(rows, parts, pooled=plan.pooled))
    return Effects("r", experiment.treated, shared.outcomes, tuple(effects))


def _doubly_robust(shared: _Shared) -> Effects:
    """DR: regress doubly robust scores."""
    rows, plan, crossed = shared.rows, shared.plan, shared.crossed
    scored = [
        (held, effect_scores(arm_scores(rows.experiment.take(held), expected))) for held, expected in crossed.told
    ]
    effects = tuple(
        _effects(rows, [_Part(held, scores[:, arm]) for held, scores in scored], pooled=plan.pooled)
        for arm in range(len(rows.experiment.treated))
    )
    return Effects("dr", rows.experiment.treated, crossed.models, effects)


_FITS: Mapping[str, Callable[[_Shared], Effects]] = {
    "s": _single,
    "t": lambda shared: Effects("t", shared.rows.experiment.treated, shared.outcomes),
    "x": _imputed,
    "r": _residual,
    "dr": _doubly_robust,
}


def _effects(rows: _Rows, parts: Sequence[_Part], *, pooled: bool) -> Models:
    """Learn pseudo-outcomes: all together, in the order of the rows, or part by part."""
    if not pooled:
        return tuple(rows.take(part.rows).effect(part.pseudo, part.weight) for part in parts)
    order = np.argsort(own := np.concatenate([part.rows for part in parts]), kind="stable")
    pseudo = np.concatenate([part.pseudo for part in parts])[order]
    weights = [part.weight for part in parts if part.weight is not None]
    return (rows.take(own[order]).effect(pseudo, np.concatenate(weights)[order] if weights else None),)


def _by_arm(models: Sequence[tuple[Fitted, ...]]) -> tuple[Models, ...]:
    """Turn fits by pair of the plan into fits by arm."""
    return tuple(zip(*models, strict=True))


def _mean(models: Models, features: pl.DataFrame) -> Floats:
    found = [model.predict(features) for model in models]
    return found[0] if len(found) == 1 else np.asarray(np.mean(found, axis=0))


def _with(features: pl.DataFrame, name: str, value: float | Floats) -> pl.DataFrame:
    values = pl.lit(value) if isinstance(value, float) else pl.Series(value)
    return features.with_columns(values.alias(name))
