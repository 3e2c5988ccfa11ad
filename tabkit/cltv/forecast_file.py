"""Forecasts into files: simulated block by block, whole or absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from tabkit.cltv.config import ForecastConfig
from tabkit.cltv.forecasting import forecast
from tabkit.cltv.forecasting.totals import Totals
from tabkit.cltv.model import CLTVModel, horizon_of
from tabkit.errors import ScoringError
from tabkit.progress import Progress
from tabkit.scoring import check_table, write
from tabkit.staging import scratch_folder

_MADE_BY = "cltv forecast"


def forecast_file(
    model: CLTVModel,
    output: Path,
    *,
    config: ForecastConfig,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Forecast all customers of a model into a file, in bounded memory; return totals as plain data.

    Raises
    ------
    ScoringError
        If the file cannot be written, or may not go there (see `tabkit.destination`).
    """
    columns = forecast.columns(model.forecaster, horizon_of(config), customer=model.customer)
    check_table(output, _MADE_BY, columns, overwrite=overwrite)
    totals, rows, stretch = Totals(), 0, model.stretch(config)
    with scratch_folder(output, kind=ScoringError) as folder:
        blocks = forecast.forecast(
            model.forecaster, model.customers, horizon=horizon_of(config), customer=model.customer, by=config.by,
            totals=totals, stretch=stretch, progress=progress,
        )  # fmt: skip
        for number, block in enumerate(blocks):
            block.write_parquet(folder / f"{number:08d}.parquet")
            rows += block.height
        blocks_written = pl.scan_parquet(sorted(folder.iterdir()), glob=False, hive_partitioning=False)
        write([blocks_written], [output], sources=["the forecast"], made_by=_MADE_BY)
    widened = model.facts.get("widened") if stretch else None
    tested = {kind: one.to_dict(horizon_days=config.horizon_days) for kind, one in model.tested(config).items()}
    return {
        "rows": rows,
        "horizon_days": config.horizon_days,
        "totals": model.sums(totals, config).to_dicts(),
        "intervals": tested,
        "widened": widened,
        "warnings": model.warnings(),
    }
