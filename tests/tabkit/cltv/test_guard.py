"""What a summary must be, whoever made it: what is refused, what is left out, and what is kept with a warning."""

import datetime
import decimal
import re
from typing import Any

import numpy as np
import polars as pl
import pytest

from tabkit.cltv.columns import has_money
from tabkit.cltv.guard import faults_of, guard, guard_spend
from tabkit.cltv.inference.fit import fit_spend, maximum_likelihood
from tabkit.cltv.models import MODELS
from tabkit.cltv.summary import summarise
from tabkit.errors import ConfigError, FitError, SchemaError

GOOD = pl.DataFrame(
    {
        "who": ["a", "b", "c", "d"],
        "frequency": [0, 2, 1, 3],
        "recency": [0.0, 3.0, 1.0, 8.0],
        "T": [9.0, 9.0, 8.0, 8.5],
        "monetary_value": [None, 20.0, 15.0, 30.0],
    }
)
PERIODS = pl.DataFrame({"frequency": [0, 2, 1], "recency": [0, 4, 1], "T": [6, 6, 5]})
CONTRACTS = pl.DataFrame({"T": [1, 2, 3], "churned": [1, 0, 1]})
FRAMES = dict.fromkeys(("bgnbd", "mbgnbd", "paretonbd"), GOOD) | {"bgbb": PERIODS, "sbg": CONTRACTS}
MONEY = pl.col("monetary_value")
REPEATS = pl.col("frequency") > 0


def some(name: str, value: Any) -> pl.Expr:
    """Give the customers `b` and `c` another value, in a type that can hold it."""
    return pl.when(pl.col("who").is_in(["b", "c"])).then(value).otherwise(pl.col(name)).alias(name)


@pytest.mark.parametrize("model", FRAMES)
def test_a_good_summary_is_left_as_it_is(model: str) -> None:
    found = guard(FRAMES[model], MODELS[model])
    assert found.customers.equals(FRAMES[model])
    assert (found.refused, found.warnings) == ({}, ())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (some("frequency", 1.5), r"frequency.*whole number.*2"),
        (some("frequency", float("nan")), r"frequency.*null.*finite.*2"),
        (some("recency", -1.0), "recency is negative for 2"),
        (some("T", -1.0), "T is negative for 2"),
        (some("T", float("inf")), r"T.*null.*finite.*2"),
        (some("recency", 9.5), r"above T.*2"),
        (some("monetary_value", -5.0), "monetary_value is negative for 2"),
        (some("monetary_value", float("inf")), "monetary_value is infinite for 2"),
        (pl.lit(2.0).alias("recency"), r"recency.*above 0.*frequency 0.*1"),
        (pl.lit(0.0).alias("T"), r"last purchase.*end.*3"),
    ],
)
@pytest.mark.parametrize("model", ["bgnbd", "paretonbd"])
def test_rows_that_cannot_be_are_refused_by_name_and_count(model: str, change: pl.Expr, reason: str) -> None:
    with pytest.raises(FitError, match=reason):
        guard(GOOD.with_columns(change), MODELS[model], customer="who")
    assert any(re.search(reason, fault) for fault in faults_of(GOOD.with_columns(change), MODELS[model]))


def test_all_reasons_are_told_at_once() -> None:
    with pytest.raises(FitError, match=r"negative.*2.*monetary_value.*negative.*2"):
        guard(GOOD.with_columns(some("T", -1.0), some("monetary_value", -1.0)), MODELS["bgnbd"])


def test_the_recency_of_rfm_tables_is_named() -> None:
    since = GOOD.with_columns(recency=pl.col("T") - pl.col("recency"))
    with pytest.raises(FitError, match="counts back"):
        guard(since, MODELS["bgnbd"])


@pytest.mark.parametrize("model", ["bgnbd", "mbgnbd", "paretonbd"])
def test_a_recency_of_zero_for_all_is_unknown(model: str) -> None:
    with pytest.raises(FitError, match=r"recency.*0.*3 customers") as told:
        guard(GOOD.with_columns(recency=pl.lit(0.0)), MODELS[model])
    assert "purchase to the last" in str(told.value)
    # One who bought on another day shows that it is known.
    assert guard(GOOD.with_columns(some("recency", 0.0)), MODELS[model]).customers.height == 4


@pytest.mark.parametrize(
    ("frame", "model", "reason"),
    [
        (PERIODS.with_columns(frequency=pl.col("recency") + 1), "bgbb", "more purchases than periods, for 3"),
        (PERIODS.with_columns(T=pl.col("T") + 0.5), "bgbb", r"numbers.*runs.*periods.*3"),
        (CONTRACTS.with_columns(T=pl.lit(0)), "sbg", r"gone.*first period.*2"),
        (CONTRACTS.with_columns(churned=pl.lit(0.5)), "sbg", "neither churned nor not"),
        (CONTRACTS.with_columns(churned=pl.lit(1)), "sbg", r"customers churned.*none"),
    ],
)
def test_models_in_whole_periods_have_their_own_reasons(frame: pl.DataFrame, model: str, reason: str) -> None:
    with pytest.raises(FitError, match=reason):
        guard(frame, MODELS[model])


def test_columns_are_asked_for_by_name_and_near_names_are_told() -> None:
    other = GOOD.rename({"T": "periods", "frequency": "x", "recency": "t_x"})
    with pytest.raises(SchemaError, match="'periods' may be 'T'") as told:
        guard(other, MODELS["bgnbd"])
    assert "'x' may be 'frequency'" in str(told.value)
    with pytest.raises(SchemaError, match=r"lacks 'churned'; 'Churn'.*'churned'"):
        guard(CONTRACTS.rename({"churned": "Churn"}), MODELS["sbg"])
    assert "forecast; 'zbar' may" in guard(
        GOOD.rename({"monetary_value": "zbar"}), MODELS["bgnbd"]
    ).warnings[0]  # fmt: skip


@pytest.mark.parametrize("column", ["frequency", "T", "monetary_value"])
def test_text_is_refused_and_decimals_are_numbers(column: str) -> None:
    with pytest.raises(SchemaError, match=f"'{column}' is String"):
        guard(GOOD.with_columns(pl.col(column).cast(pl.String)), MODELS["bgnbd"])
    exact = GOOD.with_columns(pl.col(column).cast(pl.Decimal(12, 2)))
    assert guard(exact, MODELS["bgnbd"]).customers[column].to_list() == GOOD[column].to_list()
    with pytest.raises(SchemaError, match="'recency' is Duration"):
        guard(GOOD.with_columns(recency=pl.duration(days=pl.col("recency"))), MODELS["bgnbd"])


def test_customers_stand_once_and_rows_of_nobody_are_left_out() -> None:
    twice = pl.concat([GOOD, GOOD.head(2)])
    with pytest.raises(FitError, match=r"2 customers stand.*4"):
        guard(twice, MODELS["bgnbd"], customer="who")
    nobody = GOOD.with_columns(who=pl.Series(["a", None, "c", None]))
    found = guard(nobody, MODELS["bgnbd"], customer="who")
    assert (found.customers["who"].to_list(), found.refused) == (["a", "c"], {"no customer": 2})
    nan = GOOD.with_columns(who=pl.Series([1.0, float("nan"), 3.0, 4.0]))
    assert guard(nan, MODELS["bgnbd"], customer="who").refused == {"no customer": 1}
    with pytest.raises(SchemaError, match="lacks the customer column 'id'"):
        guard(GOOD, MODELS["bgnbd"], customer="id")
    with pytest.raises(ConfigError, match="'T'"):
        guard(GOOD, MODELS["bgnbd"], customer="T")


@pytest.mark.parametrize("unknown", [None, float("nan")])
def test_an_unknown_mean_spend_is_kept_and_said(unknown: float | None) -> None:
    found = guard(GOOD.with_columns(some("monetary_value", unknown)), MODELS["bgnbd"])
    assert found.customers["monetary_value"].to_list() == [None, None, None, 30.0]
    assert "of 2 of 3 repeat" in found.warnings[0]
    assert has_money(found.customers)
    nothing = guard(GOOD.with_columns(monetary_value=pl.lit(unknown, pl.Float64)), MODELS["bgnbd"])
    assert not has_money(nothing.customers)


def test_amounts_that_may_mean_something_else_are_asked_about() -> None:
    free = guard(GOOD.with_columns(some("monetary_value", 0.0)), MODELS["bgnbd"])
    assert "2 of 3 repeat" in free.warnings[0]
    assert "spend of 0" in free.warnings[0]
    first = guard(GOOD.with_columns(MONEY.fill_null(12.0)), MODELS["bgnbd"])
    assert "above 0 for 1 customers" in first.warnings[0]
    assert guard(GOOD.with_columns(MONEY.fill_null(0.0)), MODELS["bgnbd"]).warnings == ()
    contracts = guard(CONTRACTS.with_columns(monetary_value=5.0), MODELS["sbg"])
    assert "is not used" in contracts.warnings[0]
    assert not has_money(contracts.customers)


def test_the_doors_of_the_fits_are_guarded_too() -> None:
    for wrong in (-5.0, float("inf")):
        with pytest.raises(FitError, match="monetary_value is"):
            fit_spend(GOOD.with_columns(some("monetary_value", wrong)))
    with pytest.raises(FitError, match=r"frequency.*number.*2"):
        maximum_likelihood(GOOD.with_columns(some("frequency", 0.5)), model="gammagamma")
    with pytest.raises(SchemaError, match="'zbar' may be 'monetary_value'"):
        guard_spend(GOOD.rename({"monetary_value": "zbar"}))
    with pytest.raises(FitError, match="no whole number"):
        maximum_likelihood(GOOD.with_columns(some("frequency", 0.5)), model="bgnbd")


def test_what_is_made_of_a_log_passes() -> None:
    rng, start = np.random.default_rng(0), datetime.date(2024, 1, 1)
    log = pl.DataFrame({"who": rng.integers(0, 60, 200), "paid": [decimal.Decimal("2.50")] * 200}).with_columns(
        day=pl.lit(start) + pl.duration(days=pl.Series(rng.integers(0, 90, 200)))
    )
    for options in ({}, {"resolution": "week"}, {"unit": "day"}):
        made = summarise(log, customer="who", date="day", amount="paid", **options)  # type: ignore[arg-type]  # literals
        found = guard(made.customers, MODELS["bgnbd"], customer="who")
        assert (found.refused, found.warnings) == ({}, ())
