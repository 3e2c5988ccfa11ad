"""Read new rows for an existing model: only the columns it knows, with their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from tabkit.dependence import Dependence, dependence
from tabkit.errors import FitError, SchemaError
from tabkit.frames import Source, scan
from tabkit.propensity.model import PropensityModel
from tabkit.schema import dtype_name, family, parse_dtype
from tabkit.table import Table, labels, read
from tabkit.target import TargetColumn


def read_rows(model: PropensityModel, source: Source, *, drop_null_target: bool = False) -> Table:
    """Read labelled rows with the columns that a model knows, in the types of its fit, and check them.

    Columns that were not there at the fit, or were excluded from it, are not read: a model made from these rows must
    not learn from them either. Weights are divided by the mean of the fit, so that a row counts as it would have.

    Raises
    ------
    TabkitError
        If columns are missing or of another type, a time is of another kind, or the target cannot be understood.
    """
    dtypes = model.known_dtypes()
    known = {*model.roles.given().values(), *model.encoder.schema.names()}
    found = scan(source, dtypes=dtypes).collect_schema()
    others = [name for name in found.names() if name not in known]
    table = read(source, model.roles, exclude=others, drop_null_target=drop_null_target, dtypes=dtypes)
    model.target.check(table.frame, what=table.name)
    model.encoder.schema.check(table.frame.schema)
    roles = set(model.roles.given().values())
    features = [expr for expr, name in _aligned(model, table) if name not in roles]
    table = replace(table, frame=table.frame.with_columns(*features, *_time(model, table)))
    mean = model.lineage.get("weight_mean")
    if model.roles.weight is None or table.weight_mean is None or not mean:
        return table
    weight = table.frame[model.roles.weight] * (table.weight_mean / mean)
    return replace(table, frame=table.frame.with_columns(weight))


def older(reference: Table, new: Table) -> tuple[Table, list[str]]:
    """Return the reference rows that are not among the new ones, and notes about that.

    With a time those before the first new row, else with an id those of other ids: candidates are judged on new
    rows, and must not have learned from them.

    Raises
    ------
    FitError
        If none remain.
    SchemaError
        If the target is of another type than in the new rows.
    """
    target = new.roles.target or ""
    kinds = [family(table.frame.schema[target]) for table in (reference, new)]
    if kinds[0] != kinds[1]:
        raise SchemaError(f"{target!r} holds {kinds[1]}s in the new rows and {kinds[0]}s in the reference")
    roles, count = new.roles, reference.frame.height
    if roles.time is not None:
        kept = reference.frame.filter(pl.col(roles.time) < new.frame[roles.time].min())
        why = "are not older than the first new row"
    elif roles.id is not None:
        known = new.frame[roles.id].cast(pl.String)
        kept = reference.frame.filter(~pl.col(roles.id).cast(pl.String).is_in(known.implode()))
        why = "have an id of the new rows"
    else:
        return reference, ["Without an id or a time nobody can tell whether the reference holds the new rows too."]
    if kept.is_empty():
        raise FitError(f"all {count:,} reference rows {why}", advice="give rows from before the new ones")
    left = count - kept.height
    return replace(reference, frame=kept), [f"{left:,} reference rows {why} and were left out."] if left else []


def training_summary(table: Table, target: TargetColumn) -> dict[str, Any]:
    """Return a summary of the rows of a fit: their number, first and last time, and the level of the target.

    ``level`` holds the share of each class; or ``mean``, with exposure the mean rate, and ``spread``, the standard
    deviation. ``errors`` holds their standard errors, by days or groups where these are what is independent; ``lots``
    is how many of these there are, None for rows.
    """
    lots = dependence(table.frame, table.roles)
    times, span = table.times(), table.span()
    return {
        "rows": table.frame.height,
        "span": list(span) if span else None,
        "ends": None if times is None else [times.min().item(), times.max().item()],
        "level": _level(table, target),
        "errors": _errors(table, target, lots),
        "lots": lots.clusters,
    }


def _level(table: Table, target: TargetColumn) -> dict[str, float]:
    y, weight, exposure = labels(table, target), table.numbers("weight"), table.numbers("exposure")
    if target.classes:
        return {label: float(np.average(y == k, weights=weight)) for k, label in enumerate(target.classes)}
    mean, size = (
        float(np.average(y, weights=weight)),
        1.0 if exposure is None else float(np.average(exposure, weights=weight)),
    )
    return {"mean": mean / size, "spread": float(y.std()) / size}


def _errors(table: Table, target: TargetColumn, lots: Dependence) -> dict[str, float]:
    """Return the standard error of each level (of a ratio, by its linear part), by sums over lots (Liang and Zeger)."""
    y, weight, exposure = labels(table, target), table.numbers("weight"), table.numbers("exposure")
    weight = np.ones(len(y)) if weight is None else weight
    if target.classes:
        parts = {label: ((y == k).astype(np.float64), weight) for k, label in enumerate(target.classes)}
    else:
        parts = {"mean": (y, weight if exposure is None else weight * exposure)}
    found = {}
    for name, (values, mass) in parts.items():
        total = float(mass.sum())
        rate = float((weight * values).sum()) / total
        each = (weight * values - rate * mass) / total
        sums = each if lots.codes is None else np.bincount(lots.codes, weights=each)
        found[name] = float(np.sqrt(len(sums) / max(len(sums) - 1, 1) * (sums @ sums)))
    return found


def joined(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> dict[str, Any]:
    """Join two training summaries; the level of the target is that of the later one."""
    if before is None or before["ends"] is None or now["ends"] is None:
        return {**now, "rows": now["rows"] + (before["rows"] if before else 0)}
    first = before if before["ends"][0] <= now["ends"][0] else now
    last = before if before["ends"][1] > now["ends"][1] else now
    return {
        **now,
        "rows": before["rows"] + now["rows"],
        "span": [first["span"][0], last["span"][1]],
        "ends": [first["ends"][0], last["ends"][1]],
    }


def _aligned(model: PropensityModel, table: Table) -> list[tuple[pl.Expr, str]]:
    schema = model.encoder.schema
    return list(zip(schema.align(table.frame.schema), schema.names(), strict=True))


def _time(model: PropensityModel, table: Table) -> list[pl.Expr]:
    """Return the time in the zone and unit of the fit; times of another kind do not compare."""
    name = model.roles.time
    if name is None or name not in model.dtypes:
        return []
    fitted_dtype, found = parse_dtype(model.dtypes[name]), table.frame.schema[name]
    aware = [getattr(dtype, "time_zone", None) is not None for dtype in (fitted_dtype, found)]
    if family(fitted_dtype) != family(found) or aware[0] != aware[1]:
        raise SchemaError(
            f"time {name!r} is {dtype_name(found)} in {table.name}, and was {dtype_name(fitted_dtype)} at the fit: "
            "they do not compare",
            advice="bring it into the type of the fit, with a time zone if that had one",
        )
    if isinstance(fitted_dtype, pl.Datetime) and fitted_dtype.time_zone is not None:
        return [pl.col(name).dt.convert_time_zone(fitted_dtype.time_zone).cast(fitted_dtype)]
    return [pl.col(name).cast(fitted_dtype)]
