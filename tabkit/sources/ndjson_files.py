"""NDJSON files: numbers and booleans keep their types, dates are text."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping, Sequence

import polars as pl

from tabkit.errors import SourceError
from tabkit.sources.file_bytes import chunks_of
from tabkit.sources.gathered import gathered
from tabkit.sources.names import describe
from tabkit.sources.text_types import TEMPORAL, decide, dtype_of, is_temporal, parsed

_TEXT = (pl.String, pl.Categorical, pl.Enum)


def scan_ndjson(names: Sequence[str], dtypes: Mapping[str, pl.DataType], *, path: str | None = None) -> pl.LazyFrame:
    """Open NDJSON files as one table; `path` names a column for the path of each row's file."""
    kept: dict[str, dict[str, pl.DataType]] = {}  # ten thousand files have few schemas
    schemas = [kept.setdefault(str(schema), schema) for schema in (_schema(name, dtypes) for name in names)]
    joined = _joined(schemas)

    def scanned(part: slice) -> pl.LazyFrame:
        if joined is not None:
            return _scan(names[part], joined, path)
        # Polars would take the keys of the first file and drop those that only others have.
        parts = [_scan([name], schema, path) for name, schema in zip(names[part], schemas[part], strict=True)]
        return pl.concat(parts, how="diagonal_relaxed")

    frame = scanned(slice(None))
    schema = frame.collect_schema()
    text = [name for name, dtype in schema.items() if dtype == pl.String and name != path]
    asked = [name for name in text if not isinstance(dtypes.get(name), _TEXT)]
    kinds = decide(frame.select(asked), asked, kinds=TEMPORAL) if asked else {}
    types = {name: dtype_of(kinds[name], dtypes.get(name)) for name in asked}
    times = [parsed(name, dtype) for name, dtype in types.items() if is_temporal(dtype)]
    if joined is None:
        return frame.with_columns(times)
    return gathered(names, lambda part: scanned(part).with_columns(times))


def _schema(name: str, dtypes: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    """Return the keys of all rows of a file and their types; text is what is known as text."""
    try:
        inferred = pl.scan_ndjson(_escaped(name), infer_schema_length=None).collect_schema()
    except pl.exceptions.PolarsError:
        _refuse_first_wrong(name)
        raise
    return {
        key: pl.String() if isinstance(dtypes.get(key), _TEXT) and not dtype.is_nested() else dtype
        for key, dtype in inferred.items()
    }


def _refuse_first_wrong(name: str) -> None:
    """Raise a `SourceError` that names the first line that is no object; Polars names none."""
    pending, number = b"", 0
    for chunk in chunks_of(name):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            number += 1
            _check_line(name, number, line)
    _check_line(name, number + 1, pending)


def _check_line(name: str, number: int, line: bytes) -> None:
    try:
        right = not line.strip() or isinstance(json.loads(line), dict)
    except ValueError:
        right = False
    if not right:
        raise SourceError(
            f"{describe(name)} cannot be read: line {number:,} is no JSON object: one per line was expected",
            advice="repair the line; if it is the last one, the file was cut: export or copy it again",
        )


def _joined(schemas: Sequence[Mapping[str, pl.DataType]]) -> dict[str, pl.DataType] | None:
    """Return the schema that reads all files, if one does: their types are the same but for nulls, or are numbers."""
    joined: dict[str, pl.DataType] = {}
    for schema in {id(schema): schema for schema in schemas}.values():
        for key, dtype in schema.items():
            before = joined.get(key, pl.Null())
            if dtype == before or dtype == pl.Null():
                joined[key] = before
            elif before == pl.Null():
                joined[key] = dtype
            elif {dtype, before} == {pl.Int64(), pl.Float64()}:
                joined[key] = pl.Float64()
            else:
                return None
    return joined


def _scan(names: Sequence[str], schema: Mapping[str, pl.DataType], path: str | None) -> pl.LazyFrame:
    return pl.scan_ndjson([_escaped(name) for name in names], schema=dict(schema), include_file_paths=path)


def _escaped(name: str) -> str:
    """Return a name for this reader, which expands globs and cannot be told not to."""
    return name if "://" in name else glob.escape(name)
