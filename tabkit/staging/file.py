"""Write a file whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tabkit.errors import TabkitError
from tabkit.staging.disk import explain, flush, flush_folder, make_folders, remove_empty
from tabkit.staging.leftovers import clear, hidden


@contextmanager
def staged_file(target: str | Path, *, kind: type[TabkitError]) -> Iterator[Path]:
    """Yield a path to write to; on success it takes the place of `target` in one step.

    Parameters
    ----------
    target
        The final name. Missing folders above it are made (and removed again on failure).
    kind
        The error raised when the system refuses to write.

    Examples
    --------
    >>> import tempfile
    >>> from tabkit.errors import ScoringError
    >>> folder = Path(tempfile.mkdtemp())
    >>> with staged_file(folder / "a.txt", kind=ScoringError) as path:
    ...     _ = path.write_text("whole")
    >>> sorted(p.name for p in folder.iterdir())
    ['a.txt']
    """
    target = Path(target)
    new_folders: list[Path] = []
    part = hidden(target)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder of that name exists")
        make_folders(target.parent, new_folders)
        clear(target)
        yield part
        flush(part)
        os.replace(part, target)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        remove_empty(new_folders)
        if isinstance(error, OSError):
            raise explain(error, target, kind=kind) from error
        raise
    flush_folder(target.parent)
