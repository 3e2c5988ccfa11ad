"""The column that is predicted: its task, its classes, and the checks that it can be learned at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.frames import collect
from tabkit.schema import dtype_name, family

Task = Literal["binary", "multiclass", "regression"]
_MAX_CLASSES = 100


@dataclass(frozen=True, slots=True)
class Target:
    """A target column, understood.

    Parameters
    ----------
    name
        The column.
    task
        ``binary``, ``multiclass`` or ``regression`` (any number: amounts and counts too).
    classes
        The labels as text, sorted; empty for regression. Of a binary target the last is positive.

    Examples
    --------
    >>> frame = pl.LazyFrame({"y": ["no", "yes", "no", "yes"]})
    >>> target = infer(frame, "y")
    >>> target.task, target.positive
    ('binary', 'yes')
    >>> frame.select(target.expr()).collect().to_series().to_list()
    [0.0, 1.0, 0.0, 1.0]
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()

    @property
    def positive(self) -> str | None:
        """The label whose probability a binary model gives; None for other tasks."""
        return self.classes[1] if self.task == "binary" else None

    def expr(self) -> pl.Expr:
        """Return the target as Float64: 0/1, the class's index, or the number itself; null stays null."""
        if self.task == "regression":
            return pl.col(self.name).cast(pl.Float64)
        index = {label: float(i) for i, label in enumerate(self.classes)}
        return _as_text(self.name).replace_strict(index, return_dtype=pl.Float64)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Target:
        """Rebuild what `to_dict` gave."""
        return cls(values["name"], values["task"], tuple(values["classes"]))


def infer(
    frame: pl.LazyFrame,
    name: str,
    *,
    task: Task | None = None,
    positive: str | None = None,
    what: str = "the data",
) -> Target:
    """Understand the target column and refuse one that cannot be learned.

    Without `task`: two distinct values make it binary, other text multiclass, other numbers regression.
    Rows without a target must have been dropped before; a null here is an error.

    Parameters
    ----------
    frame
        The rows of the fit.
    name
        The target column.
    task
        Overrides what the column looks like.
    positive
        The positive label of a binary target, as text; by default the last one in sorted order
        (numbers as numbers, so 1 of 0/1, ``true`` of booleans, ``yes`` of no/yes).
    what
        How messages call the data.

    Raises
    ------
    SchemaError
        If the column is missing or of a type that cannot be a target.
    FitError
        If it is null in places, NaN or infinite, constant, or if a class has a single row.
    ConfigError
        If `task` or `positive` does not fit the column.
    """
    schema = frame.collect_schema()
    if name not in schema:
        raise SchemaError(f"{what} has no target column {name!r}; it has {', '.join(schema.names()[:30])}")
    kind = family(schema[name])
    if kind not in ("number", "boolean", "text"):
        raise SchemaError(
            f"target {name!r} is {dtype_name(schema[name])}: a number, a boolean or a text was expected",
            advice="turn it into one of these first",
        )
    facts = _facts(frame, name, is_number=kind == "number", what=what)
    if task is None:
        task = "binary" if facts["distinct"] == 2 else ("regression" if kind == "number" else "multiclass")
    if task == "regression":
        if kind != "number":
            raise ConfigError(f"target {name!r} is {dtype_name(schema[name])}: regression needs a number")
        return Target(name, "regression")
    return Target(name, task, _classes(frame, name, task=task, positive=positive, what=what))


def _facts(frame: pl.LazyFrame, name: str, *, is_number: bool, what: str) -> dict[str, int]:
    column = pl.col(name)
    wild = (~column.cast(pl.Float64).is_finite()).sum() if is_number else pl.lit(0)
    facts = collect(
        frame.select(
            pl.len().alias("rows"),
            column.null_count().alias("nulls"),
            column.drop_nulls().n_unique().alias("distinct"),
            wild.alias("wild"),
        ),
        what=what,
    ).row(0, named=True)
    if facts["rows"] == 0:
        raise FitError(f"{what} has no rows", advice="check the export that made it")
    if facts["nulls"]:
        raise FitError(
            f"target {name!r} is null in {facts['nulls']:,} of {facts['rows']:,} rows",
            advice="fill it, or leave these rows out with --drop-null-target (drop_null_target=True)",
        )
    if facts["wild"]:
        raise FitError(
            f"target {name!r} is NaN or infinite in {facts['wild']:,} of {facts['rows']:,} rows",
            advice="repair or remove these rows first",
        )
    if facts["distinct"] < 2:
        raise FitError(
            f"target {name!r} is constant over all {facts['rows']:,} rows: there is nothing to learn",
            advice="check the column and the filter that made the table",
        )
    return facts


def _classes(frame: pl.LazyFrame, name: str, *, task: Task, positive: str | None, what: str) -> tuple[str, ...]:
    counts = collect(frame.group_by(name).len().sort(name), what=what)
    labels = counts.select(_as_text(name)).to_series().to_list()
    rows = dict(zip(labels, counts["len"].to_list(), strict=True))
    if task == "binary" and len(labels) != 2:
        raise ConfigError(f"target {name!r} has {len(labels)} distinct values: a binary target has two")
    if len(labels) > _MAX_CLASSES:
        raise FitError(
            f"target {name!r} has {len(labels):,} classes, more than {_MAX_CLASSES}",
            advice="group rare classes, or give --objective regression if it is an amount or a count",
        )
    lonely = [f"{label!r}" for label, count in rows.items() if count < 2]
    if lonely:
        raise FitError(
            f"target {name!r} has classes with one row only: {', '.join(lonely[:10])}",
            advice="a class needs rows to learn from and rows to be tested on: merge it or remove these rows",
        )
    if positive is not None:
        if task != "binary" or positive not in labels:
            raise ConfigError(f"positive class {positive!r} is not one of the two labels {labels[:10]} of {name!r}")
        labels.sort(key=lambda label: label == positive)
    return tuple(labels)


def _as_text(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String)
