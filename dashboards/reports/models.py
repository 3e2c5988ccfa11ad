"""The page of any fitted model, as its `report` asks for it; `tabkit.kinds` names these functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboards.kit.outputs import check_page
from dashboards.reports import cltv as cltv_report
from dashboards.reports import propensity, uplift
from tabkit.cltv.model import CLTVModel
from tabkit.frames import Source
from tabkit.propensity.model import PropensityModel
from tabkit.uplift.model import UpliftModel


def propensity_page(
    model: PropensityModel,
    path: str | Path,
    source: Source | None,
    *,
    title: str | None,
    overwrite: bool,
    training: Source | None = None,
) -> None:
    """Write what `source` shows of the model; without it, what was measured when the model was made."""
    heading = title or f"Model of {model.target.name}"
    if source is None:
        propensity.write_recorded(model, path, title=heading, overwrite=overwrite)
    else:
        propensity.write(model, source, path, title=heading, training=training, overwrite=overwrite)


def uplift_page(
    model: UpliftModel, path: str | Path, source: Source | None, *, title: str | None, overwrite: bool
) -> None:
    """Write the trust report: of the units held out at the fit, or of those of a further experiment."""
    check_page(path, "uplift report", overwrite=overwrite)
    judged = model if source is None else model.update(source, strategy="keep").model
    uplift.write(judged, path, title=title, overwrite=overwrite)


def cltv_page(
    model: CLTVModel,
    path: str | Path,
    source: Source | None,
    *,
    title: str | None,
    overwrite: bool,
    config: Mapping[str, Any] | None = None,
    horizon_days: float = 365.0,
) -> None:
    """Write parameters and heat map; with the transactions of the fit, how purchases went on over time too."""
    settings = {**model.config, **(config or {})}
    cltv_report.write_fit_page(
        model, path, source=source, config=settings, horizon_days=horizon_days, title=title, overwrite=overwrite
    )
