"""The view of customer forecasts: value, probability to be active, and intervals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from dashboards.explorer.settings import ExploreConfig
from dashboards.explorer.view import View
from dashboards.explorer.views.predictions import known, mean_of, predicted_view, unroled
from dashboards.explorer.views.tables import joined
from tabkit.errors import SchemaError
from tabkit.progress import Progress
from tabkit.roles import Roles

KIND = "Customer value"
ALIVE = "p_alive"
_SUMMARY = ("frequency", "recency", "T", "monetary_value")
_INSTEAD = "What customers did later, as a column of a table, can be searched by: --target."


@dataclass(frozen=True, slots=True)
class ForecastColumns:
    """The columns that `tabkit cltv forecast` wrote.

    Parameters
    ----------
    what
        ``value``, or ``purchases`` where there are no amounts.
    mean
        The expectation.
    ends
        The lowest and the highest quantile; None where there are fewer than two.
    all
        All columns of the forecast.
    """

    what: str
    mean: str
    ends: tuple[str, str] | None
    all: tuple[str, ...]

    @property
    def width(self) -> str:
        """How the column is called that is added: the width of the interval."""
        return f"{self.what}_width"


def found_in(columns: Sequence[str]) -> ForecastColumns | None:
    """Return the columns of a forecast; None where there are none.

    >>> found_in(["who", "value_mean", "value_q03", "value_q97.5", "p_alive"]).ends
    ('value_q03', 'value_q97.5')
    """
    what = next((kind for kind in ("value", "purchases") if f"{kind}_mean" in columns), None)
    if what is None or ALIVE not in columns:
        return None
    written = re.compile(r"(value|purchases)_(mean|q\d+(\.\d+)?)")
    levels = {name: float(name.rpartition("_q")[2]) for name in columns if re.fullmatch(rf"{what}_q[\d.]+", name)}
    ends = (min(levels, key=levels.__getitem__), max(levels, key=levels.__getitem__)) if len(levels) > 1 else None
    own = tuple(name for name in columns if name == ALIVE or written.fullmatch(name))
    return ForecastColumns(what, f"{what}_mean", ends, own)


def values_view(config: ExploreConfig, *, progress: Progress) -> View:
    """Return the view of a forecast: the mean of value, of P(alive) and of the width of the interval.

    Raises
    ------
    SchemaError
        If the source holds no forecast.
    """
    rows = joined(config, unroled(Roles.from_dict(config.roles)), written=True)
    columns = found_in(rows.table.frame.columns)
    if columns is None:
        raise SchemaError(
            f"{rows.table.name} holds no forecast: columns value_mean (or purchases_mean) and {ALIVE} were expected",
            advice="tabkit cltv forecast BUNDLE --horizon-days 365 -o forecast.parquet writes them; the columns are "
            f"{', '.join(map(repr, rows.table.frame.columns[:40]))}",
        )
    table = known(rows.table, [columns.mean, ALIVE, *(columns.ends or ())])
    measured, notes = [columns.mean, ALIVE], _notes(columns, table.frame.columns)
    if columns.ends is not None:
        low, high = (pl.col(name).cast(pl.Float64) for name in columns.ends)
        table = replace(table, frame=table.frame.with_columns((high - low).alias(columns.width)))
        measured.append(columns.width)
    return predicted_view(
        table,
        [mean_of(table.frame, name) for name in measured],
        config,
        kind=KIND,
        made=[*columns.all, columns.width],
        notes=[*rows.notes, *notes],
        instead=_INSTEAD,
        progress=progress,
        first=(*measured, *_SUMMARY),
    )


def _notes(made: ForecastColumns, columns: Sequence[str]) -> list[str]:
    notes = []
    if made.what == "purchases":
        notes.append("The forecast knows no amounts: purchases are shown in place of value.")
    if made.ends is None:
        notes.append("The forecast has fewer than two quantiles: there is no interval whose width could be shown.")
    else:
        notes.append(
            f"{made.width} is {made.ends[1]} less {made.ends[0]}; rules on it fit no table that lacks this column."
        )
    if not set(_SUMMARY) & set(columns):
        notes.append("How often and when customers bought is not in a forecast: --beside BUNDLE shows it too.")
    return notes
