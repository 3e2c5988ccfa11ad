from __future__ import annotations

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest

from tabkit.boosting import Rows
from tabkit.boosting.trees import TreesText
from tabkit.errors import BundleError

OBJECTIVES = ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"]
QUIET = {"verbosity": -1, "num_threads": 1, "boost_from_average": False, "min_data_in_leaf": 5}


def _train(rounds=3, *, rows=400, names="auto", **params) -> tuple[lgb.Booster, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3))
    data = lgb.Dataset(x, x[:, 0] + x[:, 1] * x[:, 2], feature_name=names, params={**QUIET, **params})
    return lgb.train({**QUIET, **params}, data, rounds), x


def _sizes_fit(text: str) -> bool:
    """Whether `tree_sizes` leads from one tree to the next, in bytes, and behind the last to the end."""
    sizes = next(line for line in text.splitlines() if line.startswith("tree_sizes="))[11:].split()
    raw = text.encode()
    at = raw.index(b"\nTree=0\n" if sizes else b"\nend of trees") + 1
    for i, size in enumerate(map(int, sizes)):
        if not raw[at:].startswith(f"Tree={i}\n".encode()):
            return False
        at += size
    return raw[at:].startswith(b"end of trees")


# Reading and writing


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_text_is_written_as_it_was_read_bit_for_bit(name, draw, grow):
    text = grow(name, draw(name)).text
    assert "cat_threshold" in text
    assert TreesText.read(text).write() == text
    assert _sizes_fit(text)


def test_trees_may_be_many():
    booster, _ = _train(120, num_leaves=3)
    text = booster.model_to_string()
    trees = TreesText.read(text)
    assert len(trees.blocks) == 120
    assert trees.write() == text


def test_feature_names_may_have_many_bytes():
    booster, x = _train(names=["größe", "年齢", "Tree=1"])
    trees = TreesText.read(booster.model_to_string())
    assert trees.write() == booster.model_to_string()
    doubled = trees.with_leaves([2 * value for value in trees.values()]).write()
    assert _sizes_fit(doubled)
    np.testing.assert_array_equal(lgb.Booster(model_str=doubled).predict(x), 2 * booster.predict(x))


def test_a_tree_may_be_one_leaf(grow):
    features = pl.DataFrame({"x": [1.0, 2.0] * 50})
    model = grow("regression", Rows(features, np.full(100, 3.0)))
    trees = TreesText.read(model.text)
    assert trees.write() == model.text
    assert [value.tolist() for value in trees.values()] == [[0.0]]
    assert trees.weights()[0].size == 0
    assert trees.ridges(1.0, cat_l2=10.0, max_cat_to_onehot=4)[0].tolist() == [1.0]
    again = trees.with_leaves(trees.values(), trees.weights()).write()
    assert lgb.Booster(model_str=again).predict(features).tolist() == [0.0] * 100


def test_there_may_be_no_tree_at_all():
    booster, _ = _train()
    none = TreesText.read(booster.model_to_string()).first(0)
    assert _sizes_fit(none.write())
    assert TreesText.read(none.write()).write() == none.write()
    assert TreesText.read(none.write()).blocks == ()
    assert lgb.Booster(model_str=none.write()).num_trees() == 0
    whole = TreesText.read(none.write()).plus(TreesText.read(booster.model_to_string()))
    assert whole.write() == booster.model_to_string()


@pytest.mark.parametrize("threads", [1, 4])
def test_lightgbm_loads_what_was_changed_with_any_number_of_threads(threads):
    booster, x = _train(40)
    trees = TreesText.read(booster.model_to_string())
    text = trees.with_leaves([value / 3 for value in trees.values()]).write()
    assert _sizes_fit(text)
    expected = booster.predict(x, num_threads=threads) / 3  # the number of threads holds for the whole process
    loaded = lgb.Booster(model_str=text)
    np.testing.assert_allclose(loaded.predict(x, num_threads=threads), expected, rtol=1e-12)


# The parts


def test_leaves_are_those_that_lightgbm_tells():
    booster, _ = _train()
    values = TreesText.read(booster.model_to_string()).values()
    assert [[booster.get_leaf_output(i, j) for j in range(len(v))] for i, v in enumerate(values)] == [
        value.tolist() for value in values
    ]


def test_weights_are_sums_of_second_derivatives():
    booster, _ = _train()
    for weight in TreesText.read(booster.model_to_string()).weights():
        assert weight.sum() == 400  # one each under squared error


def test_shrinkages_are_learning_rates():
    assert TreesText.read(_train(learning_rate=0.3)[0].model_to_string()).shrinkages() == [0.3] * 3


def test_numbers_survive_bit_for_bit():
    booster, _ = _train(1)
    trees = TreesText.read(booster.model_to_string())
    odd = np.resize([0.1 + 0.2, 1e-300, -1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789.123456789], 31)
    text = trees.with_leaves([odd], [odd]).write()
    assert TreesText.read(text).values()[0].tobytes() == TreesText.read(text).weights()[0].tobytes() == odd.tobytes()
    loaded = lgb.Booster(model_str=text)
    assert [loaded.get_leaf_output(0, j) for j in range(31)] == odd.tolist()


def test_the_first_trees_are_lightgbms_own_first_iterations():
    booster, x = _train(6)
    first = lgb.Booster(model_str=TreesText.read(booster.model_to_string()).first(4).write())
    np.testing.assert_array_equal(first.predict(x), booster.predict(x, num_iteration=4))


def test_trees_behind_others_add_their_scores_and_are_numbered_on():
    (one, x), (other, _) = _train(11), _train(4, num_leaves=4)
    both = TreesText.read(one.model_to_string()).plus(TreesText.read(other.model_to_string())).write()
    assert _sizes_fit(both)
    np.testing.assert_allclose(lgb.Booster(model_str=both).predict(x), one.predict(x) + other.predict(x), rtol=1e-12)


def test_only_leaves_below_a_division_of_many_categories_have_more_penalty():
    rng = np.random.default_rng(0)
    few, many = rng.integers(0, 3, 2000), rng.integers(0, 12, 2000)
    for codes, expected in ((few, {1.0}), (many, {11.0})):
        data = lgb.Dataset(codes[:, None], np.cos(codes * 5.0), categorical_feature=[0], params=QUIET)
        trees = TreesText.read(lgb.train(QUIET, data, 3).model_to_string())
        found = trees.ridges(1.0, cat_l2=10.0, max_cat_to_onehot=4)
        assert [ridge.size for ridge in found] == [value.size for value in trees.values()]
        assert set(np.concatenate(found)) == expected
    numbers = TreesText.read(_train()[0].model_to_string()).ridges(1.0, cat_l2=10.0, max_cat_to_onehot=4)
    assert set(np.concatenate(numbers)) == {1.0}


# What is damaged


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "no model",
        lambda text: "end of trees",
        lambda text: text[: len(text) // 2],
        lambda text: text[100:],
        lambda text: text.replace("end of trees", "end"),
        lambda text: text.replace("leaf_value=", "leaf_value=x "),
        lambda text: text.replace("leaf_value=", "leaf_values="),
        lambda text: text.replace("shrinkage=", "# "),
    ],
)
def test_a_damaged_text_is_told(damage):
    def read(text):
        trees = TreesText.read(text)
        return trees.values(), trees.shrinkages()

    text = _train()[0].model_to_string()
    read(text)
    with pytest.raises(BundleError, match="To do"):
        read(damage(text))
