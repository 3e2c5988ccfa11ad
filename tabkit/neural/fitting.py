"""Fitting a network to encoded rows, with early stopping on held-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit.extras import require
from tabkit.neural.backend import device_of, seeded, threads
from tabkit.neural.config import MLPConfig
from tabkit.neural.inputs import Inputs, fit_inputs
from tabkit.neural.model import MLPModel
from tabkit.neural.running import TrainingTask, run
from tabkit.neural.weighing import class_weights
from tabkit.objective import Objective, base_score, check_parts, named
from tabkit.progress import Progress, Silent
from tabkit.rows import Rows

Floats = NDArray[np.float64]
_SAMPLE = 200_000  # scales and levels are told well enough by so many rows


def fit(
    train: Rows,
    valid: Rows | None = None,
    *,
    config: MLPConfig,
    classes: Sequence[str] = (),
    epochs: int | None = None,
    progress: Progress | None = None,
) -> MLPModel:
    """Train a network on `train` until the loss on `valid` stops falling, and keep the best weights.

    Parameters
    ----------
    train
        The rows to learn from. Features named in ``categorical`` are codes of levels and get embeddings; all others
        are numbers. Columns that never vary are left out.
    valid
        Held-out rows for early stopping and calibration; without them all of `max_epochs` are run, and the scores of
        classes are left as they are.
    config
        The settings; `objective` must be named, not ``auto``.
    classes
        The labels of a classification, in the order of the indices in `y`.
    epochs
        End after so many epochs of the schedule, as an earlier fit found best.
    progress
        Told of each epoch.

    Returns
    -------
    MLPModel
        Of no epochs at all, the base score alone, if none did better on the held-out rows.

    Raises
    ------
    FitError
        If the target does not suit the objective, features are infinite or never vary, or the loss is no number from
        the beginning.
    ConfigError
        If an offset meets a multiclass objective, or a GPU is asked for that is not there.
    ImportError
        If the extra `neural` is not installed.

    Examples
    --------
    >>> import polars as pl
    >>> x = np.arange(200.0)
    >>> rows = Rows(pl.DataFrame({"x": x}), (x > 99).astype(float))
    >>> model = fit(rows, config=MLPConfig(objective="binary", hidden=[16], max_epochs=60, num_threads=1))
    >>> model.epochs, bool(model.predict(rows.features)[-1] > 0.7)
    (60, True)
    """
    objective = named(config)
    check_parts(train, valid, objective, classes=classes)
    device = device_of(config.device)
    weight, shift = class_weights(train, objective, config, classes=len(classes))
    base = base_score(
        train.y,
        weight=weight,
        offset=train.offsets(),
        config=config,
        objective=objective,
        classes=len(classes) if objective.name == "multiclass" else 1,
    )
    inputs = fit_inputs(train, rare=config.rare)
    shape = _shape(inputs, len(base), config)
    start = MLPModel(
        objective=objective.name,
        inputs=inputs,
        shape=asdict(shape),
        weights=b"",
        base_score=tuple(map(float, base - shift)),
        constant=tuple(map(float, base - shift)),
        slope=_spread(train, weight, objective),
        epochs=0,
        classes=tuple(classes),
        config=config.model_dump(mode="json"),
    )
    with seeded(config.seed, device=device) as generator, threads(config.num_threads):
        network = require("tabkit.neural.mlp", extra="neural").MLP(shape, generator=generator)
        if network.bins is not None:
            network.bins.edges.copy_(_edges(inputs, train, config.bins))
        task = TrainingTask(
            start=start,
            train=train,
            valid=valid,
            config=config,
            weight=weight,
            shift=shift,
            progress=progress or Silent(),
        )
        return run(task, network.to(device), epochs=epochs)


def fit_again(
    model: MLPModel, rows: Rows, *, config: MLPConfig | None = None, progress: Progress | None = None
) -> MLPModel:
    """Fit on other rows, nothing held out, for as many epochs as a measured model, and with its temperature.

    Parameters
    ----------
    model
        What `fit` found with held-out rows.
    rows
        All rows, say.
    config
        By default that of the model.

    Raises
    ------
    FitError, ConfigError
        See `fit`.
    """
    settings = config or MLPConfig(**model.config)
    found = fit(rows, config=settings, classes=model.classes, epochs=model.epochs, progress=progress)
    return found.cooled(model.temperature, rows, num_threads=settings.num_threads)


def _shape(inputs: Inputs, outputs: int, config: MLPConfig) -> Any:
    return require("tabkit.neural.mlp", extra="neural").Shape(
        numbers=len(inputs.numbers),
        missing=len(inputs.missing),
        sizes=inputs.sizes,
        outputs=outputs,
        members=config.members,
        hidden=tuple(config.hidden),
        activation=config.activation,
        embedding_size=config.embedding_size,
        bins=config.bins if config.numeric_embedding == "piecewise" and inputs.numbers else 0,
    )


def _spread(rows: Rows, weight: Floats, objective: Objective) -> float:
    """Return the unit of the network's scores: the standard deviation of a number's target, else 1."""
    if objective.link != "identity":
        return 1.0
    rest = rows.y - rows.offsets()
    return float(np.sqrt(np.average((rest - np.average(rest, weights=weight)) ** 2, weights=weight))) or 1.0


def _edges(inputs: Inputs, rows: Rows, bins: int) -> Any:
    """Return the quantiles of each number, shape (numbers, bins + 1), as the network sees it."""
    some = rows.features.sample(min(rows.features.height, _SAMPLE), seed=0)
    numbers = inputs.batch(some).numbers[:, : len(inputs.numbers)]
    return require("torch", extra="neural").from_numpy(
        np.quantile(numbers, np.linspace(0, 1, bins + 1), axis=0).T.astype(np.float32)
    )
