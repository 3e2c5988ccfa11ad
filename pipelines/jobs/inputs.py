"""Files that settings name as read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tabkit.errors import TabkitError
from tabkit.frames import files


def inputs(*given: object) -> list[str]:
    """Return the files that settings name as read, which no output may replace; what is no name is passed over.

    Names that cannot be resolved yet stay as they are: what is wrong with them is said by who reads them.
    """
    found: list[str] = []
    for value in given:
        names = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
        for name in (str(name) for name in names if isinstance(name, str | Path)):
            found.append(name)
            with suppress(TabkitError):
                found += files(name)
    return found
