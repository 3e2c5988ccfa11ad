"""Campaigns with a known truth: what their users are worth, what follows, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import campaigns as example
import numpy as np
import polars as pl
import pytest
from rich.console import Console

from pipelines import lifetime_value
from pipelines.cli.views.cltv import campaigns_view
from tabkit.cltv.campaigns import bidding, decisions
from tabkit.cltv.campaigns import evaluate as campaigns_module
from tabkit.cltv.campaigns.campaign import CampaignFit
from tabkit.cltv.campaigns.drift import changes
from tabkit.cltv.campaigns.evaluate import _refused, evaluate_campaigns
from tabkit.cltv.config import CampaignConfig
from tabkit.cltv.model import CLTVModel
from tabkit.config import build
from tabkit.errors import ConfigError, FitError, SchemaError

pytest.importorskip("pymc", reason="the extra cltv is not installed")

COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount", "end": example.END}
NONE = pl.lit(None, pl.String)
SETTINGS = {"campaign": "campaign", "cost": "cac", "margin": example.MARGIN}


@pytest.fixture(scope="module")
def data() -> tuple[pl.DataFrame, pl.DataFrame]:
    return example.made(np.random.default_rng(0))


@pytest.fixture(scope="module")
def model(data: tuple[pl.DataFrame, pl.DataFrame]) -> CLTVModel:
    """All campaigns, without groups: a fit of seconds."""
    return lifetime_value.fit(data[0], config={**COLUMNS, "draws": 500})


@pytest.mark.slow
def test_intervals_hold_what_users_are_truly_worth(data: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    log, users = data
    fitted = lifetime_value.fit(
        log.join(users, on="customer_id"), config={**COLUMNS, "group": "campaign", "draws": 1000}
    )
    volume = pl.DataFrame({"bid": [0.0, 100.0], "users": [0.0, 100.0]})
    found = evaluate_campaigns(fitted, users, config={**SETTINGS, "draws": 2000}, volume=volume)
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
    model: CLTVModel, data: tuple[pl.DataFrame, pl.DataFrame], run: Callable[..., Any], tmp_path: Path
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
    assert any("without the campaign" in note for note in said["notes"])
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
        (lambda u: pl.concat([u, u.head(1)]), {}, FitError, r"2.*customer.*another.*names"),
        (lambda u: u.with_columns(customer_id=pl.lit("x")), {}, SchemaError, "the model's customers are Int64"),
        (lambda u: u.with_columns(pl.col("customer_id") + 10**6), {}, FitError, "4,360 rows"),
        (lambda u: u, {"horizon_days": 1}, FitError, r"campaign.*3 days.*users"),
    ],
)
def test_what_cannot_be_decided_is_refused(
    model: CLTVModel,
    data: tuple[pl.DataFrame, pl.DataFrame],
    change: Callable[[pl.DataFrame], pl.DataFrame],
    config: dict[str, Any],
    error: type[Exception],
    told: str,
) -> None:
    with pytest.raises(error, match=told):
        evaluate_campaigns(model, change(data[1]), config={**SETTINGS, **config})


def test_a_model_without_money_or_days_decides_nothing(
    data: tuple[pl.DataFrame, pl.DataFrame], model: CLTVModel
) -> None:
    log, users = data
    with pytest.raises(SchemaError, match="knows no spend"):
        evaluate_campaigns(
            lifetime_value.fit(log, config={**COLUMNS, "amount": None, "draws": 200}), users, config=SETTINGS
        )
    dayless = CLTVModel(model.forecaster, model.customers, model.customer, {**model.facts, "end": None})
    with pytest.raises(ConfigError, match=r"customers.*acquired.*unknown"):
        evaluate_campaigns(dayless, users, config=SETTINGS)


def test_a_volume_curve_needs_its_columns(model: CLTVModel, data: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    with pytest.raises(SchemaError, match="lacks columns: 'users'"):
        evaluate_campaigns(model, data[1], config={**SETTINGS, "draws": 100}, volume=pl.DataFrame({"bid": [1.0]}))


def test_the_example_ends_its_log_at_the_last_day(data: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    log, users = data
    assert log["date"].max() <= example.END
    assert log["customer_id"].n_unique() == users.height


def walked(rows: pl.DataFrame, **diagnostics: float) -> CampaignFit:
    """Return a fit as a sampler might have made it, without one."""
    names, rng = tuple(rows["campaign"].unique().sort().to_list()), np.random.default_rng(0)
    means = [rows.filter(campaign=name)["mean"].mean() for name in names]
    wide = {"level": np.array(means) + rng.standard_normal((200, len(names)))}
    wide |= {
        name: np.full((200, len(names)), value)
        for name, value in (("walk", 0.1), ("day_noise", 1.0), ("zero_share", 0.0))
    }
    common = ("freedom", "start_mean", "start_scale", "walk_mean", "walk_spread", "day_mean", "day_spread")
    levels = rows.select(
        "campaign", "day", *(pl.col("mean").alias(n) for n in ("mean", "q3", "q10", "q25", "q50", "q75", "q90", "q97"))
    )
    return CampaignFit(
        names=names, last_days=tuple(rows.filter(campaign=name)["day"].max() for name in names), end=rows["day"].max(),
        users=(5.0,) * len(names), user_sd=(1.0,) * len(names), floor=0.0,
        draws=wide | {name: np.full(200, 5.0) for name in common}, levels=levels, diagnostics=diagnostics, warnings=(),
    )  # fmt: skip


def test_doubtful_draws_stand_at_the_head_of_text_page_and_json(
    model: CLTVModel, data: tuple[pl.DataFrame, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for name, r_hat in (("clean", 1.004), ("rough", 1.07)):
        diagnostics = {"divergences": 0.0, "divergent": 0.0, "r_hat": r_hat, "ess": 900.0}
        monkeypatch.setattr(campaigns_module.campaign, "fit", lambda rows, d=diagnostics, **_: walked(rows, **d))
        found[name] = evaluate_campaigns(model, data[1], config={**SETTINGS, "ahead_days": 5}).to_dict()
    assert found["clean"]["doubts"] == []
    assert found["rough"]["doubts"] == ["R-hat is 1.070, above 1.02: the chains do not agree yet; draw more."]
    assert found["rough"]["verdict"].endswith(found["clean"]["verdict"])
    assert "R-hat is 1.070" in found["rough"]["verdict"].removesuffix(found["clean"]["verdict"])
    shown = {"horizon_days": 365, "margin": 0.4, "confidence": 0.9, "output": None, "page": None}
    with (console := Console(width=200)).capture() as printed:
        console.print(campaigns_view({**found["rough"], **shown}))
    assert printed.get().startswith("Doubtful: R-hat is 1.070")


def test_a_campaign_that_changed_is_told(model: CLTVModel, data: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    log, users = data
    own = users.filter(campaign="search")
    ages = model.customers.with_columns(
        age_days=(pl.col("T") * 7).round().cast(pl.Int64), group=pl.lit(None, pl.String)
    )
    known = own.join(ages, on="customer_id").with_columns(campaign=pl.lit("x"))
    alone = lifetime_value.fit(log.join(own, on="customer_id"), config={**COLUMNS, "draws": 500})
    assert changes(alone, known).row(0) == ("x", False, None)
    young = pl.col("age_days") < 80
    slower = known.with_columns(frequency=pl.when(young).then(pl.col("frequency") // 3).otherwise("frequency"))
    _, changed, told = changes(alone, slower).row(0)
    assert changed
    assert "were expected" in told
    cheaper = known.with_columns(first_value=pl.when(young).then(0.6 * pl.col("first_value")).otherwise("first_value"))
    assert "at first, those before" in changes(alone, cheaper)["told"].item()
    assert changes(alone, known.head(40)).row(0) == ("x", False, None)


def test_payback_and_the_chance_to_gain_agree() -> None:
    rng = np.random.default_rng(0)
    level, curve = rng.normal(32.0, 4.0, 1000), np.cumsum(rng.random((1000, 50)), axis=1)
    paid = decisions._paid(level, curve, first=30.0)
    np.testing.assert_allclose(paid[:, -1], level)
    assert paid[:, 0].mean() == pytest.approx(30.0, rel=0.02)
    for cost in (29.0, 30.0, 31.0):
        never = bidding.payback(paid, cost=cost).never
        assert never == pytest.approx(1 - bidding.probability_above(level, cost=cost).value, abs=0.002)


@pytest.mark.parametrize("cost", [float("nan"), float("inf")])
def test_a_cost_that_is_none_counts_as_null(
    model: CLTVModel, data: tuple[pl.DataFrame, pl.DataFrame], cost: float
) -> None:
    users = data[1].with_columns(cac=pl.when(pl.col("customer_id") == 5).then(cost).otherwise("cac"))
    settings = build(CampaignConfig, SETTINGS)
    found = campaigns_module._acquired(users, model, settings)
    assert found["cost"].null_count() == 1
    assert found["cost"].is_finite().drop_nulls().all()


def test_a_model_in_weeks_decides_nothing(model: CLTVModel, data: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    weekly = CLTVModel(model.forecaster, model.customers, model.customer, {**model.facts, "resolution": "week"})
    with pytest.raises(ConfigError, match=r"day.*user came"):
        evaluate_campaigns(weekly, data[1], config=SETTINGS)


def test_users_that_are_left_out_come_back_in_the_order_of_the_source() -> None:
    acquired = pl.DataFrame({"customer": [1, None, 3], "campaign": ["a", "a", "b"]})
    reasons = {"not known": pl.col("customer").eq_missing(3), "no customer": pl.col("customer").is_null()}
    found = _refused(acquired.with_columns(value=1.0), acquired, reasons)
    assert found.rows() == [(1, "no customer", None, "a"), (2, "not known", 3, "b")]
