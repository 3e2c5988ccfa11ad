"""Charts of the uplift trust report: gain, targeting, calibration of effects, balance and overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from dashboards.charts.cltv import BANDS, PERCENT
from dashboards.charts.frames import drawable, inline
from dashboards.charts.legend import Entry, key
from dashboards.charts.style import GUIDE, INK, MARGIN, NAME_WIDTH, PALETTE, WIDTH
from dashboards.kit.html import clean
from tabkit.errors import SchemaError
from tabkit.extras import Later
from tabkit.uplift.limits import LITTLE

if TYPE_CHECKING:
    import altair as alt
else:
    alt = Later("altair", extra="dashboards")

GAIN = ("share", "gain", "low", "high")
TOC = ("share", "toc", "low", "high")
GROUPS = ("predicted", "observed", "low", "high")
BALANCE = ("column", "before", "after")
OVERLAP = ("arm", "low", "high", "given", "others")

MODEL, OTHER = PALETTE[0], PALETTE[1]
DASH, DOTS = (7, 3), (2, 3)  # pixels of dash and gap: told apart also in black and white
# Differences beyond are drawn at the edge: where a column is constant in each group they have no bound.
FAR = 2.0

# As wide as two charts and the space between them, so that its letters are as large as theirs.
WIDE, LOW = 905, 270
# Below it a top share is of so few units that its band would decide the scale for all others.
_FIRST = 0.05
_ROW, _ROWS, _COLUMN, _PANEL = 21, 34, 200, 100  # pixels that fit the page's width


def gain(curve: pl.DataFrame, *, response: pl.DataFrame | None = None, title: str, width: int = WIDE) -> Any:
    """Draw what treating the top of a ranking gains, above the straight line of a random order.

    Parameters
    ----------
    curve
        Columns ``share``, ``gain``, ``low`` and ``high`` (null: no band), by rising share up to 1.
    response
        Columns ``share`` and ``gain`` of ranking by expected outcome.
    title
        Of the axis of gains.
    width
        Of the plot.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> rows = pl.DataFrame({"share": [0.5, 1.0], "gain": [3.0, 4.0], "low": [2.0, 3.0], "high": [4.0, 5.0]})
    >>> "random order" in svg(gain(rows, title="Gain, points"))
    True
    """
    rows = _from_zero(drawable(curve, "the gain curve", GAIN))
    _filled(rows.filter(pl.col("share") > 0), "the gain curve")
    x = _shares()
    y = alt.Y("gain:Q", title=clean(title), scale=alt.Scale(zero=True, nice=True))
    base = alt.Chart(inline(rows))
    banded = rows["low"].is_not_null().sum() > 1
    bend = _bends(rows)
    layers: list[Any] = []
    entries = []
    if bend:
        layers += [_band(base, x, title)] if banded else []
        entries += [Entry("by predicted effect", "line", MODEL)]
        entries += [Entry("interval", "fill", BANDS[0])] if banded else []
    if response is not None and response.height:
        other = _from_zero(drawable(response, "the gain curve of the response model", GAIN[:2]))
        line = alt.Chart(inline(other)).mark_line(color=OTHER, strokeWidth=2, strokeDash=list(DASH))
        layers.append(line.encode(x=x, y=y))
        entries.append(Entry("by expected outcome (response model)", "line", OTHER, DASH))
    ends = alt.Chart(inline(rows.select("share", "gain")[[0, -1]]))
    layers.append(ends.mark_line(color=GUIDE, strokeWidth=1.5, strokeDash=[4, 4]).encode(x=x, y=y))
    entries.append(Entry("random order", "line", GUIDE, (4, 4)))
    if bend:
        layers.append(base.mark_line(color=MODEL, strokeWidth=2.25).encode(x=x, y=y))
    return _keyed(entries, alt.LayerChart(layer=layers, width=width, height=LOW), width=width)


def toc(curve: pl.DataFrame, *, title: str) -> Any:
    """Draw by how much the top share gains more than all do: the targeting operator characteristic.

    The scale is that of shares from 5 % up; what lies beyond it further left is cut off.

    Parameters
    ----------
    curve
        Columns ``share``, ``toc``, ``low`` and ``high`` (null: no band), by rising share up to 1.
    title
        Of the axis of effects.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> rows = pl.DataFrame({"share": [0.5, 1.0], "toc": [3.0, 0.0], "low": [2.0, 0.0], "high": [4.0, 0.0]})
    >>> "Effect less the average" in svg(toc(rows, title="Effect less the average"))
    True
    """
    rows = drawable(curve, "the targeting curve", TOC)
    _filled(rows, "the targeting curve")
    settled = rows.filter(pl.col("share") >= min(_FIRST, float(rows["share"].max() or 0)))  # type: ignore[arg-type]
    low, high = _reach(settled, ("toc", "low", "high"), zero=True)
    rows = rows.with_columns(pl.col("toc", "low", "high").clip(low, high))
    x, y = _shares(), alt.Y("toc:Q", title=clean(title), scale=alt.Scale(domain=[low, high], nice=False))
    base = alt.Chart(inline(rows))
    zero = alt.Chart(inline(pl.DataFrame({"at": [0.0]}))).mark_rule(color=GUIDE, strokeWidth=1.5, strokeDash=[4, 4])
    banded = rows["low"].is_not_null().sum() > 1
    layers = [*([_band(base, x, title)] if banded else []), zero.encode(y="at:Q")]
    layers.append(base.mark_line(color=MODEL, strokeWidth=2.25).encode(x=x, y=y))
    entries = [Entry("by predicted effect", "line", MODEL)]
    entries += [Entry("interval", "fill", BANDS[0])] if banded else []
    entries.append(Entry("random order", "line", GUIDE, (4, 4)))
    return _keyed(entries, alt.LayerChart(layer=layers, width=WIDTH, height=LOW), width=WIDTH)


def calibration(groups: pl.DataFrame, *, average: float | None, unit: str) -> Any:
    """Draw what was seen in groups of units against what was predicted for them.

    Parameters
    ----------
    groups
        Columns ``predicted``, ``observed``, ``low`` and ``high`` (null: no interval), one row per group.
    average
        The average effect of all groups.
    unit
        Of effects, for the axes.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> rows = pl.DataFrame({"predicted": [1.0, 3.0], "observed": [0.5, 4.0], "low": [0.0, 3.0], "high": [1.0, 5.0]})
    >>> "Observed effect, points" in svg(calibration(rows, average=2.0, unit="points"))
    True
    """
    rows = drawable(groups, "groups of effects", GROUPS)
    _filled(rows, "groups of effects")
    left, right = _reach(rows, ("predicted",))
    x_scale = alt.Scale(domain=[left, right], nice=False, zero=False)
    known = pl.DataFrame(
        {"average": [average], "left": [left], "right": [right]}, schema_overrides={"average": pl.Float64}
    )
    ends = pl.concat([rows, known.select(observed="average", low="left", high="right").with_columns(
        predicted=pl.lit(None, pl.Float64)).select(GROUPS)])  # fmt: skip
    y_scale = alt.Scale(domain=list(_reach(ends, ("observed", "low", "high"), zero=True)), nice=False, zero=False)
    x = alt.X("predicted:Q", title=_titled("Predicted effect", unit), scale=x_scale)
    y = alt.Y("observed:Q", title=_titled("Observed effect", unit), scale=y_scale)
    base = alt.Chart(inline(rows))
    line = alt.Chart(inline(pl.DataFrame({"predicted": [left, right], "observed": [left, right]})))
    layers: list[Any] = [line.mark_line(color=GUIDE, strokeWidth=1.5, strokeDash=[4, 4]).encode(x=x, y=y)]
    entries = [Entry("group of units", "dot", MODEL), Entry("as predicted", "line", GUIDE, (4, 4))]
    if average is not None:
        level = alt.Chart(inline(pl.DataFrame({"observed": [average]})))
        layers.append(level.mark_rule(color=INK, strokeWidth=1.25, strokeDash=list(DOTS)).encode(y=y))
        entries.append(Entry("average effect", "line", INK, DOTS))
    bars = base.mark_rule(color=MODEL, strokeWidth=2).encode(x=x, y=alt.Y("low:Q", scale=y_scale), y2="high:Q")
    layers += [bars, base.mark_point(filled=True, color=MODEL, size=70, opacity=1).encode(x=x, y=y)]
    return _keyed(entries, alt.LayerChart(layer=layers, width=WIDTH, height=LOW), width=WIDTH)


def love(frame: pl.DataFrame, *, width: int = WIDTH) -> Any:
    """Draw how far columns differ between arms, before and after weighting, beside the line of a tenth.

    Parameters
    ----------
    frame
        Columns ``column``, ``before`` and ``after`` (null: not weighted): sizes of standardised differences, one row
        per column, in the order shown. Beyond 2 they are drawn as triangles at the edge.
    width
        Of the plot with its names.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> "age" in svg(love(pl.DataFrame({"column": ["age"], "before": [0.3], "after": [0.02]})))
    True
    """
    rows = drawable(frame, "balance", BALANCE, texts=["column"])
    _filled(rows, "balance")
    weighted = rows["after"].is_not_null().any()
    largest = max([*rows["before"].drop_nulls(), *rows["after"].drop_nulls(), 1.2 * LITTLE])
    scale = alt.Scale(domain=[0, 1.06 * min(largest, FAR)], nice=False)
    names = alt.Axis(labelLimit=NAME_WIDTH - 20, minExtent=NAME_WIDTH, maxExtent=NAME_WIDTH, labelColor=INK, grid=True)
    y = alt.Y("column:N", title=None, axis=names, scale=alt.Scale(domain=rows["column"].to_list()))
    x = alt.X("at:Q", title="Standardised difference, size", scale=scale)
    layers: list[Any] = []
    line = alt.Chart(inline(pl.DataFrame({"at": [LITTLE]})))
    layers.append(line.mark_rule(color=INK, strokeWidth=1.25, strokeDash=[4, 3]).encode(x=x))
    for name, colour in (("before", OTHER if weighted else MODEL), ("after", MODEL)):
        known = rows.filter(pl.col(name).is_not_null()).with_columns(at=pl.col(name).clip(0, FAR))
        for shape, there in (("circle", pl.col(name) <= FAR), ("triangle-right", pl.col(name) > FAR)):
            dots = alt.Chart(inline(known.filter(there))).mark_point(
                filled=True, shape=shape, color=colour, size=62, opacity=1
            )
            layers += [dots.encode(x=x, y=y)] if known.filter(there).height else []
    entries = [Entry("as the arms are", "dot", MODEL)]
    if weighted:
        entries = [Entry("as the arms are", "dot", OTHER), Entry("weighted", "dot", MODEL)]
    entries.append(Entry(f"{LITTLE:g}", "line", INK, (4, 3)))
    plot = width + MARGIN + 20 - NAME_WIDTH
    return _keyed(
        entries,
        alt.LayerChart(layer=layers, width=plot, height=alt.Step(min(max(_COLUMN / rows.height, _ROW), _ROWS))),
        width=plot,
    )


def overlap(frame: pl.DataFrame, *, borders: tuple[float, ...] = ()) -> Any:
    """Draw which propensities the units of an arm have, upwards, and those of all others, downwards.

    Parameters
    ----------
    frame
        Columns ``arm``, ``low``, ``high`` (ends of a bin), ``given`` and ``others`` (shares of the units of the arm and
        of the others): a panel per arm, more than two in two columns.
    borders
        Propensities at which units are trimmed.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> bins = pl.DataFrame({"low": [0.0, 0.5], "high": [0.5, 1.0], "given": [0.2, 0.8], "others": [0.7, 0.3]})
    >>> "in the arm" in svg(overlap(bins.with_columns(arm=pl.lit("called"))))
    True
    """
    rows = drawable(frame, "overlap", OVERLAP, texts=["arm"])
    _filled(rows, "overlap")
    arms = rows["arm"].unique(maintain_order=True).to_list()
    across = 2 if len(arms) > 2 else 1
    panels = [
        _mirrored(
            rows.filter(pl.col("arm") == arm),
            borders,
            title=arm if len(arms) > 1 else None,
            last=place >= len(arms) - across,
        )
        for place, arm in enumerate(arms)
    ]
    lines = [alt.hconcat(*panels[k : k + across], spacing=44) for k in range(0, len(panels), across)]
    entries = [Entry("in the arm", "fill", MODEL), Entry("all others", "fill", OTHER)]
    entries += [Entry("trimmed beyond", "line", INK, (4, 3))] if borders else []
    return alt.vconcat(key(entries, width=WIDTH), *lines, spacing=14)


def _mirrored(rows: pl.DataFrame, borders: tuple[float, ...], *, title: str | None, last: bool) -> alt.LayerChart:
    height = LOW if title is None else _PANEL
    top = 1.08 * max([*rows["given"].drop_nulls(), *rows["others"].drop_nulls(), 1e-9])
    rows = rows.with_columns(below=-pl.col("others"))
    label = "format(100 * abs(datum.value), '~r') + '\u00a0%'"
    words = "Propensity: the chance to be in the arm" if last else None
    x = alt.X("low:Q", title=words, scale=alt.Scale(domain=[0, 1], nice=False), axis=alt.Axis(grid=False))
    axis = alt.Axis(labelExpr=label, tickCount=5 if title is None else 3)
    y = alt.Y("given:Q", title="Share of the units" if title is None else None, axis=axis,
              scale=alt.Scale(domain=[-top, top], nice=False))  # fmt: skip
    base = alt.Chart(inline(rows), width=WIDTH, height=height)
    layers: list[Any] = [
        base.mark_rect(color=colour, stroke="#ffffff", strokeWidth=0.75).encode(
            x=x, x2="high:Q", y=y if name == "given" else alt.Y(f"{name}:Q"), y2=alt.datum(0)
        )
        for name, colour in (("given", MODEL), ("below", OTHER))
    ]
    if borders:
        lines = alt.Chart(inline(pl.DataFrame({"low": list(borders)})))
        layers.append(lines.mark_rule(color=INK, strokeWidth=1.25, strokeDash=[4, 3]).encode(x=x))
    heading: Any = {} if title is None else {"title": alt.TitleParams(
        text=title, anchor="start", fontSize=13, color=INK, limit=WIDTH, offset=6)}  # fmt: skip
    return alt.LayerChart(layer=layers, width=WIDTH, height=height, **heading)


def _shares() -> alt.X:
    axis = alt.Axis(labelExpr=PERCENT, grid=False)
    return alt.X("share:Q", title="Share of units treated", scale=alt.Scale(domain=[0, 1], nice=False), axis=axis)


def _band(base: alt.Chart, x: alt.X, title: str) -> alt.Chart:
    band: alt.Chart = base.mark_area(color=BANDS[0], opacity=1)
    return band.encode(x=x, y=alt.Y("low:Q", title=clean(title)), y2="high:Q")


def _keyed(entries: list[Entry], chart: Any, *, width: float) -> Any:
    return alt.vconcat(key(entries, width=width), chart, spacing=12)


def _from_zero(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a gain curve with its beginning: whoever treats nobody gains nothing."""
    return pl.concat([pl.DataFrame([dict.fromkeys(rows.columns, 0.0)], schema=rows.schema), rows])


def _bends(rows: pl.DataFrame) -> bool:
    """Return whether a gain curve is any other than the straight line of a random order."""
    line = pl.col("share") * pl.col("gain").last()
    apart = rows.select((pl.col("gain") - line).abs().max()).item()
    return apart is not None and apart > 1e-9 * max(float(rows["gain"].abs().max() or 0), 1e-300)  # type: ignore[arg-type]


def _reach(rows: pl.DataFrame, names: tuple[str, ...], *, zero: bool = False) -> tuple[float, float]:
    """Return the ends of a scale that holds all numbers, with some room; one number gets room by its size.

    >>> _reach(pl.DataFrame({"a": [1.0, 3.0]}), ("a",)), _reach(pl.DataFrame({"a": [2.0]}), ("a",))
    ((0.9, 3.1), (1.0, 3.0))
    """
    found = [value for name in names for value in rows[name].drop_nulls()] + ([0.0] if zero else [])
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    room = 0.05 * (high - low) if high > low else max(abs(high) / 2, 1e-9)
    return low - room, high + room


def _titled(words: str, unit: str) -> str:
    return f"{words}, {clean(unit)}" if unit else words


def _filled(rows: pl.DataFrame, name: str) -> None:
    if rows.is_empty():
        raise SchemaError(f"the frame of {name} has no row", advice="give it at least one")


__all__ = ["BALANCE", "GAIN", "GROUPS", "OVERLAP", "TOC", "calibration", "gain", "love", "overlap", "toc"]
