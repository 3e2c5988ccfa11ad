"""The one style of all charts: colours, dashes, sizes, letters."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's palette, which people with any kind of colour blindness can tell apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 2], [1, 3])
INK, SOFT, LINE, GUIDE = "#1a1f27", "#4b5563", "#e5e7eb", "#8a93a0"

# All charts come out equally wide, so that their letters are equally large on a page.
WIDTH, HEIGHT, MARGIN = 390, 300, 44
NAME_WIDTH = 150  # pixels: twenty letters of a feature's name

_LABELS = {"labelColor": SOFT, "labelFontSize": 12, "labelPadding": 6, "labelFlush": False}
_TITLES = {"titleColor": SOFT, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 8}
# Opaque even where a model's first mark is a pale band.
_SYMBOLS = {"symbolType": "stroke", "symbolOpacity": 1, "symbolStrokeWidth": 2.5, "symbolSize": 260}
_NAMES = {"labelColor": INK, "labelFontSize": 12, "labelLimit": 150}
CONFIG: dict[str, Any] = {
    "aria": False,
    "background": "#ffffff",
    "font": "-apple-system, Segoe UI, Roboto, Helvetica Neue, Noto Sans, Liberation Sans, Arial, sans-serif",
    "padding": {"left": 2, "right": 14, "top": 4, "bottom": 4},
    "view": {"stroke": None},
    "axis": {"domain": False, "ticks": False, "tickCount": 5, "gridColor": LINE, **_LABELS, **_TITLES},
    "axisLeft": {"minExtent": MARGIN, "maxExtent": MARGIN},
    "axisQuantitative": {"labelExpr": "abs(datum.value) < 1e4 ? datum.label : format(datum.value, '~s')"},
    "legend": {"orient": "top", "columns": 2, "columnPadding": 18, **_NAMES, **_SYMBOLS},
}
