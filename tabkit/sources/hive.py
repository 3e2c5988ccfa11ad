"""Hive folders: columns whose values stand in the names of folders (``region=north``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tabkit.errors import SourceError
from tabkit.sources.names import SourceFile
from tabkit.sources.text_types import decide, dtype_of, parsed

_NULL = "__HIVE_DEFAULT_PARTITION__"


def key_names(parts: Sequence[SourceFile], dtypes: Mapping[str, pl.DataType]) -> list[str]:
    """Return the names of the columns that folders give, the same for all parts.

    Raises
    ------
    SourceError
        If parts lie in folders of different names, or two folders above one part have the same name.
    """
    first = [name for name, _ in parts[0].keys]
    for part in parts:
        names = [name for name, _ in part.keys]
        if names != first or len(set(names)) < len(names):
            raise SourceError(
                f"{parts[0].name!r} and {part.name!r} lie in folders of different columns: {first} and {names}",
                advice="the folders of one table have the same names in the same order above every file, such as "
                "region=north/month=5; name those that belong together, or the files one by one",
            )
    outer = set.intersection(*({name for name, _ in part.outer} for part in parts))
    return [*first, *sorted(name for name in outer if name in dtypes and name not in first)]


def key_types(parts: Sequence[SourceFile]) -> dict[str, pl.DataType]:
    """Return the types of the columns that folders give, decided over all parts that have them."""
    names = dict.fromkeys(name for part in parts for name, _ in part.keys)
    return {name: _types(_table(parts, [name]), [name], {})[name] for name in names}


def attach(
    frame: pl.LazyFrame,
    parts: Sequence[SourceFile],
    names: Sequence[str],
    dtypes: Mapping[str, pl.DataType],
    *,
    path: str,
) -> pl.LazyFrame:
    """Add the columns that folders give, by `path`, the column with each row's file.

    A column that stands in the files too is compared and kept as it is in them.

    Raises
    ------
    SourceError
        If folders and files disagree.
    """
    schema, table = frame.collect_schema(), _table(parts, names)
    outer = {name for part in parts for name, _ in part.outer} - {name for name, _ in parts[0].keys}
    beside = [name for name in names if name in schema and name not in outer]
    missing = [name for name in names if name not in schema]
    types = _types(table, missing, dtypes) | {name: schema[name] for name in beside}
    typed = table.select("path", *(parsed(name, types[name]) for name in (*missing, *beside)))

    def values(name: str) -> pl.Expr:
        return pl.col(path).replace_strict(typed["path"], typed[name], return_dtype=types[name])

    if beside:
        differs = [pl.col(name).ne_missing(values(name)).any() for name in beside]
        answers = frame.select(differs).collect(engine="streaming").row(0, named=True)
        wrong = [name for name, differ in answers.items() if differ]
        if wrong:
            raise SourceError(
                f"column {wrong[0]!r} has values in the files that are not those of their folders",
                advice="take the column out of the files, or move the files to the folders of their values",
            )
    return frame.with_columns(values(name).alias(name) for name in missing)


def _table(parts: Sequence[SourceFile], names: Sequence[str]) -> pl.DataFrame:
    values = [dict((*part.outer, *part.keys)) for part in parts]
    texts = {name: [None if row.get(name) == _NULL else row.get(name) for row in values] for name in names}
    schema = {"path": pl.String(), **dict.fromkeys(names, pl.String())}
    return pl.DataFrame({"path": [part.name for part in parts], **texts}, schema=schema)


def _types(table: pl.DataFrame, names: Sequence[str], dtypes: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    kinds = decide(table.lazy(), names)
    return {name: dtype_of(kinds[name], dtypes.get(name)) for name in names}
