"""Charts of a model report: a Polars frame in, an Altair chart out; `rendering` makes a picture of it.

Models keep their colour and dash across charts when each is given the same `models`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from dashboards.charts.frames import data, drawable, require
from dashboards.charts.style import DASHES, GUIDE, HEIGHT, INK, MARGIN, NAME_WIDTH, PALETTE, SOFT, WIDTH
from dashboards.kit.html import clean
from tabkit.extras import Later

Section = Literal["metrics", "roc", "calibration", "importance", "over_time", "candidates"]

COLUMNS: dict[Section, tuple[str, ...]] = {
    "metrics": ("model", "metric", "value", "low", "high"),
    "roc": ("model", "false_positive_rate", "true_positive_rate"),
    "calibration": ("model", "predicted", "observed", "rows"),
    "importance": ("feature", "gain"),
    "over_time": ("model", "period", "metric", "value", "low", "high"),
    "candidates": (
        *("candidate", "loss_difference", "loss_difference_low", "loss_difference_high"),
        *("ece", "bias", "seconds", "trees"),
    ),
}

POINTS = 300  # more than a curve has pixels
# One row of candidates, its widest part, and the parts at its side: together two charts and the space between them.
_KEEP = "keep"
_ROW, _MAIN, _SIDE = 30, 400, 110  # pixels that fit the page's width

if TYPE_CHECKING:
    import altair as alt
else:
    alt = Later("altair", extra="dashboards")


def roc(frame: pl.DataFrame, *, models: Sequence[str] = ()) -> alt.LayerChart:
    """Draw the ROC curve of each model above the diagonal of guessing.

    Parameters
    ----------
    frame
        Columns ``model``, ``false_positive_rate``, ``true_positive_rate``; the points of each curve in
        order. Long curves are thinned to some 300 points.
    models
        All models of the report in their order, which fixes colours; those of the frame follow.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> curve = pl.DataFrame(
    ...     {"false_positive_rate": [0.0, 0.2, 1.0], "true_positive_rate": [0.0, 0.7, 1.0]}
    ... )
    >>> svg(roc(curve.with_columns(model=pl.lit("trees"))))[:4]
    '<svg'
    """
    rates = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("false_positive_rate:Q", title="False positive rate", scale=rates)
    y = alt.Y("true_positive_rate:Q", title="True positive rate", scale=rates)
    curves = _lines(_thinned(_checked(frame, "roc")), models=models, dots=False)
    return alt.LayerChart(layer=[_diagonal(0, 1), curves.encode(x=x, y=y)], width=WIDTH, height=HEIGHT)


def calibration(frame: pl.DataFrame, *, models: Sequence[str] = ()) -> alt.VConcatChart:
    """Draw what came true against what was predicted, and below it how many rows each point stands on.

    Parameters
    ----------
    frame
        Columns ``model``, ``predicted``, ``observed`` (bin means, in the unit of the target) and ``rows``.
    models
        As in `roc`.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> bins = pl.DataFrame(
    ...     {"model": ["trees"] * 2, "predicted": [0.1, 0.6], "observed": [0.12, 0.5], "rows": [900, 100]}
    ... )
    >>> svg(calibration(bins))[:4]
    '<svg'
    """
    rows = _checked(frame, "calibration").sort("predicted", maintain_order=True)
    ends = pl.concat([rows["predicted"], rows["observed"]]).drop_nulls()
    low, high = min([0.0, *ends]), max([0.0, *ends])
    scale = alt.Scale(domain=[low, high + 0.04 * (high - low)], nice=False, padding=0)
    x = alt.X("predicted:Q", title="Predicted", scale=scale)
    curves = _lines(rows, models=models).encode(x=x, y=alt.Y("observed:Q", title="Observed", scale=scale))
    ranks = _ranks(rows, models)
    height = max(180, HEIGHT - 48 * len(ranks))
    both = alt.LayerChart(layer=[_diagonal(low, high), curves], width=WIDTH, height=height)
    counts = [
        _counts(rows.filter(pl.col("model") == name), colour=PALETTE[rank % len(PALETTE)], scale=scale)
        for name, rank in ranks.items()
    ]
    return alt.vconcat(both, *counts, spacing=14)


def importance(frame: pl.DataFrame, *, top: int = 15) -> alt.LayerChart:
    """Draw the features with the largest gain, as shares of the gain of all features.

    Parameters
    ----------
    frame
        Columns ``feature`` and ``gain`` (zero or more), one row per feature.
    top
        How many bars; names too long for their place end in an ellipsis.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> gains = pl.DataFrame({"feature": ["hour", "month"], "gain": [30.0, 10.0]})
    >>> "75.0%" in svg(importance(gains))
    True
    """
    share = pl.col("gain") / pl.max_horizontal(pl.col("gain").sum(), pl.lit(1e-300))
    rows = _checked(frame, "importance").with_columns(share=share.fill_null(0.0))
    rows = rows.sort("share", descending=True, maintain_order=True).head(top)
    longest = max([*rows["share"], 1e-9])
    scale = alt.Scale(domain=[0, 1.2 * longest], nice=False)  # with room for the labels
    names = alt.Axis(labelLimit=NAME_WIDTH - 20, minExtent=NAME_WIDTH, maxExtent=NAME_WIDTH, labelColor=INK)
    base = alt.Chart(data(rows), width=WIDTH + MARGIN + 20 - NAME_WIDTH, height=alt.Step(22.5)).encode(
        x=alt.X("share:Q", title=None, scale=scale, axis=None),
        y=alt.Y("feature:N", title=None, sort=None, axis=names, scale=alt.Scale(paddingInner=0.35)),
    )
    bars = base.mark_bar(color=PALETTE[0])
    shares = base.mark_text(align="left", dx=5, fontSize=12, color=SOFT)
    return alt.LayerChart(layer=[bars, shares.encode(text=alt.Text("share:Q", format=".1%"))])


def over_time(frame: pl.DataFrame, *, models: Sequence[str] = ()) -> alt.LayerChart:
    """Draw one metric per period as a line with its interval as a band.

    Parameters
    ----------
    frame
        Columns ``model``, ``period`` (text that sorts by time, such as 2013-09), ``metric`` (one name),
        ``value``, ``low`` and ``high``; a null bound leaves the band out there.
    models
        As in `roc`.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> months = pl.DataFrame({"period": ["2013-08", "2013-09"], "value": [0.71, 0.7]})
    >>> names = {"model": pl.lit("trees"), "metric": pl.lit("ROC AUC")}
    >>> frame = months.with_columns(**names, low=pl.col("value") - 0.01, high=pl.col("value") + 0.01)
    >>> "2013-09" in svg(over_time(frame))
    True
    """
    rows = _checked(frame, "over_time").sort("period", maintain_order=True)
    title = ", ".join(rows["metric"].unique(maintain_order=True))
    scale = alt.Scale(zero=False, nice=True)
    periods = alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=16, grid=False)
    x = alt.X("period:O", title=None, axis=periods)
    band = alt.Chart(data(rows)).mark_area(opacity=0.16)
    band = band.encode(x=x, y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q", color=_colour(rows, models))
    lines = _lines(rows, models=models).encode(x=x, y=alt.Y("value:Q", title=title, scale=scale))
    return alt.LayerChart(layer=[band, lines], width=WIDTH, height=HEIGHT)


def candidates(frame: pl.DataFrame, *, metric: str, chosen: str, unit: str = "trees") -> alt.HConcatChart:
    """Draw how candidates did beside keeping the model: the difference with its interval, and what they cost.

    Parameters
    ----------
    frame
        Columns ``candidate``, ``gain`` (the loss less that of keeping), ``low``, ``high``, ``ece``, ``bias`` (the mean
        prediction less the mean target), ``seconds`` and ``trees``: one row per candidate, from top to bottom. Where
        there is no ``ece`` the size of ``bias`` is drawn in its place.
    metric
        The name of the loss.
    chosen
        The candidate that is drawn strongly: in blue, or where that is ``keep`` as the line that others are measured
        by, with its name on it. A dot is filled where its whole interval is on one side of that line; an interval
        without width is not drawn.
    unit
        What ``trees`` counts: the epochs of a network, say.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> ends = {"loss_difference": -0.02, "loss_difference_low": -0.03, "loss_difference_high": -0.01}
    >>> row = {"candidate": "refit", **ends, "ece": None, "bias": 0.01, "seconds": 1.2, "trees": 90}
    >>> frame = pl.DataFrame([row])
    >>> "refit" in svg(candidates(frame, metric="log_loss", chosen="refit"))
    True
    """
    rows = _checked(frame, "candidates").with_columns(
        pl.col("candidate").eq(clean(chosen)).alias("chosen"), pl.col("bias").abs()
    )
    calibration = ("ece", "Calibration error") if rows["ece"].is_not_null().any() else ("bias", "Size of bias")
    shown = [(*calibration, ".3~g"), ("seconds", "Seconds", ".1f"), ("trees", unit.capitalize(), ",.0f")]
    bars = [_bars(rows, name, title=title, form=form) for name, title, form in shown if rows[name].is_not_null().any()]
    kept = chosen == _KEEP
    side = "left of zero is better, where it is sure" if kept else "left of zero is better"
    return alt.hconcat(_intervals(rows, title=f"{metric} less that of keep: {side}", kept=kept), *bars, spacing=24)


def _intervals(rows: pl.DataFrame, *, title: str, kept: bool) -> alt.LayerChart:
    low, high = (pl.col(f"loss_difference_{end}") for end in ("low", "high"))
    wide = low < high
    rows = rows.with_columns(sure=(wide & ((high < 0) | (low > 0))).fill_null(value=False))
    x = alt.X("loss_difference:Q", title=title, scale=alt.Scale(nice=True, zero=True))
    own = pl.col("candidate") == _KEEP
    names = _names_axis(labels=True, order=rows["candidate"].to_list())

    def drawn(part: pl.DataFrame) -> alt.Chart:
        return alt.Chart(data(part), width=_MAIN, height=alt.Step(_ROW)).encode(y=names, color=_strength())

    ends = {"x": alt.X("loss_difference_low:Q", title=title), "x2": "loss_difference_high:Q"}
    lines = drawn(rows.filter(wide)).mark_rule(strokeWidth=2.5).encode(**ends)
    zero = alt.Chart(data(pl.DataFrame({"at": [0.0]}))).encode(x="at:Q")
    line = (
        zero.mark_rule(color=INK, strokeWidth=2)
        if kept
        else zero.mark_rule(color=GUIDE, strokeWidth=1.25, strokeDash=[4, 4])
    )
    filled = alt.condition(alt.datum.sure, alt.FillOpacityValue(1), alt.FillOpacityValue(0))
    others = drawn(rows.filter(~own) if kept else rows).mark_point(size=80, opacity=1, strokeWidth=2)
    dots = others.encode(x=x, fill=alt.Fill("chosen:N", legend=None, scale=_strengths()), fillOpacity=filled)
    if not kept:
        return alt.LayerChart(layer=[line, lines, dots])
    said = drawn(rows.filter(own)).mark_text(align="left", dx=7, fontSize=12, fontWeight="bold")
    return alt.LayerChart(layer=[line, lines, dots, said.encode(x=x, text=alt.value("kept"), color=alt.value(INK))])


def _bars(rows: pl.DataFrame, name: str, *, title: str, form: str) -> alt.LayerChart:
    longest = max([*rows[name].drop_nulls(), 1e-9])
    x = alt.X(
        f"{name}:Q", title=title, axis=alt.Axis(labels=False, grid=False), scale=alt.Scale(domain=[0, 1.5 * longest])
    )
    base = alt.Chart(data(rows), width=_SIDE, height=alt.Step(_ROW)).encode(x=x, y=_names_axis(labels=False))
    text = base.mark_text(align="left", dx=5, fontSize=12, color=SOFT).encode(text=alt.Text(f"{name}:Q", format=form))
    return alt.LayerChart(layer=[base.mark_bar(size=14).encode(color=_strength()), text])


def _names_axis(*, labels: bool, order: Sequence[str] | None = None) -> alt.Y:
    width = NAME_WIDTH if labels else 0
    axis = alt.Axis(labels=labels, labelColor=INK, labelLimit=NAME_WIDTH - 20, minExtent=width, maxExtent=width)
    return alt.Y("candidate:N", title=None, sort=list(order) if order else None, axis=axis)


def _strength() -> alt.Color:
    """Draw the chosen one in colour, the others in grey."""
    return alt.Color("chosen:N", legend=None, scale=_strengths())


def _strengths() -> alt.Scale:
    return alt.Scale(domain=[True, False], range=[PALETTE[0], GUIDE])


def require_columns(frame: pl.DataFrame, section: Section) -> None:
    """Raise a `SchemaError` that lists every column that a section needs and the frame lacks.

    Examples
    --------
    >>> require_columns(pl.DataFrame({"feature": ["hour"]}), "importance")
    Traceback (most recent call last):
    tabkit.errors.SchemaError: the frame of importance lacks gain; it has feature
    To do: give it the columns feature, gain
    """
    require(frame, section, COLUMNS[section])


def _checked(frame: pl.DataFrame, section: Section) -> pl.DataFrame:
    """Return the columns of a section as text that SVG can hold and finite numbers or null."""
    names = ("model", "feature", "period", "metric", "candidate")
    return drawable(frame, section, COLUMNS[section], texts=[name for name in names if name in COLUMNS[section]])


def _thinned(rows: pl.DataFrame) -> pl.DataFrame:
    place, size = pl.int_range(pl.len()), pl.len()
    keep = (place % (size / POINTS).ceil().cast(pl.Int64) == 0) | (place == size - 1)
    return rows.filter(keep.over("model"))


def _ranks(rows: pl.DataFrame, models: Sequence[str]) -> dict[str, int]:
    """Return the place of each model of the rows among all models."""
    present = rows["model"].unique(maintain_order=True).to_list()
    everyone = list(dict.fromkeys([*map(clean, models), *present]))
    return {name: rank for rank, name in enumerate(everyone) if name in present}


def _scale(rows: pl.DataFrame, models: Sequence[str], choices: Sequence[Any]) -> alt.Scale:
    ranks = _ranks(rows, models)
    return alt.Scale(domain=list(ranks), range=[choices[rank % len(choices)] for rank in ranks.values()])


def _colour(rows: pl.DataFrame, models: Sequence[str]) -> alt.Color:
    return alt.Color("model:N", scale=_scale(rows, models, PALETTE), title=None)


def _lines(rows: pl.DataFrame, *, models: Sequence[str], dots: bool = True) -> alt.Chart:
    """Return one line per model through its rows in their order; dashes tell them apart without colour."""
    point = alt.OverlayMarkDef(size=36, filled=True) if dots else False
    chart: alt.Chart = alt.Chart(data(rows.with_row_index("place"))).mark_line(strokeWidth=2, point=point)
    dashes = alt.StrokeDash("model:N", scale=_scale(rows, models, DASHES), title=None)
    return chart.encode(order="place:Q", color=_colour(rows, models), strokeDash=dashes)


def _diagonal(low: float, high: float) -> alt.Chart:
    ends = alt.Chart(data(pl.DataFrame({"at": [low, high]})))
    line: alt.Chart = ends.mark_line(color=GUIDE, strokeWidth=1.25, strokeDash=[4, 4])
    return line.encode(x="at:Q", y="at:Q")


def _counts(rows: pl.DataFrame, *, colour: str, scale: alt.Scale) -> alt.Chart:
    bars: alt.Chart = alt.Chart(data(rows), width=WIDTH, height=34).mark_bar(color=colour, size=6)
    return bars.encode(
        x=alt.X("predicted:Q", title=None, scale=scale, axis=alt.Axis(labels=False)),
        y=alt.Y("rows:Q", title="Rows", axis=alt.Axis(tickCount=2)),
    )
