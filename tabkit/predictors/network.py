"""A small network as a learner: see `tabkit.neural`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

import polars as pl

from tabkit import bundle, neural
from tabkit.bundle import Bundle
from tabkit.errors import FitError
from tabkit.fitted_model import BundleParts
from tabkit.predictors.protocol import FitSettings, Learner, Predictor
from tabkit.progress import Progress
from tabkit.rows import Rows

if TYPE_CHECKING:
    from tabkit.neural import MLPModel

_WEIGHTS = "network.safetensors"
_STILL = 0.02  # of the fall of the loss: what its last tenth brings, if training ended in time


class Network(Learner["MLPModel"]):
    """A small network."""

    name = "mlp"
    section = "neural"
    title = "MLP"
    subject = "the MLP"
    noun = "a network"
    unit = "epochs"
    nothing = "No epoch of training"
    part = "network.json"
    updates = ("keep", "recalibrate", "fine_tune", "fine_tune_all", "retrain")
    embeds = True
    has_curve = True

    def check_there(self, settings: FitSettings) -> None:
        """Raise if torch is not installed, or the device is not there."""
        neural.check_device(settings.neural.device)

    def fit(
        self, rows: Rows, stop: Rows | None, *, settings: FitSettings, classes: Sequence[str], progress: Progress
    ) -> MLPModel:
        """Train until the loss of the rows that stop it no longer falls; see `tabkit.neural.fit`."""
        return neural.fit(rows, stop, config=settings.network(), classes=classes, progress=progress)

    def fit_again(
        self, measured: MLPModel, rows: Rows, *, settings: FitSettings, classes: Sequence[str], progress: Progress
    ) -> MLPModel:
        """Train for as many epochs as `measured`, with its temperature."""
        return neural.fit_again(measured, rows, config=settings.network(), progress=progress)

    def threads(self, settings: FitSettings) -> int:
        """Return the threads of torch."""
        return settings.neural.num_threads

    def extent(self, model: MLPModel) -> int:
        """Return the number of epochs."""
        return model.epochs

    def ready(self, model: MLPModel) -> None:
        """Read the weights."""
        _ = model.network

    def sizes(self, model: MLPModel) -> dict[str, int]:
        """Return epochs, features and learned numbers."""
        return {**super().sizes(model), "parameters": model.parameters}

    def constant(self, model: MLPModel) -> tuple[float, ...]:
        """Return the base score before temperature and sums moved it."""
        return model.constant or model.base_score

    def to_parts(self, model: MLPModel) -> BundleParts:
        """Return the weights, and what must be known to use them."""
        return BundleParts({}, {self.part: bundle.json_bytes(model.to_dict()), _WEIGHTS: model.weights})

    def from_parts(self, found: Bundle) -> MLPModel:
        """Rebuild what `to_parts` gave, checked; torch is not needed for that."""
        return neural.MLPModel.from_dict(found.json(self.part), weights=found.parts[_WEIGHTS])

    def recalibrate(self, model: MLPModel, rows: Rows, *, settings: FitSettings) -> MLPModel:
        """Move intercepts and slope."""
        return neural.recalibrate(model, rows, num_threads=settings.neural.num_threads)

    def inside(self, model: MLPModel) -> dict[str, Any]:
        """Return the network's shape."""
        shape = {name: model.shape[name] for name in ("members", "hidden", "activation")}
        return {"importance": [], "network": {**shape, "temperature": model.temperature, "stopped": model.stopped}}

    def measured(self, model: MLPModel) -> dict[str, Any]:
        """Return the learning curve, and the torch that made it."""
        return {"history": [asdict(epoch) for epoch in model.history], "torch": metadata.version("torch")}

    def warnings(self, model: MLPModel, settings: FitSettings) -> list[str]:
        """Say that training broke off, or ended before the loss did no longer fall."""
        said = [f"Training broke off: {model.stopped}. Lower neural.learning_rate."] if model.stopped else []
        losses = [epoch.held_out_loss for epoch in model.history if epoch.held_out_loss is not None]
        late = losses[-max(len(losses) // 10, 1) - 1 :]
        if model.epochs == settings.neural.max_epochs and late[0] - late[-1] > _STILL * (max(losses) - min(losses)):
            said.append(
                f"The held-out loss still fell at the last of {model.epochs:,} epochs: raise neural.max_epochs or "
                "neural.learning_rate."
            )
        return said

    def broke_off(self, model: MLPModel) -> str | None:
        """Return why training broke off."""
        return f"{model.stopped}; set final to 'evaluated', or lower neural.learning_rate" if model.stopped else None

    def hidden_names(self, model: MLPModel, *, members: int) -> list[str]:
        """Return ``hidden_0, hidden_1, ...``."""
        return neural.embed_names(model, members=members)

    def hidden(self, model: MLPModel, features: pl.DataFrame, *, members: int) -> pl.DataFrame:
        """Return the last hidden layer; see `tabkit.neural.embed`."""
        return neural.embed(model, features, members=members, num_threads=1)


def network_of(predictor: Predictor) -> MLPModel:
    """Return a predictor as the network that it is; `FitError` if it is none."""
    if not isinstance(predictor, neural.MLPModel):
        raise FitError("this strategy is one of a network, which the model is not", advice="choose one of its learner")
    return predictor
