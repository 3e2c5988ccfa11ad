"""The schema of the features at the fit, and checks of new data against it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Literal

import polars as pl

from tabkit.errors import BundleError, SchemaError
from tabkit.untrusted.manifest import NamedTable, damaged, is_whole, shown

Family = Literal["number", "boolean", "text", "date", "datetime", "time", "duration", "null", "other"]

_SIMPLE: dict[str, pl.DataType] = {
    name: getattr(pl, name)()
    for name in (
        *("Int8", "Int16", "Int32", "Int64", "Int128", "UInt8", "UInt16", "UInt32", "UInt64", "UInt128"),
        *("Float16", "Float32", "Float64", "Boolean", "String", "Categorical", "Binary", "Date", "Time", "Null"),
    )
}
_DATETIME = re.compile(r"Datetime\[(?P<unit>ms|us|ns)(?:, (?P<zone>[^\]]+))?\]")
_DURATION = re.compile(r"Duration\[(?P<unit>ms|us|ns)\]")
_MOST_ROWS = 10**100  # any number: none is counted with
_DAY, _TIME = "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%.f"
_TRUTH = pl.Enum(["false", "0", "true", "1"])
_DECIMAL = re.compile(r"Decimal\[(?P<precision>\d{1,2}), (?P<scale>\d{1,2})\]")


@dataclass(frozen=True, slots=True)
class Column:
    """One feature column as it was at the fit.

    Parameters
    ----------
    name
        Its name in the source.
    dtype
        Its Polars type, written by `dtype_name`.
    nulls
        How many of its values were null (or NaN).
    levels
        How many distinct values it had, null not counted; None where that was not counted.
    """

    name: str
    dtype: str
    nulls: int = 0
    levels: int | None = None

    @classmethod
    def of(cls, name: str, dtype: pl.DataType, *, nulls: int = 0, levels: int | None = None) -> Column:
        """Describe a column by its Polars type."""
        return cls(name, dtype_name(dtype), nulls, levels)

    @property
    def family(self) -> Family:
        """The kind of values; columns may change their type within a family, never across."""
        return family(parse_dtype(self.dtype))


@dataclass(frozen=True, slots=True)
class Schema:
    """The feature columns of a fitted thing; new data is checked against it by name.

    Examples
    --------
    >>> schema = Schema((Column("age", "Int64"), Column("city", "String")))
    >>> schema.check(pl.Schema({"city": pl.String, "age": pl.Float64, "new": pl.Date}))
    ('new',)
    """

    columns: tuple[Column, ...]

    def names(self) -> tuple[str, ...]:
        """Return the column names in the order of the fit."""
        return tuple(column.name for column in self.columns)

    def dtypes(self) -> dict[str, pl.DataType]:
        """Return the Polars types by name, for readers of formats that carry none."""
        return {column.name: parse_dtype(column.dtype) for column in self.columns}

    def check(
        self, found: Mapping[str, pl.DataType], *, expected: Iterable[str] = (), coerce: bool = False
    ) -> tuple[str, ...]:
        """Check `found` by name and return the extra columns, which are ignored.

        Parameters
        ----------
        found
            Types by name of the new data. Order does not matter.
        expected
            Further columns that must be there and are not extra (the id, say).
        coerce
            Accept a column of another type if its values might be read as the one of the fit: text as numbers,
            dates (ISO 8601) or booleans, and the other way round. `align` reads them, and fails on a value that it
            cannot read.

        Raises
        ------
        SchemaError
            One error that lists every missing column and every column of another family of types.
        """
        found = pl.Schema(found)
        wanted = tuple(expected)
        missing = [name for name in dict.fromkeys((*wanted, *self.names())) if name not in found]
        retyped = [
            f"{column.name!r} was {column.dtype} and is now {dtype_name(found[column.name])}"
            for column in self.columns
            if column.name in found
            and not _accepts(column, found[column.name])
            and not (coerce and _coercible(column.family, family(found[column.name])))
        ]
        problems = [f"missing columns: {', '.join(map(repr, missing))}"] if missing else []
        problems += [f"columns of another type: {'; '.join(retyped)}"] if retyped else []
        if problems:
            raise SchemaError(
                "the data does not fit the model; " + "; ".join(problems),
                advice="bring these columns back under their old name and type, or train again without them",
            )
        known = {*wanted, *self.names()}
        return tuple(name for name in found if name not in known)

    def align(self, found: Mapping[str, pl.DataType], *, coerce: bool = False) -> list[pl.Expr]:
        """Return expressions that give the columns in the order and the family of the fit."""
        return [_align(column, found[column.name], coerce=coerce) for column in self.columns]

    def to_list(self) -> list[dict[str, Any]]:
        """Return plain data for a manifest."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_list(cls, rows: Iterable[Mapping[str, Any]]) -> Schema:
        """Rebuild what `to_list` gave; anything else is a `SchemaError`."""
        try:
            columns = tuple(_column(NamedTable(row, "a column")) for row in rows)
        except (TypeError, BundleError) as error:
            said = getattr(error, "problem", error)
            raise SchemaError(f"this is no saved schema: {said}", advice="upgrade tabkit-ml") from error
        if len({column.name for column in columns}) < len(columns):
            raise SchemaError("this is no saved schema: two columns have one name", advice="restore it from a copy")
        return cls(columns)


def family(dtype: pl.DataType) -> Family:
    """Return the kind of values that a Polars type holds.

    >>> family(pl.Float32()), family(pl.Enum(["a"])), family(pl.List(pl.Int8))
    ('number', 'text', 'other')
    """
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return "text"
    simple: dict[type[pl.DataType], Family] = {
        pl.Boolean: "boolean",
        pl.Date: "date",
        pl.Datetime: "datetime",
        pl.Time: "time",
        pl.Duration: "duration",
        pl.Null: "null",
    }
    return simple.get(type(dtype), "other")


def dtype_name(dtype: pl.DataType) -> str:
    """Write a Polars type as text; `parse_dtype` reads it back. An Enum is written as String.

    >>> dtype_name(pl.Datetime("us", "Europe/Berlin")), dtype_name(pl.Int8())
    ('Datetime[us, Europe/Berlin]', 'Int8')
    """
    if isinstance(dtype, pl.Datetime):
        return f"Datetime[{dtype.time_unit}{f', {dtype.time_zone}' if dtype.time_zone else ''}]"
    if isinstance(dtype, pl.Duration):
        return f"Duration[{dtype.time_unit}]"
    if isinstance(dtype, pl.Decimal):
        return f"Decimal[{dtype.precision}, {dtype.scale}]"
    if isinstance(dtype, pl.Enum):
        return "String"
    if isinstance(dtype, pl.Categorical):
        return "Categorical"
    name = str(dtype)
    return name if len(name) <= 60 else name[:57] + "..."


def parse_dtype(name: str) -> pl.DataType:
    """Read a type written by `dtype_name`; an unknown one is a `SchemaError`.

    >>> parse_dtype("Decimal[10, 2]")
    Decimal(precision=10, scale=2)
    """
    if name in _SIMPLE:
        return _SIMPLE[name]
    if (match := _DATETIME.fullmatch(name)) and _is_zone(match["zone"]):
        return pl.Datetime(match["unit"], match["zone"])  # type: ignore[arg-type]  # the pattern allows the units alone
    if match := _DURATION.fullmatch(name):
        return pl.Duration(match["unit"])  # type: ignore[arg-type]  # likewise
    if (match := _DECIMAL.fullmatch(name)) and int(match["scale"]) <= int(match["precision"]) in range(1, 39):
        return pl.Decimal(int(match["precision"]), int(match["scale"]))
    raise SchemaError(f"unknown column type {shown(name)} in a schema", advice="upgrade tabkit-ml")


@lru_cache
def _is_zone(name: str | None) -> bool:
    """Return whether Polars knows a time zone: it makes types of any, and fails where the first one is used."""
    try:
        pl.Series([0]).cast(pl.Datetime("us", name)).dt.hour()
    except pl.exceptions.PolarsError:
        return False
    return True


def _column(given: NamedTable) -> Column:
    given.only([field.name for field in fields(Column)])
    counted = {name: given.values[name] for name in ("nulls", "levels") if name in given}
    if not all(is_whole(high=_MOST_ROWS)(count) for count in counted.values()):
        raise damaged(f"nulls and levels of a column are {list(map(shown, counted.values()))}; counts were expected")
    found = Column(given.text("name"), given.text("dtype"), **counted)
    parse_dtype(found.dtype)
    return found


def _accepts(column: Column, found: pl.DataType) -> bool:
    now = family(found)
    if now == "datetime" and column.family == "datetime":
        old = parse_dtype(column.dtype)
        return bool(getattr(old, "time_zone", None)) == bool(getattr(found, "time_zone", None))
    return now in (column.family, "null") or (column.family == "date" and now == "datetime")


def _coercible(fitted: Family, now: Family) -> bool:
    """Return whether values of one kind may be written as the other without guessing."""
    plain = {"number", "boolean", "date", "datetime"}
    return {fitted, now} - plain == {"text"} or (fitted, now) == ("number", "boolean")


def _coerced(expr: pl.Expr, fitted: pl.DataType, found: pl.DataType) -> pl.Expr:
    """Return the column read as another kind; a value that cannot be read is an error when it runs."""
    now, wanted = family(found), family(fitted)
    if now != "text":
        return _written(expr, found) if wanted == "text" else expr.cast(pl.Float64)
    text = expr.cast(pl.String).str.strip_chars()
    if wanted == "boolean":
        return text.str.to_lowercase().cast(_TRUTH, strict=True).to_physical() > 1
    if wanted == "date":
        return text.str.to_date(_DAY, strict=True)
    if isinstance(fitted, pl.Datetime):
        return _moment(text, fitted)
    if fitted.is_integer():  # all digits are kept: ids are numbers too
        return text.str.replace(r"\.0+$", "").cast(fitted, strict=True)
    return text.cast(pl.Float64, strict=True)


def _written(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the column as text, numbers without needless decimals: 1.0 is "1"; NaN is null."""
    if family(dtype) != "number" or dtype.is_integer():
        return expr.cast(pl.String)
    number = expr.cast(pl.Float64).fill_nan(None).cast(pl.String)
    return number.str.replace(r"^(-?\d+)\.0+$", "$1").str.replace("^-0$", "0")


def _moment(text: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    """Return text of ISO 8601 as datetimes; without a zone of its own it is in that of the fit."""
    text = text.str.replace(r"^(\d{4}-\d\d-\d\d)$", "${1}T00:00")
    text = text.str.replace(r"^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(Z|[+-].*|)$", "${1}T${2}:00${3}").str.replace(" ", "T")
    if dtype.time_zone is None:
        return text.str.to_datetime(_TIME, time_unit=dtype.time_unit, strict=True)
    has_zone = text.str.contains(r"T.*(Z|[+-]\d\d:?\d*)$")
    options: dict[str, Any] = {"time_unit": dtype.time_unit, "time_zone": dtype.time_zone, "strict": True}
    return pl.coalesce(
        pl.when(has_zone).then(text).str.to_datetime(f"{_TIME}%#z", **options),
        pl.when(~has_zone).then(text).str.to_datetime(_TIME, **options),
    )


def _align(column: Column, found: pl.DataType, *, coerce: bool = False) -> pl.Expr:
    expr, fitted = pl.col(column.name), parse_dtype(column.dtype)
    now = family(found)
    if coerce and not _accepts(column, found):
        return _coerced(expr, fitted, found).alias(column.name)
    if now == "null":
        return expr.cast(pl.String() if column.family == "text" else fitted)
    if now == "text" and found != pl.String():
        return expr.cast(pl.String())
    if now == "datetime" and column.family == "date":
        return expr.dt.date()
    if isinstance(fitted, pl.Datetime) and fitted.time_zone and fitted.time_zone != getattr(found, "time_zone", None):
        return expr.dt.convert_time_zone(fitted.time_zone)
    return expr
