"""The page of campaigns: the value of a user against the cost of acquiring one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from dashboards.charts import campaigns as campaign_charts
from dashboards.charts.frames import require
from dashboards.charts.rendering import svg
from dashboards.kit.blocks import NO_VALUE, block, facts, footer, header, notes, pairs, with_ends
from dashboards.kit.html import Markup, escape, figure, page, table, tag
from tabkit.wording import amount_decimals, chance, number, spelled

DECISIONS = (
    *("campaign", "users", "value_mean", "value_low", "value_high", "cost", "p_above", "payback_days", "p_never"),
    "bid",
)

_CAPTION = (
    "Grey: the level of what a user is worth, as it is known of past days. Blue: the mean of a day's users that is to "
    "be expected, which varies more than the level. Dots are the means of days, the larger the more users; triangles "
    "at the edge lie beyond it."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CampaignPage:
    """What the page says.

    Parameters
    ----------
    title, verdict
        The heading, and one sentence.
    decisions
        One row per campaign, in the order shown: ``campaign``, ``users``, ``value_mean``, ``value_low``, ``value_high``
        (the level of a user's value with its interval, in the currency), ``cost`` (of a user; null: not known),
        ``p_above`` (that value exceeds cost), ``payback_days`` (median; null: not within the horizon), ``p_never``
        (that it is not paid back within it), ``bid`` (the highest that pays; null: none).
    fans
        The frame of `dashboards.charts.campaigns.campaign_fan`, or None.
    value
        What the level is, such as ``CLTV at 365 days``.
    level
        Of the intervals.
    facts, notes
        Names with values, and sentences.

    Raises
    ------
    SchemaError
        A frame lacks columns.

    Examples
    --------
    >>> CampaignPage(title="Spring", verdict="Fine.", decisions=pl.DataFrame({name: [] for name in DECISIONS[:-1]}))
    Traceback (most recent call last):
    tabkit.errors.SchemaError: the frame of decisions lacks bid; ...
    """

    title: str
    verdict: str
    decisions: pl.DataFrame
    fans: pl.DataFrame | None = None
    value: str = "CLTV"
    level: float = 0.94
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(self.decisions, "decisions", DECISIONS)
        if self.fans is not None:
            require(self.fans, "the fan chart", campaign_charts.FAN)


def render(report: CampaignPage) -> str:
    """Return the report as one HTML page without scripts or outside requests.

    Raises
    ------
    ImportError
        The `dashboards` extra is not installed.
    """
    blocks = (
        header("Customer value: campaigns", title=report.title, verdict=report.verdict),
        *_decisions(report),
        *_fans(report),
        *pairs([*facts(report.facts), *notes((*report.notes, *_left_out(report.fans)))]),
        footer(),
    )
    return page(report.title, *blocks, made_by="cltv campaigns")


def _decisions(report: CampaignPage) -> Iterator[Markup]:
    if report.decisions.is_empty():
        return
    interval = f"{report.value} ({100 * report.level:.3g}% interval)"
    names = ("Campaign", "Users", interval, "Cost", "P(value > cost)", "Payback, median", "Never paid back")
    head = [escape(name) for name in (*names, "Highest bid")]
    columns = report.decisions.select("value_mean", "value_low", "value_high", "cost", "bid").cast(pl.Float64)
    decimals = amount_decimals([value for column in columns for value in column])
    rows = [_row(row, decimals) for row in report.decisions.iter_rows(named=True)]
    remark = (
        "All per user. The interval is that of the campaign's level, not of single users. Payback is the day on which "
        "the mean user has brought back the cost; never means not within the horizon."
    )
    yield tag(
        "section",
        tag("h2", escape("What to do about each campaign")),
        table(head, rows, kind="numbers"),
        tag("p", escape(remark), class_="remark"),
        class_="block",
    )


def _row(row: dict[str, Any], decimals: int) -> list[Markup]:
    users = NO_VALUE if row["users"] is None else f"{row['users']:,.0f}"
    payback = "not within horizon" if row["payback_days"] is None else f"{row['payback_days']:,.0f} days"
    known = row["cost"] is not None
    bid = "none" if row["bid"] is None else number(row["bid"], decimals=decimals)
    return [
        tag("span", escape(row["campaign"]), class_="name"),
        escape(users),
        with_ends(*spelled(row["value_mean"], row["value_low"], row["value_high"], decimals=decimals)),
        *map(escape, (number(row["cost"], decimals=decimals), chance(row["p_above"]), payback if known else NO_VALUE)),
        *map(escape, (chance(row["p_never"]), bid)),
    ]


def _fans(report: CampaignPage) -> Iterator[Markup]:
    if report.fans is None or report.fans.is_empty():
        return
    scale = " All are on one scale." if campaign_charts.one_scale(report.fans) else " Scales differ: read the axes."
    one = report.fans["campaign"].n_unique() == 1
    yield block(
        figure(
            svg(campaign_charts.campaign_fan(report.fans, title=f"{report.value} of a user")),
            title="How levels moved, and where they may go",
            label="Fan charts by campaign: levels of past days with intervals, and quantiles of the days to come.",
            caption=_CAPTION + ("" if one else scale),
        )
    )


def _left_out(fans: pl.DataFrame | None) -> tuple[str, ...]:
    names = [] if fans is None else campaign_charts.left_out(fans)
    if not names:
        return ()
    return (f"{campaign_charts.MOST} campaigns are drawn; not drawn are {', '.join(names)}.",)
