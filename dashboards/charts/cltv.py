"""Charts of customer value: the heat map of frequency and recency, tracking, PIT, and posterior against prior."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import scipy

from dashboards.charts.frames import drawable, inline
from dashboards.charts.legend import Entry, key
from dashboards.charts.style import GUIDE, HEIGHT, INK, LINE, PALETTE, SOFT, WIDTH
from dashboards.kit.html import clean
from tabkit.errors import SchemaError
from tabkit.extras import Later

if TYPE_CHECKING:
    import altair as alt
else:
    alt = Later("altair", extra="dashboards")

CELLS = ("frequency", "recency_low", "recency_high", "alive", "purchases", "value", "customers")
TRACKED = ("phase", "day", "observed", "mean", "q03", "q25", "q75", "q97")
DENSITY = ("parameter", "low", "high", "posterior", "prior")

# From light to dark, so that it also reads in grey; two bands of the first colour, opaque.
RAMP = ("#eef4f9", "#c3dcee", "#8dbede", "#4f97c7", "#1f6ca6", "#0b457b", "#06284d")
BANDS = ("#cfe2f0", "#8fbddd")
PRIOR = PALETTE[1]

LEVEL = 0.94  # of bands for chance, as intervals in the room
PERCENT = "format(100 * datum.value, '~r') + '\u00a0%'"
_BAR, _STEPS = 9, 56  # height in pixels, and colours, of the bar that explains a heat map
_ACROSS, _SMALL, _LOW = 4, 196, 96  # panels in a row that fit the page, and their size in pixels


def frequency_recency(
    cells: pl.DataFrame, *, shown: Literal["value", "purchases"], horizon: str, unit: str, currency: str = ""
) -> alt.VConcatChart:
    """Draw what is expected of customers, and how likely they are alive, by frequency and recency.

    Cells in which there is no customer are hatched: what is drawn there is the model's word alone.

    Parameters
    ----------
    cells
        Columns ``frequency``, ``recency_low``, ``recency_high``, ``alive``, ``purchases``, ``value`` and ``customers``,
        one row per cell; a null is left white.
    shown
        What the first panel shows.
    horizon
        Over how long, in words.
    unit
        Of recency, such as weeks.
    currency
        Of the value, where it is known.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> row = {"frequency": 2, "recency_low": 3.0, "recency_high": 6.0, "alive": 0.8, "purchases": 1.5, "value": None}
    >>> cells = pl.DataFrame([{**row, "customers": 3}])
    >>> "P(alive)" in svg(frequency_recency(cells, shown="purchases", horizon="365 days", unit="weeks"))
    True
    """
    rows = drawable(cells, "the heat map", CELLS)
    title = f"Expected {shown} in {clean(horizon)}" + (f", {clean(currency)}" if currency and shown == "value" else "")
    most = max([*rows[shown].drop_nulls(), 1e-9])
    panels = [
        _panel(rows, shown, title=title, most=most, unit=unit),
        _panel(rows, "alive", title="P(alive)", most=1.0, unit=unit),
    ]
    hatch = Entry("no customer in the cell: the model's word alone", "hatch", GUIDE)
    return alt.vconcat(alt.hconcat(*panels, spacing=44), key([hatch], width=WIDTH), spacing=14)


def _panel(rows: pl.DataFrame, name: str, *, title: str, most: float, unit: str) -> alt.VConcatChart:
    share = pl.col(name).cast(pl.Float64) / most
    cells = rows.filter(share.is_not_null()).with_columns(
        share.alias("share"), low=pl.col("frequency") - 0.5, high=pl.col("frequency") + 0.5
    )
    colours = pl.Series("colour", [_ramp(value) for value in cells["share"]], dtype=pl.String)
    # A hatch is drawn in what shows on the colour below it.
    hatch = pl.when(pl.col("share") > 0.45).then(pl.lit("#ffffff")).otherwise(pl.lit("#7c8794"))
    cells = cells.with_columns(colours, hatch.alias("hatch"))
    ends = (min([*cells["low"], -0.5]), max([*cells["high"], 0.5]))
    bottom, top = min([*cells["recency_low"], 0.0]), max([*cells["recency_high"], 1e-9])
    across = alt.Scale(domain=ends, nice=False, zero=False, padding=0)
    up = alt.Scale(domain=[bottom, top], nice=False, zero=False, padding=0)
    whole = alt.Axis(grid=False, format="d", tickMinStep=1, tickCount=8)
    x = alt.X("low:Q", title="Frequency: repeat purchases", scale=across, axis=whole)
    y = alt.Y("recency_low:Q", title=f"Recency: last purchase, {clean(unit)} after the first", scale=up,
              axis=alt.Axis(grid=False))  # fmt: skip
    base = alt.Chart(inline(cells.drop("share")), width=WIDTH, height=HEIGHT)
    sides: dict[str, Any] = {"x": x, "x2": "high:Q", "y": y, "y2": "recency_high:Q"}
    # The stroke closes the hairlines that renderers leave between neighbours.
    fill = base.mark_rect(strokeWidth=0.6).encode(
        **sides,
        color=alt.Color("colour:N", scale=None, legend=None),
        stroke=alt.Stroke("colour:N", scale=None, legend=None),
    )
    empty = alt.Chart(inline(cells.filter(pl.col("customers").fill_null(0) == 0)))
    lines = empty.mark_rule(strokeWidth=0.8, opacity=0.6).encode(
        **sides, color=alt.Color("hatch:N", scale=None, legend=None)
    )
    cells_drawn = alt.LayerChart(layer=[fill, lines], width=WIDTH, height=HEIGHT)
    return alt.vconcat(_colour_bar(title, most, share=name == "alive"), cells_drawn, spacing=12)


def _colour_bar(title: str, most: float, *, share: bool) -> alt.Chart:
    """Return a scale of colours with its axis: drawn as cells, for a gradient would need an id on the page."""
    steps = [k / _STEPS for k in range(_STEPS)]
    rows = pl.DataFrame(
        {
            "from": [most * step for step in steps],
            "to": [most * (step + 1 / _STEPS) for step in steps],
            "colour": [_ramp(step + 0.5 / _STEPS) for step in steps],
        }
    )
    percent: Any = {"labelExpr": PERCENT} if share else {}
    axis = alt.Axis(orient="top", grid=False, **percent, titleAnchor="start", titleColor=INK, titleFontSize=13,
                    titleFontWeight="bold", labelPadding=4, tickCount=5)  # fmt: skip
    scale = alt.Scale(domain=[0, most], nice=False, padding=0)
    x = alt.X("from:Q", title=title, scale=scale, axis=axis)
    bar: alt.Chart = alt.Chart(inline(rows), width=WIDTH, height=_BAR).mark_rect(strokeWidth=0.6)
    return bar.encode(
        x=x,
        x2="to:Q",
        color=alt.Color("colour:N", scale=None, legend=None),
        stroke=alt.Stroke("colour:N", scale=None, legend=None),
    )


def _ramp(share: float) -> str:
    """Return the colour of a share from 0 to 1.

    >>> _ramp(0.0), _ramp(1.0), _ramp(0.5)
    ('#eef4f9', '#06284d', '#4f97c7')
    """
    place = min(max(share, 0.0), 1.0) * (len(RAMP) - 1)
    lower = min(int(place), len(RAMP) - 2)
    ends = [[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in RAMP[lower : lower + 2]]
    mixed = [round(a + (b - a) * (place - lower)) for a, b in zip(*ends, strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def tracking(
    frame: pl.DataFrame, *, border: datetime.date, title: str = "Cumulative repeat purchases"
) -> alt.VConcatChart:
    """Draw observed purchases beside the mean of the model with its bands, and the end of the calibration.

    Parameters
    ----------
    frame
        Columns ``phase``, ``day`` (Date), ``observed``, ``mean``, ``q03``, ``q25``, ``q75``, ``q97``, in the order of
        time; each phase is drawn for itself.
    border
        The last day of the calibration.
    title
        Of the axis.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> days = [datetime.date(2024, 1, 7), datetime.date(2024, 1, 14)]
    >>> bands = {name: [0.0, 3.0] for name in ("observed", "mean", "q03", "q25", "q75", "q97")}
    >>> frame = pl.DataFrame({"phase": ["calibration"] * 2, "day": days, **bands})
    >>> "end of calibration" in svg(tracking(frame, border=days[1]))
    True
    """
    rows = drawable(frame.with_columns(pl.col("day").cast(pl.String)), "tracking", TRACKED, texts=["phase", "day"])
    first, last = rows["day"].min(), rows["day"].max()
    if not isinstance(first, str) or not isinstance(last, str):
        raise SchemaError("the frame of tracking has no row", advice="give it at least one period")
    x = days_axis("day", first, last)
    name = clean(title)
    base = alt.Chart(inline(rows))
    bands = [
        base.mark_area(color=colour, opacity=1).encode(
            x=x, y=alt.Y(f"{low}:Q", title=name), y2=f"{high}:Q", detail="phase:N"
        )
        for colour, low, high in ((BANDS[0], "q03", "q97"), (BANDS[1], "q25", "q75"))
    ]
    mean = base.mark_line(color=PALETTE[0], strokeWidth=2, strokeDash=[6, 3])
    seen = base.mark_line(color=INK, strokeWidth=2)
    lines = [
        mean.encode(x=x, y=alt.Y("mean:Q", title=name), detail="phase:N"),
        seen.encode(x=x, y=alt.Y("observed:Q", title=name)),
    ]
    layers = [*bands, *lines, *border_line(border, first, last, "end of calibration")]
    drawn = alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT)
    entries = [
        Entry("observed", "line", INK),
        Entry("model: mean", "line", PALETTE[0], (6, 3)),
        Entry("50 %", "fill", BANDS[1]),
        Entry("94 %", "fill", BANDS[0]),
    ]
    return alt.vconcat(key(entries, width=WIDTH), drawn, spacing=12)


def days_axis(field: str, first: str, last: str, *, ticks: int = 5) -> alt.X:
    """Return an axis of days, which are read and written without any time zone."""
    length = (datetime.date.fromisoformat(last) - datetime.date.fromisoformat(first)).days
    form = "%Y-%m" if length > 31 * ticks else "%b %-d"
    axis = alt.Axis(format=form, labelOverlap="greedy", labelSeparation=10, grid=False, tickCount=ticks)
    scale = alt.Scale(type="utc", domain=[first, last], nice=False)
    return alt.X(f"{field}:T", title=None, axis=axis, scale=scale)


def border_line(border: datetime.date, first: str, last: str, words: str) -> list[alt.Chart]:
    """Return a dashed line with its words above the plot, where no curve is."""
    one = alt.Chart(inline(pl.DataFrame({"border": [str(border)]})))
    start, end = (datetime.date.fromisoformat(day).toordinal() for day in (first, last))
    share = (border.toordinal() - start) / max(end - start, 1)
    align: Any = "left" if share < 0.2 else "right" if share > 0.8 else "center"
    text = one.mark_text(align=align, baseline="bottom", fontSize=12, color=SOFT, text=clean(words))
    rule = one.mark_rule(color=SOFT, strokeWidth=1.25, strokeDash=[4, 3])
    return [rule.encode(x="border:T"), text.encode(x="border:T", y=alt.value(-5))]


def pit_histogram(counts: Sequence[float], *, other: Sequence[float] | None = None, name: str = "") -> alt.VConcatChart:
    """Draw where outcomes lay in their forecasts, beside what right forecasts would give.

    Parameters
    ----------
    counts
        How many customers' PIT lies in each of equally wide bins from 0 to 1.
    other
        The same of another forecast of them, drawn as a line.
    name
        What that line is.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> "Share of the customers" in svg(pit_histogram([20, 30, 25, 25]))
    True
    """
    total, bins = float(sum(counts)), len(counts)
    if not bins or not total > 0:
        raise SchemaError("a PIT histogram has no customer", advice="give it counts with a sum above zero")
    bars = _bins(counts)
    low, high = (
        float(scipy.stats.binom.ppf(q, round(total), 1 / bins)) / total for q in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    )
    top = 1.12 * max([*bars["share"], high, *(_bins(other)["share"] if other else [])])
    x_scale = alt.Scale(domain=[0, 1], nice=False)
    y_scale = alt.Scale(domain=[0, top], nice=False)
    x = alt.X(
        "low:Q",
        title="Where the outcome lay in its forecast: 0 is below all of it, 1 above",
        scale=x_scale,
        axis=alt.Axis(grid=False),
    )
    y = alt.Y("share:Q", title="Share of the customers", scale=y_scale, axis=alt.Axis(labelExpr=PERCENT))
    drawn = alt.Chart(inline(bars)).mark_rect(color="#a9b4c0", stroke="#ffffff", strokeWidth=1.5)
    band = alt.Chart(inline(pl.DataFrame({"low": [low], "high": [high], "left": [0.0], "right": [1.0]})))
    stripe = band.mark_rect(color=PALETTE[0], opacity=0.22).encode(x="left:Q", x2="right:Q", y="low:Q", y2="high:Q")
    even = alt.Chart(inline(pl.DataFrame({"share": [1 / bins]}))).mark_rule(color=PALETTE[0], strokeDash=[4, 3])
    layers = [drawn.encode(x=x, x2="high:Q", y=y, y2=alt.datum(0)), stripe, even.encode(y="share:Q")]
    entries = [Entry("customers", "fill", "#a9b4c0"), Entry("94 % of right forecasts", "fill", "#c6dcea")]
    if other:
        steps = _bins(other)
        ends = pl.concat([steps, steps.tail(1).with_columns(low=pl.lit(1.0))])
        line = alt.Chart(inline(ends)).mark_line(interpolate="step-after", strokeWidth=2, strokeDash=[6, 3])
        layers.append(line.encode(x="low:Q", y="share:Q", color=alt.value(PRIOR)))
        entries.append(Entry(clean(name), "line", PRIOR, (6, 3)))
    return alt.vconcat(
        key(entries, width=WIDTH), alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT - 60), spacing=14
    )


def _bins(counts: Sequence[float]) -> pl.DataFrame:
    bins, total = len(counts), max(float(sum(counts)), 1e-300)
    low = [k / bins for k in range(bins)]
    return pl.DataFrame({"low": low, "high": [at + 1 / bins for at in low], "share": [n / total for n in counts]})


def prior_posterior(frame: pl.DataFrame, *, labels: dict[str, str] | None = None) -> alt.VConcatChart:
    """Draw posterior and prior of each parameter, over what the posterior holds possible.

    Parameters
    ----------
    frame
        Columns ``parameter``, ``low``, ``high`` (ends of a bin), ``posterior`` and ``prior`` (densities).
    labels
        What to write in place of a parameter's name.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> bin_ = {"parameter": "alpha", "low": 4.0, "high": 5.0, "posterior": 1.0, "prior": 0.1}
    >>> "alpha" in svg(prior_posterior(pl.DataFrame([bin_])))
    True
    """
    rows = drawable(frame, "posterior and prior", DENSITY, texts=["parameter"])
    names = rows["parameter"].unique(maintain_order=True).to_list()
    if not names:
        raise SchemaError("the frame of posterior and prior has no row", advice="give it at least one parameter")
    told = {clean(name): clean(label) for name, label in (labels or {}).items()}
    panels = [_densities(rows.filter(pl.col("parameter") == name), told.get(name, name)) for name in names]
    entries = [Entry("posterior", "fill", BANDS[1]), Entry("prior", "line", PRIOR, (6, 3))]
    lines = [alt.hconcat(*panels[k : k + _ACROSS], spacing=30) for k in range(0, len(panels), _ACROSS)]
    return alt.vconcat(key(entries, width=_SMALL), *lines, spacing=18)


def _densities(rows: pl.DataFrame, title: str) -> alt.LayerChart:
    low, high = min(rows["low"]), max(rows["high"])
    scale = alt.Scale(domain=[low, high], nice=False, padding=0)
    axis = alt.Axis(grid=False, tickCount=3, labelOverlap="greedy", labelSeparation=8, domain=True, domainColor=LINE)
    x = alt.X("low:Q", title=None, scale=scale, axis=axis)
    y = alt.Y("posterior:Q", title=None, axis=None, scale=alt.Scale(zero=True, nice=False))
    base = alt.Chart(inline(rows), width=_SMALL, height=_LOW)
    bars = base.mark_rect(color=BANDS[1], stroke=BANDS[1], strokeWidth=0.5)
    middle = rows.with_columns(low=(pl.col("low") + pl.col("high")) / 2)
    line = alt.Chart(inline(middle)).mark_line(color=PRIOR, strokeWidth=2, strokeDash=[6, 3])
    words: Any = alt.TitleParams(text=title, anchor="start", fontSize=13, color=INK, limit=_SMALL, offset=6)
    layers = [bars.encode(x=x, x2="high:Q", y=y, y2=alt.datum(0)), line.encode(x="low:Q", y="prior:Q")]
    return alt.LayerChart(layer=layers, width=_SMALL, height=_LOW, title=words)
