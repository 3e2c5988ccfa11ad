from __future__ import annotations

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest

from tabkit.boosting import BoostedModel, Rows, recalibrate, refit
from tabkit.boosting.refitting import _CELLS_AT_ONCE
from tabkit.boosting.trees import TreesText
from tabkit.errors import ConfigError, FitError

OBJECTIVES = ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie"]
BLENDS = [{"decay": 0.5}, {"evidence": 1.0}]
QUIET = {"verbosity": -1, "num_threads": 1}


def _raw(model, rows):
    """Return raw scores, shape (n, outputs)."""
    return model.raw(rows.features, offset=rows.offset, num_threads=1).reshape(rows.y.size, -1)


def _leaves(model):
    return TreesText.read(model.text).values()


def _close(model, other, rows, tolerance=1e-12):
    np.testing.assert_allclose(_raw(model, rows), _raw(other, rows), rtol=0, atol=tolerance)


def _joined(*parts):
    weight, offset = ([getattr(part, name) for part in parts] for name in ("weight", "offset"))
    return Rows(
        pl.concat([part.features for part in parts]),
        np.concatenate([part.y for part in parts]),
        weight=np.concatenate(weight),
        offset=None if offset[0] is None else np.concatenate(offset),
        categorical=parts[0].categorical,
    )


def _theirs(model, rows, decay, given):
    """Return the raw scores after LightGBM's own refit, shape (n, outputs)."""
    start = np.tile(model.base_score, (rows.y.size, 1)) + rows.offsets()[:, None]
    begin, label = given(model, rows)
    booster = model.booster.refit(
        rows.features.to_numpy(),
        label,
        decay_rate=decay,
        weight=rows.weight,
        init_score=begin if begin.shape[1] > 1 else begin[:, 0],
        dataset_params={"lambda_l2": model.params["lambda_l2"]},
        **QUIET,
    )
    return booster.predict(rows.features.to_numpy(), raw_score=True).reshape(start.shape) + start, booster


# Known answers


@pytest.mark.parametrize("name", OBJECTIVES)
def test_decay_1_changes_no_prediction_at_all(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.5)
    np.testing.assert_array_equal(_raw(refit(model, new, decay=1.0), new), _raw(model, new))


@pytest.mark.parametrize("settings", [{}, {"lambda_l2": 0.0}, {"lambda_l2": 20.0, "num_leaves": 31}])
@pytest.mark.parametrize("blend", [{"decay": 0.0}, {"decay": 0.3}, {"evidence": 0.0}, {"evidence": 1.0}])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_rows_of_the_fit_give_the_leaves_of_the_fit(name, blend, settings, draw, grow):
    rows = draw(name)
    model = grow(name, rows, **settings)
    _close(refit(model, rows, **blend), model, rows)


@pytest.mark.parametrize(
    "params", [{"poisson_max_delta_step": 0.2}, {"cat_l2": 0.0}, {"cat_l2": 30}, {"max_cat_to_onehot": 40}]
)
def test_parameters_behind_the_leaves_are_those_of_the_fit(params, draw, grow):
    rows = draw("poisson")
    model = grow("poisson", rows, params=params)
    _close(refit(model, rows, decay=0.0), model, rows)
    assert np.abs(_raw(refit(replace(model, params={}), rows, decay=0.0), rows) - _raw(model, rows)).max() > 1e-4


@pytest.mark.parametrize("levels", [2, 3, 4, 5, 6])
def test_categories_few_and_many_are_told_apart_as_lightgbm_does(levels, grow):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, levels, 2000)
    rows = Rows(pl.DataFrame({"c": codes}), (rng.random(2000) < 0.2 + 0.6 * codes / levels) * 1.0, categorical=("c",))
    model = grow("binary", rows, params={"min_data_per_group": 10})
    _close(refit(model, rows, decay=0.0), model, rows)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_where_all_leaves_are_reached_decay_is_lightgbms_own_refit(name, decay, draw, grow, given):
    model = grow(name, draw(name, sets=False), min_data_in_leaf=60)
    new = draw(name, 1, shift=0.3, sets=False)
    leaves = model.booster.predict(new.features, pred_leaf=True).reshape(new.y.size, -1)
    assert [len(set(column)) for column in leaves.T] == [value.size for value in _leaves(model)]
    theirs = _theirs(model, new, decay, given)[0]
    np.testing.assert_allclose(_raw(refit(model, new, decay=decay), new), theirs, atol=1e-12)


def test_a_leaf_that_no_new_row_reaches_keeps_its_value_which_lightgbm_shrinks(draw, grow, given):
    model, few = grow("binary", draw("binary", sets=False), max_trees=1), draw("binary", 1, 4, sets=False)
    booster = _theirs(model, few, 0.4, given)[1]
    (old,), (ours,) = _leaves(model), _leaves(refit(model, few, decay=0.4))
    theirs = np.array([booster.get_leaf_output(0, i) for i in range(8)])
    reached = np.isin(np.arange(8), model.booster.predict(few.features, pred_leaf=True))
    assert 0 < reached.sum() < 8
    np.testing.assert_allclose(theirs[reached], ours[reached], rtol=1e-12)
    np.testing.assert_allclose(theirs[~reached], 0.4 * old[~reached], rtol=1e-12)
    np.testing.assert_array_equal(ours[~reached], old[~reached])
    for evidence in (0.0, 2.0):
        (mixed,) = _leaves(refit(model, few, evidence=evidence))
        assert ((mixed != old) == reached).all()


def test_lightgbms_own_refit_forgets_the_penalty_of_categories(draw, grow, given):
    rows = draw("binary")
    model = grow("binary", rows)
    assert np.abs(_theirs(model, rows, 0.0, given)[0] - _raw(model, rows)).max() > 0.01


def test_a_tree_that_could_not_be_divided_stays(draw, grow):
    rows = draw("multiclass")
    model = grow("multiclass", rows, max_trees=30, params={"min_gain_to_split": 12.0})
    sizes = [value.size for value in _leaves(model)]
    assert 1 in sizes
    assert max(sizes) > 1
    for blend in ({"decay": 0.0}, {"evidence": 1.0}):
        _close(refit(model, rows, **blend), model, rows)
        changed = _leaves(refit(model, draw("multiclass", 1, shift=1.0), **blend))
        assert {float(value[0]) for value in changed if value.size == 1} == {0.0}


def test_a_constant_target_leaves_nothing_to_refit(draw, grow):
    rows = draw("regression")
    model = grow("regression", Rows(rows.features, np.full(rows.y.size, 3.0)))
    for blend in BLENDS:
        np.testing.assert_array_equal(_raw(refit(model, rows, **blend), rows) - rows.offset[:, None], 3.0)


# Old and new evidence


@pytest.mark.parametrize("name", OBJECTIVES)
def test_evidence_of_parts_adds_up_to_that_of_the_whole(name, draw, grow):
    a, b, c = draw(name), draw(name, 1, shift=0.4), draw(name, 2, 300, shift=-0.3)
    model = grow(name, a, max_trees=1, lambda_l2=0.0, params={"cat_l2": 0.0})
    twice = refit(refit(model, b, evidence=1.0), c, evidence=1.0)
    _close(twice, refit(model, _joined(a, b, c), decay=0.0), a)
    np.testing.assert_allclose(
        np.concatenate(TreesText.read(twice.text).weights()),
        sum(np.concatenate(TreesText.read(refit(model, part, decay=0.0).text).weights()) for part in (a, b, c)),
        rtol=1e-9,
    )


def test_evidence_r_counts_the_old_rows_r_times(draw, grow):
    a, b = draw("binary"), draw("binary", 1, shift=0.5)
    model = grow("binary", a, max_trees=1, lambda_l2=0.0, params={"cat_l2": 0.0})
    more = refit(model, _joined(replace(a, weight=2.5 * a.weight), b), decay=0.0)
    _close(refit(model, b, evidence=2.5), more, a, 1e-7)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_evidence_lies_between_the_old_leaves_and_those_of_new_rows_alone(name, draw, grow):
    model, new = grow(name, draw(name), max_trees=1), draw(name, 1, shift=0.5)
    old, mixed, alone = (
        np.concatenate(_leaves(m)) for m in (model, refit(model, new, evidence=1.0), refit(model, new, evidence=0.0))
    )
    assert ((np.minimum(old, alone) < mixed) & (mixed < np.maximum(old, alone))).all()


def test_more_evidence_moves_less_the_fewer_the_new_rows_are(draw, grow):
    model = grow("binary", draw("binary"))
    moved = [
        np.abs(_raw(refit(model, part := draw("binary", 1, n), evidence=r), part) - _raw(model, part)).mean()
        for n, r in ((1000, 0.1), (1000, 1.0), (100, 1.0), (100, 1e9))
    ]
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] < 1e-6


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("blend", BLENDS)
def test_a_shift_is_followed_part_of_the_way(name, blend, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.6)
    rows = draw(name, 2, shift=0.6)
    side = 0 if name == "multiclass" else -1  # digits rise with the shift, so that the first class loses
    found = [
        m.predict(rows.features, offset=rows.offset, num_threads=1).reshape(rows.y.size, -1)[:, side].mean()
        for m in (model, refit(model, new, **blend), refit(model, new, decay=0.0))
    ]
    assert sorted(found) in (found, found[::-1])


# Again and again


def test_new_rows_alone_forget_what_an_earlier_refit_did(draw, grow):
    rows, new = draw("poisson"), draw("poisson", 1, shift=0.5)
    model = grow("poisson", rows)
    _close(refit(refit(model, new, decay=0.0), rows, decay=0.0), model, rows)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("blend", BLENDS)
def test_refits_can_follow_one_another(name, blend, draw, grow):
    model = grow(name, draw(name))
    parts = [draw(name, seed, shift=0.6) for seed in range(1, 5)]
    found = model
    for part in parts:
        found = refit(found, part, **blend)
    goal = refit(model, _joined(*parts), decay=0.0)
    assert (
        np.abs(_raw(found, parts[0]) - _raw(goal, parts[0])).mean()
        < 0.6 * np.abs(_raw(model, parts[0]) - _raw(goal, parts[0])).mean()
    )


def test_after_a_recalibration_the_new_base_score_stays(draw, grow):
    model, new = grow("binary", draw("binary")), draw("binary", 1, shift=0.5)
    moved = recalibrate(model, new, num_threads=1)
    assert refit(moved, new, decay=0.5).base_score == moved.base_score != model.base_score


@pytest.mark.parametrize("blend", BLENDS)
def test_the_same_rows_give_the_same_bytes_whatever_the_threads(blend, draw, grow):
    model, new = grow("multiclass", draw("multiclass")), draw("multiclass", 1)
    texts = {refit(model, new, **blend, num_threads=threads).text for threads in (1, 1, 2)}
    assert len(texts) == 1


def test_looking_up_leaves_in_parts_changes_nothing(draw, grow, monkeypatch):
    model, new = grow("multiclass", draw("multiclass")), draw("multiclass", 1)
    whole = refit(model, new, decay=0.5).text
    assert _CELLS_AT_ONCE > 1e6
    monkeypatch.setitem(refit.__globals__, "_CELLS_AT_ONCE", 5 * 3 * new.y.size)
    assert refit(model, new, decay=0.5).text == whole


# What is left alone


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_old_model_and_the_rows_are_not_changed(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.5)
    before, text, rows = _raw(model, new), model.text, draw(name, 1, shift=0.5)
    found = refit(model, new, decay=0.5)
    assert found.text != text == model.text
    np.testing.assert_array_equal(_raw(model, new), before)
    assert new.features.equals(rows.features)
    assert (new.y == rows.y).all()
    assert (found.trees, found.base_score, found.params) == (model.trees, model.base_score, model.params)
    assert (found.held_out_loss, found.base_loss) == (None, None)


def test_splits_stay(draw, grow):
    model, new = grow("binary", draw("binary")), draw("binary", 1, shift=0.5)

    def shape(m):
        return [[line for line in block.splitlines() if "leaf_" not in line] for block in TreesText.read(m.text).blocks]

    assert shape(refit(model, new, decay=0.0)) == shape(model)


def test_after_early_stopping_the_trees_that_count_stay_which_lightgbm_forgets(draw, grow):
    rows, valid, new = (draw("binary", seed, 600) for seed in range(3))
    model = grow("binary", rows, valid, max_trees=400, early_stopping_rounds=5, learning_rate=0.3)
    assert 0 < model.trees < 100
    found = refit(model, new, decay=0.5)
    assert found.trees == found.booster.num_trees() == model.trees

    data = lgb.Dataset(rows.features, rows.y, params=QUIET)
    held_out = lgb.Dataset(valid.features, valid.y, reference=data, params=QUIET)
    stop = lgb.early_stopping(5, verbose=False)
    booster = lgb.train({**QUIET, "objective": "binary"}, data, 400, valid_sets=[held_out], callbacks=[stop])
    assert booster.best_iteration > 0
    assert booster.refit(rows.features.to_numpy(), rows.y).best_iteration == -1


@pytest.mark.parametrize("name", ["binary", "multiclass"])
def test_trees_that_do_not_count_are_dropped(name, draw, grow):
    rows, new = draw(name), draw(name, 1, shift=0.5)
    counted, model = replace(grow(name, rows), trees=5), grow(name, rows, max_trees=5)
    assert counted.text != model.text
    found = refit(counted, new, decay=0.5)
    assert found.booster.num_trees() == 5 * len(model.base_score)
    np.testing.assert_array_equal(_raw(found, new), _raw(refit(model, new, decay=0.5), new))
    none = replace(counted, trees=0)
    assert refit(none, new, decay=0.0) is none


# Rows


def test_missing_values_and_unknown_codes_find_their_leaves(draw, grow):
    model, new = grow("binary", draw("binary")), draw("binary", 1)
    empty = new.features.with_columns(pl.lit(None).alias(name) for name in new.features.columns)
    unknown = new.features.with_columns(many=pl.lit(999), few=pl.lit(-1))
    for features in (empty, unknown, new.features.fill_nan(None)):
        assert np.isfinite(_raw(refit(model, replace(new, features=features), decay=0.0), new)).all()
    filled = refit(model, replace(new, features=new.features.fill_nan(None)), decay=0.3)
    assert filled.text == refit(model, new, decay=0.3).text


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_weight_of_k_equals_the_row_k_times(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.5)
    k = np.random.default_rng(0).integers(0, 4, new.y.size)
    times = np.repeat(np.arange(new.y.size), k)
    repeated = Rows(new.features[times], new.y[times], offset=None if new.offset is None else new.offset[times])
    for blend in BLENDS:
        _close(refit(model, replace(new, weight=k), **blend), refit(model, repeated, **blend), new, 1e-6)


def test_an_offset_is_part_of_the_score(draw, grow):
    model, new = grow("regression", draw("regression")), draw("regression", 1)
    without = Rows(new.features, new.y - new.offset, weight=new.weight)
    _close(refit(model, new, decay=0.2), refit(model, without, decay=0.2), new, 1e-6)


def test_one_row_is_enough(draw, grow):
    model, one = grow("gamma", draw("gamma")), draw("gamma", 1, 1)
    for blend in BLENDS:
        assert np.isfinite(_raw(refit(model, one, **blend), draw("gamma"))).all()


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_contributions_sum_to_the_raw_score_and_the_bundle_keeps_the_bits(name, blend, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, 300, shift=0.5)
    found = refit(model, new, **blend)
    raw = found.raw(new.features, num_threads=1)
    sums = found.contribution_array(new.features, num_threads=1).sum(axis=2)
    np.testing.assert_allclose(sums, raw.reshape(sums.shape), atol=1e-9)
    again = BoostedModel.from_dict(found.to_dict(), text=found.text)
    np.testing.assert_array_equal(again.raw(new.features, num_threads=1), raw)


@pytest.mark.parametrize(
    "blend",
    [
        {},
        {"decay": 0.5, "evidence": 1.0},
        {"decay": -0.1},
        {"decay": 1.1},
        {"decay": float("nan")},
        {"evidence": -1.0},
        {"evidence": float("inf")},
        {"evidence": float("nan")},
    ],
)
def test_one_decay_or_one_evidence_is_expected(blend, draw, grow):
    rows = draw("binary")
    with pytest.raises(ConfigError, match=r"decay|evidence"):
        refit(grow("binary", rows), rows, **blend)


# Why the base score stands outside the trees: LightGBM alone


def test_lightgbms_own_base_score_is_forgotten_by_its_refit():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 4))
    y = (rng.random(4000) < 1 / (1 + np.exp(3.6 - x[:, 0]))).astype(float)
    assert 0.03 < y.mean() < 0.05
    params = {**QUIET, "objective": "binary", "learning_rate": 0.05}
    inside = lgb.train(params, lgb.Dataset(x, y, params=params), 20)
    assert inside.predict(x).mean() == pytest.approx(y.mean(), rel=0.05)
    assert inside.refit(x, y, decay_rate=0.0).predict(x).mean() > 1.7 * y.mean()

    params = {**params, "boost_from_average": False}
    start = np.full(4000, np.log(y.mean() / (1 - y.mean())))
    outside = lgb.train(params, lgb.Dataset(x, y, init_score=start, params=params), 20)
    again = outside.refit(x, y, decay_rate=0.0, init_score=start)
    np.testing.assert_allclose(again.predict(x, raw_score=True), outside.predict(x, raw_score=True), atol=1e-12)


def test_lightgbms_refit_takes_lambda_from_dataset_params_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2))
    params = {**QUIET, "boost_from_average": False}
    booster = lgb.train(params, lgb.Dataset(x, x[:, 0], params=params), 3)
    plain, ignored, heard = (
        booster.refit(x, x[:, 0], decay_rate=0.0, **more).predict(x)
        for more in ({}, {"lambda_l2": 50.0}, {"dataset_params": {"lambda_l2": 50.0}})
    )
    np.testing.assert_array_equal(plain, ignored)
    assert np.abs(heard - plain).max() > 0.05


def test_leaves_of_bagged_trees_count_all_rows(draw, grow):
    # Each tree saw half of the rows: mixed with as many rows as its fit had, old and new leaves count alike.
    rows, new = draw("regression", sets=False), draw("regression", 1, sets=False)
    bagged = grow("regression", rows, params={"bagging_fraction": 0.5, "bagging_freq": 1})
    before = [weights.sum() for weights in TreesText.read(bagged.text).weights()]
    after = [weights.sum() for weights in TreesText.read(refit(bagged, new, evidence=1.0).text).weights()]
    total = rows.weights().sum() + new.weights().sum()
    np.testing.assert_allclose(before, 0.5 * rows.weights().sum(), rtol=0.2)
    np.testing.assert_allclose(after, 0.5 * total, rtol=0.2)


def test_scores_that_run_away_are_refused(draw, grow):
    rows = draw("gamma", sets=False)
    model = grow("gamma", rows, lambda_l2=0.0)
    with np.errstate(all="ignore"), pytest.raises(FitError, match="run away"):
        refit(model, replace(rows, y=rows.y * 1e-30), decay=0.9)
