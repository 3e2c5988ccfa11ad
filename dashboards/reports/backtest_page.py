"""The page of a backtest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from dashboards.charts import cltv as cltv_charts
from dashboards.charts.frames import require
from dashboards.charts.rendering import svg
from dashboards.kit.blocks import NO_VALUE, facts, footer, header, notes, pairs
from dashboards.kit.html import Markup, escape, figure, join, page, table, tag
from dashboards.reports.cltv_parts import Tracked, tracking_figures
from tabkit.wording import between, number, share

ERRORS = ("kind", "origin", "customers", "mean", "median", "zero", "rate", "lightgbm")
HELD = ("kind", "origin", "level", "share", "expected")
TOTALS = ("kind", "origin", "actual", "low", "high", "wide_low", "wide_high")

_PIT = (
    "How to read it: if forecasts are right, outcomes fall evenly, and some sixteen bars in seventeen end inside of "
    "the blue band (it takes customers for independent: a little narrow). High at both ends: forecasts are too "
    "narrow. High in the middle: too wide. Sloping up: too low, sloping down: too high."
)


@dataclass(frozen=True, slots=True)
class Pit:
    """How many customers' outcomes lie in each of equally wide parts of their forecast.

    Parameters
    ----------
    kind
        Of outcome.
    counts, widened
        From the lowest to the highest; of the forecast as it was, and as earlier origins widened it (empty: not).
    """

    kind: str
    counts: tuple[float, ...]
    widened: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestPage:
    """What the page says.

    Parameters
    ----------
    title, verdict
        The heading, and one sentence.
    errors
        One row per kind of outcome and origin: ``kind``, ``origin``, ``customers``, and mean absolute errors: of the
        model's ``mean`` and ``median``, of ``zero``, ``rate`` and ``lightgbm`` (null: there was none).
    held
        One row per kind, origin and ``level``: the ``share`` of customers inside of that interval, and what is
        ``expected`` of it (counts: more than the level).
    totals
        One row per kind and origin: the ``actual`` sum over customers, the ends of its interval (``low``, ``high``),
        and those of the widened one (null: none).
    level
        Of the intervals of totals.
    pits
        Of the last origin.
    tracked
        Purchases over the calendar, with the last origin as the border.
    last
        The last origin, in words.
    facts, notes
        Names with values, and sentences.

    Raises
    ------
    SchemaError
        A frame lacks columns.
    """

    title: str
    verdict: str
    errors: pl.DataFrame
    held: pl.DataFrame
    totals: pl.DataFrame
    level: float = 0.94
    pits: tuple[Pit, ...] = ()
    tracked: Tracked | None = None
    last: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for frame, name, columns in (
            (self.errors, "errors", ERRORS), (self.held, "held", HELD), (self.totals, "totals", TOTALS),
        ):  # fmt: skip
            require(frame, name, columns)


def render(report: BacktestPage) -> str:
    """Return the report as one HTML page without scripts or outside requests.

    Raises
    ------
    ImportError
        The `dashboards` extra is not installed.
    """
    kinds = report.errors["kind"].unique(maintain_order=True).to_list()
    blocks = (
        header("Customer value: backtest", title=report.title, verdict=report.verdict),
        *(part for kind in kinds for part in (_errors(report, kind), _held(report, kind))),
        *pairs([_pit(pit, report.last) for pit in report.pits if sum(pit.counts) > 0]),
        *pairs(list(tracking_figures(report.tracked))),
        *pairs([*facts(report.facts), *notes(report.notes)]),
        footer(),
    )
    return page(report.title, *blocks, made_by="cltv backtest")


def _errors(report: BacktestPage, kind: str) -> Markup:
    names = {"mean": "Model: mean", "median": "Model: median", "zero": "Zero", "rate": "Historical rate",
             "lightgbm": "LightGBM"}  # fmt: skip
    rows = [
        [escape(row["origin"]), escape(f"{row['customers']:,}"), *_smallest([row[name] for name in names])]
        for row in report.errors.filter(pl.col("kind") == kind).iter_rows(named=True)
    ]
    head = [escape(text) for text in ("Origin", "Customers", *names.values())]
    remark = "Mean absolute error per customer, smaller is better; the smallest of each origin is bold."
    return _section(f"Errors of forecasts: {kind}", table(head, rows, kind="numbers"), remark)


def _smallest(values: Sequence[float | None]) -> list[Markup]:
    """Return the numbers, the smallest in bold, and equal looking ones too."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    best = number(min(known)) if len(known) > 1 else ""
    texts = [number(value) for value in values]
    return [tag("strong", escape(text)) if text == best else escape(text) for text in texts]


def _held(report: BacktestPage, kind: str) -> Markup:
    covered = report.held.filter(pl.col("kind") == kind)
    levels = covered["level"].unique().sort().to_list()
    rows = []
    for row in report.totals.filter(pl.col("kind") == kind).iter_rows(named=True):
        own = {found["level"]: found for found in covered.filter(origin=row["origin"]).iter_rows(named=True)}
        shares = [_share(own.get(level)) for level in levels]
        ends = [_total(row, low, high) for low, high in (("low", "high"), ("wide_low", "wide_high"))]
        rows.append([escape(row["origin"]), *shares, escape(f"{row['actual']:,.0f}"), *ends])
    inside = [f"In {100 * level:.3g}%" for level in levels]
    interval = f"{100 * report.level:.3g}% interval"
    head = [escape(text) for text in ("Origin", *inside, "Sum", interval, "Widened")]
    remark = (
        "Shares of customers inside of their intervals, in brackets what is expected: intervals of counts end on whole "
        "numbers and hold more. Then the sum over customers with its interval, as it was and as earlier origins "
        "widened it."
    )
    return _section(f"What intervals held: {kind}", table(head, rows, kind="numbers"), remark)


def _share(found: Mapping[str, Any] | None) -> Markup:
    if found is None:
        return escape(NO_VALUE)
    expected = tag("span", escape(f"({share(found['expected'], decimals=1)})"), class_="interval")
    return join([escape(f"{share(found['share'], decimals=1)} "), expected])


def _total(row: Mapping[str, Any], low: str, high: str) -> Markup:
    if row[low] is None or row[high] is None:
        return escape(NO_VALUE)
    text = escape(between(*(number(row[end], decimals=0) for end in (low, high))))
    missed = tag("strong", escape(" missed"))
    return text if row[low] <= row["actual"] <= row[high] else join([text, missed])


def _pit(pit: Pit, last: str) -> Markup:
    chart = cltv_charts.pit_histogram(pit.counts, other=pit.widened or None, name="widened")
    return figure(
        svg(chart),
        title=f"Where outcomes fell: {pit.kind}" + (f", from {last}" if last else ""),
        label=f"Histogram of the probability integral transform of {pit.kind}.",
        caption=_PIT,
    )


def _section(title: str, shown: Markup, remark: str) -> Markup:
    return tag("section", tag("h2", escape(title)), shown, tag("p", escape(remark), class_="remark"), class_="block")
