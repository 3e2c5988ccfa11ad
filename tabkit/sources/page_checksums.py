"""Checksums of Parquet pages, verified where a file has them.

Polars reads over a flipped bit without a word, whether or not there is a checksum. Files that carry none, as those of
Polars, DuckDB and pyarrow's defaults, are known by their first page and cost one look at it.
"""

from __future__ import annotations

import mmap
import zlib

from tabkit.errors import SourceError
from tabkit.untrusted.parquet_pages import MAGIC, Page, footer_of, page_at, pages_of

_CHECKSUM = 4  # the number of the field in a page's header
_NO_HEADER = (ValueError, KeyError, TypeError, IndexError, AttributeError)
"""Raised of bytes that are no headers of Parquet: Polars will say what is wrong with them."""


def check_pages(name: str) -> None:
    """Read a local file's pages and compare their checksums, if its first page has one.

    Raises
    ------
    SourceError
        If a page is not what was written. It names the file, the column and the place.
    """
    if "://" in name:
        return
    try:
        with open(name, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            damaged = _first_damaged(data)
    except (OSError, ValueError):  # an empty file, or one that is not there: told where it is read
        return
    if damaged is not None:
        column, page = damaged
        raise SourceError(
            f"{name!r} is damaged: a page of column {column!r}, {page.end - page.begin:,} bytes from byte "
            f"{page.begin:,} on, does not have the checksum that was written with it",
            advice="copy the file again from where it was made, or make it anew",
        )


def _first_damaged(data: mmap.mmap) -> tuple[str, Page] | None:
    try:
        if data[:4] != MAGIC or _CHECKSUM not in page_at(data, len(MAGIC)).header:
            return None
        chunks = [chunk[3] for group in footer_of(data).get(4, []) for chunk in group[1]]
        return next(
            (
                (".".join(name.decode("utf-8", errors="replace") for name in chunk[3]), page)
                for chunk in chunks
                for page in pages_of(data, chunk)
                if not _is_whole(data, page)
            ),
            None,
        )
    except _NO_HEADER:
        return None


def _is_whole(data: mmap.mmap, page: Page) -> bool:
    written = page.header.get(_CHECKSUM)
    return written is None or zlib.crc32(data[page.begin : page.end]) == written & 0xFFFFFFFF
