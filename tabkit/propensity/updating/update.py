"""Update a model: try candidates on the newest rows, and use the cheapest that is significantly better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tabkit.config import build, settings_of
from tabkit.errors import ConfigError
from tabkit.fingerprint import RowSample
from tabkit.frames import Source
from tabkit.lineage import descends
from tabkit.predictors.features import keys
from tabkit.predictors.stored import accepted, stored
from tabkit.progress import Progress, Silent
from tabkit.propensity.config import TrainConfig, UpdateConfig
from tabkit.propensity.evaluation import MODEL, Evaluation, evaluate, measures_of
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.new_rows import joined, older, read_rows, training_summary
from tabkit.propensity.updating.candidates import Candidate, UpdateTask
from tabkit.propensity.updating.checks import check_rows, warnings_of
from tabkit.propensity.updating.doubts import flattered
from tabkit.propensity.updating.level import Moved, alarm, expected, moved_levels
from tabkit.propensity.updating.strategies import strategies_of
from tabkit.propensity.updating.trials import Month, ScoredTrial, UpdateTrials, judge
from tabkit.table import Table, labels
from tabkit.updates import AUTO, KEEP, Update, pick, shared

_PARENT = "parent"


@dataclass(frozen=True, slots=True, eq=False)
class UpdateReport(Update):
    """The report of an update of a propensity model; see `tabkit.updates.Update` for what all kinds share.

    Parameters
    ----------
    unit, note
        Of the intervals what was drawn, and in a sentence what that takes for granted.
    span
        First and last time of the new rows.
    warnings
        What a careful colleague would ask about these rows.
    alarms
        What must be seen first: a level of the target that surely moved, and the cheapest remedy.
    moved
        The levels behind that.
    months
        Of snapshots, how each candidate made from those before did on each, oldest first.
    """

    candidates: tuple[ScoredTrial, ...]
    unit: str
    span: tuple[str, str] | None
    warnings: tuple[str, ...]
    note: str = ""
    alarms: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()
    months: tuple[Month, ...] = ()


def update(
    model: PropensityModel,
    source: Source,
    *,
    strategy: str | None = None,
    reference: Source | None = None,
    config: UpdateConfig | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> tuple[PropensityModel, UpdateReport]:
    """Update a model with new rows; the old model is not changed.

    The newest of the new rows are set aside, in blocks of time; candidates are made from the rows before each block and
    judged on it together. A dearer candidate must beat the cheaper ones by more than its uncertainty: keeping
    the model is a normal answer. What wins is then made again from all new rows.

    Parameters
    ----------
    model
        A fitted model.
    source
        New rows with the target: anything that `tabkit.frames.scan` takes.
    strategy
        The one to use, in place of that of the settings, which is ``auto``: the one that surely helps.
    reference
        Older rows that a retraining may use too.
    config
        Settings; a mapping is validated.
    progress
        Is told how far the work is.

    Raises
    ------
    TabkitError
        If the rows cannot be used, or the strategy that was asked for does not suit the model.
    """
    settings = _asked(settings_of(UpdateConfig, config), strategy)
    strategies = pick(strategies_of(model), settings.strategy, model, what=model.learner.noun)
    model.learner.check_there(stored(TrainConfig, model.config))
    training, shown = _training(model, settings), progress or Silent()
    new = read_rows(model, source, drop_null_target=settings.drop_null_target)
    check_rows(model, new, settings)
    old, remarks = None, _left_out(new)
    if reference is not None:
        old, more = older(read_rows(model, reference, drop_null_target=settings.drop_null_target), new)
        remarks += more
    found = judge(model, new, old, strategies, training, settings, progress=shown)
    strategy = found.choice.strategy
    task = UpdateTask(model, new, old, training, settings, shown)
    candidate = next(each for each in strategies if each.name == strategy).make(task)
    moved = moved_levels(model, new)
    report = UpdateReport(
        **shared(found.choice),
        unit=found.how.unit,
        note=found.how.note,
        rows=new.frame.height,
        judged_rows=len(found.y),
        span=new.span(),
        warnings=(*found.remarks, *warnings_of(model, new), *remarks),
        alarms=(
            *(alarm(each, model, strategy, expected(each, model, found, strategy)) for each in moved[:1]),
            *flattered(model, new, found, strategy, training),
        ),
        moved=moved,
        months=found.months,
    )
    return _updated(task, candidate, report, found), report


def _asked(settings: UpdateConfig, strategy: str | None) -> UpdateConfig:
    """Take the strategy that is named beside the settings for theirs, and a `freeze` for a wish to fine-tune."""
    if strategy is not None:
        settings = build(type(settings), {**settings.model_dump(exclude_unset=True), "strategy": strategy})
    if settings.freeze is None:
        return settings
    if settings.strategy not in (AUTO, "fine_tune"):
        raise ConfigError(f"freeze is a setting of fine_tune, not of {settings.strategy}", advice="leave it out")
    return settings.model_copy(update={"strategy": "fine_tune"})


def _training(model: PropensityModel, settings: UpdateConfig) -> TrainConfig:
    """Return the settings of the model's training; refuse those of this update that would change nothing."""
    if settings.half_life_days is not None and model.roles.time is None:
        raise ConfigError(
            "half_life_days needs to know how old a row is", advice="train with a time role, or leave it out"
        )
    refits = any(strategy.name == "refit" for strategy in strategies_of(model))
    if settings.decay is not None and not (refits and settings.strategy in (AUTO, "refit", "refit_extend")):
        what = settings.strategy if refits else model.learner.noun
        raise ConfigError(f"decay is a setting of refit, not of {what}", advice="leave it out")
    training = stored(TrainConfig, model.config)
    if settings.num_threads is None:
        return training
    parts = {"boosting": training.boosting, "neural": training.neural}
    threads = {"num_threads": settings.num_threads}
    return training.model_copy(update={name: part.model_copy(update=threads) for name, part in parts.items()})


def _left_out(table: Table) -> list[str]:
    return [f"{count:,} rows were left out: {why}." for why, count in table.dropped.items() if count]


def _learned(task: UpdateTask, strategy: str) -> tuple[dict[str, Any] | None, RowSample | None]:
    """Return what the new model remembers of the rows it was made from; who keeps the model has learned nothing."""
    before, model = task.model.lineage.get("known"), task.model
    if strategy == KEEP:
        return before, model.seen
    now, found = training_summary(task.rows, model.target), keys(task.rows)
    seen = None if found is None else RowSample.of(found)
    if strategy != "retrain":
        return joined(before, now), None if seen is None or model.seen is None else model.seen.merge(seen)
    if task.reference is not None:
        now = joined(training_summary(task.reference, model.target), now)
        old = keys(task.reference)
        seen = seen if seen is None or old is None else seen.merge(RowSample.of(old))
    return now, seen


def _updated(task: UpdateTask, candidate: Candidate, report: UpdateReport, found: UpdateTrials) -> PropensityModel:
    """Put the new model together; its metrics are those of the candidate on the rows it was judged on."""
    strategy = report.strategy
    predictions = {MODEL: found.predictions[strategy]}
    if not report.kept:
        predictions[_PARENT] = found.predictions[KEEP]
    evaluation: Evaluation = evaluate(
        found.y,
        predictions,
        measures=measures_of(task.training),
        weight=found.weight,
        span=found.rows.span(),
        how=found.how,
        ranked=_PARENT,
    )
    known, seen = _learned(task, strategy)
    y, is_class = labels(task.rows, task.model.target), task.model.target.task == "multiclass"
    lineage = {
        "strategy": strategy,
        "how": candidate.how,
        "source": task.rows.short_name,
        "rows": task.rows.frame.height,
        "span": list(found_span) if (found_span := task.rows.span()) else None,
        "target_mean": None if is_class else float(np.average(y, weights=task.rows.numbers("weight"))),
        "known": known,
        "update": report.to_dict(),
        "hints": [*report.alarms, *report.warnings],
    }
    return replace(
        task.model,
        encoder=candidate.encoder,
        predictor=candidate.predictor,
        evaluation=evaluation,
        config=accepted(task.model.config) if strategy == "retrain" else task.model.config,
        lineage=descends(task.model.lineage, lineage, checksum=task.model.checksum),
        seen=seen,
        checksum=None,
        refused_rows=task.rows.refused,
    )
