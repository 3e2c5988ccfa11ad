"""The page of a backtest of customer value."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from dashboards.kit.outputs import check_page
from dashboards.reports import backtest_page as backtests
from dashboards.reports.backtest_page import BacktestPage, Pit
from dashboards.reports.cltv_tracking import tracked_of, write_page
from tabkit.cltv.backtesting.backtest import Backtest, ResultScores
from tabkit.cltv.backtesting.baselines import BOOSTED, RATE, ZERO
from tabkit.cltv.config import LifetimeConfig
from tabkit.cltv.forecasting.predictive import KINDS, total_of
from tabkit.config import settings_of
from tabkit.frames import Source
from tabkit.progress import Progress


def write_backtest_page(
    backtest: Backtest,
    path: str | Path,
    *,
    source: Source | None = None,
    config: LifetimeConfig | Mapping[str, Any] | None = None,
    title: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write the page of a backtest: errors and intervals by origin, PIT and tracking of the last one, the verdict.

    Parameters are those of `dashboards.reports.cltv.write_fit_page`; `source` and `config` are those of the backtest,
    and without them there is no tracking.
    """
    check_page(path, "cltv backtest", overwrite=overwrite)
    write_page(
        backtests.render(backtest_page(backtest, source=source, config=config, title=title, progress=progress)), path
    )


def backtest_page(
    backtest: Backtest,
    *,
    source: Source | None = None,
    config: LifetimeConfig | Mapping[str, Any] | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> BacktestPage:
    """Return the page's content; see `write_backtest_page`."""
    origins, last = backtest.origins, backtest.origins[-1]
    kinds = [kind for kind in KINDS if all(kind in origin.judged for origin in origins)]
    pairs = [(kind, str(origin.day), origin.judged[kind]) for kind in kinds for origin in origins]
    tracked = None
    if source is not None:
        end = last.day + datetime.timedelta(last.held.days)
        tracked = tracked_of(
            last.model, source, settings_of(LifetimeConfig, config), border=last.day, end=end,
            start=last.held.summary.start, progress=progress,
        )  # fmt: skip
    days = f"{backtest.plan.horizon_days:,} days"
    return BacktestPage(
        title=title or f"Forecasts of {days}, made again from {len(origins)} earlier days",
        verdict=backtest.verdict(),
        errors=pl.DataFrame([_errors(*pair) for pair in pairs], infer_schema_length=None),
        held=pl.DataFrame([row for pair in pairs for row in _held(*pair)], infer_schema_length=None),
        totals=pl.DataFrame([_totals(*pair) for pair in pairs], infer_schema_length=None),
        level=last.judged[kinds[0]].scores.coverage[-1].level,
        pits=tuple(_pit(kind, last.judged[kind]) for kind in kinds),
        tracked=tracked,
        last=str(last.day),
        facts=(
            ("Model", last.model.forecaster.model.title),
            ("Horizon", days),
            ("Between origins", f"{backtest.plan.step_days:,} days"),
            ("Customers at the last origin", f"{last.held.summary.customers.height:,}"),
            ("Came after it, left out", f"{last.held.newcomers:,}"),
        ),
        notes=backtest.notes,
    )


def _errors(kind: str, origin: str, judged: ResultScores) -> dict[str, Any]:
    points = {"zero": ZERO, "rate": RATE, "lightgbm": BOOSTED}
    simple = {name: judged.baselines.get(key) for name, key in points.items()}
    own = {"mean": judged.scores.mae_mean, "median": judged.scores.mae_median}
    errors = {name: None if point is None else point.mae for name, point in simple.items()}
    return {"kind": kind, "origin": origin, "customers": judged.scores.customers, **own, **errors}


def _held(kind: str, origin: str, judged: ResultScores) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "origin": origin, "level": found.level, "share": found.share, "expected": found.expected}
        for found in judged.scores.coverage
    ]


def _totals(kind: str, origin: str, judged: ResultScores) -> dict[str, Any]:
    ends: dict[str, float | None] = {"wide_low": None, "wide_high": None}
    for before, scores in (("", judged.scores), ("wide_", judged.widened)):
        if scores is not None:
            found = total_of(scores.total, scores.actual, counts=scores.counts)["intervals"][-1]
            ends |= {f"{before}low": found["low"], f"{before}high": found["high"]}
    return {"kind": kind, "origin": origin, "actual": judged.scores.actual, **ends}


def _pit(kind: str, judged: ResultScores) -> Pit:
    wide = judged.widened
    return Pit(kind, tuple(judged.scores.pit_counts()), () if wide is None else tuple(wide.pit_counts()))
