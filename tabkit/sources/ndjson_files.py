"""NDJSON files: numbers and booleans have types of their own, dates come as text."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence

import polars as pl

from tabkit.sources.text_types import TEMPORAL, decide, dtype_of, is_temporal, parsed

_TEXT = (pl.String, pl.Categorical, pl.Enum)


def scan_ndjson(names: Sequence[str], dtypes: Mapping[str, pl.DataType], *, path: str | None = None) -> pl.LazyFrame:
    """Open NDJSON files as one table; `path` names a column for the path of each row's file."""
    parts = [_scan_one(name, pl.Schema(dtypes), path) for name in names]
    # Polars would take the keys of the first file and drop those that only others have.
    frame = parts[0] if len(parts) == 1 else pl.concat(parts, how="diagonal_relaxed")
    schema = frame.collect_schema()
    text = [name for name, dtype in schema.items() if dtype == pl.String and name != path]
    asked = [name for name in text if not isinstance(dtypes.get(name), _TEXT)]
    kinds = decide(frame.select(asked), asked, kinds=TEMPORAL) if asked else {}
    types = {name: dtype_of(kinds[name], dtypes.get(name)) for name in asked}
    return frame.with_columns(parsed(name, dtype) for name, dtype in types.items() if is_temporal(dtype))


def _scan_one(name: str, dtypes: pl.Schema, path: str | None) -> pl.LazyFrame:
    # This reader expands globs and cannot be told not to.
    escaped = name if "://" in name else glob.escape(name)
    frame = pl.scan_ndjson(escaped, infer_schema_length=None, include_file_paths=path)
    inferred = frame.collect_schema()
    known = {n: dtypes[n] for n in inferred if n in dtypes and not inferred[n].is_nested()}
    types = {n: pl.String() for n, dtype in known.items() if isinstance(dtype, _TEXT)}
    if not types:
        return frame
    return pl.scan_ndjson(escaped, infer_schema_length=None, schema_overrides=types, include_file_paths=path)
