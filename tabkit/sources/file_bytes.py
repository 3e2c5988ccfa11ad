"""The bytes of text files in chunks, decompressed if need be."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

LONGEST = 1 << 24
"""The most bytes that one row may have: memory is bounded by it."""
_PIECE = 1 << 19  # half a megabyte: large enough for the disk, small in memory
_LINES = 4_096  # per batch of compressed lines: some hundred kilobytes
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""How files begin that Polars unpacks, whatever their names: gzip, zstd, and zlib at its levels."""


def chunks_of(name: str) -> Iterator[bytes]:
    """Yield the bytes of a text file, piece by piece.

    Parameters
    ----------
    name
        A path or URL. What is not plain comes line by line, ended by a line feed each.
    """
    if "://" in name:
        yield from _unpacked(name)
        return
    with open(name, "rb") as file:
        piece = file.read(_PIECE)
        if not piece.startswith(_PACKED):
            while piece:
                yield piece
                piece = file.read(_PIECE)
            return
    yield from _unpacked(name)


def _unpacked(name: str) -> Iterator[bytes]:
    lines = pl.scan_lines(name, name="line", glob=False)
    for batch in lines.collect_batches(chunk_size=_LINES, engine="streaming"):
        if batch.height:
            yield batch["line"].str.join("\n").item().encode() + b"\n"
