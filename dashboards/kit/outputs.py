"""Checks of output paths for pages, pictures and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tabkit import extras, marks
from tabkit.destination import check
from tabkit.errors import ScoringError
from tabkit.scoring import check_output


def check_page(
    path: str | Path,
    made_by: str,
    *,
    overwrite: bool = False,
    inputs: Iterable[str | Path] = (),
    outside: Iterable[str | Path] = (),
) -> None:
    """Raise before any work if the page of a command could not be drawn, or may not go there.

    Parameters are those of `tabkit.destination.check`, with the command for the kind.

    Raises
    ------
    ConfigError
        If the place is refused.
    ImportError
        If the extra `dashboards` is not installed.
    """
    extras.check_drawing()
    check(path, marks.page(made_by), overwrite=overwrite, inputs=inputs, outside=outside)


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
