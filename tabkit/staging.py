"""Writing so that a name is either the whole new content, the whole old content, or absent.

Content is written under a hidden name beside its target, flushed to the disk and renamed. Whatever
interrupts the writing (a full disk, Ctrl-C, an error) removes the hidden file and leaves the old one.
A target that is a link is replaced itself; what it leads to is left as it is.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    made: list[Path] = []
    hidden = _hidden(target)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder of that name exists")
        _make_folders(target.parent, made)
        yield hidden
        _flush(hidden)
        os.replace(hidden, target)
    except BaseException as error:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)
        _remove_empty(made)
        if isinstance(error, OSError):
            raise explain(error, target, kind=kind) from error
        raise
    _flush_folder(target.parent)


@contextmanager
def staged_folder(target: str | Path, *, kind: type[TabkitError], overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder to fill; on success it takes the name `target`.

    An existing `target` is replaced with `overwrite`, and else refused before anything is written.
    """
    target = Path(target)
    refuse_existing(target, kind=kind, overwrite=overwrite)
    made: list[Path] = []
    hidden, old = _hidden(target), _hidden(target)
    try:
        _make_folders(target.parent, made)
        hidden.mkdir()
        yield hidden
        for path in (*hidden.rglob("*"), hidden):
            _flush_folder(path) if path.is_dir() else _flush(path)
        _take_place(hidden, target, old=old)
    except BaseException as error:
        shutil.rmtree(hidden, ignore_errors=True)
        _remove_empty(made)
        if isinstance(error, OSError):
            raise explain(error, target, kind=kind) from error
        raise
    finally:
        if os.path.lexists(old) and os.path.lexists(target):
            _remove(old)
    _flush_folder(target.parent)


def refuse_existing(target: str | Path, *, kind: type[TabkitError], overwrite: bool) -> None:
    """Raise `kind` if `target` exists and may not be replaced."""
    if os.path.lexists(target) and not overwrite:
        raise kind(
            f"{str(target)!r} exists already and was left as it is",
            advice="choose another name, or ask for the replacement with --overwrite (overwrite=True)",
        )


def _hidden(target: Path) -> Path:
    # Cut, lest the longest names that the system allows grow beyond what it allows.
    return target.parent / f".{target.name[:50]}.{secrets.token_hex(4)}.part"


def _make_folders(folder: Path, made: list[Path]) -> None:
    """Make `folder` and what is missing above it; `made` is filled on the way, the innermost first."""
    for path in (*reversed(folder.parents), folder):
        if path.is_dir():
            continue
        if os.path.lexists(path):
            raise NotADirectoryError(errno.ENOTDIR, f"{str(path)!r} is a file, and a folder was expected")
        with suppress(FileExistsError):  # made by another process at this moment
            path.mkdir()
            made.insert(0, path)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _flush(path: Path) -> None:
    # Windows flushes no file that is open for reading alone.
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise
    finally:
        os.close(handle)


def _flush_folder(path: Path) -> None:
    """Flush a folder's list of names, where the system can: Windows and some network disks cannot."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _take_place(hidden: Path, target: Path, *, old: Path) -> None:
    """Give `hidden` the name `target`; what stood there becomes `old`, or gets its name back."""
    try:
        if os.path.lexists(target):
            os.rename(target, old)
        os.rename(hidden, target)
    except BaseException:
        if os.path.lexists(old) and not os.path.lexists(target):
            os.rename(old, target)
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
