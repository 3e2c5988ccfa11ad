"""Infer the types of text columns from all rows by one rule; dates are not guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, TypeAlias

import polars as pl

Kind: TypeAlias = Literal["empty", "boolean", "integer", "float", "date", "datetime", "zoned", "time", "text"]
"""What all values of a column are; ``zoned`` are datetimes with Z or an offset."""

# The first rows only tell which kind to try; all rows decide. A thousand rows cost nothing beside them.
_TRIED_ROWS = 1_000
_DAY, _CLOCK, _FRACTION = "[0-9]{4}-[0-9]{2}-[0-9]{2}", "[0-9]{2}:[0-9]{2}", r"(?::[0-9]{2}(?:\.[0-9]+)?)?"
_OFFSET = "(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
_DATE, _TIME = f"^{_DAY}$", rf"^{_CLOCK}:[0-9]{{2}}(?:\.[0-9]+)?$"
_NAIVE, _ZONED = f"^{_DAY}(?:[T ]{_CLOCK}{_FRACTION})?$", f"^{_DAY}[T ]{_CLOCK}{_FRACTION}{_OFFSET}$"
# Whole numbers that are codes: a leading zero would be lost, and so would digits that Float64 does not hold.
_PADDED, _LONG = "^[+-]?0[0-9]+$", "^[+-]?(?:0[0-9]+|[0-9]{19,})$"
_MICROSECONDS, _UTC = pl.Datetime("us"), pl.Datetime("us", "UTC")
_DTYPES: dict[Kind, pl.DataType] = {
    "empty": pl.String(),
    "boolean": pl.Boolean(),
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "date": pl.Date(),
    "datetime": _MICROSECONDS,
    "zoned": _UTC,
    "time": pl.Time(),
    "text": pl.String(),
}
TEMPORAL: tuple[Kind, ...] = ("date", "datetime", "zoned", "time")


def decide(text: pl.LazyFrame, columns: Sequence[str], *, kinds: Sequence[Kind] = tuple(_DTYPES)) -> dict[str, Kind]:
    """Say of each column what all of its values are: the first of `kinds` that holds for every row.

    Null and the empty text fit every kind. What is added to a table can only move a column to a later kind, so that
    it does not matter in which part a value stands.

    Parameters
    ----------
    text
        A table of text columns; the query runs in one streaming pass, and in one more for columns whose
        first rows are of another kind than the others.
    columns
        Which of them.
    kinds
        The kinds that are tried, in their order; ``empty`` and ``text`` always are.
    """
    tried = [kind for kind in _DTYPES if kind in kinds and kind != "text"]
    if "empty" not in tried:
        tried.insert(0, "empty")
    first = _first_fit(text.head(_TRIED_ROWS), dict.fromkeys(columns, tried))
    ahead = {name: tried[tried.index(kind) :] for name, kind in first.items() if kind != "text"}
    holds = _evaluate(text, {name: kinds[:1] for name, kinds in ahead.items()})
    refuted = {name: kinds[1:] for name, kinds in ahead.items() if not holds[name, kinds[0]]}
    return first | (_first_fit(text, refuted) if refuted else {})


def dtype_of(kind: Kind, known: pl.DataType | None) -> pl.DataType:
    """Return the type to read a column of a kind as: the known one where that loses nothing, else the kind's own.

    A known type that cannot hold the values is returned all the same where reading then fails on the value;
    it is left to the check of the schema where reading would not fail: a date known, and datetimes in the file.
    """
    own = _DTYPES[kind]
    if known is None or known.is_nested() or isinstance(known, pl.Duration | pl.Null | pl.Binary | pl.Object):
        return own
    if isinstance(known, pl.Date | pl.Datetime):
        wanted = {"date": (pl.Date, False), "datetime": (pl.Datetime, False), "zoned": (pl.Datetime, True)}.get(kind)
        if wanted is None:
            return known
        zoned = isinstance(known, pl.Datetime) and bool(known.time_zone)
        widened = kind == "date" and isinstance(known, pl.Datetime)
        return known if zoned == wanted[1] and (widened or isinstance(known, wanted[0])) else own
    return own if known.is_integer() and kind == "float" else known


def needs_content(known: pl.DataType | None) -> bool:
    """Say whether the values decide how a column of a known type is read; most types hold whatever comes."""
    return known is None or any(dtype_of(kind, known) != known for kind in _DTYPES)


def is_temporal(dtype: pl.DataType) -> bool:
    """Say whether `parsed` is needed: other types are read well by Polars' own readers."""
    return isinstance(dtype, pl.Date | pl.Datetime | pl.Time)


def parsed(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a text column as `dtype`; the query fails at a value that is not written so, and names it."""
    text = pl.col(name)
    if isinstance(dtype, pl.Boolean):
        return text.str.to_lowercase() == "true"
    if not is_temporal(dtype):
        return text.cast(dtype)
    values = _lenient(text, dtype)
    # Polars' parser is strict about what remains: nothing that ends so is a date or a time.
    bad = pl.when(values.is_null() & (text != "")).then(pl.concat_str(text, pl.lit(" is not ISO 8601")))
    if isinstance(dtype, pl.Time):
        return pl.coalesce(values, bad.str.to_time("%H:%M"))
    return pl.coalesce(values, bad.str.to_date("%Y-%m-%d").cast(dtype))


def _lenient(text: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return ISO 8601 text as dates or times, and all other text as null."""
    if isinstance(dtype, pl.Date):
        return _shaped(text, _DATE).str.to_date("%Y-%m-%d", strict=False)
    if isinstance(dtype, pl.Time):
        return _shaped(text, _TIME).str.to_time("%H:%M:%S%.f", strict=False)
    unit = dtype.time_unit if isinstance(dtype, pl.Datetime) else "us"
    zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
    shaped = _shaped(text, _ZONED if zone else _NAIVE).str.replace(" ", "T", literal=True)
    if zone:
        seconds = shaped.str.slice(16, 1) == ":"
        aware = [
            pl.when(rows).then(shaped).str.to_datetime(form, strict=False, time_unit=unit, time_zone="UTC")
            for rows, form in ((seconds, "%Y-%m-%dT%H:%M:%S%.f%#z"), (~seconds, "%Y-%m-%dT%H:%M%#z"))
        ]
        return pl.coalesce(aware).dt.convert_time_zone(zone)
    length = shaped.str.len_bytes()  # the shape leaves one form to each length, and nulls cost the parsers nothing
    forms = {
        "%Y-%m-%dT%H:%M:%S": length == 19,
        "%Y-%m-%dT%H:%M:%S%.f": length > 19,
        "%Y-%m-%dT%H:%M": length == 16,
    }
    naive = [
        pl.when(rows).then(shaped).str.to_datetime(form, strict=False, time_unit=unit) for form, rows in forms.items()
    ]
    days = pl.when(length == 10).then(shaped).str.to_date("%Y-%m-%d", strict=False)
    return pl.coalesce(*naive, days.cast(dtype))


def _shaped(text: pl.Expr, pattern: str) -> pl.Expr:
    """Return null for text of another shape: parsers of dates take 24-01-31 for a day of the year 24."""
    return pl.when(text.str.contains(pattern)).then(text)


def _filled(name: str) -> pl.Expr:
    return (pl.col(name) != "").sum()


def _all(fits: Callable[[pl.Expr], pl.Expr]) -> Callable[[str], pl.Expr]:
    return lambda name: fits(pl.col(name)).count() == _filled(name)


_RULES: dict[Kind, Callable[[str], pl.Expr]] = {
    "empty": lambda name: _filled(name) == 0,
    "boolean": _all(lambda text: _shaped(text, "^(?i:true|false)$")),
    "integer": _all(lambda text: pl.when(~text.str.contains(_PADDED)).then(text).cast(pl.Int64, strict=False)),
    "float": _all(lambda text: pl.when(~text.str.contains(_LONG)).then(text).cast(pl.Float64, strict=False)),
    **{kind: _all(partial(_lenient, dtype=_DTYPES[kind])) for kind in TEMPORAL},
}


def _evaluate(text: pl.LazyFrame, wanted: Mapping[str, Sequence[Kind]]) -> dict[tuple[str, Kind], bool]:
    """Return which kinds hold for which columns, over all rows, in one pass."""
    pairs = [(name, kind) for name, kinds in wanted.items() for kind in kinds]
    if not pairs:
        return {}
    rules = [_RULES[kind](name).alias(f"rule {i}") for i, (name, kind) in enumerate(pairs)]
    answers = text.select(rules).collect(engine="streaming").row(0, named=True)
    return {pair: answers[f"rule {i}"] for i, pair in enumerate(pairs)}


def _first_fit(text: pl.LazyFrame, wanted: Mapping[str, Sequence[Kind]]) -> dict[str, Kind]:
    holds = _evaluate(text, wanted)
    return {name: next((kind for kind in kinds if holds[name, kind]), "text") for name, kinds in wanted.items()}
