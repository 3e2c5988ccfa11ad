"""Covariates that copy what customers did are found, and those that only tell much of it are not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.cltv.leaks import leaks_of

FUTURE_WEEKS = 26.0


def customers(seed: int = 0, rows: int = 1500, *, effect: float = 1.5, one_age: bool = False) -> pl.DataFrame:
    """Customers whose rates and amounts hang on what is known at the first purchase, and what they did after it."""
    chance = np.random.default_rng(seed)
    age = np.full(rows, 52.0) if one_age else chance.uniform(1, 104, rows)
    z, region = chance.normal(size=rows), chance.integers(0, 4, rows)
    rate = chance.gamma(1.2, 0.05 / 1.2, rows) * np.exp(effect * z + 0.5 * region)
    stays = chance.geometric(chance.beta(1.5, 4, rows))
    times = np.cumsum(chance.exponential(1, (rows, 400)) / rate[:, None], axis=1)
    times[np.arange(400) >= stays[:, None]] = np.inf
    count = (times <= age[:, None]).sum(axis=1)
    last = np.where(count > 0, np.take_along_axis(times, np.maximum(count - 1, 0)[:, None], 1)[:, 0], 0.0)
    worth = np.exp(3 + 0.8 * z + 0.4 * chance.normal(size=rows))
    mean = chance.gamma(3 * np.maximum(count, 1), worth / (3 * np.maximum(count, 1)))
    return pl.DataFrame(
        {
            "frequency": count,
            "recency": last,
            "T": age,
            "monetary_value": np.where(count > 0, mean, np.nan),
            "first_value": chance.gamma(3, worth / 3),
            "later": (times <= age[:, None] + FUTURE_WEEKS).sum(axis=1) - count,
            "z": z,
            "rate": rate,
            "worth": worth,
            "region": np.array(["north", "east", "south", "west"])[region],
            "plan": np.array([9.99, 19.99, 29.99, 49.99])[region],
        },
        schema_overrides={"monetary_value": pl.Float64},
    ).with_columns(pl.col("monetary_value").fill_nan(None))


COUNT, LAST, AGE, MEAN, FIRST = map(pl.col, ("frequency", "recency", "T", "monetary_value", "first_value"))
AMOUNT = (MEAN * COUNT).fill_null(0)
COPIES = {
    "visits": (COUNT + 1, "frequency"),
    "log of visits": (COUNT.log1p(), "frequency"),
    "returning": (pl.when(COUNT > 0).then(pl.lit("returning")).otherwise(pl.lit("once")), "buying again"),
    "active days": (LAST * 7, "recency"),
    "last day": ((1000 - AGE * 7 + LAST * 7).floor(), "the time since the last purchase"),
    "basket": (MEAN.fill_null(0), "monetary_value"),
    "total": (AMOUNT + FIRST, "the amount of all purchases"),
    "mean of all": ((AMOUNT + FIRST) / (COUNT + 1), "the mean of all purchases"),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_of_what_customers_did_is_asked_about(copy: str) -> None:
    values, outcome = COPIES[copy]
    [leak] = leaks_of(customers().with_columns(values.alias(copy)), ["z", copy, "region"])
    assert leak.columns == (copy,)
    assert outcome in leak.seen
    assert "known before the first purchase?" in leak.question()


def test_counts_that_sum_to_it_are_asked_about_together() -> None:
    chance = np.random.default_rng(0)
    frame = customers()
    online = pl.Series("online", chance.binomial(frame["frequency"].to_numpy(), 0.5))
    frame = frame.with_columns(online, shop=COUNT - online)
    assert {name for leak in leaks_of(frame, ["z", "online", "shop"]) for name in leak.columns} == {"online", "shop"}


def test_what_was_counted_later_is_a_copy_of_the_later_log() -> None:
    frame = customers().with_columns(total=COUNT + 1 + pl.col("later"), soon=pl.col("later"))
    assert leaks_of(frame, ["total"]) == ()  # strong, but no copy of what is known here
    whole = frame.with_columns(frequency=COUNT + pl.col("later"))
    found = leaks_of(whole, ["total", "soon"], later=whole["later"], until=" until June")
    assert [("frequency until June" in leak.seen, "later purchases" in leak.seen) for leak in found] == [
        (True, False), (False, True),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_what_is_known_at_the_first_purchase_raises_no_question_however_much_it_tells(seed: int) -> None:
    frame = customers(seed, rows=300 if seed == 5 else 1500, effect=seed / 2, one_age=seed == 4)
    frame = frame.with_columns(
        month=(AGE // 4).cast(pl.Int64), acquired=-AGE, cohort=(AGE // 8).cast(pl.Int64).cast(pl.String),
        basket=FIRST, log_basket=FIRST.log(),
    )  # fmt: skip
    names = ["z", "rate", "worth", "region", "plan", "month", "acquired", "cohort", "basket", "log_basket"]
    assert leaks_of(frame, names, later=frame["later"]) == ()


def test_amounts_that_are_known_beforehand_are_none() -> None:
    frame = customers()
    plans = frame.with_columns(monetary_value=pl.when(COUNT > 0).then("plan"), first_value=pl.col("plan"))
    assert leaks_of(plans, ["plan"]) == ()
    assert leaks_of(plans.drop("first_value"), ["plan"]) == ()
    # Each pays the same each time, as a contract says.
    fixed = frame.with_columns(monetary_value=pl.when(COUNT > 0).then("worth"), first_value=pl.col("worth"))
    assert leaks_of(fixed, ["worth"]) == ()


def test_regular_customers_of_all_ages_may_be_known_by_their_age() -> None:
    frame = customers().with_columns(frequency=AGE.floor().cast(pl.Int64), recency=AGE.floor(), month=AGE // 4)
    assert leaks_of(frame, ["month"]) == ()


def test_a_summary_of_contracts_says_nothing() -> None:
    frame = pl.DataFrame({"T": [1, 2] * 100, "churned": [0, 1] * 100})
    assert leaks_of(frame, ["churned"]) == ()
