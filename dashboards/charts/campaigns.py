"""The fan chart of campaigns: a user's value by day, past and forecast."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from dashboards.charts.cltv import border_line, days_axis
from dashboards.charts.frames import drawable, inline
from dashboards.charts.legend import Entry, key
from dashboards.charts.style import GUIDE, INK, MARGIN, PALETTE
from tabkit.errors import SchemaError
from tabkit.extras import Later

if TYPE_CHECKING:
    import altair as alt
else:
    alt = Later("altair", extra="dashboards")

LEVELS = ("q3", "q10", "q25", "q50", "q75", "q90", "q97")
FAN = ("campaign", "day", *LEVELS, "past", "observed", "users")
MOST = 12  # panels that fit onto a page

_PAST = ("#e1e4e8", "#cbd0d6", "#b3bac2")
_FUTURE = ("#cfe2f0", "#a3c8e3", "#71a9d1")
_PAIRS = (("q3", "q97"), ("q10", "q90"), ("q25", "q75"))
# By how many campaigns stand beside each other: how wide and how high each is.
_SIZES = {1: (960, 280), 2: (452, 250), 3: (282, 170)}
_OUTLYING = 0.02  # share of points at either end that may leave the axis
_UNLIKE = 6.0  # campaigns whose levels differ by more do not share an axis


def campaign_fan(frame: pl.DataFrame, *, title: str = "Value of a user") -> alt.VConcatChart:
    """Draw for each campaign its level so far, and the daily means to come, as fans of 50, 80 and 94 %.

    Dots are observed daily means, the larger the more users; the few that lie far outside are drawn as triangles at
    the edge. All campaigns share one scale unless their levels differ more than sixfold: see `one_scale`.

    Parameters
    ----------
    frame
        Columns ``campaign``, ``day`` (Date), ``q3``, ``q10``, ``q25``, ``q50``, ``q75``, ``q90``, ``q97`` (quantiles in
        the currency; past days: of the level, days to come: of the mean of that day's users), ``past`` (Boolean),
        ``observed`` (the mean of the day's users; null: none came) and ``users``. At most 12 campaigns are drawn, in
        the order of the frame: see `left_out`.
    title
        Of the axis.

    Examples
    --------
    >>> import datetime
    >>> from dashboards.charts.rendering import svg
    >>> day = {"campaign": "spring", "day": datetime.date(2024, 3, 1), "past": True, "observed": 4.0, "users": 9}
    >>> "spring" in svg(campaign_fan(pl.DataFrame([{**day, **dict.fromkeys(LEVELS, 4.2)}])))
    True
    """
    frame = frame.with_columns(pl.col("day").cast(pl.String), pl.col("past").cast(pl.Int8)) if _dated(frame) else frame
    rows = drawable(frame, "the fan chart", FAN, texts=["campaign", "day"])
    names = _names(rows)
    if not names:
        raise SchemaError("the frame of the fan chart has no row", advice="give it at least one campaign")
    rows = rows.filter(pl.col("campaign").is_in(names)).sort("day", maintain_order=True)
    across = min(len(names), 3)
    width, height = _SIZES[across]
    common = _reach(rows) if one_scale(rows) else None
    most = max([*rows["users"].drop_nulls(), 1.0])
    panels = []
    for name in names:
        own = rows.filter(pl.col("campaign") == name)
        panel = _panel(own, reach=common or _reach(own), most=most, width=width, height=height)
        words: Any = alt.TitleParams(text=name, anchor="start", fontSize=13, color=INK, limit=width, offset=8)
        panels.append(panel.properties(title=words))
    entries = [
        Entry("mean of a day's users (larger: more of them)", "dot", INK),
        Entry("level, 50, 80 and 94 %", "fill", _PAST[1]),
        Entry("days to come, 50, 80 and 94 %", "fill", _FUTURE[1]),
        Entry("median", "line", PALETTE[0]),
    ]
    lines = [alt.hconcat(*panels[k : k + across], spacing=26) for k in range(0, len(panels), across)]
    return alt.vconcat(key(entries, width=across * width, left=-MARGIN), *lines, spacing=20).properties(
        title=_axis_title(title)
    )


def left_out(frame: pl.DataFrame) -> list[str]:
    """Return the campaigns that `campaign_fan` has no room for.

    >>> left_out(pl.DataFrame({"campaign": [f"c{k:02d}" for k in range(14)]}))
    ['c12', 'c13']
    """
    return [str(name) for name in frame["campaign"].unique(maintain_order=True).to_list()[MOST:]]


def one_scale(frame: pl.DataFrame) -> bool:
    """Return whether `campaign_fan` draws its campaigns on one scale: their medians are alike within a factor of 6."""
    rows = frame.filter(pl.col("campaign").is_in(frame["campaign"].unique(maintain_order=True).head(MOST).implode()))
    levels = rows.group_by("campaign").agg(pl.col("q50").cast(pl.Float64).median())["q50"].drop_nulls().abs()
    return levels.is_empty() or max(levels) <= _UNLIKE * max(min(levels), 1e-300)


def _dated(frame: pl.DataFrame) -> bool:
    return "day" in frame.columns and "past" in frame.columns


def _axis_title(title: str) -> Any:
    return alt.TitleParams(text=title, anchor="start", fontSize=12, fontWeight="normal", color="#4b5563", offset=8)


def _names(rows: pl.DataFrame) -> list[str]:
    return rows["campaign"].unique(maintain_order=True).head(MOST).to_list()


def _reach(rows: pl.DataFrame) -> tuple[float, float]:
    """Return the ends of the scale: all of the fans, and all dots but the outlying two in a hundred."""
    seen = rows["observed"].drop_nulls()
    ends = [seen.quantile(_OUTLYING, "lower"), seen.quantile(1 - _OUTLYING, "higher")] if len(seen) > 20 else [*seen]
    values = [v for v in (0.0, *ends, *rows["q3"].drop_nulls(), *rows["q97"].drop_nulls()) if v is not None]
    low, high = min(values), max(values)
    return low, high + 0.05 * (high - low) + 1e-9 * (high == low)


def _panel(rows: pl.DataFrame, *, reach: tuple[float, float], most: float, width: int, height: int) -> alt.LayerChart:
    first, last = min(rows["day"]), max(rows["day"])
    low, high = reach
    x = days_axis("day", first, last, ticks=max(3, width // 140))
    scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    axis = alt.Axis(tickCount=5 if height > 200 else 4)

    def up(name: str) -> alt.Y:
        return alt.Y(f"{name}:Q", title=None, scale=scale, axis=axis)

    layers: list[Any] = []
    for past, colours in ((1, _PAST), (0, _FUTURE)):
        part = alt.Chart(inline(rows.filter(pl.col("past") == past)))
        layers += [
            part.mark_area(color=colour, opacity=1).encode(x=x, y=up(lower), y2=f"{upper}:Q")
            for colour, (lower, upper) in zip(colours, _PAIRS, strict=True)
        ]
    seen = rows.filter(pl.col("observed").is_not_null()).with_columns(
        at=pl.col("observed").clip(low, high), size=5 + 50 * pl.col("users").fill_null(0.0) / most
    )
    inside = pl.col("observed") == pl.col("at")
    dots = alt.Chart(inline(seen.filter(inside))).mark_point(filled=True, color=INK, opacity=0.45)
    size = alt.Size("size:Q", scale=None, legend=None)
    layers.append(dots.encode(x=x, y=up("at"), size=size))
    # The line breaks between what was and what may come.
    medians = alt.Chart(inline(rows)).mark_line(color=PALETTE[0], strokeWidth=2)
    layers.append(medians.encode(x=x, y=up("q50"), detail="past:N"))
    for shape, there in (("triangle-up", pl.col("observed") > high), ("triangle-down", pl.col("observed") < low)):
        if seen.filter(there).height:
            beyond = alt.Chart(inline(seen.filter(there)))
            marks = beyond.mark_point(shape=shape, color=GUIDE, size=34, strokeWidth=1.5)
            layers.append(marks.encode(x=x, y=up("at")))
    border = rows.filter(pl.col("past") == 1)["day"].max()
    if isinstance(border, str) and rows["past"].min() == 0:
        layers += _today(border, first, last)
    return alt.LayerChart(layer=layers, width=width, height=height)


def _today(border: str, first: str, last: str) -> list[alt.Chart]:
    return border_line(datetime.date.fromisoformat(border), first, last, "last day")
