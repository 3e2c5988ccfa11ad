"""Labels of classes and arms as text, the same whatever type a file gave them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import polars as pl

from tabkit.schema import family

_WHOLE = r"^(-?\d+)\.0+$"


def whole(label: str) -> str:
    """Write a whole number without a point, and minus zero as zero: how numbers are written depends on their type.

    >>> whole("1.0"), whole("-0.00"), whole("1.5"), whole("v1.0")
    ('1', '0', '1.5', 'v1.0')
    """
    return re.sub("^-0$", "0", re.sub(_WHOLE, r"\1", label))


def label_expr(name: str) -> pl.Expr:
    """Return a column as labels: like `whole`, for a column of any type."""
    return pl.col(name).cast(pl.String).str.replace(_WHOLE, "$1").str.replace("^-0$", "0")


def labels_of(values: pl.Series) -> pl.Series:
    """Return values as labels; whole numbers without a point, text by its letters.

    >>> labels_of(pl.Series([0.0, 1.0, None])).to_list(), labels_of(pl.Series(["1.0"])).to_list()
    (['0', '1', None], ['1.0'])
    """
    if family(values.dtype) != "number":
        return values.cast(pl.String)
    return values.to_frame("values").select(label_expr("values")).to_series().alias(values.name)


def matched(label: str, labels: Iterable[str]) -> str | None:
    """Return that of `labels` which is meant by one that a person wrote; None if none is, or several are.

    >>> matched("0", ["0.0", "1.0"]), matched("0.0", ["0", "1"]), matched("True", ["false", "true"])
    ('0.0', '0', 'true')
    >>> matched("false", ["False", "True"])  # as other programs write booleans into text files
    'False'
    """
    known = list(labels)
    if label in known:
        return label
    meant = [each for each in known if _plain(each) == _plain(label)]
    return meant[0] if len(meant) == 1 else None


def _plain(label: str) -> str:
    """Return a label of a whole number or a boolean in the one way that it is written here; others as they are."""
    return label.lower() if label.lower() in ("false", "true") else whole(label)


def as_labels(values: pl.Series, labels: Sequence[str]) -> pl.Series:
    """Return values as text, each that is one of `labels` but for how whole numbers are written as that label.

    >>> as_labels(pl.Series([0.0, 2.0]), ["0", "1"]).to_list(), as_labels(pl.Series([0, 1]), ["0.0", "1"]).to_list()
    (['0', '2'], ['0.0', '1'])
    """
    texts = values.cast(pl.String)
    names = {whole(label): label for label in labels}
    if len(names) < len(labels):  # text may hold "1" and "1.0" as two labels
        return texts
    return texts.to_frame("values").select(label_expr("values").replace(names)).to_series().alias(values.name)


def is_whole(values: pl.Series) -> bool:
    """Say whether a column of numbers holds whole numbers alone; null and NaN are passed over."""
    numbers = values.drop_nulls().cast(pl.Float64).drop_nans()
    return bool((numbers == numbers.floor()).all() and numbers.is_finite().all())


def is_yes_no(values: pl.Series) -> bool:
    """Say whether values can only mean yes and no: booleans, two labels, or 0 and 1; two other numbers are amounts.

    >>> is_yes_no(pl.Series([0.0, 1.0])), is_yes_no(pl.Series([0, 50])), is_yes_no(pl.Series(["50", "0"]))
    (True, False, True)
    """
    if family(values.dtype) == "number":
        return bool(values.drop_nulls().cast(pl.Float64).drop_nans().is_in([0.0, 1.0]).all())
    return values.dtype == pl.Boolean() or values.drop_nulls().n_unique() <= 2
