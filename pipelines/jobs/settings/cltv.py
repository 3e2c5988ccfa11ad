"""Settings of the jobs of a model of customer value."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipelines.jobs.settings.base import FIRST, OUTPUT, SOURCE, Sources
from tabkit.cltv.config import BacktestConfig, CampaignConfig, ForecastConfig, LifetimeConfig
from tabkit.config import UNUSED, required


class CLTVFitJob(LifetimeConfig):
    """Settings of `cltv fit`.

    Parameters
    ----------
    source
        Transactions: files, globs, folders or URLs.
    output
        The bundle to write.
    widen_origins
        Backtest first from so many earlier days, and let forecasts be widened as that teaches; 0 for not at all.
    widen_days
        How far the forecasts of that backtest reach.
    report
        A page of pictures to write.
    """

    source: Sources = required(SOURCE)
    output: str = required(OUTPUT)
    widen_origins: int = Field(default=0, ge=0, le=100)
    widen_days: int = Field(default=90, ge=1)
    report: str | None = None


class CLTVBacktestJob(BacktestConfig):
    """Settings of `cltv backtest`.

    Parameters
    ----------
    source
        Transactions: files, globs, folders or URLs.
    report
        A page of pictures to write.
    """

    source: Sources = required(SOURCE)
    output: Any = UNUSED
    report: str | None = None


class CLTVForecastJob(ForecastConfig):
    """Settings of `cltv forecast`.

    Parameters
    ----------
    bundle
        The bundle of a fitted model.
    output
        The file to write.
    """

    bundle: str = required(FIRST)
    output: str = required(OUTPUT)


class CLTVCampaignsJob(CampaignConfig):
    """Settings of `cltv campaigns`.

    Parameters
    ----------
    bundle
        The bundle of a fitted model, with amounts.
    source
        Acquired users, one row each: files or globs.
    output
        A table to write, a row per campaign.
    volume
        A table of users by bid: ``bid``, ``users``, and ``campaign`` where curves differ.
    report
        A page of pictures to write.
    """

    bundle: str = required(FIRST)
    source: Sources = required(SOURCE)
    output: str | None = None
    volume: str | None = None
    report: str | None = None
