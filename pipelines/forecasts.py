"""Forecasts into files: simulated block by block, whole or absent."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.config import ForecastConfig
from pipelines.lifetime_value import LifetimeModel, horizon_of
from tabkit.cltv import forecast as forecasting
from tabkit.cltv.forecast import Totals
from tabkit.errors import ScoringError, TabkitError
from tabkit.frames import scan
from tabkit.progress import Progress
from tabkit.scoring import check_output, write

_MADE = "purchases_mean"


def forecast_file(
    model: LifetimeModel, output: Path, *, config: ForecastConfig, progress: Progress | None = None
) -> dict[str, Any]:
    """Forecast all customers of a model into a file, in bounded memory; return totals as plain data.

    Raises
    ------
    ScoringError
        If the file cannot be written, or stands there already and holds no forecast.
    """
    check_output(output)
    if output.exists() and not _is_forecast(output):
        raise ScoringError(
            f"{str(output)!r} exists and holds no forecast: it was left as it is", advice="choose another name"
        )
    totals, rows = Totals(), 0
    with tempfile.TemporaryDirectory(prefix="tabkit-") as folder:
        blocks = forecasting.forecast(
            model.forecaster, model.customers, horizon=horizon_of(config), customer=model.customer, by=config.by,
            totals=totals, progress=progress,
        )  # fmt: skip
        for number, block in enumerate(blocks):
            block.write_parquet(Path(folder) / f"{number:08d}.parquet")
            rows += block.height
        write([pl.scan_parquet(f"{folder}/*.parquet")], [output], sources=["the forecast"])
    return {"rows": rows, "horizon_days": config.horizon_days, "totals": totals.frame(config.quantiles).to_dicts()}


def _is_forecast(path: Path) -> bool:
    try:
        return _MADE in scan(path).collect_schema()
    except (TabkitError, pl.exceptions.PolarsError, OSError):
        return False
