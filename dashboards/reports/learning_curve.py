"""The learning curve of a trained network as a picture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dashboards.charts.learning_curve import learning_curve
from dashboards.charts.picture_files import check_picture, save
from tabkit.errors import ConfigError
from tabkit.extras import check_drawing
from tabkit.neural import Epoch, history_frame
from tabkit.predictors.config import ModelName
from tabkit.predictors.registry import LEARNERS
from tabkit.predictors.stored import stored
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.evaluation import measures_of
from tabkit.propensity.model import PropensityModel


def check_curve(
    path: str | Path,
    *,
    model: ModelName,
    bundle: str | Path | None,
    inputs: Iterable[str] = (),
    overwrite: bool = False,
) -> None:
    """Raise before any work if there will be no curve, or it could not be drawn and written there.

    Raises
    ------
    ConfigError
        If the model is none of a network, the name ends in no format of pictures, or the picture may not go there: see
        `tabkit.destination`.
    ImportError
        If the extra `dashboards` is not installed.
    """
    if not LEARNERS[model].has_curve:
        raise ConfigError("a learning curve is drawn of a network", advice="add --model mlp, or leave out --curve")
    check_drawing()
    check_picture(path, overwrite=overwrite, inputs=inputs, outside=[] if bundle is None else [bundle])


def draw_curve(model: PropensityModel, path: str | Path, *, overwrite: bool = False) -> None:
    """Draw the learning curve of the measured network.

    Raises
    ------
    ConfigError
        If the model is none of a network, no history is kept, or the file cannot be written.
    """
    if not model.learner.has_curve:
        raise ConfigError(
            f"a learning curve is drawn of a network, which this model is not: it is {model.learner.noun}"
        )
    if model.lineage.get("strategy", "train") != "train":
        raise ConfigError(
            f"the model was made by {model.lineage['strategy']!r}: the learning curve that is kept is its ancestor's",
            advice="draw the curve of the trained model",
        )
    measured = model.lineage.get("measured", {})
    history = measured.get("history")
    if not history:
        raise ConfigError("the model keeps no history of its training", advice="train it anew")
    metric = measures_of(stored(TrainConfig, model.config))[0].name
    frame = history_frame([Epoch(**epoch) for epoch in history])
    save(learning_curve(frame, best=measured["epochs"], loss=metric), path, overwrite=overwrite)
