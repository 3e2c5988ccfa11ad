"""Find the pages of a Parquet file by its headers, without decompressing them.

The format: https://github.com/apache/parquet-format, its headers in the compact protocol of Thrift.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAGIC = b"PAR1"
_DEEPEST = 12  # structs in structs: the format itself needs 6
_BOOLEANS = {1: True, 2: False}

Bytes = bytes | mmap.mmap


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Parameters
    ----------
    header
        What its header says, by the numbers of the format: 2 and 3 are its bytes without and with compression, 4 the
        checksum of these.
    begin, end
        Where its bytes lie in the file.
    """

    header: dict[int, Any]
    begin: int
    end: int


def footer_of(data: Bytes) -> dict[int, Any]:
    """Return what the footer says, by the numbers of the format.

    Raises
    ------
    ValueError
        If this is no Parquet file.
    """
    if len(data) < 12 or data[:4] != MAGIC or data[-4:] != MAGIC:
        raise ValueError("it does not begin and end as a Parquet file")
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    return Thrift(data, max(start, 4)).struct()


def page_at(data: Bytes, begin: int) -> Page:
    """Return the page whose header begins there."""
    thrift = Thrift(data, begin)
    header = thrift.struct()
    if header[2] < 0 or header[3] < 0:
        raise ValueError("a page has a negative length")
    return Page(header, thrift.at, thrift.at + header[3])


def pages_of(data: Bytes, chunk: dict[int, Any]) -> Iterator[Page]:
    """Yield the pages of one column of one group of rows; `chunk` is its description in the footer."""
    begin = chunk.get(11) or chunk[9]
    end = begin + chunk[7]
    if not 4 <= begin <= end <= len(data):
        raise ValueError("a column lies outside of the file")
    while begin < end:
        page = page_at(data, begin)
        yield page
        begin = page.end


class Thrift:
    """A reader of the compact protocol: structs as dictionaries by the numbers of their fields."""

    def __init__(self, data: Bytes, at: int) -> None:
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
