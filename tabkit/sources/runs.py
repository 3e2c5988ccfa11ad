"""Group files that one reader can open as one table: a query with ten thousand readers exceeds memory."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

import polars as pl

from tabkit.errors import SourceError
from tabkit.sources.failures import different
from tabkit.sources.guard import reading
from tabkit.sources.names import FORMATS, SourceFile, describe, ending


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbours among the files of a source that are read as one table.

    Parameters
    ----------
    parts
        The files, in order.
    columns
        The names of all columns found in them, wanted or not; empty where only reading the whole tells them.
    """

    parts: tuple[SourceFile, ...]
    columns: tuple[str, ...]

    def alone(self) -> list[Run]:
        """Return a run for each file: Polars reads ahead in several files of one table, which takes memory."""
        return [Run((part,), self.columns) for part in self.parts]


def runs(parts: Sequence[SourceFile], *, wanted: Collection[str]) -> list[Run]:
    """Divide files into runs of neighbours that are of one format and have the wanted columns under the same types.

    Parameters
    ----------
    parts
        Files, as `names.parts` finds them. A URL is a run of its own: looking into it would cost a request.
    wanted
        The columns that will be read. Parquet files may differ in all others.

    Raises
    ------
    SourceError
        If a file cannot be read. It is named.
    """
    numbers: dict[object, int] = {}  # what ten thousand files have in common is kept once
    lists: dict[tuple[str, ...], tuple[str, ...]] = {}
    keys, names = [], []
    for part in parts:
        columns = _columns(part.name)
        keys.append(numbers.setdefault(_key(part, columns, wanted), len(numbers)))
        names.append(lists.setdefault(tuple(columns), tuple(columns)))
    members = [list(group) for _, group in groupby(range(len(parts)), key=lambda i: keys[i])]
    found = [dict.fromkeys(chain.from_iterable(dict.fromkeys(names[i] for i in group))) for group in members]
    return [Run(tuple(parts[i] for i in group), tuple(own)) for group, own in zip(members, found, strict=True)]


def check_alike(names: Sequence[str]) -> None:
    """Raise a `SourceError` that names the first Parquet or IPC file with other columns or types than the first."""
    first: Mapping[str, pl.DataType | None] | None = None
    for name in names:
        columns = _columns(name)
        first = columns if first is None else first
        if "://" in name or columns == first:
            continue
        if columns.keys() != first.keys():
            raise different(names[0], first, name, columns)
        for column, dtype in columns.items():
            if dtype != first[column]:
                raise SourceError(
                    f"{column!r} is {first[column]} in {names[0]!r}, but {dtype} in {name!r}",
                    advice="bring the column to one type in all parts",
                )


def check_filled(name: str) -> None:
    """Raise a `SourceError` if a file is of zero bytes."""
    if "://" not in name and os.path.getsize(name) == 0:
        raise SourceError(f"{name!r} is an empty file (0 bytes)", advice="check the export that made it")


def _columns(name: str) -> Mapping[str, pl.DataType | None]:
    """Return the columns of a file as far as its head or foot says them, with their types where it does."""
    kind = FORMATS.get(ending(name))
    if "://" in name:
        return {}
    with reading(describe(name)):
        check_filled(name)
        if kind == "Parquet":
            return pl.scan_parquet(name, glob=False, hive_partitioning=False).collect_schema()
        if kind == "IPC":
            return pl.scan_ipc(name, glob=False, hive_partitioning=False).collect_schema()
        if kind == "CSV":
            return dict.fromkeys(pl.scan_csv(name, glob=False, infer_schema=False).collect_schema())
    return {}


def _key(part: SourceFile, columns: Mapping[str, pl.DataType | None], wanted: Collection[str]) -> object:
    """Return what is equal for files of one run."""
    kind = FORMATS.get(ending(part.name))
    folders = tuple(name for name, _ in part.keys), tuple(name for name, _ in part.outer)
    compared = {name: dtype for name, dtype in columns.items() if kind != "Parquet" or name in wanted}
    return kind, part.name if "://" in part.name else None, folders, frozenset((n, str(t)) for n, t in compared.items())
