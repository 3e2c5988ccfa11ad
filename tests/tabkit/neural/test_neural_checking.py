from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from tabkit.errors import BundleError
from tabkit.neural import MLPModel, fit


@pytest.fixture(scope="module")
def saved(rows, config):
    model = fit(rows("multiclass"), config=config("multiclass", max_epochs=1), classes=("a", "b", "c"))
    return json.dumps(model.to_dict()), model.weights


def changed(text: str, path: str, value: object) -> dict:
    state = json.loads(text)
    *above, last = path.split(".")
    place = state
    for name in above:
        place = place[name]
    place[last] = value
    return state


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("shape.hidden", [16, 16_000, 16_000]), ("shape.hidden", "abc"), ("shape.hidden", []), ("shape.hidden", [0]),
        ("shape.members", 10**9), ("shape.members", True), ("shape.activation", "tanh"), ("shape.outputs", 2),
        ("shape.numbers", 7), ("shape.sizes", [10**8]), ("shape.bins", -1), ("shape.dropout", 0.1), ("shape", [1]),
        ("base_score", [0.1]), ("base_score", "abc"), ("base_score", [0.0, float("nan"), 0.0]), ("slope", "2"),
        ("slope", float("inf")), ("objective", "binary"), ("objective", "none"), ("classes", ["a"]), ("epochs", -1),
        ("inputs.scale", [1.0]), ("inputs.scale", [0.0, 1.0]), ("inputs.center", ["a", 1.0]),
        ("inputs.numbers", ["x", "q"]), ("inputs.levels.code", [1.5, 2.0]), ("inputs.levels.code", [999, 1]),
        ("inputs.levels.code", [-5, 1, 2, 3]), ("inputs.levels", {"nothing": [1, 2, 3, 4]}), ("inputs.levels", 3),
        ("inputs.features", [1, 2, 3]), ("history", [{"a": 1}]), ("history", 5), ("inputs", None),
    ],
)  # fmt: skip
def test_what_no_fit_would_save_is_refused_before_anything_is_built(path, value, saved):
    with pytest.raises(BundleError):
        MLPModel.from_dict(changed(saved[0], path, value), weights=saved[1])


def test_what_a_fit_saves_is_taken(saved, rows):
    model = MLPModel.from_dict(json.loads(saved[0]), weights=saved[1])
    assert np.isfinite(model.predict(rows("multiclass").features)).all()


def test_weights_that_are_no_numbers_are_refused(saved, rows):
    weights = load(saved[1])
    weights["head.weight"] = np.full_like(weights["head.weight"], np.nan)
    model = MLPModel.from_dict(json.loads(saved[0]), weights=save(weights))
    with pytest.raises(BundleError, match="finite"):
        model.predict(rows("multiclass").features)
