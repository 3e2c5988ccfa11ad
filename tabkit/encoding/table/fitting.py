"""Compute the statistics of each source, and fitted encoders, from what the pass over the rows collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.input import Input
from tabkit.encoding.levels import Codes, factorise
from tabkit.encoding.protocol import Encoder, FittedEncoder, Scalars
from tabkit.encoding.statistics import Floats, count
from tabkit.encoding.table.folds import Folds
from tabkit.encoding.table.source import Source
from tabkit.encoding.table.survey import Survey
from tabkit.errors import ConfigError, FitError
from tabkit.target import TargetColumn


@dataclass(frozen=True, slots=True, eq=False)
class SourceEncoder:
    """One encoder of one source.

    Parameters
    ----------
    source
        `Input.name` of what it encodes.
    requested, spec
        The specification that was asked for, and what was chosen: different where the choice was left open.
    scalars
        The aggregates that the specification asked for.
    encoder
        The fitted encoder.
    """

    source: str
    requested: Encoder
    spec: Encoder
    scalars: Scalars
    encoder: FittedEncoder


_MOST_ARMS = 50  # more are no arms but another column


class WeightedAims(NamedTuple):
    """The aims of a fit, with the rows' targets and weights.

    Parameters
    ----------
    aims
        The aims.
    y, weight
        For each aim, shape (n,): the target as numbers, and the weight of each row (None for ones).
    """

    aims: tuple[Aim, ...]
    y: tuple[Floats, ...]
    weight: tuple[Floats | None, ...]


def source_of(
    found: Survey, column: Input, folds: Folds, weighed: WeightedAims, *, known: Sequence[str] = ()
) -> tuple[Source, Codes | None]:
    """Return the statistics of a source, and the level of each row where levels are needed."""
    levels, code = None, None
    if column.name in found.text.columns:
        names, code = factorise(found.text[column.name], known=known)
        kinds = [max(1, len(aim.classes)) if aim.target.task != "regression" else 0 for aim in weighed.aims]
        targets = list(zip(weighed.y, weighed.weight, kinds, strict=True))
        levels = count(names, code, fold=folds.fold, folds=folds.count, targets=targets)
    values = found.values.get(column.name)
    return Source(column, found.rows, found.nulls[column.name], levels, values), code


def aims_of(found: Survey, targets: Sequence[TargetColumn], *, arms: Sequence[str] | None = None) -> WeightedAims:
    """Return the aims, and for each the values of its target and the weights of its rows.

    `arms` are the arms' labels, if they are known from before.
    """
    lows = [float(values.min()) for values in found.y]
    if "arms" not in found.other.columns:
        aims = tuple(Aim(target, low) for target, low in zip(targets, lows, strict=True))
        return WeightedAims(aims, found.y, (found.weight,) * len(aims))
    arm = found.other["arms"].cast(pl.String)
    if arm.null_count():
        raise FitError(f"the arm is null in {arm.null_count():,} rows", advice="leave these rows out")
    if not targets:
        raise ConfigError("arms are given without a target", advice="pass target=..., the outcome")
    names = list(arms) if arms is not None else arm.unique().sort().to_list()
    if len(names) > _MOST_ARMS:
        raise FitError(
            f"the arm has {len(names):,} values; at most {_MOST_ARMS} were expected",
            advice="name the arm",
        )
    inside = [(arm == name).to_numpy().astype(np.float64) for name in names]
    weights = [mask if found.weight is None else mask * found.weight for mask in inside]
    aims = tuple(Aim(t, low, name) for t, low in zip(targets, lows, strict=True) for name in names)
    return WeightedAims(aims, tuple(values for values in found.y for _ in names), tuple(weights) * len(targets))


def fitted_part(source: Source, encoder: Encoder, scalars: Scalars, aims: tuple[Aim, ...]) -> SourceEncoder:
    """Fit one encoder from the statistics of its source."""
    fitted = encoder.finish(source.input, source.statistics(scalars), aims)
    return SourceEncoder(source.input.name, encoder, fitted.spec, scalars, fitted)


def refuse_infinite(found: Survey, chosen: Sequence[tuple[Input, Encoder]]) -> None:
    """Refuse infinite numbers, all columns at once."""
    wild = {
        column.name: scalars["infinite"]
        for (column, _), scalars in zip(chosen, found.scalars, strict=True)
        if scalars.get("infinite")
    }
    if wild:
        listed = ", ".join(f"{name!r} ({rows:,} rows)" for name, rows in wild.items())
        raise FitError(
            f"infinite values in {listed}",
            advice="repair them, or take them for missing: infinite='null' (--set encoding.infinite=null)",
        )
