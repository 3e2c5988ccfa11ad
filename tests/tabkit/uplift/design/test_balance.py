from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given as drawn_by
from hypothesis import settings
from hypothesis import strategies as st
from scipy import stats

from tabkit.uplift.design.balance import balance, beyond_chance

# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, max_examples=40)


def one(values, given, **options):
    found = balance(pl.DataFrame({"x": values}, strict=False), ["x"], given, **options)
    return found.filter(pl.col("level").is_null()).row(0, named=True)


# --- what is measured


@pytest.mark.parametrize(
    ("rows", "treated", "wider"), [(200, 0.5, 1), (500, 0.1, 1), (500, 0.1, -0.8), (40, 0.2, -0.8)]
)
def test_numbers_by_hand_and_tests_by_scipy(rows, treated, wider):
    rng = np.random.default_rng(0)
    given = (rng.random(rows) < treated).astype(np.float64)
    x = rng.normal(size=rows) * (1 + wider * given) + 0.3 * given
    found, a, b = one(x, given), x[given == 0], x[given == 1]
    assert [found["without"], found["given"]] == pytest.approx([a.mean(), b.mean()])
    assert found["smd"] == pytest.approx((b.mean() - a.mean()) / np.sqrt((a.var() + b.var()) / 2))
    tests = [stats.ttest_ind(a, b, equal_var=equal).pvalue for equal in (False, True)]
    assert found["p"] == pytest.approx(max(tests), rel=1e-9)


def test_groups_of_equal_size_get_welchs_p():
    rng = np.random.default_rng(1)
    given = np.arange(300) % 2 * 1.0
    x = rng.normal(size=300) * (1 + 2 * given)
    assert one(x, given)["p"] == pytest.approx(stats.ttest_ind(x[::2], x[1::2], equal_var=False).pvalue, rel=1e-9)


def test_weights_weigh_rows():
    """Whole weights are so many rows to means, and one over the propensity undoes selection."""
    rng = np.random.default_rng(0)
    x, given, weight = rng.normal(size=400), np.arange(400) % 2 * 1.0, rng.integers(1, 5, 400).astype(np.float64)
    found = one(x, given, weight=weight)
    often = np.repeat(np.arange(400), weight.astype(int))
    plain = one(x[often], given[often])
    assert [found[k] for k in ("without", "given", "smd")] == pytest.approx(
        [plain[k] for k in ("without", "given", "smd")]
    )
    assert one(x, given, weight=np.full(400, 7.0)) == pytest.approx(one(x, given))

    p = 1 / (1 + np.exp(-x))
    chosen = (rng.random(400) < p).astype(np.float64)
    raw, undone = one(x, chosen), one(x, chosen, weight=np.where(chosen == 1, 1 / p, 1 / (1 - p)))
    assert raw["p"] < 1e-9
    assert abs(undone["smd"]) < 0.25 * raw["smd"]
    assert undone["p"] > 0.01


def test_clusters_are_summed():
    """Whole clusters of one size and one side: Welch's test of their means."""
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(40), 10)
    given = (clusters % 2).astype(np.float64)
    x = rng.normal(size=40)[clusters] + 0.3 * rng.normal(size=400)
    found = one(x, given, clusters=clusters)
    means = x.reshape(40, 10).mean(axis=1)
    tests = [stats.ttest_ind(means[::2], means[1::2], equal_var=equal).pvalue for equal in (False, True)]
    assert found["p"] == pytest.approx(max(tests), rel=1e-9)
    assert found["p"] > one(x, given)["p"]
    renamed = one(x, given, clusters=clusters * 10_000_000_000)
    assert renamed == pytest.approx(found)


def test_texts_are_compared_by_the_shares_of_their_levels():
    values = ["a"] * 60 + ["b"] * 30 + [None] * 10
    given = np.r_[np.ones(20), np.zeros(40), np.ones(20), np.zeros(10), np.ones(5), np.zeros(5)]
    found = balance(pl.DataFrame({"plan": values}), ["plan"], given).sort("level")
    assert found["level"].to_list() == ["a", "b", "null"]
    assert found["column"].unique().to_list() == ["plan"]
    np.testing.assert_allclose(found["given"], [20 / 40, 20 / 40, 5 / 45])  # shares of those known, then of all
    np.testing.assert_allclose(found["without"], [40 / 50, 10 / 50, 5 / 55])
    assert found["p"][0] == pytest.approx(found["p"][1])  # two levels say the same
    assert found["smd"][0] == pytest.approx(-found["smd"][1])
    same = balance(pl.DataFrame({"plan": values}, schema={"plan": pl.Categorical}), ["plan"], given).sort("level")
    assert same.equals(found)


@pytest.mark.parametrize("name", ["count", "level", "proportion", "values"])
def test_a_column_may_have_any_name(name):
    frame = pl.DataFrame({name: ["a", "b"] * 10})
    assert balance(frame, [name], np.repeat([0.0, 1], 10))["column"].to_list() == [name] * 2


def test_only_the_commonest_levels_of_a_text_are_compared():
    values = [f"c{i}" for i in range(40) for _ in range(i + 1)]
    found = balance(pl.DataFrame({"city": values}), ["city"], np.arange(len(values)) % 2 * 1.0)
    assert sorted(found["level"]) == sorted(f"c{i}" for i in range(20, 40))


def test_what_is_missing_is_compared_too():
    given = np.repeat([0.0, 1], 100)
    x = np.where(np.arange(200) % 100 < 30 + 40 * given, np.nan, 5 + np.arange(200) % 7)
    for column in (pl.Series("x", x, nan_to_null=True), pl.Series("x", x)):
        found = balance(pl.DataFrame({"x": column}), ["x"], given)
        null = found.filter(level="null").row(0, named=True)
        assert [null["without"], null["given"]] == pytest.approx([0.3, 0.7])
        assert beyond_chance(found) == ["x"]
        assert found.filter(pl.col("level").is_null())["p"].item() > 0.01


def test_dates_and_truth_values_have_means():
    start = date(2024, 1, 1)
    given = np.arange(100) % 2 * 1.0
    frame = pl.DataFrame(
        {
            "day": [start + timedelta(days=i) for i in range(100)],
            "moment": [datetime(2024, 1, 1) + timedelta(days=i) for i in range(100)],
            "lasting": [timedelta(days=i) for i in range(100)],
            "hour": [time(i % 24) for i in range(100)],
            "known": [i % 3 == 0 for i in range(100)],
            "number": range(100),
        }
    )
    found = {row["column"]: row for row in balance(frame, frame.columns, given).iter_rows(named=True)}
    assert set(found) == set(frame.columns)
    for name in ("day", "moment", "lasting"):
        assert found[name]["smd"] == pytest.approx(found["number"]["smd"], rel=1e-6)
        assert found[name]["p"] == pytest.approx(found["number"]["p"], rel=1e-6)
    assert found["known"]["without"] == pytest.approx(np.mean([i % 3 == 0 for i in range(0, 100, 2)]))


def test_lists_and_empty_columns_are_left_out():
    frame = pl.DataFrame(
        {"tags": [["a"]] * 4, "pair": [{"a": 1}] * 4, "null": [None] * 4, "nan": [np.nan] * 4, "none": [None] * 4},
        schema_overrides={"none": pl.Float64},
    )
    found = balance(frame, frame.columns, np.array([0.0, 0, 1, 1]))
    assert set(found["column"]) <= {"nan", "none"}
    assert found["p"].to_list() == [1.0] * found.height
    assert beyond_chance(found) == []
    nothing = balance(frame, [], np.array([0.0, 0, 1, 1]))
    assert nothing.is_empty()
    assert nothing.columns == ["column", "level", "without", "given", "smd", "p"]
    assert beyond_chance(nothing) == []


def test_infinite_values_are_missing():
    x = np.r_[np.inf, np.arange(9.0), -np.inf, np.arange(9.0)]
    found = one(x, np.repeat([0.0, 1], 10))
    assert (found["without"], found["given"], found["p"]) == (4, 4, 1)


def test_constants():
    given = np.repeat([0.0, 1], 50)
    assert [one(np.full(100, 0.1), given)[k] for k in ("smd", "p")] == [0, 1]
    apart = one(given * 3, given)
    assert apart["smd"] == 100
    assert apart["p"] == pytest.approx(2 / np.exp(sum(np.log((100 - i) / (50 - i)) for i in range(50))))
    assert one(-given, given)["smd"] == -100


@pytest.mark.parametrize("known", [2, 4, 6, 10])
def test_a_few_known_values_that_differ_are_no_proof(known):
    """Two values that divide so few units among the groups: chance does that once in C(n, n / 2) / 2 times."""
    values = [1.0 if i % 2 else 2.0 for i in range(known)] + [None] * (200 - known)
    frame = pl.DataFrame({"x": values})
    found = balance(frame, ["x"], np.arange(200) % 2 * 1.0)
    assert beyond_chance(found) == []


def test_tests_give_no_smaller_p_than_a_permutation_could():
    """Three values about 1 and three about 2: one split of 20 puts them so, and one the other way about."""
    x, given = np.r_[1, 1.0001, 0.9999, 2, 2.0001, 1.9999], np.repeat([0.0, 1], 3)
    assert stats.ttest_ind(x[:3], x[3:]).pvalue < 1e-10
    assert one(x, given)["p"] == pytest.approx(2 / 20)
    clusters = np.repeat(np.arange(6), 50)
    assert one(x[clusters], given[clusters], clusters=clusters)["p"] == pytest.approx(2 / 20)


def test_the_largest_difference_comes_first():
    rng = np.random.default_rng(0)
    given = np.arange(400) % 2 * 1.0
    frame = pl.DataFrame(
        {"a": rng.normal(size=400), "b": rng.normal(size=400) - given, "c": rng.normal(size=400) + 2 * given}
    )
    found = balance(frame, frame.columns, given)
    assert found["column"].to_list()[:2] == ["c", "b"]
    assert beyond_chance(found) == ["c", "b"]


@patient
@drawn_by(seed=st.integers(0, 2**32), factor=st.floats(1e-6, 1e6), shift=st.floats(-10, 10))
def test_units_of_measurement_and_the_order_of_rows_do_not_matter(seed, factor, shift):
    rng = np.random.default_rng(seed)
    x, given, clusters = rng.normal(size=60), np.arange(60) % 2 * 1.0, rng.integers(0, 12, 60)
    order = rng.permutation(60)
    for found, again in (
        (one(x, given, clusters=clusters), one(factor * (x + shift), given, clusters=clusters)),
        (one(x, given, clusters=clusters), one(x[order], given[order], clusters=clusters[order])),
        (one(x, given), one(x, 1 - given)),
    ):
        assert abs(found["smd"]) == pytest.approx(abs(again["smd"]), rel=1e-6, abs=1e-9)
        assert found["p"] == pytest.approx(again["p"], rel=1e-6)


# --- how often chance is called something else


def customers(rows, rng):
    """Columns of the kinds that alarm easily: rare levels, heavy tails, mostly zero, mostly missing."""
    return pl.DataFrame(
        {
            "normal": rng.normal(size=rows),
            "spend": np.where(rng.random(rows) < 0.02, rng.lognormal(3, 2, rows), 0),
            "income": rng.lognormal(0, 2, rows),
            "rare": rng.random(rows) < 0.005,
            "rarer": rng.random(rows) < 2 / rows,
            "city": (rng.pareto(1, rows) * 5).astype(int).clip(0, 60).astype(str),
            "seldom": np.where(rng.random(rows) < 0.98, np.nan, rng.integers(0, 2, rows)),
            "calls": rng.poisson(0.1, rows),
        }
    )


@pytest.mark.parametrize(
    ("rows", "treated"),
    [(1000, 50), *(pytest.param(n, k, marks=pytest.mark.slow) for n, k in ((100, 50), (2000, 1000), (20_000, 50)))],
)
def test_chance_is_hardly_ever_called_a_difference(rows, treated):
    """A level of .001 for all columns of a table: of 300 tables .3 are expected, and more than 3 once in 3,000 times.

    Welch's test alone called a difference in 94 % of the tables with 50 treated of 1,000, and in all of those with 50
    of 20,000: a level of .5 % has none among the 50, and so no variance there.
    """
    rng, alarms = np.random.default_rng(rows + treated), 0
    for _ in range(300 if rows < 20_000 else 60):
        given = np.zeros(rows)
        given[rng.choice(rows, treated, replace=False)] = 1
        frame = customers(rows, rng)
        alarms += bool(beyond_chance(balance(frame, frame.columns, given)))
    assert alarms <= 3


def test_chance_is_hardly_ever_called_a_difference_in_few_clusters():
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(300):
        clusters = rng.integers(0, 16, 800)
        given = (rng.permutation(16) < 8).astype(np.float64)[clusters]
        frame = pl.DataFrame(rng.normal(size=(16, 5))[clusters] + 0.3 * rng.normal(size=(800, 5)), orient="row")
        alarms += bool(beyond_chance(balance(frame, frame.columns, given, clusters=clusters)))
    assert alarms <= 3


def test_what_was_measured_after_contact_is_found():
    rng = np.random.default_rng(0)
    frame, given = customers(2000, rng), np.arange(2000) % 2 * 1.0
    opened = (rng.random(2000) < 0.05 + 0.1 * given).astype(int)
    found = balance(frame.with_columns(opened=opened), [*frame.columns, "opened"], given)
    assert beyond_chance(found) == ["opened"]


def test_the_level_is_divided_by_the_number_of_tests():
    found = pl.DataFrame({"column": ["a", "b", "b", "c"], "p": [0.004, 0.002, 0.0024, 0.9]})
    assert beyond_chance(found, level=0.01) == ["b"]
    assert beyond_chance(found, level=0.02) == ["a", "b"]
    assert beyond_chance(found) == []
