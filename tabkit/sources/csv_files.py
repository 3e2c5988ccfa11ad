"""CSV files: read as text, typed by their content or by what is known of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

import polars as pl

from tabkit.errors import SourceError
from tabkit.sources.csv_rows import CsvRows, check_rows
from tabkit.sources.failures import different, some
from tabkit.sources.gathered import gathered
from tabkit.sources.text_types import decide, dtype_of, is_temporal, needs_content, parsed


def scan_csv(names: Sequence[str], dtypes: Mapping[str, pl.DataType], *, path: str | None = None) -> pl.LazyFrame:
    """Open CSV files as one table; `path` names a column for the path of each row's file."""
    columns = _columns(names)
    rows = [check_rows(name, len(columns[0])) for name in names]
    plain = _open(names, columns, rows, {})
    kinds = decide(plain, [name for name in columns[0] if needs_content(dtypes.get(name))])
    types = {name: dtype_of(kinds.get(name, "text"), dtypes.get(name)) for name in columns[0]}
    times = {name: dtype for name, dtype in types.items() if is_temporal(dtype)}
    native = {name: dtype for name, dtype in types.items() if name not in times}

    def opened(part: slice) -> pl.LazyFrame:
        frame = _open(names[part], columns[part], rows[part], native, path=path).select(order)
        return frame.with_columns(parsed(name, dtype) for name, dtype in times.items())

    order = [*columns[0], *([path] if path else [])]
    return gathered(names, opened)


def _columns(names: Sequence[str]) -> list[list[str]]:
    """Return the names in the header of each file: the same ones in all, in any order."""
    headers: list[list[str]] = []
    kept: dict[tuple[str, ...], list[str]] = {}  # ten thousand files have few headers
    for name in names:
        columns = pl.scan_csv(name, glob=False, infer_schema=False).collect_schema().names()
        _check_header(name, columns)
        if headers and set(columns) != set(headers[0]):
            raise different(names[0], headers[0], name, columns)
        headers.append(kept.setdefault(tuple(columns), columns))
    return headers


def _open(
    names: Sequence[str],
    columns: Sequence[list[str]],
    rows: Sequence[CsvRows],
    dtypes: Mapping[str, pl.DataType],
    *,
    path: str | None = None,
) -> pl.LazyFrame:
    """Open files with text in all columns but those of `dtypes`, in the order of the first file's columns."""

    def scanned(files: Sequence[str], most: int | None) -> pl.LazyFrame:
        return pl.scan_csv(
            list(files),
            glob=False,
            infer_schema=False,
            schema_overrides=pl.Schema(dtypes),
            include_file_paths=path,
            n_rows=most,
        )

    # Files of one header are one scan; Polars takes blank lines at the end for rows, so that such files stand alone.
    alike = groupby(range(len(names)), key=lambda i: (columns[i], i if rows[i].blank else None))
    runs = [(key[1], list(members)) for key, members in alike]
    order = [*columns[0], *([path] if path else [])]
    frames = [
        scanned([names[i] for i in members], None if alone is None else rows[alone].rows).select(order)
        for alone, members in runs
    ]
    return frames[0] if len(frames) == 1 else pl.concat(frames)


def _check_header(name: str, columns: Sequence[str]) -> None:
    if any("\0" in column or "\ufffd" in column for column in columns):
        raise SourceError(
            f"{name!r} cannot be read: its first line is no text in UTF-8", advice="save the file as CSV in UTF-8"
        )
    if any(re.search(r"\r(?!\n)", column) for column in columns):
        raise SourceError(
            f"{name!r} ends its lines with a carriage return alone: a line feed was expected",
            advice="save it with the line ends of Unix or Windows",
        )
    if columns[0].lower().startswith("sep="):
        raise SourceError(
            f"{name!r} begins with {columns[0]!r}, a spreadsheet's mark: the names of the columns were expected",
            advice="remove the first line, and save it with commas",
        )
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        raise SourceError(
            f"{name!r} has the single column {columns[0]!r}: commas between the values were expected",
            advice="save it with commas, or as Parquet",
        )
    # Polars renames the second `a` to `a_duplicated_0`; whether it did, the file alone can say.
    renamed = (re.fullmatch(r"(.*)_duplicated_\d+", column, re.DOTALL) for column in columns)
    taken = set(columns)
    if any(match and match[1] in taken for match in renamed):
        raw = pl.scan_csv(name, glob=False, has_header=False, n_rows=1, infer_schema=False).collect().row(0)
        repeated = [column or "" for column, count in Counter(raw).items() if count > 1]
        if repeated:
            raise SourceError(
                f"{name!r} has several columns of one name: {some(repeated)}",
                advice="give each column a name of its own",
            )
