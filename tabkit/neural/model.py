"""A fitted network: its weights as bytes, and what is needed to use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.errors import BundleError, ScoringError
from tabkit.extras import require
from tabkit.neural.backend import threads
from tabkit.neural.calibrate import intercepts
from tabkit.neural.checking import check_model
from tabkit.neural.history import Epoch
from tabkit.neural.inputs import Inputs
from tabkit.objective import OBJECTIVES, Objective, inverse_link
from tabkit.rows import Rows

Floats = NDArray[np.float64]
_ROWS = 16_384  # scored at a time: activations fit into a processor's cache
_NUMBERS = 2**25  # at once in a layer


@dataclass(frozen=True, eq=False)
class MLPModel:
    """A network on a base score: ``prediction = inverse link(base score + offset + slope * network)``.

    Parameters
    ----------
    objective
        The name of the objective; it decides the link.
    inputs
        From features to the arrays that the network takes.
    shape
        What the network is made of, as plain data; see `tabkit.neural.mlp.Shape`.
    weights
        In the safetensors format.
    base_score
        One number, or one per class, on the raw scale.
    slope
        What the network's score is multiplied by: the spread of the target for regression, one over the temperature
        for classes.
    epochs
        How many passes over the rows made these weights; 0 if none was better than the base score.
    constant
        The base score of the rows of the fit, which `base_score` is moved from by the temperature, or so that sums are
        kept.
    classes
        The labels of a classification.
    temperature
        What the scores of classes were divided by in the fit, held-out rows deciding (Guo et al. 2017, "On
        calibration"): above 1 the network was too sure of itself. It is in `base_score` and `slope` already.
    config
        The settings of the fit.
    history
        By epoch.
    held_out_loss, base_loss
        Of the objective, on the rows that stopped the training and chose the temperature: of this model, and of the
        base score alone.
    stopped
        Why training broke off, if it did.
    """

    learner: ClassVar[str] = "mlp"
    objective: str
    inputs: Inputs
    shape: Mapping[str, Any]
    weights: bytes = field(repr=False)
    base_score: tuple[float, ...]
    slope: float
    epochs: int
    constant: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()
    temperature: float = 1.0
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    history: tuple[Epoch, ...] = field(default=(), repr=False)
    held_out_loss: float | None = None
    base_loss: float | None = None
    stopped: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names in the order of the fit."""
        return self.inputs.features

    @property
    def kind(self) -> Objective:
        """The objective with its link."""
        return OBJECTIVES[self.objective]  # type: ignore[index]  # a name from the registry

    @property
    def parameters(self) -> int:
        """How many numbers the network learned."""
        shape, columns = self.shape, self.shape["numbers"] + self.shape["missing"]
        linear = sum((a + 1) * b for a, b in pairwise(self._layers))
        levels = sum(size * embedded for size, embedded in zip(shape["sizes"], self._embedded, strict=True))
        return int(shape["members"] * (columns + levels + linear))

    @property
    def _embedded(self) -> list[int]:
        """The dimensions of each categorical feature."""
        return [min(max(size - 1, 1), self.shape["embedding_size"]) for size in self.shape["sizes"]]

    @property
    def _layers(self) -> list[int]:
        """The widths of all layers, from what goes in to what comes out."""
        shape = self.shape
        first = shape["numbers"] * (1 + shape["bins"]) + shape["missing"] + sum(self._embedded)
        return [first, *shape["hidden"], shape["outputs"]]

    @property
    def _widest(self) -> int:
        return max(self._layers)

    @cached_property
    def network(self) -> Any:
        """Torch's own object, a `tabkit.neural.mlp.MLP` on the CPU.

        Raises
        ------
        ImportError
            If the extra `neural` is not installed.
        BundleError
            If the weights are not those of the shape.
        """
        mlp, safetensors = require("tabkit.neural.mlp", extra="neural"), require("safetensors.torch", extra="neural")
        shape = {k: tuple(v) if isinstance(v, list) else v for k, v in self.shape.items()}
        try:
            apart = require(
                "torch", extra="neural"
            ).Generator()  # a training elsewhere keeps its stream of random numbers
            network = mlp.MLP(mlp.Shape(**shape), generator=apart)
            network.load_state_dict(safetensors.load(self.weights))
        except Exception as error:  # safetensors and torch raise many kinds
            raise BundleError(f"the weights cannot be read: {error}", advice="train again") from error
        if not all(bool(value.isfinite().all()) for value in network.state_dict().values()):
            raise BundleError("some weights are no finite numbers", advice="copy the bundle again, or train")
        return network.requires_grad_(False).eval()

    def raw(self, features: pl.DataFrame, *, offset: Floats | None = None, num_threads: int = 0) -> Floats:
        """Return raw scores, shape (n,), or (n, classes) for multiclass.

        Parameters
        ----------
        features
            Encoded rows; columns are taken by name, null and NaN mean missing.
        offset
            Shape (n,), added to the score: log(exposure) for a log link.
        num_threads
            0 takes torch's own number.

        Raises
        ------
        SchemaError
            If a feature is missing or not numeric.
        ScoringError
            If a feature is infinite.
        ImportError
            If the extra `neural` is not installed.
        """
        base = np.array(self.base_score)
        added = self._run("forward", features, len(base), num_threads=num_threads)
        score = base + self.slope * added.astype(np.float64)
        if offset is not None:
            shift = np.asarray(offset, dtype=np.float64)
            if shift.shape != (features.height,):
                raise ScoringError(f"the offset has shape {shift.shape}; ({features.height},) was expected")
            score = score + shift[:, None]
        return np.asarray(score if len(base) > 1 else score[:, 0])

    def predict(self, features: pl.DataFrame, *, offset: Floats | None = None, num_threads: int = 0) -> Floats:
        """Return predictions on the target's scale: probabilities, means or quantiles; see `raw`."""
        return inverse_link(self.raw(features, offset=offset, num_threads=num_threads), self.kind.link)

    def hidden(self, features: pl.DataFrame, *, members: int, num_threads: int = 0) -> NDArray[np.float32]:
        """Return the last hidden layer of the first `members` members, shape (n, members * hidden[-1])."""
        return self._run("embed", features, members * self.shape["hidden"][-1], num_threads=num_threads)

    def _run(self, what: str, features: pl.DataFrame, width: int, *, num_threads: int) -> NDArray[np.float32]:
        torch, network = require("torch", extra="neural"), self.network
        rows = min(max(_NUMBERS // (self.shape["members"] * self._widest), 64), _ROWS)
        found = np.empty((features.height, width), dtype=np.float32)
        with threads(num_threads), torch.inference_mode():
            for start in range(0, features.height, rows):
                batch = self.inputs.batch(features.slice(start, rows))
                result = getattr(network, what)(*map(torch.from_numpy, batch))
                if result.ndim == 3:
                    result = result.transpose(0, 1).flatten(1)[:, :width]
                found[start : start + rows] = result.numpy()
        return found

    def cooled(self, by: float, rows: Rows, *, num_threads: int = 0) -> MLPModel:
        """Return the model with its scores of classes divided by a further temperature.

        Their mean probabilities on `rows`, those of the fit, are kept at the shares of the classes there.
        """
        if by == 1.0:
            return self
        base = np.array(self.base_score)
        raw = self.raw(rows.features, num_threads=num_threads).reshape(-1, len(base))
        found = intercepts((raw - base) / by, base, rows.y, weight=rows.weights(), offset=rows.offsets())
        score = tuple(map(float, found))
        return replace(self, base_score=score, slope=self.slope / by, temperature=self.temperature * by)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a bundle; the weights are saved as a part of their own."""
        state = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "weights"}
        plain = {"inputs": self.inputs.to_dict(), "history": [asdict(epoch) for epoch in self.history]}
        return {**state, "shape": dict(self.shape), "config": dict(self.config), **plain}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], *, weights: bytes) -> MLPModel:
        """Rebuild what `to_dict` gave, with the weights; torch is not needed before the first score.

        Raises
        ------
        BundleError
            If the parts are not those of a network, or do not fit each other.
        """
        try:
            if state["objective"] not in OBJECTIVES:
                raise BundleError(f"unknown objective {state['objective']!r}", advice="upgrade tabkit-ml")
            values = {item.name: state[item.name] for item in fields(cls) if item.name not in ("weights", "constant")}
            values |= {name: tuple(state.get(name, ())) for name in ("base_score", "classes", "constant")}
            values["inputs"] = Inputs.from_dict(state["inputs"])
            values["history"] = tuple(Epoch(**epoch) for epoch in state["history"])
            model = cls(**values, weights=weights)
            check_model(model)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise BundleError(
                f"the network is not as tabkit saves it: {type(error).__name__}: {error}",
                advice="copy the bundle again",
            ) from error
        return model
