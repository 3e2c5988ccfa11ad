"""Customer value from the command and from Python: what is fitted, kept, forecast, and refused."""

import datetime
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines import lifetime_value
from tabkit.cltv.model import CLTVModel
from tabkit.errors import BundleError, ConfigError, FitError, SchemaError

pytest.importorskip("pymc", reason="the extra cltv is not installed")

CONFIG = {"customer": "customer_id", "date": "date", "amount": "amount", "draws": 500, "end": "1997-09-30"}


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    """CDNOW's transactions from the package `lifetimes`: a data file that is read, code that is not imported."""
    found = importlib.util.find_spec("lifetimes")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package lifetimes, whose data files are read, is not installed")
    path = Path(found.submodule_search_locations[0]) / "datasets" / "CDNOW_sample.txt"
    rows = [line.split() for line in path.read_text().splitlines()]
    days = [datetime.datetime.strptime(row[2], "%Y%m%d").date() for row in rows]
    return pl.DataFrame({"customer_id": [r[1] for r in rows], "date": days, "amount": [float(r[4]) for r in rows]})


@pytest.fixture(scope="module")
def lifetime(log: pl.DataFrame) -> CLTVModel:
    return lifetime_value.fit(log, config=CONFIG)


def test_what_is_said_of_a_fit(lifetime: CLTVModel) -> None:
    facts = lifetime.facts
    assert (facts["rows"], facts["unique_rows"], facts["transactions"]) == (2357, 1016, 4814)
    assert facts["k_hat"] < 0.7
    assert {"r", "alpha", "a", "b", "p", "q", "v"} <= set(facts["parameters"])
    assert facts["parameters"]["r"]["mean"] == pytest.approx(0.245, rel=0.05)
    assert facts["refused"] == {"after the observation end": 1959}
    assert any("Spearman +0.2" in warning for warning in facts["warnings"])
    assert facts["unidentified"] == []
    json.dumps(facts, allow_nan=False)


def test_ninety_four_of_a_hundred_customers_do_what_was_said(lifetime: CLTVModel, log: pl.DataFrame) -> None:
    everyone, totals = lifetime.forecast(config={"horizon_days": 273})
    later = log.filter(pl.col("date") > datetime.date(1997, 9, 30)).group_by("customer_id")
    bought = everyone.join(later.agg(pl.col("date").n_unique().alias("bought")), on="customer_id", how="left")
    count = pl.col("bought").fill_null(0)
    inside = bought.select(count.is_between(pl.col("purchases_q03"), pl.col("purchases_q97")).mean()).item()
    assert 0.92 <= inside <= 0.98
    assert everyone.height == 2357
    assert totals["purchases_mean"].item() == pytest.approx(everyone["purchases_mean"].sum())
    assert everyone["p_alive"].is_between(0, 1).all()


def test_a_bundle_forecasts_the_same_without_pymc(lifetime: CLTVModel, tmp_path: Path) -> None:
    lifetime.save(tmp_path / "m")
    again = lifetime_value.load(tmp_path / "m")
    assert dict(again.facts) == json.loads(json.dumps(dict(lifetime.facts)))
    config = {"horizon_days": 90, "draws": 50, "annual_discount": 0.1}
    assert again.forecast(config=config)[0].equals(lifetime.forecast(config=config)[0])
    code = (
        "import sys; sys.modules.update(pymc=None, pytensor=None, arviz=None, nutpie=None)\n"
        "from pipelines import lifetime_value\n"
        f"print(lifetime_value.load({str(tmp_path / 'm')!r}).forecast(config={config!r})[0].height)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "2357"


def test_a_bundle_of_another_kind_or_shape_is_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="kind 'propensity'; cltv was expected"):
        lifetime_value.load(saved)


def test_the_commands_fit_and_forecast(log: pl.DataFrame, run: Callable[..., Any], tmp_path: Path) -> None:
    log.write_parquet(tmp_path / "log.parquet")
    fit = ["cltv", "fit", str(tmp_path / "log.parquet"), "--customer", "customer_id", "--date", "date"]
    done = run(*fit, "--end", "1997-09-30", "--set", "draws=500", "-o", str(tmp_path / "m"), "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["rows"] == 2357
    assert said["spend"] is None
    output = tmp_path / "f.parquet"
    done = run(
        "cltv", "forecast", str(tmp_path / "m"), "--horizon-days", "90", "--quantiles", "0.1,0.9", "-o", str(output)
    )
    assert done.code == 0, done.err
    assert "together they bring" in done.out
    frame = pl.read_parquet(output)
    assert frame.columns == ["customer_id", "purchases_mean", *(f"purchases_q{q}" for q in (10, 50, 90)), "p_alive"]
    again = run("cltv", "forecast", str(tmp_path / "m"), "-o", str(output), "--json")
    assert json.loads(again.out)["rows"] == 2357
    strange = run("cltv", "forecast", str(tmp_path / "m"), "-o", str(tmp_path / "log.parquet"))
    assert strange.code == 2
    assert "exists already" in strange.err
    assert pl.read_parquet(tmp_path / "log.parquet").equals(log)


def test_a_summary_can_be_given_in_place_of_transactions() -> None:
    rng = np.random.default_rng(0)
    years = np.minimum(rng.geometric(rng.beta(0.7, 1.2, 2000)), 8)
    rows = pl.DataFrame({"T": np.minimum(years, 7), "churned": (years <= 7).astype(int)})
    model = lifetime_value.fit(rows, config={"model": "sbg", "summary": True, "unit": "year", "draws": 500})
    assert model.facts["parameters"]["a"]["mean"] == pytest.approx(0.7, abs=0.15)
    everyone, _ = model.forecast(config={"horizon_days": 3 * 365.25, "draws": 200})
    assert everyone.filter(pl.Series(years <= 7))["purchases_mean"].max() == 0
    assert everyone.filter(pl.Series(years > 7))["purchases_mean"].min() > 1


def given_summary() -> pl.DataFrame:
    """Return customers of whom none is seen to leave."""
    rng = np.random.default_rng(0)
    return pl.DataFrame({"frequency": rng.poisson(rng.gamma(1, 2, 120)), "T": 30.0}).with_columns(
        recency=pl.when(pl.col("frequency") > 0).then(30 - 20 / (pl.col("frequency") + 1)).otherwise(0.0),
        who=pl.int_range(120),
        monetary_value=rng.gamma(4, 1, 120) / rng.gamma(4, 0.05, 120),
    )


SUMMARY = {"summary": True, "customer": "who", "draws": 200}


def test_a_summary_passes_the_same_guard_as_a_log() -> None:
    rows = given_summary()
    with pytest.raises(SchemaError, match="'periods' may be 'T'"):
        lifetime_value.fit(rows.rename({"T": "periods"}), config=SUMMARY)
    with pytest.raises(FitError, match="stand in several rows"):
        lifetime_value.fit(rows.with_columns(who=pl.col("who") // 2), config=SUMMARY)
    with pytest.raises(FitError, match="monetary_value is negative for 120"):
        lifetime_value.fit(rows.with_columns(-pl.col("monetary_value")), config=SUMMARY)


@pytest.mark.slow
def test_what_the_guard_and_the_posterior_say_is_kept_with_a_fit() -> None:
    odd = given_summary().with_columns(
        who=pl.when(pl.col("who") > 0).then("who"),
        monetary_value=pl.when(pl.col("frequency") == 3).then(None).otherwise("monetary_value"),
        orders=pl.col("frequency") + 1,
    )
    facts = lifetime_value.fit(odd, config=SUMMARY | {"covariates": ["orders"]}).facts
    assert facts["refused"] == {"no customer": 1}
    assert (facts["rows"], facts["spend"] is None) == (119, False)
    assert any("is unknown (null or NaN)" in told for told in facts["warnings"])
    assert any("'orders' alone explains" in told and "fit without it" in told for told in facts["warnings"])
    assert {one["name"] for one in facts["unidentified"]} >= {"kappa"}
    assert any(told.startswith("The data hardly tell") for told in facts["warnings"])


FEW = {"customer": "who", "date": "day", "amount": "paid", "fewest_repeats": 2}
LOG = pl.DataFrame({"who": [1, 1, 2], "day": [datetime.date(2024, 1, d) for d in (1, 9, 3)], "paid": [1.0, 2.0, 3.0]})


@pytest.mark.parametrize(
    ("config", "error", "told"),
    [
        ({}, ConfigError, r"customer.*date column"),
        ({"customer": "who", "date": "day"}, FitError, r"1.*2 customers bought.*10.*needed"),
        ({"customer": "who", "date": "day", "model": "bgbb"}, ConfigError, "runs in whole periods"),
        ({"customer": "who", "date": "day", "model": "x"}, ConfigError, "model"),
        ({"customer": "who", "date": "day", "fewest_repeats": 1}, ConfigError, "fewest_repeats"),
        ({"customer": "who", "date": "day", "priors": {"r": {"kind": "cauchy"}}}, FitError, "bought again"),
        (FEW | {"priors": {"r": {"kind": "cauchy"}}}, ConfigError, "no prior 'cauchy'"),
        (FEW | {"priors": {"phi": {"kind": "half_cauchy", "beta": 5}}}, ConfigError, "phi lies between 0 and 1, but"),
        (
            FEW | {"priors": {"v": {"kind": "normal", "mu": 5, "sigma": 5}}},
            ConfigError,
            r"v.*0.*prior normal",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(config: dict[str, Any], error: type[Exception], told: str) -> None:
    more = pl.concat([LOG, LOG.with_columns(pl.col("who") + 2), LOG.with_columns(pl.col("who") + 4)])
    with pytest.raises(error, match=told):
        lifetime_value.fit(LOG if config.get("fewest_repeats", 0) < 2 else more, config=config)


def test_groups_are_shown_as_they_are_called_and_none_is_lost_nor_that_no_spend_is_known(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({"frequency": rng.poisson(1.0, 90), "T": 30.0}).with_columns(recency=pl.col("frequency") * 5.0)
    names = pl.Series(["(all)", "[/red]a", None]).gather(np.arange(90) % 3)
    unknown = rows.with_columns(seg=names, monetary_value=pl.lit(None, pl.Float64))
    model = lifetime_value.fit(unknown, config={"summary": True, "draws": 200})
    repeats = rows.filter(pl.col("frequency") > 0).height
    no_value = f"monetary_value is null or NaN for all {repeats} repeat buyers, so no value is forecast."
    assert (no_value in model.facts["warnings"], model.kinds) == (True, ("purchases",))
    model.save(tmp_path / "m")
    done = run("cltv", "forecast", str(tmp_path / "m"), "-o", str(tmp_path / "f.csv"), "--by", "seg",
               "--quantiles", "0.97,0.03,0.97")  # fmt: skip
    assert done.code == 0, done.err
    assert all(name in done.out for name in ("[/red]a", "(all)", "((all))", "(null)", "q03"))
    inside = run("cltv", "forecast", str(tmp_path / "m"), "-o", str(tmp_path / "m" / "f.parquet"))
    assert inside.code == 2
    assert "inside of a bundle" in inside.said
    folder = run("cltv", "forecast", str(tmp_path / "m"), "-o", f"{tmp_path}/")
    assert "one table is written" in folder.said


@pytest.mark.slow
def test_the_command_backtests(log: pl.DataFrame, run: Callable[..., Any], tmp_path: Path) -> None:
    log.write_parquet(tmp_path / "log.parquet")
    columns = ["--customer", "customer_id", "--date", "date"]
    options = ["--horizon-days", "180", "--origins", "2", "--set", "draws=500", "--set", "predictive_draws=200"]
    call = ["cltv", "backtest", str(tmp_path / "log.parquet"), *columns, *options]
    done = run(*call, "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert len(said["origins"]) == 2
    assert said["origins"][0]["purchases"]["baselines"]["lightgbm"] is None
    assert said["origins"][1]["purchases"]["baselines"]["lightgbm"]["mae"] > 0
    assert said["origins"][1]["purchases"]["widened"]["total"]["intervals"]
    assert said["verdict"].startswith("From 2 origins, 180 days ahead: for purchases the model")
    done = run(*call, "--no-widen")
    assert done.code == 0, done.err
    assert "LightGBM" in done.out
    far = run("cltv", "backtest", str(tmp_path / "log.parquet"), *columns, "--horizon-days", "900")
    assert far.code == 2
    assert "no origin is possible" in far.said


@pytest.mark.slow
def test_a_fit_learns_from_its_own_backtest_how_wide_forecasts_have_to_be(
    log: pl.DataFrame, run: Callable[..., Any], tmp_path: Path
) -> None:
    log.write_parquet(tmp_path / "log.parquet")
    columns = ["--customer", "customer_id", "--date", "date", "--set", "draws=500"]
    learn = ["--widen-origins", "2", "--widen-days", "90", "--report", str(tmp_path / "fit.html")]
    done = run("cltv", "fit", str(tmp_path / "log.parquet"), *columns, *learn, "-o", str(tmp_path / "m"), "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["widened"] == {"horizon_days": 90, "kinds": ["purchases"]}
    assert (said["backtest"]["kinds"]["purchases"]["of"], said["backtest"]["level"]) == (2, 0.94)
    assert "held in" in (tmp_path / "fit.html").read_text()
    assert "Tracking" in (tmp_path / "fit.html").read_text()
    spans = {}
    for name, option in (("wide", "--widen"), ("plain", "--no-widen")):
        call = ["cltv", "forecast", str(tmp_path / "m"), "--horizon-days", "90", option]
        done = run(*call, "-o", str(tmp_path / f"{name}.parquet"), "--json")
        assert done.code == 0, done.err
        row = json.loads(done.out)["totals"][0]
        spans[name] = (row["purchases_mean"], row["purchases_q97"] - row["purchases_q03"])
    assert spans["wide"][0] == spans["plain"][0]
    assert spans["wide"][1] > 1.05 * spans["plain"][1]
    shown = run("inspect", str(tmp_path / "m"))
    assert "days of backtests taught" in " ".join(shown.out.split())
    told = run("cltv", "forecast", str(tmp_path / "m"), "--horizon-days", "30", "-o", str(tmp_path / "f.parquet"))
    assert "which looked 90 days ahead" in " ".join(told.out.split())
