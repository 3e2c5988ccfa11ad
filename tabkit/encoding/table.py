"""The table encoder: one encoder per column, fitted together in one pass, applied as expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import splits
from tabkit.encoding.auto import choose
from tabkit.encoding.drop import FittedDrop
from tabkit.encoding.fitted import FittedTable
from tabkit.encoding.levels import Floats
from tabkit.encoding.numeric import Infinite
from tabkit.encoding.protocol import Encoder, FittedEncoder, Input, Statistics
from tabkit.encoding.survey import survey
from tabkit.encoding.target import Smoothing
from tabkit.encoding.target import Target as Encode
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.frames import collect, fresh_name
from tabkit.schema import Column, Schema, dtype_name, family
from tabkit.target import Target, infer

_PATTERN = re.compile(r"\*|\^.*\$", flags=re.DOTALL)


class Encoded(NamedTuple):
    """What `TableEncoder.fit_transform` returns.

    Parameters
    ----------
    encoder
        The fitted encoder, for new rows.
    features
        The rows of the fit, in their order, encoded out of fold. Lazy if the frame was.
    """

    encoder: FittedTable
    features: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEncoder:
    """A specification: how the columns of a table become numbers.

    Parameters
    ----------
    default
        ``auto`` picks by type and number of levels; ``drop`` leaves out columns that are not in `columns`.
    columns
        Encoders by column, for those that shall not have the default.
    max_onehot
        Text with up to this many levels gets one column per level, above that its target mean.
    smoothing
        Of the default target encoding, see `tabkit.encoding.Target`.
    folds
        Into how many parts the rows of the fit are divided for cross-fitting.
    infinite
        ``error`` refuses infinite numbers at the fit, ``null`` takes them for missing.
    seed
        Decides which row goes to which fold.
    """

    default: Literal["auto", "drop"] = "auto"
    columns: Mapping[str, Encoder] = field(default_factory=dict)
    max_onehot: int = 10
    smoothing: Smoothing = "auto"
    folds: int = 5
    infinite: Infinite = "error"
    seed: int = 0

    def __post_init__(self) -> None:
        Encode(smoothing=self.smoothing)  # raises what it has to say
        wrong = {
            "default": self.default not in ("auto", "drop"),
            "max_onehot": self.max_onehot < 0,
            "folds": self.folds < 2,
            "infinite": self.infinite not in ("error", "null"),
        }
        for name in (name for name, is_wrong in wrong.items() if is_wrong):
            raise ConfigError(f"{name} is {getattr(self, name)!r}", advice="see `TableEncoder` for what it may be")

    def fit(
        self,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        target: str | Target,
        exclude: Iterable[str] = (),
        weight: str | None = None,
        folds: NDArray[np.integer[Any]] | None = None,
    ) -> FittedTable:
        """Fit in one pass over the data; where `target` is a name, two short ones before look at that column.

        Parameters
        ----------
        frame
            The rows of the fit.
        target
            The target column, or one that was understood before by `tabkit.target.infer`.
        exclude
            Columns that are no features.
        weight
            Column of row weights of 0 or more; it is no feature.
        folds
            Shape (rows,): a fold number from 0 for each row. By default seeded, stratified by class. A lazy
            frame must give its rows in the same order each time it is read.

        Raises
        ------
        FitError
            If nothing is left to encode, a number is infinite, a weight is impossible, or the target cannot
            be learned.
        SchemaError
            If the target, the weight or an excluded column is not there, or a column cannot be encoded.
        ConfigError
            If an encoder is given for a column that is not there or that it does not take, or `folds` do not
            suit the rows.
        """
        return self._fit(frame.lazy(), target=target, exclude=exclude, weight=weight, folds=folds)[0]

    def fit_transform(
        self,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        target: str | Target,
        exclude: Iterable[str] = (),
        weight: str | None = None,
        folds: NDArray[np.integer[Any]] | None = None,
    ) -> Encoded:
        """Fit, and encode the rows of the fit **out of fold**: no row's target enters its own features.

        This is not ``fit`` followed by ``transform``: wherever an encoder uses the target, a training row
        gets the value that the other folds give, with the other folds' own mean as the prior. Use the
        features returned here to train, and `FittedTable.transform` for all other rows.
        Parameters and errors are those of `fit`.
        """
        lazy = frame.lazy()
        fitted, fold = self._fit(lazy, target=target, exclude=exclude, weight=weight, folds=folds)
        schema = lazy.collect_schema()
        name = fresh_name("fold", schema.names())
        exprs = [expr for encoder in fitted.encoders for expr in encoder.cross_exprs(pl.col(name))]
        numbered = pl.concat([lazy, pl.LazyFrame({name: fold})], how="horizontal")
        features = numbered.select(*fitted.schema.align(schema), name).select(exprs)
        if isinstance(frame, pl.DataFrame):
            return Encoded(fitted, collect(features, what="the rows of the fit"))
        return Encoded(fitted, features)

    def _fit(
        self,
        frame: pl.LazyFrame,
        *,
        target: str | Target,
        exclude: Iterable[str],
        weight: str | None,
        folds: NDArray[np.integer[Any]] | None,
    ) -> tuple[FittedTable, NDArray[np.int32]]:
        known = target if isinstance(target, Target) else infer(frame, target)
        schema = frame.collect_schema()
        chosen = self._choose(_inputs(schema, target=known, exclude=exclude, weight=weight))
        found = survey(frame, chosen, target=known, weight=weight)
        fold = self._folds(found.y, known, folds)
        statistics = {column.name: found.statistics(column.name, target=known, fold=fold) for column in chosen}
        _refuse_infinite(statistics)
        return _assemble(chosen, statistics, known), fold

    def _choose(self, inputs: Sequence[Input]) -> dict[Input, Encoder | None]:
        absent = sorted(set(self.columns) - {column.name for column in inputs})
        if absent:
            raise ConfigError(
                f"encoders are given for columns that are no features: {', '.join(map(repr, absent))}",
                advice="check the spelling; the target, the weight and excluded columns cannot be encoded",
            )
        taken = [column for column in inputs if column.name in self.columns or self.default == "auto"]
        nested = [f"{c.name!r} ({dtype_name(c.dtype)})" for c in taken if c.family == "other"]
        if nested:
            raise SchemaError(
                f"columns that cannot be encoded: {', '.join(nested)}",
                advice="unnest structs, explode or aggregate lists, or leave these columns out",
            )
        return {column: self._encoder(column) for column in taken}

    def _encoder(self, column: Input) -> Encoder | None:
        if column.name not in self.columns:
            return choose(column, max_onehot=self.max_onehot, smoothing=self.smoothing, infinite=self.infinite)
        encoder = self.columns[column.name]
        if column.family not in encoder.families and column.family != "null":
            text = "; cast it to String to encode it by its levels" if "text" in encoder.families else ""
            raise ConfigError(
                f"{type(encoder).__name__} does not take {column.name!r}, which is {dtype_name(column.dtype)}",
                advice=f"it takes columns of these kinds: {', '.join(sorted(encoder.families))}{text}",
            )
        return encoder if column.family != "null" else None

    def _folds(self, y: Floats, target: Target, given: NDArray[np.integer[Any]] | None) -> NDArray[np.int32]:
        if given is None:
            classes = y if target.task != "regression" else None
            return splits.kfold(len(y), folds=self.folds, seed=self.seed, stratify=classes).astype(np.int32)
        fold = np.asarray(given)
        if fold.shape != y.shape or fold.dtype.kind not in "iu" or fold.min() < 0:
            raise ConfigError(
                f"folds have shape {fold.shape} and type {fold.dtype}; "
                f"one whole number from 0 for each of the {len(y):,} rows was expected",
                advice="make them with tabkit.splits.kfold",
            )
        distinct, numbered = np.unique(fold, return_inverse=True)
        if len(distinct) < 2:
            raise ConfigError("folds put all rows in one fold; at least two were expected")
        return numbered.astype(np.int32)


def _inputs(schema: pl.Schema, *, target: Target, exclude: Iterable[str], weight: str | None) -> list[Input]:
    """Return the feature columns, once it is sure that every column named is there and can be named."""
    left_out = dict.fromkeys([target.name, *([weight] if weight else []), *exclude])
    absent = [name for name in left_out if name not in schema]
    if absent:
        raise SchemaError(
            f"columns that are not there: {', '.join(map(repr, absent))}",
            advice=f"the columns are {', '.join(map(repr, schema.names()[:40]))}",
        )
    if weight and family(schema[weight]) not in ("number", "boolean"):
        raise SchemaError(f"weight {weight!r} is {dtype_name(schema[weight])}; a number was expected")
    inputs = [Input(name, dtype) for name, dtype in schema.items() if name not in left_out]
    patterns = [column.name for column in inputs if _PATTERN.fullmatch(column.name)]
    if patterns:
        raise SchemaError(
            f"Polars reads these column names as patterns: {', '.join(map(repr, patterns))}",
            advice="rename them: a name may not be * or stand between ^ and $",
        )
    return inputs


def _refuse_infinite(found: Mapping[str, Statistics]) -> None:
    wild = {name: s.scalars["infinite"] for name, s in found.items() if s.scalars.get("infinite")}
    if wild:
        listed = ", ".join(f"{name!r} ({count:,} rows)" for name, count in wild.items())
        raise FitError(
            f"infinite values in {listed}",
            advice="repair them, or take them for missing with --set encoding.infinite=null",
        )


def _assemble(chosen: Mapping[Input, Encoder | None], found: Mapping[str, Statistics], target: Target) -> FittedTable:
    fitted: list[FittedEncoder] = [
        encoder.finish(column, found[column.name], target) if encoder else FittedDrop(column.name, "all null")
        for column, encoder in chosen.items()
    ]
    if not any(encoder.outputs for encoder in fitted):
        reasons = "; ".join(f"{encoder.column}: {encoder.why}" for encoder in fitted)
        raise FitError(f"no column is left to learn from ({reasons or 'there are no features'})")
    _refuse_clashes(fitted)
    types = {column.name: column.dtype for column in chosen}
    columns = tuple(
        Column(e.column, dtype_name(types[e.column]), int(found[e.column].nulls), e.levels) for e in fitted if e.outputs
    )
    return FittedTable(tuple(fitted), Schema(columns))


def _refuse_clashes(fitted: Sequence[FittedEncoder]) -> None:
    makers: dict[str, list[str]] = {}
    for encoder in fitted:
        for name in encoder.outputs:
            makers.setdefault(name, []).append(encoder.column)
    twice = [f"{name!r} (from {' and '.join(map(repr, made))})" for name, made in makers.items() if len(made) > 1]
    if twice:
        raise FitError(
            f"two columns would make features of one name: {', '.join(twice)}",
            advice="rename one of the columns, or leave one out",
        )
