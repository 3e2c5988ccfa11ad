"""The statistics of one source of features: they can be merged, aged and saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Scalars, Statistics
from tabkit.encoding.statistics import MOST_FOLDS, LevelStatistics
from tabkit.schema import dtype_name, family, parse_dtype
from tabkit.untrusted.manifest import NamedTable, damaged, numbers_of


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A column, or a cross of columns, with the statistics that its encoders share.

    Parameters
    ----------
    input
        The column or columns, or those of a rule.
    rows, nulls
        Rows of the fit, and how many of them have no value. No whole numbers once they have aged.
    levels
        The targets' statistics by level and fold, if an encoder needs them.
    values
        How often each number occurs (``value``, ``rows``), if an encoder needs it.
    """

    input: Input
    rows: float
    nulls: float
    levels: LevelStatistics | None = None
    values: pl.DataFrame | None = None

    def statistics(self, scalars: Scalars) -> Statistics:
        """Return what an encoder is fitted from."""
        return Statistics(self.rows, self.nulls, scalars, self.levels, self.values)

    def scale(self, factor: float) -> Source:
        """Count every row `factor` times."""
        if factor == 1:
            return self
        values = None if self.values is None else self.values.with_columns(pl.col("rows").cast(pl.Float64) * factor)
        levels = None if self.levels is None else self.levels.scale(factor)
        return Source(self.input, self.rows * factor, self.nulls * factor, levels, values)

    def merge(self, other: Source, *, append: bool) -> Source:
        """Return the statistics of the rows of both; new levels go behind if `append`, else all are sorted."""
        levels, values = self.levels, self.values
        if levels is not None and other.levels is not None:
            levels = levels.merge(other.levels, append=append)
        if values is not None and other.values is not None:
            parts = [frame.with_columns(pl.col("rows").cast(pl.Float64)) for frame in (values, other.values)]
            values = pl.concat(parts).group_by("value").agg(pl.col("rows").sum()).sort("value")
        return Source(self.input, self.rows + other.rows, self.nulls + other.nulls, levels, values)

    def bare(self) -> Source:
        """Return it without its levels and values."""
        return replace(self, levels=None, values=None)

    @property
    def nbytes(self) -> int:
        """Bytes of memory of the statistics."""
        values = 0 if self.values is None else int(self.values.estimated_size())
        return values + (0 if self.levels is None else self.levels.nbytes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, with frames under ``frames``."""
        frames = {} if self.levels is None else {"levels": self.levels.to_frame()}
        if self.values is not None:
            frames["values"] = self.values
        return {
            "columns": list(self.input.columns),
            **({} if self.input.label is None else {"label": self.input.label}),
            # of a nested column, which can only be left out, the type is of no use
            "dtypes": [dtype_name(t) if family(t) != "other" else "Null" for t in self.input.dtypes],
            "rows": self.rows,
            "nulls": self.nulls,
            "folds": None if self.levels is None else self.levels.folds,
            "frames": frames,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Source:
        """Rebuild what `to_dict` gave; anything else is a `BundleError`."""
        given = NamedTable(state, "a source of the encoder")
        columns, frames = given.texts("columns"), given.mapping("frames")
        dtypes = tuple(parse_dtype(name) for name in given.texts("dtypes", size=len(columns)))
        column = Input(columns, dtypes, given.maybe(given.text, "label"))
        rows = given.number("rows", low=0)
        given.number("nulls", low=0, high=rows * (1 + 1e-9))
        levels = None
        if "levels" in frames:
            levels = LevelStatistics.from_frame(frames["levels"], folds=given.whole("folds", low=1, high=MOST_FOLDS))
        values = _checked_values(frames["values"]) if "values" in frames else None
        return cls(column, state["rows"], state["nulls"], levels, values)


def _checked_values(frame: pl.DataFrame) -> pl.DataFrame:
    """Refuse what is no count of numbers."""
    what = "a table of numbers of the encoder"
    values, rows = numbers_of(frame, "value", what=what), numbers_of(frame, "rows", what=what, low=0)
    if (values[1:] <= values[:-1]).any() or (values.size and not rows.sum() > 0):  # all null: there are none
        raise damaged(f"{what} has numbers that do not rise, or no rows")
    return frame.select("value", "rows")
