from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from tabkit.boosting import BoostedModel, Rows, fit, recalibrate
from tabkit.boosting.gradients import losses
from tabkit.boosting.trees import TreesText
from tabkit.errors import FitError

OBJECTIVES = ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie"]
CANONICAL = ["binary", "multiclass", "regression", "poisson"]


def _raw(model, rows, offset=None):
    return model.raw(rows.features, offset=offset, num_threads=1)


def _predict(model, rows):
    return model.predict(rows.features, offset=rows.offset, num_threads=1)


def _stretched(model, times):
    trees = TreesText.read(model.text)
    return replace(model, text=trees.with_leaves([times * value for value in trees.values()]).write())


def _slope(model, found):
    """Return by what the trees were stretched."""
    old, new = (np.concatenate(TreesText.read(m.text).values()) for m in (model, found))
    slopes = new[old != 0] / old[old != 0]
    assert np.ptp(slopes) < 1e-12
    return slopes.mean()


# Known answers


@pytest.mark.parametrize("share", [0.1, 0.5, 3.0])
def test_thinning_the_positives_moves_the_intercept_by_the_logarithm(share, draw, grow):
    rows = draw("binary", rows=6000)
    model = recalibrate(grow("binary", rows), draw("binary", 1, 6000), num_threads=1)
    new = draw("binary", 1, 6000)
    thinned = replace(new, weight=new.weight * np.where(new.y == 1, share, 1.0))
    found = recalibrate(model, thinned)
    assert found.base_score[0] - model.base_score[0] == pytest.approx(np.log(share), abs=0.1)
    assert _slope(model, found) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_scores_that_were_doubled_come_back(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.3)
    found, back = recalibrate(model, new), recalibrate(_stretched(model, 2.0), new)
    np.testing.assert_allclose(_predict(back, new), _predict(found, new), rtol=1e-7)
    assert _slope(_stretched(model, 2.0), back) == pytest.approx(0.5 * _slope(model, found), rel=1e-7)
    if name != "multiclass":
        assert back.base_score == pytest.approx(found.base_score, abs=1e-7)


@pytest.mark.parametrize("slope", [True, False])
@pytest.mark.parametrize("name", CANONICAL)
def test_mean_predictions_are_mean_targets(name, slope, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=-0.5)
    found = _predict(recalibrate(model, new, slope=slope), new)
    target = np.eye(3)[new.y.astype(int)] if name == "multiclass" else new.y
    np.testing.assert_allclose(
        np.average(found, axis=0, weights=new.weight), np.average(target, axis=0, weights=new.weight), rtol=1e-9
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_other_intercept_or_slope_has_a_lower_loss(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.5)
    found = recalibrate(model, new)

    def loss(model):
        return np.average(losses(name, new.y, _raw(model, new, new.offset), model.params), weights=new.weight)

    least = loss(found)
    assert least < loss(model)
    for by in (0.99, 1.01):
        assert loss(_stretched(found, by)) > least
    for k in range(len(found.base_score)):
        for by in (-0.02, 0.02):
            base = tuple(b + by * (i == k) for i, b in enumerate(found.base_score))
            assert loss(replace(found, base_score=base)) > least


def test_it_is_logistic_regression_on_the_raw_score(draw, grow):
    model, new = grow("binary", draw("binary")), replace(draw("binary", 1, shift=0.5), offset=None)
    found = recalibrate(model, new)
    raw = (_raw(model, new) - model.base_score[0])[:, None]
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(raw, new.y, sample_weight=new.weight)
    assert _slope(model, found) == pytest.approx(theirs.coef_[0, 0], rel=1e-5)
    assert found.base_score[0] == pytest.approx(theirs.intercept_[0], abs=1e-5)


def test_it_is_least_squares_on_the_raw_score(draw, grow):
    model, new = grow("regression", draw("regression")), draw("regression", 1, shift=0.5)
    found = recalibrate(model, new)
    trees = _raw(model, new) - model.base_score[0]
    slope, intercept = np.polyfit(trees, new.y - new.offset, 1, w=np.sqrt(new.weight))
    assert (_slope(model, found), found.base_score[0]) == pytest.approx((slope, intercept), rel=1e-9)


@pytest.mark.parametrize(("name", "power"), [("poisson", 1.0), ("tweedie", 1.5), ("gamma", 2.0)])
def test_an_intercept_alone_under_exposure_has_a_closed_form(name, power, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1)
    new = replace(new, offset=np.log(np.random.default_rng(0).uniform(0.1, 10, new.y.size)))
    found = recalibrate(model, new, slope=False)
    mean = np.exp(_raw(model, new, new.offset))
    expected = np.log((new.weight * new.y * mean ** (1 - power)).sum() / (new.weight * mean ** (2 - power)).sum())
    assert found.base_score[0] - model.base_score[0] == pytest.approx(expected, abs=1e-9)
    assert found.text == model.text


def test_classes_that_come_in_pairs_are_told_apart(quick_boosting):
    # LightGBM's second derivatives leave the pairs' cross terms out: a hundred such steps would not arrive
    rng = np.random.default_rng(1)
    pair, rare, often = rng.integers(0, 3, 1200), rng.random(1200) < 0.5, rng.random(1200) < 0.97
    features = pl.DataFrame({f"x{i}": pair == i for i in range(3)})
    config = quick_boosting("multiclass", max_trees=60)
    model = fit(Rows(features, 2.0 * pair + rare), config=config, classes=tuple("abcdef"))
    new = Rows(features, 2.0 * pair + often)
    for slope in (True, False):
        found = recalibrate(model, new, slope=slope).predict(features, num_threads=1)
        np.testing.assert_allclose(found.mean(axis=0), np.bincount(new.y.astype(int)) / 1200, rtol=1e-9)


@pytest.mark.parametrize("by", [1e-6, 1e6])
@pytest.mark.parametrize("name", ["regression", "poisson", "gamma", "tweedie"])
def test_targets_may_have_moved_far(name, by, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1)
    shifted = name == "regression"
    far = replace(new, y=new.y + np.log(by) * 1e6 if shifted else new.y * by)
    found = recalibrate(model, far).base_score[0] - recalibrate(model, new).base_score[0]
    assert found == pytest.approx(np.log(by) * (1e6 if shifted else 1), rel=1e-9)


# What stays


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name != "multiclass"])
def test_the_ranking_stays(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.5)
    found = recalibrate(model, new)
    assert found.base_score != model.base_score
    old, now = (_raw(m, new) for m in (model, found))
    assert (np.diff(now[np.argsort(old, kind="stable")]) >= -1e-12).all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_old_model_is_not_changed(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.5)
    before, text = _raw(model, new), model.text
    found = recalibrate(model, new)
    assert found.text != text == model.text
    np.testing.assert_array_equal(_raw(model, new), before)
    assert (found.trees, found.params, found.classes) == (model.trees, model.params, model.classes)
    assert (found.held_out_loss, found.base_loss) == (None, None)
    assert TreesText.read(found.text).weights()[0].tolist() == TreesText.read(model.text).weights()[0].tolist()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_once_recalibrated_nothing_is_left_to_do(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.5)
    once = recalibrate(model, new)
    np.testing.assert_allclose(_raw(recalibrate(once, new), new), _raw(once, new), atol=1e-8)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_contributions_sum_to_the_raw_score_and_the_bundle_keeps_the_bits(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, 300, shift=0.5)
    found = recalibrate(model, new)
    sums = found.contribution_array(new.features, num_threads=1).sum(axis=2)
    np.testing.assert_allclose(sums, _raw(found, new).reshape(sums.shape), atol=1e-9)
    again = BoostedModel.from_dict(found.to_dict(), text=found.text)
    np.testing.assert_array_equal(_raw(again, new), _raw(found, new))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_weight_of_k_equals_the_row_k_times(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1, shift=0.5)
    k = np.random.default_rng(0).integers(0, 4, new.y.size)
    times = np.repeat(np.arange(new.y.size), k)
    repeated = Rows(new.features[times], new.y[times], offset=None if new.offset is None else new.offset[times])
    found = recalibrate(model, replace(new, weight=k))
    assert found.base_score == pytest.approx(recalibrate(model, repeated).base_score, abs=1e-8)


# Where no slope can be had


@pytest.mark.parametrize("name", ["binary", "regression", "poisson"])
def test_a_slope_that_would_turn_the_ranking_round_is_1(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1)
    turned = replace(new, y=1 - new.y if name == "binary" else new.y.max() - new.y)
    found = recalibrate(model, turned)
    assert found.text == model.text
    assert found.base_score == recalibrate(model, turned, slope=False).base_score != model.base_score


def test_scores_that_divide_the_classes_leave_the_slope_alone(draw, grow):
    model, new = grow("binary", draw("binary")), replace(draw("binary", 1), offset=None)
    raw = _raw(model, new)
    divided = replace(new, y=(raw > np.median(raw)).astype(float))
    assert recalibrate(model, divided).text == model.text


@pytest.mark.parametrize("name", OBJECTIVES)
def test_without_trees_that_count_only_the_base_score_moves(name, draw, grow):
    model, new = replace(grow(name, draw(name)), trees=0), draw(name, 1, shift=0.5)
    fresh = grow(name, new)
    found = recalibrate(model, new)
    assert found.text == model.text
    np.testing.assert_allclose(found.predict(new.features[:1])[0], replace(fresh, trees=0).predict(new.features[:1])[0])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_rows_that_all_score_alike_leave_the_slope_alone(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1)
    alike = Rows(new.features[np.zeros(200, dtype=int)], new.y[:200])
    found = recalibrate(model, alike)
    assert found.text == model.text
    target = np.bincount(alike.y.astype(int)) / 200 if name == "multiclass" else alike.y.mean()
    np.testing.assert_allclose(found.predict(alike.features, num_threads=1)[0], target)


# What is refused


@pytest.mark.parametrize("name", ["binary", "multiclass"])
def test_a_class_without_rows_or_weight_is_refused(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1)
    label = {"binary": "'1'", "multiclass": "'low'"}[name]
    for rows in (
        replace(new, y=np.where(new.y == 1, 0.0, new.y)),
        replace(new, weight=np.where(new.y == 1, 0.0, 1.0)),
    ):
        with pytest.raises(FitError, match=f"no row of class {label}"):
            recalibrate(model, rows)


@pytest.mark.parametrize("name", ["poisson", "tweedie"])
def test_a_target_that_is_zero_in_every_row_is_refused(name, draw, grow):
    model, new = grow(name, draw(name)), draw(name, 1)
    for rows in (replace(new, y=0 * new.y), replace(new, weight=(new.y == 0).astype(float))):
        with pytest.raises(FitError, match="zero in every new row"):
            recalibrate(model, rows)
