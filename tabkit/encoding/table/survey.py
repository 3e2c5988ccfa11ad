"""One pass over the rows of a fit that collects aggregates, levels, targets and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.encoding.encoders.numeric import number
from tabkit.encoding.input import Input
from tabkit.encoding.levels import own_categories
from tabkit.encoding.protocol import Encoder, Scalars
from tabkit.encoding.roles import RowRoles
from tabkit.encoding.statistics import Floats
from tabkit.errors import FitError
from tabkit.frames import collect_all
from tabkit.target import TargetColumn

Part = tuple[Input, Encoder]


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What one pass over n rows found.

    Parameters
    ----------
    rows
        n.
    nulls
        By source and by column, how many rows have no value.
    scalars
        For each part, the results of its encoder's aggregates.
    values
        By source, how often each number occurs, if an encoder needs that.
    text
        n rows of those sources whose levels an encoder needs, as Categorical: four bytes a value.
    y
        For each target, shape (n,): the target as numbers.
    weight
        Shape (n,), or None without weights.
    other
        n rows of arms, groups and times, where they are given.
    """

    rows: int
    nulls: dict[str, int]
    scalars: list[Scalars]
    values: dict[str, pl.DataFrame]
    text: pl.DataFrame
    y: tuple[Floats, ...]
    weight: Floats | None
    other: pl.DataFrame


def survey(frame: pl.LazyFrame, parts: Sequence[Part], *, targets: Sequence[TargetColumn], roles: RowRoles) -> Survey:
    """Read once what all encoders of a table need.

    Raises
    ------
    FitError
        If there are no rows, or a target or weight is null, NaN, infinite, or a weight below zero.
    """
    sources = {column.name: column for column, _ in parts}
    columns = [name for column in sources.values() for name in column.columns]
    # Without the cache each query would read the source again; with it they share one stream.
    used = list(dict.fromkeys([*columns, *(t.name for t in targets), *roles.columns()]))
    schema = frame.collect_schema()
    shared = (frame.select(used) if used else frame).cache()
    mass = pl.col(roles.weight).cast(pl.Float64) if roles.weight else pl.lit(1.0)
    levelled = list(dict.fromkeys(column.name for column, encoder in parts if "levels" in encoder.needs))
    counted = list(dict.fromkeys(column.name for column, encoder in parts if "values" in encoder.needs))
    singles = {single.name: single for column in sources.values() for single in column.singles()}
    flat = [(i, key, expr) for i, (c, encoder) in enumerate(parts) for key, expr in encoder.scalars(c, mass).items()]
    totals = shared.select(
        pl.len().alias("rows"),
        *(column.missing().sum().alias(f"null {name}") for name, column in {**singles, **sources}.items()),
        *(expr.alias(f"{k}") for k, (*_, expr) in enumerate(flat)),
    )
    rows = shared.select(
        *(target.expr(schema[target.name]).alias(f"y {t}") for t, target in enumerate(targets)),
        *([mass.alias("weight")] if roles.weight else []),
        *(_role(role, name, schema[name]).alias(f"{role} role") for role, name in roles.others().items()),
        *(sources[name].text().cast(own_categories()).alias(f"text {name}") for name in levelled),
        *([] if targets or levelled else [pl.lit(1).alias("nothing")]),
    )
    counts = [
        shared.select(number(sources[name]).alias("value"))
        .filter(pl.col("value").is_finite())
        .group_by("value")
        .agg(pl.len().alias("rows"))
        .sort("value")
        for name in counted
    ]
    first, row_values, *occurrences = collect_all([totals, rows, *counts], what="the rows of the fit")
    facts = first.row(0, named=True)
    scalars: list[dict[str, Any]] = [{} for _ in parts]
    for k, (i, key, _) in enumerate(flat):
        scalars[i][key] = facts[f"{k}"]
    y = tuple(row_values[f"y {t}"].to_numpy() for t in range(len(targets)))
    weight = row_values["weight"].to_numpy() if roles.weight else None
    _check(facts["rows"], y, weight, targets=[target.name for target in targets], weight_name=roles.weight)
    return Survey(
        facts["rows"],
        {name: facts[f"null {name}"] for name in {**singles, **sources}},
        list(scalars),
        dict(zip(counted, occurrences, strict=True)),
        row_values.select(f"text {name}" for name in levelled).rename(lambda name: name.removeprefix("text ")),
        y,
        weight,
        row_values.select(f"{role} role" for role in roles.others()).rename(lambda name: name.removesuffix(" role")),
    )


def _role(role: str, name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a role's column; arms as levels, so that 1 and 1.0 are one arm and NaN is none."""
    return Input((name,), (dtype,)).text() if role == "arms" else pl.col(name)


def _check(
    rows: int, y: Sequence[Floats], weight: Floats | None, *, targets: Sequence[str], weight_name: str | None
) -> None:
    if rows == 0:
        raise FitError("the table has no rows to fit the encoder on", advice="check the export that made it")
    for name, values in zip(targets, y, strict=True):
        unknown = int((~np.isfinite(values)).sum())
        if unknown:
            raise FitError(
                f"target {name!r} is null, NaN or infinite in {unknown:,} rows", advice="leave these rows out"
            )
    if weight is None:
        return
    wrong: NDArray[np.bool_] = ~(np.isfinite(weight) & (weight >= 0))
    if wrong.any() or not weight.sum() > 0:
        count = int(wrong.sum())
        what = f"null, NaN, infinite or negative in {count:,} rows" if count else "zero in every row"
        raise FitError(f"weight {weight_name!r} is {what}", advice="repair or remove these rows")
