"""What is said at the interval of a forecast's total: whether it was widened, and how often such intervals held."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from places import GOLDEN as FORMAT1

from pipelines import lifetime_value
from tabkit.cltv.config import ForecastConfig
from tabkit.cltv.forecast_file import forecast_file
from tabkit.cltv.interval_record import IntervalRecord, interval_record
from tabkit.cltv.model import CLTVModel

GOLDEN = FORMAT1 / "value"
CONFIG = {"horizon_days": 90, "draws": 100}
RECORD = {
    "horizon_days": 90, "overlap_days": 0, "level": 0.94,
    "kinds": {
        "purchases": {"held": 1, "of": 4, "widened_held": 3, "widened_of": 3},
        "value": {"held": 4, "of": 4, "widened_held": 3, "widened_of": 3},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def saved_earlier() -> CLTVModel:
    """A bundle of an earlier release: widened, without a record of its backtest."""
    return lifetime_value.load(GOLDEN)


def with_record(model: CLTVModel, record: dict[str, Any]) -> CLTVModel:
    return dataclasses.replace(model, facts={**model.facts, "backtest": record})


@pytest.mark.parametrize(
    ("held", "of", "narrow"), [(0, 1, False), (0, 2, True), (3, 4, False), (2, 4, True), (4, 4, False), (1, 4, True)]
)
def test_an_interval_is_too_narrow_where_right_ones_rarely_hold_so_seldom(held: int, of: int, narrow: bool) -> None:
    # 0 of 1 has the chance 0.06, 3 of 4 has 0.22, 2 of 4 has 0.02.
    assert IntervalRecord("value", False, held, of, held, of, 0.94, 90, 0).too_narrow is narrow


def test_what_was_never_tested_says_so() -> None:
    found = interval_record({}, kind="value", widened=False)
    assert found.short() == "not widened; not tested"
    assert "backtest is in this bundle" in found.sentence(horizon_days=90)
    assert not found.too_narrow
    other = interval_record({"backtest": {**RECORD, "kinds": {}}}, kind="value", widened=False)
    assert other.of is None


def test_what_was_widened_is_not_called_untested_where_its_record_was_not_kept() -> None:
    found = interval_record({}, kind="purchases", widened=True)
    assert found.short() == "widened; no record of tests"
    said = found.sentence(horizon_days=90)
    assert "taught; how often" in said
    assert "not tested" not in said
    once = IntervalRecord("value", True, 0, 0, 1, 1, 0.94, 90, 0)
    assert once.short() == "widened; not tested"
    assert "it needs two origins" in once.sentence(horizon_days=90)


def test_the_record_is_that_of_intervals_made_alike() -> None:
    plain = interval_record({"backtest": RECORD}, kind="purchases", widened=False)
    wide = interval_record({"backtest": RECORD}, kind="purchases", widened=True)
    assert (plain.short(), wide.short()) == ("not widened; held in 1 of 4", "widened; held in 3 of 3")
    assert "94 % interval" in plain.sentence(horizon_days=90)
    assert "in 1 of 4" in plain.sentence(horizon_days=90)
    assert "3 of 3 (not widened: 1 of 4)" in wide.sentence(horizon_days=90)
    assert "says little of 365 days ahead" in wide.sentence(horizon_days=365)
    one = {"held": 1, "of": 1, "widened_held": 0, "widened_of": 0}
    alone = interval_record({"backtest": {**RECORD, "kinds": {"value": one}}}, kind="value", widened=True)
    assert "two origins" in alone.sentence(horizon_days=90)


def test_a_bundle_saved_earlier_forecasts_and_says_that_it_is_not_tested(
    saved_earlier: CLTVModel, tmp_path: Path
) -> None:
    said = forecast_file(saved_earlier, tmp_path / "f.parquet", config=ForecastConfig(**CONFIG, quantiles=[0.1]))
    assert set(said["intervals"]) == {"purchases", "value"}
    assert "often such intervals" in said["intervals"]["purchases"]["said"]
    assert "not tested" in said["intervals"]["value"]["said"]
    row = said["totals"][0]
    assert row["purchases_q10"] < row["purchases_q50"]
    assert row["value_interval"].endswith("not tested")
    assert {"purchases_q50", "value_q50"} <= set(pl.read_parquet(tmp_path / "f.parquet").columns)
    assert said["warnings"] == saved_earlier.facts["warnings"]


def test_customers_that_would_be_refused_today_are_told_at_the_forecast(
    saved_earlier: CLTVModel, tmp_path: Path
) -> None:
    odd = saved_earlier.customers.with_columns(-pl.col("monetary_value"))
    said = forecast_file(
        dataclasses.replace(saved_earlier, customers=odd), tmp_path / "f.parquet", config=ForecastConfig(**CONFIG)
    )
    assert "monetary_value is negative for" in said["warnings"][0]


def test_the_command_says_it_at_the_figure(saved_earlier: CLTVModel, run: Callable[..., Any], tmp_path: Path) -> None:
    with_record(saved_earlier, RECORD).save(tmp_path / "m")
    done = run("cltv", "forecast", str(tmp_path / "m"), "--horizon-days", "90", "--no-widen", "--draws", "100",
               "-o", str(tmp_path / "f.parquet"))  # fmt: skip
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "held in 1" in text
    assert "4. That" in text
    assert "the backtest (90 days ahead)" in text
    assert ", median " in text
    shown = run("inspect", str(tmp_path / "m"))
    assert "held in 3 of 3" in " ".join(shown.out.split())


def test_what_was_not_tested_is_said_once_for_both_kinds(
    saved_earlier: CLTVModel, run: Callable[..., Any], tmp_path: Path
) -> None:
    facts = {name: fact for name, fact in saved_earlier.facts.items() if name != "widened"}
    dataclasses.replace(saved_earlier, facts=facts, widening={}).save(tmp_path / "m")
    done = run("cltv", "forecast", str(tmp_path / "m"), "--horizon-days", "90", "--draws", "100",
               "-o", str(tmp_path / "f.parquet"))  # fmt: skip
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert text.count("not tested") == 1
    assert "value: not widened" in text


def test_unknown_spend_is_the_populations(saved_earlier: CLTVModel) -> None:
    """Two customers alike in all but what is known of their spend."""
    best = saved_earlier.customers.filter(pl.col("frequency") > 2).head(1)
    spends = [None, float("nan"), 1000.0]
    rows = pl.concat([best.with_columns(monetary_value=pl.lit(m, pl.Float64)) for m in spends])
    model = dataclasses.replace(saved_earlier, customers=rows)
    everyone, _ = model.forecast(config={"horizon_days": 365, "draws": 1000, "widen": False})
    per_purchase = (everyone["value_mean"] / everyone["purchases_mean"]).to_list()
    known = saved_earlier.customers.filter(pl.col("frequency") > 0)["monetary_value"]
    assert float(known.min()) < per_purchase[0] < float(known.max())  # type: ignore[arg-type]  # numbers
    assert per_purchase[1] == pytest.approx(per_purchase[0], rel=0.25)
    assert per_purchase[2] > 3 * per_purchase[0]
