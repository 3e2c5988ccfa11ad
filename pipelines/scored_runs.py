"""The sources of a scoring run, opened: as few readers as can be, and every file that does not fit is named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from tabkit import frames
from tabkit.errors import SchemaError

Score = Callable[[pl.LazyFrame], pl.LazyFrame]
"""From rows to their scores."""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """Files that are read as one table, and their scores.

    Parameters
    ----------
    names
        The files.
    columns
        All columns that they have, used or not.
    table, scores
        What is read and what becomes of it, both lazy.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    table: pl.LazyFrame
    scores: pl.LazyFrame

    @property
    def name(self) -> str:
        """The first file, by which messages call the run."""
        return self.names[0]


def open_runs(
    parts: Sequence[frames.Part], score: Score, *, dtypes: Mapping[str, pl.DataType], wanted: Collection[str]
) -> list[OpenRun]:
    """Open the files that go into one output, in order.

    Parameters
    ----------
    score
        The model, applied to a table.
    dtypes
        The known types, for formats that carry none.
    wanted
        The columns that the model and the output need.

    Raises
    ------
    SourceError, SchemaError
        If a file cannot be read or does not fit the model. It is named.
    """
    return [_open(run, score, dtypes, wanted) for run in frames.runs(parts, wanted=wanted)]


def _open(run: frames.Run, score: Score, dtypes: Mapping[str, pl.DataType], wanted: Collection[str]) -> OpenRun:
    try:
        table = frames.scan_parts(run.parts, dtypes=dtypes, wanted=wanted)
        scores = score(table)
    except SchemaError:
        for part in run.parts:
            with _naming(part.name):
                score(frames.scan_parts([part], dtypes=dtypes))
        raise
    columns = dict.fromkeys([*run.columns, *table.collect_schema()])
    return OpenRun(tuple(part.name for part in run.parts), tuple(columns), table, scores)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which of the files it is that does not fit."""
    try:
        yield
    except SchemaError as error:
        raise SchemaError(f"{name!r}: {error.problem}", advice=error.advice) from error
