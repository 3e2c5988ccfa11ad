"""Average effects: other libraries on the same rows, published figures, known truths and how often intervals hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import DATA
from scipy import stats

from tabkit.errors import ConfigError, FitError
from tabkit.uplift.effects import adjusted, aipw, difference, on_treated
from tabkit.uplift.experiment import Experiment

HILLSTROM = DATA / "hillstrom.parquet"
# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, max_examples=30)


def drawn(rows=300, *, arms=2, clustered=False, seed=0):
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, arms, rows)
    x = rng.normal(size=(rows, 3))
    clusters = rng.integers(0, 25, rows) if clustered else None
    shock = 0 if clusters is None else rng.normal(size=25)[clusters]
    y = 1 + x @ [1, -1, 0.5] + arm * (0.5 + x[:, 0]) + shock + (1 + arm) * rng.normal(size=rows)
    labels = ("none", "mail", "call")[:arms]
    return Experiment(labels, arm, y, np.full((rows, arms), 1 / arms), clusters=clusters), x


def scaled(experiment, factor=1.0, shift=0.0):
    return replace(experiment, outcome=experiment.outcome * factor + shift)


def numbers(effect):
    return [effect.value, effect.se, effect.low, effect.high, effect.p]


# --- the difference in means


@pytest.mark.parametrize("arms", [2, 3])
def test_the_difference_is_welchs(arms):
    experiment, _ = drawn(arms=arms)
    found = difference(experiment, level=0.9)
    assert [each.arm for each in found] == list(experiment.treated)
    for arm, each in enumerate(found, start=1):
        theirs = stats.ttest_ind(
            experiment.outcome[experiment.arm == arm], experiment.outcome[experiment.arm == 0], equal_var=False
        )
        ends = theirs.confidence_interval(0.9)
        se = each.value / theirs.statistic
        assert numbers(each) == pytest.approx([each.value, se, ends.low, ends.high, theirs.pvalue], rel=1e-9)
        means = [experiment.outcome[experiment.arm == side].mean() for side in (arm, 0)]
        assert each.value == pytest.approx(means[0] - means[1])


def test_few_units_of_an_arm_widen_the_interval_as_welch_has_it():
    rng = np.random.default_rng(0)
    arm = np.repeat([0, 1], [1000, 6])
    found = difference(Experiment(("a", "b"), arm, rng.normal(size=1006) * (1 + arm), np.full((1006, 2), 0.5)))[0]
    assert (found.high - found.low) / found.se == pytest.approx(2 * stats.t.ppf(0.975, 5), rel=0.01)


def test_a_clustered_difference_is_that_of_statsmodels():
    """CR1: G / (G - 1) * (n - 1) / (n - 2), statsmodels' default; intervals by t with G - 1 degrees of freedom."""
    api = pytest.importorskip("statsmodels.api")
    experiment, _ = drawn(arms=3, clustered=True)
    for arm, each in enumerate(difference(experiment), start=1):
        pair = experiment.take(np.isin(experiment.arm, (0, arm)))
        fit = api.OLS(pair.outcome, np.column_stack([np.ones(pair.rows), pair.arm == arm])).fit(
            cov_type="cluster", cov_kwds={"groups": pair.clusters}, use_t=True
        )
        assert numbers(each) == pytest.approx([fit.params[1], fit.bse[1], *fit.conf_int()[1], fit.pvalues[1]])


def test_clusters_of_one_row_are_independent_rows():
    experiment, x = drawn()
    apart = replace(experiment, clusters=np.random.default_rng(1).permutation(300))
    alone, each = difference(experiment)[0], difference(apart)[0]
    assert each.se == pytest.approx(alone.se, rel=0.01)  # CR1 knows one variance correction for both arms
    assert aipw(apart, None)[0].se == pytest.approx(aipw(experiment, None)[0].se, rel=1e-12)
    assert adjusted(apart, x)[0].se == pytest.approx(adjusted(experiment, x)[0].se, rel=0.05)


def test_rows_that_come_twice_make_nothing_surer_when_they_are_clusters():
    experiment, _ = drawn()
    twice = np.tile(np.arange(300), 2)
    doubled = replace(experiment.take(twice), clusters=twice)
    single = difference(replace(experiment, clusters=np.arange(300)))[0].se
    assert difference(doubled)[0].se == pytest.approx(single, rel=0.005)
    assert aipw(doubled, None)[0].se == pytest.approx(aipw(experiment, None)[0].se, rel=1e-12)


# --- regression


@pytest.mark.parametrize("interacted", [True, False])
@pytest.mark.parametrize("clustered", [False, True])
def test_regression_is_that_of_statsmodels(interacted, clustered):
    api = pytest.importorskip("statsmodels.api")
    experiment, x = drawn(arms=3, clustered=clustered)
    centred = x - x.mean(axis=0)
    for arm, each in enumerate(adjusted(experiment, x, interacted=interacted), start=1):
        own = np.isin(experiment.arm, (0, arm))
        t = (experiment.arm[own] == arm).astype(float)
        X = np.column_stack([np.ones(own.sum()), t, centred[own], *([t[:, None] * centred[own]] if interacted else [])])
        kind = (
            {"cov_type": "cluster", "cov_kwds": {"groups": experiment.clusters[own]}}
            if clustered
            else {"cov_type": "HC2"}
        )
        fit = api.OLS(experiment.outcome[own], X).fit(**kind)
        assert [each.value, each.se] == pytest.approx([fit.params[1], fit.bse[1]], rel=1e-9)


def test_without_covariates_it_is_the_difference():
    """HC2 on an indicator alone is Neyman's variance."""
    experiment, _ = drawn()
    found, plain = adjusted(experiment, np.empty((300, 0)))[0], difference(experiment)[0]
    assert [found.value, found.se] == pytest.approx([plain.value, plain.se], rel=1e-12)


def test_constant_and_collinear_covariates_change_nothing():
    experiment, x = drawn(arms=3)
    more = np.column_stack([np.full(300, 0.1), x, x @ [1, 2, 3], x[:, 0] * 1e9, np.zeros(300), x[:, 1] + 7])
    for found, expected in zip(adjusted(experiment, more), adjusted(experiment, x), strict=True):
        assert numbers(found) == pytest.approx(numbers(expected), rel=1e-9)


def test_a_dummy_variable_for_each_level_drops_one():
    experiment, _ = drawn()
    levels = np.random.default_rng(2).integers(0, 4, 300)
    dummies = np.eye(4)[levels]
    found, expected = adjusted(experiment, dummies)[0], adjusted(experiment, dummies[:, 1:])[0]
    assert numbers(found) == pytest.approx(numbers(expected), rel=1e-9)


def test_prognostic_covariates_make_it_surer_without_moving_the_target():
    surer, values = [], []
    for seed in range(200):
        experiment, x = drawn(seed=seed)
        plain, better = difference(experiment)[0], adjusted(experiment, x)[0]
        surer.append(better.se < plain.se)
        values.append(better.value - 0.5)
    assert np.mean(surer) > 0.99
    assert abs(np.mean(values)) < 3 * np.std(values) / 200**0.5


# --- doubly robust


def confounded(rows=2000, seed=0):
    """Units with higher `x` are contacted more and buy more anyway; the effect is 1 + x."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    p = 1 / (1 + np.exp(-x))
    arm = (rng.random(rows) < p).astype(np.int64)
    expected = np.column_stack([2 * x, 1 + 3 * x])
    y = expected[np.arange(rows), arm] + rng.normal(size=rows)
    return Experiment(("none", "mail"), arm, y, np.column_stack([1 - p, p])), expected


def test_aipw_by_hand():
    arm, y = np.array([0, 1, 0, 1]), np.array([1.0, 4, 2, 3])
    p = np.array([0.5, 0.25, 0.2, 0.8])
    mu = np.array([[1.0, 2], [2, 3], [1, 1], [0, 5]])
    experiment = Experiment(("a", "b"), arm, y, np.column_stack([1 - p, p]))
    psi = [
        (2 - 1) - (1 - 1) / 0.5,
        (3 - 2) + (4 - 3) / 0.25,
        (1 - 1) - (2 - 1) / 0.8,
        (5 - 0) + (3 - 5) / 0.8,
    ]
    found = aipw(experiment, mu)[0]
    se = np.std(psi, ddof=1) / 2
    wide = stats.t.ppf(0.975, 3) * se
    expected = [np.mean(psi), se, np.mean(psi) - wide, np.mean(psi) + wide]
    assert numbers(found)[:4] == pytest.approx(expected, rel=1e-12)
    weighted = aipw(experiment, None)[0].value
    assert weighted == pytest.approx(np.mean([-1 / 0.5, 4 / 0.25, -2 / 0.8, 3 / 0.8]), rel=1e-12)


def test_clustered_scores_are_summed():
    api = pytest.importorskip("statsmodels.api")
    experiment, expected = confounded(300)
    clusters = np.random.default_rng(1).integers(0, 40, 300)
    found = aipw(replace(experiment, clusters=clusters), expected)[0]
    p, arm = experiment.propensity[:, 1], experiment.arm
    residual = experiment.outcome - expected[np.arange(300), arm]
    psi = expected[:, 1] - expected[:, 0] + residual * (arm / p - (1 - arm) / (1 - p))
    cov = {"groups": clusters, "use_correction": False}
    fit = api.OLS(psi, np.ones(300)).fit(cov_type="cluster", cov_kwds=cov)
    assert [found.value, found.se] == pytest.approx([fit.params[0], fit.bse[0] * (40 / 39) ** 0.5], rel=1e-9)


def test_constant_predictions_of_the_arms_means_give_the_difference():
    experiment, _ = drawn(arms=3)
    shares = np.tile(np.bincount(experiment.arm) / 300, (300, 1))
    means = [experiment.outcome[experiment.arm == a].mean() for a in range(3)]
    robust = aipw(replace(experiment, propensity=shares), np.tile(means, (300, 1)))
    for each, plain in zip(robust, difference(experiment), strict=True):
        assert each.value == pytest.approx(plain.value, rel=1e-12)
        assert each.se == pytest.approx(plain.se, rel=0.01)


def test_confounding_biases_the_difference_but_not_doubly_robust_scores():
    """One of propensities and outcome models may be wrong; if both are, the bias is back."""
    found = {name: [] for name in ("difference", "both", "propensity", "outcome", "neither")}
    for seed in range(100):
        experiment, expected = confounded(seed=seed)
        even = replace(experiment, propensity=np.full((2000, 2), 0.5))
        wrong = np.tile([5.0, -3.0], (2000, 1))
        found["difference"].append(difference(experiment)[0].value)
        found["both"].append(aipw(experiment, expected)[0].value)
        found["propensity"].append(aipw(experiment, wrong)[0].value)
        found["outcome"].append(aipw(even, expected)[0].value)
        found["neither"].append(aipw(even, wrong)[0].value)
    bias = {name: np.mean(values) - 1 for name, values in found.items()}
    noise = {name: np.std(values) / 10 for name, values in found.items()}
    assert all(abs(bias[name]) < 3.5 * noise[name] for name in ("both", "propensity", "outcome"))
    assert bias["difference"] > 1.5
    assert abs(bias["neither"]) > 0.5
    assert np.std(found["both"]) < 0.7 * np.std(found["propensity"])  # wrong models cost precision


def test_the_effect_on_the_treated_is_the_mean_over_their_units():
    experiment, expected = confounded(20_000)
    effect = expected[:, [1]] - expected[:, [0]]
    assert on_treated(experiment, effect) == pytest.approx(effect[experiment.arm == 1].mean(), rel=1e-12)
    assert on_treated(experiment, effect) > effect.mean() + 0.3  # those with a larger effect are contacted more
    three, _ = drawn(arms=3)
    assert on_treated(three, np.column_stack([np.zeros(300), np.arange(300.0)]), arm=2) == pytest.approx(
        np.flatnonzero(three.arm == 2).mean()
    )


# --- every method


def every(experiment, x):
    outcomes = np.column_stack([x[:, 0] + a for a in range(len(experiment.arms))])
    return [*difference(experiment), *adjusted(experiment, x), *aipw(experiment, outcomes)]


@patient
@given(seed=st.integers(0, 2**32), clustered=st.booleans())
def test_the_order_of_rows_never_matters(seed, clustered):
    experiment, x = drawn(120, arms=3, clustered=clustered)
    order = np.random.default_rng(seed).permutation(120)
    for a, b in zip(every(experiment, x), every(experiment.take(order), x[order]), strict=True):
        assert numbers(a) == pytest.approx(numbers(b), rel=1e-8)


@patient
@given(factor=st.floats(1e-6, 1e6), shift=st.floats(-100, 100), clustered=st.booleans())
def test_effects_go_with_the_unit_of_the_outcome_and_not_with_its_origin(factor, shift, clustered):
    experiment, x = drawn(120, clustered=clustered)
    moved = scaled(experiment, factor, shift * factor)
    for method in (difference, lambda e: adjusted(e, x)):
        a, b = method(experiment)[0], method(moved)[0]
        assert numbers(b) == pytest.approx([*(factor * v for v in numbers(a)[:4]), a.p], rel=1e-6, abs=1e-12 * factor)


def test_levels_nest_and_p_agrees_with_intervals():
    experiment, x = drawn()
    for found in every(experiment, x):
        exact = difference if found.method == "difference" else None
        if exact is not None:
            edge = difference(experiment, level=1 - found.p)[0]
            assert edge.low * edge.high == pytest.approx(0, abs=1e-9)
    wide, narrow = difference(experiment, level=0.99)[0], difference(experiment, level=0.5)[0]
    assert wide.low < narrow.low < narrow.high < wide.high
    assert (wide.level, narrow.level) == (0.99, 0.5)


def test_outcomes_that_never_vary():
    same = Experiment(("a", "b"), np.arange(10) % 2, np.ones(10), np.full((10, 2), 0.5))
    found = difference(same)[0]
    assert numbers(found) == [0, 0, 0, 0, 1]
    apart = difference(replace(same, outcome=same.arm * 1.0))[0]
    assert numbers(apart) == [1, 0, 1, 1, 0]


def test_what_cannot_be_measured_is_refused():
    experiment, x = drawn()
    with pytest.raises(ConfigError, match=r"(?s)between 0.*1.*95.*write 0.95"):
        difference(experiment, level=95)
    lone = replace(experiment, arm=np.r_[1, np.zeros(299, dtype=np.int64)])
    for method in (difference, lambda e: adjusted(e, x), lambda e: aipw(e, None)):
        with pytest.raises(FitError, match=r"'mail'.*1 units.*error"):
            method(lone)
        with pytest.raises(FitError, match="arm 'mail' has 1 clusters"):
            method(replace(experiment, clusters=np.where(experiment.arm == 1, 0, np.arange(300))))
    with pytest.raises(FitError, match=r"covariates have shape \(299, 3\).*; 300 finite rows"):
        adjusted(experiment, x[1:])
    with pytest.raises(FitError, match="not finite"):
        adjusted(experiment, np.where(x > 2, np.nan, x))


def test_more_coefficients_than_units_can_bear_are_refused():
    """Least squares would fit them exactly, with an error of nothing."""
    experiment, _ = drawn(60)
    wide = np.random.default_rng(0).normal(size=(60, 40))
    with pytest.raises(FitError, match=r"60 units.*'mail'.*60 coefficients"):
        adjusted(experiment, wide)
    assert adjusted(experiment, wide[:, :10])[0].se > 0.1


# --- coverage


def campaign(rows, rng, *, rate=0.01, truth=0.0):
    """Return a zero-inflated lognormal spend: few buy, some of them very much; contact raises the rate."""
    x = rng.random(rows)
    arm = rng.integers(0, 2, rows)
    chance = rate * (0.5 + x)
    buys = rng.random(rows) < np.column_stack([chance, chance * (1 + truth)])[np.arange(rows), arm]
    spend = np.where(buys, rng.lognormal(3.5, 1.2, rows), 0.0)
    mean = np.exp(3.5 + 1.2**2 / 2)
    return arm, buys.astype(np.float64), spend, np.column_stack([chance, chance * (1 + truth)]), mean


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "rate"), [(4_000, 0.05), (20_000, 0.01)])
def test_nominal_intervals_cover_for_rare_conversions_and_heavy_tailed_spend(rows, rate):
    """100 buyers by arm are enough: 92 to 98 % of 200 intervals at 95 %, whose own standard error is 1.5 %."""
    rng, inside = np.random.default_rng(0), []
    for _ in range(200):
        arm, buys, spend, chance, mean = campaign(rows, rng, rate=rate, truth=0.5)
        p, true = np.full((rows, 2), 0.5), 0.5 * rate
        counted = Experiment(("a", "b"), arm, buys, p)
        paid = Experiment(("a", "b"), arm, spend, p)
        each = [difference(counted), aipw(counted, chance), difference(paid), aipw(paid, chance * mean)]
        inside.append(
            [e.low < t < e.high for (e,), t in zip(each, [true, true, true * mean, true * mean], strict=True)]
        )
    share = np.mean(inside, axis=0)
    assert ((share >= 0.92) & (share <= 0.98)).all(), share


def test_intervals_cover_with_few_clusters():
    """30 clusters of some 10 rows, arms within them."""
    inside = []
    rng = np.random.default_rng(0)
    for _ in range(300):
        clusters = rng.integers(0, 30, 300)
        shock, own = rng.normal(size=(2, 30))
        arm = rng.integers(0, 2, 300)
        y = shock[clusters] + (1 + own[clusters]) * arm + rng.normal(size=300)
        experiment = Experiment(("a", "b"), arm, y, np.full((300, 2), 0.5), clusters=clusters)
        found = [difference(experiment)[0], aipw(experiment, np.tile(shock[clusters], (2, 1)).T)[0]]
        inside.append([each.low < 1 < each.high for each in found])
    share = np.mean(inside, axis=0)
    assert ((share >= 0.91) & (share <= 0.98)).all(), share


# --- Hillstrom's e-mail experiment


@pytest.fixture(scope="module")
def hillstrom():
    if not HILLSTROM.exists():
        pytest.skip("the reference tables are not on this machine")
    frame = pl.read_parquet(HILLSTROM)
    assert frame.height == 64_000
    return frame


def emails(frame, outcome, labels):
    arm = frame["segment"].replace_strict(list(labels), range(3), return_dtype=pl.Int64).to_numpy()
    shares = np.bincount(arm) / len(arm)
    return Experiment(
        labels, arm, frame[outcome].cast(pl.Float64).to_numpy(), np.tile(shares, (len(arm), 1)), kind="number"
    )


@pytest.mark.reference
def test_hillstroms_experiment_has_its_published_figures(hillstrom):
    labels = tuple(
        next(name for name in hillstrom["segment"].unique().to_list() if name.lower().startswith(start))
        for start in ("no", "mens", "womens")
    )
    visit, spend = emails(hillstrom, "visit", labels), emails(hillstrom, "spend", labels)
    assert np.bincount(visit.arm).tolist() == [21_306, 21_307, 21_387]
    assert [visit.outcome[visit.arm == a].mean() for a in range(3)] == pytest.approx([0.1062, 0.1828, 0.1514], abs=5e-5)
    mens, womens = difference(visit)
    assert [mens.value, womens.value] == pytest.approx([0.07659, 0.04523], abs=5e-6)
    mens, womens = difference(spend)
    assert [mens.value, womens.value] == pytest.approx([0.7698, 0.4244], abs=5e-5)
    assert [mens.se, womens.se] == pytest.approx([0.1452, 0.1303], abs=5e-5)

    covariates = hillstrom.select("recency", "history", "mens", "womens", "newbie").cast(pl.Float64).to_numpy()
    for experiment in (visit, spend):
        for plain, better in zip(difference(experiment), adjusted(experiment, covariates), strict=True):
            assert abs(better.value - plain.value) < 0.2 * plain.se
            assert better.se < plain.se
