"""What a model of who acts learns with: boosted trees or a small network, behind one face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tabkit import boosting, neural
from tabkit.boosting import BoostedModel, Rows
from tabkit.neural import MLPModel
from tabkit.predictors.config import ModelName, PredictorConfig
from tabkit.progress import Progress

Predictor = BoostedModel | MLPModel
TITLES: dict[str, str] = {"lightgbm": "LightGBM", "mlp": "MLP"}
"""What tables call each learner."""


def check_there(name: ModelName, settings: PredictorConfig) -> None:
    """Raise before any work if a learner cannot run here.

    Raises
    ------
    ImportError
        If it needs an extra that is not installed.
    ConfigError
        If it is told to use a GPU that is not there.
    """
    if name == "mlp":
        neural.check_device(settings.neural.device)


def fit(
    name: ModelName,
    rows: Rows,
    stop: Rows,
    *,
    settings: PredictorConfig,
    classes: Sequence[str],
    progress: Progress,
) -> Predictor:
    """Fit until the loss of the rows that stop it no longer falls; see `tabkit.boosting.fit`, `tabkit.neural.fit`."""
    if name == "mlp":
        return neural.fit(rows, stop, config=settings.network(), classes=classes, progress=progress)
    return boosting.fit(rows, stop, config=settings.boosting, classes=classes, progress=progress)


def fit_again(
    measured: Predictor, rows: Rows, *, settings: PredictorConfig, classes: Sequence[str], progress: Progress
) -> Predictor:
    """Fit on other rows for as long as `measured` was: with its number of trees, or of epochs."""
    if isinstance(measured, MLPModel):
        return neural.fit_again(measured, rows, config=settings.network(), progress=progress)
    trees = measured.trees
    config = settings.boosting.model_copy(update={"max_trees": max(trees, 1)})
    found = boosting.fit(rows, config=config, classes=classes, progress=progress)
    return replace(found, trees=min(trees, found.trees))


def name_of(predictor: Predictor) -> ModelName:
    """Return the name of the learner that a model is of."""
    return "mlp" if isinstance(predictor, MLPModel) else "lightgbm"


def extent(predictor: Predictor) -> int:
    """Return how long a model was fitted: its trees, or its epochs; 0 if nothing beat the base score."""
    return predictor.epochs if isinstance(predictor, MLPModel) else predictor.trees


def unit_of(predictor: Predictor) -> str:
    """Return what `extent` counts."""
    return "epochs" if isinstance(predictor, MLPModel) else "trees"


def ready(predictor: Predictor) -> None:
    """Read trees or weights now, before several threads ask for them."""
    _ = predictor.network if isinstance(predictor, MLPModel) else predictor.booster


def sizes(predictor: Predictor) -> dict[str, int]:
    """Return what a model is made of, as counts."""
    counted = {unit_of(predictor): extent(predictor), "features": len(predictor.features)}
    return counted | ({"parameters": predictor.parameters} if isinstance(predictor, MLPModel) else {})


def made_of(counted: Mapping[str, Any]) -> str:
    """Say what `sizes` found.

    >>> made_of({"epochs": 31, "features": 12, "parameters": 90_000})
    '12 features, 31 epochs, 90,000 parameters'
    """
    order = [name for name in ("features", "trees", "epochs", "parameters") if name in counted]
    return ", ".join(f"{counted[name]:,} {name}" for name in order)
