"""The learning curve of a network: the loss in training, and on held-out rows, by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from dashboards.charts.frames import inline, require
from dashboards.charts.style import GUIDE, HEIGHT, INK, PALETTE, SOFT, WIDTH
from tabkit.errors import SchemaError
from tabkit.extras import Later

if TYPE_CHECKING:
    import altair as alt
else:
    alt = Later("altair", extra="dashboards")

HISTORY = ("epoch", "loss", "held_out_loss")
_NAMES = {"loss": "in training", "held_out_loss": "held out"}
_ROOM = 0.06  # share of the range left free above and below


def learning_curve(history: pl.DataFrame, *, best: int, loss: str) -> alt.VConcatChart:
    """Draw the losses of a training by epoch, each on a scale of its own, and mark the epoch whose weights were kept.

    The two are not to be compared in height: in training there are dropout, smoothed labels and class weights, and the
    weights of the moment instead of their moving average.

    Parameters
    ----------
    history
        Columns ``epoch``, ``loss``, ``held_out_loss`` (null throughout where nothing was held out), a row per epoch.
    best
        The epoch whose weights were kept; 0 for none.
    loss
        What the held-out loss is called.

    Raises
    ------
    SchemaError
        If a column is missing, or there is no epoch.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> told = {"epoch": [1, 2], "loss": [0.6, 0.5], "held_out_loss": [0.62, 0.58]}
    >>> "held out" in svg(learning_curve(pl.DataFrame(told), best=2, loss="log_loss"))
    True
    """
    require(history, "learning curve", HISTORY)
    if history.is_empty():
        raise SchemaError("there is no epoch to draw", advice="train for one epoch at least")
    drawn = [name for name in ("held_out_loss", "loss") if history[name].is_not_null().any()]
    titles = {"held_out_loss": f"{loss}, held out", "loss": "loss in training"}
    panels = [
        _panel(history.select("epoch", pl.col(name).alias("value")), title=titles[name], best=best, place=place)
        for place, name in enumerate(drawn)
    ]
    chart: alt.VConcatChart = alt.vconcat(*panels, spacing=14).resolve_scale(x="shared")
    return chart


def _panel(rows: pl.DataFrame, *, title: str, best: int, place: int) -> Any:
    low, high = float(rows["value"].min()), float(rows["value"].max())  # type: ignore[arg-type]  # numbers
    room = _ROOM * ((high - low) or abs(high) or 1.0)
    x = alt.X("epoch:Q").title("epoch").axis(tickMinStep=1, format="d")
    y = alt.Y("value:Q").title(title).scale(domain=[low - room, high + room], zero=False, nice=False)
    base = alt.Chart(inline(rows)).encode(x=x, y=y)
    layers = [base.mark_line(color=PALETTE[place], strokeWidth=2, point=rows.height == 1)]
    kept = rows.filter(pl.col("epoch") == best)
    if kept.height:
        marked = alt.Chart(inline(kept)).encode(x=x, y=y)
        layers.insert(0, marked.mark_rule(color=GUIDE, strokeDash=[3, 3]).encode(y=alt.Y()))
        layers.append(marked.mark_point(color=INK, filled=True, size=45))
        if place == 0:
            right = best < 0.7 * rows.height
            words = f"kept: epoch {best}"
            at = marked.mark_text(color=SOFT, align="left" if right else "right", dx=8 if right else -8, dy=-10)
            layers.append(at.encode(text=alt.value(words)))
    chart: Any = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT * (0.7 if place == 0 else 0.45))
    return chart
