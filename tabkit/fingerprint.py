"""Rows known again: a number for each, the same in every process and format, and a small sample of these numbers."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.schema import family

Hashes = NDArray[np.uint64]

KEPT = 512
NO_KEY = ("other", "null")
"""Families of columns that tell no rows apart: lists, structs and the like are not looked at."""

_FEWEST = 20
_MISSING, _WHOLE, _BROKEN, _TEXT = (np.uint64(salt) for salt in (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344))
_LIMIT = 2.0**63


def row_hashes(frame: pl.DataFrame, columns: Sequence[str]) -> Hashes:
    """Return a number for each row that is the same for the same values, whatever wrote them.

    Whole numbers are alike as integers, floats and booleans, and dates as dates and midnights, since formats differ
    in what they keep.

    Parameters
    ----------
    frame
        The n rows.
    columns
        What tells them apart, in any order; of families that are not in `NO_KEY`.

    Returns
    -------
    ndarray of uint64, shape (n,)

    Examples
    --------
    >>> one = row_hashes(pl.DataFrame({"a": [1, None], "b": ["x", "y"]}), ["a", "b"])
    >>> bool((one == row_hashes(pl.DataFrame({"b": ["x", "y"], "a": [1.0, None]}), ["b", "a"])).all())
    True
    """
    found = np.zeros(frame.height, dtype=np.uint64)
    for name in sorted(columns):
        found = _mixed(found ^ _text(name)) + _column(frame[name])
    return _mixed(found)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The smallest hashes of some rows, at most 512; see `tabkit.sketch.RowSample`, whose idea it is, small as text.

    Parameters
    ----------
    hashes
        Rising.

    Examples
    --------
    >>> rows = row_hashes(pl.DataFrame({"id": range(10_000)}), ["id"])
    >>> sample = Sample.of(rows[:8_000])
    >>> round(Sample.read(sample.text()).overlap(rows[4_000:]), 1)
    0.7
    """

    hashes: Hashes

    @classmethod
    def of(cls, rows: Hashes) -> Sample | None:
        """Return the sample of rows; None if too many are alike, so that others would be taken for them."""
        distinct = np.unique(rows)
        return cls(distinct[:KEPT]) if len(distinct) >= 0.95 * len(rows) else None

    @classmethod
    def read(cls, text: object) -> Sample | None:
        """Read what `text` gave; None if it is nothing of the kind."""
        try:
            content = base64.b64decode(text if isinstance(text, str) else "", validate=True)
        except (binascii.Error, ValueError):
            return None
        hashes = np.frombuffer(content[: len(content) // 8 * 8], dtype="<u8").astype(np.uint64)
        rising = bool((hashes[1:] > hashes[:-1]).all())
        return cls(hashes) if 0 < len(hashes) <= KEPT and rising and len(content) % 8 == 0 else None

    def text(self) -> str:
        """Return it as one line."""
        return base64.b64encode(self.hashes.astype("<u8").tobytes()).decode()

    def overlap(self, rows: Hashes) -> float | None:
        """Return the share of further rows that are among the old ones; None if too few of them can be told."""
        told = rows if len(self.hashes) < KEPT else rows[rows <= self.hashes[-1]]
        known = np.isin(told, self.hashes)
        if not known.any() and len(told) < min(_FEWEST, len(rows)):
            return None
        return float(known.mean())


def digest(values: NDArray[np.generic]) -> str:
    """Return a short text that is the same for the same values in the same order.

    >>> digest(np.array([True, False]))
    '3ae820785f7a2994'
    """
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=8).hexdigest()


def _column(values: pl.Series) -> Hashes:
    kind = family(values.dtype)
    missing = values.is_null().to_numpy()
    if kind == "text":
        found = _texts(values.cast(pl.String))
    elif kind == "number" and not values.dtype.is_integer():
        floats = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
        missing, found = np.isnan(floats), _floats(floats)
    else:
        integers = _integers(values, kind)
        found = _whole(integers.fill_null(0).to_numpy().view(np.uint64))
        if integers.null_count() > missing.sum():  # beyond 64 bits with a sign
            beyond = integers.is_null().to_numpy() & ~missing
            found = np.where(beyond, _floats(values.cast(pl.Float64).fill_null(0).to_numpy()), found)
    return np.where(missing, _mixed(_MISSING), found)


def _integers(values: pl.Series, kind: str) -> pl.Series:
    if kind in ("date", "datetime"):
        return values.cast(pl.Datetime("us")).dt.timestamp("us")
    if kind == "duration":
        return values.dt.total_microseconds()
    return values.to_physical().cast(pl.Int64, strict=False)


def _floats(values: NDArray[np.float64]) -> Hashes:
    with np.errstate(invalid="ignore"):
        whole = (np.abs(values) < _LIMIT) & (np.floor(values) == values)
        integers = np.where(whole, values, 0.0).astype(np.int64)
    return np.where(whole, _whole(integers.view(np.uint64)), _mixed(values.view(np.uint64) ^ _BROKEN))


def _whole(values: Hashes) -> Hashes:
    return _mixed(values ^ _WHOLE)


def _texts(values: pl.Series) -> Hashes:
    distinct = values.drop_nulls().unique()
    if distinct.is_empty():
        return np.zeros(len(values), dtype=np.uint64)
    digests = b"".join([_blake(value) for value in distinct.to_list()])
    numbers = pl.Series(np.frombuffer(digests, dtype="<u8").astype(np.uint64) ^ _TEXT)
    return values.replace_strict(distinct, numbers, default=None, return_dtype=pl.UInt64).fill_null(0).to_numpy()


def _text(value: str) -> np.uint64:
    return np.uint64(int.from_bytes(_blake(value), "little")) ^ _TEXT


def _blake(value: str) -> bytes:
    return hashlib.blake2b(value.encode(), digest_size=8).digest()


def _mixed(values: Hashes | np.uint64) -> Hashes:
    """Scatter 64 bits: the finaliser of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable generators")."""
    found = np.asarray(values, dtype=np.uint64)
    with np.errstate(over="ignore"):
        found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))
