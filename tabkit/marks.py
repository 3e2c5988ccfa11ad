"""Marks in the files that commands write, so that a later run recognises them as its own.

What proves it, by format:

- HTML, SVG, PNG: a mark near their beginning that names the command.
- Parquet: the same in the file's metadata, with the columns as they were written: a table that others joined columns
  to is no longer ours.
- CSV, NDJSON and Arrow are written without a mark. A file is taken for ours if its columns are exactly those that this
  run would write, in this order; of CSV the first line must be so byte by byte, which leaves out other separators,
  quotes and encodings. So a run with other columns must be asked to replace it, and one whose columns are not known
  before its work.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import polars as pl

from tabkit.destination import Kind
from tabkit.errors import ConfigError, ScoringError

_HEAD = 1024
"""Bytes that a mark of a page or picture stands in."""
_LONGEST = 2**20
"""Bytes of a first line of NDJSON: a longer one is none of ours."""
_KEY = "tabkit"
_PNG = b"\x89PNG\r\n\x1a\n"


def page(made_by: str) -> Kind:
    """Return the kind of a page of HTML, by the command that makes it."""
    return Kind(f"page of tabkit {made_by}", ConfigError, partial(_is_marked, made_by=made_by))


def picture(made_by: str) -> Kind:
    """Return the kind of a picture: PNG, SVG, or a page with it."""
    return Kind(f"picture of tabkit {made_by}", ConfigError, partial(_is_marked, made_by=made_by))


def table(made_by: str, columns: Sequence[str] | None) -> Kind:
    """Return the kind of a table.

    Parameters
    ----------
    made_by
        The command.
    columns
        What this run will write; None if that shows after its work alone.
    """
    return Kind(f"table of tabkit {made_by}", ScoringError, partial(_is_table, made_by=made_by, columns=columns))


def html(made_by: str) -> str:
    """Return the mark of a page.

    >>> html("explore")
    '<meta name="generator" content="tabkit explore">'
    """
    return f'<meta name="generator" content="tabkit {made_by}">'


def svg(drawn: str, made_by: str) -> str:
    """Return an SVG with its mark.

    >>> svg('<svg width="1"><rect/></svg>', "chart")
    '<svg width="1"><metadata>tabkit chart</metadata><rect/></svg>'
    """
    head, end, rest = drawn.partition(">")
    return f"{head}{end}<metadata>tabkit {made_by}</metadata>{rest}"


def png(drawn: bytes, made_by: str) -> bytes:
    """Return a PNG with its mark, a chunk of text behind its header."""
    header = len(_PNG) + 25  # length, type, 13 bytes of data and checksum
    body = b"tEXtSoftware\x00" + f"tabkit {made_by}".encode("latin-1")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return drawn[:header] + chunk + drawn[header:]


def parquet(made_by: str, columns: Sequence[str]) -> dict[str, str]:
    """Return the metadata that mark a Parquet file.

    >>> parquet("score", ["id", "score"])
    {'tabkit': '{"made_by": "score", "columns": ["id", "score"]}'}
    """
    return {_KEY: json.dumps({"made_by": made_by, "columns": list(columns)})}


def _is_marked(path: Path, *, made_by: str) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    name = f"tabkit {made_by}".encode()
    marks = {
        b"<!DOCTYPE html>": html(made_by).encode(),
        b"<svg ": b"<metadata>" + name + b"</metadata>",
        _PNG: b"tEXtSoftware\x00" + name + struct.pack(">I", zlib.crc32(b"tEXtSoftware\x00" + name)),
    }
    return any(head.startswith(start) and mark in head for start, mark in marks.items())


def _is_table(path: Path, *, made_by: str, columns: Sequence[str] | None) -> bool:
    ending = path.suffix.lower()
    try:
        if ending == ".parquet":
            mark = pl.read_parquet_metadata(path).get(_KEY)
            return mark is not None and mark == parquet(made_by, list(pl.read_parquet_schema(path)))[_KEY]
        if columns is None:
            return False
        if ending == ".arrow":
            return list(pl.read_ipc_schema(path)) == list(columns)
        return _first_line(path) == list(columns) if ending == ".ndjson" else _has_head(path, columns)
    except (pl.exceptions.PolarsError, ValueError, RecursionError):
        return False


def _has_head(path: Path, columns: Sequence[str]) -> bool:
    head = pl.DataFrame(schema=list(columns)).write_csv().encode()
    with path.open("rb") as file:
        return file.read(len(head)) == head


def _first_line(path: Path) -> list[str] | None:
    """Return the names of the first row of NDJSON as Polars writes it; None of anything else."""
    with path.open("rb") as file:
        line = file.readline(_LONGEST)
    row = json.loads(line) if line.startswith(b'{"') and line.endswith(b"}\n") else None
    return list(row) if isinstance(row, dict) else None
