"""Fit the members of an uplift model by cross-fitting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import polars as pl

from tabkit.encoding import TableEncoder
from tabkit.encoding.specification import table_encoder
from tabkit.progress import Progress
from tabkit.table import Table
from tabkit.target import TargetColumn
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.design.design import Arms
from tabkit.uplift.design.overlap import floored
from tabkit.uplift.ensemble.folds import folds_of
from tabkit.uplift.ensemble.member import Member, Predicted, propensity_of
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners import causalml, forests, learners, stacking
from tabkit.uplift.learners.boosted import regressions
from tabkit.uplift.learners.forest import Forest, ForestKind
from tabkit.uplift.learners.forests import ForestSettings
from tabkit.uplift.learners.learners import Effects, Models, Name
from tabkit.uplift.learners.plan import CrossFitting
from tabkit.uplift.regressor import Codes, Floats, Learn
from tabkit.uplift.scores import arm_scores, effect_scores


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentUnits:
    """The rows of an experiment, with their features and without.

    Parameters
    ----------
    table
        The rows, with roles.
    target
        The outcome, understood.
    arms
        The arms, understood.
    experiment
        The same rows as numbers; propensities are the shares of the design.
    """

    table: Table
    target: TargetColumn
    arms: Arms
    experiment: Experiment

    def take(self, rows: Codes) -> ExperimentUnits:
        """Return some of the units."""
        table = replace(self.table, frame=self.table.frame[rows])
        return replace(self, table=table, experiment=self.experiment.take(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Fitted members, and their predictions for the units that each did not see.

    Parameters
    ----------
    members
        The models.
    predicted
        Of the units of the fit, in their order, by the member that did not see them.
    parts
        Shape (n,): the number of that member.
    """

    members: tuple[Member, ...]
    predicted: Predicted
    parts: Codes


def fit_ensemble(units: ExperimentUnits, settings: UpliftConfig, *, progress: Progress) -> Ensemble:
    """Fit one member without each part of the units, and predict that part with it.

    Parameters
    ----------
    units
        All rows to learn from.
    settings
        How.
    progress
        Told of each member.
    """
    parts = folds_of(units.experiment, folds=settings.members, seed=settings.seed)
    fitted, told = [], []
    with progress.task("fitting members", total=settings.members) as advance:
        for k in range(settings.members):
            member = _fit_member(units.take(np.flatnonzero(parts != k)), settings, seed=settings.seed + k)
            own = np.flatnonzero(parts == k)
            fitted.append(member)
            alone = _alone(member) if settings.learner == "stack" else [member]
            told.append((own, [_predict(each, units.table.frame[own]) for each in alone]))
            advance(1)
    order = np.argsort(np.concatenate([own for own, _ in told]))
    if settings.learner != "stack":
        return Ensemble(tuple(fitted), _joined([each[0] for _, each in told], order), parts)
    weights = _weights(units, told, settings)
    members = tuple(_weighted(member, weights) for member in fitted)
    return Ensemble(members, _joined([_together(each, weights) for _, each in told], order), parts)


def predict_mean(members: Sequence[Member], frame: pl.DataFrame) -> tuple[Predicted, Floats]:
    """Return the mean of the members' predictions for new rows, and each member's effects, shape (m, n, k - 1)."""
    found = [_predict(member, frame) for member in members]
    effects = np.stack([each.effect for each in found])
    mean = Predicted(
        effect=effects.mean(axis=0),
        outcome=np.mean([each.outcome for each in found], axis=0),
        propensity=np.mean([each.propensity for each in found], axis=0),
    )
    return mean, effects


def _fit_member(units: ExperimentUnits, settings: UpliftConfig, *, seed: int) -> Member:
    experiment = units.experiment
    folds = folds_of(experiment, folds=settings.folds, seed=seed)
    encoder, features = _encoder(settings, seed).fit_transform(
        units.table.frame,
        target=units.target,
        exclude=[name for name in _left_out(units.table, settings) if name != units.target.name],
        arms=units.arms.column,
        folds=folds,
    )
    learn = regressions(outcomes=settings.outcomes, effects=settings.effects, seed=seed)
    plan = CrossFitting.crossfit(folds)
    shares = tuple(map(float, experiment.propensity.mean(axis=0)))
    models: tuple[Models, ...] = ()
    if settings.design == "observational":
        models, raw = _propensities(features, experiment, plan, learn)
        experiment = replace(experiment, propensity=floored(raw, trim=settings.trim))
    return Member(encoder, _learners(features, experiment, plan, learn, settings, seed=seed), models, shares)


def _learners(
    features: pl.DataFrame,
    experiment: Experiment,
    plan: CrossFitting,
    learn: Learn,
    settings: UpliftConfig,
    *,
    seed: int,
) -> tuple[tuple[Effects | Forest, tuple[float, ...]], ...]:
    """Fit what is asked for, and beside it a T-learner for its models of outcomes where better ones are needed.

    A forest has none. In an observational design the average effect hangs on them, so that those of X and DR, each
    fitted on part of the rows, and the S-learner's, which hold the treatment back, do not do.
    """
    full, none = ((share,) * len(experiment.treated) for share in (1.0, 0.0))
    if settings.learner in ("uplift_forest", "causal_forest"):
        kind: ForestKind = "uplift" if settings.learner == "uplift_forest" else "causal"
        grown = forests.fit_forest(kind, features, experiment, settings=ForestSettings(seed=seed))
        return ((grown, full), (learners.fit("t", features, experiment, learn=learn), none))
    names = learners.NAMES if settings.learner == "stack" else (cast("Name", settings.learner),)
    if settings.engine == "causalml":
        fitted = [causalml.fit_causalml(name, features, experiment, learn=learn, seed=seed) for name in names]
    else:
        fitted = list(learners.fit_many(names, features, experiment, learn=learn, plan=plan))
    found: list[tuple[Effects | Forest, tuple[float, ...]]] = [(each, full) for each in fitted]
    if settings.design == "observational" and settings.learner in ("s", "x", "dr"):
        found.append((learners.fit("t", features, experiment, learn=learn), none))
    return tuple(found)


def _left_out(table: Table, settings: UpliftConfig) -> list[str]:
    """Return the columns that are no features, of those that were read."""
    apart = [*settings.encoding.exclude, *([settings.policy] if settings.policy else [])]
    if settings.design == "observational":
        apart += settings.placebos  # what models balance by their making shows nothing
    return [*table.roles.given().values(), *(name for name in apart if name in table.frame.columns)]


def _encoder(settings: UpliftConfig, seed: int) -> TableEncoder:
    return table_encoder(settings.encoding, seed=seed)


def _propensities(
    features: pl.DataFrame, experiment: Experiment, plan: CrossFitting, learn: Learn
) -> tuple[tuple[Models, ...], Floats]:
    """Learn who was in which arm; return models on all rows, and each row's propensities by models without it."""
    raw = np.empty((experiment.rows, len(experiment.arms)))
    for fitted_on, spoken_about in plan.pairs:
        group = experiment.take(fitted_on)
        raw[spoken_about] = propensity_of(_by_arm(features[fitted_on], group, learn), (), features[spoken_about])
    return _by_arm(features, experiment, learn), raw


def _by_arm(features: pl.DataFrame, experiment: Experiment, learn: Learn) -> tuple[Models, ...]:
    """Learn each treated arm against all others."""
    given = [(experiment.arm == arm).astype(np.float64) for arm in range(1, len(experiment.arms))]
    return tuple((learn(features, each, kind="arm", groups=experiment.clusters),) for each in given)


def _predict(member: Member, frame: pl.DataFrame) -> Predicted:
    return member.predict(member.encoder.transform(frame))


def _alone(member: Member) -> list[Member]:
    """Return a member of each learner by itself."""
    ones = (1.0,) * len(member.shares[1:])
    return [replace(member, learners=((learner, ones),)) for learner, _ in member.learners]


def _weights(units: ExperimentUnits, told: Sequence[tuple[Codes, list[Predicted]]], settings: UpliftConfig) -> Floats:
    """Return the weight of each learner by treated arm, shape (learners, k - 1), from units that they never saw."""
    scores, effects = [], []
    for own, each in told:
        part = units.experiment.take(own)
        if settings.design == "observational":
            part = replace(part, propensity=floored(each[0].propensity, trim=settings.trim))
        outcome = np.mean([p.outcome for p in each], axis=0)
        # Parts are compared within: one that lies high by chance was left out by a member that lies low.
        own_scores, own_effects = effect_scores(arm_scores(part, outcome)), np.stack([p.effect for p in each], axis=-1)
        scores.append(own_scores - own_scores.mean(axis=0))
        effects.append(own_effects - own_effects.mean(axis=0))
    return stacking.weights(np.concatenate(effects), np.concatenate(scores))


def _weighted(member: Member, weights: Floats) -> Member:
    each = zip(member.learners, weights, strict=True)
    return replace(member, learners=tuple((learner, tuple(map(float, own))) for (learner, _), own in each))


def _together(each: list[Predicted], weights: Floats) -> Predicted:
    effect = np.sum([p.effect * own for p, own in zip(each, weights, strict=True)], axis=0)
    return Predicted(effect, np.mean([p.outcome for p in each], axis=0), each[0].propensity)


def _joined(parts: Sequence[Predicted], order: Codes) -> Predicted:
    columns = {name: np.concatenate([getattr(p, name) for p in parts])[order] for name in Predicted.__slots__}
    return Predicted(**columns)
