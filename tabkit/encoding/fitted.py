"""The fitted table encoder: fitted encoders of all columns, applied as expressions, saved as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import polars as pl

from tabkit.encoding.dates import FittedDateParts
from tabkit.encoding.drop import FittedDrop
from tabkit.encoding.numeric import FittedNumeric
from tabkit.encoding.onehot import FittedOneHot
from tabkit.encoding.protocol import Encoder, FittedEncoder
from tabkit.encoding.target import FittedTarget
from tabkit.errors import SchemaError
from tabkit.schema import Schema

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
    >>> from tabkit.encoding import TableEncoder
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

    @property
    def specs(self) -> dict[str, Encoder]:
        """The specifications by column: `TableEncoder(columns=...)` makes the same kinds again on other rows."""
        return {encoder.column: encoder.spec for encoder in self.encoders}

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
        encoders = [{"kind": e.kind, "outputs": list(e.outputs), **e.state()} for e in self.encoders]
        return {"encoders": encoders, "schema": self.schema.to_list()}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> FittedTable:
        """Rebuild what `to_dict` gave; an encoder that this version does not know is a `SchemaError`."""
        encoders = []
        for item in state["encoders"]:
            kind = item["kind"]
            if kind not in FITTED:
                raise SchemaError(f"unknown encoder {kind!r} in a saved state", advice="upgrade tabkit-ml")
            encoder = FITTED[kind].from_state({k: v for k, v in item.items() if k not in ("kind", "outputs")})
            if list(encoder.outputs) != item["outputs"]:
                raise SchemaError(
                    f"the features of {encoder.column!r} were called {item['outputs']} when the state was saved, "
                    f"and are {list(encoder.outputs)} now",
                    advice="use the version of tabkit-ml that saved it",
                )
            encoders.append(encoder)
        return cls(tuple(encoders), Schema.from_list(state["schema"]))
