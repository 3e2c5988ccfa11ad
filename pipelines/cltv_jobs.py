"""The jobs behind `tabkit cltv`: settings in, plain data out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines import lifetime_value
from pipelines.backtesting import backtest
from pipelines.campaigns import campaigns
from pipelines.config import BacktestConfig, CampaignConfig, ForecastConfig, LifetimeFitConfig
from pipelines.forecasts import forecast_file
from pipelines.needs import needed
from pipelines.tables import check_table
from tabkit.bundle import check_place
from tabkit.config import build
from tabkit.progress import Progress
from tabkit.scoring import write


def fit_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Fit a model of customer value and save it; return what there is to say about it."""
    started = time.perf_counter()
    config = build(LifetimeFitConfig, values)
    source, output = needed(config, "source"), needed(config, "output")
    check_place(output, overwrite=overwrite)
    model = lifetime_value.fit(source, config=config, progress=progress)
    if config.widen_origins:
        past = backtest(
            source, config=config, horizon_days=config.widen_days, origins=config.widen_origins, progress=progress
        )
        model = model.widened(past.learned, horizon_days=config.widen_days)
    checksum = model.save(output, overwrite=overwrite)
    seconds = round(time.perf_counter() - started, 3)
    return {"bundle": output, "checksum": checksum, **model.facts, "seconds": seconds}


def forecast_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:
    """Forecast the customers of a saved model into a file; return what there is to say about it."""
    started = time.perf_counter()
    config = build(ForecastConfig, values)
    path, output = needed(config, "bundle"), needed(config, "output")
    found = forecast_file(lifetime_value.load(path), Path(output), config=config, progress=progress)
    return {"bundle": path, "output": output, **found, "seconds": round(time.perf_counter() - started, 3)}


def backtest_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:
    """Make forecasts again from earlier days; return how they did."""
    started = time.perf_counter()
    config = build(BacktestConfig, values)
    found = backtest(
        needed(config, "source"), config=config, horizon_days=config.horizon_days, origins=config.origins,
        widen=config.widen, draws=config.predictive_draws, progress=progress,
    )  # fmt: skip
    return {**found.to_dict(), "seconds": round(time.perf_counter() - started, 3)}


def campaigns_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:
    """Compare what users of campaigns are worth with what they cost; return what follows."""
    started = time.perf_counter()
    config = build(CampaignConfig, values)
    path, source = needed(config, "bundle"), needed(config, "source")
    if config.output is not None:
        check_table(Path(config.output), made="p_above", what="table of campaigns")
    found = campaigns(lifetime_value.load(path), source, config=config, volume=config.volume, progress=progress)
    if config.output is not None:
        write([found.decisions.lazy()], [Path(config.output)], sources=["the campaigns"])
    kept = {name: getattr(config, name) for name in ("horizon_days", "ahead_days", "margin", "confidence")}
    seconds = round(time.perf_counter() - started, 3)
    return {"bundle": path, **kept, **found.to_dict(), "output": config.output, "seconds": seconds}
