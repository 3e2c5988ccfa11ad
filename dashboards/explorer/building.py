"""Make axes of columns: which can be shown, where rules may cut them, and which come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import polars as pl

from dashboards.explorer.axis import (
    MOST_CODES,
    Axis,
    Cut,
    Family,
    conditions_on,
    cuts_of,
    missing,
    named_levels,
    numbers,
)
from dashboards.explorer.scale import Floats, Scale, scale_of
from tabkit.predicates import Condition
from tabkit.rules.cuts import roundest
from tabkit.schema import dtype_name, family

EVEN_CUTS = 150  # with those of quantiles, below the 256 codes of a byte
QUANTILE_CUTS = 40  # places where many rows lie close together
MOST_LEVELS = 30  # more are not readable along one axis
_EXACT = 2.0**53  # larger integers are not exact as JavaScript's numbers
_MOST_SPAN = 1e300  # differences beyond this overflow
_FAR = "its values lie too far apart to be drawn"
_SLACK = 0.0025  # how far a cut may move to a rounder number, as a share of the rows
_SHOWN: dict[str, Family] = {
    "number": "number",
    "duration": "duration",
    "date": "date",
    "datetime": "datetime",
    "text": "text",
    "boolean": "boolean",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A column that is not shown, and why."""

    name: str
    why: str


def build(
    column: pl.Series, *, key: str, seen: pl.Series, conditions: Sequence[Condition] = (), order: Floats | None = None
) -> Axis | Skipped:
    """Make the axis of a column, or say why there is none.

    Parameters
    ----------
    column
        All rows: they decide the range.
    key
        What the page calls it.
    seen
        The rows that people look at: they decide where cuts lie and which levels are shown.
    conditions
        Of rules that the page must be able to count exactly.
    order
        By row of `seen`, what levels are sorted by (the target); by their number without it.
    """
    kind = _SHOWN.get(family(column.dtype))
    if not column.name:
        return Skipped("(no name)", "a column without a name, on which no condition can be")
    if kind is None:
        return Skipped(column.name, f"{dtype_name(column.dtype)} has no place on an axis")
    nulls = missing(column)
    if nulls == len(column):
        return Skipped(column.name, "null in every row")
    own = conditions_on(column.name, conditions)
    bare = Axis(key, column.name, dtype_name(column.dtype), kind, nulls=nulls)
    if kind in ("text", "boolean"):
        return _levelled(column, seen, own, bare, order)
    try:
        axis = _scaled(column, seen, own, bare)
        return axis if isinstance(axis, Skipped) or axis.ticks() else Skipped(column.name, "no round number is on it")
    except (ArithmeticError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return Skipped(column.name, _FAR)


def _levelled(
    column: pl.Series, seen: pl.Series, own: list[Condition], bare: Axis, order: Floats | None
) -> Axis | Skipped:
    kind = bare.family
    names = seen.cast(pl.String) if kind == "text" else seen
    distinct = column.n_unique() - (1 if column.null_count() else 0)
    if distinct < 2 and not bare.nulls:
        return Skipped(column.name, "the same in every row")
    sort_by = np.zeros(len(seen)) if order is None else order
    counted = (
        pl.DataFrame({"level": names, "by": sort_by})
        .drop_nulls("level")
        .group_by("level")
        .agg(pl.len().alias("n"), pl.col("by").mean())
        .sort("n", "level", descending=[True, False])
    )
    named = [level for level in named_levels(own) if isinstance(level, bool if kind == "boolean" else str)]
    top = counted.head(MOST_LEVELS)["level"].to_list()
    kept = list(dict.fromkeys([*top, *named]))[: MOST_CODES - 2]
    ranks = {row["level"]: (row["by"], row["n"]) for row in counted.iter_rows(named=True)}
    kept.sort(key=lambda level: (*ranks.get(level, (0.0, 0)), str(level)))
    present = set(counted["level"].to_list()) if distinct == counted.height else None
    known = len(set(kept) & (present if present is not None else set(_distinct(column, kind))))
    return replace(bare, levels=tuple(kept), other=distinct - known)


def _distinct(column: pl.Series, kind: Family) -> list[str | bool]:
    return (column.cast(pl.String) if kind == "text" else column).drop_nulls().unique().to_list()


def _scaled(column: pl.Series, seen: pl.Series, own: list[Condition], bare: Axis) -> Axis | Skipped:
    kind = bare.family
    values = numbers(column)
    finite = values[np.isfinite(values)]
    if len(finite) and finite.max() / 4 - finite.min() / 4 > _MOST_SPAN:
        return Skipped(column.name, _FAR)
    if column.dtype.is_integer() and len(finite) and np.abs(finite).max() > _EXACT:
        return Skipped(column.name, "whole numbers too large to be told apart here: identifiers, perhaps")
    if not len(finite):
        return Skipped(column.name, "null or infinite in every row")
    if finite.min() == finite.max():
        if not bare.nulls and len(finite) == len(values):
            return Skipped(column.name, "the same in every row")
        finite = np.array([finite[0], finite[0] + 1])
    scale = (
        Scale("linear", float(finite.min()), float(finite.max())) if kind in ("date", "datetime") else scale_of(finite)
    )
    shown = numbers(seen)
    whole = column.dtype.is_integer() or kind == "date"
    cuts = _cuts(scale, shown[np.isfinite(shown)], cuts_of(own, kind), kind=kind, whole=whole)
    return replace(bare, scale=scale, cuts=tuple(cuts))


def _cuts(scale: Scale, values: Floats, needed: list[Cut], *, kind: Family, whole: bool) -> list[Cut]:
    """Return where rules may begin and end: what given rules need, quantiles, and even places, all of them round."""
    room = MOST_CODES - len(set(needed))
    distinct = np.unique(values)
    if whole and len(distinct) <= min(room, EVEN_CUTS + QUANTILE_CUTS):
        offered = distinct[1:].tolist()
    else:
        offered = [*_quantiles(distinct, values, kind, whole=whole), *_even(scale, kind, whole=whole)][: max(0, room)]
    inside = {value for value in offered if scale.low < value <= scale.high}
    found = {Cut(value) for value in inside} | set(needed)
    return sorted(found, key=lambda cut: (cut.value, cut.after))[:MOST_CODES]


def _quantiles(distinct: Floats, values: Floats, kind: Family, *, whole: bool) -> list[float]:
    """Return round numbers that divide the rows about evenly."""
    if len(distinct) < 2:
        return []
    rising, width = np.sort(values), int(_SLACK * len(values))
    found = []
    for place in np.unique(np.linspace(0, len(rising), QUANTILE_CUTS + 1)[1:-1].astype(np.int64)).tolist():
        low, high = rising[max(place - 1 - width, 0)], rising[min(place + width, len(rising) - 1)]
        if low < high and (cut := roundest(float(low), float(high), kind=kind, whole=whole)):
            found.append(cut[0])
    return found


def _even(scale: Scale, kind: Family, *, whole: bool) -> list[float]:
    edges = [scale.value(place) for place in np.linspace(0, 1, EVEN_CUTS + 1)]
    rounded = (roundest(low, high, kind=kind, whole=whole) for low, high in pairwise(edges))
    return [found[0] for found in rounded if found]
