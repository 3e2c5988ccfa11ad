"""Rows known again: a number for each, the same in every process and format, and a small sample of these numbers."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.schema import family
from tabkit.untrusted.manifest import damaged, flags_of

Hashes = NDArray[np.uint64]
Keys = Iterable[str] | Hashes
"""Of rows: a text each, or hashes of `row_hashes`."""

SIZE = 65_536
"""Hashes that a bundle keeps: half a megabyte, and overlaps of one in a thousand are still seen."""
KEPT = 512
"""Hashes that a text keeps: a line in a file that people read; shares are known to within a few points."""
NO_KEY = ("other", "null")
"""Families of columns that tell no rows apart: lists, structs and the like are not looked at."""

_WHAT = "the sample of the rows of the fit"
_MISSING, _WHOLE, _BROKEN, _TEXT = (np.uint64(salt) for salt in (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344))
_LIMIT = 2.0**63  # whole floats below this are also integers of 64 bits


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


def row_texts(frame: pl.DataFrame) -> pl.Series:
    r"""Return one text per row: all its values but lists and the like, columns by name.

    >>> row_texts(pl.DataFrame({"b": ["x", None], "a": [1, 2]})).to_list()
    ['1\x1fx', '2\x1f\x1e']
    """
    columns = [name for name in sorted(frame.columns) if family(frame.schema[name]) != "other"]
    texts = [frame[name].cast(pl.String, strict=False).alias(str(i)) for i, name in enumerate(columns)]
    joined = pl.concat_str(pl.all().fill_null("\x1e"), separator="\x1f")
    return pl.DataFrame(texts).select(joined.alias("print")).to_series()


def key_texts(frame: pl.DataFrame, *, id: str, time: str | None = None) -> pl.Series:  # noqa: A002  # the role's name
    """Return one text per row from its id, and from its time where there is one; null where one is missing.

    >>> key_texts(pl.DataFrame({"id": [7, None]}), id="id").to_list()
    ['7', None]
    """
    columns = [name for name in (id, time) if name is not None]
    kinds = {name: family(frame.schema[name]) for name in columns}
    moments = [pl.col(n).dt.timestamp("us") if kinds[n] == "datetime" else pl.col(n) for n in columns]
    texts = pl.concat_str([moment.cast(pl.String) for moment in moments], separator="\x1f")
    return frame.select(texts.alias("key")).to_series()


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """The smallest hashes of some rows: a small sample by which they are recognised when they come again.

    Beyer and others 2007, "On synopses for distinct-value estimation under multiset operations".

    Of further rows those whose hash is not above the greatest one kept are known to be among the old ones or not,
    without any doubt; they are a fair sample of all further rows. No key can be read back from it.

    Parameters
    ----------
    hashes
        Rising, UInt64; at most `SIZE` of them in a bundle, `KEPT` in a text.
    complete
        Whether these are the hashes of all rows.

    Examples
    --------
    >>> sketch = RowSample.of(str(i) for i in range(10_000))
    >>> round(sketch.overlap(str(i) for i in range(5_000, 15_000)), 1)
    0.5
    >>> sketch.overlap(["new", "rows"])
    0.0
    """

    hashes: Hashes
    complete: bool

    @classmethod
    def of(cls, keys: Keys, *, size: int = SIZE) -> RowSample:
        """Return the sketch of rows, from a text each that tells them apart, or from their hashes."""
        distinct = np.unique(_hashed(keys))
        return cls(distinct[:size], len(distinct) <= size)

    def merge(self, other: RowSample) -> RowSample:
        """Return the sketch of the rows of both."""
        both = np.unique(np.concatenate([self.hashes, other.hashes]))
        ends = [part.hashes[-1] for part in (self, other) if not part.complete]
        known = both[both <= min(ends)] if ends else both
        return RowSample(known[:SIZE], not ends and len(known) <= SIZE)

    def overlap(self, keys: Keys) -> float:
        """Return the share of further rows that are among the old ones, as far as the sample can tell."""
        found = self.known(keys)
        return float(found.mean()) if found.size else 0.0

    def known(self, keys: Keys) -> NDArray[np.bool_]:
        """Return, for the further rows of which it can be told, whether they are among the old ones."""
        found = _hashed(keys)
        if not self.complete:
            found = found[found <= self.hashes[-1]]
        return np.isin(found, self.hashes)

    def to_frame(self) -> pl.DataFrame:
        """Return it as a frame with a column ``hash``; the first row says whether it is complete."""
        return pl.DataFrame({"hash": self.hashes, "complete": np.full(len(self.hashes), self.complete)})

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> RowSample:
        """Rebuild what `to_frame` gave; anything else is a `BundleError`."""
        complete = flags_of(frame, "complete", what=_WHAT)
        dtype = frame.schema.get("hash")
        if dtype != pl.UInt64() or frame.height > SIZE or frame["hash"].null_count():
            raise damaged(f"{_WHAT} has {frame.height:,} rows of {dtype}; up to {SIZE:,} of UInt64 were expected")
        hashes = frame["hash"].to_numpy()
        if not _rising(hashes):
            raise damaged(f"column 'hash' of {_WHAT} does not rise from row to row")
        return cls(hashes, bool(complete.all()))

    def to_text(self) -> str:
        """Return it as one line, if it holds at most `KEPT` hashes."""
        return base64.b64encode(self.hashes.astype("<u8").tobytes()).decode()

    @classmethod
    def from_text(cls, text: object) -> RowSample | None:
        """Read what `to_text` gave; None if it is nothing of the kind."""
        try:
            content = base64.b64decode(text if isinstance(text, str) else "", validate=True)
        except (binascii.Error, ValueError):
            return None
        hashes = np.frombuffer(content[: len(content) // 8 * 8], dtype="<u8").astype(np.uint64)
        fits = 0 < len(hashes) <= KEPT and len(content) % 8 == 0
        return cls(hashes, len(hashes) < KEPT) if fits and _rising(hashes) else None


def digest(values: NDArray[np.generic]) -> str:
    """Return a short text that is the same for the same values in the same order.

    >>> digest(np.array([True, False]))
    '3ae820785f7a2994'
    """
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=8).hexdigest()


def _hashed(keys: Keys) -> Hashes:
    if isinstance(keys, np.ndarray):
        return keys
    digests = (int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) for key in keys)
    return np.fromiter(digests, dtype=np.uint64)


def _rising(hashes: Hashes) -> bool:
    return bool((hashes[1:] > hashes[:-1]).all())


def _column(values: pl.Series) -> Hashes:
    kind = family(values.dtype)
    missing = values.is_null().to_numpy()
    if kind == "text":
        hashes = _texts(values.cast(pl.String))
    elif kind == "number" and not values.dtype.is_integer():
        floats = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
        missing, hashes = np.isnan(floats), _floats(floats)
    else:
        integers = _integers(values, kind)
        hashes = _whole(integers.fill_null(0).to_numpy().view(np.uint64))
        if integers.null_count() > missing.sum():  # beyond 64 bits with a sign
            beyond = integers.is_null().to_numpy() & ~missing
            hashes = np.where(beyond, _floats(values.cast(pl.Float64).fill_null(0).to_numpy()), hashes)
    return np.where(missing, _mixed(_MISSING), hashes)


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
