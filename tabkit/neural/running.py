"""From rows to tensors, through the training loop, and back to a model: what fitting and fine-tuning share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit.errors import ConfigError, FitError
from tabkit.neural.backend import library
from tabkit.neural.calibrate import temperature
from tabkit.neural.config import MLPConfig
from tabkit.neural.model import MLPModel
from tabkit.neural.schedule import batch_size
from tabkit.objective import Objective, inverse_link, loss, named, variance_power
from tabkit.progress import Progress
from tabkit.rows import Rows

Floats = NDArray[np.float64]
_JUDGED_AT_ONCE = 16_384
_COURSE = (
    *("learning_rate", "weight_decay", "warmup", "patience"),
    *("averaging", "clip_norm", "dropout", "masked"),
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Task:
    """A training to be run.

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


def run(task: Task, network: Any, *, frozen: Sequence[str] = (), epochs: int | None = None) -> MLPModel:
    """Train a network in place, and return the model with its best weights.

    Parameters
    ----------
    network
        A `tabkit.neural.mlp.MLP` on its device.
    frozen
        Parameters that stay as they are, by the beginning of their names.
    epochs
        See `tabkit.neural.fit.fit`.
    """
    if epochs is not None and epochs < 0:
        raise ConfigError(f"epochs is {epochs}; a number from 0 was expected")
    config, loop = task.config, library("tabkit.neural.training")
    network.masked = config.masked
    criterion = library("tabkit.neural.losses").Loss(
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
    network.load_state_dict(found.weights)
    return replace(
        task.start,
        weights=library("safetensors.torch").save(found.weights),
        epochs=found.epoch,
        history=tuple(found.history),
        stopped=found.stopped,
        **(judge.finished(network.eval(), epochs=found.epoch) if judge else {}),
    )


def _shares(task: Task) -> tuple[float, ...]:
    """Return the shares of the classes in training, their weights included; nothing for numbers."""
    if task.objective.name not in ("binary", "multiclass"):
        return ()
    mass = np.bincount(task.train.y.astype(np.int64), weights=task.weight, minlength=max(len(task.start.classes), 2))
    return tuple(map(float, mass / mass.sum()))


def _data(task: Task, device: Any) -> Any:
    """Return the rows of the fit as tensors; the target of a number in the units of the network's scores."""
    torch, start, rows = library("torch"), task.start, task.train
    base = np.array(start.base_score) + task.shift
    before = base + rows.offsets()[:, None]
    y, slope = rows.y, start.slope
    if task.objective.link == "identity":
        y, before, slope = (y - before[:, 0]) / slope, np.zeros_like(before), 1.0
    weight = task.weight / task.weight.mean()
    batch = start.inputs.batch(rows.features, kind=FitError)
    arrays = (batch.numbers, batch.levels, before.astype(np.float32), y.astype(np.float32))
    tensors = [torch.from_numpy(array).to(device) for array in arrays]
    weights = None if (weight == 1).all() else torch.from_numpy(weight.astype(np.float32)).to(device)
    return library("tabkit.neural.training").Data(*tensors, weight=weights, slope=slope)


class _Judge:
    """The loss of a network on held-out rows, and what else they decide."""

    def __init__(self, task: Task, rows: Rows, device: Any) -> None:
        torch = library("torch")
        self._task, self._rows = task, rows
        batch = task.start.inputs.batch(rows.features, kind=FitError)
        self._batch = [torch.from_numpy(array).to(device) for array in batch]

    def __call__(self, network: Any) -> float:
        """Return the objective's loss."""
        return self._loss(self._raw(network) + self._rows.offsets()[:, None])

    def finished(self, network: Any, *, epochs: int) -> dict[str, Any]:
        """Return what the model takes from the held-out rows: losses, and for classes the temperature.

        Where no epoch was better than the start, the start stays as it is.
        """
        start, rows, raw = self._task.start, self._rows, self._raw(network)
        classes = self._task.objective.link in ("logit", "softmax")
        cooled = 1.0
        if classes and epochs and self._task.config.calibrate:
            cooled = temperature(raw, rows.y, weight=rows.weights(), offset=rows.offsets())
        base = np.tile(np.array(start.base_score), (len(rows.y), 1)) + rows.offsets()[:, None]
        return {
            "temperature": start.temperature * cooled,
            "base_score": tuple(float(b) / cooled for b in start.base_score),
            "slope": start.slope / cooled,
            "held_out_loss": self._loss(raw / cooled + rows.offsets()[:, None]),
            "base_loss": self._loss(base) if start.base_loss is None else start.base_loss,
        }

    def _raw(self, network: Any) -> Floats:
        """Return shape (n, outputs), without the offset."""
        start, size = self._task.start, _JUDGED_AT_ONCE
        numbers, levels = self._batch
        with library("torch").inference_mode():
            pieces = [
                network(numbers[k : k + size], levels[k : k + size]).cpu().numpy() for k in range(0, len(numbers), size)
            ]
        return np.array(start.base_score) + start.slope * np.concatenate(pieces).astype(np.float64)

    def _loss(self, raw: Floats) -> float:
        if not np.isfinite(raw).all():
            return float("nan")
        flat = raw if raw.shape[1] > 1 else raw[:, 0]
        with np.errstate(over="ignore"):
            p = inverse_link(flat, self._task.objective.link)
        if not np.isfinite(p).all() or (self._task.objective.link == "log" and not p.all()):
            return float("nan")
        return loss(
            self._rows.y, p, weight=self._rows.weights(), config=self._task.config, objective=self._task.objective
        )
