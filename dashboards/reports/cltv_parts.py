"""Parts that the pages of customer value share: words for numbers, and the tracking of purchases."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from dashboards.charts import cltv as cltv_charts
from dashboards.charts.model import require, svg
from dashboards.kit.blocks import EN_DASH, NO_VALUE
from dashboards.kit.html import Markup, escape, figure, join, tag

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


def number(value: float | None, *, digits: int = 3) -> str:
    """Return a number with thousands separated and so many significant digits, whole ones in full.

    >>> number(1234567.8), number(0.012345), number(None), number(45.678), number(float("nan"))
    ('1,234,568', '0.0123', 'n/a', '45.7', 'n/a')
    """
    if value is None or not math.isfinite(value):
        return NO_VALUE
    if value == 0:
        return "0"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{min(decimals, 12)}f}"


def money(values: Sequence[float | None]) -> int:
    """Return with how many decimals a table shows amounts, by the largest.

    >>> money([10.2, 8.0, None]), money([12_000.0, 8.0]), money([0.04])
    (2, 0, 4)
    """
    known = [abs(value) for value in values if value is not None and math.isfinite(value)]
    largest = max(known, default=0.0)
    return 4 if 0 < largest < 1 else 2 if largest < 100 else 1 if largest < 1000 else 0


def amount(value: float | None, decimals: int) -> str:
    """Return an amount with so many decimals."""
    return NO_VALUE if value is None or not math.isfinite(value) else f"{round(value, decimals) + 0.0:,.{decimals}f}"


def chance(value: float | None) -> str:
    r"""Return a probability that was counted among draws: none of them, or all, is still not certain.

    >>> chance(1.0), chance(0.0), chance(0.54)
    ('> 99\xa0%', '< 1\xa0%', '54\xa0%')
    """
    return share(None if value is None else min(max(value, 1e-9), 1 - 1e-9))


def share(value: float | None, *, digits: int = 0) -> str:
    r"""Return a share as a percentage; what is not quite none or all does not read as such.

    >>> share(0.5), share(0.999), share(0.001), share(0.9412, digits=1), share(None)
    ('50\xa0%', '> 99\xa0%', '< 1\xa0%', '94.1\xa0%', 'n/a')
    """
    if value is None or not math.isfinite(value):
        return NO_VALUE
    least = 10.0**-digits / 100
    if 0 < value < least:
        return f"< {100 * least:.{digits}f}\u00a0%"
    if 1 - least < value < 1:
        return f"> {100 * (1 - least):.{digits}f}\u00a0%"
    return f"{100 * value:.{digits}f}\u00a0%"


def with_interval(value: float | None, low: float | None, high: float | None, *, decimals: int | None = None) -> Markup:
    """Return a value with its interval; see `spelled`.

    >>> with_interval(4.46925, 3.7812, 5.2311)
    '4.47 <span class="interval">(3.78...5.23)</span>'
    """
    shown, ends = spelled(value, low, high, decimals=decimals)
    if ends == NO_VALUE:
        return escape(shown)
    return join([escape(f"{shown} "), tag("span", escape(f"({ends})"), class_="interval")])


def spelled(
    value: float | None, low: float | None, high: float | None, *, decimals: int | None = None
) -> tuple[str, str]:
    """Return a value and its interval as text, as exact as the interval is wide, or as asked for.

    >>> spelled(1234.5, 1100.0, 1400.0), spelled(0.5, None, None)
    (('1,234', '1,100...1,400'), ('0.500', 'n/a'))
    """
    if value is None or low is None or high is None or low == high or not all(map(math.isfinite, (value, low, high))):
        return amount(value, decimals) if decimals is not None else number(value), NO_VALUE
    width = high - low
    if decimals is None:
        decimals = min(max(1 - math.floor(math.log10(width / 2)), 0), 9)
    shown, lowest, highest = (amount(part, decimals) for part in (value, low, high))
    return shown, f"{lowest}{EN_DASH}{highest}"


def block(*children: Markup) -> Markup:
    """Return parts with space below them."""
    return tag("div", *children, class_="block")
