from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from campaign_days import START, table

from tabkit.cltv.campaigns.panel import panel_of
from tabkit.errors import FitError

GOOD = table("a", range(5), [1.0, 2.0, 3.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (GOOD.drop("users"), "lack columns 'users'"),
        (pl.concat([GOOD, GOOD]), "10 given twice"),
        (GOOD.with_columns(mean=pl.lit(np.nan)), r"5.*mean.*null.*finite"),
        (GOOD.with_columns(users=pl.lit(0)), "5 without users"),
        (GOOD.with_columns(users=pl.lit(np.nan)), "5 without users"),
        (GOOD.with_columns(variance=pl.lit(-1.0)), "5 with a variance"),
        (GOOD.with_columns(variance=pl.lit(np.nan)), "5 with a variance"),
        (GOOD.with_columns(campaign=pl.lit(None, dtype=pl.String)), "5 without campaign or day"),
        (GOOD.with_columns(day=pl.lit("2024-01-01")), "'day' is String"),
        (GOOD.with_columns(campaign=pl.concat_list(pl.lit(1))), "'campaign' is List"),
        (GOOD.head(2), r"3.*users \(the longest.*2\)"),
        (GOOD.clear(), "the longest has 0"),
        (GOOD.with_columns(mean=pl.lit(2.0), variance=pl.lit(0.0)), "all daily means are equal"),
        (GOOD.with_columns(mean=pl.lit(0.0), variance=pl.lit(0.0)), "all daily means are equal"),
    ],
)
def test_days_that_say_nothing_are_refused(days, told):
    with pytest.raises(FitError, match=told):
        panel_of(days)


@pytest.mark.parametrize("likelihood", ["student_t", "zero_inflated"])
def test_days_of_exactly_zero_are_aside_under_zero_inflation(likelihood):
    days = pl.concat([GOOD, table("b", range(6), [0.0, 1.0, 0.0, 2.0, 3.0, 0.0])])
    found = panel_of(days, likelihood=likelihood)
    if likelihood == "student_t":
        assert found.zeros is None
        assert found.bounds.tolist() == [0, 5, 11]
    else:
        assert (found.zeros.tolist(), found.total.tolist()) == ([0, 3], [5, 6])
        assert found.bounds.tolist() == [0, 5, 8]
        assert found.dates()[-1] == START + dt.timedelta(4)


def test_a_campaign_whose_days_are_all_zero_cannot_be_inflated():
    with pytest.raises(FitError, match="all days are exactly 0"):
        panel_of(pl.concat([GOOD, table("b", range(5), [0.0] * 5)]), likelihood="zero_inflated")


@pytest.mark.parametrize("money", [1e9, 1e-6, -3.0])
def test_the_unit_of_money_does_not_matter(money):
    one = panel_of(GOOD)
    scaled = GOOD.with_columns(pl.col("mean") * money, pl.col("variance") * money**2)
    other = panel_of(scaled)
    np.testing.assert_allclose(other.y, np.sign(money) * one.y)
    np.testing.assert_allclose(other.v, one.v)
    assert other.unit == pytest.approx(abs(money) * one.unit)


def test_the_variance_of_users_is_pooled_and_borrowed_where_no_day_has_two():
    single = table("b", range(4), [1.0, 2.0, 1.0, 2.0], users=1, variance=None)
    found = panel_of(pl.concat([GOOD, single]), unit=1.0)
    np.testing.assert_allclose(found.user_sd, 2.0)
    np.testing.assert_allclose(found.v[found.bounds[1] :], 4.0)
    alone = panel_of(single)
    assert alone.user_sd.tolist() == [0.0]
    assert (alone.v > 0).all()


@pytest.mark.parametrize("names", [pl.Series([7, 12]), pl.Series(["7", "12"], dtype=pl.Enum(["7", "12"])),
                                   pl.Series([dt.date(2024, 5, 1), START]), pl.Series([True, False])])  # fmt: skip
def test_campaigns_of_any_plain_type_become_text_in_its_order(names):
    days = pl.concat([GOOD.with_columns(campaign=pl.lit(names.head(1)).first()),
                      GOOD.with_columns(campaign=pl.lit(names.tail(1)).first())])  # fmt: skip
    assert list(panel_of(days).names) == sorted(names.cast(pl.String).to_list())
