"""Legends of charts: swatches with words in one row, the same for bands, lines and dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from dashboards.charts.frames import data
from dashboards.charts.style import INK
from tabkit.extras import Later

if TYPE_CHECKING:
    import altair as alt
else:
    alt = Later("altair", extra="dashboards")

HEIGHT = 18  # pixels, for the page's type size
_SWATCH, _GAP, _BETWEEN, _LETTER = 22, 7, 18, 6.1  # pixels; the last is the mean width of a letter


@dataclass(frozen=True, slots=True)
class Entry:
    """One swatch and what it stands for.

    Parameters
    ----------
    words
        Beside the swatch.
    kind
        What is drawn.
    colour
        Of the swatch.
    dash
        Of a line.
    """

    words: str
    kind: Literal["line", "fill", "dot", "hatch"]
    colour: str
    dash: tuple[int, ...] = ()


def key(entries: Sequence[Entry], *, width: float, left: float = 0.0) -> alt.LayerChart:
    """Return a key as wide as the chart below it, which begins at `left`; what does not fit goes to a further row.

    Examples
    --------
    >>> from dashboards.charts.rendering import svg
    >>> "observed" in svg(key([Entry("observed", "line", "#000000")], width=300))
    True
    """
    marks: list[alt.Chart] = []
    at, row = left, 0
    for entry in entries:
        length = _SWATCH + _GAP + _LETTER * len(entry.words)
        if at > left and at + length > width:
            at, row = left, row + 1
        marks += _drawn(entry, at, (row + 0.5) * HEIGHT)
        at += length + _BETWEEN
    return alt.LayerChart(layer=marks, width=width, height=HEIGHT * (row + 1))


def _drawn(entry: Entry, left: float, middle: float) -> list[alt.Chart]:
    one = alt.Chart(data(pl.DataFrame({"one": [1]})))
    right = left + _SWATCH
    sides = {"x": alt.value(left), "x2": alt.value(right)}
    words = one.mark_text(align="left", baseline="middle", fontSize=12, color=INK, text=entry.words)
    marks = [words.encode(x=alt.value(right + _GAP), y=alt.value(middle + 0.5))]
    if entry.kind == "line":
        line = one.mark_rule(color=entry.colour, strokeWidth=2.25, strokeDash=list(entry.dash or (1, 0)))
        marks.append(line.encode(**sides, y=alt.value(middle)))
    elif entry.kind == "dot":
        dot = one.mark_point(filled=True, size=45, opacity=1, color=entry.colour)
        marks.append(dot.encode(x=alt.value((left + right) / 2), y=alt.value(middle)))
    else:
        box = one.mark_rect(color="#ffffff" if entry.kind == "hatch" else entry.colour, opacity=1)
        box = box if entry.kind == "fill" else one.mark_rect(filled=False, stroke="#c3c9d1", strokeWidth=1)
        marks.append(box.encode(**sides, y=alt.value(middle - 6), y2=alt.value(middle + 6)))
        if entry.kind == "hatch":
            line = one.mark_rule(color=entry.colour, strokeWidth=1)
            ends = {"y": alt.value(middle + 6), "y2": alt.value(middle - 6)}
            marks += [line.encode(x=alt.value(x), x2=alt.value(x + 11), **ends) for x in (left, left + 11)]
    return marks
