"""The decompressed size of a Parquet file, read from its headers: kilobytes may unpack to more than memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tabkit.untrusted.parquet_pages import footer_of, pages_of

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
    try:
        footer = footer_of(data)
        groups = footer.get(4, [])
        chunks = [chunk[3] for group in groups for chunk in group[1]]
        rows = max(int(footer[3]), sum(int(group[3]) for group in groups))
        pages = sum(_page_bytes(page.header) for chunk in chunks for page in pages_of(data, chunk))
        return Unfolded(rows, max((len(group[1]) for group in groups), default=0), pages)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"its headers are not those of a Parquet file ({type(error).__name__}: {error})") from error


def _page_bytes(page: dict[int, Any]) -> int:
    encoding = page.get(5, {}).get(2), page.get(8, {}).get(4)
    if _PREFIXED in encoding:
        raise ValueError("texts are stored as changes of one another, which tabkit never writes")
    return int(page[2])
