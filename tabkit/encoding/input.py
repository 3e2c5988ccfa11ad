"""The input of an encoder: a column, several crossed or those of a rule, and the text that identifies levels."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tabkit.schema import Family, dtype_name, family

_WHOLE = r"^(-?\d+)\.0+$"
_ZEROS = r"^(-?\d+\.\d*[1-9])0+$"
BETWEEN, ABSENT = "\x1f", "\x1e"


@dataclass(frozen=True, slots=True)
class Input:
    """One column, several columns crossed, or the columns of a rule, with their Polars types.

    Parameters
    ----------
    columns, dtypes
        Names and types.
    label
        What it is called, where that is not what its columns say: the name of a rule.

    Examples
    --------
    >>> pair = Input(("shop", "day"), (pl.String(), pl.Int64()))
    >>> pair.name, pair.family
    ('shop x day', 'text')
    """

    columns: tuple[str, ...]
    dtypes: tuple[pl.DataType, ...]
    label: str | None = None

    @property
    def name(self) -> str:
        """The column's name, or those of a cross with ``x`` between them, unless there is a label."""
        return " x ".join(self.columns) if self.label is None else self.label

    @property
    def dtype(self) -> pl.DataType:
        """The type of a single column."""
        return self.dtypes[0]

    @property
    def family(self) -> Family:
        """The kind of values; a cross counts as text."""
        return family(self.dtype) if len(self.columns) == 1 else "text"

    @property
    def described(self) -> str:
        """The names with their types, for messages."""
        return " x ".join(f"{n!r} ({dtype_name(t)})" for n, t in zip(self.columns, self.dtypes, strict=True))

    def singles(self) -> list[Input]:
        """Return the columns one by one."""
        return [Input((name,), (dtype,)) for name, dtype in zip(self.columns, self.dtypes, strict=True)]

    def text(self) -> pl.Expr:
        """Return the level of each row as String, null where the column (of a cross: every column) is null.

        Numbers are written without needless decimals, so 1 and 1.0 are one level; NaN is null.
        """
        parts = [_text(name, dtype) for name, dtype in zip(self.columns, self.dtypes, strict=True)]
        if len(parts) == 1:
            return parts[0].alias(self.name)
        joined = pl.concat_str([part.fill_null(ABSENT) for part in parts], separator=BETWEEN)
        absent = pl.all_horizontal([part.is_null() for part in parts])
        return pl.when(~absent).then(joined).alias(self.name)

    def missing(self) -> pl.Expr:
        """Return true where there is no value: null, NaN, or of several columns null in every one."""
        if not self.columns:  # a rule without conditions
            return pl.lit(value=False)
        return pl.all_horizontal([_missing(n, t) for n, t in zip(self.columns, self.dtypes, strict=True)])


def shown(level: str) -> str:
    """Return a level as people read it.

    >>> shown("AA" + chr(31) + "JFK"), shown("AA" + chr(31) + chr(30))
    ('AA x JFK', 'AA x (null)')
    """
    return level.replace(BETWEEN, " x ").replace(ABSENT, "(null)")


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if family(dtype) != "number":
        return column.cast(pl.String)
    # NaN would be a level of its own, and new rows may hold it where the fit had whole numbers. Nothing is cast to a
    # float, which would lose digits; but floats write 1 as "1.0", and a Decimal writes 1.5 as "1.50".
    # A float writes 1e16 otherwise than a whole number does, so whole ones are written as such.
    known = pl.when(~_nan(name)).then(column)
    whole = known.cast(pl.Int64, strict=False)
    text = pl.when(whole == known).then(whole.cast(pl.String)).otherwise(known.cast(pl.String))
    return text.str.replace(_WHOLE, "$1").str.replace(_ZEROS, "$1").str.replace("^-0$", "0")


def _missing(name: str, dtype: pl.DataType) -> pl.Expr:
    missing = pl.col(name).is_null()
    return missing | _nan(name).fill_null(False) if family(dtype) == "number" else missing


def _nan(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64).is_nan()
