"""The forms of a column that may leak a target: its order, its levels, and parts of its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.leaks.limits import FEW_VALUES, MOST_LEVELS
from tabkit.schema import family

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]

_BIN, _MOST_BINS = 20, 200  # rows in a bin, and bins: fine enough to see a cut, coarse enough to generalise
_ORDERED = ("number", "boolean", "date", "datetime", "duration", "time")


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A column as numbers.

    Parameters
    ----------
    words
        What is looked at, before the column's name: nothing, or such as ``the length of``.
    values
        Shape (n,); NaN where it is missing.
    ordered
        Whether their order means something; otherwise they are codes of levels.
    """

    words: str
    values: Floats
    ordered: bool

    @property
    def measured(self) -> bool:
        """Whether these are numbers of many values."""
        return self.ordered and len(np.unique(self.values[~np.isnan(self.values)])) > FEW_VALUES

    def cells(self) -> Codes:
        """Return a cell for each row, from 0: the level, or a bin of some twenty rows or one frequent value."""
        missing = np.isnan(self.values)
        if not self.ordered:
            return np.where(missing, 0, np.nan_to_num(self.values) + 1).astype(np.int64)
        known = np.sort(self.values[~missing])
        step = max(_BIN, len(known) // _MOST_BINS)
        edges, counts = np.unique(known[::step], return_counts=True)
        # A frequent value has a bin of its own: it ends just above it.
        edges = np.unique(np.concatenate([edges, np.nextafter(edges[counts > 1], np.inf)]))
        return np.where(missing, 0, np.searchsorted(edges, self.values, side="right") + 1).astype(np.int64)


def numbers(column: pl.Series) -> Floats | None:
    """Return an ordered column as numbers, shape (n,), NaN for null and infinite ones at the ends; None for others."""
    if family(column.dtype) not in _ORDERED:
        return None
    column = column.alias("value")  # to Polars, some names are patterns of names
    plain = column.to_physical() if family(column.dtype) not in ("number", "boolean") else column
    return plain.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def levels(column: pl.Series) -> Floats:
    """Return codes of equal values from 0, by how often they occur; NaN for null and NaN."""
    column = column.alias("value")
    text = column.cast(pl.String) if family(column.dtype) == "text" else column
    if text.dtype.is_float():
        text = text.fill_nan(None)
    return (text.rank("dense").cast(pl.Float64) - 1).fill_null(float("nan")).to_numpy()


def forms(column: pl.Series) -> list[Form]:
    """Return the forms of a column; none of lists and the like."""
    ordered = numbers(column)
    if ordered is not None:
        return [Form("", ordered, ordered=True)]
    if family(column.dtype) != "text":
        return []
    text = column.alias("value").cast(pl.String)
    found = [Form("", levels(column), ordered=False)]
    if text.n_unique() > MOST_LEVELS:
        hidden = {
            "the alphabetical order of": text,
            "the end of": text.str.reverse(),
            "the length of": text.str.len_chars(),
            "the number in": text.str.replace_all(r"[^0-9]", "").str.slice(0, 15).cast(pl.Float64, strict=False),
        }
        found += [Form(words, levels(values), ordered=True) for words, values in hidden.items()]
    return found
