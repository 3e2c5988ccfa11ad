from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit.cltv.campaigns.daily import daily, together
from tabkit.errors import FitError, SchemaError

START = dt.date(2024, 1, 1)
ROLES = {"campaign": "c", "day": "d", "value": "v"}


def test_daily_statistics_are_those_of_the_users():
    rng = np.random.default_rng(0)
    users = pl.DataFrame(
        {
            "c": rng.choice(["a", "b"], 500),
            "d": [START + dt.timedelta(int(k)) for k in rng.integers(0, 9, 500)],
            "v": rng.choice([0.0, 1.5, 2.0, -1.0], 500) + 1e9,
            "k": rng.random(500),
        }
    )
    found = daily(users.lazy(), **ROLES, cost="k").frame
    assert found["users"].sum() == 500
    for row in found.head(5).iter_rows(named=True):
        these = users.filter((pl.col("c") == row["campaign"]) & (pl.col("d") == row["day"]))
        values = these["v"].to_numpy()
        assert row["variance"] == pytest.approx(values.var(ddof=1), abs=1e-6)
        assert (row["users"], row["lowest"]) == (len(values), values.min())
        assert row["mean"] == pytest.approx(values.mean())
        assert row["cost"] == pytest.approx(these["k"].sum())
    assert_frame_equal(found, found.sort("campaign", "day"))


def test_rows_that_cannot_be_used_are_counted_by_their_first_reason():
    day = dt.datetime(2024, 1, 1, 23, 59)
    rows = [
        *(("a", day, 0.0, 1.0), ("a", day, 4.0, None), (None, day, 1.0, 1.0), ("a", None, 1.0, 1.0)),
        *(("a", day, None, 1.0), ("a", day, np.nan, 1.0), ("a", day, np.inf, 1.0), ("a", day, 1.0, -np.inf)),
    ]
    found = daily(pl.DataFrame(rows, schema=["c", "d", "v", "k"], orient="row"), **ROLES, cost="k")
    assert found.frame.rows() == [("a", START, 2, 2.0, 8.0, 0.5, 0.0, 1.0)]
    assert found.refused == {
        "no campaign": 1,
        "no day": 1,
        "value is null": 1,
        "value is not finite": 2,
        "cost is not finite": 1,
    }


def test_the_day_is_that_of_the_time_zone():
    when = pl.Series([dt.datetime(2024, 1, 1, 23, 30)]).dt.replace_time_zone("America/New_York")
    found = daily(pl.DataFrame({"c": ["a"], "d": when, "v": [1.0]}), **ROLES)
    assert found.frame["day"].to_list() == [START]


@pytest.mark.parametrize(
    "dtype", [pl.Int32, pl.Enum(["2", "10"]), pl.Categorical, pl.Date], ids=["integer", "enum", "categorical", "date"]
)
def test_campaigns_keep_their_type(dtype):
    names = pl.Series("c", [2, 10, 2, None])
    names = names.cast(dtype) if dtype in (pl.Int32, pl.Date) else names.cast(pl.String).cast(dtype)
    found = daily(pl.DataFrame({"c": names, "d": [START] * 4, "v": [1.0, 2.0, 3.0, 4.0]}), **ROLES)
    assert found.frame.schema["campaign"] == dtype
    assert dict(found.frame.select(pl.col("campaign").cast(pl.String), "users").rows()) == {
        str(names.cast(pl.String)[0]): 2,
        str(names.cast(pl.String)[1]): 1,
    }
    assert found.refused == {"no campaign": 1}


def test_sources_without_what_is_needed_are_refused():
    frame = pl.DataFrame({"c": ["a"], "d": ["2024-01-01"], "v": [1.0], "x": [[1]], "t": [dt.timedelta(1)]})
    with pytest.raises(SchemaError, match="'d' is String"):
        daily(frame, **ROLES)
    with pytest.raises(SchemaError, match="lacks columns: 'y'"):
        daily(frame, campaign="c", day="d", value="y")
    for strange in ("x", "t"):
        with pytest.raises(SchemaError, match=f"'{strange}' is "):
            daily(frame.with_columns(d=START), campaign=strange, day="d", value="v")
    empty = pl.DataFrame({"c": ["a"], "d": [START], "v": [np.nan]})
    with pytest.raises(FitError, match="value is not finite: 1 rows"):
        daily(empty, **ROLES)


def test_days_put_together_hold_the_users_that_came():
    rng = np.random.default_rng(4)
    n = 900
    users = pl.DataFrame(
        {
            "c": rng.choice(["a", "b", "c"], n, p=[0.7, 0.28, 0.02]),
            "d": [START + dt.timedelta(int(k)) for k in rng.integers(0, 60, n)],
            "v": rng.gamma(0.5, 20.0, n),
            "k": rng.random(n),
        }
    )
    days = daily(users, **ROLES, cost="k").frame
    found = together(days, fewest_users=30)
    assert found.schema == days.schema
    assert found.filter(pl.col("campaign") != "c")["users"].min() >= 30
    assert found.filter(pl.col("campaign") == "c").height == 6
    assert found.select("campaign", "day").is_unique().all()
    by = found.group_by("campaign", maintain_order=True)
    whole = users.group_by("c").agg(pl.len(), pl.col("v").mean(), pl.col("k").sum()).sort("c")
    count = pl.col("users").sum()
    sums = by.agg(users=count, mean=(pl.col("users") * pl.col("mean")).sum() / count, cost=pl.col("cost").sum())
    exact = whole.select(users=pl.col("len").cast(pl.Int64), mean="v", cost="k")
    assert_frame_equal(sums.select("users", "mean", "cost"), exact)
    within = ((pl.col("users") - 1) * pl.col("variance").fill_null(0.0)).sum()
    between = (pl.col("users") * (pl.col("mean") - (pl.col("users") * pl.col("mean")).sum() / count) ** 2).sum()
    squares = by.agg(all=within + between)["all"]
    exact = users.group_by("c").agg(pl.col("v").var() * (pl.len() - 1)).sort("c")["v"]
    np.testing.assert_allclose(squares, exact)
    assert together(days, fewest_users=1).equals(days)
