"""Parts that the pages of customer value share: the tracking of purchases."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from dashboards.charts import cltv as cltv_charts
from dashboards.charts.frames import require
from dashboards.charts.rendering import svg
from dashboards.kit.html import Markup, figure

_PER = {1: "day", 7: "week"}

_CUMULATIVE = (
    "Until the dashed line the model runs from its parameters alone, each customer entering at the first purchase: an "
    "observed line inside of the bands says that it could have made this history. After the line it forecasts these "
    "same customers from what each had done, so the bands begin without width. Bands hold 50 and 94 % of the draws."
)
_SINGLE = (
    "The same, {per} by {per}. Observed points outside of the pale band, more often than one in seventeen, are what "
    "the model does not know: seasons, campaigns, crises."
)


@dataclass(frozen=True, slots=True, eq=False)
class Tracked:
    """Purchases over the calendar.

    Parameters
    ----------
    cumulative, per_period
        Columns ``phase``, ``day`` (Date), ``days`` (length of the period), ``observed``, ``mean``, ``q03``, ``q25``,
        ``q75``, ``q97``.
    border
        The last day of the calibration.
    step_days
        Length of a whole period; shorter ones are not drawn singly.

    Raises
    ------
    SchemaError
        A frame lacks columns.
    """

    cumulative: pl.DataFrame
    per_period: pl.DataFrame
    border: datetime.date
    step_days: int

    def __post_init__(self) -> None:
        for frame in (self.cumulative, self.per_period):
            require(frame, "tracking", (*cltv_charts.TRACKED, "days"))


def tracking_figures(found: Tracked | None) -> Iterator[Markup]:
    """Return the figures of cumulative purchases and of those per period, where there are any."""
    if found is None:
        return
    yield figure(
        svg(cltv_charts.tracking(found.cumulative, border=found.border)),
        title="Tracking: purchases so far",
        label="Line chart of cumulative repeat purchases, observed and by the model with bands.",
        caption=_CUMULATIVE,
    )
    whole = found.per_period.filter(pl.col("days") == found.step_days)
    if whole.height < 2:
        return
    per = _PER.get(found.step_days, f"{found.step_days} days")
    yield figure(
        svg(cltv_charts.tracking(whole, border=found.border, title=f"Repeat purchases per {per}")),
        title=f"Tracking: purchases per {per}",
        label=f"Line chart of repeat purchases per {per}, observed and by the model with bands.",
        caption=_SINGLE.format(per=per),
    )
