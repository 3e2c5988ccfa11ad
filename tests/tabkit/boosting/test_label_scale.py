"""The level and the unit of a target change nothing that is learned from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tabkit.boosting import BoostedModel, Rows, base_rate, extend, fit, recalibrate, refit
from tabkit.boosting.scale import LabelScale
from tabkit.metrics import r2
from tabkit.objective import OBJECTIVES

LEVELS = [1e9, 1.7e9, -3e12]


def _at(rows, level=0.0, unit=1.0):
    offset = None if rows.offset is None else rows.offset * unit
    return replace(rows, y=level + unit * rows.y, offset=offset)


def _back(values, level=0.0, unit=1.0):
    return (values - level) / unit


def _predicted(model, rows):
    return model.predict(rows.features, offset=rows.offset)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["regression", "quantile"])
def test_a_level_is_learned_as_well_as_none(name, level, draw, grow):
    train, stop, new = (_at(draw(name, seed), unit=10.0) for seed in range(3))
    near = grow(name, train, stop, max_trees=40)
    far = grow(name, _at(train, level), _at(stop, level), max_trees=40)
    found = _back(_predicted(far, _at(new, level)), level)
    assert found == pytest.approx(_predicted(near, new), abs=1e-2)
    assert far.trees == near.trees
    assert far.held_out_loss == pytest.approx(near.held_out_loss, rel=1e-4)
    assert r2(_at(new, level).y, _predicted(far, _at(new, level))) == pytest.approx(r2(new.y, found), abs=1e-3)


@pytest.mark.parametrize("unit", [1e-60, 1e-12, 0.01, 1e12, 1e60])
@pytest.mark.parametrize("name", ["regression", "quantile", "gamma", "tweedie"])
def test_a_unit_changes_no_model(name, unit, draw, grow):
    train, stop, new = (draw(name, seed) for seed in range(3))
    log = name in ("gamma", "tweedie")
    scaled = [replace(rows, y=rows.y * unit) if log else _at(rows, unit=unit) for rows in (train, stop, new)]
    plain, found = grow(name, train, stop), grow(name, *scaled[:2])
    assert found.trees == plain.trees
    assert _predicted(found, scaled[2]) / unit == pytest.approx(_predicted(plain, new), rel=1e-4, abs=1e-4)
    shares = [dict(model.importance().select("feature", "share").iter_rows()) for model in (found, plain)]
    assert shares[0] == pytest.approx(shares[1], abs=1e-3)


@pytest.mark.parametrize(
    "update",
    [
        lambda m, rows, _: recalibrate(m, rows),
        lambda m, rows, _: refit(m, rows, decay=0.3),
        lambda m, rows, _: refit(m, rows, evidence=1.0),
        lambda m, rows, config: extend(m, rows, config=config, trees=10),
    ],
)
@pytest.mark.parametrize(("level", "unit"), [(1e9, 1.0), (0.0, 1e-12), (0.0, 1e12)])
def test_updates_know_neither_level_nor_unit(update, level, unit, draw, grow, quick_boosting):
    train, new = draw("regression"), draw("regression", 1, shift=0.5)
    there = [_at(rows, level, unit) for rows in (train, new)]
    config = quick_boosting("regression")
    plain = update(grow("regression", train), new, config)
    found = update(grow("regression", there[0]), there[1], config)
    assert _back(_predicted(found, there[1]), level, unit) == pytest.approx(_predicted(plain, new), abs=1e-3)


def test_new_rows_on_another_level_are_met_by_the_intercept(draw, grow):
    model, new = grow("regression", draw("regression")), _at(draw("regression", 1), 1e9)
    assert r2(new.y, _predicted(recalibrate(model, new), new)) > 0.4


@pytest.mark.parametrize(
    ("name", "level", "unit"), [("regression", 1e9, 1), ("quantile", 1e9, 1), ("tweedie", 0, 1e-12)]
)
def test_the_base_rate_knows_neither(name, level, unit, draw, quick_boosting):
    rows, config = replace(draw(name, sets=False), offset=None), quick_boosting(name)
    there = replace(rows, y=level + unit * rows.y)
    plain, found = (base_rate(each, config=config).predict(rows.features) for each in (rows, there))
    assert _back(found, level, unit) == pytest.approx(plain, abs=1e-4)


@pytest.mark.parametrize(
    "params",
    [
        {"lambda_l1": 30.0},
        {"min_gain_to_split": 25.0},
        {"max_delta_step": 0.2},
        {"cegb_penalty_split": 0.05},
        {"linear_tree": True},
        {"boosting": "dart"},
    ],
)
def test_amounts_among_the_parameters_are_in_the_unit_of_the_target(params, draw, grow):
    """Multiplied by 1024, the target and the parameters, so that not one bit of the model is another."""
    power = {"min_gain_to_split": 2, "cegb_penalty_split": 2, "lambda_l1": 1, "max_delta_step": 1}
    rows, unit = draw("regression", sets=False), 1024.0
    same = {name: value * unit ** power.get(name, 0) if name in power else value for name, value in params.items()}
    plain, found = grow("regression", rows, params=params), grow("regression", _at(rows, unit=unit), params=same)
    np.testing.assert_allclose(_predicted(found, _at(rows, unit=unit)), unit * _predicted(plain, rows), rtol=1e-12)
    assert not np.allclose(_predicted(plain, rows), _predicted(grow("regression", rows), rows))


def test_reasons_add_up_to_the_score(draw, grow):
    rows = _at(draw("regression"), 1e9, 1e4)
    model = grow("regression", rows)
    values = model.contribution_array(rows.features)
    added = model.added(rows.features)
    np.testing.assert_allclose(
        values[:, 0, :-1].sum(axis=1) + values[:, 0, -1] - model.base_score[0], added[:, 0], atol=1e-5
    )


@pytest.mark.parametrize("name", ["regression", "tweedie"])
def test_a_saved_model_is_the_same_and_refits_alike(name, draw, grow):
    train, new = (replace(rows, y=rows.y * 1e6) for rows in (draw(name), draw(name, 1)))
    model = grow(name, train)
    again = BoostedModel.from_dict(model.to_dict(), text=model.text)
    np.testing.assert_array_equal(_predicted(again, new), _predicted(model, new))
    np.testing.assert_array_equal(
        _predicted(refit(again, new, evidence=1.0), new), _predicted(refit(model, new, evidence=1.0), new)
    )


def test_a_model_saved_before_units_were_taken_out_has_none(draw, grow):
    model = grow("tweedie", draw("tweedie"))
    state = {name: value for name, value in model.to_dict().items() if name != "label_unit"}
    assert BoostedModel.from_dict(state, text=model.text).label_unit == 1.0


def test_counts_keep_their_unit_and_rates_do_not():
    features = pl.DataFrame({"x": [0.0, 1.0, 2.0]})
    counts = Rows(features, np.array([0.0, 0.0, 3.0]))
    assert LabelScale.of(counts, np.zeros((3, 1)), OBJECTIVES["poisson"]).unit == 1.0
    rates = replace(counts, y=counts.y * 1e-9)
    assert LabelScale.of(rates, np.zeros((3, 1)), OBJECTIVES["poisson"]).unit == pytest.approx(1e-9)


def test_small_rates_are_learned_by_poisson(draw, quick_boosting):
    rows = replace(draw("poisson"), offset=None)
    config = quick_boosting("poisson")
    found = fit(replace(rows, y=rows.y * 1e-9), config=config).predict(rows.features)
    assert np.corrcoef(found, fit(rows, config=config).predict(rows.features))[0, 1] > 0.98


def test_a_target_without_spread_is_its_level(quick_boosting):
    rows = Rows(pl.DataFrame({"x": np.arange(100.0)}), np.full(100, 1e9))
    assert set(fit(rows, config=quick_boosting("regression")).predict(rows.features)) == {1e9}
