"""An Altair chart as static SVG or PNG, in the one style."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dashboards.charts.style import CONFIG
from dashboards.kit.html import Markup
from tabkit.extras import Later

if TYPE_CHECKING:
    import altair as alt
    import vl_convert
else:
    vl_convert = Later("vl_convert", extra="dashboards")

Chart: TypeAlias = "alt.LayerChart | alt.VConcatChart | alt.HConcatChart"


def svg(chart: Chart) -> Markup:
    """Render a chart as an SVG element: text stays text and is escaped, nothing is fetched.

    Like all drawing it needs the `dashboards` extra: without it an ImportError says how to install it.
    """
    return Markup(vl_convert.vegalite_to_svg(chart.to_dict(), config=CONFIG, allowed_base_urls=[]))


def png(chart: Chart, *, scale: float = 2) -> bytes:
    """Render a chart as a PNG picture of `scale` pixels per unit.

    Examples
    --------
    >>> import polars as pl
    >>> from dashboards.charts.model import importance
    >>> png(importance(pl.DataFrame({"feature": ["hour"], "gain": [1.0]})))[1:4]
    b'PNG'
    """
    return vl_convert.vegalite_to_png(chart.to_dict(), config=CONFIG, scale=scale, allowed_base_urls=[])
