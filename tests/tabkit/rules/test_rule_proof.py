"""The tests of rules against SciPy, statsmodels' definition of Holm, and what they say where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tabkit.rules.clusters import cluster_p
from tabkit.rules.goal import Goal, Mask
from tabkit.rules.proof import dense, holm, p_value, rule_p, totals, z_value

RARE = 200


def share(y: np.ndarray) -> Goal:
    return Goal("y", "share", y.astype(np.float64), positive="yes")


def everywhere(inside: Mask) -> Mask:
    return np.ones(inside.size, dtype=np.bool_)


def test_a_share_is_tested_as_fisher_does() -> None:
    chance = np.random.default_rng(0)
    inside = chance.random(300) < 0.2
    y = chance.random(300) < np.where(inside, 0.4, 0.2)
    table = [[(y & inside).sum(), (~y & inside).sum()], [(y & ~inside).sum(), (~y & ~inside).sum()]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert p_value(share(y), inside, everywhere(inside)) == pytest.approx(expected, rel=1e-9)


def z_of(goal: Goal, inside: Mask) -> float:
    sums = totals(goal)
    return z_value(sums @ inside.astype(float), sums @ np.ones(inside.size), share=goal.kind == "share")


def test_standard_errors_are_those_of_the_textbook() -> None:
    chance = np.random.default_rng(6)
    inside, treated = chance.random(500) < 0.3, chance.random(500) < 0.4
    y = 1e3 + chance.lognormal(0, 1, 500) + inside
    welch = stats.ttest_ind(y[inside], y[~inside], equal_var=False)
    assert z_of(Goal("y", "mean", y), inside) == pytest.approx(welch.statistic)
    groups = [y[side & arm] for side in (inside, ~inside) for arm in (treated, ~treated)]
    difference = groups[0].mean() - groups[1].mean() - groups[2].mean() + groups[3].mean()
    error = np.sqrt(sum(group.var(ddof=1) / group.size for group in groups))
    assert z_of(Goal("y", "effect", y, None, treated), inside) == pytest.approx(difference / error)
    pooled = np.array([(y > 1002)[inside].mean(), (y > 1002)[~inside].mean(), (y > 1002).mean()])
    spread = pooled[2] * (1 - pooled[2]) * (1 / inside.sum() + 1 / (~inside).sum())
    assert z_of(share(y > 1002), inside) == pytest.approx((pooled[0] - pooled[1]) / np.sqrt(spread))
    assert z_of(Goal("y", "mean", np.full(500, 0.1)), inside) == 0


@pytest.mark.parametrize("ties", [False, True])
def test_a_mean_is_tested_as_welch_student_and_mann_and_whitney_do(ties: bool) -> None:
    chance = np.random.default_rng(1)
    inside = chance.random(400) < 0.2
    y = chance.lognormal(0, 1, 400) + 0.4 * inside
    y = y.round() if ties else y
    expected = max(
        stats.ttest_ind(y[inside], y[~inside], equal_var=False, alternative="greater").pvalue,
        stats.ttest_ind(y[inside], y[~inside], equal_var=True, alternative="greater").pvalue,
        stats.mannwhitneyu(y[inside], y[~inside], alternative="greater", method="asymptotic").pvalue,
    )
    goal = Goal("y", "mean", y)
    assert p_value(goal, inside, everywhere(inside)) == pytest.approx(expected, rel=1e-9)
    assert p_value(goal, inside, everywhere(inside), order=dense(y)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("numbers", [False, True])
def test_an_effect_is_tested_by_the_difference_of_differences(numbers: bool) -> None:
    chance = np.random.default_rng(2)
    n = 4000
    inside, treated = chance.random(n) < 0.3, chance.random(n) < 0.5
    gain = 0.3 * (inside & treated)
    y = chance.normal(size=n) + gain if numbers else (chance.random(n) < 0.2 + gain / 3).astype(np.float64)

    def z_of(values: np.ndarray) -> float:
        sides = [[values[side & arm] for arm in (treated, ~treated)] for side in (inside, ~inside)]
        effects = [one.mean() - other.mean() for one, other in sides]
        variance = sum(group.var(ddof=1) / group.size for side in sides for group in side)
        return float((effects[0] - effects[1]) / np.sqrt(variance))

    freedom = min((side & arm).sum() for side in (inside, ~inside) for arm in (treated, ~treated)) - 1
    expected = stats.t.sf(min(z_of(y), z_of(stats.rankdata(y))) if numbers else z_of(y), freedom)
    goal = Goal("y", "effect", y, None, treated, "arm", "mail", "none")
    found = p_value(goal, inside, everywhere(inside))
    assert found == pytest.approx(expected, rel=1e-9 if numbers else 0.2)


def test_every_condition_must_be_proved() -> None:
    chance = np.random.default_rng(3)
    one, two, noise = (chance.random(5000) < 0.5 for _ in range(3))
    goal = share(chance.random(5000) < np.where(one & two, 0.4, 0.1))
    assert rule_p(goal, [one, two]) < 1e-20
    assert rule_p(goal, [one, two, noise]) > 0.01


@pytest.mark.parametrize("kind", ["share", "mean", "effect"])
def test_without_a_difference_p_values_are_not_too_small(kind: str) -> None:
    chance = np.random.default_rng(4)
    found = []
    for _ in range(400):
        inside, treated = chance.random(300) < 0.2, chance.random(300) < 0.5
        y = chance.lognormal(0, 2, 300) if kind == "mean" else (chance.random(300) < 0.15).astype(np.float64)
        goal = Goal("y", kind, y, None, treated if kind == "effect" else None)  # type: ignore[arg-type]
        found.append(p_value(goal, inside, everywhere(inside)))
    assert np.mean(np.array(found) <= 0.05) <= 0.08
    assert np.mean(np.array(found) <= 0.01) <= 0.025


def test_low_means_of_heavy_tails_are_not_proved_by_the_mean_alone() -> None:
    """A few rows of a heavy tail miss its large values, and Welch's test alone takes that for a low mean."""
    chance = np.random.default_rng(5)
    fooled = passed = 0
    for _ in range(300):
        inside = np.arange(2000) < 40
        y = -chance.lognormal(0, 2, 2000)
        fooled += stats.ttest_ind(y[inside], y[~inside], equal_var=False, alternative="greater").pvalue <= 0.01
        passed += p_value(Goal("y", "mean", y), inside, everywhere(inside)) <= 0.01
    assert fooled > 10
    assert passed <= 8


def test_too_few_rows_say_nothing() -> None:
    inside = np.arange(20) < 4
    assert p_value(share(inside), inside, everywhere(inside)) == 1
    assert p_value(Goal("y", "mean", inside.astype(np.float64)), inside, everywhere(inside)) == 1
    treated = np.arange(20) % 2 == 0
    assert p_value(Goal("y", "effect", inside.astype(np.float64), None, treated), inside, everywhere(inside)) == 1
    assert z_of(share(inside), inside) == -np.inf


def test_constant_sides_are_neither_an_error_nor_a_proof_of_nothing() -> None:
    inside = np.arange(40) < 20
    whole = everywhere(inside)
    assert p_value(Goal("y", "mean", np.ones(40)), inside, whole) == 0.5
    assert p_value(Goal("y", "mean", inside.astype(np.float64)), inside, whole) < 1e-8
    assert p_value(Goal("y", "mean", -inside.astype(np.float64)), inside, whole) > 0.99


def test_rare_losses_that_the_rows_inside_happen_to_lack_are_no_higher_mean() -> None:
    """Each row gains a little more inside and loses more, rarely: the means are the same. Welch and ranks are sure."""
    fooled = passed = 0
    for seed in range(RARE):
        chance = np.random.default_rng(seed)
        inside, loss = np.arange(3000) < 250, chance.random(3000) < 0.002
        y = np.where(loss, np.where(inside, -1500, -1000), np.where(inside, 11, 10)) + chance.normal(0, 0.3, 3000)
        welch = stats.ttest_ind(y[inside], y[~inside], equal_var=False, alternative="greater").pvalue
        ranks = stats.mannwhitneyu(y[inside], y[~inside], alternative="greater").pvalue
        fooled += max(welch, ranks) <= 0.01
        passed += p_value(Goal("y", "mean", y), inside, everywhere(inside)) <= 0.01
    assert fooled > 0.3 * RARE
    assert passed <= 0.03 * RARE


def test_an_effect_of_few_rows_is_as_sure_as_they_allow() -> None:
    """Ten rows in an arm, and much noise there: a normal distribution would be far too sure."""
    found = []
    for seed in range(2000):
        inside, treated = np.arange(400) < 20, np.arange(400) % 2 == 0
        y = np.random.default_rng(seed).normal(size=400) * np.where(inside, 5, 1)
        found.append(p_value(Goal("y", "effect", y, None, treated), inside, everywhere(inside)))
    assert np.mean(np.array(found) <= 0.002) <= 0.002
    few = np.arange(400) < 18
    assert p_value(Goal("y", "effect", few * 1.0 * treated, None, treated), few, everywhere(few)) == 1


@pytest.mark.parametrize("effect", [False, True])
def test_units_are_tested_as_a_regression_with_clustered_errors_does(effect: bool) -> None:
    chance = np.random.default_rng(7)
    who = np.sort(chance.integers(0, 60, 1200))
    inside, treated = chance.random(1200) < 0.3, chance.random(1200) < 0.5
    y = chance.normal(size=60)[who] + chance.normal(size=1200) + 0.3 * inside * (treated if effect else 1)
    columns = [np.ones(1200), inside] + [treated, inside & treated] * effect
    X = np.stack(columns, axis=1).astype(np.float64)
    coefficients = np.linalg.lstsq(X, y)[0]
    scores = np.stack([((y - X @ coefficients)[who == one] @ X[who == one]) for one in range(60)])
    bread = np.linalg.inv(X.T @ X)
    errors = np.sqrt(np.diag(bread @ scores.T @ scores @ bread) * 60 / 59)
    cells = [side & arm for side in (inside, ~inside) for arm in ((treated, ~treated) if effect else (inside >= 0,))]
    freedom = min(np.unique(who[cell]).size for cell in cells) - 1
    expected = stats.t.sf(coefficients[-1] / errors[-1], freedom)
    goal = Goal("y", "effect" if effect else "mean", y, None, treated if effect else None, unit=who)
    assert cluster_p(goal, who, inside, ~inside) == pytest.approx(expected, rel=1e-8)
    assert p_value(goal, inside, everywhere(inside)) >= cluster_p(goal, who, inside, ~inside)


def test_few_units_prove_nothing() -> None:
    who, inside = np.arange(400) // 20, np.arange(400) < 180
    y = inside + np.random.default_rng(0).normal(0, 0.1, 400)
    assert p_value(Goal("y", "mean", y, unit=who), inside, everywhere(inside)) == 1
    assert p_value(Goal("y", "mean", y, unit=who), np.arange(400) < 200, everywhere(inside)) < 1e-4


def test_holm_is_as_published() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1, 1]
