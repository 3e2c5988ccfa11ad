"""The sections of an update's report: candidates, the choice, and its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from dashboards.charts import model as model_charts
from dashboards.charts import rendering
from dashboards.kit.blocks import NO_VALUE, facts, footer, header, notes, pairs
from dashboards.kit.html import Markup, escape, figure, join, page, table, tag
from tabkit.wording import decimals_of, number

_ENDS = ("loss_difference", "loss_difference_low", "loss_difference_high")
_MADE = "Each candidate was made without the rows that it is judged on. Left of the line it did better on them than "
_USED = (
    f"{_MADE}keeping the model; where the interval touches the line, that is not sure, and the dot is hollow. The one "
    "that was used is blue."
)
_KEPT = (
    f"{_MADE}the model as it is, which was kept: it is the line. A hollow dot may lie on either side by chance; a "
    "filled one on the left was not used for the reason above."
)
_ALARM = (
    "border-left: 5px solid rgb(176, 38, 28); padding: .4em .9em; margin-bottom: 1.6em; background: rgb(253, 240, 238)"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UpdatePage:
    """What the page says.

    Parameters
    ----------
    title
        What is predicted.
    verdict
        One sentence: what was used, and why.
    candidates
        One row each, with columns ``candidate``, ``how``, ``loss``, ``loss_difference`` (the loss less that of
        keeping), ``loss_difference_low``, ``loss_difference_high``, ``ece``, ``bias``, ``seconds``, ``trees``, and
        ``refused``: why it could not be tried; then the others are null.
    metric, level
        The name of the loss, and the level of the intervals.
    chosen
        The candidate that was used.
    unit
        What ``trees`` counts: the epochs of a network, say.
    alarms
        Sentences that must be seen first.
    note
        What the intervals take for granted, as a sentence.
    months
        One row per snapshot that was judged by what was made from those before: ``when``, ``rows``, and by candidate
        its loss less that of keeping the model; None where there are none.
    facts, notes
        Names with values, and sentences.

    Raises
    ------
    SchemaError
        The frame lacks columns.
    """

    title: str
    verdict: str
    candidates: pl.DataFrame
    metric: str
    level: float
    chosen: str
    unit: str = "trees"
    alarms: tuple[str, ...] = ()
    note: str = ""
    months: pl.DataFrame | None = None
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        model_charts.require_columns(self.candidates, "candidates")


def render(report: UpdatePage) -> str:
    """Return the report as one HTML page without scripts or outside requests.

    Raises
    ------
    ImportError
        The `dashboards` extra is not installed.
    """
    alarms = report.alarms
    blocks = (
        header("Update report", title=report.title, verdict=_verdict(report)),
        *(tag("p", tag("strong", escape("Alarm: ")), escape(alarm), role="alert", style=_ALARM) for alarm in alarms),
        *_table(report),
        *_picture(report),
        *_months(report),
        *pairs([*facts(report.facts), *notes(report.notes)]),
        footer(),
    )
    return page(report.title, *blocks, made_by="update")


def _verdict(report: UpdatePage) -> str:
    return f"The model is kept as it was. {report.verdict}" if report.chosen == "keep" else report.verdict


def _months(report: UpdatePage) -> Iterator[Markup]:
    """Return how each candidate did on each snapshot; nothing where there are none."""
    if report.months is None or report.months.is_empty():
        return
    names = [name for name in report.months.columns if name not in ("when", "rows")]
    head = [escape(name) for name in ("Snapshot", "Rows", *names)]
    rows = [
        [escape(row["when"]), escape(f"{row['rows']:,}"), *(_difference(row[name]) for name in names)]
        for row in report.months.iter_rows(named=True)
    ]
    title = f"Made from the snapshots before: {report.metric} less that of keep"
    yield tag("section", tag("h2", escape(title)), table(head, rows, kind="numbers"), class_="block")


def _difference(value: float | None) -> Markup:
    return escape(NO_VALUE if value is None else f"{value:+.4f}")


def _picture(report: UpdatePage) -> Iterator[Markup]:
    tried = report.candidates.filter(pl.col("loss_difference").is_not_null())
    if tried.is_empty():
        return
    chart = model_charts.candidates(tried, metric=report.metric, chosen=report.chosen, unit=report.unit)
    label = f"Dot plot of {report.metric} less that of keeping the model, with intervals, and bars of costs."
    drawn = figure(
        rendering.svg(chart),
        title="The candidates beside each other",
        label=label,
        caption=_KEPT if report.chosen == "keep" else _USED,
    )
    yield tag("div", drawn, class_="block")


def _table(report: UpdatePage) -> Iterator[Markup]:
    interval = f"less that of keep ({100 * report.level:.3g}% interval)"
    names = ("Candidate", report.metric, interval, "ECE", "Bias", report.unit.capitalize(), "Seconds", "How")
    digits = _digits(report.candidates)
    rows = [_row(row, digits, chosen=report.chosen) for row in report.candidates.iter_rows(named=True)]
    head = [escape(name) for name in names]
    said = [tag("p", escape(report.note), class_="remark")] if report.note else []
    parts = (tag("h2", escape("What was tried")), table(head, rows, kind="candidates"), *said)
    yield tag("section", *parts, class_="block")


def _digits(rows: pl.DataFrame) -> int | None:
    """Return how many decimals the narrowest interval supports: two digits of its width; None if none has any.

    >>> _digits(pl.DataFrame({"loss_difference_low": [None, -0.071], "loss_difference_high": [None, -0.034]}))
    3
    """
    known = (decimals_of(low, high) for low, high in rows.select(_ENDS[1:]).cast(pl.Float64).rows())
    return max((decimals for decimals in known if decimals is not None), default=None)


def _row(row: dict[str, Any], digits: int | None, *, chosen: str) -> list[Markup]:
    name = escape(row["candidate"])
    first = tag("strong", name) if row["candidate"] == chosen else name
    if row["refused"] is not None:
        return [first, *[escape(NO_VALUE)] * 6, escape(f"not possible: {row['refused']}")]
    value, low, high = (number(row[name], sign="+", decimals=digits) for name in _ENDS)
    wide = None not in (row[_ENDS[1]], row[_ENDS[2]]) and low != high
    ends = tag("span", escape(f"({low} to {high})" if wide else "(no interval)"), class_="interval")
    difference = escape("") if row["candidate"] == "keep" else join([escape(f"{value} "), ends])
    ece = NO_VALUE if row["ece"] is None else number(row["ece"], decimals=4)
    bias = number(row["bias"], sign="+", decimals=digits)
    costs = (f"{row['trees']:,.0f}", f"{row['seconds']:.1f}", row["how"])
    return [first, escape(number(row["loss"], decimals=digits)), difference, *map(escape, (ece, bias, *costs))]
