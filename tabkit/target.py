"""The target column: its task, its classes, and whether it can be learned at all."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import polars as pl

from tabkit import forked
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.frames import collect
from tabkit.labels import label_expr, matched, whole
from tabkit.schema import Family, dtype_name, family
from tabkit.untrusted.manifest import NamedTable, damaged, shown

Task = Literal["binary", "multiclass", "regression"]
_MAX_CLASSES = 100  # more are ids or amounts; a model of each class would take hours
_STEPS = 100  # a double's step below a hundredth of the spread costs less than a ten-thousandth of the variance


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A target column, understood.

    Parameters
    ----------
    name
        The column.
    task
        ``binary``, ``multiclass`` or ``regression`` (any number: amounts and counts too).
    classes
        The labels as text, sorted; empty for regression. Of a binary target the last is positive.
        Whole numbers are written without a point, so 1, 1.0 and the text "1.0" are one label.

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

    def expr(self, dtype: pl.DataType | None = None) -> pl.Expr:
        """Return the target as Float64: 0/1, the class's index, or the number itself; null stays null.

        With the column's `dtype` numbers and booleans are not written out as text, which takes many times as long.
        """
        if self.task == "regression":
            return pl.col(self.name).cast(pl.Float64)
        own = None if dtype is None else _own_values(self.classes, dtype)
        if own is not None:
            codes = pl.Series(range(len(self.classes)), dtype=pl.Float64)
            return pl.col(self.name).replace_strict(own, codes, return_dtype=pl.Float64)
        index = {label: float(i) for i, label in enumerate(self.classes)}
        numbered = {whole(label): i for label, i in index.items()}
        if len(numbered) < len(index):  # text may hold "1" and "1.0" as two labels
            return pl.col(self.name).cast(pl.String).replace_strict(index, return_dtype=pl.Float64)
        return label_expr(self.name).replace_strict(numbered, return_dtype=pl.Float64)

    def check(self, frame: pl.LazyFrame | pl.DataFrame, *, what: str = "the data") -> None:
        """Refuse further rows from which this target cannot be learned on; call it before `expr` is run on them.

        Raises
        ------
        SchemaError
            If the column is missing or of a type that cannot be this target.
        FitError
            If it is null, NaN or infinite in places, or of a class that was not there at the fit.
        """
        kind = _kind(frame.lazy(), self.name, what=what)
        if self.task == "regression" and kind != "number":
            raise SchemaError(
                f"target {self.name!r} of {what} is {kind}: a number was expected, as at the fit",
                advice="parse it, or train a new model",
            )
        _facts(frame.lazy(), self.name, is_number=kind == "number", what=what)
        if self.task == "regression":
            return
        labels = _count(frame.lazy(), self.name, kind=kind, what=what)
        known = {*self.classes, *map(whole, self.classes)}
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise FitError(
                f"target {self.name!r} of {what} has classes that were not there at the fit: "
                f"{', '.join(map(repr, unknown[:10]))}; the model knows {', '.join(map(repr, self.classes[:10]))}",
                advice="train a new model on rows of all classes, or remove these rows",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TargetColumn:
        """Rebuild what `to_dict` gave; anything else is a `BundleError`."""
        given = NamedTable(values, "a target").only([field.name for field in fields(cls)])
        found = cls(given.text("name"), given.choice("task", get_args(Task)), given.texts("classes"))
        counts = {"binary": range(2, 3), "multiclass": range(2, _MAX_CLASSES + 1), "regression": range(1)}
        if len(found.classes) not in counts[found.task] or len(set(found.classes)) < len(found.classes):
            raise damaged(f"the target {found.name!r} is {found.task} with the classes {shown(list(found.classes))}")
        return found


def _own_values(labels: tuple[str, ...], dtype: pl.DataType) -> pl.Series | None:
    """Return the labels as values of a whole-number or boolean column; None if they cannot be told apart as such."""
    if dtype == pl.Boolean():
        return pl.Series([label == "true" for label in labels]) if set(labels) == {"false", "true"} else None
    if not dtype.is_integer() or any(re.fullmatch(r"-?\d{1,38}", label) is None for label in labels):
        return None
    try:
        found = pl.Series([int(label) for label in labels], dtype=dtype)
    except (OverflowError, TypeError):
        return None
    return found if found.cast(pl.String).to_list() == list(labels) else None


def infer(
    frame: pl.LazyFrame | pl.DataFrame,
    name: str,
    *,
    task: Task | None = None,
    positive: str | None = None,
    what: str = "the data",
) -> TargetColumn:
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
        (numbers as numbers, so 1 of 0/1, ``true`` of booleans, ``yes`` of no/yes; an Enum as text).
    what
        How messages call the data.

    Raises
    ------
    SchemaError
        If the column is missing or of a type that cannot be a target.
    FitError
        If it is null in places, NaN or infinite, constant, or if a class has a single row; or a number that differs by
        less than a hundred steps of a double at its size.
    ConfigError
        If `task` or `positive` does not fit the column.
    """
    forked.check()
    lazy = frame.lazy()
    if task is not None and task not in get_args(Task):
        raise ConfigError(f"unknown task {task!r}", advice=f"the tasks are {', '.join(get_args(Task))}")
    kind = _kind(lazy, name, what=what)
    distinct = _facts(lazy, name, is_number=kind == "number", what=what)["distinct"]
    if distinct < 2:
        raise FitError(
            f"target {name!r} is constant over all rows of {what}: there is nothing to learn",
            advice="check the column and the filter that made the table",
        )
    if task is None:
        task = "binary" if distinct == 2 else ("regression" if kind == "number" else "multiclass")
    if positive is not None and task != "binary":
        raise ConfigError(
            f"positive class {positive!r} is given, but {name!r} with its {distinct:,} values is a target for {task}",
            advice="leave the positive class out; it belongs to a target with two labels",
        )
    if task != "regression":
        labels = _count(lazy, name, kind=kind, what=what)
        _check_classes(name, labels, task=task)
        return TargetColumn(name, task, _ordered(list(labels), positive, name=name))
    if kind != "number":
        raise ConfigError(
            f"target {name!r} is {kind}: regression needs a number", advice="choose another objective, or parse it"
        )
    _check_digits(lazy, name, what=what)
    return TargetColumn(name, "regression")


def _kind(frame: pl.LazyFrame, name: str, *, what: str) -> Family:
    schema = frame.collect_schema()
    if name not in schema:
        raise SchemaError(
            f"{what} has no target column {name!r}",
            advice=f"its columns are {', '.join(map(repr, schema.names()[:40]))}",
        )
    kind = family(schema[name])
    if kind not in ("number", "boolean", "text"):
        raise SchemaError(
            f"target {name!r} is {dtype_name(schema[name])}: a number, a boolean or a text was expected",
            advice="turn it into one of these first",
        )
    return kind


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
    return facts


def _check_digits(frame: pl.LazyFrame, name: str, *, what: str) -> None:
    """Refuse numbers that differ by so little, beside their size, that the doubles of a regression round it away."""
    number = pl.col(name).cast(pl.Float64)
    largest, spread = collect(
        frame.select(number.abs().max().alias("largest"), (number / number.abs().max()).std().alias("spread")),
        what=what,
    ).row(0)
    if largest > 0 and spread < _STEPS * math.ulp(largest) / largest:
        raise FitError(
            f"target {name!r} has numbers up to {largest:.3g}, where doubles are {math.ulp(largest):.3g} apart, and "
            "differs by less than a hundred times that: what is to be predicted would be rounded away",
            advice="take a constant off the target first, such as its smallest value",
        )


def _count(frame: pl.LazyFrame, name: str, *, kind: Family, what: str) -> dict[str, int]:
    """Return how many rows have each label, in order: numbers and booleans by value, text by its letters."""
    column = pl.col(name).cast(pl.String) if kind == "text" else pl.col(name)
    counts = collect(frame.select(column.alias("value")).group_by("value").len("rows").sort("value"), what=what)
    labels = counts["value"] if kind == "text" else counts.select(label_expr("value")).to_series()
    return dict(zip(labels.to_list(), counts["rows"].to_list(), strict=True))


def _check_classes(name: str, rows: Mapping[str, int], *, task: Task) -> None:
    if task == "binary" and len(rows) != 2:
        raise ConfigError(
            f"target {name!r} has {len(rows):,} distinct values: a binary target has two",
            advice="choose --objective multiclass, or regression if it is an amount or a count",
        )
    if len(rows) > _MAX_CLASSES:
        raise FitError(
            f"target {name!r} has {len(rows):,} classes, more than {_MAX_CLASSES}",
            advice="group rare classes, or give --objective regression if it is an amount or a count",
        )
    lonely = [repr(label) for label, count in rows.items() if count < 2]
    if lonely:
        raise FitError(
            f"target {name!r} has classes with one row only: {', '.join(lonely[:10])}",
            advice="a class needs rows to learn from and rows to be tested on: merge it or remove these rows",
        )


def _ordered(labels: list[str], positive: str | None, *, name: str) -> tuple[str, ...]:
    """Return the labels with the positive one last, if it is given."""
    if positive is None:
        return tuple(labels)
    meant = matched(positive, labels)
    if meant is None:
        raise ConfigError(
            f"positive class {positive!r} is not one of the two labels of {name!r}",
            advice=f"the labels are {' and '.join(map(repr, labels))}",
        )
    return tuple(sorted(labels, key=lambda label: label == meant))
