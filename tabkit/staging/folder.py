"""Write a folder whole or not at all, and replace an older one in one step."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tabkit.errors import TabkitError
from tabkit.staging.disk import explain, flush, flush_folder, make_folders, remove, remove_empty
from tabkit.staging.exchange import exchange
from tabkit.staging.leftovers import OLD, clear, hidden, old_versions
from tabkit.staging.lock import exclusive

_ATTEMPTS = 100  # of two writers one comes second; more than a few turns mean that something else is wrong
_PATIENCE_SECONDS = 30.0  # others need two renamings each, which slow disks and busy machines may draw out
_MOVED = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR}
"""What the system says when another put something in the place, or took it away, since we looked."""


@contextmanager
def staged_folder(
    target: str | Path,
    *,
    kind: type[TabkitError],
    overwrite: bool = False,
    check: Callable[[Path], None] | None = None,
) -> Iterator[Path]:
    """Yield an empty folder to fill; on success it takes the name `target`.

    Where the system can exchange two names, at every moment either the old or the new folder stands there, whole. Where
    it cannot (Windows, some network disks), the old one is moved aside first; if the process is killed at that very
    moment, the next one that reads or writes the target through tabkit puts the old one back.

    Parameters
    ----------
    target
        The final name. Missing folders above it are made (and removed again on failure).
    kind
        The error raised when the system refuses to write.
    overwrite
        Replace an existing target; else it is refused, before anything is written and again at the end.
    check
        Called with `target` right before it is replaced, to raise if it must not be; and with the old folder once it
        has been: what raises then is kept beside the new one, under a name that is not hidden.
    """
    target = Path(target)
    recover(target)
    refuse_existing(target, kind=kind, overwrite=overwrite)
    new_folders: list[Path] = []
    part = hidden(target)
    try:
        make_folders(target.parent, new_folders)
        clear(target)
        part.mkdir()
        yield part
        for path in (*part.rglob("*"), part):
            if not path.is_symlink():
                flush_folder(path) if path.is_dir() else flush(path)
        _take_place(part, target, kind=kind, overwrite=overwrite, check=check)
        flush_folder(target.parent)
        if check is not None and os.path.lexists(part):
            _keep_late(part, target, check=check, kind=kind)
    except BaseException as error:
        remove(part)
        remove_empty(new_folders)
        if isinstance(error, OSError):
            raise explain(error, target, kind=kind) from error
        raise
    remove(part)  # the old one


def refuse_existing(target: str | Path, *, kind: type[TabkitError], overwrite: bool) -> None:
    """Raise `kind` if `target` exists and may not be replaced."""
    if os.path.lexists(target) and not overwrite:
        raise kind(
            f"{str(target)!r} exists already and was left as it is",
            advice="choose another name, or ask for the replacement with --overwrite (overwrite=True)",
        )


def recover(target: str | Path) -> None:
    """Put an old version back if a process was killed after it moved it aside, and before the new one came.

    Waits for one that is at work. Does nothing where nothing is missing, or where it may not write.
    """
    target = Path(target)
    if os.path.lexists(target) or not old_versions(target):
        return
    with suppress(OSError, TabkitError), exclusive(target, kind=TabkitError):
        versions = old_versions(target)
        if versions and not os.path.lexists(target):
            os.rename(versions[-1], target)


def _take_place(
    part: Path, target: Path, *, kind: type[TabkitError], overwrite: bool, check: Callable[[Path], None] | None
) -> None:
    """Give `part` the name `target`; what stood there, if anything, has the name `part` then."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            if not os.path.lexists(target):
                os.rename(part, target)
                return
            refuse_existing(target, kind=kind, overwrite=overwrite)  # another may have written it meanwhile
            if check is not None:
                check(target)
            if not exchange(part, target):
                _replace(part, target, kind=kind)
        except OSError as error:
            if error.errno not in _MOVED or attempt == _ATTEMPTS or not os.path.lexists(part):
                raise
        else:
            return


def _replace(part: Path, target: Path, *, kind: type[TabkitError]) -> None:
    """Do in two steps, one process at a time, what `exchange` does in one."""
    old = hidden(target, ending=OLD)
    with exclusive(target, kind=kind, seconds=_PATIENCE_SECONDS):
        os.rename(target, old)
        try:
            os.rename(part, target)
        except BaseException:
            os.rename(old, target)
            raise
        os.rename(old, part)


def _keep_late(old: Path, target: Path, *, check: Callable[[Path], None], kind: type[TabkitError]) -> None:
    """Keep an old folder into which something was put at the last moment; say so."""
    try:
        check(old)
    except TabkitError as error:
        kept = target.with_name(f"{target.name}.{old.name.rpartition('-')[2].removesuffix(old.suffix)}")
        os.rename(old, kept)
        raise kind(
            f"something was put into {str(target)!r} while it was being replaced; the old folder is {str(kept)!r} now",
            advice="look through it; what was written stands in its place",
        ) from error
