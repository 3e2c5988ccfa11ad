from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import safetensors.torch
import torch

from tabkit.errors import BundleError, SchemaError, ScoringError
from tabkit.neural import MLPModel, fit
from tabkit.neural import model as model_module

OBJECTIVES = ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"]


@pytest.fixture(scope="module")
def fitted(rows, config):
    return fit(rows(), rows(seed=1), config=config(max_epochs=3, numeric_embedding="piecewise", bins=4))


def _again(model: MLPModel) -> MLPModel:
    return MLPModel.from_dict(json.loads(json.dumps(model.to_dict())), weights=bytes(model.weights))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_saved_model_is_the_same_model(name, rows, config, labels):
    train, valid = rows(name), rows(name, seed=1)
    settings = config(name, max_epochs=3, numeric_embedding="piecewise", bins=4)
    model = fit(train, valid, config=settings, classes=labels(name))
    again = _again(model)
    np.testing.assert_array_equal(again.predict(valid.features), model.predict(valid.features))
    assert json.dumps(again.to_dict()) == json.dumps(model.to_dict())
    assert again.history == model.history
    assert again.features == ("x", "z", "code")
    assert again.classes == labels(name)
    assert again.kind.name == name
    assert "weights" not in model.to_dict()


def test_parameters_are_counted_without_torch(fitted, rows, config):
    assert fitted.parameters == sum(p.numel() for p in fitted.network.parameters())
    assert _again(fitted).parameters == fitted.parameters
    bare = fit(rows("multiclass"), config=config("multiclass", max_epochs=1, hidden=[3, 4, 5]), classes=("a", "b", "c"))
    assert bare.parameters == sum(p.numel() for p in bare.network.parameters())


def test_a_prediction_is_the_link_of_base_slope_and_network(rows, config):
    model = fit(rows("poisson"), config=config("poisson", max_epochs=2))
    frame, offset = rows(seed=1).features, np.linspace(-1, 1, 400)
    numbers, levels = map(torch.from_numpy, model.inputs.batch(frame))
    score = model.network(numbers, levels).numpy()[:, 0].astype(float)
    raw = model.base_score[0] + model.slope * score + offset
    np.testing.assert_allclose(model.raw(frame, offset=offset), raw)
    np.testing.assert_allclose(model.predict(frame, offset=offset), np.exp(raw))


def test_a_further_temperature_divides_the_raw_scores(rows, config):
    model = fit(rows("binary"), rows("binary", seed=1), config=config("binary", max_epochs=2))
    cooled = model.cooled(2.0, rows("binary"))
    apart = cooled.raw(rows().features) - model.raw(rows().features) / 2
    np.testing.assert_allclose(apart, apart[0], atol=1e-6)
    assert cooled.temperature == 2 * model.temperature


def test_columns_are_taken_by_name(fitted, rows):
    frame = rows(seed=1).features
    other = frame.select("code", pl.lit("text").alias("extra"), "z", "x")
    np.testing.assert_array_equal(fitted.predict(other), fitted.predict(frame))
    with pytest.raises(SchemaError, match="'x', 'z'"):
        fitted.predict(frame.drop("x", "z"))
    with pytest.raises(SchemaError, match="'x'"):
        fitted.predict(frame.with_columns(x=pl.lit("text")))


def test_rows_are_scored_alike_in_any_company(fitted, rows, monkeypatch):
    frame = rows(seed=1).features
    whole = fitted.predict(frame)
    monkeypatch.setattr(model_module, "_ROWS", 37)
    np.testing.assert_allclose(fitted.predict(frame), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fitted.predict(frame[5:6]), whole[5:6], rtol=1e-5, atol=1e-6)
    assert fitted.predict(frame.clear()).shape == (0,)


def test_nulls_and_new_levels_are_scored_though_the_fit_had_none(fitted):
    values = [None, float("nan"), 1e300, -1e300, 0.0]
    frame = pl.DataFrame({"x": values, "z": values, "code": pl.Series([None, float("nan"), -1, 7.5, 1e12])})
    found = fitted.predict(frame)
    assert np.isfinite(found).all()
    assert found[0] == found[1]
    with pytest.raises(ScoringError, match="'x'"):
        fitted.predict(frame.with_columns(x=pl.lit(float("inf"))))


def test_an_offset_of_another_length_is_refused(fitted, rows):
    with pytest.raises(ScoringError, match=r"\(3,\)"):
        fitted.predict(rows().features, offset=np.zeros(3))


def test_scoring_does_not_touch_the_frame_or_torchs_random_numbers(fitted, rows):
    frame = rows(seed=1).features
    copy, before = frame.clone(), torch.get_rng_state()
    _again(fitted).predict(frame)
    assert frame.equals(copy)
    assert torch.equal(before, torch.get_rng_state())


def test_threads_at_once_score_as_one_does(fitted, rows):
    frames = [rows(seed=seed).features for seed in range(8)]
    alone = [fitted.predict(frame, num_threads=1) for frame in frames]
    fresh = _again(fitted)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda frame: fresh.predict(frame, num_threads=1), frames * 3))
    for found, wanted in zip(together, alone * 3, strict=True):
        np.testing.assert_array_equal(found, wanted)


# What is damaged


@pytest.mark.parametrize("damage", [lambda w: b"", lambda w: w[:-4], lambda w: b"\xff" * len(w), lambda w: w[8:]])
def test_damaged_weights_are_named(damage, fitted, rows):
    with pytest.raises(BundleError, match="weights cannot be read"):
        replace(fitted, weights=damage(fitted.weights)).predict(rows().features)


@pytest.mark.parametrize(
    "change",
    [{"hidden": (8,)}, {"members": 1}, {"outputs": 2}, {"bins": 0}, {"sizes": ()}, {"activation": 3, "more": 1}],
)
def test_weights_of_another_shape_are_named(change, fitted, rows):
    with pytest.raises(BundleError, match="weights cannot be read"):
        replace(fitted, shape={**fitted.shape, **change}).predict(rows().features)


def test_a_weight_too_few_or_too_many_is_named(fitted, rows):
    tensors = safetensors.torch.load(fitted.weights)
    for wrong in ({**tensors, "more": torch.zeros(1)}, {k: v for k, v in tensors.items() if k != "scale"}):
        with pytest.raises(BundleError, match="weights cannot be read"):
            replace(fitted, weights=safetensors.torch.save(wrong)).predict(rows().features)


def test_an_unknown_objective_is_named(fitted):
    with pytest.raises(BundleError, match="'ranking'"):
        MLPModel.from_dict({**fitted.to_dict(), "objective": "ranking"}, weights=b"")


# Without torch

_LOADS = """
import json, sys
sys.modules[{name!r}] = None
import polars as pl
from tabkit.neural import MLPModel, MLPConfig, check_device, embed, fit
from pathlib import Path
folder = Path({folder!r})
model = MLPModel.from_dict(json.loads((folder / "state.json").read_text()), weights=(folder / "w").read_bytes())
assert model.features == ("x", "z", "code") and model.parameters > 0 and model.history
assert "torch" not in {{name for name, module in sys.modules.items() if module}}
frame = pl.DataFrame({{"x": [1.0], "z": [1.0], "code": [1]}})
for call in (lambda: model.predict(frame), lambda: embed(model, frame)):
    try:
        call()
    except ImportError as error:
        assert "tabkit-ml[neural]" in str(error) and {name!r} in str(error) and error.name == {name!r}, error
    else:
        raise SystemExit("no error")
print("done")
"""


@pytest.mark.parametrize("name", ["torch", pytest.param("safetensors", marks=pytest.mark.slow)])
def test_a_model_is_read_without_the_extra_and_says_what_a_score_needs(name, fitted, tmp_path):
    (tmp_path / "state.json").write_text(json.dumps(fitted.to_dict()))
    (tmp_path / "w").write_bytes(fitted.weights)
    script = _LOADS.format(name=name, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "done", done.stderr


def test_a_fit_without_torch_says_what_it_needs(rows, config, monkeypatch):
    for name in ("torch", "tabkit.neural.mlp"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"network.*install 'tabkit-ml\[neural\]'"):
        fit(rows(), config=config())
