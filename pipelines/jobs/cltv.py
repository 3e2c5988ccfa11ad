"""The jobs behind `tabkit cltv`: settings in, plain data out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from dashboards.kit.outputs import check_page
from dashboards.reports.cltv import write_fit_page
from dashboards.reports.cltv_backtest import write_backtest_page
from dashboards.reports.cltv_campaigns import write_campaign_page
from pipelines.jobs.inputs import inputs
from pipelines.jobs.settings import CLTVBacktestJob, CLTVCampaignsJob, CLTVFitJob, CLTVForecastJob, filled
from tabkit.bundle import check_place
from tabkit.cltv.backtesting.backtest import backtest
from tabkit.cltv.campaigns.decisions import COLUMNS
from tabkit.cltv.campaigns.evaluate import CampaignReport, evaluate_campaigns
from tabkit.cltv.forecast_file import forecast_file
from tabkit.cltv.model import load
from tabkit.cltv.training import fit
from tabkit.progress import Progress
from tabkit.scoring import check_table, write


def fit_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Fit a model of customer value and save it; return what there is to say about it."""
    started = time.perf_counter()
    config = filled(CLTVFitJob, values)
    source, output = config.source, config.output
    check_place(output, overwrite=overwrite, inputs=inputs(source))
    if config.report is not None:
        check_page(config.report, "cltv fit", overwrite=overwrite, inputs=inputs(source), outside=[output])
    model = fit(source, config=config, progress=progress)
    if config.widen_origins:
        past = backtest(
            source, config=config, horizon_days=config.widen_days, origins=config.widen_origins, progress=progress
        )
        model = model.widened(past.learned, horizon_days=config.widen_days, tested=past.held())
    checksum = model.save(output, overwrite=overwrite)
    if config.report is not None:
        write_fit_page(model, config.report, source=source, config=config, overwrite=overwrite, progress=progress)
    seconds = round(time.perf_counter() - started, 3)
    return {"bundle": output, "checksum": checksum, **model.facts, "page": config.report, "seconds": seconds}


def forecast_job(values: Mapping[str, Any], *, overwrite: bool = False, progress: Progress) -> dict[str, Any]:
    """Forecast the customers of a saved model into a file; return what there is to say about it."""
    started = time.perf_counter()
    config = filled(CLTVForecastJob, values)
    path, output = config.bundle, config.output
    found = forecast_file(load(path), Path(output), config=config, overwrite=overwrite, progress=progress)
    return {"bundle": path, "output": output, **found, "seconds": round(time.perf_counter() - started, 3)}


def backtest_job(values: Mapping[str, Any], *, overwrite: bool = False, progress: Progress) -> dict[str, Any]:
    """Make forecasts again from earlier days; return how they did."""
    started = time.perf_counter()
    config = filled(CLTVBacktestJob, values)
    source = config.source
    if config.report is not None:
        check_page(config.report, "cltv backtest", overwrite=overwrite, inputs=inputs(source))
    found = backtest(
        source, config=config, horizon_days=config.horizon_days, origins=config.origins,
        widen=config.widen, draws=config.predictive_draws, progress=progress,
    )  # fmt: skip
    if config.report is not None:
        write_backtest_page(found, config.report, source=source, config=config, overwrite=overwrite, progress=progress)
    return {**found.to_dict(), "page": config.report, "seconds": round(time.perf_counter() - started, 3)}


def campaigns_job(values: Mapping[str, Any], *, overwrite: bool = False, progress: Progress) -> dict[str, Any]:
    """Compare what users of campaigns are worth with what they cost; return what follows."""
    started = time.perf_counter()
    config = filled(CLTVCampaignsJob, values)
    path, source = config.bundle, config.source
    used = inputs(path, source, config.volume)
    if config.report is not None:
        check_page(config.report, "cltv campaigns", overwrite=overwrite, inputs=used)
    if config.output is not None:
        check_table(config.output, "cltv campaigns", COLUMNS, overwrite=overwrite, inputs=used)
    report = evaluate_campaigns(load(path), source, config=config, volume=config.volume, progress=progress)
    if config.output is not None:
        write([report.decisions.lazy()], [Path(config.output)], sources=["the campaigns"], made_by="cltv campaigns")
    if config.report is not None:
        shown = report.decisions.with_columns(bid=pl.coalesce("bid", "safe"))
        write_campaign_page(
            shown, config.report, title=f"What users of {len(shown)} campaigns are worth", verdict=report.verdict,
            fans=report.fan, notes=report.notes, facts=tuple(_said(config, report)), overwrite=overwrite,
        )  # fmt: skip
    kept = {name: getattr(config, name) for name in ("horizon_days", "ahead_days", "margin", "confidence", "output")}
    seconds = round(time.perf_counter() - started, 3)
    return {"bundle": path, **kept, **report.to_dict(), "page": config.report, "seconds": seconds}


def _said(config: CLTVCampaignsJob, found: CampaignReport) -> Iterator[tuple[str, str]]:
    yield "Value", f"what a user pays by the age of {config.horizon_days:,} days, times {config.margin:g}"
    yield "Decided on", f"users of {found.ahead.days[0]} to {found.ahead.days[-1]}"
    safe = f"makes no loss with a probability of {config.confidence:.0%}"
    yield "Highest bid", safe if config.volume is None else "has the highest expected profit on the volume curve"
    for reason, count in found.refused.items():
        yield "Left out", f"{count:,} {reason}"
