"""Sources: everything that can be read as a table becomes a Polars `LazyFrame` here."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from tabkit.errors import SourceError, TabkitError

Source: TypeAlias = Any
"""A path, glob, folder or URL (or a list of them), a Polars frame, lazy or not, or an Arrow stream."""

FORMATS = {
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".csv": "CSV",
    ".arrow": "IPC",
    ".feather": "IPC",
    ".ipc": "IPC",
    ".ndjson": "NDJSON",
    ".jsonl": "NDJSON",
}
_INFER_ROWS = 100_000


def scan(source: Source, *, dtypes: Mapping[str, pl.DataType] | None = None) -> pl.LazyFrame:
    """Open a source as a `LazyFrame`; no rows are read yet, but the columns are.

    Parameters
    ----------
    source
        A path, glob, folder or URL of Parquet, CSV, IPC or NDJSON files, a list of them, a Polars
        frame, lazy or not, or any object with the Arrow stream interface (pandas, pyarrow, DuckDB).
    dtypes
        For text formats (CSV, NDJSON), which carry no types: the types of the columns that are
        already known, for example from a fitted schema. Names that the file lacks are ignored.

    Raises
    ------
    SourceError
        If nothing is found, the format is unknown, or the content is not what the name says.

    Examples
    --------
    >>> scan(pl.DataFrame({"a": [1, 2]})).collect_schema().names()
    ['a']
    """
    if isinstance(source, pl.LazyFrame):
        frame = source
    elif isinstance(source, pl.DataFrame):
        frame = source.lazy()
    elif isinstance(source, str | Path) or _is_path_list(source):
        frame = _scan_files(files(source), dtypes or {})
    else:
        frame = _from_arrow(source).lazy()
    with reading(describe(source)):
        frame.collect_schema()
    return frame


def files(source: str | Path | Sequence[str | Path]) -> list[str]:
    """Resolve paths, globs and folders to file names, sorted within each; URLs pass unchanged.

    Raises
    ------
    SourceError
        If a path, glob or folder holds nothing to read.
    """
    if isinstance(source, str | Path):
        return _resolve(str(source))
    return [name for item in source for name in _resolve(str(item))]


def describe(source: Source) -> str:
    """Name a source for messages: its path, or its type."""
    if isinstance(source, str | Path):
        return repr(str(source))
    if _is_path_list(source):
        return repr(str(source[0])) + (f" and {len(source) - 1} more" if len(source) > 1 else "")
    return f"a {type(source).__name__}"


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what Polars raises while it reads `what` into a `SourceError` that says what to do."""
    try:
        yield
    except TabkitError:
        raise
    except FileNotFoundError as error:
        raise SourceError(f"{what} was not found or vanished while it was read: {error}") from error
    except pl.exceptions.NoDataError as error:
        raise SourceError(
            f"{what} is an empty file: a table with a header and rows was expected",
            advice="check the export that made it",
        ) from error
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{what} cannot be read: {_first_lines(error)}",
            advice="check that the content is what the file's name says, and that all parts have the same columns",
        ) from error


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


def _is_path_list(source: Source) -> bool:
    return isinstance(source, list | tuple) and bool(source) and all(isinstance(s, str | Path) for s in source)


def _resolve(name: str) -> list[str]:
    if "://" in name:
        return [name]
    path = Path(name)
    if path.is_file():
        return [name]
    if path.is_dir():
        found = sorted(str(p) for p in path.iterdir() if p.suffix.lower() in FORMATS and p.name[0] != ".")
        if not found:
            raise SourceError(f"folder {name!r} holds no table", advice=f"known endings: {_endings()}")
        return found
    found = sorted(glob.glob(name, recursive=True))
    if not found:
        what = "no file matches" if glob.has_magic(name) else "there is no file or folder"
        raise SourceError(f"{what} {name!r}", advice="check the spelling and the current folder")
    return [inner for item in found for inner in _resolve(item)]


def _scan_files(names: list[str], dtypes: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    kinds = {FORMATS.get(_ending(name), f"unknown ({_ending(name) or 'no ending'})") for name in names}
    if len(kinds) > 1 or not kinds <= set(FORMATS.values()):
        raise SourceError(
            f"{describe(names)}: one known format was expected, found {', '.join(sorted(kinds))}",
            advice=f"known endings: {_endings()}",
        )
    for name in names:
        if "://" not in name and Path(name).stat().st_size == 0:
            raise SourceError(f"{name!r} is an empty file (0 bytes)", advice="check the export that made it")
    return _open(kinds.pop(), names, dtypes)


def _open(kind: str, names: list[str], dtypes: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    with reading(describe(names)):
        if kind == "Parquet":
            return pl.scan_parquet(names, glob=False)
        if kind == "IPC":
            return pl.scan_ipc(names, glob=False)
        if kind == "NDJSON":
            return pl.scan_ndjson(names, infer_schema_length=_INFER_ROWS, schema_overrides=dict(dtypes))
        options: dict[str, Any] = {"infer_schema_length": _INFER_ROWS, "glob": False}
        header = pl.scan_csv(names, **options).collect_schema()
        known = {name: dtype for name, dtype in dtypes.items() if name in header}
        return pl.scan_csv(names, schema_overrides=known, try_parse_dates=True, **options)


def _from_arrow(source: Source) -> pl.DataFrame:
    if type(source).__module__.partition(".")[0] == "pandas":
        with reading("the pandas frame"):
            return pl.DataFrame(pl.from_pandas(source))
    if hasattr(source, "__arrow_c_stream__"):
        with reading(f"the {type(source).__name__}"):
            return pl.DataFrame(source)
    raise SourceError(
        f"a {type(source).__name__} is not a table that tabkit can read",
        advice="give a path, a Polars, pandas or pyarrow frame, or any object with the Arrow stream interface",
    )


def _ending(name: str) -> str:
    return Path(name.partition("?")[0]).suffix.lower()


def _endings() -> str:
    return " ".join(FORMATS)


def _first_lines(error: BaseException, *, lines: int = 3) -> str:
    return " / ".join(str(error).strip().splitlines()[:lines])[:400]
