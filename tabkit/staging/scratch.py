"""A hidden folder for intermediate files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tabkit.errors import TabkitError
from tabkit.staging.disk import explain, make_folders, remove, remove_empty
from tabkit.staging.leftovers import clear, hidden


@contextmanager
def scratch_folder(target: str | Path, *, kind: type[TabkitError]) -> Iterator[Path]:
    """Yield an empty hidden folder beside `target`, which is not touched; the folder is removed at the end.

    What a killed process left of it is removed by the next one that writes beside, which nobody does in the system's
    folder for temporary files.

    Parameters
    ----------
    target
        What is made in the end. Missing folders above it are made, and removed again if nothing is put there.
    kind
        The error raised when the system refuses to write.
    """
    target = Path(target)
    new_folders: list[Path] = []
    part = hidden(target)
    try:
        try:
            make_folders(target.parent, new_folders)
            clear(target)
            part.mkdir()
        except OSError as error:
            raise explain(error, target, kind=kind) from error
        yield part
    finally:
        remove(part)
        remove_empty(new_folders)
