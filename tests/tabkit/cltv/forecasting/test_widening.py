from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tabkit.cltv.forecasting.predictive import BINS, PredictiveScores, PredictiveTally, coverage
from tabkit.cltv.forecasting.widening import Widening, learn
from tabkit.errors import ScoringError

SIZE = 400


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def scored(draws: np.ndarray, y: np.ndarray, *, counts: bool) -> PredictiveScores:
    tally = PredictiveTally(counts=counts)
    tally.add(draws, y, rng=rng(99))
    return tally.scores()


ANY = scored(np.ones((2, SIZE)), np.ones(2), counts=False)


def of_total(total: np.ndarray, actual: float) -> PredictiveScores:
    """Scores of which only the total says something."""
    return replace(ANY, total=total, actual=actual)


def amounts(seed: int, sd: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Log-normal outcomes of spread 1 whose forecasts have another."""
    mean = rng(seed).normal(size=(n, 1))
    y = np.exp(mean[:, 0] + rng(seed + 1).normal(size=n))
    return np.exp(mean + sd * rng(seed + 2).normal(size=(n, SIZE))), y


def purchases(seed: int, shape: float | None, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Counts with more spread than the Poisson forecasts of them, or with theirs."""
    mean = rng(seed).gamma(2.0, 2.0, (n, 1))
    rate = mean[:, 0] if shape is None else rng(seed + 1).gamma(shape, mean[:, 0] / shape)
    return rng(seed + 3).poisson(mean, (n, SIZE)).astype(float), rng(seed + 2).poisson(rate).astype(float)


# Customers


def test_too_narrow_intervals_of_amounts_hold_once_widened():
    widening = learn([scored(*amounts(0, sd=0.7), counts=False)])
    draws, y = amounts(10, sd=0.7)
    before, after = coverage(draws, y, counts=False), coverage(widening.apply(draws), y, counts=False)
    assert before[0.94] < 0.84
    for level, share in after.items():
        assert share == pytest.approx(level, abs=0.02)


def test_too_narrow_intervals_of_counts_hold_once_widened():
    widening = learn([scored(*purchases(0, shape=3.0), counts=True)])
    draws, y = purchases(10, shape=3.0)
    wide = widening.apply(draws)
    before, after = coverage(draws, y), coverage(wide, y)
    assert before[0.94] < 0.88
    assert all(after[level] > level - 0.02 for level in after)
    assert after[0.94] > before[0.94] + 0.05
    assert (wide == np.round(wide)).all()
    assert (wide >= 0).all()


@pytest.mark.parametrize(("make", "counts"), [(amounts, False), (purchases, True)])
def test_right_intervals_stay_near_what_they_are(make, counts):
    right = 1.0 if make is amounts else None
    widening = learn([scored(*make(0, right), counts=counts)])
    low, high = widening.central(0.94)
    assert 0.02 < low <= 0.03
    assert 0.97 <= high < 0.98
    draws, y = make(10, right)
    before, after = coverage(draws, y, counts=counts), coverage(widening.apply(draws), y, counts=counts)
    assert after == pytest.approx(before, abs=0.025)


def test_intervals_never_become_narrower_unless_asked():
    draws, y = amounts(0, sd=2.0)
    scores = scored(draws, y, counts=False)
    for widening, name in ((learn([scores]), "kept"), (learn([scores], narrow=True), "narrowed")):
        ends = [np.quantile(found, [0.03, 0.97], axis=1) for found in (draws, widening.apply(draws))]
        if name == "kept":
            assert (ends[1][0] <= ends[0][0] + 1e-9).all()
            assert (ends[1][1] >= ends[0][1] - 1e-9).all()
        else:
            assert (ends[1][1] - ends[1][0] < ends[0][1] - ends[0][0]).mean() > 0.99
            assert coverage(widening.apply(draws), y, counts=False)[0.94] == pytest.approx(0.94, abs=0.02)


def test_a_bias_widens_one_side_alone():
    draws, y = amounts(0, sd=1.0)
    widening = learn([scored(1.5 * draws, y, counts=False)])
    low, high = widening.central(0.8)
    assert low < 0.08
    assert high == pytest.approx(0.9, abs=0.002)


def test_few_customers_move_little():
    few, many = (learn([scored(*amounts(0, sd=0.5, n=n), counts=False)]) for n in (20, 4000))
    assert 0.03 > few.central(0.94)[0] > many.central(0.94)[0]


def test_no_widening_is_the_identity_and_order_is_kept():
    none = Widening(True, np.linspace(0, 1, BINS + 1), 0.0, 1.0, 500, 0.0)
    counts = rng().poisson(0.7, (50, 60)).astype(float)
    np.testing.assert_array_equal(none.apply(counts), counts)
    spend = np.where(counts > 0, rng(1).gamma(2.0, size=counts.shape), 0.0)
    kept = Widening(False, np.linspace(0, 1, BINS + 1), 0.0, 1.0, 500, 0.0).apply(spend)
    np.testing.assert_allclose(kept, spend, atol=1e-9)
    wide = learn([scored(*amounts(0, sd=0.5), counts=False)]).apply(spend)
    for before, after in zip(spend, wide, strict=True):
        assert (np.diff(after[np.argsort(before[before > 0])]) >= 0).all() or (before == 0).any()
        assert (np.diff(after[np.argsort(before, kind="stable")][(before == 0).sum() :]) >= 0).all()
    assert (wide >= 0).all()


def test_ties_are_broken_at_random_so_that_sums_over_customers_do_not_drift():
    levels = np.interp(np.linspace(0, 1, BINS + 1), [0, 0.4, 0.6, 1], [0, 0.2, 0.8, 1])
    widening = Widening(True, levels, 0.0, 1.0, 500, 0.0)
    draws = np.tile(np.repeat([0.0, 1.0], [60, 40]), (2000, 1))
    wide = widening.apply(draws)
    assert wide.sum() > 1.05 * draws.sum()  # zeros above the median became ones
    sums = wide[:, :60].sum(axis=0)
    assert abs(np.corrcoef(np.arange(60), sums)[0, 1]) < 0.4


def test_how_many_lie_beyond_all_draws_is_told():
    assert learn([scored(*amounts(0, sd=0.2), counts=False)]).beyond > 0.3
    assert learn([scored(*amounts(0, sd=1.0), counts=False)]).beyond < 0.01


# Totals


def held_by_widening(origins: int, common: float, own: float = 0.02, repeats: int = 1000) -> tuple[float, float]:
    """Return how often the 94 % interval of the next total held, and the mean factor."""
    random, base, held, factors = rng(3), rng(4).normal(size=SIZE), [], []
    total = 1000 * np.exp(own * base / base.std())
    for _ in range(repeats):
        *past, following = 1000 * np.exp(np.hypot(common, own) * random.normal(size=origins + 1))
        widening = learn([of_total(total, actual) for actual in past])
        low, high = np.quantile(widening.apply_total(total), [0.03, 0.97])
        held.append(low <= following <= high)
        factors.append(widening.factor(total))
    return float(np.mean(held)), float(np.mean(factors))


@pytest.mark.parametrize(("origins", "told"), [(1, 0.59), (2, 0.73), (3, 0.80), (10, 0.90)])
def test_the_interval_of_a_total_holds_as_often_as_the_documentation_says(origins, told):
    held, _ = held_by_widening(origins, common=0.3)
    assert held == pytest.approx(told, abs=0.045)  # three standard errors


def test_right_totals_are_hardly_stretched():
    held, factor = held_by_widening(4, common=0.0)
    assert held > 0.92
    assert factor < 1.2


def test_the_factor_grows_with_the_number_of_customers():
    widening = Widening(True, np.linspace(0, 1, BINS + 1), 0.1, 1.0, 500, 0.0)
    small, large = (rng().poisson(mean, 4000).astype(float) for mean in (100, 1e6))
    assert widening.factor(small) == pytest.approx(np.sqrt(2), rel=0.05)
    assert widening.factor(large) == pytest.approx(100, rel=0.05)


def test_a_total_keeps_its_median_is_whole_and_not_negative():
    widening = Widening(True, np.linspace(0, 1, BINS + 1), 0.5, 1.0, 500, 0.0)
    total = rng().poisson(30, 2001).astype(float)
    wide = widening.apply_total(total)
    assert np.median(wide) == np.median(total)
    assert (wide == np.round(wide)).all()
    assert (wide >= 0).all()
    none = np.zeros(50)
    np.testing.assert_array_equal(widening.apply_total(none), none)
    assert widening.factor(none) == widening.factor(np.full(50, 7.0)) == 1.0


def test_an_origin_where_nothing_was_bought_or_forecast_does_no_harm():
    nothing_bought = learn([of_total(np.linspace(90, 110, SIZE), 0.0)])
    assert 1 < nothing_bought.deviation < 10
    assert learn([of_total(np.zeros(SIZE), 50.0)]).deviation == 0.0


def test_weights_count():
    scores = [of_total(np.linspace(90, 110, SIZE), 100.0), of_total(np.linspace(90, 110, SIZE), 150.0)]
    equal, first = learn(scores), learn(scores, weights=[1.0, 0.1])
    assert first.deviation < equal.deviation
    assert (first.origins, equal.origins) == (1.1, 2.0)


# Around it


def test_a_widening_survives_json():
    widening = learn([scored(*purchases(0, shape=3.0), counts=True)])
    again = Widening.from_dict(json.loads(json.dumps(widening.to_dict())))
    assert again.to_dict() == widening.to_dict()
    draws, _ = purchases(20, shape=3.0, n=50)
    np.testing.assert_array_equal(again.apply(draws), widening.apply(draws))
    assert json.loads(json.dumps(widening.report(draws.sum(axis=0))))["factor"] >= 1


def test_nothing_can_be_learned_from_nothing():
    one, other = scored(*purchases(0, None, n=9), counts=True), scored(*amounts(0, 1.0, n=9), counts=False)
    for past, weights in (([], None), ([one, other], None), ([one], [1.0, 1.0]), ([one], [0.0])):
        with pytest.raises(ScoringError, match=r"scores.*kind"):
            learn(past, weights=weights)
