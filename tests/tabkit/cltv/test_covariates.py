"""Covariates that copy what customers did are asked about where models of customers are made."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from purchases import END, LOG, ROLES, quick_fit

from tabkit.cltv import training
from tabkit.cltv.backtesting.backtest import backtest
from tabkit.cltv.config import LifetimeConfig
from tabkit.cltv.covariates import columns_of, leaks_of_fit
from tabkit.cltv.summary import summarise
from tabkit.errors import SourceError

CUT = dt.date(2024, 1, 31)
ALL = LOG.group_by("who").agg(
    total=pl.len(), region=pl.col("who").first() % 3, until_cut=(pl.col("day") <= CUT).sum(), spent=pl.col("paid").sum()
)
WIDE = LOG.join(ALL, on="who")


def config(*columns: str, **more: Any) -> LifetimeConfig:
    return LifetimeConfig(**{**ROLES, "covariates": list(columns), "merge": False, **more})


def leaks(settings: LifetimeConfig, source: pl.DataFrame = WIDE) -> dict[str, str]:
    own = summarise(
        source, customer="who", date="day", amount="paid", merge=False, end=settings.end, keep=columns_of(settings)
    )
    return {name: leak.seen for leak in leaks_of_fit(own.customers, source, settings) for name in leak.columns}


def test_what_was_counted_until_the_end_or_until_the_end_of_the_log() -> None:
    assert set(leaks(config("region", "total"))) == {"total"}
    found = leaks(config("until_cut", "total", "spent", group="region", end=CUT))
    assert set(found) == {"until_cut", "total", "spent"}
    assert "frequency on rows" in found["until_cut"]
    assert f"frequency until {END}" in found["total"] or "frequency until 2024-06" in found["total"]
    assert leaks(config("region", end=CUT)) == {}


def test_rows_after_the_end_are_not_the_fits_to_refuse() -> None:
    settings = config("total", end=CUT)
    own = summarise(WIDE, customer="who", date="day", amount="paid", merge=False, end=CUT, keep=["total"])
    with pytest.raises(SourceError):
        summarise("nowhere.parquet", customer="who", date="day")
    assert leaks_of_fit(own.customers, "nowhere.parquet", settings) == ()


def test_a_backtest_asks_of_the_whole_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "fit", quick_fit)
    found = backtest(WIDE, config=config("total", "region"), horizon_days=60, origins=2, draws=50)
    [note] = [note for note in found.notes if "known before" in note]
    assert "'total' alone explains 100.00%" in note
    assert "fit without it" in note
    plain = backtest(WIDE, config=config("region"), horizon_days=60, origins=2, draws=50)
    assert not any("known before" in note for note in plain.notes)
