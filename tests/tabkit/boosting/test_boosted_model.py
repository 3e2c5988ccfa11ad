from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit.boosting import BoostedModel, BoostingConfig, Rows, fit
from tabkit.errors import BundleError, SchemaError, ScoringError

N = 1000
CLASSES = ("high", "low", "mid: dle")


def _model(name="regression", columns=("a", "b", "c"), **settings) -> tuple[BoostedModel, pl.DataFrame]:
    rng = np.random.default_rng(0)
    features = pl.DataFrame({column: rng.normal(size=N) for column in columns})
    signal = features.to_numpy() @ np.arange(len(columns)) + 0.1 * rng.normal(size=N)
    y = {
        "regression": signal,
        "binary": (signal > 0.3).astype(float),
        "multiclass": np.digitize(signal, [-1, 1]).astype(float),
        "poisson": np.floor(np.exp(signal / 2)),
    }[name]
    config = BoostingConfig(**{"objective": name, "num_threads": 1, "max_trees": 25, "num_leaves": 6, **settings})
    return fit(Rows(features, y), config=config, classes=CLASSES if name == "multiclass" else ()), features


NAMES = ["regression", "binary", "multiclass", "poisson"]


@pytest.mark.parametrize("name", NAMES)
def test_contributions_sum_to_the_raw_score(name):
    model, features = _model(name)
    found = model.contributions(features, num_threads=1)
    raw = model.raw(features, num_threads=1).reshape(N, -1)
    assert isinstance(found, pl.DataFrame)
    if name == "multiclass":
        assert found.columns == [f"{label}: {column}" for label in CLASSES for column in (*features.columns, "base")]
        sums = found.to_numpy().reshape(N, 3, 4).sum(axis=2)
    else:
        assert found.columns == [*features.columns, "base"]
        sums = found.sum_horizontal().to_numpy()[:, None]
    np.testing.assert_allclose(sums, raw, rtol=1e-9, atol=1e-9)


def test_the_base_of_the_contributions_is_the_mean_raw_score_of_the_fit():
    model, features = _model()
    found = model.contributions(features, num_threads=1)["base"]
    assert found.n_unique() == 1
    assert found[0] == pytest.approx(model.raw(features, num_threads=1).mean(), abs=1e-6)


def test_a_feature_may_be_called_base():
    model, features = _model(columns=("base", "base_", "x"))
    assert model.contributions(features, num_threads=1).columns == ["base", "base_", "x", "base__"]


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_taken_by_name_whatever_their_order_and_company(name):
    model, features = _model(name)
    shuffled = features.select("c", pl.lit("text").alias("extra"), "a", "b")
    np.testing.assert_array_equal(model.predict(shuffled, num_threads=1), model.predict(features, num_threads=1))
    assert_frame_equal(model.contributions(shuffled, num_threads=1), model.contributions(features, num_threads=1))


@pytest.mark.parametrize("method", ["raw", "predict", "contributions"])
def test_missing_and_textual_features_are_refused(method):
    model, features = _model()
    with pytest.raises(SchemaError, match="'b', 'c'"):
        getattr(model, method)(features.drop("b", "c"))
    with pytest.raises(SchemaError, match="'b'"):
        getattr(model, method)(features.with_columns(pl.col("b").cast(pl.String)))


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_frame_gives_empty_scores(name):
    model, features = _model(name)
    assert model.predict(features.clear()).shape == model.predict(features)[:0].shape
    assert model.contributions(features.clear()).shape == model.contributions(features)[:0].shape
    assert model.contributions(features.clear()).schema == model.contributions(features).schema


def test_an_offset_of_the_wrong_length_is_refused():
    model, features = _model("poisson")
    with pytest.raises(ScoringError, match=r"\(1,\); \(1000,\) was expected"):
        model.predict(features, offset=np.zeros(1))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_without_trees_says_the_base_score(name):
    model, features = _model(name)
    bare = replace(model, trees=0)
    np.testing.assert_array_equal(bare.raw(features).reshape(N, -1), np.tile(np.array(model.base_score), (N, 1)))
    assert bare.importance()["gain"].to_list() == bare.importance()["splits"].to_list() == [0, 0, 0]
    contributions = bare.contributions(features).to_numpy().reshape(N, -1, 4)
    assert (contributions[:, :, :3] == 0).all()
    np.testing.assert_array_equal(contributions[:, :, 3], np.tile(np.array(model.base_score), (N, 1)))


def test_fewer_trees_can_be_made_to_count():
    model, features = _model()
    short = replace(model, trees=5)
    expected = model.booster.predict(features, num_iteration=5) + model.base_score[0]
    np.testing.assert_array_equal(short.raw(features, num_threads=1), expected)
    assert short.importance()["splits"].sum() < model.importance()["splits"].sum()


def test_importance_is_sorted_and_its_shares_sum_to_one():
    model, _ = _model()
    found = model.importance()
    assert found.columns == ["feature", "gain", "share", "splits"]
    assert found["feature"].to_list() == ["c", "b", "a"]
    assert found["share"].sum() == pytest.approx(1)
    assert found["splits"].sum() == 25 * 5


def test_many_threads_may_score_with_one_model_at_once():
    model, features = _model("multiclass")
    expected = model.predict(features, num_threads=1)
    fresh = replace(model)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: fresh.predict(features, num_threads=1), range(40)):
            np.testing.assert_array_equal(found, expected)


# Travel


@pytest.mark.parametrize("name", NAMES)
def test_it_travels_as_plain_data_and_text(name):
    model, features = _model(name)
    state = json.loads(json.dumps(model.to_dict(), allow_nan=False))
    assert "text" not in state
    again = BoostedModel.from_dict(state, text=model.text.encode().decode())
    np.testing.assert_array_equal(again.predict(features, num_threads=1), model.predict(features, num_threads=1))
    assert_frame_equal(again.contributions(features[:5]), model.contributions(features[:5]))
    assert again.to_dict() == model.to_dict()


def test_the_losses_travel_too():
    model, features = _model()
    valid = Rows(features, model.raw(features))
    fitted = fit(valid, valid, config=BoostingConfig(objective="regression", max_trees=5, num_threads=1))
    again = BoostedModel.from_dict(json.loads(json.dumps(fitted.to_dict())), text=fitted.text)
    assert (again.held_out_loss, again.base_loss) == (fitted.held_out_loss, fitted.base_loss)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("num_leaves=6", "num_leaves=9", 1),
        lambda text: text.replace("leaf_value", "leaf_valye", 1),
        lambda text: text + " ",
    ],
)
def test_a_damaged_text_is_refused_before_lightgbm_aborts_the_process(damage):
    model, _ = _model()
    with pytest.raises(BundleError, match="saved"):
        BoostedModel.from_dict(model.to_dict(), text=damage(model.text))


def test_a_text_that_is_no_model_is_refused_when_it_is_read():
    model, features = _model()
    with pytest.raises(BundleError, match="not the text"):
        replace(model, text="no model").predict(features)


def test_an_unknown_objective_is_refused():
    model, _ = _model()
    with pytest.raises(BundleError, match="unknown objective 'huber'"):
        BoostedModel.from_dict({**model.to_dict(), "objective": "huber"}, text=model.text)


def test_what_lightgbm_cannot_do_is_said_without_its_own_error():
    model, features = _model(params={"linear_tree": True})
    assert np.isfinite(model.predict(features, num_threads=1)).all()
    with pytest.raises(ScoringError, match="linear trees"):
        model.contributions(features)
