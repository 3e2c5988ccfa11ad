"""The parts of a fitted table: what they are made of, how they are read back, and what was chosen for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tabkit.encoding import registry
from tabkit.encoding.aim import Aim
from tabkit.encoding.table.checking import check_part
from tabkit.encoding.table.fitting import SourceEncoder
from tabkit.encoding.table.source import Source
from tabkit.errors import FitError, SchemaError
from tabkit.schema import Column, Schema
from tabkit.untrusted.manifest import NamedTable


def plan_of(parts: tuple[SourceEncoder, ...], sources: Mapping[str, Source]) -> pl.DataFrame:
    """Return, by encoder, what was chosen and why; see `FittedTable.plan`."""
    rows = [
        (
            p.source,
            p.encoder.kind,
            p.encoder.levels,
            len(p.encoder.outputs),
            sources[p.source].nbytes,
            p.encoder.why,
        )
        for p in parts
    ]
    names = {
        "column": pl.String,
        "encoder": pl.String,
        "levels": pl.Int64,
        "outputs": pl.Int64,
        "bytes": pl.Int64,
        "why": pl.String,
    }
    return pl.DataFrame(rows, schema=names, orient="row")


def schema_of(parts: tuple[SourceEncoder, ...], sources: Mapping[str, Source], nulls: Mapping[str, float]) -> Schema:
    """Return the columns that the features are made of."""
    columns: dict[str, Column] = {}
    levels = {p.source: p.encoder.levels for p in parts if p.encoder.levels is not None}
    for part in parts:
        if part.encoder.outputs:
            column = sources[part.source].input
            for name, dtype in zip(column.columns, column.dtypes, strict=True):
                columns.setdefault(name, Column.of(name, dtype, nulls=int(nulls.get(name, 0)), levels=levels.get(name)))
    return Schema(tuple(columns.values()))


def refuse_clashes(parts: tuple[SourceEncoder, ...]) -> None:
    """Refuse features of one name."""
    makers: dict[str, list[str]] = {}
    for part in parts:
        for name in part.encoder.outputs:
            makers.setdefault(name, []).append(f"{part.encoder.kind} of {part.source!r}")
    twice = [f"{name!r} (from {' and '.join(made)})" for name, made in makers.items() if len(made) > 1]
    if twice:
        raise FitError(
            f"two columns or encoders would make features of one name: {', '.join(twice)}",
            advice="rename one of the columns, or leave one out",
        )


def part_to_dict(part: SourceEncoder) -> dict[str, Any]:
    """Return a part as plain data, from which `part_of` rebuilds it."""
    return {
        "source": part.source,
        "requested": registry.to_dict(part.requested),
        "spec": registry.to_dict(part.spec),
        "frozen": registry.to_dict(part.encoder.frozen),
        "scalars": dict(part.scalars),
        "outputs": list(part.encoder.outputs),
    }


def part_of(given: NamedTable, sources: Mapping[str, Source], aims: tuple[Aim, ...]) -> SourceEncoder:
    """Rebuild a part from what was saved of it; `SchemaError` if it gives other features now."""
    requested, spec, frozen = (registry.from_dict(given.mapping(name)) for name in ("requested", "spec", "frozen"))
    name, scalars = given.choice("source", sources), given.mapping("scalars")
    source = sources[name]
    check_part(frozen, requested, source, scalars)
    encoder = frozen.finish(source.input, source.statistics(scalars), aims)
    if encoder.outputs != (outputs := given.texts("outputs")):
        raise SchemaError(
            f"the features of {name!r} were called {list(outputs)} when the state was saved, "
            f"and are {list(encoder.outputs)} now",
            advice="use the version of tabkit-ml that saved it",
        )
    return SourceEncoder(name, requested, spec, scalars, encoder)
