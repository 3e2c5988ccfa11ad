"""Purchases of a log beside what a model expected, for pages; and how pages of customer value are written."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np

from dashboards.reports.cltv_parts import Tracked
from dashboards.reports.propensity import ReportError
from tabkit.cltv.config import LifetimeConfig
from tabkit.cltv.forecasting.tracking import Calendar, track
from tabkit.cltv.model import CLTVModel
from tabkit.cltv.transactions import PurchaseRule
from tabkit.errors import ConfigError
from tabkit.frames import Source
from tabkit.progress import Progress
from tabkit.staging import staged_file

_PERIODS = 130  # points of a curve that are still told apart
_HISTORIES, _CELLS = 400, 50_000_000  # simulated histories, and their cells: enough for bands, within 400 megabytes


def tracked_of(
    model: CLTVModel,
    source: Source,
    settings: LifetimeConfig,
    *,
    border: datetime.date | None,
    end: datetime.date | None = None,
    start: datetime.date | None = None,
    progress: Progress | None,
) -> Tracked | None:
    """Return the tracking of a log; None of a summary, or where the end of the fit is not known."""
    if settings.summary or border is None:
        return None
    if settings.customer is None or settings.date is None:
        raise ConfigError(
            "tracking needs the columns of the log, and customer or date is not given",
            advice="give the settings of the fit: config={'customer': ..., 'date': ...}",
        )
    rule = PurchaseRule(
        settings.customer, settings.date, settings.amount, settings.merge, settings.refunds, zeros=settings.zeros
    )
    first = start or day_of(model.facts.get("start")) or border
    calendar = Calendar(
        border=border,
        end=end,
        step_days=_step((max(end or border, border) - first).days),
        draws=int(np.clip(_CELLS // max(model.customers.height, 1), 100, _HISTORIES)),
        seed=settings.seed,
    )
    found = track(model.forecaster, model.customers, source, rule=rule, calendar=calendar, progress=progress)
    return Tracked(found.cumulative, found.per_period, found.border, found.step_days)


def _step(days: int) -> int:
    """Return a period that a span has enough and not too many of: days, weeks, four or thirteen weeks.

    >>> _step(20), _step(545), _step(2000), _step(8000)
    (1, 7, 28, 91)
    """
    return next((step for step in (1, 7, 28) if days < _PERIODS * step and (step > 1 or days < 50)), 91)


def day_of(text: object) -> datetime.date | None:
    """Return a day from its text in a model's facts; None where there is none."""
    return None if text in (None, "None") else datetime.date.fromisoformat(str(text))


def write_page(text: str, path: str | Path) -> None:
    """Write a page; `ReportError` if that fails."""
    with staged_file(path, kind=ReportError) as hidden:
        hidden.write_text(text, encoding="utf-8")
