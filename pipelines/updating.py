"""Bringing a model up to date: candidates are tried on the newest rows, and the cheapest that surely helps is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pipelines.ancestry import descends
from pipelines.candidates import CANDIDATES, Fresh, Task
from pipelines.config import TrainConfig, UpdateConfig
from pipelines.evaluation import MODEL, Evaluation, evaluate, measures_of
from pipelines.guards import check_rows, warnings_of
from pipelines.judging import Judged, Tried, judge
from pipelines.model import PropensityModel
from pipelines.rows import keys, labels
from tabkit.boosting import Choice
from tabkit.boosting.updatable import refusal
from tabkit.config import build
from tabkit.errors import ConfigError, FitError
from tabkit.frames import Source
from tabkit.progress import Progress, Silent
from tabkit.sketch import Sketch
from tabkit.table import Table, read

_PARENT = "parent"


@dataclass(frozen=True, slots=True, eq=False)
class UpdateReport:
    """What an update found.

    Parameters
    ----------
    strategy
        The one that was used.
    why
        In one sentence.
    candidates
        All that were tried, cheapest first.
    metric, level, unit
        The loss, and of its intervals the level and what was drawn.
    rows, judged_rows
        New rows, and how many of them were judged on.
    span
        First and last time of the new rows.
    warnings
        What a careful colleague would ask about these rows.
    """

    strategy: str
    why: str
    candidates: tuple[Tried, ...]
    metric: str
    level: float
    unit: str
    rows: int
    judged_rows: int
    span: tuple[str, str] | None
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def update(
    model: PropensityModel,
    source: Source,
    *,
    reference: Source | None = None,
    config: UpdateConfig | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> tuple[PropensityModel, UpdateReport]:
    """Bring a model up to date with new rows; the old one is not changed.

    The newest of the new rows are set aside, in blocks of time; candidates are made from the rows before each block and
    judged on it together. A dearer candidate must beat the cheaper ones by more than its uncertainty: keeping
    the model is a normal answer. What wins is then made again from all new rows.

    Parameters
    ----------
    model
        A fitted model.
    source
        New rows with the target: anything that `tabkit.frames.scan` takes.
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
    settings = config if isinstance(config, UpdateConfig) else build(UpdateConfig, config or {})
    training, shown = build(TrainConfig, dict(model.config)), progress or Silent()
    new = _read(model, source, settings)
    old = None if reference is None else _read(model, reference, settings)
    if settings.half_life_days is not None and model.roles.time is None:
        raise ConfigError(
            "half_life_days needs to know how old a row is", advice="train with a time role, or leave it out"
        )
    check_rows(model, new, settings)
    names = _names(model, settings)
    found = judge(model, new, old, names, training, settings, progress=shown)
    strategy = found.choice.winner if settings.strategy == "auto" else settings.strategy
    task = Task(model, new, old, training, settings, shown)
    fresh = CANDIDATES[strategy](task)
    report = UpdateReport(
        strategy=strategy,
        why=_why(strategy, found.choice, settings),
        candidates=found.tried,
        metric=found.choice.metric,
        level=found.choice.level,
        unit=found.how.unit,
        rows=new.frame.height,
        judged_rows=len(found.y),
        span=new.span(),
        warnings=tuple(warnings_of(model, new)),
    )
    return _updated(task, fresh, report, found, strategy), report


def _read(model: PropensityModel, source: Source, settings: UpdateConfig) -> Table:
    table = read(source, model.roles, exclude=(), drop_null_target=settings.drop_null_target)
    model.target.check(table.frame, what=table.name)
    model.encoder.schema.check(table.frame.schema)
    mean = model.lineage.get("weight_mean")
    if model.roles.weight is None or table.weight_mean is None or not mean:
        return table
    weight = table.frame[model.roles.weight] * (table.weight_mean / mean)  # counted as the old rows were
    return replace(table, frame=table.frame.with_columns(weight))


def _names(model: PropensityModel, settings: UpdateConfig) -> list[str]:
    if settings.strategy == "auto":
        return list(CANDIDATES)
    for way in ("recalibrate", "refit", "extend"):
        why = refusal(model.booster, way) if way in settings.strategy else None
        if why is not None:
            raise FitError(f"this model cannot be updated by {settings.strategy!r}: {why}", advice="retrain it")
    return list(dict.fromkeys(["keep", settings.strategy]))


def _why(strategy: str, choice: Choice, settings: UpdateConfig) -> str:
    if settings.strategy == "auto":
        return choice.why
    c = next(candidate for candidate in choice.candidates if candidate.name == strategy)
    if strategy == "keep":
        return "Keep: as asked for."
    sure = "a sure gain" if c.high < 0 else "a sure loss" if c.low > 0 else "no sure difference"
    return (
        f"{strategy.capitalize()}: as asked for. On the judging rows it changes {choice.metric} by {c.gain:+.4f} "
        f"({100 * choice.level:.3g}% interval {c.low:+.4f} to {c.high:+.4f}), {sure}."
    )


def _seen(task: Task) -> Sketch | None:
    found = keys(task.rows)
    return None if task.model.seen is None or found is None else task.model.seen.merge(Sketch.of(found))


def _updated(task: Task, fresh: Fresh, report: UpdateReport, found: Judged, strategy: str) -> PropensityModel:
    """Put the new model together; its metrics are those of the candidate on the rows it was judged on."""
    if strategy not in found.predictions:
        raise ConfigError(f"{strategy!r} was not judged")
    predictions = {MODEL: found.predictions[strategy]}
    if strategy != "keep":
        predictions[_PARENT] = found.predictions["keep"]
    evaluation: Evaluation = evaluate(
        found.y,
        predictions,
        measures=measures_of(task.training),
        weight=found.weight,
        span=found.span,
        how=found.how,
        ranked=_PARENT,
    )
    y = labels(task.rows, task.model.target)
    weight = task.rows.numbers("weight")
    is_class = task.model.target.task == "multiclass"
    lineage = {
        "strategy": strategy,
        "how": fresh.how,
        "source": task.rows.short_name,
        "rows": task.rows.frame.height,
        "span": list(found_span) if (found_span := task.rows.span()) else None,
        "target_mean": None if is_class else float(np.average(y, weights=weight)),
        "update": report.to_dict(),
        "hints": list(report.warnings),
    }
    return replace(
        task.model,
        encoder=fresh.encoder,
        booster=fresh.booster,
        evaluation=evaluation,
        lineage=descends(task.model, lineage),
        seen=_seen(task),
        checksum=None,
    )
