"""Rows that are refused come back as data: which they are, and why, as many as anyone will look at."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tabkit.frames import fresh_name

ROW, REASON = "row", "reason"
MOST = 10_000
"""Refused rows that are kept: enough to find what is wrong, in bounded memory. Counts are always of all."""


def no_rows() -> pl.DataFrame:
    """Return what is handed out where no row was refused."""
    return pl.DataFrame(schema={ROW: pl.Int64, REASON: pl.String})


def refused_rows(frame: pl.DataFrame, refused: pl.Expr, reason: str) -> pl.DataFrame:
    """Return the rows of a frame that are refused.

    Parameters
    ----------
    frame
        All rows, in the order of the source.
    refused
        True for each that is refused; null counts as true.
    reason
        Why.

    Returns
    -------
    pl.DataFrame
        ``row``, counted from 0 in the source; ``reason``; then the source's own columns. One that is called like
        these two gets a longer name. At most `MOST` rows, the first ones.

    Examples
    --------
    >>> frame = pl.DataFrame({"id": [7, 8], "left": ["yes", None]})
    >>> refused_rows(frame, pl.col("left").is_null(), "null target").rows()
    [(1, 'null target', 8, None)]
    """
    names = own_names(frame.columns)
    at = fresh_name(ROW, [*frame.columns, *names.values()])
    found = frame.with_row_index(at).filter(refused.fill_null(True)).head(MOST)
    own = [pl.col(name).alias(new) for name, new in names.items()]
    return found.select(pl.col(at).cast(pl.Int64).alias(ROW), pl.lit(reason).alias(REASON), *own)


def refused_together(parts: Sequence[pl.DataFrame | None]) -> pl.DataFrame:
    """Return the refused rows of several steps, ordered as the source is; parts that are None held none."""
    held = [part for part in parts if part is not None and part.height]
    if not held:
        return no_rows()
    return pl.concat(held, how="diagonal_relaxed").sort(ROW, maintain_order=True).head(MOST)


def own_names(columns: Sequence[str]) -> dict[str, str]:
    """Return what columns of a source are called beside ``row`` and ``reason``.

    >>> own_names(["id", "row"])
    {'id': 'id', 'row': 'row of the source'}
    """
    taken = [*columns, ROW, REASON]
    return {name: fresh_name(f"{name} of the source", taken) if name in (ROW, REASON) else name for name in columns}
