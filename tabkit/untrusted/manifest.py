"""Read plain data of an untrusted bundle field by field.

Whoever rebuilds an object from a manifest or a part takes each value through `NamedTable` (of JSON) or `numbers_of` and
`texts_of` (of a table). They let through what is of the expected type and size, and name everything else in a
`BundleError`: the field, what was expected and what came.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.errors import BundleError, TabkitError

T = TypeVar("T")
Floats = NDArray[np.float64]

LARGEST = sys.float_info.max
"""Of any number: it is finite."""
MOST = 2**53
"""Of a whole number: floats count no further."""
_WIDEST = 2**63  # of a whole number in an array; larger ones would be objects there
_ADVICE = "upgrade tabkit-ml to the version that wrote it, restore it from a copy, or train again"
_BUILDING = (
    *(KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, StopIteration),
    *(pl.exceptions.PolarsError, pl.exceptions.PanicException),
)


class NamedTable:
    """One table of plain data, and what it is called in messages.

    Parameters
    ----------
    values
        What came; anything but a table is a `BundleError`.
    what
        What it is, with an article: ``a widening``.

    Examples
    --------
    >>> given = NamedTable({"trees": 12, "slope": "steep"}, "a booster")
    >>> given.whole("trees", high=1000)
    12
    >>> given.number("slope")
    Traceback (most recent call last):
    tabkit.errors.BundleError: the bundle is whole, but not as this tabkit expects it: slope of a booster is 'steep'; a
    number was expected
    To do: upgrade tabkit-ml to the version that wrote it, restore it from a copy, or train again
    """

    __slots__ = ("values", "what")

    def __init__(self, values: object, what: str) -> None:
        if not isinstance(values, Mapping):
            raise damaged(f"{what} is {shown(values)}; a table of values was expected")
        self.values: Mapping[str, Any] = values
        self.what = what

    def __contains__(self, name: str) -> bool:
        """Return whether a field is there, and not null."""
        return self.values.get(name) is not None

    def only(self, names: Collection[str]) -> NamedTable:
        """Return it, once it is sure that it has no other fields."""
        more = [name for name in self.values if name not in names]
        if more:
            raise damaged(f"{self.what} has fields that are not known: {', '.join(map(shown, more[:5]))}")
        return self

    def number(self, name: str, *, low: float = -LARGEST, high: float = LARGEST) -> float:
        """Return a finite number from `low` to `high`."""
        return float(self._checked(name, is_number(low, high), between("a number", low, high)))

    def whole(self, name: str, *, low: int = 0, high: int = MOST) -> int:
        """Return a whole number from `low` to `high`."""
        return int(self._checked(name, is_whole(low, high), between("a whole number", low, high)))

    def flag(self, name: str) -> bool:
        """Return true or false."""
        return bool(self._checked(name, lambda value: isinstance(value, bool), "true or false"))

    def text(self, name: str) -> str:
        """Return a text."""
        return str(self._checked(name, is_text, "a text"))

    def choice(self, name: str, options: Collection[str]) -> Any:
        """Return one of some words."""
        listed = " or ".join(map(repr, options))
        return self._checked(name, lambda value: isinstance(value, str) and value in options, listed)

    def numbers(
        self, name: str, *, size: int | None = None, low: float = -LARGEST, high: float = LARGEST
    ) -> tuple[float, ...]:
        """Return a list of finite numbers, of one length if `size` is given."""
        return tuple(map(float, self._listed(name, is_number(low, high), between("numbers", low, high), size)))

    def texts(self, name: str, *, size: int | None = None) -> tuple[str, ...]:
        """Return a list of texts, of one length if `size` is given."""
        return tuple(self._listed(name, is_text, "texts", size))

    def table(self, name: str, what: str = "") -> NamedTable:
        """Return a field that is a table of its own."""
        return NamedTable(self._there(name), what or f"{name} of {self.what}")

    def tables(self, name: str, what: str = "") -> list[NamedTable]:
        """Return a field that is a list of tables."""
        found = self._listed(name, lambda value: isinstance(value, Mapping), "tables of values", None)
        return [NamedTable(value, what or f"{name}.{place} of {self.what}") for place, value in enumerate(found)]

    def lists(self, name: str) -> list[list[Any]]:
        """Return a field that is a list of lists."""
        return list(self._listed(name, lambda value: isinstance(value, list | tuple), "lists", None))

    def mapping(self, name: str) -> dict[str, Any]:
        """Return a field that is a table, of which nothing but that need be known."""
        return dict(self.table(name).values)

    def maybe(self, read: Callable[[str], T], name: str) -> T | None:
        """Return what `read` makes of a field, None where it is null or absent: ``maybe(given.number, "low")``."""
        return read(name) if name in self else None

    def _there(self, name: str) -> Any:
        if name not in self.values:
            raise damaged(f"{self.what} has no {name}")
        return self.values[name]

    def _checked(self, name: str, good: Callable[[Any], bool], expected: str) -> Any:
        value = self._there(name)
        if not good(value):
            raise damaged(f"{name} of {self.what} is {shown(value)}; {expected} was expected")
        return value

    def _listed(self, name: str, good: Callable[[Any], bool], expected: str, size: int | None) -> Sequence[Any]:
        values = self._there(name)
        wanted = f"a list of {'' if size is None else f'{size:,} '}{expected}"
        if not isinstance(values, list | tuple):
            raise damaged(f"{name} of {self.what} is {shown(values)}; {wanted} was expected")
        if size is not None and len(values) != size:
            raise damaged(f"{name} of {self.what} has {len(values):,} values; {wanted} was expected")
        bad = next((place for place, value in enumerate(values) if not good(value)), None)
        if bad is not None:
            raise damaged(f"{name} of {self.what} holds {shown(values[bad])}; {wanted} was expected")
        return values


def numbers_of(  # what is expected of a column, each with a name
    frame: pl.DataFrame,
    name: str,
    *,
    what: str,
    low: float = -LARGEST,
    high: float = LARGEST,
    nulls: bool = False,
    whole: bool = False,
) -> Floats:
    """Return a column of a part as finite numbers, shape (rows,); a null, where it is allowed, as NaN.

    >>> numbers_of(pl.DataFrame({"rows": [1, -1]}), "rows", what="a table of levels", low=0)
    Traceback (most recent call last):
    tabkit.errors.BundleError: the bundle is whole, but not as this tabkit expects it: column 'rows' of a table of
    levels holds -1.0; numbers of 0 or more were expected
    To do: upgrade tabkit-ml to the version that wrote it, restore it from a copy, or train again
    """
    expected = between("whole numbers" if whole else "numbers", low, high)
    column = _column(frame, name, what, expected, lambda dtype: dtype.is_numeric() or dtype == pl.Null())
    found = column.cast(pl.Float64)
    values = found.to_numpy()
    bad = ~((values >= low) & (values <= high)) | (whole & (values != np.floor(values)))
    bad &= ~(found.is_null().to_numpy() & nulls)
    if bad.any():
        came = found[int(np.flatnonzero(bad)[0])]
        raise damaged(f"column {name!r} of {what} holds {shown(came)}; {expected} were expected")
    return values


def texts_of(frame: pl.DataFrame, name: str, *, what: str, nulls: bool = False) -> pl.Series:
    """Return a column of a part that holds texts."""
    column = _column(frame, name, what, "texts", lambda dtype: dtype in (pl.String(), pl.Null()))
    if column.null_count() and not nulls:
        raise damaged(f"column {name!r} of {what} holds null; texts were expected")
    return column.cast(pl.String)


def flags_of(frame: pl.DataFrame, name: str, *, what: str) -> pl.Series:
    """Return a column of a part that holds true and false alone."""
    column = _column(frame, name, what, "true and false", lambda dtype: dtype == pl.Boolean())
    if column.null_count():
        raise damaged(f"column {name!r} of {what} holds null; true and false were expected")
    return column


@contextmanager
def building(what: str = "") -> Iterator[None]:
    """Name what cannot be built from a stranger's data, however that shows: the net below the checks of each field.

    Parameters
    ----------
    what
        What is built, if not all: ``its encoder``.

    Raises
    ------
    BundleError
        In place of the errors of Python and Polars for values of a wrong type, size or name.
    """
    try:
        yield
    except TabkitError:
        raise
    except _BUILDING as error:
        said = str(error).partition("\n")[0][:200]
        raise damaged(f"{type(error).__name__}: {said}", what=what) from error


def damaged(problem: str, *, what: str = "") -> BundleError:
    """Return the error of a bundle whose checksums are right, and whose values cannot be used."""
    own = f"{what} is " if what else ""
    return BundleError(f"the bundle is whole, but {own}not as this tabkit expects it: {problem}", advice=_ADVICE)


def shown(value: object) -> str:
    """Write a value as far as a line has room; of tables and lists how long they are.

    >>> shown(["a"] * 3), shown({}), len(shown("x" * 100))
    ('a list of 3 values', 'a table of 0 values', 60)
    """
    if isinstance(value, list | tuple):
        return f"a list of {len(value):,} values"
    if isinstance(value, Mapping):
        return f"a table of {len(value):,} values"
    if value is None:
        return "null"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MOST:
        return "a huge whole number"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def is_number(low: float = -LARGEST, high: float = LARGEST) -> Callable[[Any], bool]:
    """Return a check for numbers that arrays can hold, from `low` to `high`; booleans are none, NaN is in no range."""

    def good(value: Any) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return bool(low <= value <= high) and (isinstance(value, float) or abs(value) < _WIDEST)

    return good


def is_whole(low: int = 0, high: int = MOST) -> Callable[[Any], bool]:
    """Return a check for whole numbers; booleans are none, and neither is 1.0."""
    return lambda value: type(value) is int and low <= value <= high


def is_text(value: Any) -> bool:
    """Return whether a value is a text that can be written: JSON can hold halves of characters."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= mark <= "\udfff" for mark in value))


def between(what: str, low: float, high: float) -> str:
    """Say which numbers are expected.

    >>> between("a number", 0, 1), between("a number", -LARGEST, LARGEST), between("a whole number", 1, MOST)
    ('a number from 0 to 1', 'a number', 'a whole number of 1 or more')
    """
    if low <= -LARGEST and high >= MOST:
        return what
    if high >= MOST:
        return f"{what} of {low:,.10g} or more"
    if low <= -LARGEST:
        return f"{what} of {high:,.10g} or less"
    return f"{what} from {low:,.10g} to {high:,.10g}"


def _column(frame: pl.DataFrame, name: str, what: str, expected: str, good: Callable[[pl.DataType], bool]) -> pl.Series:
    if name not in frame.columns:
        raise damaged(f"{what} has no column {name!r}")
    dtype = frame.schema[name]
    if not good(dtype):
        raise damaged(f"column {name!r} of {what} is {dtype}; {expected} were expected")
    return frame[name]
