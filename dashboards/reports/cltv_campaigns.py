"""The page of campaigns: what to do about each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from dashboards.kit.outputs import check_page
from dashboards.reports import campaigns_page
from dashboards.reports.campaigns_page import CampaignPage
from dashboards.reports.cltv_parameters import LEVEL
from dashboards.reports.cltv_tracking import write_page


def write_campaign_page(
    decisions: pl.DataFrame,
    path: str | Path,
    *,
    title: str,
    verdict: str,
    fans: pl.DataFrame | None = None,
    value: str = "CLTV",
    level: float = LEVEL,
    facts: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    overwrite: bool = False,
) -> None:
    """Write the page of campaigns: what to do about each, and how their levels moved and may go on.

    Parameters
    ----------
    decisions, fans, value, level
        See `dashboards.reports.campaigns_page.CampaignPage` for the columns.
    path, overwrite
        As for `dashboards.reports.cltv.write_fit_page`.
    title, verdict, facts, notes
        The heading, one sentence, names with values, and sentences.

    Raises
    ------
    SchemaError
        If a frame lacks columns.
    ConfigError, ReportError, ImportError
        As `write_fit_page`.
    """
    check_page(path, "cltv campaigns", overwrite=overwrite)
    report = CampaignPage(
        title=title, verdict=verdict, decisions=decisions, fans=fans, value=value, level=level, facts=tuple(facts),
        notes=tuple(notes),
    )  # fmt: skip
    write_page(campaigns_page.render(report), path)
