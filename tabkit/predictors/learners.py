"""What updates ask of a learner, until they ask the registry themselves."""

from __future__ import annotations

from collections.abc import Sequence

from tabkit.predictors.protocol import FitSettings, Predictor
from tabkit.predictors.registry import LEARNERS, ModelName, learner_of
from tabkit.progress import Progress
from tabkit.rows import Rows

__all__ = ["Predictor", "check_there", "extent", "fit", "fit_again", "name_of"]


def check_there(name: ModelName, settings: FitSettings) -> None:
    """See `Learner.check_there`."""
    LEARNERS[name].check_there(settings)


def fit(
    name: ModelName, rows: Rows, stop: Rows, *, settings: FitSettings, classes: Sequence[str], progress: Progress
) -> Predictor:
    """See `Learner.fit`."""
    model: Predictor = LEARNERS[name].fit(rows, stop, settings=settings, classes=classes, progress=progress)
    return model


def fit_again(
    measured: Predictor, rows: Rows, *, settings: FitSettings, classes: Sequence[str], progress: Progress
) -> Predictor:
    """See `Learner.fit_again`."""
    learner = learner_of(measured)
    model: Predictor = learner.fit_again(measured, rows, settings=settings, classes=classes, progress=progress)
    return model


def name_of(predictor: Predictor) -> ModelName:
    """Return the name of the learner that a model is of."""
    return learner_of(predictor).name  # type: ignore[return-value]  # a test holds that it is one


def extent(predictor: Predictor) -> int:
    """See `Learner.extent`."""
    return learner_of(predictor).extent(predictor)
