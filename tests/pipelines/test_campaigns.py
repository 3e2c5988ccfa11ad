"""Campaigns with a known truth: what their users are worth, what follows, and what is refused."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import campaigns as example
import numpy as np
import polars as pl
import pytest

from pipelines import lifetime_value
from pipelines.campaigns import campaigns
from pipelines.lifetime_value import LifetimeModel
from tabkit.errors import ConfigError, FitError, SchemaError

pytest.importorskip("pymc", reason="the extra cltv is not installed")

COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount", "end": example.END}
SETTINGS = {"campaign": "campaign", "cost": "cac", "margin": example.MARGIN}


@pytest.fixture(scope="module")
def data() -> tuple[pl.DataFrame, pl.DataFrame]:
    return example.made(np.random.default_rng(0))


@pytest.fixture(scope="module")
def model(data: tuple[pl.DataFrame, pl.DataFrame]) -> LifetimeModel:
    """Search and social alone, without groups: a fit of seconds."""
    return lifetime_value.fit(data[0], config={**COLUMNS, "draws": 500})


@pytest.mark.slow
def test_intervals_hold_what_users_are_truly_worth(data: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    log, users = data
    fitted = lifetime_value.fit(
        log.join(users, on="customer_id"), config={**COLUMNS, "group": "campaign", "draws": 1000}
    )
    volume = pl.DataFrame({"bid": [0.0, 100.0], "users": [0.0, 100.0]})
    found = campaigns(fitted, users, config={**SETTINGS, "draws": 2000}, volume=volume)
    rows = {row["campaign"]: row for row in found.decisions.to_dicts()}
    for truth in example.TRUTHS:
        row = rows[truth.name]
        assert row["value_low"] < example.MARGIN * truth.value < row["value_high"]
        assert row["users"] == users.filter(campaign=truth.name).height
        assert row["cost"] == pytest.approx(users.filter(campaign=truth.name)["cac"].mean())
        assert row["bid"] == pytest.approx(row["value_mean"] / 2)  # on a line from nothing
        assert row["safe"] < row["break_even"] == pytest.approx(row["value_mean"])
    assert rows["search"]["payback_days"] < rows["social"]["payback_days"]
    past = found.fan.filter("past")
    assert past["q3"].null_count() == found.fan["q97"].null_count() == 0
    assert found.fan.filter(~pl.col("past"))["day"].min() == example.END


@pytest.mark.slow
def test_the_command_says_what_follows(
    model: LifetimeModel, data: tuple[pl.DataFrame, pl.DataFrame], run: Callable[..., Any], tmp_path: Path
) -> None:
    users, bundle, page = tmp_path / "users.parquet", tmp_path / "m", tmp_path / "page.html"
    data[1].write_parquet(users)
    model.save(bundle)
    call = ["cltv", "campaigns", str(bundle), str(users), "--campaign", "campaign", "--set", "draws=1000"]
    options = ["--cost", "cac", "--margin", "0.4", "--report", str(page), "-o", str(tmp_path / "t.csv")]
    done = run(*call, *options, "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert {row["campaign"] for row in said["campaigns"]} == {"search", "social", "partners"}
    assert all(0 <= row["p_above"] <= 1 for row in said["campaigns"])
    assert any("fitted without the campaign as its group" in note for note in said["notes"])
    assert "<script" not in page.read_text()
    assert pl.read_csv(tmp_path / "t.csv").height == 3
    done = run(*call)
    assert done.code == 0, done.err
    assert "nothing is decided" in " ".join(done.out.split())
    assert "Value is revenue" in done.out


def changed(users: pl.DataFrame, **columns: Any) -> pl.DataFrame:
    return users.with_columns(**columns)


@pytest.mark.parametrize(
    ("change", "config", "error", "told"),
    [
        (lambda u: u, {"campaign": None}, ConfigError, "no campaign column is given"),
        (lambda u: u.drop("cac"), {}, SchemaError, "lacks columns: 'cac'"),
        (lambda u: u.with_columns(pl.col("cac").cast(pl.String)), {}, SchemaError, "'cac' of .* is String"),
        (lambda u: pl.concat([u, u.head(1)]), {}, FitError, "2 rows of .* name a customer that another row names too"),
        (lambda u: u.with_columns(customer_id=pl.lit("x")), {}, SchemaError, "the model's customers are Int64"),
        (lambda u: u.with_columns(pl.col("customer_id") + 10**6), {}, FitError, "4,360 rows"),
        (lambda u: u, {"horizon_days": 1}, FitError, "longest has|acquired longer ago than the horizon"),
    ],
)
def test_what_cannot_be_decided_is_refused(
    model: LifetimeModel,
    data: tuple[pl.DataFrame, pl.DataFrame],
    change: Callable[[pl.DataFrame], pl.DataFrame],
    config: dict[str, Any],
    error: type[Exception],
    told: str,
) -> None:
    with pytest.raises(error, match=told):
        campaigns(model, change(data[1]), config={**SETTINGS, **config})


def test_a_model_without_money_or_days_decides_nothing(
    data: tuple[pl.DataFrame, pl.DataFrame], model: LifetimeModel
) -> None:
    log, users = data
    with pytest.raises(SchemaError, match="knows no spend"):
        campaigns(lifetime_value.fit(log, config={**COLUMNS, "amount": None, "draws": 200}), users, config=SETTINGS)
    dayless = LifetimeModel(model.forecaster, model.customers, model.customer, {**model.facts, "end": None})
    with pytest.raises(ConfigError, match="when its customers were acquired is unknown"):
        campaigns(dayless, users, config=SETTINGS)


def test_a_volume_curve_needs_its_columns(model: LifetimeModel, data: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    with pytest.raises(SchemaError, match="lacks columns: 'users'"):
        campaigns(model, data[1], config={**SETTINGS, "draws": 100}, volume=pl.DataFrame({"bid": [1.0]}))


def test_the_example_ends_its_log_at_the_last_day(data: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    log, users = data
    assert log["date"].max() <= example.END
    assert isinstance(log["date"].min(), datetime.date)
    assert log["customer_id"].n_unique() == users.height
