"""The learning curve of a trained network as a picture."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from dashboards.curves import learning_curve
from dashboards.pictures import check_picture, save
from pipelines.config import ModelName, TrainConfig
from pipelines.evaluation import measures_of
from pipelines.model import PropensityModel
from pipelines.stored import stored
from tabkit.bundle import bundle_above
from tabkit.errors import ConfigError
from tabkit.neural import Epoch, MLPModel, history_frame


def check_curve(path: str | Path, *, model: ModelName, bundle: str | Path | None) -> None:
    """Raise before any work if there will be no curve, or it could not be drawn and written there.

    Raises
    ------
    ConfigError
        If the model is none of a network, the name ends in no format of pictures, or the place is a folder, inside
        of a bundle, or not to be written to.
    ImportError
        If the extra `dashboards` is not installed.
    """
    if model != "mlp":
        raise ConfigError("a learning curve is drawn of a network", advice="add --model mlp, or leave out --curve")
    for name in ("altair", "vl_convert"):
        if importlib.util.find_spec(name) is None:
            raise ImportError(f"the curve needs {name}, which is not installed: pip install 'tabkit-ml[dashboards]'")
    check_picture(path)
    place = Path(path).resolve()
    if bundle_above(place) or (bundle is not None and Path(bundle).resolve() in (place, *place.parents)):
        raise ConfigError(
            f"the curve {str(path)!r} would be inside of a bundle, which is never changed",
            advice="choose another place",
        )
    above = next(parent for parent in place.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise ConfigError(
            f"cannot write {str(path)!r}: {str(above)!r} is no folder that you may write to",
            advice="choose another place",
        )


def draw_curve(model: PropensityModel, path: str | Path) -> None:
    """Draw the learning curve of the measured network.

    Raises
    ------
    ConfigError
        If the model is none of a network, no history is kept, or the file cannot be written.
    """
    if not isinstance(model.predictor, MLPModel):
        raise ConfigError("a learning curve is drawn of a network; this model has trees")
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
    save(learning_curve(frame, best=measured["epochs"], loss=metric), path)
