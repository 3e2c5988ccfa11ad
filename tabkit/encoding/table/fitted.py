"""The fitted table encoder: fitted encoders of all columns, applied as expressions, saved as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar

import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.rule import RuleFeature
from tabkit.encoding.protocol import Encoder, FittedEncoder
from tabkit.encoding.refusal import refusing_values
from tabkit.encoding.roles import RowRoles
from tabkit.encoding.sql.query import Dialect, query
from tabkit.encoding.statistics import MOST_FOLDS
from tabkit.encoding.table.checking import check_schema, check_sources
from tabkit.encoding.table.fitting import SourceEncoder
from tabkit.encoding.table.merging import TableState, further_columns, merged, nulls_of, updated
from tabkit.encoding.table.parts import part_of, part_to_dict, plan_of, refuse_clashes, schema_of
from tabkit.encoding.table.source import Source
from tabkit.errors import FitError, SchemaError
from tabkit.frames import fresh_name, reading
from tabkit.schema import Schema
from tabkit.untrusted.manifest import NamedTable

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
FORMAT = 1
"""Of the state that `FittedTable.to_dict` gives."""
_SMALL = 1_000  # below so many rows the query optimiser takes longer than the rows
_FEW = pl.QueryOptFlags.none(comm_subexpr_elim=True)


class Rated(NamedTuple, Generic[Frame]):
    """What `FittedTable.transform_with_rates` returns.

    Parameters
    ----------
    features
        The encoded rows.
    rates
        A row per source that is encoded: ``column``, ``rows``, ``null`` and ``unseen`` (shares of the rows, null where
        there are none; ``unseen`` is also null where levels do not matter).
    """

    features: Frame
    rates: Frame


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FittedTable:
    """A fitted table encoder: data and expressions, nothing else.

    Parameters
    ----------
    parts
        One per encoder, in the order of the columns of the fit, then crosses, then rules.
    sources
        The statistics of each source by its name.
    schema
        The columns that it needs, as they were at the fit.
    aims
        The targets (by arm, if there were arms); none in a fit without a target.
    roles
        Which columns said how rows count.
    folds
        Into how many folds the rows of the fit were divided.

    Examples
    --------
    >>> from tabkit.encoding import TableEncoder
    >>> frame = pl.DataFrame({"city": ["a", "b", "a", "b"], "age": [1, 2, 3, None], "y": [0, 1, 0, 1]})
    >>> fitted = TableEncoder(folds=2).fit(frame, target="y")
    >>> fitted.outputs
    ('city=a', 'city=b', 'age')
    >>> fitted.transform(pl.DataFrame({"age": [7], "city": ["new"]})).row(0)
    (0, 0, 7.0)
    """

    parts: tuple[SourceEncoder, ...]
    sources: Mapping[str, Source]
    schema: Schema
    aims: tuple[Aim, ...]
    roles: RowRoles
    folds: int
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        """Say how large it is; the levels would fill pages."""
        return f"FittedTable({len(self.outputs)} features of {len(self.schema.columns)} columns; see plan())"

    @property
    def encoders(self) -> tuple[FittedEncoder, ...]:
        """The fitted encoders."""
        return tuple(part.encoder for part in self.parts)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(name for part in self.parts for name in part.encoder.outputs)

    @property
    def categorical(self) -> tuple[str, ...]:
        """The features that are codes of categories: LightGBM's ``categorical_feature``."""
        return tuple(name for part in self.parts if part.encoder.kind == "codes" for name in part.encoder.outputs)

    @property
    def source_of(self) -> dict[str, str]:
        """The source of each feature: a column, columns with ``x`` between them, or a rule."""
        return {name: part.source for part in self.parts for name in part.encoder.outputs}

    @property
    def specs(self) -> dict[str | tuple[str, ...], list[Encoder]]:
        """The specifications as they were chosen: ``TableEncoder(columns=...)`` makes the same kinds on other rows.

        Those of `rules` are apart.
        """
        found: dict[str | tuple[str, ...], list[Encoder]] = {}
        for part in self.parts:
            if isinstance(part.spec, RuleFeature):
                continue
            columns = self.sources[part.source].input.columns
            found.setdefault(columns if len(columns) > 1 else columns[0], []).append(part.spec)
        return found

    @property
    def rules(self) -> tuple[RuleFeature, ...]:
        """The rules, those that were left out too: ``TableEncoder(rules=...)`` makes the same features again."""
        return tuple(part.spec for part in self.parts if isinstance(part.spec, RuleFeature))

    def to_exprs(self) -> list[pl.Expr]:
        """Return the full-data mapping, one expression per output; for rows that were not fitted on.

        The columns must be as at the fit: `transform` checks and aligns them first.
        """
        if "exprs" not in self._cache:
            self._cache["exprs"] = [expr for part in self.parts for expr in part.encoder.exprs(self.code(part.source))]
        return list(self._cache["exprs"])

    def unseen(self) -> dict[str, pl.Expr]:
        """Return, by source, an expression that is true where the level was never seen at the fit."""
        return {name: self.code(name) == len(self._levels(name)) + 1 for name in self._levelled()}

    def transform(self, frame: Frame, *, keep: Iterable[str] = (), coerce: bool = False) -> Frame:
        """Encode rows that were **not** fitted on; lazy in, lazy out, row order kept.

        The rows of the fit need the out-of-fold values that `TableEncoder.fit_transform` returns: their own
        target is inside the values that this method gives, and a model trained on those would learn it.

        Parameters
        ----------
        frame
            The rows; columns are found by name, and extra ones ignored.
        keep
            Columns to carry along as they are, first in the result.
        coerce
            Read columns of another type as the one of the fit (text as a number, say) instead of refusing
            them. A value that cannot be read is an error, never a null.

        Raises
        ------
        SchemaError
            If columns are missing or of another type, or an encoder refuses null or unseen levels. Of a lazy
            frame, what the values are is known only when it is collected: then Polars raises the error.
        """
        names = [keep] if isinstance(keep, str) else list(dict.fromkeys(keep))
        aligned, kept = self._aligned(frame, names, coerce=coerce)
        if isinstance(frame, pl.LazyFrame):
            return self._encode(frame.select(aligned), kept)
        with refusing_values():
            if frame.height <= _SMALL:  # most of the optimiser takes longer than a few rows
                few = frame.lazy().select(aligned).select(*kept, *self.to_exprs())
                return few.collect(optimizations=_FEW, engine="in-memory")
            return self._encode(frame.lazy().select(aligned), kept).collect()

    def transform_with_rates(self, frame: Frame, *, keep: Iterable[str] = (), coerce: bool = False) -> Rated[Frame]:
        """Return what `transform` does, and how many values were null or never seen, by source.

        Both are made in one pass if the frame is not lazy; of a lazy one both are lazy, for `polars.collect_all`.
        """
        features = self.transform(frame.lazy(), keep=keep, coerce=coerce)
        aligned = frame.lazy().select(self._aligned(frame, [], coerce=coerce)[0])
        unseen = self.unseen()
        used = dict.fromkeys(part.source for part in self.parts if part.encoder.outputs)
        counts = [
            aligned.select(
                pl.lit(name).alias("column"),
                pl.len().alias("rows"),
                self.sources[name].input.missing().mean().alias("null"),
                (unseen[name].mean() if name in unseen else pl.lit(None, dtype=pl.Float64)).alias("unseen"),
            )
            for name in used
        ]
        rates = pl.concat(counts)
        if isinstance(frame, pl.LazyFrame):
            return Rated(features, rates)
        with refusing_values():
            return Rated(*pl.collect_all([features, rates]))

    def to_sql(self, dialect: Dialect = "duckdb", *, table: str = "input", keep: Iterable[str] = ()) -> str:
        """Return a query that gives what `transform` gives, for a database that holds the rows.

        Rows come in no certain order: carry a key along with `keep`. Indicators come as DOUBLE.

        Parameters
        ----------
        dialect
            ``duckdb``.
        table
            The table or view with the columns of the fit under their names and types; one name, quoted as it stands.
        keep
            Columns to carry along, first in the result.

        Raises
        ------
        ConfigError
            If the dialect is not known, or an encoder cannot be written in SQL.

        Examples
        --------
        >>> from tabkit.encoding import Numeric, TableEncoder
        >>> fitted = TableEncoder(columns={"age": Numeric(infinite="null")}).fit(pl.DataFrame({"age": [1.0, 2.0]}))
        >>> print(fitted.to_sql(keep=["id"]))
        SELECT
          t."id",
          CASE WHEN isnan(t."age"::DOUBLE) OR isinf(t."age"::DOUBLE) THEN NULL ELSE t."age"::DOUBLE END AS "age"
        FROM "input" AS t
        """
        used = [(self.sources[part.source].input, part.encoder) for part in self.parts if part.encoder.outputs]
        return query(used, dialect=dialect, table=table, keep=keep)

    def plan(self) -> pl.DataFrame:
        """Return, by encoder, what was chosen and why: column, encoder, levels, outputs, bytes, why.

        ``bytes`` is the memory of the statistics, shared by all encoders of a column.
        """
        return plan_of(self.parts, self.sources)

    def merge(self, other: FittedTable) -> FittedTable:
        """Return what one fit on the rows of both would have given: fit the parts of a large table, then merge.

        Choices are made anew from all rows. Both must come from one specification, with one target, understood once by
        `tabkit.target.infer`. Sums of floats may differ in their last digits, for they run in another order.

        Raises
        ------
        FitError
            If the two differ in specification, targets or folds.
        """
        return _from_state(merged(self._state(), other._state()))

    def update(self, frame: pl.DataFrame | pl.LazyFrame, *, decay: float = 1.0, coerce: bool = False) -> FittedTable:
        """Return an encoder that has also seen `frame`, old rows counting `decay` times as much as before.

        Features keep their names, order and meaning: a level that is new gets the next code, or its own statistics,
        and in one-hot columns counts as other. Columns that were left out stay out.

        Parameters
        ----------
        frame
            New rows with the columns of the fit, the target, and the weight, arms, groups and time that the fit had.
        decay
            Above 0; 1 counts old rows in full.
        coerce
            See `transform`.

        Raises
        ------
        SchemaError
            If columns are missing or of another type.
        FitError
            If the target is null in places, or has a class that was not there at the fit.
        """
        targets = list({aim.target.name: aim.target for aim in self.aims}.values())
        further = further_columns(targets, self.roles)
        with reading("the source of the new rows"):
            found = frame.collect_schema()
        self.schema.check(found, expected=further, coerce=coerce)
        for target in targets:
            target.check(frame, what="the new rows")
        features = set(self.schema.names())
        aligned = self.schema.align(found, coerce=coerce) + [pl.col(name) for name in further if name not in features]
        rows = frame.lazy().select(aligned)
        if coerce:
            with refusing_values():
                rows = rows.collect().lazy()
        return _from_state(updated(self._state(), rows, decay=decay))

    def slim(self) -> FittedTable:
        """Return it without the statistics of columns that make no feature.

        It encodes the same, is smaller, and holds no values of columns that were left out, such as
        identifiers. In a merge with another slim encoder, or an update, those stay left out, whatever the rows say.
        """
        used = {part.source for part in self.parts if part.encoder.outputs}
        sources = {name: source if name in used else source.bare() for name, source in self.sources.items()}
        kept = [p if p.source in used else replace(p, scalars={}) for p in self.parts]
        return replace(self, parts=tuple(kept), sources=sources, _cache={})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; frames stand under ``frames`` of each source."""
        return {
            "format": FORMAT,
            "parts": [part_to_dict(part) for part in self.parts],
            "sources": [source.to_dict() for source in self.sources.values()],
            "schema": self.schema.to_list(),
            "aims": [aim.to_dict() for aim in self.aims],
            "roles": self.roles.to_dict(),
            "folds": self.folds,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> FittedTable:
        """Rebuild what `to_dict` gave; what cannot be is a `BundleError`, and an unknown encoder a `SchemaError`."""
        fields = NamedTable(state, "the encoder")
        if state.get("format") != FORMAT:
            raise SchemaError(
                f"this state of an encoder has format {state.get('format')!r:.80}; this tabkit reads format {FORMAT}",
                advice="upgrade tabkit-ml to the version that wrote it, or fit again",
            )
        found = [Source.from_dict(item.values) for item in fields.tables("sources")]
        sources = {source.input.name: source for source in found}
        aims = tuple(Aim.from_dict(item.values) for item in fields.tables("aims"))
        check_sources(found, aims)
        parts = tuple(part_of(item, sources, aims) for item in fields.tables("parts", "a part of the encoder"))
        schema = Schema.from_list([item.values for item in fields.tables("schema")])
        refuse_clashes(parts)
        check_schema(schema, schema_of(parts, sources, {}))
        roles = RowRoles.from_dict(fields.mapping("roles"))
        return cls(parts, sources, schema, aims, roles, fields.whole("folds", low=1, high=MOST_FOLDS))

    def _state(self) -> TableState:
        return TableState(self.parts, self.sources, self.aims, self.roles, self.folds, nulls_of(self.schema))

    def _aligned(
        self, frame: pl.DataFrame | pl.LazyFrame, keep: list[str], *, coerce: bool
    ) -> tuple[list[pl.Expr], list[pl.Expr]]:
        """Return what is read of rows that are sure to fit, and how the kept columns are named again."""
        with reading("the source of the rows"):
            schema = frame.collect_schema()
        self.schema.check(schema, expected=keep, coerce=coerce)
        clash = sorted(set(keep) & set(self.outputs))
        if clash:
            raise SchemaError(
                f"columns to keep are called like features: {', '.join(map(repr, clash))}",
                advice="rename them before, or leave them out",
            )
        held = {name: fresh_name(f"kept {name}", schema.names()) for name in keep}
        aligned = self.schema.align(schema, coerce=coerce) + [pl.col(name).alias(held[name]) for name in keep]
        return aligned, [pl.col(held[name]).alias(name) for name in keep]

    def _encode(self, aligned: pl.LazyFrame, kept: list[pl.Expr]) -> pl.LazyFrame:
        """Encode aligned rows: each column's levels are looked up once, for all its encoders."""
        taken = aligned.collect_schema().names()
        names = {name: fresh_name(f"code of {name}", taken) for name in self._levelled()}
        codes = [self.code(name).alias(code) for name, code in names.items()]
        exprs = [
            expr
            for part in self.parts
            for expr in part.encoder.exprs(pl.col(names[part.source]) if part.source in names else pl.lit(None))
        ]
        return aligned.with_columns(codes).select(*kept, *exprs)

    def _levelled(self) -> list[str]:
        """Return the sources whose levels are looked up."""
        by_level = (p.source for p in self.parts if p.encoder.outputs and "levels" in p.encoder.spec.needs)
        return list(dict.fromkeys(by_level))

    def _levels(self, name: str) -> Any:
        statistics = self.sources[name].levels
        if statistics is None:
            raise FitError(f"the levels of {name!r} were not kept")
        return statistics.levels

    def code(self, name: str) -> pl.Expr:
        """Return the level of each row of a source, see `Levels`; null if its encoders need none."""
        source = self.sources[name]
        return pl.lit(None) if source.levels is None else source.levels.levels.code(source.input.text())


def assemble(
    parts: tuple[SourceEncoder, ...], sources: Mapping[str, Source], nulls: Mapping[str, float], **rest: Any
) -> FittedTable:
    """Put fitted encoders together, once it is sure that there are features and that their names differ."""
    if not any(part.encoder.outputs for part in parts):
        reasons = "; ".join(f"{part.source}: {part.encoder.why}" for part in parts)
        raise FitError(f"no column is left to learn from ({reasons or 'there are no features'})")
    refuse_clashes(parts)
    return FittedTable(parts, sources, schema_of(parts, sources, nulls), **rest)


def _from_state(state: TableState) -> FittedTable:
    return assemble(state.parts, state.sources, state.nulls, aims=state.aims, roles=state.roles, folds=state.folds)
