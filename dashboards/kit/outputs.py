"""Checks of output paths for pages and pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tabkit import extras, marks
from tabkit.destination import check


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
