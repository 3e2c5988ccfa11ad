"""Update an uplift model with a further experiment: try the strategies, and keep what is significantly better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tabkit.errors import ConfigError, FitError
from tabkit.fingerprint import RowSample, row_texts
from tabkit.frames import Source
from tabkit.predictors.stored import stored
from tabkit.progress import Progress, Silent
from tabkit.updates import AUTO, KEEP, Comparison, Update, choose, pick, run_trials, shared
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.ensemble.calibrating import joined
from tabkit.uplift.ensemble.fit import ExperimentUnits
from tabkit.uplift.ensemble.member import Predicted
from tabkit.uplift.evaluation.evaluation import judge
from tabkit.uplift.metrics.clustered_errors import critical, mean_se
from tabkit.uplift.model import UpliftModel
from tabkit.uplift.regressor import Floats
from tabkit.uplift.scores import arm_scores, effect_scores
from tabkit.uplift.strategies import STRATEGIES, UpliftTask
from tabkit.uplift.units import Understood, balance_of, divide, refuse_imbalance, units_of

_METRIC = "squared error of effects"


@dataclass(frozen=True, slots=True, eq=False)
class UpliftUpdate(Update):
    """The report of an update of an uplift model; see `tabkit.updates.Update` for what all kinds share.

    A loss is the mean squared distance of doubly robust effect scores from predicted effects, summed over arms, less
    that of zero effects.
    """


def update(
    model: UpliftModel,
    source: Source,
    *,
    strategy: str = AUTO,
    progress: Progress | None = None,
) -> tuple[UpliftModel, UpliftUpdate]:
    """Update a model with the units of a further experiment, and judge it on those held out.

    ``calibrate`` learns the calibration anew and leaves trees alone; ``recalibrate``, ``refit`` and ``extend`` change
    every booster by the strategies of `tabkit.boosting`; ``retrain`` fits new members to the new units. Members are
    updated like they were fitted, each without one part of the new units. ``auto`` tries all, and uses the cheapest
    that surely helps: a dearer one must surely be better than it and than keeping the model, at a level divided by the
    number of tries.

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
    strategies = pick(STRATEGIES, strategy, model, what="an uplift model")
    settings, shown = stored(UpliftConfig, model.config), progress or Silent()
    units, prints = _new_units(model, source, settings)
    balance = balance_of(units, settings)
    refuse_imbalance(balance, units, settings)
    learn_rows, judge_rows = divide(units, settings)
    judged = units.take(judge_rows)
    with shown.task("updating", total=len(strategies)) as advance:
        tried = run_trials(
            strategies,
            [UpliftTask(model, units.take(learn_rows), settings, shown)],
            measure=lambda candidate, _: candidate.effect(judged.table.frame),
            needed=(strategy, KEEP),
            advance=advance,
        )
    predicted = {name: each for name, [each] in tried.measured.items()}
    choice = choose(_compared(predicted, judged, settings), tried.trials, asked=strategy)
    best, (mean, _) = tried.candidates[choice.strategy], predicted[choice.strategy]
    found = judge(
        units,
        joined(units, (learn_rows, best.ensemble.predicted), (judge_rows, mean)),
        best.calibrations,
        judge_rows,
        balance=balance,
        costs=np.array(model.decision.costs),
        settings=settings,
    )
    if settings.final == "all":
        used = next(each for each in strategies if each.name == choice.strategy)
        best = used.make(UpliftTask(model, units, settings, shown))
    report = UpliftUpdate(**shared(choice), rows=units.experiment.rows, judged_rows=len(judge_rows))
    renewed = replace(
        model,
        members=best.ensemble.members,
        calibrations=best.calibrations,
        decision=found.decision(),
        evaluation=found.to_dict(),
        lineage=_lineage(model, units, report),
        seen=RowSample.of(prints) if model.seen is None else model.seen.merge(RowSample.of(prints)),
        checksum=None,
        refused_rows=units.table.refused,
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


def _lineage(model: UpliftModel, units: ExperimentUnits, report: UpliftUpdate) -> dict[str, Any]:
    return {
        **model.lineage,
        "parent": model.checksum,
        "strategy": report.strategy,
        "source": units.table.short_name,
        "rows": report.rows,
        "rows_fit": report.rows - report.judged_rows,
        "rows_holdout": report.judged_rows,
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


def _compared(
    predicted: Mapping[str, tuple[Predicted, Floats]], judged: ExperimentUnits, settings: UpliftConfig
) -> Comparison:
    """Compare strategies on units that none learned from, by the same scores: those of the kept model's outcomes."""
    experiment, (kept, _) = judged.experiment, predicted[KEEP]
    scores = effect_scores(arm_scores(experiment, kept.outcome))
    nothing = (scores**2).sum(axis=1)
    losses = [((scores - effect) ** 2).sum(axis=1) for _, effect in predicted.values()]
    level = 1 - (1 - settings.level) / max(len(predicted) - 1, 1)
    wide = critical(level, experiment.clusters, rows=len(scores))

    def difference(new: int, old: int) -> tuple[float, float | None, float | None]:
        apart = losses[new] - losses[old]
        value = float(apart.mean())
        error = wide * mean_se(apart, experiment.clusters) if apart.std() > 0 else 0.0
        return (value, value - error, value + error) if error > 0 else (value, None, None)

    of_all = {name: float((loss - nothing).mean()) for name, loss in zip(predicted, losses, strict=True)}
    return Comparison(of_all, difference, _METRIC, settings.level)
