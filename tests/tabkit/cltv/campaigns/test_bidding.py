from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tabkit.cltv.campaigns.bidding import highest_bid, payback, probability_above
from tabkit.errors import ConfigError

DRAWS = np.random.default_rng(1).normal([5.0, 6.0], 2.0, (20_000, 2))
LINE = pl.DataFrame({"bid": [0.0, 10.0], "users": [0.0, 1000.0]})


def test_the_probability_is_the_normal_one_within_its_error():
    found = probability_above(DRAWS, cost=[4.0, 9.0])
    truth = stats.norm.sf([4.0, 9.0], [5.0, 6.0], 2.0)
    assert found.value.shape == (2,)
    assert (np.abs(found.value - truth) < 4 * found.error).all()
    np.testing.assert_allclose(found.error, np.sqrt(truth * (1 - truth) / 20_000), rtol=0.05)


def test_draws_that_agree_have_an_error_all_the_same():
    found = probability_above(np.full(100, 3.0), cost=1.0)
    assert found.value == 1.0
    assert 0.0 < found.error < 0.02
    assert probability_above(np.full(100, 1.0), cost=1.0).value == 0.0


def test_a_cost_may_be_one_per_draw():
    assert probability_above([[1.0, 5.0], [3.0, 5.0]], cost=[[2.0], [6.0]]).value.tolist() == [0.0, 0.5]


def test_payback_of_saturating_value_is_at_its_closed_form_day():
    days, total = np.arange(1, 101), DRAWS[:, :1].clip(0.01)
    found = payback(total * (1 - np.exp(-days / 20)), cost=3.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = np.ceil(-20 * np.log(1 - 3.0 / total[:, 0]))
    exact = np.where(np.isnan(exact) | (exact > 100), np.inf, exact)
    np.testing.assert_array_equal(found.day, exact)
    assert found.never == np.isinf(exact).mean() > 0.1
    assert found.quantile(0.5) == np.sort(exact)[9_999]
    assert found.quantile(0.99) == np.inf
    shown = found.distribution()
    assert shown["cumulative"][-1] == pytest.approx(1 - found.never)
    assert shown["day"].is_sorted()


def test_payback_takes_the_first_day_of_a_falling_curve_and_days_of_its_own():
    found = payback([[1.0, 3.0, 1.0], [0.0, 0.0, 0.0]], cost=[2.0, 0.0], days=[7, 14, 28])
    assert found.day.tolist() == [14.0, 7.0]
    nothing = payback([[1.0, 1.0]], cost=2.0)
    assert (nothing.never, nothing.distribution().height) == (1.0, 0)


def test_on_a_line_from_nothing_the_best_bid_is_half_the_value():
    values = DRAWS[:, 0]
    found = highest_bid(values, volume=LINE, confidence=0.9)
    mean = values.mean()
    assert found.best == pytest.approx(mean / 2)
    assert found.best_profit == pytest.approx(100 * (mean / 2) ** 2)
    assert found.best_profit_error == pytest.approx(50 * mean * values.std(ddof=1) / np.sqrt(20_000))
    assert found.break_even == pytest.approx(mean)
    assert found.safe == pytest.approx(np.quantile(values, 0.1), abs=1e-3)
    assert (values >= found.safe).mean() >= 0.9 > (values > found.safe).mean() - 1e-9


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_with_users_a_power_of_the_bid_the_best_bid_is_the_closed_form(power):
    found = highest_bid([4.0, 6.0], volume=lambda bid: 30 * bid**power, limits=(0.0, 8.0))
    assert found.best == pytest.approx(5 * power / (1 + power), abs=0.004)
    assert found.break_even == 5.0
    assert found.curve.height == 2001


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 100)), min_size=2, max_size=6),
    st.floats(-5, 20),
    st.floats(0, 50),
)
def test_no_bid_of_a_fine_grid_beats_the_best_one(steps, value, first):
    bid = np.cumsum([step for step, _ in steps])
    users = first + np.cumsum([more for _, more in steps])
    if not users.any():
        return
    found = highest_bid([value], volume=pl.DataFrame({"bid": bid, "users": users}))
    fine = np.linspace(bid[0], bid[-1], 5001)
    profit = np.interp(fine, bid, users) * (value - fine)
    assert profit.max() <= found.best_profit + 1e-9 * (1 + abs(found.best_profit))
    if found.best is None:
        assert found.best_profit == 0.0
    else:
        at = np.interp(found.best, bid, users) * (value - found.best)
        assert at == pytest.approx(found.best_profit)


def test_no_bid_will_do_where_users_come_only_above_their_value():
    found = highest_bid([1.0, 2.0], volume=pl.DataFrame({"bid": [3.0, 4.0, 5.0], "users": [0, 0, 9]}))
    assert (found.best, found.best_profit, found.break_even, found.safe) == (None, 0.0, None, None)
    edge = highest_bid([3.0], volume=pl.DataFrame({"bid": [3.0, 4.0], "users": [5, 9]}))
    assert (edge.best, edge.break_even) == (None, 3.0)


def test_the_highest_bid_ends_with_the_volume_curve():
    found = highest_bid([50.0, 60.0], volume=LINE)
    assert (found.best, found.break_even, found.safe) == (10.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: probability_above([1.0, np.nan], cost=1.0), r"hold 1.*NaN.*2"),
        (lambda: probability_above([None, 1.0], cost=1.0), "values hold 1 null"),
        (lambda: probability_above([], cost=1.0), "values hold 0"),
        (lambda: probability_above(["a"], cost=1.0), "no numbers"),
        (lambda: probability_above(DRAWS, cost=[1.0, 2.0, 3.0]), "does not fit"),
        (lambda: probability_above([1.0, 2.0], cost=[[1.0], [2.0]]), "more than values"),
        (lambda: payback([1.0, 2.0], cost=1.0), r"\(draws, days\) was expected"),
        (lambda: payback([[1.0, 2.0]], cost=[1.0, 2.0]), "one per draw, 1, was expected"),
        (lambda: payback([[1.0, 2.0]], cost=1.0, days=[2, 2]), "rising"),
        (lambda: highest_bid(DRAWS, volume=LINE), "one number per draw"),
        (lambda: highest_bid([1.0], volume=LINE, confidence=90), "between 0 and 1"),
        (lambda: highest_bid([1.0], volume=LINE, limits=(0, 1)), "no limits"),
        (lambda: highest_bid([1.0], volume=pl.DataFrame({"b": [1]})), "'bid' and 'users'"),
        (lambda: highest_bid([1.0], volume=lambda bid: bid), "has no limits"),
        (lambda: highest_bid([1.0], volume=lambda bid: -bid, limits=(0, 1)), "negative, fall"),
        (lambda: highest_bid([1.0], volume=LINE.reverse()), "rising bids"),
        (lambda: highest_bid([1.0], volume=LINE.with_columns(users=pl.Series([9, 3]))), "fall with the bid"),
    ],
)
def test_what_cannot_be_is_refused(call, told):
    with pytest.raises(ConfigError, match=told):
        call()
