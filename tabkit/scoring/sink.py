"""Writing scores: whole under the final name, or not at all."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from tabkit.errors import ScoringError, SourceError, TabkitError
from tabkit.frames import reading
from tabkit.staging import explain, staged_file

_WRITERS: dict[str, Callable[..., object]] = {
    ".parquet": pl.LazyFrame.sink_parquet,
    ".csv": pl.LazyFrame.sink_csv,
    ".ndjson": pl.LazyFrame.sink_ndjson,
    ".arrow": pl.LazyFrame.sink_ipc,
}
_DISK = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS}


def check_output(path: Path) -> None:
    """Refuse a name whose ending is no format that can be written."""
    if path.suffix.lower() not in _WRITERS:
        raise ScoringError(
            f"{str(path)!r} does not end in a known format",
            advice=f"end it in one of {' '.join(_WRITERS)}, or name a folder with a / at the end",
        )


def write(frames: Sequence[pl.LazyFrame], paths: Sequence[Path], *, what: str) -> None:
    """Run the streams one after the other; all files take their names when the last one is complete.

    Parameters
    ----------
    frames, paths
        What goes where; the ending decides the format: Parquet, CSV, NDJSON or Arrow IPC.
    what
        How messages call the source.

    Raises
    ------
    ScoringError
        If a file cannot be written. Files that stood under these names before still stand.
    SourceError
        If the source cannot be read to its end; likewise.
    """
    for path in paths:
        check_output(path)
    with ExitStack() as stack:
        hidden = [stack.enter_context(staged_file(path, kind=ScoringError)) for path in paths]
        for frame, part, path in zip(frames, hidden, paths, strict=True):
            _sink(frame, part, path, what=what)


def _sink(frame: pl.LazyFrame, part: Path, path: Path, *, what: str) -> None:
    try:
        with reading(what):
            _WRITERS[path.suffix.lower()](frame, part)
    except SourceError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in _DISK:
            raise explain(cause, path, kind=ScoringError) from cause
        raise
    except TabkitError:
        raise
