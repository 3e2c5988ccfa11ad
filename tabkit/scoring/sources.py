"""Open the sources of a scoring run with as few readers as possible; name every file that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from tabkit import frames
from tabkit.errors import SchemaError

_FILE = "\0file"  # no column of a file is called so


@dataclass(frozen=True, slots=True)
class Opener:
    """How the files of a scoring run are opened and scored.

    Parameters
    ----------
    score
        The model: from rows and the columns to keep to scores.
    keep
        The columns to keep.
    dtypes
        The known types, for formats that carry none.
    wanted
        The columns that the model and the output need.
    """

    score: Callable[[pl.LazyFrame, Sequence[str]], pl.LazyFrame]
    keep: Sequence[str]
    dtypes: Mapping[str, pl.DataType]
    wanted: Collection[str]

    def runs(self, parts: Sequence[frames.SourceFile]) -> list[OpenRun]:
        """Open all files, by as few readers as can be, in order.

        Raises
        ------
        SourceError, SchemaError
            If a file cannot be read or does not fit the model. It is named.
        """
        found = frames.runs(parts, wanted=self.wanted)
        if len(parts) < frames.FEWEST_TOGETHER:
            found = [one for run in found for one in run.alone()]
        return [self._open(run) for run in found]

    def alone(self, part: frames.SourceFile) -> pl.LazyFrame:
        """Return the scores of one file."""
        with _naming(part.name):
            return self.score(frames.scan_parts([part], dtypes=self.dtypes), self.keep)

    def together(self, run: OpenRun, batch: slice) -> dict[str, pl.LazyFrame]:
        """Score small files of a run at once, in memory, and return the scores of each."""
        parts = run.parts[batch]
        types = {**self.dtypes, **run.table.collect_schema()}
        table = frames.scan_parts(parts, dtypes=types, wanted=self.wanted, path=_FILE)
        scores = self.score(table, [*self.keep, _FILE])
        whole = scores.cast(run.scores.collect_schema())  # a batch of NDJSON may hold narrower numbers
        found = frames.collect(whole, what=frames.describe([part.name for part in parts]))
        divided = found.partition_by(_FILE, as_dict=True, maintain_order=True, include_key=False)
        none = found.drop(_FILE).clear()
        return {part.name: divided.get((part.name,), none).lazy() for part in parts}

    def _open(self, run: frames.Run) -> OpenRun:
        try:
            table = frames.scan_parts(run.parts, dtypes=self.dtypes, wanted=self.wanted)
            scores = self.score(table, self.keep)
        except SchemaError:
            for part in run.parts:
                self.alone(part)
            raise
        columns = dict.fromkeys([*run.columns, *table.collect_schema()])
        return OpenRun(run.parts, tuple(columns), table, scores)


@dataclass(frozen=True, slots=True)
class OpenRun:
    """Files that are read as one table, and their scores.

    Parameters
    ----------
    parts
        The files.
    columns
        All columns that they have, used or not.
    table, scores
        What is read and what becomes of it, both lazy.
    """

    parts: tuple[frames.SourceFile, ...]
    columns: tuple[str, ...]
    table: pl.LazyFrame
    scores: pl.LazyFrame

    @property
    def names(self) -> list[str]:
        """The names of the files."""
        return [part.name for part in self.parts]


class ScoresBySource(Mapping[str, pl.LazyFrame]):
    """The scores of each file, made when they are asked for: in order, and of many small files at once.

    So no more is in memory than the scores of one batch, however many files there are.

    Parameters
    ----------
    runs
        All files.
    outputs
        By what names the scores are asked for: one for each file, in order.
    opener
        What made the runs.
    """

    def __init__(self, runs: Sequence[OpenRun], outputs: Sequence[str], opener: Opener) -> None:
        self._opener = opener
        self._batches: list[tuple[OpenRun, slice]] = []
        self._places: dict[str, tuple[int, str]] = {}
        self._made: tuple[int, dict[str, pl.LazyFrame]] = (-1, {})
        output = iter(outputs)
        for run in runs:
            alone = [slice(i, i + 1) for i in range(len(run.parts))]
            for batch in frames.batches_of(run.names) or alone:
                names = run.names[batch]
                self._places |= {next(output): (len(self._batches), name) for name in names}
                self._batches.append((run, batch))

    def __getitem__(self, output: str) -> pl.LazyFrame:
        number, name = self._places[output]
        if self._made[0] != number:
            run, batch = self._batches[number]
            parts = run.parts[batch]
            one = len(parts) == 1
            self._made = number, {name: self._opener.alone(parts[0])} if one else self._opener.together(run, batch)
        return self._made[1][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which of the files it is that does not fit."""
    try:
        yield
    except SchemaError as error:
        raise SchemaError(f"{name!r}: {error.problem}", advice=error.advice) from error
