"""Merge statistics of further rows: another part of the table, or newer rows while older ones lose weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tabkit import forked
from tabkit.encoding import registry
from tabkit.encoding.aim import Aim
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Scalars
from tabkit.encoding.roles import RowRoles
from tabkit.encoding.table.fitting import SourceEncoder, aims_of, fitted_part, refuse_infinite, source_of
from tabkit.encoding.table.folds import Folds
from tabkit.encoding.table.source import Source
from tabkit.encoding.table.survey import survey
from tabkit.errors import ConfigError, FitError
from tabkit.schema import Family, Schema, family
from tabkit.target import TargetColumn


@dataclass(frozen=True, slots=True, eq=False)
class TableState:
    """What a fitted table is made from: see `FittedTable`."""

    parts: tuple[SourceEncoder, ...]
    sources: Mapping[str, Source]
    aims: tuple[Aim, ...]
    roles: RowRoles
    folds: int
    nulls: Mapping[str, float]


def merged(mine: TableState, other: TableState) -> TableState:
    """Return the state of one fit on the rows of both; every choice is made anew from all of them.

    Raises
    ------
    FitError
        If the two were not fitted with the same specification, targets and number of folds.
    """
    forked.check()
    differences = _differences(mine, other)
    if differences:
        raise FitError(
            f"encoders that cannot be merged: {'; '.join(differences)}",
            advice="fit the parts with one TableEncoder, and with targets understood once by tabkit.target.infer",
        )
    aims = _lowest(mine.aims, other.aims)
    sources = {name: source.merge(other.sources[name], append=False) for name, source in mine.sources.items()}
    parts = tuple(
        a
        if _is_gone(mine, a)
        else fitted_part(sources[a.source], a.requested, a.requested.pool([a.scalars, b.scalars]), aims)
        for a, b in zip(mine.parts, other.parts, strict=True)
    )
    names = dict.fromkeys([*mine.nulls, *other.nulls])
    nulls = {name: mine.nulls.get(name, 0) + other.nulls.get(name, 0) for name in names}
    # a part that left a column out does not say how many nulls it had, but its source does
    nulls |= {name: source.nulls for name, source in sources.items() if len(source.input.columns) == 1}
    return replace(mine, parts=parts, sources=sources, aims=aims, nulls=nulls)


def updated(state: TableState, frame: pl.LazyFrame, *, decay: float) -> TableState:
    """Return the state with further rows, old ones counting `decay` times; no feature changes its name or meaning.

    Columns that made no feature stay left out. `frame` holds the columns of the fit, aligned, and its roles.
    """
    if not 0 < decay <= 1:
        raise ConfigError(f"decay is {decay!r}: above 0 and at most 1 was expected", advice="1 counts old rows in full")
    used = [part for part in state.parts if part.encoder.outputs]
    chosen = [(state.sources[part.source].input, part.requested) for part in used]
    targets = tuple({aim.target.name: aim.target for aim in state.aims}.values())
    surveyed = survey(frame, chosen, targets=targets, roles=replace(state.roles, groups=None))
    refuse_infinite(surveyed, chosen)
    weighed = aims_of(surveyed, targets, arms=_arms(state.aims, surveyed.other))
    fold = (
        np.arange(surveyed.rows) % state.folds if state.roles.time is None else np.full(surveyed.rows, state.folds - 1)
    )
    folds, columns = Folds(fold, state.folds), {column.name: column for column, _ in chosen}
    new = {name: source_of(surveyed, column, folds, weighed)[0] for name, column in columns.items()}
    sources = {
        name: source.scale(decay).merge(new[name], append=True) if name in new else source.bare()
        for name, source in state.sources.items()
    }
    aims = _lowest(state.aims, weighed.aims)
    fresh = dict(zip(map(id, used), surveyed.scalars, strict=True))
    parts = tuple(
        replace(
            fitted_part(
                sources[part.source],
                part.encoder.frozen,
                _pooled(part, fresh),
                aims,
            ),
            requested=part.requested,
            spec=part.spec,
            scalars=_pooled(part, fresh),
        )
        for part in state.parts
    )
    nulls = {name: state.nulls.get(name, 0) * decay + count for name, count in surveyed.nulls.items()}
    return replace(state, parts=parts, sources=sources, aims=aims, nulls=nulls)


def further_columns(targets: Sequence[TargetColumn], roles: RowRoles) -> list[str]:
    """Return the columns that an update needs beside the features."""
    needed = [name for name in (roles.weight, roles.arms, roles.time) if name]
    return list(dict.fromkeys([*(target.name for target in targets), *needed]))


def nulls_of(schema: Schema) -> dict[str, float]:
    """Return how many nulls each column had."""
    return {column.name: column.nulls for column in schema.columns}


def _pooled(part: SourceEncoder, fresh: Mapping[int, Scalars]) -> Scalars:
    return part.requested.pool([part.scalars, fresh[id(part)]]) if id(part) in fresh else {}


def _is_gone(state: TableState, part: SourceEncoder) -> bool:
    """Return whether a part makes no feature and its statistics were not kept: see `FittedTable.slim`."""
    source, needs = state.sources[part.source], part.requested.needs
    empty = (source.levels is None if "levels" in needs else not part.scalars) and part.requested.kind != "drop"
    return not part.encoder.outputs and empty


def _differences(mine: TableState, other: TableState) -> list[str]:
    differences = []
    ours, theirs = ([(p.source, registry.to_dict(p.requested)) for p in state.parts] for state in (mine, other))
    if ours != theirs:
        only = [repr(name) for name, _ in (item for item in ours + theirs if (item in ours) != (item in theirs))]
        differences.append(f"columns or encoders differ ({', '.join(dict.fromkeys(only)) or 'in their order'})")
    else:
        pairs = list(zip(mine.parts, other.parts, strict=True))
        half = [a.source for a, b in pairs if _is_gone(mine, a) != _is_gone(other, b)]
        if half:
            differences.append(f"statistics of {', '.join(map(repr, half))} were kept in one alone")
        for name, source in mine.sources.items():
            column, counterpart = source.input, other.sources[name].input
            if _kinds(column) != _kinds(counterpart):
                differences.append(f"{column.described} is {counterpart.described} in the other")
    targets = [[replace(aim, low=0.0) for aim in state.aims] for state in (mine, other)]
    if targets[0] != targets[1]:
        differences.append(
            f"targets differ: {[a.name for a in mine.aims]} and {[a.name for a in other.aims]}, or their classes"
        )
    if mine.folds != other.folds or mine.roles != other.roles:
        differences.append("folds, weight, arms, groups or time differ")
    return differences


def _kinds(column: Input) -> list[tuple[Family, str | None]]:
    """Return what a column's statistics hang on: the kind of values, and the zone in which times are read."""
    return [(family(dtype), getattr(dtype, "time_zone", None)) for dtype in column.dtypes]


def _lowest(mine: Sequence[Aim], other: Sequence[Aim]) -> tuple[Aim, ...]:
    return tuple(replace(a, low=min(a.low, b.low)) for a, b in zip(mine, other, strict=True))


def _arms(aims: Sequence[Aim], other: pl.DataFrame) -> list[str] | None:
    if "arms" not in other.columns:
        return None
    known = list(dict.fromkeys(aim.arm for aim in aims if aim.arm is not None))
    unknown = sorted(set(other["arms"].cast(pl.String).drop_nulls().unique().to_list()) - set(known))
    if unknown:
        raise FitError(
            f"arms that the fit did not know: {', '.join(map(repr, unknown[:10]))}",
            advice="fit a new encoder, or leave these rows out",
        )
    return known
