"""Add files to a folder that stays in place, from a hidden folder inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tabkit.errors import TabkitError
from tabkit.staging.disk import explain, flush, flush_folder, remove
from tabkit.staging.leftovers import clear, hidden


@contextmanager
def staged_inside(folder: str | Path, *, kind: type[TabkitError], commit: Callable[[Path], object]) -> Iterator[Path]:
    """Yield an empty hidden folder inside of `folder`; on success `commit` moves out of it what shall stand there.

    For folders that cannot be replaced by another: what is mounted, or where one may not write beside it. There is no
    single step then: a process that is killed within `commit` leaves old and new files side by side, and it is for
    `commit` to say in the folder which is which.

    Parameters
    ----------
    folder
        It exists.
    kind
        The error raised when the system refuses to write.
    commit
        Called with the hidden folder once it is filled and flushed.
    """
    folder = Path(folder)
    part = hidden(folder / "new")
    try:
        clear(part)
        part.mkdir()
        yield part
        for path in part.iterdir():
            flush(path)
        commit(part)
        flush_folder(folder)
    except OSError as error:
        raise explain(error, folder, kind=kind) from error
    finally:
        remove(part)
