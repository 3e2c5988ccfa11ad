"""Read untrusted files: regular ones, of bounded size."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from tabkit.untrusted.unfolding import Unfolded, unfolded

MOST_BYTES = 2**31
"""Of all parts of one bundle. The largest that are known, ten million customers with their ages, have a tenth of it;
a stranger's must not take the memory that the rows to be scored need."""
MOST_JSON_BYTES, MOST_JSON_VALUES = 2**28, 2**24
"""Of one part. The largest known is a network's list of the ten million codes of a column; as Python's objects,
values take up to a hundred bytes each."""
MOST_CELLS = 2**28
"""Rows times columns of one table, eight bytes each at least once it is used: as much as all parts."""
_BY_HANDLE = {os.open, os.stat} <= os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_READ |= getattr(os, "O_NONBLOCK", 0)  # opening a pipe to which nobody writes would wait for ever
_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_NUMBERED = frozenset({pl.Boolean, pl.String, pl.Categorical, pl.Enum, pl.Binary, pl.Null})
_TEMPORAL = frozenset({pl.Date, pl.Datetime, pl.Duration, pl.Time})


def file_bytes(folder: Path, name: str, *, most: int = MOST_BYTES, handle: int | None = None) -> bytes:
    """Return the bytes of a plain file in a folder; no link below the folder is followed.

    Parameters
    ----------
    folder
        May itself be a link.
    name
        Relative, with ``/``.
    most
        Bytes that it may have.
    handle
        The folder, if it is held open: then it is not looked up again.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is no plain file (a pipe, a device, a socket, a folder, a link), stands behind a link, or is larger.
    """
    with os.fdopen(_opened(folder, name, handle), "rb") as file:
        found = os.fstat(file.fileno())
        _check_plain(found.st_mode)
        if found.st_size > most:
            raise ValueError(f"it has {found.st_size:,} bytes; {most:,} are left of what all parts may have")
        data = file.read(found.st_size + 1)  # no more: so much memory is asked for at once
    if len(data) > found.st_size:
        raise ValueError("it grew while it was read")
    return data


def _opened(folder: Path, name: str, handle: int | None) -> int:
    *above, last = PurePosixPath(name).parts
    if not _BY_HANDLE:
        if os.path.realpath(folder / name) != os.path.join(os.path.realpath(folder), *above, last):
            raise ValueError("it is a link, or stands behind one; a plain file was expected")
        _check_plain(os.lstat(folder / name).st_mode)
        return os.open(folder / name, _READ)
    at = os.open(folder, _FOLDER) if handle is None else os.dup(handle)
    try:
        for part in above:
            _check_plain(os.stat(part, dir_fd=at, follow_symlinks=False).st_mode, folder=True)
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        # before it is opened: opening a device may do something already
        _check_plain(os.stat(last, dir_fd=at, follow_symlinks=False).st_mode)
        return os.open(last, _READ, dir_fd=at)
    finally:
        os.close(at)


def _check_plain(mode: int, *, folder: bool = False) -> None:
    if stat.S_IFMT(mode) != (stat.S_IFDIR if folder else stat.S_IFREG):
        came = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise ValueError(f"it {'stands behind' if folder else 'is'} {came}; a plain file was expected")


def json_data(data: bytes) -> Any:
    """Return the plain data of JSON in UTF-8.

    Raises
    ------
    ValueError
        If it is none, holds NaN or an infinity, a key twice, a number of more digits than Python reads, values too deep
        in one another, or too many of them.

    Examples
    --------
    >>> json_data(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> json_data(b'{"a": NaN}')
    Traceback (most recent call last):
    ValueError: NaN is no number of JSON
    """
    values = data.count(b",") + data.count(b"[") + data.count(b"{")
    if len(data) > MOST_JSON_BYTES or values > MOST_JSON_VALUES:
        raise ValueError(f"it has {len(data):,} bytes and some {values:,} values, more than any model needs")
    try:
        return json.loads(
            data.decode("utf-8"), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_repeats
        )
    except RecursionError as error:
        raise ValueError("values stand too deep in one another") from error


def parquet_frame(data: bytes, *, most_rows: int | None = None) -> pl.DataFrame:
    """Return the frame of a Parquet file, of columns without columns inside.

    Parameters
    ----------
    data
        Its bytes.
    most_rows
        Rows that it may have; by default what `MOST_CELLS` lets through.

    Raises
    ------
    ValueError
        If it is none, unfolds to more than it may have, or has nested columns.
    """
    check_size(unfolded(data), most_rows=most_rows)
    try:
        schema = pl.read_parquet_schema(io.BytesIO(data))
        nested = [name for name, dtype in schema.items() if not _is_flat(dtype)]
        if nested:
            raise ValueError(f"column {nested[0][:80]!r} is {schema[nested[0]]}; plain values were expected")
        return pl.read_parquet(io.BytesIO(data), use_statistics=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ValueError(str(error).partition("\n")[0][:300]) from error


def check_size(found: Unfolded, *, most_rows: int | None = None) -> None:
    """Raise a `ValueError` if a table has more rows than it may, or unfolds to more than all parts may have."""
    limit = MOST_CELLS // max(found.columns, 1) if most_rows is None else most_rows
    if not 0 <= found.rows <= limit:
        raise ValueError(f"it has {found.rows:,} rows; up to {limit:,} were expected")
    if found.nbytes > MOST_BYTES:
        raise ValueError(f"it unfolds to {found.nbytes:,} bytes; up to {MOST_BYTES:,} were expected")


def _is_flat(dtype: Any) -> bool:
    return dtype.is_numeric() or dtype.base_type() in _NUMBERED | _TEMPORAL


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]} is too large for a number")
    return number


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"key {name[:80]!r} stands twice in one table")
        found[name] = value
    return found
