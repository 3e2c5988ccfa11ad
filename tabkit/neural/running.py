"""Run a training, for fitting and fine-tuning: rows become tensors, and the result a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit.errors import ConfigError, FitError
from tabkit.extras import require
from tabkit.neural.calibrate import temperature
from tabkit.neural.config import MLPConfig
from tabkit.neural.model import MLPModel
from tabkit.neural.schedule import batch_size
from tabkit.objective import Objective, inverse_link, loss, named, variance_power
from tabkit.progress import Progress
from tabkit.rows import Rows

Floats = NDArray[np.float64]
_JUDGED_AT_ONCE = 16_384  # rows whose activations fit into memory, whatever the network
_COURSE = (
    *("learning_rate", "weight_decay", "warmup", "patience"),
    *("averaging", "clip_norm", "dropout", "masked"),
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainingTask:
    """A training to run.

    Parameters
    ----------
    start
        The model as it is before: all but its weights is taken over.
    train, valid
        The rows to learn from, and those that stop the training.
    config
        Its settings.
    weight, shift
        Of the rows to learn from, see `tabkit.neural.weighing.class_weights`; `start` has the shift taken out.
    """

    start: MLPModel
    train: Rows
    valid: Rows | None
    config: MLPConfig
    weight: Floats
    shift: Floats
    progress: Progress

    @property
    def objective(self) -> Objective:
        """What is minimised."""
        return named(self.config)


def run(task: TrainingTask, network: Any, *, frozen: Sequence[str] = (), epochs: int | None = None) -> MLPModel:
    """Train a network in place, and return the model with its best weights.

    Parameters
    ----------
    network
        A `tabkit.neural.mlp.MLP` on its device.
    frozen
        Parameters that stay as they are, by the beginning of their names.
    epochs
        See `tabkit.neural.fitting.fit`.
    """
    if epochs is not None and epochs < 0:
        raise ConfigError(f"epochs is {epochs}; a number from 0 was expected")
    config, loop = task.config, require("tabkit.neural.training", extra="neural")
    network.masked = config.masked
    criterion = require("tabkit.neural.losses", extra="neural").Loss(
        objective=task.objective.name,
        smoothing=config.label_smoothing,
        quantile=config.quantile,
        power=variance_power(config),
        prior=_shares(task),
    )
    judge = None if task.valid is None else _Judge(task, task.valid, network.scale.device)
    course = loop.Course(
        batch_size=batch_size(len(task.train.y)) if config.batch_size == "auto" else config.batch_size,
        epochs=config.max_epochs,
        stop_after=epochs,
        **{name: getattr(config, name) for name in _COURSE},
    )
    data = _data(task, network.scale.device)
    with task.progress.task("training the network", total=config.max_epochs if epochs is None else epochs) as advance:
        found = loop.train(network, data, criterion, course, judge=judge, frozen=frozen, tick=lambda: advance(1))
    model = replace(
        task.start,
        weights=require("safetensors.torch", extra="neural").save(found.weights),
        epochs=found.epoch,
        history=tuple(found.history),
        stopped=found.stopped,
    )
    model = _balanced(model, task)
    return model if task.valid is None else _judged(model, task.valid, task)


def _balanced(model: MLPModel, task: TrainingTask) -> MLPModel:
    """Return the model with the intercept of a log link moved so that all predictions for the fit sum to its targets.

    Shortened gradients and an early end leave the sums of rare or heavy-tailed targets too low (Wüthrich 2020, "Bias
    regularization in neural network models for general insurance pricing", section 3).
    """
    rows = task.train
    if task.objective.link != "log" or not model.epochs or not task.config.calibrate:
        return model
    score = model.raw(rows.features, offset=rows.offset, num_threads=task.config.num_threads)
    observed, expected = float(rows.weights() @ rows.y), float(rows.weights() @ np.exp(score))
    if not (observed > 0 and 0 < expected < np.inf):
        return model
    return replace(model, base_score=(model.base_score[0] + float(np.log(observed / expected)),))


def _judged(model: MLPModel, valid: Rows, task: TrainingTask) -> MLPModel:
    """Return the model with the temperature and the losses that held-out rows give it.

    Where no epoch was better than the start, the start stays as it is.
    """
    threads, config, start = task.config.num_threads, task.config, task.start
    if model.epochs and config.calibrate and task.objective.link in ("logit", "softmax"):
        raw = model.raw(valid.features, num_threads=threads).reshape(len(valid.y), -1)
        cooled = temperature(raw, valid.y, weight=valid.weights(), offset=valid.offsets())
        model = model.cooled(cooled, task.train, num_threads=threads)
    raw = model.raw(valid.features, num_threads=threads).reshape(len(valid.y), -1) + valid.offsets()[:, None]
    base = np.tile(np.array(start.base_score), (len(valid.y), 1)) + valid.offsets()[:, None]
    base_loss = _loss(base, valid, task) if start.base_loss is None else start.base_loss
    return replace(model, held_out_loss=_loss(raw, valid, task), base_loss=base_loss)


def _loss(raw: Floats, rows: Rows, task: TrainingTask) -> float:
    """Return the objective's loss of raw scores, shape (n, outputs), offsets included; NaN if they are none."""
    if not np.isfinite(raw).all():
        return float("nan")
    with np.errstate(over="ignore"):
        p = inverse_link(raw if raw.shape[1] > 1 else raw[:, 0], task.objective.link)
    if not np.isfinite(p).all() or (task.objective.link == "log" and not p.all()):
        return float("nan")
    return loss(rows.y, p, weight=rows.weights(), config=task.config, objective=task.objective)


def _shares(task: TrainingTask) -> tuple[float, ...]:
    """Return the shares of the classes in training, their weights included; nothing for numbers."""
    if task.objective.name not in ("binary", "multiclass"):
        return ()
    mass = np.bincount(task.train.y.astype(np.int64), weights=task.weight, minlength=max(len(task.start.classes), 2))
    return tuple(map(float, mass / mass.sum()))


def _data(task: TrainingTask, device: Any) -> Any:
    """Return the rows of the fit as tensors; the target of a number in the units of the network's scores."""
    torch, start, rows = require("torch", extra="neural"), task.start, task.train
    base = np.array(start.base_score) + task.shift
    before = base + rows.offsets()[:, None]
    y, slope = rows.y, start.slope
    if task.objective.link == "identity":
        y, before, slope = (y - before[:, 0]) / slope, np.zeros_like(before), 1.0
    weight = task.weight / task.weight.mean()
    if task.objective.link == "log":  # gradients in units of their own, as their length is bounded
        weight = weight / (np.average(y, weights=weight) ** (2 - variance_power(task.config)) or 1.0)
    batch = start.inputs.batch(rows.features, kind=FitError)
    arrays = (batch.numbers, batch.levels, before.astype(np.float32), y.astype(np.float32))
    tensors = [torch.from_numpy(array).to(device) for array in arrays]
    weights = None if (weight == 1).all() else torch.from_numpy(weight.astype(np.float32)).to(device)
    return require("tabkit.neural.training", extra="neural").Data(*tensors, weight=weights, slope=slope)


class _Judge:
    """The loss of a network on held-out rows."""

    def __init__(self, task: TrainingTask, rows: Rows, device: Any) -> None:
        torch = require("torch", extra="neural")
        self._task, self._rows = task, rows
        batch = task.start.inputs.batch(rows.features, kind=FitError)
        self._batch = [torch.from_numpy(array).to(device) for array in batch]

    def __call__(self, network: Any) -> float:
        """Return the objective's loss."""
        return _loss(self._raw(network) + self._rows.offsets()[:, None], self._rows, self._task)

    def _raw(self, network: Any) -> Floats:
        """Return shape (n, outputs), without the offset."""
        start, size = self._task.start, _JUDGED_AT_ONCE
        numbers, levels = self._batch
        with require("torch", extra="neural").inference_mode():
            pieces = [
                network(numbers[k : k + size], levels[k : k + size]).cpu().numpy() for k in range(0, len(numbers), size)
            ]
        return np.array(start.base_score) + start.slope * np.concatenate(pieces).astype(np.float64)
