"""Intervals against published numbers, SciPy and exact probabilities; rows that depend on each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tabkit.errors import ConfigError
from tabkit.rules.goal import Codes, Goal
from tabkit.rules.intervals import MeasuredInterval, Moments, clopper_pearson, estimate, less, limits, moments, wilson
from tabkit.rules.ledger import Ledger
from tabkit.rules.measurement import measure


def of_share(k: int, n: int) -> Moments:
    return Moments(n, float(k), k * (n - k) / n, n)


def missed(p: float, n: int, *, level: float, exact: bool) -> float:
    """Return how probable it is that the interval of n draws leaves p out."""
    found = [limits(of_share(k, n), binary=True, clustered=False, level=level, exact=exact) for k in range(n + 1)]
    out = [k for k, ends in enumerate(found) if ends is None or not ends[0] <= p <= ends[1]]
    return float(stats.binom.pmf(out, n, p).sum())


@pytest.mark.parametrize("p", [0.002, 0.01, 0.05, 0.3, 0.97])
@pytest.mark.parametrize("n", [5, 30, 200])
@pytest.mark.parametrize("level", [0.95, 0.9975])
def test_exact_intervals_of_shares_miss_no_more_often_than_they_say(p: float, n: int, level: float) -> None:
    assert missed(p, n, level=level, exact=True) <= 1 - level


def test_wilsons_does_at_far_levels_which_is_why_proofs_do_not_use_it() -> None:
    assert missed(0.01, 30, level=0.9975, exact=False) > 0.03
    goal = Goal("y", "share", np.repeat([1.0, 0.0, 0.0, 1.0], [2, 28, 60, 10]), positive="yes")
    inside = np.arange(100) < 30
    shown, proved = measure(inside, goal), Ledger(before=20).measure(inside, goal)
    assert (shown.low, shown.high) == pytest.approx(wilson(2, 30))
    assert (proved.low, proved.high) == pytest.approx(clopper_pearson(2, 30, level=0.9975))
    assert shown.difference_low == measure(inside, goal, exact=True).difference_low


def test_clopper_and_pearsons_is_scipys() -> None:
    for k in (0, 1, 7, 20):
        found = stats.binomtest(k, 20).proportion_ci(0.99, method="exact")
        assert clopper_pearson(k, 20, level=0.99) == pytest.approx((found.low, found.high))


def test_the_interval_of_a_difference_is_as_published() -> None:
    """Newcombe (1998), "Interval estimation for the difference between independent proportions", table II, 10."""
    for (a, m), (b, n), low, high in (
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ):
        found = less(MeasuredInterval(a / m, *wilson(a, m)), MeasuredInterval(b / n, *wilson(b, n)))
        assert found.low == pytest.approx(low, abs=1e-4)
        assert found.high == pytest.approx(high, abs=1e-4)


def test_a_mean_has_students_interval_and_none_of_few_rows() -> None:
    y = np.random.default_rng(0).normal(3, 2, 25)
    [part] = moments(np.ones(25, dtype=bool), Goal("y", "mean", y))
    expected = stats.ttest_1samp(y, 0).confidence_interval(0.99)
    assert limits(part, binary=False, clustered=False, level=0.99) == pytest.approx((expected.low, expected.high))
    [few] = moments(np.arange(25) < 19, Goal("y", "mean", y))
    assert limits(few, binary=False, clustered=False) is None
    assert measure(np.arange(25) < 5, Goal("y", "mean", y)).difference_low is None


def dependent(seed: int, *, customers: int = 30) -> tuple[Goal, Codes]:
    chance = np.random.default_rng(seed)
    who = np.repeat(np.arange(customers), 10)
    return Goal("y", "mean", chance.normal(0, 1, customers)[who] + chance.normal(0, 0.5, who.size), unit=who), who


def test_rows_that_depend_on_each_other_count_as_one() -> None:
    everything = np.ones(300, dtype=bool)
    held = {True: 0, False: 0}
    for seed in range(300):
        goal, _ = dependent(seed)
        for clustered in held:
            own = goal if clustered else Goal("y", "mean", goal.y)
            ends = limits(moments(everything, own)[0], binary=False, clustered=clustered)
            assert ends is not None
            held[clustered] += ends[0] <= 0 <= ends[1]
    assert held[True] / 300 > 0.92
    assert held[False] / 300 < 0.6


def test_of_units_of_one_size_it_is_the_interval_of_their_means() -> None:
    goal, who = dependent(1)
    means = np.array([goal.y[who == one].mean() for one in range(30)])
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    found = limits(moments(np.ones(300, dtype=bool), goal)[0], binary=False, clustered=True)
    assert found == pytest.approx((expected.low, expected.high))


def test_a_share_of_units_that_are_all_alike_is_one_of_so_many_units() -> None:
    who = np.repeat(np.arange(20), 10)
    y = (who < 6).astype(np.float64)
    found = estimate(
        moments(np.ones(200, dtype=bool), Goal("y", "share", y, "yes", unit=who)), binary=True, clustered=True
    )
    assert (found.low, found.high) == pytest.approx(clopper_pearson(0.3 * 19, 19))
    none = estimate((Moments(200, 0.0, 0.0, 20),), binary=True, clustered=True)
    assert none == MeasuredInterval(0.0, *clopper_pearson(0, 20))
    assert limits(Moments(900, 90.0, 81.0, 9), binary=True, clustered=True) is None


def test_a_part_of_a_goal_keeps_what_it_is() -> None:
    goal = Goal("y", "mean", np.array([0.0, 1.0, 2.0]), unit=np.array([0, 0, 1]))
    part = goal.take(np.array([0, 1]))
    assert part.unit is not None
    assert part.unit.tolist() == [0, 0]
    assert not part.binary
    assert Goal("y", "effect", np.array([0.0, 1.0]), None, np.array([True, False])).binary


def test_the_rest_and_the_difference_from_it() -> None:
    goal = Goal("y", "share", np.repeat([1.0, 0.0, 1.0, 0.0], [30, 20, 10, 40]), positive="yes")
    found = measure(np.arange(100) < 50, goal, level=0.9)
    assert (found.value, found.rest, found.base) == (0.6, 0.2, 0.4)
    expected = less(
        MeasuredInterval(0.6, *clopper_pearson(30, 50, level=0.9)),
        MeasuredInterval(0.2, *clopper_pearson(10, 50, level=0.9)),
    )
    assert (found.difference, found.difference_low, found.difference_high) == (
        expected.value,
        expected.low,
        expected.high,
    )
    assert found.gain == pytest.approx(0.2)
    whole = measure(np.ones(100, dtype=bool), goal)
    assert (whole.rest, whole.difference, whole.difference_low, whole.balanced) == (None, None, None, None)


@pytest.mark.parametrize(("inside_share", "balanced"), [(0.5, True), (0.55, True), (0.9, False)])
def test_arms_that_differ_inside_are_told(inside_share: float, balanced: bool) -> None:
    inside = np.arange(2000) < 400
    treated = np.arange(2000) % 100 < np.where(inside, 100 * inside_share, 50)
    goal = Goal("y", "effect", np.zeros(2000), None, treated, "arm", "mail", "none")
    assert measure(inside, goal).balanced is balanced
    assert measure(inside, goal).treated == int((treated & inside).sum())
    assert measure(np.ones(2000, dtype=bool), goal).balanced is True


def test_treatment_that_was_given_to_customers_is_not_taken_for_imbalance() -> None:
    alarms = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        who = np.repeat(np.arange(150), 20)
        treated, inside = (chance.random(150) < 0.5)[who], (chance.random(150) < 0.3)[who]
        alarms += measure(inside, Goal("y", "effect", np.zeros(3000), None, treated, unit=who)).balanced is False
    assert alarms <= 2


def test_an_arm_without_rows_is_no_error() -> None:
    goal = Goal("y", "effect", np.arange(100.0), None, np.ones(100, dtype=bool), "arm", "mail", "none")
    found = measure(np.arange(100) < 50, goal)
    assert (found.value, found.base, found.difference, found.balanced) == (None, 0.0, None, True)


@pytest.mark.parametrize("level", [0.0, 1.0, 2.0])
def test_levels_are_shares(level: float) -> None:
    with pytest.raises(ConfigError, match="strictly between 0 and 1"):
        wilson(1, 2, level=level)
