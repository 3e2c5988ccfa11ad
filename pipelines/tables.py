"""Tables that commands write: never over anything but an older one of their own."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tabkit.bundle import bundle_above
from tabkit.errors import ScoringError, TabkitError
from tabkit.frames import scan
from tabkit.scoring import check_output


def check_table(output: Path, *, made: str, what: str) -> None:
    """Raise before any work if a table could not be written there, or would replace anything but one of its kind.

    Parameters
    ----------
    made
        A column by which the kind is known.
    what
        What it is called.

    Raises
    ------
    ScoringError
        If the file cannot be written, or stands there already and is something else.
    """
    if output.is_dir() or not output.suffix:
        raise ScoringError(
            f"{str(output)!r} names no file of a known format: one table is written",
            advice="end the name in .parquet, .csv, .ndjson or .arrow",
        )
    bundle = bundle_above(output)
    if bundle is not None:
        raise ScoringError(
            f"{str(output)!r} would be inside of the bundle {str(bundle)!r}, which is never changed",
            advice="choose another place",
        )
    check_output(output)
    if output.exists() and not _has(output, made):
        raise ScoringError(
            f"{str(output)!r} exists and holds no {what}: it was left as it is", advice="choose another name"
        )


def _has(path: Path, column: str) -> bool:
    try:
        return column in scan(path).collect_schema()
    except (TabkitError, pl.exceptions.PolarsError, OSError):
        return False
