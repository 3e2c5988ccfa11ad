"""Tracking against a log counted by hand, and against expectations in closed form."""

import datetime
import importlib.util
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tabkit.cltv.forecasting.forecast import Forecaster
from tabkit.cltv.forecasting.tracking import CALIBRATION, FORECAST, Calendar, track
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.fit import maximum_likelihood
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models import MODELS
from tabkit.cltv.summary import summarise
from tabkit.cltv.transactions import PurchaseRule
from tabkit.errors import ConfigError, SchemaError, ScoringError

DAY = datetime.timedelta(1)
START = datetime.date(2024, 1, 1)
TRUE = {
    "bgnbd": {"r": 0.6, "alpha": 4.4, "phi": 0.25, "kappa": 3.2},
    "mbgnbd": {"r": 0.6, "alpha": 6.2, "phi": 0.35, "kappa": 2.5},
    "paretonbd": {"r": 0.6, "alpha": 10.6, "s": 0.6, "beta": 11.7},
}
RULE = PurchaseRule("who", "day")
# Days from the start; two rows of "a" on day 3 are one purchase, and "d" comes after the border.
HAND = {"a": [0, 3, 3, 9, 20, 40], "b": [4, 30], "c": [10], "d": [22, 25]}


def log_of(days: dict[str, list[int]]) -> pl.DataFrame:
    rows = [(who, START + day * DAY) for who, own in days.items() for day in own]
    return pl.DataFrame(rows, schema={"who": pl.String, "day": pl.Date}, orient="row")


def forecaster(model: str = "bgnbd", **more: np.ndarray) -> Forecaster:
    chosen = MODELS[model]
    draws = {name: np.array([v]) for name, v in TRUE[model].items()} | more
    return Forecaster(chosen, Posterior(draws, chosen.parameters, Design()), None, 7.0)


def tracked(days: dict[str, list[int]], *, border: int = 21, model: str = "bgnbd", **more):
    log = log_of(days)
    calendar = Calendar(START + border * DAY, **{"draws": 20, "step_days": 7, **more})
    customers = summarise(log, customer="who", date="day", end=calendar.border).customers
    return track(forecaster(model), customers, log, rule=RULE, calendar=calendar)


def test_what_was_observed_is_counted_by_hand() -> None:
    found = tracked(HAND)
    single, together = found.per_period, found.cumulative
    # Periods end on days 0, 7, 14, 21 and 28, 35, 40; "d" is nobody's repeat.
    assert [(day - START).days for day in single["day"]] == [0, 7, 14, 21, 28, 35, 40]
    assert single["days"].to_list() == [1, 7, 7, 7, 7, 7, 5]
    assert single["observed"].to_list() == [0, 1, 1, 1, 0, 1, 1]
    assert single["phase"].to_list() == [CALIBRATION] * 4 + [FORECAST] * 3
    assert together.filter(phase=CALIBRATION)["observed"].to_list() == [0, 0, 1, 2, 3]
    assert together.filter(phase=FORECAST)["observed"].to_list() == [3, 3, 4, 5]
    assert found.customers == 3


def test_the_forecast_begins_at_what_was_observed_without_width() -> None:
    first = tracked(HAND).cumulative.filter(phase=FORECAST).row(0, named=True)
    assert {first[name] for name in ("observed", "mean", "q03", "q25", "q75", "q97")} == {3.0}
    assert first["day"] == START + 21 * DAY


def test_nothing_after_the_border_is_nothing_to_forecast() -> None:
    found = tracked({"a": [0, 5], "b": [1]}, border=9)
    assert found.cumulative["phase"].unique().to_list() == [CALIBRATION]
    longer = tracked({"a": [0, 5], "b": [1]}, border=9, end=START + 30 * DAY)
    assert longer.cumulative.filter(phase=FORECAST)["observed"].to_list() == [1.0] * 4


def test_customers_who_all_come_on_the_border_have_no_past() -> None:
    found = tracked({"a": [9], "b": [9, 20]}, border=9)
    assert found.per_period.filter(phase=CALIBRATION)["mean"].to_list() == [0.0]
    assert found.per_period.filter(phase=FORECAST)["observed"].sum() == 1


def expectation(model: str, values: dict[str, np.ndarray], first: np.ndarray, day: int) -> float:
    """Sum over customers of E[X(t - t0)], as the published tracking plots have it."""
    zero = {name: np.zeros((1, 1)) for name in ("frequency", "recency", "T")}
    ages, counts = np.unique(np.maximum(day - first, 0), return_counts=True)
    chosen = MODELS[model]
    alive = float(chosen.alive(values, zero | {"periods": 1}).item())
    each = [alive * chosen.expected(values, zero, age / 7).item() if age else 0.0 for age in ages]
    return float(np.dot(each, counts))


@pytest.mark.parametrize("model", TRUE)
def test_means_are_the_closed_forms_on_both_sides_of_the_border(model: str) -> None:
    rng = np.random.default_rng(0)
    days = {f"c{k:03d}": sorted(rng.integers(k % 50, 200, 1 + k % 4).tolist()) for k in range(300)}
    days = {who: [k % 50, *own] for k, (who, own) in enumerate(days.items())}
    found = tracked(days, border=100, model=model, draws=1500, step_days=25)
    own = forecaster(model)
    values = own.model.derived({name: v[:, None] for name, v in own.purchases.draws.items()})
    first = np.array([own[0] for own in days.values()])
    for row in found.cumulative.filter(phase=CALIBRATION).iter_rows(named=True):
        expected = expectation(model, values, first, (row["day"] - START).days)
        assert row["mean"] == pytest.approx(expected, rel=0.01, abs=0.5)
    customers = summarise(log_of(days), customer="who", date="day", end=START + 100 * DAY).customers
    data = {name: customers[name].cast(pl.Float64).to_numpy()[:, None] for name in own.model.columns}
    alive = own.model.alive(values, data)
    start = float(customers["frequency"].sum())
    for row in found.cumulative.filter(phase=FORECAST).iter_rows(named=True):
        span = (row["day"] - START).days - 100
        more = float((alive * own.model.expected(values, data, span / 7)).sum()) if span else 0.0
        assert row["mean"] - start == pytest.approx(more, rel=0.01, abs=0.5)


def test_bands_hold_what_the_model_itself_makes() -> None:
    """Histories of one draw as observed: the bands hold as many of them as they say."""
    found = tracked(HAND | {f"e{k}": [k % 9, 12] for k in range(200)}, draws=2000)
    row = found.cumulative.filter(phase=CALIBRATION).row(-1, named=True)
    again = [
        tracked(HAND | {f"e{k}": [k % 9, 12] for k in range(200)}, draws=1, seed=seed).cumulative for seed in range(60)
    ]
    ends = np.array([frame.filter(phase=CALIBRATION)["mean"][-1] for frame in again])
    assert np.mean((row["q25"] <= ends) & (ends <= row["q75"])) == pytest.approx(0.5, abs=0.2)
    assert np.mean((row["q03"] <= ends) & (ends <= row["q97"])) >= 0.85


def test_draws_of_the_posterior_widen_the_bands() -> None:
    log = log_of({f"c{k}": [k % 9, 12, 30] for k in range(200)})
    calendar = Calendar(START + 21 * DAY, draws=300)
    customers = summarise(log, customer="who", date="day", end=calendar.border).customers
    rates = np.random.default_rng(0).lognormal(np.log(4.4), 0.5, 300)
    others = {name: np.full(300, v) for name, v in TRUE["bgnbd"].items()}
    sure, unsure = (
        track(f, customers, log, rule=RULE, calendar=calendar).cumulative
        for f in (forecaster(**others), forecaster(**others | {"alpha": rates}))
    )
    assert (unsure["q97"] - unsure["q03"])[3] > 1.5 * (sure["q97"] - sure["q03"])[3]


def test_blocks_change_chance_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    days = {f"c{k}": [k % 9, 12, 30] for k in range(200)}
    whole = tracked(days, draws=400)
    monkeypatch.setattr("tabkit.cltv.forecasting.tracking._CELLS", 400 * 17)
    parts = tracked(days, draws=400)
    assert parts.cumulative["observed"].equals(whole.cumulative["observed"])
    assert parts.cumulative["mean"].to_numpy() == pytest.approx(whole.cumulative["mean"].to_numpy(), rel=0.05, abs=1)
    assert tracked(days, draws=400).cumulative.equals(parts.cumulative)


def test_days_with_several_rows_follow_the_rule() -> None:
    log, rule = log_of(HAND), PurchaseRule("who", "day", merge=False)
    calendar = Calendar(START + 21 * DAY, draws=2)
    customers = summarise(log, customer="who", date="day", end=calendar.border, merge=False).customers
    found = track(forecaster(), customers, log, rule=rule, calendar=calendar)
    assert found.cumulative.filter(phase=CALIBRATION)["observed"][-1] == 4
    others = summarise(log, customer="who", date="day", end=calendar.border).customers
    with pytest.raises(ScoringError, match="4 repeat purchases; the summary has 3"):
        track(forecaster(), others, log, rule=rule, calendar=calendar)


def test_another_log_is_refused() -> None:
    log, calendar = log_of(HAND), Calendar(START + 21 * DAY)
    customers = summarise(log, customer="who", date="day", end=calendar.border).customers
    for other, why in (
        (log.filter(pl.col("who") != "b"), "1 of 3 customers bought nothing"),
        (log.with_columns(who=pl.lit(1)), "String.*summary.*Int32.*log"),
    ):
        with pytest.raises(SchemaError, match=why):
            track(forecaster(), customers, other, rule=RULE, calendar=calendar)
    with pytest.raises(SchemaError, match="summary lacks columns: 'T'"):
        track(forecaster(), customers.drop("T"), log, rule=RULE, calendar=calendar)


def test_what_cannot_be_tracked_is_refused() -> None:
    draws = {"phi_buy": 0.6, "kappa_buy": 2.0, "phi": 0.2, "kappa": 3.4}
    chosen = MODELS["bgbb"]
    own = Posterior({name: np.array([v]) for name, v in draws.items()}, chosen.parameters, Design())
    with pytest.raises(ConfigError, match="whole periods"):
        track(Forecaster(chosen, own, None, 7.0), log_of(HAND), log_of(HAND), rule=RULE, calendar=Calendar(START))
    with pytest.raises(ConfigError, match="before the border"):
        Calendar(START, end=START - DAY)
    with pytest.raises(ConfigError, match="step_days"):
        Calendar(START, step_days=0)


def test_cdnow_is_tracked_as_published() -> None:
    """Fader, Hardie and Lee (2005), figures 2 and 3: expected cumulative repeat purchases over 39 weeks and 78."""
    found = importlib.util.find_spec("lifetimes")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package lifetimes, whose data files are read, is not installed")
    path = Path(found.submodule_search_locations[0]) / "datasets" / "CDNOW_sample.txt"
    rows = [line.split() for line in path.read_text().splitlines()]
    log = pl.DataFrame({"who": [r[1] for r in rows], "day": [r[2] for r in rows]})
    log = log.with_columns(pl.col("day").str.to_date("%Y%m%d"))
    border = datetime.date(1997, 9, 30)
    customers = summarise(log, customer="who", date="day", end=border).customers
    best = maximum_likelihood(customers, model="bgnbd")
    free = ("r", "alpha", "a", "b")
    chosen = MODELS["bgnbd"]
    parameters = (*chosen.parameters[:2], *chosen.other[0][1])
    own = Posterior({name: np.array([best[name]]) for name in free}, parameters, Design())
    calendar = Calendar(border, step_days=30, draws=200)
    drawn = track(Forecaster(chosen, own, None, 7.0), customers, log, rule=RULE, calendar=calendar).cumulative
    values = {name: np.array([[best[name]]]) for name in free}
    first = log.group_by("who").agg(pl.col("day").min())["day"].dt.epoch("d").to_numpy()
    for row in drawn.filter(phase=CALIBRATION)[2:].iter_rows(named=True):
        day = (row["day"] - datetime.date(1970, 1, 1)).days
        assert row["mean"] == pytest.approx(expectation("bgnbd", values, first, day), rel=0.01)
    last = drawn.row(-1, named=True)
    assert (last["day"], last["observed"]) == (datetime.date(1998, 6, 30), 2457 + 1882)
    assert last["mean"] == pytest.approx(2457 + 1653, rel=0.01)
