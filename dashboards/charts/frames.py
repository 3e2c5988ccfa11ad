"""Frames that charts are drawn of: what they must hold, and how they become the data of a chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from dashboards.kit.html import clean
from tabkit.errors import SchemaError
from tabkit.extras import Later

if TYPE_CHECKING:
    import altair as alt
else:
    alt = Later("altair", extra="dashboards")


def require(frame: pl.DataFrame, name: str, columns: Sequence[str]) -> None:
    """Raise a `SchemaError` that lists every one of the columns that a frame, called so, lacks."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise SchemaError(
            f"the frame of {name} lacks {', '.join(missing)}; it has {', '.join(frame.columns) or 'none'}",
            advice=f"give it the columns {', '.join(columns)}",
        )


def drawable(frame: pl.DataFrame, name: str, columns: Sequence[str], *, texts: Sequence[str] = ()) -> pl.DataFrame:
    """Return the columns as text that SVG can hold, where they are named as such, and else as finite numbers or null.

    >>> drawable(pl.DataFrame({"a": [1, None]}), "curves", ["a"]).rows()
    [(1.0,), (None,)]
    """
    require(frame, name, columns)
    rows = frame.select(columns)
    cleaned = [pl.Series(text, [clean(value) for value in rows[text]], dtype=pl.String) for text in texts]
    numbers = pl.all().exclude(texts).cast(pl.Float64)
    return rows.with_columns(cleaned).with_columns(pl.when(numbers.is_finite()).then(numbers))


def data(rows: pl.DataFrame) -> alt.Data:
    """Return the rows as the data of a chart, inside of it."""
    return alt.Data(values=rows.to_dicts())  # type: ignore[no-untyped-call]


def inline(rows: pl.DataFrame) -> alt.Data:
    """Return the rows as the data of a chart, as text: Altair copies long lists again and again, and text never."""
    return alt.Data(values=rows.write_json(), format={"type": "json"})  # type: ignore[no-untyped-call]
