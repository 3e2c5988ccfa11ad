"""Update an uplift model with a further experiment: try the strategies, and keep what is significantly better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from tabkit import boosting, splits
from tabkit.boosting import BoostedModel, Rows
from tabkit.errors import ConfigError, FitError, TabkitError
from tabkit.fingerprint import RowSample, row_texts
from tabkit.frames import Source
from tabkit.predictors.stored import stored
from tabkit.progress import Progress, Silent
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.ensemble.calibrating import calibrations, joined
from tabkit.uplift.ensemble.fit import Ensemble, ExperimentUnits, fit_ensemble, predict_mean
from tabkit.uplift.ensemble.folds import folds_of
from tabkit.uplift.ensemble.member import Member, Predicted
from tabkit.uplift.evaluation.evaluation import judge
from tabkit.uplift.learners.boosted import BoostedRegression
from tabkit.uplift.learners.forest import Forest
from tabkit.uplift.learners.renewal import renew
from tabkit.uplift.metrics.clustered_errors import critical, mean_se
from tabkit.uplift.model import UpliftModel
from tabkit.uplift.regressor import Codes, Fitted, Floats, Kind
from tabkit.uplift.scores import arm_scores, effect_scores
from tabkit.uplift.units import Understood, balance_of, divide, refuse_imbalance, units_of

Strategy = Literal["auto", "keep", "calibrate", "recalibrate", "refit", "extend", "retrain"]
WAYS: tuple[Strategy, ...] = get_args(Strategy)[1:]
_DECAY = 0.5
_TREES = 50


@dataclass(frozen=True, slots=True)
class EffectTrial:
    """A strategy on new units that it did not learn from.

    Parameters
    ----------
    strategy
        Its name.
    loss
        The mean squared distance of doubly robust effect scores from predicted effects, summed over arms, less that of
        zero effects; smaller is better. None if it was refused.
    gain, low, high
        How much smaller the loss is than that of keeping the model, paired, with its interval; None for keep, and the
        ends where all units differ by the same.
    refused
        Why it is not possible.
    """

    strategy: Strategy
    loss: float | None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class UpliftUpdate:
    """What an update did.

    Parameters
    ----------
    strategy
        The one that was used.
    why
        A sentence.
    tried
        Every strategy that was tried.
    rows, judged_on
        New units, and how many of them judged.
    kept
        Whether the model is as it was.
    """

    strategy: Strategy
    why: str
    tried: tuple[EffectTrial, ...]
    rows: int
    judged_on: int
    kept: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def update(
    model: UpliftModel,
    source: Source,
    *,
    strategy: Strategy = "auto",
    progress: Progress | None = None,
) -> tuple[UpliftModel, UpliftUpdate]:
    """Learn from the units of a further experiment, and judge the model by those of them that it did not learn from.

    ``calibrate`` learns the calibration anew and leaves trees alone; ``recalibrate``, ``refit`` and ``extend`` change
    every booster by the strategies of `tabkit.boosting`; ``retrain`` fits new members to the new units. Members are
    updated like they were fitted, each without one part of the new units. ``auto`` tries all, and uses the best of
    those whose loss is surely smaller than that of keeping the model, at a level divided by the number of tries.

    Parameters
    ----------
    model
        A trained model; it is not changed.
    source
        New units, with treatment and outcome, of the same arms and design.
    strategy
        ``auto``, or the one to use.

    Returns
    -------
    model, update
        The new model, whose report is of the new units; and what was tried.

    Raises
    ------
    ConfigError
        If the strategy is unknown, or the design observational.
    TabkitError
        If the new units cannot be used; see `tabkit.uplift.units.units_of`.
    """
    if strategy not in get_args(Strategy):
        raise ConfigError(f"unknown strategy {strategy!r}", advice=f"choose {', '.join(get_args(Strategy))}")
    settings, shown = stored(UpliftConfig, model.config), progress or Silent()
    units, prints = _new_units(model, source, settings)
    balance = balance_of(units, settings)
    refuse_imbalance(balance, units, settings)
    learn_rows, judge_rows = divide(units, settings)
    judged = units.take(judge_rows)
    made, refused = _made_all(model, units.take(learn_rows), strategy, settings, progress=shown)
    tried = _compared(made, refused, judged, settings)
    chosen, why = _chosen(tried, strategy)
    best = made[chosen]
    mean, _ = predict_mean(best.ensemble.members, judged.table.frame)
    found = judge(
        units,
        joined(units, (learn_rows, best.ensemble.predicted), (judge_rows, mean)),
        best.calibrations,
        judge_rows,
        balance=balance,
        costs=np.array(model.decision.costs),
        settings=settings,
    )
    final = best if settings.final != "all" else _make(model, units, chosen, settings, progress=shown)
    report = UpliftUpdate(chosen, why, tried, units.experiment.rows, len(judge_rows), chosen == "keep")
    renewed = replace(
        model,
        members=final.ensemble.members,
        calibrations=final.calibrations,
        decision=found.decision(),
        evaluation=found.to_dict(),
        lineage=_lineage(model, units, report),
        seen=RowSample.of(prints) if model.seen is None else model.seen.merge(RowSample.of(prints)),
        checksum=None,
    )
    return renewed, report


def _new_units(model: UpliftModel, source: Source, settings: UpliftConfig) -> tuple[ExperimentUnits, pl.Series]:
    """Read the units and what they are known again by; refuse those that a model of this kind cannot learn from."""
    if settings.design != "randomised":
        raise ConfigError(
            "a model of an observational design is not updated: what decided who was contacted may have changed, "
            "which only a new fit learns",
            advice="train a new model on the new units, or on old and new ones together",
        )
    units = units_of(source, model.roles, settings, like=Understood(model.target, model.lineage.get("kind")))
    prints = row_texts(units.table.frame)
    _refuse_known(model, units, prints)
    if units.arms.labels != model.arms.labels:
        raise FitError(
            f"the new units are of arms {', '.join(map(repr, units.arms.labels))}; the model knows "
            f"{', '.join(map(repr, model.arms.labels))}",
            advice="train a new model",
        )
    return units, prints


def _made_all(
    model: UpliftModel, learned: ExperimentUnits, strategy: Strategy, settings: UpliftConfig, *, progress: Progress
) -> tuple[dict[Strategy, _Made], dict[Strategy, str]]:
    """Make what each strategy makes of the units; return that, and why others are not possible."""
    ways = WAYS if strategy == "auto" else tuple(dict.fromkeys(("keep", strategy)))
    made: dict[Strategy, _Made] = {}
    refused: dict[Strategy, str] = {}
    with progress.task("updating", total=len(ways)) as advance:
        for way in ways:
            try:
                made[way] = _make(model, learned, way, settings, progress=progress)
            except TabkitError as error:
                if way == strategy:
                    raise
                refused[way] = str(error.problem)
            advance(1)
    return made, refused


def _lineage(model: UpliftModel, units: ExperimentUnits, report: UpliftUpdate) -> dict[str, Any]:
    return {
        **model.lineage,
        "parent": model.checksum,
        "strategy": report.strategy,
        "source": units.table.short_name,
        "rows": report.rows,
        "rows_fit": report.rows - report.judged_on,
        "rows_holdout": report.judged_on,
        "span": list(span) if (span := units.table.span()) else None,
        "update": report.to_dict(),
    }


def _refuse_known(model: UpliftModel, units: ExperimentUnits, prints: pl.Series) -> None:
    """Refuse units that the model was made from; without an id, as many alike as chance brings are let pass."""
    known = 0.0 if model.seen is None else model.seen.overlap(prints)
    alike = 1 - prints.n_unique() / len(prints)
    if known > (0.0 if model.roles.id is not None else 0.05 + 2 * alike):
        raise FitError(
            f"about {100 * max(known, 0.01):.0f} % of the {units.experiment.rows:,} units were there when the model "
            "was made: judged by units that it knows, any ranking looks usable",
            advice="give new units only",
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """Members as a strategy makes them, and their calibrations."""

    ensemble: Ensemble
    calibrations: tuple[Any, ...]

    def effect(self, frame: pl.DataFrame) -> tuple[Predicted, Floats]:
        mean, _ = predict_mean(self.ensemble.members, frame)
        return mean, np.column_stack([c(mean.effect[:, i]) for i, c in enumerate(self.calibrations)])


def _make(
    model: UpliftModel, units: ExperimentUnits, way: Strategy, settings: UpliftConfig, *, progress: Progress
) -> _Made:
    if way == "retrain":
        ensemble = fit_ensemble(units, settings, progress=progress)
        return _Made(ensemble, calibrations(units, ensemble, settings))
    ensemble = _ensemble(model.members, units, way, settings)
    if way == "keep":
        return _Made(ensemble, model.calibrations)
    return _Made(ensemble, calibrations(units, ensemble, settings))


def _ensemble(members: Sequence[Member], units: ExperimentUnits, way: Strategy, settings: UpliftConfig) -> Ensemble:
    """Update each member without one part of the units, and let it predict that part."""
    parts = folds_of(units.experiment, folds=len(members), seed=settings.seed)
    found, told = [], []
    for k, member in enumerate(members):
        rows = np.flatnonzero(parts != k)
        new = member if way in ("keep", "calibrate") else _renewed(member, units.take(rows), way, settings)
        own = np.flatnonzero(parts == k)
        found.append(new)
        told.append((own, new.predict(new.encoder.transform(units.table.frame[own]))))
    return Ensemble(tuple(found), joined(units, *told), parts)


def _renewed(member: Member, units: ExperimentUnits, way: Strategy, settings: UpliftConfig) -> Member:
    features = member.encoder.transform(units.table.frame)
    experiment = units.experiment
    change = _Change(way, settings)
    learners = tuple(
        (learner if isinstance(learner, Forest) else renew(learner, features, experiment, change=change), weights)
        for learner, weights in member.learners
    )
    if all(isinstance(learner, Forest) for learner, weights in learners if any(weights)):
        raise FitError("a forest's trees are not updated", advice="use calibrate or retrain")
    return replace(member, learners=learners)


@dataclass(frozen=True, slots=True)
class _Change:
    """Changes a boosted regression by one of `tabkit.boosting`'s strategies."""

    way: Strategy
    settings: UpliftConfig

    def __call__(
        self, model: Fitted, features: pl.DataFrame, y: Floats, *, kind: Kind, weight: Floats | None = None
    ) -> Fitted:
        if not isinstance(model, BoostedRegression):
            raise FitError(f"a {type(model).__name__} cannot be updated", advice="hand in boosted trees")
        if model.model.trees == 0:
            return model  # it says that nothing was to be learned; retraining alone may say otherwise
        return replace(model, model=self._changed(model.model, Rows(features, y, weight=weight), kind))

    def _changed(self, model: BoostedModel, rows: Rows, kind: Kind) -> BoostedModel:
        if self.way == "recalibrate":
            return boosting.recalibrate(model, rows)
        if self.way == "refit":
            return boosting.refit(boosting.recalibrate(model, rows, slope=False), rows, decay=_DECAY)
        config = self.settings.effects if kind == "effect" else self.settings.outcomes
        config = config.model_copy(update={"objective": model.objective})
        held_out = splits.holdout(len(rows.y), share=0.2, seed=self.settings.seed)
        parts = [_part(rows, own) for own in (held_out.train, held_out.test)]
        return boosting.extend(model, *parts, config=config, trees=_TREES)


def _part(rows: Rows, own: Codes) -> Rows:
    return Rows(rows.features[own], rows.y[own], weight=None if rows.weight is None else rows.weight[own])


def _compared(
    made: Mapping[Strategy, _Made], refused: Mapping[Strategy, str], judged: ExperimentUnits, settings: UpliftConfig
) -> tuple[EffectTrial, ...]:
    """Compare strategies on units that none learned from, by the same scores: those of the kept model's outcomes."""
    kept, _ = made["keep"].effect(judged.table.frame)
    experiment = judged.experiment
    scores = effect_scores(arm_scores(experiment, kept.outcome))
    losses = {way: ((scores - each.effect(judged.table.frame)[1]) ** 2).sum(axis=1) for way, each in made.items()}
    nothing = (scores**2).sum(axis=1)
    level = 1 - (1 - settings.level) / max(len(made) - 1, 1)
    wide = critical(level, experiment.clusters, rows=len(scores))
    found = []
    for way, loss in losses.items():
        if way == "keep":
            found.append(EffectTrial(way, float((loss - nothing).mean())))
            continue
        gains = losses["keep"] - loss
        gain = float(gains.mean())
        error = wide * mean_se(gains, experiment.clusters) if gains.std() > 0 else 0.0
        ends = (gain - error, gain + error) if error > 0 else (None, None)  # without a width it is no evidence
        found.append(EffectTrial(way, float((loss - nothing).mean()), gain, *ends))
    return tuple(found) + tuple(EffectTrial(way, None, refused=why) for way, why in refused.items())


def _chosen(tried: Sequence[EffectTrial], strategy: Strategy) -> tuple[Strategy, str]:
    if strategy != "auto":
        return strategy, "it was asked for"
    sure = [each for each in tried if each.low is not None and each.low > 0]
    if not sure:
        return "keep", "nothing is surely better than the model as it is"
    best = max(sure, key=lambda each: each.gain or 0.0)
    return best.strategy, "of what is surely better than keeping the model, it has the smallest loss"
