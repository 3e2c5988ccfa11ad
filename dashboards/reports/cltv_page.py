"""The page of a customer model: parameters, expected value, and tracking of the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from dashboards.charts import cltv as cltv_charts
from dashboards.charts.frames import require
from dashboards.charts.rendering import svg
from dashboards.kit.blocks import block, facts, footer, header, notes, pairs
from dashboards.kit.html import Markup, escape, figure, page, table, tag
from dashboards.reports.cltv_parts import Tracked, tracking_figures
from tabkit.wording import number, spelled

PARAMETERS = ("parameter", "meaning", "mean", "low", "high", "prior")

_DENSITIES = (
    "What the data taught: each parameter's posterior, over the range that it holds possible, and its prior in the "
    "same density. Where the dashed line is as high as the histogram, the data say little and the prior decides; a "
    "prior that lies near zero was far wider than what the data leave."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heat:
    """The heat map: see `dashboards.charts.cltv.frequency_recency`.

    Parameters
    ----------
    cells
        One row per cell.
    age, unit
        Of all cells, in which unit of time.
    horizon
        Over how long, in words.
    mean_spend
        What purchases are taken to be worth on average; None draws purchases in place of value.
    outside
        Customers who are beyond the cells.
    currency
        Of the value, where it is known.
    """

    cells: pl.DataFrame
    age: float
    unit: str
    horizon: str
    mean_spend: float | None = None
    outside: int = 0
    currency: str = ""

    def __post_init__(self) -> None:
        require(self.cells, "the heat map", cltv_charts.CELLS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitPage:
    """What the page says; what is None is left out.

    Parameters
    ----------
    title, verdict
        The heading, and one sentence: what was fitted, and whether to trust it.
    parameters
        One row each: ``parameter``, ``meaning``, ``mean``, ``low``, ``high`` (null: no interval), ``prior`` (in words;
        null: it follows from others).
    level
        Of the intervals.
    heat
        The heat map.
    densities
        Columns ``parameter``, ``low``, ``high``, ``posterior``, ``prior``.
    tracked
        Purchases over the calendar.
    facts, notes
        Names with values, and sentences.

    Raises
    ------
    SchemaError
        A frame lacks columns.
    """

    title: str
    verdict: str
    parameters: pl.DataFrame
    level: float = 0.94
    heat: Heat | None = None
    densities: pl.DataFrame | None = None
    tracked: Tracked | None = None
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(self.parameters, "parameters", PARAMETERS)
        if self.densities is not None:
            require(self.densities, "posterior and prior", cltv_charts.DENSITY)


def render(report: FitPage) -> str:
    """Return the report as one HTML page without scripts or outside requests.

    Raises
    ------
    ImportError
        The `dashboards` extra is not installed.
    """
    blocks = (
        header("Customer value: the model", title=report.title, verdict=report.verdict),
        *_parameters(report),
        *_heat(report.heat),
        *pairs(list(tracking_figures(report.tracked))),
        *_densities(report.densities),
        *pairs([*facts(report.facts), *notes(report.notes)]),
        footer(),
    )
    return page(report.title, *blocks, made_by="cltv fit")


def _parameters(report: FitPage) -> Iterator[Markup]:
    if report.parameters.is_empty():
        return
    head = [escape(text) for text in ("Parameter", "Mean", f"{100 * report.level:.3g}% interval", "Prior", "Meaning")]
    rows = []
    for row in report.parameters.iter_rows(named=True):
        value, ends = spelled(row["mean"], row["low"], row["high"])
        words = (row["prior"] or "follows from others", row["meaning"] or "")
        rows.append([escape(text) for text in (row["parameter"], value, ends, *words)])
    yield tag("section", tag("h2", escape("Parameters")), table(head, rows, kind="parameters"), class_="block")


def _heat(heat: Heat | None) -> Iterator[Markup]:
    if heat is None or heat.cells.is_empty():
        return
    worth = heat.mean_spend is not None and heat.cells["value"].is_not_null().any()
    shown = "value" if worth else "purchases"
    chart = cltv_charts.frequency_recency(
        heat.cells,
        shown="value" if worth else "purchases",
        horizon=heat.horizon,
        unit=heat.unit,
        currency=heat.currency,
    )
    told = [f"What is expected of a customer who bought first {number(heat.age)} {heat.unit} ago, averaged over the"]
    told.append(f"posterior, with {number(heat.mean_spend)} spent per purchase on average." if worth else "posterior.")
    told.append("High and to the right is best; many purchases but none lately means that the customer has left.")
    told.append("White cells cannot be: who never bought again has no later purchase.")
    if heat.outside:
        told.append(f"{heat.outside:,} customers bought more often, or are older, than the map shows.")
    yield block(
        figure(
            svg(chart),
            title="Whom to expect what of",
            label=f"Heat maps of expected {shown} and of the probability to be alive, by frequency and recency.",
            caption=" ".join(told),
        )
    )


def _densities(frame: pl.DataFrame | None) -> Iterator[Markup]:
    if frame is None or frame.is_empty():
        return
    names = ", ".join(frame["parameter"].unique(maintain_order=True))
    label = f"Histograms of the posterior with the prior as a line, of {names}."
    drawn = svg(cltv_charts.prior_posterior(frame))
    yield block(figure(drawn, title="Posterior against prior", label=label, caption=_DENSITIES))
