"""Write scores under their final name whole, or not at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tabkit import marks
from tabkit.destination import check
from tabkit.errors import ScoringError, SourceError
from tabkit.frames import reading
from tabkit.staging import explain, staged_file
from tabkit.untrusted import pathnames

_WRITERS: dict[str, Callable[..., object]] = {
    ".parquet": pl.LazyFrame.sink_parquet,
    ".csv": pl.LazyFrame.sink_csv,
    ".ndjson": pl.LazyFrame.sink_ndjson,
    ".arrow": pl.LazyFrame.sink_ipc,
}
_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
"""Only writing fails with these, whatever Polars was doing when it met one."""


def check_output(path: Path) -> None:
    """Refuse a name that no table can have: too long, not UTF-8, or of an ending that is no format to write."""
    pathnames.check(path, kind=ScoringError)
    pathnames.check_utf8(path, kind=ScoringError)
    if path.suffix.lower() not in _WRITERS:
        raise ScoringError(
            f"{str(path)!r} does not end in a known format",
            advice=f"end it in one of {' '.join(_WRITERS)}, or name a folder with a / at the end",
        )


def check_table(
    path: str | Path,
    made_by: str,
    columns: Sequence[str],
    *,
    overwrite: bool = False,
    inputs: Iterable[str | Path] = (),
) -> None:
    """Raise a `ScoringError` before any work if a table of known columns could not be written, or may not go there."""
    if not Path(path).suffix or Path(path).is_dir():
        raise ScoringError(
            f"{str(path)!r} names no file of a known format: one table is written",
            advice="end the name in .parquet, .csv, .ndjson or .arrow",
        )
    check_output(Path(path))
    check(path, marks.table(made_by, columns), overwrite=overwrite, inputs=inputs)


def write(
    frames: Sequence[pl.LazyFrame],
    paths: Sequence[Path],
    *,
    sources: Sequence[str],
    made_by: str | None = None,
    stop: Callable[[], None] | None = None,
) -> None:
    """Run the streams one after the other; all files take their names when the last one is complete.

    Ctrl-C works while this runs: the streams get a thread of their own, because the one that waits for Polars
    hears nothing.

    Parameters
    ----------
    frames, paths
        What goes where; the ending decides the format: Parquet, CSV, NDJSON or Arrow IPC.
    sources
        How messages call the source of each frame.
    made_by
        The command whose mark Parquet files bear, by which a later run knows them as its own; see `tabkit.marks`.
    stop
        Called when the run is broken off, to end the streams soon; see `Tally.stop`.

    Raises
    ------
    ScoringError
        If a file cannot be written. Files that stood under these names before still stand.
    SourceError
        If a source cannot be read to its end; likewise.
    """
    for frame, path in zip(frames, paths, strict=True):
        check_output(path)
        _check_types(frame, path)
    with ExitStack() as stack:
        hidden = [stack.enter_context(staged_file(path, kind=ScoringError)) for path in paths]
        for part, path in zip(hidden, paths, strict=True):
            _touch(part, path)
        jobs = (Job(*each) for each in zip(frames, hidden, paths, sources, strict=True))
        run(jobs, made_by=made_by, stop=stop)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A file to write.

    Parameters
    ----------
    frame
        What goes into it.
    part
        The file that is written.
    path
        The file that messages name; its ending decides the format.
    source
        How messages call the source.
    metadata
        Of a Parquet file, beside its mark.
    """

    frame: pl.LazyFrame
    part: Path
    path: Path
    source: str
    metadata: Mapping[str, str] = field(default_factory=dict)


def run(jobs: Iterable[Job], *, made_by: str | None = None, stop: Callable[[], None] | None = None) -> None:
    """Write streams where they are told, one after the other; see `write`."""
    _apart(lambda: _sink_all(jobs, made_by), stop=stop)


def _check_types(frame: pl.LazyFrame, path: Path) -> None:
    """CSV has no form for columns inside columns, which Polars would find out at the end."""
    nested = [name for name, dtype in frame.collect_schema().items() if dtype.is_nested() or dtype == pl.Binary]
    if nested and path.suffix.lower() == ".csv":
        raise ScoringError(
            f"CSV cannot hold {', '.join(map(repr, nested))}", advice=f"write {path.stem}.parquet, or do not keep them"
        )


def _touch(part: Path, path: Path) -> None:
    """Find out before the work whether the place can be written to."""
    try:
        part.touch()
    except OSError as error:
        raise explain(error, path, kind=ScoringError) from error


def _sink_all(jobs: Iterable[Job], made_by: str | None) -> None:
    for job in jobs:
        _sink(job, made_by)


def _sink(job: Job, made_by: str | None) -> None:
    ending = job.path.suffix.lower()
    try:
        with reading(job.source):
            mark = {} if made_by is None else marks.parquet(made_by, job.frame.collect_schema().names())
            options = {"metadata": {**mark, **job.metadata}} if ending == ".parquet" else {}
            _WRITERS[ending](job.frame, job.part, **options)
    except SourceError as error:
        number = _os_error(error.__cause__)
        if number in _FULL:
            raise explain(OSError(number, os.strerror(number)), job.path, kind=ScoringError) from error.__cause__
        raise


def _os_error(cause: BaseException | None) -> int:
    """Return the system's number of an error; Polars keeps it in the text alone. Zero if there is none."""
    if isinstance(cause, OSError) and cause.errno:
        return cause.errno
    found = re.search(r"\(os error (\d+)\)", str(cause))
    return int(found[1]) if found else 0


def _apart(work: Callable[[], object], *, stop: Callable[[], None] | None) -> None:
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="tabkit-scoring") as pool:
        future = pool.submit(work)
        try:
            future.result()
        except BaseException:
            if stop is not None:
                stop()
            raise  # once the thread has ended: leaving the pool waits for it
