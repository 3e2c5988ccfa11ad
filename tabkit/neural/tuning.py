"""Fine-tune a network on new rows: all of it, or its last layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.neural.backend import device_of, seeded, threads
from tabkit.neural.calibrate import CalibrationLine, line
from tabkit.neural.config import MLPConfig
from tabkit.neural.model import MLPModel
from tabkit.neural.running import TrainingTask, run
from tabkit.neural.weighing import class_weights
from tabkit.objective import check_parts, named
from tabkit.progress import Progress, Silent
from tabkit.rows import Rows

Freeze = Literal["hidden", "none"] | int
SLOWER = 0.2
"""How much slower than a fit a fine-tuning learns, where nothing else is said."""


def fine_tune(
    model: MLPModel,
    new: Rows,
    valid: Rows | None = None,
    *,
    freeze: Freeze = "hidden",
    config: MLPConfig | None = None,
    learning_rate: float | None = None,
    epochs: int | None = None,
    progress: Progress | None = None,
) -> MLPModel:
    """Go on training with new rows; the old model is not changed.

    Parameters
    ----------
    model
        A fitted network. Its scales, levels and base score stay: a level that it does not know is still unknown.
    new
        Rows to learn from, with the features of the model.
    valid
        Held-out rows that stop the training. If no epoch does better on them, the model keeps its weights.
    freeze
        What stays as it is: ``hidden`` all but the head, ``none`` nothing, a number the embeddings and so many of the
        first hidden layers (0 the embeddings alone).
    config
        The settings; by default those of the model's fit.
    learning_rate
        By default a fifth of that of the settings.
    epochs
        End after so many epochs of the schedule.
    progress
        Told of each epoch.

    Raises
    ------
    FitError, ConfigError
        See `tabkit.neural.fit`; also if `freeze` names more layers than there are, or the rate is not above zero.
    SchemaError
        If the features are not those of the model.
    """
    settings = config or MLPConfig(**model.config)
    objective = named(settings)
    _check(model, new, settings)
    check_parts(new, valid, objective, classes=model.classes)
    frozen = frozen_parts(freeze, layers=len(model.shape["hidden"]))
    rate = SLOWER * settings.learning_rate if learning_rate is None else learning_rate
    changes = {"learning_rate": rate} | ({"dropout": 0.0} if freeze in ("hidden", len(model.shape["hidden"])) else {})
    settings = MLPConfig(**settings.model_dump() | changes)
    weight, shift = class_weights(new, objective, settings, classes=len(model.classes))
    start = replace(model, held_out_loss=None, base_loss=None, config=settings.model_dump(mode="json"))
    task = TrainingTask(
        start=start, train=new, valid=valid, config=settings, weight=weight, shift=shift, progress=progress or Silent()
    )
    device = device_of(settings.device)
    with seeded(settings.seed, device=device) as generator, threads(settings.num_threads):
        network = _copied(model).to(device)
        network.generator = generator
        return replace(run(task, network, frozen=frozen, epochs=epochs), config=model.config)


def recalibrate(model: MLPModel, rows: Rows, *, num_threads: int = 0) -> MLPModel:
    """Return the model with new intercepts and a new slope, by the objective's loss on new rows; weights stay.

    Raises
    ------
    FitError
        If the target does not suit the objective, or a class has no row: its intercept cannot be found.
    SchemaError
        If the features are not those of the model.
    """
    settings = MLPConfig(**model.config)
    objective = named(settings)
    _check(model, rows, settings)
    check_parts(rows, None, objective, classes=model.classes)
    if objective.name in ("binary", "multiclass"):
        counts = np.bincount(rows.y.astype(np.int64), weights=rows.weights(), minlength=max(len(model.classes), 2))
        if not counts.min() > 0:
            raise FitError(f"class number {int(counts.argmin())} has no row: its intercept cannot be found")
    elif objective.link == "log" and not float((rows.weights() * rows.y).sum()) > 0:
        raise FitError("the target is zero in every new row: an intercept cannot be found")
    base = np.array(model.base_score)
    raw = model.raw(rows.features, num_threads=num_threads).reshape(len(rows.y), len(base))
    found = line(
        (raw - base) / model.slope, CalibrationLine(base, model.slope), rows.y, weight=rows.weights(),
        offset=rows.offsets(), config=settings, objective=objective,
    )  # fmt: skip
    return replace(
        model, base_score=tuple(map(float, found.intercept)), slope=found.slope, held_out_loss=None, base_loss=None
    )


def frozen_parts(freeze: Freeze, *, layers: int) -> tuple[str, ...]:
    """Return the beginnings of the names of the parameters that stay.

    >>> frozen_parts(1, layers=2)
    ('scale', 'embeddings', 'layers.0.')
    """
    if freeze == "none":
        return ()
    if freeze == "hidden":
        count = layers
    elif isinstance(freeze, int) and not isinstance(freeze, bool) and 0 <= freeze <= layers:
        count = freeze
    else:
        raise ConfigError(
            f"freeze is {freeze!r}; 'hidden', 'none' or a number of layers from 0 to {layers} was expected",
            advice="see `tabkit.neural.fine_tune`",
        )
    return ("scale", "embeddings", *(f"layers.{k}." for k in range(count)))


def _check(model: MLPModel, rows: Rows, settings: MLPConfig) -> None:
    if settings.objective != model.objective:
        raise ConfigError(f"the settings are for {settings.objective!r}, the model is of {model.objective!r}")
    if tuple(rows.features.columns) != model.features:
        raise SchemaError(
            f"the rows have features {', '.join(map(repr, rows.features.columns[:10]))}, the model "
            f"{', '.join(map(repr, model.features[:10]))}: the same, in one order, were expected",
            advice="encode the rows with the model's own encoder",
        )


def _copied(model: MLPModel) -> Any:
    """Return a network of the same weights that may be trained."""
    fresh = replace(model).network
    return fresh.requires_grad_(True)
