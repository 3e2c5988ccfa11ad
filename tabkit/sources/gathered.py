"""Many small files as one stream of batches: a batch is read from many files at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import polars as pl
from polars.io.plugins import register_io_source

from tabkit.sources.guard import reading
from tabkit.sources.names import describe

FEWEST_TOGETHER = 64
"""Files below which a reader for each is as good, and takes less memory."""
_SMALL = 1 << 20  # files of a megabyte and more are worth a reader of their own
_BATCH_BYTES, _BATCH_FILES = 1 << 22, 256
"""What is read at once: some ten thousand rows of packed Parquet, and more batches than there are processors."""


def gathered(names: Sequence[str], opened: Callable[[slice], pl.LazyFrame]) -> pl.LazyFrame:
    """Return the table of all files; where they are many and small, a table that reads them batch by batch.

    Parameters
    ----------
    names
        The files.
    opened
        Opens some of them, all to the same columns and types.

    Returns
    -------
    pl.LazyFrame
        The rows in the order of the files, of ``opened(slice(None))`` to the letter. What cannot be read is named.
    """
    whole = opened(slice(None))
    batches = batches_of(names)
    if len(batches) < 2:
        return whole

    def read(
        columns: list[str] | None, predicate: pl.Expr | None, most: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        left = most
        for batch in batches:
            frame = _read(names, opened, batch, columns)
            frame = frame if left is None else frame.head(left)
            left = None if left is None else left - frame.height
            yield frame if predicate is None else frame.filter(predicate)
            if left == 0:
                return

    return register_io_source(read, schema=whole.collect_schema(), is_pure=True)


def batches_of(names: Sequence[str]) -> list[slice]:
    """Divide files into neighbours that are read at once; nothing where they are few, large, or far away."""
    if len(names) < FEWEST_TOGETHER or any("://" in name for name in names):
        return []
    sizes = [os.path.getsize(name) for name in names]
    if max(sizes) > _SMALL:
        return []
    batches, start, held = [], 0, 0
    for i, size in enumerate(sizes):
        if held + size > _BATCH_BYTES or i - start == _BATCH_FILES:
            batches.append(slice(start, i))
            start, held = i, 0
        held += size
    return [*batches, slice(start, len(names))]


def _read(
    names: Sequence[str], opened: Callable[[slice], pl.LazyFrame], batch: slice, columns: list[str] | None
) -> pl.DataFrame:
    def one(part: slice) -> pl.DataFrame:
        frame = opened(part)
        # Without columns Polars wants to know the number of rows alone.
        return frame.select(columns).collect(engine="in-memory") if columns else frame.collect(engine="in-memory")

    try:
        return one(batch)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        for i in range(batch.start, batch.stop):
            with reading(describe(names[i])):
                one(slice(i, i + 1))
        raise
