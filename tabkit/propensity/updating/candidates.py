"""The ways to bring a model up to date, each a function of old model and new rows that gives encoder and predictor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import splits
from tabkit.boosting import BoostedModel, Rows, extend, refit
from tabkit.boosting.updatable import check
from tabkit.encoding import FittedTable
from tabkit.errors import FitError
from tabkit.frames import fresh_name
from tabkit.neural import MLPModel
from tabkit.objective import loss, named
from tabkit.predictors.features import fit_encoder, rates, with_features
from tabkit.predictors.protocol import Predictor
from tabkit.progress import Progress
from tabkit.propensity.config import TrainConfig, UpdateConfig
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.parts import divide
from tabkit.table import Table

_DECAYS = (0.9, 0.7, 0.5)  # from careful to half new; LightGBM's own default is 0.9
_EVIDENCES = (3.0, 1.0, 0.3)  # how often old evidence counts against new: three times to a third
_INNER = 0.25  # enough to choose one setting of six, and few taken from learning
_FOLDS = 5  # the encoders' own default
_FORGOTTEN = 1e-12  # weight of the oldest rows: above zero, since weights must be


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A candidate: a new encoder and predictor, and a few words on how they were made."""

    encoder: FittedTable
    predictor: Predictor
    how: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class UpdateTask:
    """The model, rows and settings that candidates are made from.

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
    _aged: dict[int, tuple[FittedTable, Rows]] = field(default_factory=dict)
    _inner: list[tuple[Table, Table]] = field(default_factory=list)

    @property
    def trees(self) -> BoostedModel:
        """The model's trees: for strategies of these alone."""
        return cast("BoostedModel", self.model.predictor)

    @property
    def network(self) -> MLPModel:
        """The model's network: for strategies of one alone."""
        return cast("MLPModel", self.model.predictor)

    def encoded(self, table: Table, encoder: FittedTable | None = None) -> Rows:
        """Return rows encoded by an encoder that has not seen them, by default the model's own."""
        encoder = encoder or self.model.encoder
        features = encoder.transform(table.frame)
        return with_features(table, features, self.model.target, categorical=encoder.categorical)

    def aged(self, table: Table) -> tuple[FittedTable, Rows]:
        """Return the encoder with the statistics of new rows added, and these rows encoded out of fold.

        Trees must be refitted or grown on features as they will meet them: by the statistics of old and new rows, but
        a row's own target must not be inside. So each fold is encoded by old rows and the other folds.
        """
        if id(table) not in self._aged:
            encoder, target = self.model.encoder, self.model.target
            frame, _ = rates(table, target, self.training, column=encoder.roles.weight)
            fold, decay = self._folds(table), self.update.encoder_decay
            parts = []
            for k in range(int(fold.max()) + 1):
                others = encoder.update(frame.filter(fold != k), decay=decay)
                parts.append(others.transform(table.frame.filter(fold == k)))
            places = np.argsort(np.argsort(fold, kind="stable"), kind="stable")
            features = pl.concat(parts)[places]
            found = with_features(table, features, target, categorical=encoder.categorical)
            self._aged[id(table)] = encoder.update(frame, decay=decay), found
        return self._aged[id(table)]

    def _folds(self, table: Table) -> NDArray[np.int64]:
        group = table.roles.group
        groups = None if group is None else table.frame[group].rank("dense").to_numpy() - 1
        count = min(_FOLDS, table.frame.height if groups is None else int(groups.max()) + 1)
        if count < 2:
            raise FitError("all new rows are of one group: none can be encoded by others", advice="use more groups")
        return splits.kfold(table.frame.height, folds=count, seed=self.training.seed, groups=groups).astype(np.int64)

    def inner(self) -> tuple[Table, Table]:
        """Divide the new rows once more to choose settings: the newest are held out, else some by chance."""
        if not self._inner:
            self._inner.append(divide(self.rows, self.model.target, share=_INNER, seed=self.training.seed + 7))
        return self._inner[0]


def kept(task: UpdateTask) -> Candidate:
    """Return the model unchanged."""
    return Candidate(task.model.encoder, task.model.predictor)


def recalibrated(task: UpdateTask) -> Candidate:
    """Recalibrate: change intercept and slope."""
    model, rows = task.model, task.encoded(task.rows)
    found = model.learner.recalibrate(model.predictor, rows, settings=task.training)
    return Candidate(task.model.encoder, found, "intercept and slope")


def refitted(task: UpdateTask) -> Candidate:
    """Refit the leaves; the decay is chosen on inner held-out rows."""
    encoder, rows = task.aged(task.rows)
    blend = _blend(task)
    booster = refit(task.trees, rows, decay=blend.decay, evidence=blend.evidence)
    return Candidate(encoder, booster, blend.how)


def extended(task: UpdateTask) -> Candidate:
    """Add trees; their number is chosen on inner held-out rows."""
    return _extended(task, lambda _: task.trees)


def refit_extended(task: UpdateTask) -> Candidate:
    """Refit the leaves, then add trees."""
    blend = _blend(task)
    found = _extended(task, lambda rows: refit(task.trees, rows, decay=blend.decay, evidence=blend.evidence))
    return replace(found, how=f"{blend.how}, {found.how}")


def retrained(task: UpdateTask) -> Candidate:
    """Fit a new model of the same kind on the new rows, and on the reference rows if there are any."""
    table = _weighed(_joined(task.reference, task.rows), task.update.half_life_days)
    settings = task.training
    older, newer = divide(table, task.model.target, share=settings.split.early_stopping, seed=settings.seed + 1)
    learner, target, like = task.model.learner, task.model.target, task.model.encoder
    encoder, rows = fit_encoder(older, target, settings, learner=learner.name, like=like)
    stop = with_features(newer, encoder.transform(newer.frame), target, categorical=encoder.categorical)
    classes, shown = target.classes, task.progress
    found = learner.fit(rows, stop, settings=settings, classes=classes, progress=shown)
    encoder, rows = fit_encoder(table, target, settings, learner=learner.name, like=like)
    told = "new rows alone" if task.reference is None else f"with {task.reference.frame.height:,} reference rows"
    again = learner.fit_again(found, rows, settings=settings, classes=classes, progress=shown)
    return Candidate(encoder, again, told)


class _Blend(NamedTuple):
    decay: float | None = None
    evidence: float | None = None

    @property
    def how(self) -> str:
        return f"evidence {self.evidence:g}" if self.decay is None else f"decay {self.decay:g}"


def _blend(task: UpdateTask) -> _Blend:
    """Return the mixture of old and new leaves that was asked for, or that does best on inner held-out rows."""
    if task.update.decay is not None:
        return _Blend(decay=task.update.decay)
    older, newer = task.inner()
    encoder, rows = task.aged(older)
    check(task.trees, rows, "refit")
    held_out = task.encoded(newer, encoder)
    blends = [*(_Blend(decay=d) for d in _DECAYS), *(_Blend(evidence=e) for e in _EVIDENCES)]
    losses = [_loss_of(blend, rows, held_out, task) for blend in blends]
    if not np.isfinite(losses).any():
        raise FitError("no mixture of old and new leaves gives finite scores", advice="recalibrate first, or retrain")
    return blends[int(np.argmin(losses))]


def _loss_of(blend: _Blend, rows: Rows, held_out: Rows, task: UpdateTask) -> float:
    try:
        return _loss(refit(task.trees, rows, decay=blend.decay, evidence=blend.evidence), held_out, task)
    except FitError:  # scores that run away
        return float("inf")


def _extended(task: UpdateTask, start: Callable[[Rows], BoostedModel]) -> Candidate:
    older, newer = task.inner()
    config = task.training.boosting
    if task.update.learning_rate is not None:
        config = config.model_copy(update={"learning_rate": task.update.learning_rate})
    limit, shown, trees = task.update.most_trees, task.progress, task.trees.trees
    most = min(task.update.extend_trees, limit - trees)
    if most < 1:
        raise FitError(
            f"the model has {trees:,} trees; at most {limit:,} may be there",
            advice="retrain, which starts afresh, or raise most_trees",
        )
    encoder, rows = task.aged(older)
    held_out = task.encoded(newer, encoder)
    tried = extend(start(rows), rows, held_out, config=config, trees=most, most_trees=limit, progress=shown)
    more = tried.trees - trees
    encoder, rows = task.aged(task.rows)
    booster = extend(start(rows), rows, config=config, trees=more, most_trees=limit, progress=shown)
    return Candidate(encoder, booster, f"{booster.trees - trees} more trees")


def _loss(booster: BoostedModel, rows: Rows, task: UpdateTask) -> float:
    config = task.training.boosting
    p = booster.predict(rows.features, offset=rows.offset, num_threads=config.num_threads)
    return loss(rows.y, p, weight=rows.weights(), config=config, objective=named(config))


def _joined(reference: Table | None, new: Table) -> Table:
    """Put older rows before the new ones."""
    if reference is None:
        return new
    return replace(new, frame=pl.concat([reference.frame, new.frame], how="diagonal_relaxed"))


def _weighed(table: Table, half_life_days: float | None) -> Table:
    """Let rows weigh less the older they are: half after each half-life before the newest row."""
    column = table.roles.time
    if half_life_days is None or column is None:
        return table
    frame = table.frame
    age = pl.col(column).max() - pl.col(column)
    if frame.schema[column].is_temporal():
        age = age.dt.total_seconds() / 86_400
    recency = pl.max_horizontal(0.5 ** (age.cast(pl.Float64) / half_life_days), pl.lit(_FORGOTTEN))
    weight = table.roles.weight or fresh_name("weight", frame.columns)
    own = pl.col(weight) if table.roles.weight else pl.lit(1.0)
    roles = replace(table.roles, weight=weight)
    weighed = frame.with_columns((own * recency / recency.mean()).alias(weight))
    return replace(table, frame=weighed, roles=roles)
