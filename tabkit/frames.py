"""Sources: everything that can be read as a table becomes a Polars `LazyFrame` here."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from functools import partial

import polars as pl

from tabkit.errors import SourceError
from tabkit.sources.csv_files import scan_csv
from tabkit.sources.failures import first_lines
from tabkit.sources.gathered import FEWEST_TOGETHER, batches_of, gathered
from tabkit.sources.guard import reading
from tabkit.sources.hive import attach, key_names, key_types
from tabkit.sources.names import FORMATS, Source, SourceFile, describe, ending, endings, is_path, is_path_list, parts
from tabkit.sources.ndjson_files import scan_ndjson
from tabkit.sources.page_checksums import check_pages
from tabkit.sources.runs import Run, check_alike, check_filled, runs

__all__ = [
    "FEWEST_TOGETHER",
    "FORMATS",
    "Run",
    "Source",
    "SourceFile",
    "batches_of",
    "collect",
    "collect_all",
    "describe",
    "files",
    "fresh_name",
    "key_types",
    "parts",
    "reading",
    "runs",
    "scan",
    "scan_parts",
]


_PATH = "\0path"  # no column of a file is called so


def scan(source: Source, *, dtypes: Mapping[str, pl.DataType] | None = None) -> pl.LazyFrame:
    """Open a source as a `LazyFrame`; the columns are read, the rows are not yet.

    Columns of CSV and NDJSON get their types from `dtypes`, or else from all of their rows, which are passed
    over once for that: a column is of the first type that holds for every value in every part, of boolean,
    whole number, number, date, datetime (all in ISO 8601), time and text. Whole numbers of which one has a
    leading zero, or more digits than Int64 holds, are codes and stay text, and so do dates of any other form.

    All rows of CSV files are checked then, of columns that nobody asks for too: each has as many values as the header
    has names. Blank lines after the last row are no rows; other blank lines are refused, but for tables of one
    column, where each is a null. A last line without an end is read if it has all its values.

    Parameters
    ----------
    source
        A path, glob, folder or URL of Parquet, CSV, IPC or NDJSON files, a list of them, a Polars
        frame, lazy or not, or any object with the Arrow stream interface (pandas, pyarrow, DuckDB).
        A folder stands for the tables that lie directly in it, or in Hive folders (``region=north``) in it: these
        give columns, in a glob too. Of a pandas index, named levels become columns.
    dtypes
        For text formats (CSV, NDJSON), which carry no types: the types of the columns that are
        already known, for example from a fitted schema. Names that the file lacks are ignored, and so is a
        type that is narrower than the file's own of the same kind (whole numbers that are written 1.0).

    Raises
    ------
    SourceError
        If nothing is found, the format is unknown, or the content is damaged or not what the name says.
    ImportError
        If a pandas frame needs pyarrow and that is not installed.

    Examples
    --------
    >>> scan(pl.DataFrame({"a": [1, 2]})).collect_schema().names()
    ['a']
    """
    if isinstance(source, pl.LazyFrame):
        frame = source
    elif isinstance(source, pl.DataFrame):
        frame = source.lazy()
    elif is_path(source) or is_path_list(source):
        frame = scan_parts(parts(source), dtypes=dtypes)
    else:
        frame = _from_arrow(source).lazy()
    with reading(describe(source)):
        frame.collect_schema()
    return frame


def scan_parts(
    source: Sequence[SourceFile],
    *,
    dtypes: Mapping[str, pl.DataType] | None = None,
    wanted: Collection[str] | None = None,
    path: str | None = None,
) -> pl.LazyFrame:
    """Open the files that `parts` found, all or some of them, as `scan` does.

    Parameters
    ----------
    wanted
        The columns that will be read, for files of one run (see `runs`): Parquet files may then differ in all others,
        which are left out.
    path
        The name of a further column with the file that each row comes from.
    """
    names, dtypes_by_name = [part.name for part in source], dtypes or {}
    kind = _format(names)
    with reading(describe(names)):
        for name in names:
            check_filled(name)
        if wanted is None and kind in ("Parquet", "IPC") and len(names) > 1:
            check_alike(names)
        keys = key_names(source, dtypes_by_name)
        own = path or (_PATH if keys else None)
        if kind == "Parquet" and wanted is not None and len(names) > 1:
            frame = _open_parquet(names, wanted, path=own)
        else:
            frame = _open(kind, names, dtypes_by_name, path=own)
        if keys and own is not None:
            frame = attach(frame, source, keys, dtypes_by_name, path=own)
            frame = frame if path else frame.drop(own)
        frame.collect_schema()
    return frame


def files(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """Resolve paths, globs and folders to file names, sorted within each; URLs pass unchanged.

    Raises
    ------
    SourceError
        If a path, glob or folder holds nothing to read, or a file comes twice.
    """
    return [part.name for part in parts(source)]


def collect(frame: pl.LazyFrame, *, what: str, streaming: bool = True) -> pl.DataFrame:
    """Run a query over the source called `what`; failures to read become `SourceError`."""
    with reading(what):
        return frame.collect(engine="streaming" if streaming else "auto")


def collect_all(queries: Sequence[pl.LazyFrame], *, what: str) -> list[pl.DataFrame]:
    """Run several queries over one source together, so that shared scans are read once."""
    with reading(what):
        return pl.collect_all(list(queries), engine="streaming")


def fresh_name(stem: str, taken: Sequence[str]) -> str:
    """Return `stem`, lengthened until it is not among `taken`: for helper columns.

    >>> fresh_name("fold", ["fold", "x"])
    'fold_'
    """
    while stem in taken:
        stem += "_"
    return stem


def _format(names: Sequence[str]) -> str:
    kinds = {FORMATS.get(ending(name), f"unknown ({ending(name) or 'no ending'})"): name for name in reversed(names)}
    if len(kinds) > 1 or not kinds.keys() <= set(FORMATS.values()):
        found = ", ".join(f"{kind} such as {name!r}" for kind, name in sorted(kinds.items()))
        raise SourceError(
            f"{describe(list(names))}: files of one known format were expected, found {found}",
            advice=f"known endings: {endings()}",
        )
    return next(iter(kinds))


def _open(kind: str, names: list[str], dtypes: Mapping[str, pl.DataType], *, path: str | None = None) -> pl.LazyFrame:
    if kind == "Parquet":
        return _open_parquet(names, None, path=path)
    if kind == "IPC":
        scanned = partial(pl.scan_ipc, glob=False, hive_partitioning=False, include_file_paths=path)
        return gathered(names, lambda part: scanned(names[part]))
    if kind == "CSV":
        return scan_csv(names, dtypes, path=path)
    return scan_ndjson(names, dtypes, path=path)


def _open_parquet(names: list[str], wanted: Collection[str] | None, *, path: str | None) -> pl.LazyFrame:
    """Open Parquet files, with the wanted columns alone if these are given; the first file has all of them."""
    for name in names:
        check_pages(name)
    scanned = partial(pl.scan_parquet, glob=False, hive_partitioning=False, include_file_paths=path)
    if wanted is None:
        return gathered(names, lambda part: scanned(names[part]))
    first = scanned(names[:1], include_file_paths=None).collect_schema()
    schema = {name: dtype for name, dtype in first.items() if name in wanted}
    return gathered(names, lambda part: scanned(names[part], schema=schema, extra_columns="ignore"))


def _from_arrow(source: Source) -> pl.DataFrame:
    what = describe(source)
    try:
        with reading(what):
            if type(source).__module__.partition(".")[0] == "pandas":
                return pl.DataFrame(pl.from_pandas(source, include_index=_has_names(source)))
            if hasattr(source, "__arrow_c_stream__"):
                return pl.DataFrame(source)
    except ImportError as error:
        raise ImportError(f"{what} with such columns needs pyarrow: pip install pyarrow") from error
    except (TypeError, ValueError) as error:
        raise SourceError(
            f"{what} cannot be read: {first_lines(error)}",
            advice="give each column one type and a name of its own",
        ) from error
    raise SourceError(
        f"{what} is not a table that tabkit can read",
        advice="give a path, a Polars, pandas or pyarrow frame, or any object with the Arrow stream interface; "
        "arrays, lists and dictionaries become one with pl.DataFrame(data, schema=[names], orient='row')",
    )


def _has_names(source: Source) -> bool:
    """Say whether the index of a pandas frame is data: its levels are named, and not like columns."""
    names = list(source.index.names) if hasattr(source, "index") and hasattr(source, "columns") else []
    return bool(names) and all(name is not None and name not in source.columns for name in names)
