"""What a Parquet file unfolds to, read from its page headers: a few kilobytes may unfold to more than a machine has.

The format: https://github.com/apache/parquet-format, its headers in the compact protocol of Thrift.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MAGIC = b"PAR1"
_DEEPEST = 12  # structs in structs: the format itself needs 6
_BOOLEANS = {1: True, 2: False}
_PREFIXED = 7  # DELTA_BYTE_ARRAY repeats the text before: only unfolding it tells how long it gets


@dataclass(frozen=True, slots=True)
class Unfolded:
    """What reading a file would take.

    Parameters
    ----------
    rows
        How many rows it has.
    columns
        How many leaf columns.
    nbytes
        Bytes of all pages once they are decompressed.
    """

    rows: int
    columns: int
    nbytes: int


def unfolded(data: bytes) -> Unfolded:
    """Return what the bytes of a Parquet file unfold to; nothing is decompressed.

    Raises
    ------
    ValueError
        If these are not the headers of a Parquet file, or texts are stored as changes of one another.

    Examples
    --------
    >>> import io
    >>> import polars as pl
    >>> buffer = io.BytesIO()
    >>> pl.DataFrame({"a": ["x" * 1_000_000]}).write_parquet(buffer)
    >>> found = unfolded(buffer.getvalue())
    >>> found.rows, found.columns, found.nbytes > 1_000_000 > len(buffer.getvalue())
    (1, 1, True)
    """
    if len(data) < 12 or data[:4] != _MAGIC or data[-4:] != _MAGIC:
        raise ValueError("it does not begin and end as a Parquet file")
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    try:
        footer = _Thrift(data, max(start, 4)).struct()
        groups = footer.get(4, [])
        chunks = [chunk[3] for group in groups for chunk in group[1]]
        rows = max(int(footer[3]), sum(int(group[3]) for group in groups))
        pages = sum(_page_bytes(page) for chunk in chunks for page in _pages(data, chunk))
        return Unfolded(rows, max((len(group[1]) for group in groups), default=0), pages)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"its headers are not those of a Parquet file ({type(error).__name__}: {error})") from error


def _pages(data: bytes, chunk: dict[int, Any]) -> Iterator[dict[int, Any]]:
    """Yield the headers of the pages of one column of one group of rows."""
    begin = chunk.get(11) or chunk[9]
    end = begin + chunk[7]
    if not 4 <= begin <= end <= len(data):
        raise ValueError("a column lies outside of the file")
    while begin < end:
        thrift = _Thrift(data, begin)
        page = thrift.struct()
        if page[2] < 0 or page[3] < 0:
            raise ValueError("a page has a negative length")
        yield page
        begin = thrift.at + page[3]


def _page_bytes(page: dict[int, Any]) -> int:
    encoding = page.get(5, {}).get(2), page.get(8, {}).get(4)
    if _PREFIXED in encoding:
        raise ValueError("texts are stored as changes of one another, which tabkit never writes")
    return int(page[2])


class _Thrift:
    """A reader of the compact protocol: structs as dictionaries by the numbers of their fields."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the struct that begins here."""
        if depth > _DEEPEST:
            raise ValueError("its headers stand too deep in one another")
        found: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._number()
            kind = head & 15
            found[field] = _BOOLEANS[kind] if kind in _BOOLEANS else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._number()
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._varint())
        if kind in (9, 10):
            head = self._byte()
            size = head >> 4 if head >> 4 < 15 else self._varint()
            return [self._value(head & 15, depth + 1) for _ in range(size)]
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError("its headers hold a kind of value that Parquet does not know")

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _bytes(self, size: int) -> bytes:
        self.at += size
        if self.at > len(self.data):
            raise IndexError("the end of the file")
        return self.data[self.at - size : self.at]

    def _varint(self) -> int:
        found = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise ValueError("a number in its headers is too long")

    def _number(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)
