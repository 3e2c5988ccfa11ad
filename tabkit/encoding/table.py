"""The table encoder: one encoder per column, fitted together in one pass, applied as expressions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import splits
from tabkit.encoding import levels as level_statistics
from tabkit.encoding.auto import choose
from tabkit.encoding.dates import FittedDateParts
from tabkit.encoding.drop import FittedDrop
from tabkit.encoding.levels import LevelStatistics
from tabkit.encoding.numeric import FittedNumeric, Infinite
from tabkit.encoding.onehot import FittedOneHot
from tabkit.encoding.protocol import Encoder, FittedEncoder, Input, Statistics
from tabkit.encoding.target import FittedTarget, Smoothing
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.frames import collect, collect_all, fresh_name
from tabkit.schema import Column, Schema, dtype_name
from tabkit.target import Target, infer

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

FITTED: dict[str, type[FittedEncoder]] = {
    "drop": FittedDrop,
    "numeric": FittedNumeric,
    "onehot": FittedOneHot,
    "target": FittedTarget,
    "dates": FittedDateParts,
}
"""Every fitted encoder by the name that it has in a saved state."""


@dataclass(frozen=True, slots=True)
class FittedTable:
    """A fitted table encoder: data and expressions, nothing else.

    Parameters
    ----------
    encoders
        One fitted encoder per column of the fit, in the order of the source.
    schema
        The columns that it needs, as they were at the fit.

    Examples
    --------
    >>> frame = pl.DataFrame({"city": ["a", "b", "a", "b"], "age": [1, 2, 3, None], "y": [0, 1, 0, 1]})
    >>> fitted = TableEncoder(folds=2).fit(frame, target="y")
    >>> fitted.outputs
    ('city=a', 'city=b', 'age')
    >>> fitted.transform(pl.DataFrame({"age": [7], "city": ["new"]})).row(0)
    (0, 0, 7.0)
    """

    encoders: tuple[FittedEncoder, ...]
    schema: Schema

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(name for encoder in self.encoders for name in encoder.outputs)

    @property
    def source_of(self) -> dict[str, str]:
        """The source column of each feature."""
        return {name: encoder.column for encoder in self.encoders for name in encoder.outputs}

    def to_exprs(self) -> list[pl.Expr]:
        """Return the full-data mapping, one expression per output; for rows that were not fitted on."""
        return [expr for encoder in self.encoders for expr in encoder.exprs()]

    def unseen(self) -> dict[str, pl.Expr]:
        """Return, by column, an expression that is true where the level was never seen at the fit."""
        found = ((encoder.column, encoder.unseen()) for encoder in self.encoders)
        return {column: expr for column, expr in found if expr is not None}

    def transform(self, frame: Frame) -> Frame:
        """Encode rows that were **not** fitted on; lazy in, lazy out, row order kept.

        The rows of the fit need the out-of-fold values that `TableEncoder.fit_transform` returns: their own
        target is inside the values that this method gives, and a model trained on those would learn it.

        Raises
        ------
        SchemaError
            If columns are missing or of another type; extra columns are ignored.
        """
        found = frame.lazy().collect_schema()
        self.schema.check(found)
        encoded = frame.lazy().select(self.schema.align(found)).select(self.to_exprs())
        return encoded.collect() if isinstance(frame, pl.DataFrame) else encoded

    def plan(self) -> pl.DataFrame:
        """Return, by column of the fit, what was chosen and why: column, encoder, levels, outputs, why."""
        rows = [(e.column, e.kind, e.levels, len(e.outputs), e.why) for e in self.encoders]
        names = {
            "column": pl.String,
            "encoder": pl.String,
            "levels": pl.Int64,
            "outputs": pl.Int64,
            "why": pl.String,
        }
        return pl.DataFrame(rows, schema=names, orient="row")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; frames stand under ``frames`` of each encoder."""
        encoders = [{"kind": encoder.kind, **encoder.state()} for encoder in self.encoders]
        return {"encoders": encoders, "schema": self.schema.to_list()}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> FittedTable:
        """Rebuild what `to_dict` gave; an encoder that this version does not know is a `SchemaError`."""
        encoders = []
        for item in state["encoders"]:
            kind = item["kind"]
            if kind not in FITTED:
                raise SchemaError(f"unknown encoder {kind!r} in a saved state", advice="upgrade tabkit-ml")
            encoders.append(FITTED[kind].from_state({k: v for k, v in item.items() if k != "kind"}))
        return cls(tuple(encoders), Schema.from_list(state["schema"]))


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

    def fit(
        self,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        target: str | Target,
        exclude: Iterable[str] = (),
        weight: str | None = None,
        folds: NDArray[np.integer[Any]] | None = None,
    ) -> FittedTable:
        """Fit in one pass over the data (a second one reads the target and makes the folds).

        Parameters
        ----------
        frame
            The rows of the fit.
        target
            The target column, or one that was understood before by `tabkit.target.infer`.
        exclude
            Columns that are no features.
        weight
            Column of row weights; it is no feature.
        folds
            Shape (rows,): a fold number from 0 for each row. By default seeded, stratified by class.

        Raises
        ------
        FitError
            If nothing is left to encode, a number is infinite, or the target cannot be learned.
        SchemaError
            If a column is of a kind that cannot be encoded.
        ConfigError
            If an encoder is given for a column that is not there or that it does not take.
        """
        return self._fit(frame, target=target, exclude=exclude, weight=weight, folds=folds)[0]

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
        fitted, fold = self._fit(frame, target=target, exclude=exclude, weight=weight, folds=folds)
        lazy = frame.lazy()
        schema = lazy.collect_schema()
        name = fresh_name("fold", schema.names())
        exprs = [expr for encoder in fitted.encoders for expr in encoder.cross_exprs(pl.col(name))]
        numbered = _with_folds(lazy, fold, name)
        aligned = numbered.select(*fitted.schema.align(schema), name).select(exprs)
        return Encoded(fitted, aligned.collect() if isinstance(frame, pl.DataFrame) else aligned)

    def _fit(
        self,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        target: str | Target,
        exclude: Iterable[str],
        weight: str | None,
        folds: NDArray[np.integer[Any]] | None,
    ) -> tuple[FittedTable, NDArray[np.int32]]:
        lazy = frame.lazy()
        schema = lazy.collect_schema()
        known = target if isinstance(target, Target) else infer(lazy, target)
        left_out = {known.name, *exclude, *([weight] if weight else [])}
        inputs = [Input(name, dtype) for name, dtype in schema.items() if name not in left_out]
        chosen = self._choose(inputs)
        fold = self._folds(lazy, known, folds)
        name = fresh_name("fold", schema.names())
        mass = pl.col(weight).cast(pl.Float64) if weight else pl.col(name).is_not_null().cast(pl.Float64)
        found = _statistics(_with_folds(lazy, fold, name), chosen, target=known, fold=pl.col(name), weight=mass)
        _refuse_infinite(found)
        return _assemble(chosen, found, known), fold

    def _choose(self, inputs: Sequence[Input]) -> dict[Input, Encoder | None]:
        names = {column.name for column in inputs}
        absent = sorted(set(self.columns) - names)
        if absent:
            raise ConfigError(f"encoders are given for columns that are no features: {', '.join(absent)}")
        nested = [f"{c.name!r} ({dtype_name(c.dtype)})" for c in inputs if c.family == "other"]
        if nested and self.default == "auto":
            raise SchemaError(
                f"columns that cannot be encoded: {', '.join(nested)}",
                advice="unnest structs, explode or aggregate lists, or leave these columns out",
            )
        return {column: self._encoder(column) for column in inputs if column.name in self.columns or self._auto}

    @property
    def _auto(self) -> bool:
        return self.default == "auto"

    def _encoder(self, column: Input) -> Encoder | None:
        if column.name not in self.columns:
            return choose(column, max_onehot=self.max_onehot, smoothing=self.smoothing, infinite=self.infinite)
        encoder = self.columns[column.name]
        if column.family not in encoder.families and column.family != "null":
            raise ConfigError(
                f"{type(encoder).__name__} does not take {column.name!r}, which is {dtype_name(column.dtype)}",
                advice=f"it takes columns of these kinds: {', '.join(sorted(encoder.families))}",
            )
        return encoder if column.family != "null" else None

    def _folds(self, frame: pl.LazyFrame, target: Target, given: NDArray[np.integer[Any]] | None) -> NDArray[np.int32]:
        y = collect(frame.select(target.expr()), what="the target").to_series().to_numpy()
        if given is None:
            classes = y if target.task != "regression" else None
            return splits.kfold(len(y), folds=self.folds, seed=self.seed, stratify=classes).astype(np.int32)
        fold = np.asarray(given)
        if fold.shape != y.shape or fold.dtype.kind not in "iu" or fold.min() < 0:
            raise ConfigError(
                f"folds have shape {fold.shape} and type {fold.dtype}; "
                f"one whole number from 0 for each of the {len(y):,} rows was expected"
            )
        return np.unique(fold, return_inverse=True)[1].astype(np.int32)


def _with_folds(frame: pl.LazyFrame, fold: NDArray[np.int32], name: str) -> pl.LazyFrame:
    return pl.concat([frame, pl.LazyFrame({name: fold})], how="horizontal")


def _statistics(
    frame: pl.LazyFrame,
    chosen: Mapping[Input, Encoder | None],
    *,
    target: Target,
    fold: pl.Expr,
    weight: pl.Expr,
) -> dict[str, Statistics]:
    scalars: dict[str, pl.Expr] = {"rows": pl.len()}
    for i, (column, encoder) in enumerate(chosen.items()):
        missing = pl.col(column.name).is_null()
        if column.dtype.is_float():
            missing = missing | pl.col(column.name).is_nan().fill_null(False)
        scalars[f"{i} nulls"] = missing.sum()
        scalars |= {f"{i} {key}": e for key, e in (encoder.scalars(column) if encoder else {}).items()}
    by_level = [column.name for column, encoder in chosen.items() if encoder and encoder.needs_levels]
    queries = [level_statistics.query(frame, n, target=target, fold=fold, weight=weight) for n in by_level]
    summary = frame.select(expr.alias(key) for key, expr in scalars.items())
    first, *others = collect_all([summary, *queries], what="the rows of the fit")
    values = first.row(0, named=True)
    folds = int(collect(frame.select(fold.max()), what="the folds").item()) + 1
    tables = {n: LevelStatistics.from_frame(t, folds=folds) for n, t in zip(by_level, others, strict=True)}
    return {
        column.name: Statistics(
            rows=values["rows"],
            nulls=values[f"{i} nulls"],
            scalars={k.split(" ", 1)[1]: v for k, v in values.items() if k.startswith(f"{i} ")},
            levels=tables.get(column.name),
        )
        for i, column in enumerate(chosen)
    }


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
    outputs = [name for encoder in fitted for name in encoder.outputs]
    if not outputs:
        reasons = "; ".join(f"{encoder.column}: {encoder.why}" for encoder in fitted)
        raise FitError(f"no column is left to learn from ({reasons or 'there are no features'})")
    twice = sorted({name for name in outputs if outputs.count(name) > 1})
    if twice:
        raise FitError(f"two columns would make features of one name: {', '.join(twice)}", advice="rename one")
    types = {column.name: column.dtype for column in chosen}
    columns = tuple(
        Column(e.column, dtype_name(types[e.column]), int(found[e.column].nulls), e.levels) for e in fitted if e.outputs
    )
    return FittedTable(tuple(fitted), Schema(columns))
