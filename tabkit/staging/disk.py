"""The file-system steps of atomic writes."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

from tabkit.errors import TabkitError

_CANNOT_FLUSH = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def explain(error: OSError, target: Path, *, kind: type[TabkitError]) -> TabkitError:
    """Turn an `OSError` met while writing `target` into one of ours that says what to do."""
    reason = error.strerror or str(error)
    return kind(
        f"cannot write {str(target)!r}: {reason}",
        advice="free space or choose a place you may write to; what stood there before still stands",
    )


def may_write(folder: Path) -> bool:
    """Say whether files can be made in a folder and removed from it, as far as rights are concerned."""
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def make_folders(folder: Path, made: list[Path]) -> None:
    """Make `folder` and what is missing above it; `made` is filled on the way, the innermost first."""
    for path in (*reversed(folder.parents), folder):
        if path.is_dir():
            continue
        if os.path.lexists(path):
            raise NotADirectoryError(errno.ENOTDIR, f"{str(path)!r} is a file, and a folder was expected")
        with suppress(FileExistsError):  # made by another process at this moment
            path.mkdir()
            made.insert(0, path)


def remove_empty(folders: list[Path]) -> None:
    """Remove those of the folders that are empty."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def remove(path: Path) -> None:
    """Remove a file, a link (not what it leads to) or a folder, as far as the system allows it."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Bring a file's content to the disk; an `OSError` if that fails, and nothing where the system cannot do it."""
    # Windows flushes no file that is open for reading alone.
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise
    finally:
        os.close(handle)


def flush_folder(path: Path) -> None:
    """Flush a folder's list of names, where the system can: Windows and some network disks cannot."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
