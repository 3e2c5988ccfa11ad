"""A small sample of the rows that a model has seen, by which it recognises them when they come again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.untrusted.manifest import damaged, flags_of

SIZE = 65_536
_WHAT = "the sample of the rows of the fit"


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """The smallest hashes of the keys of some rows.

    Beyer and others 2007, "On synopses for distinct-value estimation under multiset operations".

    Of further rows those whose hash is below the greatest one kept are known to be among the old ones or not, without
    any doubt; they are a fair sample of all further rows. No key can be read back from it.

    Parameters
    ----------
    hashes
        At most 65,536 of them, rising, UInt64.
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

    hashes: NDArray[np.uint64]
    complete: bool

    @classmethod
    def of(cls, keys: Iterable[str]) -> RowSample:
        """Return the sketch of rows, from one text each that tells them apart."""
        return _smallest(np.unique(_hashed(keys)), complete=True)

    def merge(self, other: RowSample) -> RowSample:
        """Return the sketch of the rows of both."""
        both = np.unique(np.concatenate([self.hashes, other.hashes]))
        ends = [part.hashes[-1] for part in (self, other) if not part.complete]
        known = both[both <= min(ends)] if ends else both
        return _smallest(known, complete=not ends)

    def overlap(self, keys: Iterable[str]) -> float:
        """Return the share of further rows that are among the old ones, as far as the sample can tell."""
        found = self.known(keys)
        return float(found.mean()) if found.size else 0.0

    def known(self, keys: Iterable[str]) -> NDArray[np.bool_]:
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
        if (hashes[1:] <= hashes[:-1]).any():
            raise damaged(f"column 'hash' of {_WHAT} does not rise from row to row")
        return cls(hashes, bool(complete.all()))


def _hashed(keys: Iterable[str]) -> NDArray[np.uint64]:
    digests = (int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) for key in keys)
    return np.fromiter(digests, dtype=np.uint64)


def _smallest(hashes: NDArray[np.uint64], *, complete: bool) -> RowSample:
    return RowSample(hashes[:SIZE], complete and len(hashes) <= SIZE)
