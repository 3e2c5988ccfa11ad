from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest

from tabkit.boosting import BoostedModel, Rows, extend, recalibrate, refit, refusal
from tabkit.boosting.trees import TreesText
from tabkit.errors import ConfigError, FitError
from tabkit.objective import loss

OBJECTIVES = ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"]
QUIET = {"verbosity": -1, "num_threads": 1}


def _raw(model, rows):
    return model.raw(rows.features, offset=rows.offset, num_threads=1)


def _loss(model, rows, config):
    found = model.predict(rows.features, offset=rows.offset, num_threads=1)
    return loss(rows.y, found, weight=rows.weights(), config=config, objective=model.kind)


# Known answers


@pytest.mark.parametrize("name", OBJECTIVES)
def test_by_no_trees_it_is_the_same_model(name, draw, grow, quick_boosting):
    rows = draw(name)
    model = grow(name, rows)
    assert extend(model, rows, config=quick_boosting(name), trees=0) is model
    assert extend(model, rows, rows, config=quick_boosting(name), trees=0) is model


@pytest.mark.parametrize("params", [{}, {"extra_trees": False, "max_depth": 3, "path_smooth": 1.0, "lambda_l1": 0.1}])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_thirty_trees_and_thirty_more_are_sixty_at_once(name, params, draw, grow, quick_boosting):
    rows, new = draw(name), draw(name, 1, shift=0.5)
    settings = {"max_trees": 30, "learning_rate": 0.1, "params": params}
    found = extend(grow(name, rows, **settings), rows, config=quick_boosting(name, **settings), trees=30)
    whole = grow(name, rows, **{**settings, "max_trees": 60})
    assert found.trees == whole.trees == 60
    assert found.base_score == whole.base_score
    np.testing.assert_allclose(_raw(found, new), _raw(whole, new), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_is_lightgbm_started_at_the_models_scores(name, draw, grow, quick_boosting, given):
    model, new = grow(name, draw(name, sets=False)), draw(name, 1, shift=0.5, sets=False)
    config = quick_boosting(name, learning_rate=0.05, num_leaves=4)
    found = extend(model, new, config=config, trees=7)
    start, (begin, label) = _raw(model, new), given(model, new)
    own = begin.reshape(start.shape) + model.booster.predict(new.features, raw_score=True)
    data = lgb.Dataset(new.features, label, weight=new.weight, init_score=own, params=dict(found.params))
    booster = lgb.train(dict(found.params), data, 7)
    by_hand = booster.predict(new.features, raw_score=True).reshape(start.shape) + start
    np.testing.assert_allclose(_raw(found, new), by_hand, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_new_trees_follow_new_rows(name, draw, grow, quick_boosting):
    model, new, later = grow(name, draw(name)), draw(name, 1, 3000, shift=0.8), draw(name, 2, shift=0.8)
    config = quick_boosting(name)
    assert _loss(extend(model, new, config=config, trees=20), later, config) < _loss(model, later, config)


# What stays


@pytest.mark.parametrize("update", [None, "refit", "recalibrate"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_first_trees_are_the_parent_bit_for_bit(name, update, draw, grow, quick_boosting):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.5)
    if name != "quantile" and update:
        model = refit(model, new, decay=0.5) if update == "refit" else recalibrate(model, new)
    text, before = model.text, _raw(model, new)
    found = extend(model, new, config=quick_boosting(name), trees=5)
    parent = found.booster.model_to_string(num_iteration=model.trees)
    assert parent == model.booster.model_to_string()
    np.testing.assert_array_equal(_raw(replace(model, text=parent), new), before)
    np.testing.assert_array_equal(_raw(replace(found, trees=model.trees), new), before)
    assert TreesText.read(found.text).blocks[: model.trees * len(model.base_score)] == TreesText.read(text).blocks
    assert (model.text, found.base_score) == (text, model.base_score)
    assert (found.features, found.classes) == (model.features, model.classes)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_contributions_sum_to_the_raw_score_and_the_bundle_keeps_the_bits(name, draw, grow, quick_boosting):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.5)
    found = extend(model, new, config=quick_boosting(name), trees=9)
    raw = found.raw(new.features, num_threads=1)
    sums = found.contribution_array(new.features, num_threads=1).sum(axis=2)
    np.testing.assert_allclose(sums, raw.reshape(sums.shape), atol=1e-9)
    again = BoostedModel.from_dict(found.to_dict(), text=found.text)
    np.testing.assert_array_equal(again.raw(new.features, num_threads=1), raw)
    assert again.booster.num_trees() == again.trees * len(model.base_score) == 21 * len(model.base_score)
    assert found.importance()["splits"].sum() > model.importance()["splits"].sum()


@pytest.mark.parametrize("blend", [{"decay": 0.0}, {"evidence": 1.0}])
@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name != "quantile"])
def test_a_refit_of_all_trees_on_the_rows_of_all_is_the_identity(name, blend, draw, grow, quick_boosting):
    rows = draw(name)
    found = extend(grow(name, rows), rows, config=quick_boosting(name, learning_rate=0.05), trees=9)
    np.testing.assert_allclose(_raw(refit(found, rows, **blend), rows), _raw(found, rows), rtol=0, atol=1e-12)


def test_refit_then_extend_grows_from_the_refitted_scores(draw, grow, quick_boosting):
    model, new = grow("regression", draw("regression")), draw("regression", 1, shift=0.5)
    moved = refit(model, new, decay=0.3)
    found = extend(moved, new, config=quick_boosting("regression"), trees=20)
    assert found.trees == 32
    assert np.square(_raw(found, new) - new.y).mean() < np.square(_raw(moved, new) - new.y).mean()


def test_trees_that_do_not_count_make_room(draw, grow, quick_boosting):
    rows, new = draw("binary"), draw("binary", 1)
    config = quick_boosting("binary")
    for trees in (0, 5):
        counted = replace(grow("binary", rows), trees=trees)
        found = extend(counted, new, config=config, trees=4)
        assert found.trees == found.booster.num_trees() == trees + 4
        np.testing.assert_array_equal(_raw(replace(found, trees=trees), new), _raw(counted, new))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_rows_give_the_same_bytes(threads, draw, grow, quick_boosting):
    model, new = grow("binary", draw("binary")), draw("binary", 1)
    config = quick_boosting("binary").model_copy(update={"num_threads": threads})
    assert extend(model, new, config=config, trees=9).text == extend(model, new, config=config, trees=9).text


# How many trees


def test_the_learning_rate_is_its_own(draw, grow, quick_boosting):
    model, new = grow("binary", draw("binary"), learning_rate=0.2), draw("binary", 1)
    found = extend(model, new, config=quick_boosting("binary", learning_rate=0.03), trees=2)
    assert TreesText.read(found.text).shrinkages() == [0.2] * 12 + [0.03] * 2
    assert found.params["learning_rate"] == 0.03


@pytest.mark.parametrize("name", OBJECTIVES)
def test_growing_stops_where_the_held_out_loss_is_least(name, draw, grow, quick_boosting):
    model = grow(name, draw(name))
    new, valid = draw(name, 1, 700, shift=0.8), draw(name, 2, 700, shift=0.8)
    config = quick_boosting(name, early_stopping_rounds=10)
    found = extend(model, new, valid, config=config, trees=400)
    assert model.trees < found.trees < model.trees + 400
    assert found.booster.num_trees() == found.trees * len(model.base_score)
    assert found.held_out_loss == pytest.approx(_loss(found, valid, config))
    assert found.held_out_loss < _loss(model, valid, config)
    assert found.held_out_loss <= _loss(replace(found, trees=found.trees - 1), valid, config)


@pytest.mark.parametrize("rate", [5.0, 1e4, 1e300])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_trees_that_harm_are_dropped(name, rate, draw, grow, quick_boosting):
    model = grow(name, draw(name, rows=3000))
    new, valid = draw(name, 1, 60), draw(name, 2)
    config = quick_boosting(name, learning_rate=rate, min_data_in_leaf=2, early_stopping_rounds=3)
    assert extend(model, new, valid, config=config, trees=20) is model


def test_without_early_stopping_trees_must_still_help_the_held_out_rows(draw, grow, quick_boosting):
    model, new, valid = (grow("binary", draw("binary")), *(draw("binary", seed, shift=0.8) for seed in (1, 2)))
    assert extend(model, new, valid, config=quick_boosting("binary"), trees=9).trees == 21
    wild = quick_boosting("binary", learning_rate=1e3)
    assert extend(model, new, valid, config=wild, trees=9) is model


def test_there_is_a_cap_on_all_trees(draw, grow, quick_boosting):
    rows = draw("binary")
    model, config = grow("binary", rows), quick_boosting("binary")
    assert extend(model, rows, config=config, trees=3, most_trees=15).trees == 15
    with pytest.raises(ConfigError, match=r"12 trees.*4.*asked.*15") as error:
        extend(model, rows, config=config, trees=4, most_trees=15)
    assert "retrain" in str(error.value)
    assert extend(model, rows, config=config, trees=0, most_trees=5) is model
    with pytest.raises(ConfigError, match="-1 more"):
        extend(model, rows, config=config, trees=-1)


def test_rows_that_cannot_be_divided_change_no_score(draw, grow, quick_boosting):
    rows = draw("regression")
    model = grow("regression", rows)
    found = extend(model, draw("regression", 1, 3), config=quick_boosting("regression"), trees=5)
    np.testing.assert_array_equal(_raw(found, rows), _raw(model, rows))


def test_progress_hears_of_every_round(draw, grow, quick_boosting):
    heard: list[float] = []
    totals: list[float | None] = []

    class Watch:
        @contextmanager
        def task(self, label, *, total=None):
            totals.append(total)
            yield heard.append

    rows = draw("binary")
    extend(grow("binary", rows), rows, config=quick_boosting("binary", max_trees=99), trees=7, progress=Watch())
    assert totals == [7]
    assert heard == [1] * 7


# What is refused (see test_updatable too)


@pytest.mark.parametrize("other", [name for name in OBJECTIVES if name != "regression"])
def test_another_objective_is_refused(other, draw, grow, quick_boosting):
    rows = draw("regression")
    with pytest.raises(ConfigError, match=rf"regression.*trees.*{other}") as error:
        extend(grow("regression", rows), rows, config=quick_boosting(other), trees=3)
    assert "retrain" in str(error.value)


@pytest.mark.parametrize(("name", "setting"), [("quantile", {"quantile": 0.5}), ("tweedie", {"tweedie_power": 1.2})])
def test_another_level_or_power_is_refused(name, setting, draw, grow, quick_boosting):
    rows = draw(name)
    with pytest.raises(ConfigError, match="was fitted with"):
        extend(grow(name, rows), rows, config=quick_boosting(name, **setting), trees=3)


@pytest.mark.parametrize("params", [{"linear_tree": True}, {"boosting": "dart"}, {"boosting": "rf"}])
def test_trees_that_cannot_stand_behind_others_are_refused(params, draw, grow, quick_boosting):
    rows = draw("regression", sets=False)
    with pytest.raises(ConfigError, match="cannot"):
        extend(grow("regression", rows), rows, config=quick_boosting("regression", params=params), trees=3)


def test_held_out_rows_are_checked_too(draw, grow, quick_boosting):
    rows = draw("binary")
    with pytest.raises(FitError, match="null, NaN"):
        extend(grow("binary", rows), rows, Rows(rows.features[:1], [None]), config=quick_boosting("binary"), trees=3)


def test_one_row_is_refused(draw, grow, quick_boosting):
    with pytest.raises(ConfigError, match="1 rows"):
        extend(grow("binary", draw("binary")), draw("binary", 1, 1), config=quick_boosting("binary"), trees=3)


# Why not LightGBM's init_model


def _noise(rows=500):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2))
    return x, x[:, 0] + 5


def test_init_model_ignores_the_score_that_rows_start_at():
    x, y = _noise()
    params = {**QUIET, "boost_from_average": False}
    parent = lgb.train(params, lgb.Dataset(x, y, params=params), 3)
    plain, started = (
        lgb.train(params, lgb.Dataset(x, y, init_score=start, params=params), 3, init_model=parent).predict(x)
        for start in (None, np.full(y.size, 100.0))
    )
    np.testing.assert_array_equal(plain, started)


def test_early_stopping_keeps_a_tree_however_harmful():
    x, y = _noise()
    params = {**QUIET, "boost_from_average": False, "learning_rate": 50.0}
    data, valid = (lgb.Dataset(x[part], y[part], params=params) for part in (slice(250), slice(250, None)))
    stop = lgb.early_stopping(2, verbose=False)
    assert lgb.train(params, data, 20, valid_sets=[valid], callbacks=[stop]).best_iteration == 1


def test_no_rounds_are_refused_by_lightgbm():
    x, y = _noise()
    with pytest.raises(ValueError, match="greater than 0"):
        lgb.train(QUIET, lgb.Dataset(x, y, params=QUIET), 0)


@pytest.mark.parametrize("missing", ["train", "valid"])
def test_an_offset_for_some_of_the_rows_is_refused(missing, draw, grow, quick_boosting):
    rows = draw("poisson")
    model, bare = grow("poisson", rows), replace(rows, offset=None)
    train, valid = (bare, rows) if missing == "train" else (rows, bare)
    with pytest.raises(FitError, match="some of the rows only"):
        extend(model, train, valid, config=quick_boosting("poisson"), trees=5)


def test_trees_that_could_not_be_divided_are_not_counted(draw, grow, quick_boosting):
    model, few = grow("regression", draw("regression")), draw("regression", 1)
    few = replace(few, features=few.features.head(10), y=few.y[:10], weight=few.weight[:10], offset=None)
    config = quick_boosting("regression", min_data_in_leaf=50)
    assert extend(model, few, config=config, trees=5) is model


@pytest.mark.parametrize(("name", "value"), [("lambda_l2", 100.0), ("cat_l2", 100.0), ("max_cat_to_onehot", 1)])
def test_trees_under_another_penalty_are_refused(name, value, draw, grow, quick_boosting):
    # A later refit could not tell the leaves that were made under one from those under the other.
    rows = draw("binary")
    settings = {"lambda_l2": value} if name == "lambda_l2" else {"params": {name: value}}
    with pytest.raises(ConfigError, match=f"was fitted with {name}"):
        extend(grow("binary", rows), rows, config=quick_boosting("binary", **settings), trees=5)


def test_a_category_column_that_grew_stands_against_a_refit(grow, quick_boosting):
    rng = np.random.default_rng(0)

    def rows(categories):
        code = rng.integers(0, categories, 2000)
        y = (rng.random(2000) < 0.2 + 0.6 * (code % 2)).astype(float)
        return Rows(pl.DataFrame({"code": code}), y, categorical=("code",))

    few, many = rows(3), rows(30)
    model = grow("binary", few)
    assert refusal(model, "refit") is None
    longer = extend(model, many, config=quick_boosting("binary"), trees=10)
    assert "category column has grown" in refusal(longer, "refit")
    assert refusal(longer, "extend") is None
    assert refusal(extend(model, few, config=quick_boosting("binary"), trees=10), "refit") is None
