from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from tabkit import updates
from tabkit.errors import ConfigError
from tabkit.metrics import METRICS, paired_bootstrap
from tabkit.updates import KEEP

LOG_LOSS, RMSE, MULTICLASS = METRICS["log_loss"], METRICS["rmse"], METRICS["multiclass_log_loss"]


def choose(predictions, y, **options):
    """Choose by predictions of the same rows."""
    return updates.choose(updates.resampled(predictions, y, **options))


def _numbers(rows=400, seed=0):
    """Return targets and a maker of predictions that miss them by noise of a size."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=rows)
    return y, lambda size, seed=1: y + size * np.random.default_rng(seed).normal(size=rows)


def _width(trial):
    return trial.loss_difference_high - trial.loss_difference_low


def _names(choice):
    return [candidate.name for candidate in choice.candidates]


# Who wins


def test_keep_wins_a_tie():
    y, miss = _numbers()
    same = miss(1.0)
    choice = choose({KEEP: same, "recalibrate": same.copy(), "retrain": same.copy()}, y, metric=RMSE)
    assert choice.strategy == KEEP
    assert {c.ends for c in choice.candidates} == {(0.0, None, None)}


def test_a_candidate_must_have_its_whole_interval_below_zero():
    y, miss = _numbers(100)
    keep, unsure, sure = miss(1.0, 2), miss(0.95), miss(0.5)
    for prediction, winner in ((unsure, KEEP), (sure, "refit")):
        choice = choose({KEEP: keep, "refit": prediction}, y, metric=RMSE)
        refit = choice.candidates[1]
        assert refit.loss_difference < 0
        assert (refit.loss_difference_high < 0) == (winner == "refit")
        assert choice.strategy == winner


def test_the_cheaper_one_wins_where_the_dearer_is_not_surely_better_than_it():
    y, miss = _numbers()
    cheap, equal, slightly, much = miss(0.5), miss(0.5, 2), miss(0.499), miss(0.2)
    dearer = {KEEP: miss(1.0, 3), "recalibrate": cheap}
    assert choose({**dearer, "refit": equal}, y, metric=RMSE).strategy == "recalibrate"
    assert choose({**dearer, "refit": cheap}, y, metric=RMSE).strategy == "recalibrate"
    assert choose({**dearer, "refit": much}, y, metric=RMSE).strategy == "refit"
    # better by little, but on every row: the pairs know it
    assert choose({**dearer, "refit": slightly}, y, metric=RMSE).strategy == "refit"


def test_an_unsure_candidate_bars_nobody_behind_it():
    y, miss = _numbers()
    predictions = {KEEP: miss(1.0), "recalibrate": miss(1.01, 2), "refit": miss(2.0, 3), "extend": miss(0.4, 4)}
    choice = choose(predictions, y, metric=RMSE)
    assert choice.strategy == "extend"
    assert _names(choice) == list(predictions)


def test_a_worse_candidate_never_wins():
    y, miss = _numbers()
    assert choose({KEEP: miss(0.5), "refit": miss(1.0), "retrain": miss(3.0)}, y, metric=RMSE).strategy == KEEP


def test_alone_keep_stays():
    y, miss = _numbers()
    choice = choose({KEEP: miss(1.0)}, y, metric=RMSE)
    assert (choice.strategy, choice.why) == (KEEP, "Keep: nothing else could be tried.")


@pytest.mark.slow
@pytest.mark.parametrize("others", [1, 3])
def test_among_candidates_that_are_equal_in_truth_keep_is_nearly_always_chosen(others):
    # One is wrongly chosen in 2.5 % of draws; allowed is what a binomial of 3 % exceeds once in a thousand tests.
    draws, rows = 200, 300
    wrong = 0
    for seed in range(draws):
        rng = np.random.default_rng([7, seed])
        score = rng.normal(size=rows)
        y = (rng.random(rows) < expit(score)).astype(float)
        names = [KEEP, "recalibrate", "refit", "extend"][: 1 + others]
        predictions = {name: expit(score + 0.3 * rng.normal(size=rows)) for name in names}
        wrong += choose(predictions, y, metric=LOG_LOSS, resamples=60, seed=seed).strategy != KEEP
    assert wrong <= binom.ppf(0.999, draws, 0.03)


# What is told


def test_two_candidates_get_about_the_interval_of_the_paired_bootstrap():
    y, miss = _numbers()
    weight, groups = np.random.default_rng(0).uniform(0, 2, 400), np.arange(400) // 2
    keep, other = miss(1.0), miss(0.8, 2)
    options = {"weight": weight, "groups": groups, "resamples": 2000, "level": 0.8, "seed": 3}
    choice = choose({KEEP: keep, "refit": other}, y, metric=RMSE, **options)
    expected = paired_bootstrap(RMSE, y, other, keep, **options)
    found = choice.candidates[1]
    assert found.loss_difference == expected.value
    width = expected.high - expected.low
    assert found.loss_difference_low == pytest.approx(expected.low, abs=0.05 * width)
    assert found.loss_difference_high == pytest.approx(expected.high, abs=0.05 * width)
    assert found.loss == RMSE.function(y, other, weight=weight)
    assert found.loss - choice.candidates[0].loss == pytest.approx(found.loss_difference)
    assert (choice.metric, choice.level) == ("rmse", 0.8)


def test_candidates_that_are_alike_cost_less_than_as_many_that_differ():
    y, miss = _numbers()
    names, better = ["a", "b", "c", "d"], miss(0.9, 2)
    alike = choose({KEEP: miss(1.0), **{name: better + 1e-6 * miss(1.0, 9) for name in names}}, y, metric=RMSE)
    apart = choose({KEEP: miss(1.0), **{name: miss(0.9, 2 + k) for k, name in enumerate(names)}}, y, metric=RMSE)
    alone = choose({KEEP: miss(1.0), "a": better}, y, metric=RMSE)
    width = [
        found.candidates[1].loss_difference_high - found.candidates[1].loss_difference_low
        for found in (alone, alike, apart)
    ]
    assert width[0] == pytest.approx(width[1], rel=0.01)
    assert width[2] > 1.1 * width[0]


def test_groups_make_rows_that_are_alike_less_sure():
    y, miss = _numbers(20)
    keep, other = np.repeat(miss(1.0), 50), np.repeat(miss(0.9, 5), 50)
    rows = choose({KEEP: keep, "refit": other}, np.repeat(y, 50), metric=RMSE).candidates[1]
    choice = choose({KEEP: keep, "refit": other}, np.repeat(y, 50), metric=RMSE, groups=np.repeat(np.arange(20), 50))
    whole = choice.candidates[1]
    assert whole.loss_difference == rows.loss_difference
    assert whole.loss_difference_high - whole.loss_difference_low > 3 * (
        rows.loss_difference_high - rows.loss_difference_low
    )


def test_several_classes_are_judged_too():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    good = np.full((300, 3), 0.2)
    good[np.arange(300), y] += 0.4
    good[:30] = 1 / 3
    choice = choose({KEEP: np.full((300, 3), 1 / 3), "extend": good}, y, metric=MULTICLASS)
    assert choice.strategy == "extend"
    assert choice.candidates[1].loss_difference == pytest.approx(0.9 * (np.log(1 / 3) - np.log(0.6)))
    assert choice.metric == "log_loss"


def test_weights_decide():
    y, one, other = np.zeros(200), np.tile([0.0, 1.0], 100), np.tile([1.0, 0.5], 100)
    for weight, winner in ((np.tile([1.0, 0.1], 100), KEEP), (np.tile([0.1, 1.0], 100), "refit")):
        assert choose({KEEP: one, "refit": other}, y, metric=RMSE, weight=weight).strategy == winner


def test_the_sentence_says_why_a_candidate_won():
    y = np.array([0.0, 1.0] * 100)
    better = np.where(np.arange(200) < 100, 0.2 + 0.6 * y, 0.1 + 0.8 * y)
    choice = choose({KEEP: np.full(200, 0.5), "refit": better}, y, metric=LOG_LOSS)
    assert choice.why.startswith("Refit: log_loss 0.164 instead of 0.693 (-0.529, 95% interval -0.537")


def test_an_interval_without_width_is_no_evidence():
    y = np.array([0.0, 1.0] * 100)
    choice = choose({KEEP: np.full(200, 0.5), "refit": 0.2 + 0.6 * y}, y, metric=LOG_LOSS)
    refit = choice.candidates[1]
    assert (choice.strategy, refit.loss_difference_low, refit.loss_difference_high, refit.sure) == (
        KEEP,
        None,
        None,
        None,
    )
    assert refit.loss_difference == pytest.approx(-0.47, abs=1e-3)
    assert "no interval" in choice.why
    rng = np.random.default_rng(0)
    one_day = choose({KEEP: y + 1, "refit": y + rng.random(200)}, y, metric=RMSE, groups=np.zeros(200))
    assert (one_day.strategy, one_day.candidates[1].loss_difference_low) == (KEEP, None)


def test_lots_that_are_too_few_to_draw_can_object():
    rng = np.random.default_rng(0)
    day = np.arange(3).repeat(400)
    y = rng.normal(size=1200)
    keep = y + 1 + 0.1 * rng.normal(size=1200)
    sometimes = keep - np.array([0.5, -0.05, 0.5])[day]
    always = keep - np.array([0.5, 0.1, 0.5])[day]
    for other, winner in ((sometimes, KEEP), (always, "refit")):
        assert choose({KEEP: keep, "refit": other}, y, metric=RMSE).strategy == "refit"
        choice = choose({KEEP: keep, "refit": other}, y, metric=RMSE, few={"day": day})
        assert choice.strategy == winner
    assert "in 1 of 3 days" in choose({KEEP: keep, "refit": sometimes}, y, metric=RMSE, few={"day": day}).why


def test_who_is_barred_does_not_win_and_it_is_said_why():
    y, miss = _numbers()
    predictions = {KEEP: miss(1.0), "recalibrate": miss(0.2, 2), "refit": miss(0.6, 3)}
    choice = choose(predictions, y, metric=RMSE, barred={"recalibrate": "last year it lost"})
    assert choice.strategy == "refit"
    del predictions["refit"]
    assert "last year it lost" in choose(predictions, y, metric=RMSE, barred={"recalibrate": "last year it lost"}).why


def test_the_sentence_names_a_dearer_one_that_was_better_but_not_surely():
    y, miss = _numbers(100)
    predictions = {KEEP: miss(1.0), "recalibrate": miss(0.5, 2), "retrain": miss(0.49, 5)}
    choice = choose(predictions, y, metric=RMSE)
    assert choice.candidates[2].loss < choice.candidates[1].loss
    assert choice.strategy == "recalibrate"
    assert choice.why.startswith("Recalibrate: rmse 0.")
    assert choice.why.endswith("; retrain is not significantly better than that.")


def test_the_sentence_says_how_near_the_best_other_one_came_to_keep():
    y, miss = _numbers(100)
    choice = choose({KEEP: miss(1.0), "refit": miss(3.0, 2), "extend": miss(0.99, 3)}, y, metric=RMSE)
    value, low, high = choice.candidates[2].ends
    assert choice.why == (
        f"Keep: the best other candidate, extend, changes rmse by {value:+.2f} "
        f"(95% interval {low:+.2f} to {high:+.2f}), which is no sure gain."
    )


def test_a_choice_is_plain_data_and_repeatable():
    y, miss = _numbers()
    predictions = {KEEP: miss(1.0), "refit": miss(0.9, 2)}
    first, again, other = (choose(predictions, y, metric=RMSE, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert json.loads(json.dumps(asdict(first)))["candidates"][1]["name"] == "refit"


# What is refused


@pytest.mark.parametrize("names", [[], ["refit"], ["refit", KEEP]])
def test_keep_is_expected_first(names):
    with pytest.raises(ConfigError, match="'keep' was expected"):
        choose({name: np.zeros(2) for name in names}, np.zeros(2), metric=RMSE)


@pytest.mark.parametrize("name", ["auc", "r2", "coverage"])
def test_only_a_loss_can_choose(name):
    with pytest.raises(ConfigError, match="is no loss"):
        choose({KEEP: np.zeros(2)}, np.zeros(2), metric=METRICS[name])


def days(rng, count, spread):
    """Return predictions of rows of some days, on each of which the other candidate is better or worse by chance."""
    day = np.repeat(np.arange(count), 20)
    y = rng.random(day.size)
    return y, {"keep": y + 1, "refit": y + 1 + rng.normal(0, spread, count)[day]}, day


@pytest.mark.slow
@pytest.mark.parametrize("count", [10, 12, 25])
def test_few_days_do_not_make_chance_sure(count):
    rng = np.random.default_rng(count)
    won = 0
    for seed in range(200):
        y, predictions, day = days(rng, count, 0.1)
        won += choose(predictions, y, metric=METRICS["mae"], groups=day, resamples=100, seed=seed).strategy != "keep"
    assert won <= 12  # 5 in the mean at a level of 95 % with two sides; 12 or more by chance in .4 %


def test_from_too_few_days_or_rows_nothing_is_chosen():
    rng = np.random.default_rng(0)
    y = rng.random(100)
    predictions = {"keep": y + 1.0, "refit": y + 0.1 * rng.random(100)}
    found = choose(predictions, y, metric=METRICS["rmse"], groups=np.repeat(np.arange(5), 20))
    assert found.strategy == "keep"
    assert "100 rows of 5 groups or days" in found.why
    assert choose(predictions, y, metric=METRICS["rmse"], groups=np.repeat(np.arange(10), 10)).strategy == "refit"
    few = {name: p[:19] for name, p in predictions.items()}
    assert choose(few, y[:19], metric=METRICS["rmse"]).strategy == "keep"
