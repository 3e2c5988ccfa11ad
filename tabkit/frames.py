"""Sources: everything that can be read as a table becomes a Polars `LazyFrame` here."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
    ".csv.gz": "CSV",
    ".csv.zst": "CSV",
    ".arrow": "IPC",
    ".feather": "IPC",
    ".ipc": "IPC",
    ".ndjson": "NDJSON",
    ".ndjson.gz": "NDJSON",
    ".ndjson.zst": "NDJSON",
    ".jsonl": "NDJSON",
}
_COMPRESSED = {".gz", ".zst"}
_INFER_ROWS = 100_000
_PADDED = r"^[+-]?0\d"
_OFFSET = r"(?:Z|[+-]\d\d:?\d\d)$"
_ADVICE = (
    ("could not parse", "repair the value at its source, or give a Parquet file, whose columns have one type each"),
    ("utf-8", "save the file as UTF-8"),
    ("more fields", "give each row as many values as the header has names; put quotes around values with commas"),
    ("permission denied", "ask for the right to read it"),
    ("schema names differ", "give all parts the same columns in the same order"),
    ("object-store", "check the address and that this machine can reach it"),
)
_LOOK = "check that the content is what the name says, and that all parts have the same columns"


def scan(source: Source, *, dtypes: Mapping[str, pl.DataType] | None = None) -> pl.LazyFrame:
    """Open a source as a `LazyFrame`; the columns are read, the rows are not yet.

    Columns of CSV and NDJSON get their types from `dtypes`, or else from the content: the first 100,000
    rows of CSV, all of NDJSON. Whole numbers of which one has a leading zero there are codes and stay text.

    Parameters
    ----------
    source
        A path, glob, folder or URL of Parquet, CSV, IPC or NDJSON files, a list of them, a Polars
        frame, lazy or not, or any object with the Arrow stream interface (pandas, pyarrow, DuckDB).
        A folder stands for the tables that lie directly in it. Of a pandas index, named levels become columns.
    dtypes
        For text formats (CSV, NDJSON), which carry no types: the types of the columns that are
        already known, for example from a fitted schema. Names that the file lacks are ignored, and so is a
        type that is narrower than the file's own of the same kind (whole numbers that are written 1.0).

    Raises
    ------
    SourceError
        If nothing is found, the format is unknown, or the content is not what the name says.
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
    elif _is_path(source) or _is_path_list(source):
        frame = _scan_files(files(source), dtypes or {})
    else:
        frame = _from_arrow(source).lazy()
    with reading(describe(source)):
        frame.collect_schema()
    return frame


def files(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """Resolve paths, globs and folders to file names, sorted within each; URLs pass unchanged.

    Raises
    ------
    SourceError
        If a path, glob or folder holds nothing to read, or a file comes twice.
    """
    items = [source] if isinstance(source, str | os.PathLike) else list(source)
    found = [name for item in items for name in _resolve(os.fsdecode(item))]
    if not found:
        raise SourceError("no source is given", advice="name a file, a glob, a folder or a URL")
    same = Counter(name if "://" in name else os.path.realpath(name) for name in found)
    twice = [name for name, count in same.items() if count > 1]
    if twice:
        raise SourceError(
            f"{_some(twice)} would be read twice, and its rows would count twice",
            advice="name each file once, and no link beside the file that it leads to",
        )
    return found


def describe(source: Source) -> str:
    """Name a source for messages: its path, or its type."""
    if _is_path(source):
        return repr(_without_secrets(os.fsdecode(source)))
    if _is_path_list(source):
        more = f" and {len(source) - 1} more" if len(source) > 1 else ""
        return repr(_without_secrets(os.fsdecode(source[0]))) + more
    name = type(source).__name__
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"


def _without_secrets(name: str) -> str:
    """Return a URL without its user, password and query, which may carry keys; paths stay.

    >>> _without_secrets("https://me:word@host/a.parquet?sig=key")
    'https://host/a.parquet'
    """
    if "://" not in name:
        return name
    scheme, _, rest = name.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what Polars raises while it reads `what` into a `SourceError` that says what to do."""
    try:
        yield
    except TabkitError:
        raise
    except FileNotFoundError as error:
        raise SourceError(
            f"{what} was not found or vanished while it was read: {_first_lines(error)}",
            advice="check the path, and that nothing moves or rewrites the file meanwhile",
        ) from error
    except pl.exceptions.NoDataError as error:
        raise SourceError(
            f"{what} is an empty file: a table with a header and rows was expected",
            advice="check the export that made it",
        ) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeDecodeError) as error:
        said = _first_lines(error)
        advice = next((advice for sign, advice in _ADVICE if sign in said.lower()), _LOOK)
        raise SourceError(f"{what} cannot be read: {said}", advice=advice) from error


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


def _is_path(source: Source) -> bool:
    return isinstance(source, str | os.PathLike)


def _is_path_list(source: Source) -> bool:
    return isinstance(source, list | tuple) and all(map(_is_path, source)) and bool(source)


def _resolve(name: str) -> list[str]:
    if "://" in name:
        return [name]
    if not name.strip():
        raise SourceError("the name of the source is empty", advice="name a file, a glob, a folder or a URL")
    if os.path.lexists(name):
        return _existing(name)
    matches = sorted(glob.glob(name, recursive=True))
    if not matches:
        with reading(repr(name)), suppress(FileNotFoundError, NotADirectoryError, ValueError):
            os.lstat(name)  # a name that is too long, or a folder that may not be looked into, has its own error
        what = "no file matches" if glob.has_magic(name) else "there is no file or folder"
        more = "; a bracket that belongs to the name is written [[]" if "[" in name else ""
        raise SourceError(f"{what} {name!r}", advice=f"check the spelling and the current folder{more}")
    # `**` matches folders beside the files in them; read as folders they would count twice.
    parts = [match for match in matches if not os.path.isdir(match)] or matches
    return [inner for part in parts for inner in _existing(part)]


def _existing(name: str) -> list[str]:
    if os.path.isfile(name):
        return [name]
    if not os.path.isdir(name):
        what = f"a link to {os.readlink(name)!r}, which is not there" if os.path.islink(name) else "no regular file"
        raise SourceError(f"{name!r} is {what}", advice="name the file itself")
    with reading(repr(name)):
        inside = sorted(str(p) for p in Path(name).iterdir() if _ending(p.name) in FORMATS and p.name[0] != ".")
    if not inside:
        raise SourceError(
            f"folder {name!r} holds no table",
            advice=f"known endings: {_endings()}; for folders inside it name a glob such as {name}/**/*.parquet",
        )
    return [inner for part in inside for inner in _existing(part)]


def _scan_files(names: list[str], dtypes: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    kinds = {FORMATS.get(_ending(name), f"unknown ({_ending(name) or 'no ending'})"): name for name in reversed(names)}
    if len(kinds) > 1 or not kinds.keys() <= set(FORMATS.values()):
        found = ", ".join(f"{kind} such as {name!r}" for kind, name in sorted(kinds.items()))
        raise SourceError(
            f"{describe(names)}: files of one known format were expected, found {found}",
            advice=f"known endings: {_endings()}",
        )
    with reading(describe(names)):
        for name in names:
            if "://" not in name and os.path.getsize(name) == 0:
                raise SourceError(f"{name!r} is an empty file (0 bytes)", advice="check the export that made it")
        return _open(next(iter(kinds)), names, dtypes)


def _open(kind: str, names: list[str], dtypes: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    if kind == "Parquet":
        return pl.scan_parquet(names, glob=False)
    if kind == "IPC":
        return pl.scan_ipc(names, glob=False)
    if kind == "CSV":
        return _scan_csv(names, pl.Schema(dtypes))
    parts = [_scan_ndjson(name, pl.Schema(dtypes)) for name in names]
    # Polars would take the keys of the first file and drop those that only others have.
    return parts[0] if len(parts) == 1 else pl.concat(parts, how="diagonal_relaxed")


def _scan_csv(names: list[str], dtypes: pl.Schema) -> pl.LazyFrame:
    frame = pl.scan_csv(names, glob=False, infer_schema_length=_INFER_ROWS, try_parse_dates=True)
    inferred = frame.collect_schema()
    _check_header(names[0], inferred.names())
    types = {n: dtypes[n] for n, dtype in inferred.items() if n in dtypes and _is_imposed(dtypes[n], dtype)}
    whole = [n for n, dtype in inferred.items() if n not in dtypes and dtype.is_integer()]
    types |= dict.fromkeys(_padded(names, whole), pl.String())
    if not types:
        return frame
    return pl.scan_csv(names, glob=False, infer_schema_length=1, schema_overrides={**inferred, **types})


def _check_header(name: str, columns: Sequence[str]) -> None:
    if any("\0" in column or "\ufffd" in column for column in columns):
        raise SourceError(
            f"{name!r} cannot be read: its first line is no text in UTF-8", advice="save the file as CSV in UTF-8"
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
                f"{name!r} has several columns of one name: {_some(repeated)}",
                advice="give each column a name of its own",
            )


def _padded(names: list[str], columns: Sequence[str]) -> list[str]:
    """Return the columns of whole numbers that are codes: one of the first rows has a leading zero."""
    if not columns:
        return []
    raw = pl.scan_csv(names, glob=False, infer_schema=False, n_rows=_INFER_ROWS)
    found = raw.select(pl.col(columns).str.contains(_PADDED).any()).collect().row(0, named=True)
    return [column for column, padded in found.items() if padded]


def _is_imposed(known: pl.DataType, inferred: pl.DataType) -> bool:
    """Say whether a CSV column is read as the known type; else as its own, for the schema's check to judge."""
    if known.is_nested() or isinstance(known, pl.Duration | pl.Null | pl.Binary | pl.Object):
        return False
    if isinstance(inferred, pl.Datetime) and isinstance(known, pl.Date | pl.Datetime):
        # A date would refuse the hours; the other kind of zone would shift or cut them without a word.
        return isinstance(known, pl.Datetime) and bool(known.time_zone) == bool(inferred.time_zone)
    return not (known.is_integer() and inferred.is_float())


def _scan_ndjson(name: str, dtypes: pl.Schema) -> pl.LazyFrame:
    # This reader expands globs and cannot be told not to.
    path = name if "://" in name else glob.escape(name)
    frame = pl.scan_ndjson(path, infer_schema_length=None)
    inferred = frame.collect_schema()
    known = {n: dtypes[n] for n in inferred if n in dtypes and not inferred[n].is_nested()}
    text = (pl.String, pl.Categorical, pl.Enum)
    types: dict[str, pl.DataType] = {n: pl.String() for n, dtype in known.items() if isinstance(dtype, text)}
    types |= {n: dtype for n, dtype in known.items() if isinstance(dtype, pl.Date) and inferred[n] == pl.String}
    times = {n: dtype for n, dtype in known.items() if isinstance(dtype, pl.Datetime) and inferred[n] == pl.String}
    if times:
        aware = pl.col(list(times)).drop_nulls().first().str.contains(_OFFSET)
        first = frame.select(aware).collect().row(0, named=True)
        types |= {n: dtype for n, dtype in times.items() if first[n] == bool(dtype.time_zone)}
    return frame if not types else pl.scan_ndjson(path, infer_schema_length=None, schema_overrides=types)


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
            f"{what} cannot be read: {_first_lines(error)}",
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


def _ending(name: str) -> str:
    suffixes = Path(name.partition("?")[0] if "://" in name else name).suffixes[-2:]
    return "".join(suffixes if suffixes and suffixes[-1].lower() in _COMPRESSED else suffixes[-1:]).lower()


def _endings() -> str:
    return " ".join(FORMATS)


def _some(names: Sequence[str], *, most: int = 5) -> str:
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")


def _first_lines(error: BaseException, *, lines: int = 3) -> str:
    return " / ".join(line for line in str(error).strip().splitlines()[:lines] if line.strip())[:400]
