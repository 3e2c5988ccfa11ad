"""The ways to bring a model up to date, each a function of old model and new rows that gives encoder and booster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipelines.config import TrainConfig, UpdateConfig
from pipelines.model import PropensityModel
from pipelines.rows import fit_encoder, labels, rates, with_features
from tabkit import boosting, splits
from tabkit.boosting import BoostedModel, Rows, extend, recalibrate, refit
from tabkit.boosting.objective import loss, named
from tabkit.encoding import FittedTable
from tabkit.errors import FitError
from tabkit.frames import fresh_name
from tabkit.progress import Progress
from tabkit.table import Table

_DECAYS = (0.9, 0.7, 0.5)
_EVIDENCES = (3.0, 1.0, 0.3)
_INNER = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Fresh:
    """A candidate: what would replace encoder and booster, and in a few words how it was made."""

    encoder: FittedTable
    booster: BoostedModel
    how: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What candidates are made from.

    Parameters
    ----------
    model
        The model as it is.
    rows
        The new rows to learn from.
    reference
        Older rows, if they are at hand: `retrain` alone uses them.
    training, update
        The settings of the model's training, and of this update.
    progress
        Told of each round of trees.
    """

    model: PropensityModel
    rows: Table
    reference: Table | None
    training: TrainConfig
    update: UpdateConfig
    progress: Progress

    def encoded(self, table: Table) -> Rows:
        """Return rows as the model's own encoder gives them: their targets are not inside."""
        encoder = self.model.encoder
        features = encoder.transform(table.frame)
        return with_features(table, features, self.model.target, categorical=encoder.categorical)

    def aged_encoder(self) -> FittedTable:
        """Return the encoder with the statistics of the new rows."""
        weight = self.model.encoder.roles.weight
        frame, _ = rates(self.rows, self.model.target, self.training, column=weight)
        return self.model.encoder.update(frame, decay=self.update.encoder_decay)

    def inner(self) -> tuple[Table, Table]:
        """Divide the new rows once more, to choose among settings: newest last, else by chance."""
        return divide(self.rows, self.model, share=_INNER, seed=self.training.seed + 7)


def divide(table: Table, model: PropensityModel, *, share: float, seed: int) -> tuple[Table, Table]:
    """Divide rows into older and newest ones, or by whole groups, or by chance and class."""
    times, group = table.times(), table.roles.group
    is_class = model.target.task != "regression"
    found = splits.holdout(
        table.frame.height,
        share=share,
        seed=seed,
        time=times,
        groups=table.frame[group].to_numpy() if group is not None and times is None else None,
        stratify=labels(table, model.target) if is_class and times is None and group is None else None,
    )
    return replace(table, frame=table.frame[found.train]), replace(table, frame=table.frame[found.test])


def kept(task: Task) -> Fresh:
    """Change nothing."""
    return Fresh(task.model.encoder, task.model.booster)


def recalibrated(task: Task) -> Fresh:
    """Move intercept and slope."""
    booster = recalibrate(task.model.booster, task.encoded(task.rows))
    return Fresh(task.model.encoder, booster, "intercept and slope")


def refitted(task: Task) -> Fresh:
    """Give the leaves new values, mixed as inner held-out rows like best."""
    decay, evidence = (task.update.decay, None) if task.update.decay is not None else _best_blend(task)
    booster = refit(task.model.booster, task.encoded(task.rows), decay=decay, evidence=evidence)
    how = f"decay {decay:g}" if decay is not None else f"evidence {evidence:g}"
    return Fresh(task.aged_encoder(), booster, how)


def extended(task: Task) -> Fresh:
    """Grow more trees behind the old ones, as many as inner held-out rows like best."""
    return _extended(task, Fresh(task.model.encoder, task.model.booster))


def refit_extended(task: Task) -> Fresh:
    """Refit, then extend."""
    first = refitted(task)
    more = _extended(task, first)
    return Fresh(first.encoder, more.booster, f"{first.how}, {more.how}")


def retrained(task: Task) -> Fresh:
    """Fit a new model of the same kind on the new rows, and on the reference rows if there are any."""
    table = _aged(_joined(task.reference, task.rows), task.update.half_life_days)
    settings = task.training
    older, newer = divide(table, task.model, share=settings.split.early_stopping, seed=settings.seed + 1)
    encoder, rows = fit_encoder(older, task.model.target, settings, like=task.model.encoder)
    stop = with_features(newer, encoder.transform(newer.frame), task.model.target)
    classes = task.model.target.classes
    found = boosting.fit(rows, stop, config=settings.boosting, classes=classes, progress=task.progress)
    encoder, rows = fit_encoder(table, task.model.target, settings, like=task.model.encoder)
    config = settings.boosting.model_copy(update={"max_trees": max(found.trees, 1)})
    booster = boosting.fit(rows, config=config, classes=classes, progress=task.progress)
    how = "new rows alone" if task.reference is None else f"with {task.reference.frame.height:,} reference rows"
    return Fresh(encoder, replace(booster, trees=min(found.trees, booster.trees)), how)


CANDIDATES: dict[str, Callable[[Task], Fresh]] = {
    "keep": kept,
    "recalibrate": recalibrated,
    "refit": refitted,
    "extend": extended,
    "refit_extend": refit_extended,
    "retrain": retrained,
}
"""By strategy, the cheapest first."""


def _best_blend(task: Task) -> tuple[float | None, float | None]:
    """Return the mixture of old and new leaves that does best on inner held-out rows."""
    older, newer = (task.encoded(part) for part in task.inner())
    blends: list[tuple[float | None, float | None]] = [(d, None) for d in _DECAYS]
    blends += [(None, e) for e in _EVIDENCES]
    models = (refit(task.model.booster, older, decay=d, evidence=e) for d, e in blends)
    losses = [_loss(model, newer, task) for model in models]
    return blends[int(np.argmin(losses))]


def _extended(task: Task, start: Fresh) -> Fresh:
    older, newer = (task.encoded(part) for part in task.inner())
    config = task.training.boosting
    if task.update.learning_rate is not None:
        config = config.model_copy(update={"learning_rate": task.update.learning_rate})
    room = task.update.most_trees - start.booster.trees
    most = min(task.update.extend_trees, room)
    if most < 1:
        raise FitError(
            f"the model has {start.booster.trees:,} trees; at most {task.update.most_trees:,} may be there",
            advice="retrain, which starts afresh, or raise most_trees",
        )
    limit, shown = task.update.most_trees, task.progress
    tried = extend(start.booster, older, newer, config=config, trees=most, most_trees=limit, progress=shown)
    more = tried.trees - start.booster.trees
    rows = task.encoded(task.rows)
    booster = extend(start.booster, rows, config=config, trees=more, most_trees=limit, progress=shown)
    return Fresh(task.aged_encoder(), booster, f"{more} more trees")


def _loss(booster: BoostedModel, rows: Rows, task: Task) -> float:
    config = task.training.boosting
    p = booster.predict(rows.features, offset=rows.offset, num_threads=config.num_threads)
    return loss(rows.y, p, weight=rows.weights(), config=config, objective=named(config))


def _joined(reference: Table | None, new: Table) -> Table:
    """Put older rows before the new ones."""
    if reference is None:
        return new
    return replace(new, frame=pl.concat([reference.frame, new.frame], how="diagonal_relaxed"))


def _aged(table: Table, half_life_days: float | None) -> Table:
    """Let rows weigh less the older they are: half after each half-life before the newest row."""
    column = table.roles.time
    if half_life_days is None or column is None:
        return table
    frame = table.frame
    age = pl.col(column).max() - pl.col(column)
    if frame.schema[column].is_temporal():
        age = age.dt.total_seconds() / 86_400
    recency = 0.5 ** (age.cast(pl.Float64) / half_life_days)
    weight = table.roles.weight or fresh_name("weight", frame.columns)
    own = pl.col(weight) if table.roles.weight else pl.lit(1.0)
    roles = replace(table.roles, weight=weight)
    return replace(table, frame=frame.with_columns((own * recency).alias(weight)), roles=roles)
