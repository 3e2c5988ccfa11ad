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
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tabkit.errors import TabkitError

_STALE_SECONDS = 60.0
_PAUSE_SECONDS = 0.02
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


@contextmanager
def exclusive(target: str | Path, *, kind: type[TabkitError], seconds: float = 5.0) -> Iterator[None]:
    """Keep other processes that ask for the same from `target`, so that what is read, changed and written stays whole.

    A file ``.NAME.lock`` beside it says that someone is at work. One that is older than a minute was left behind by a
    process that was ended, and is taken over.

    Parameters
    ----------
    target
        What is changed; it need not be there. Missing folders above it are made.
    kind
        The error raised when others keep it for longer than `seconds`, or the system refuses to write.
    seconds
        How long to wait.

    Examples
    --------
    >>> import tempfile
    >>> from tabkit.errors import ConfigError
    >>> target = Path(tempfile.mkdtemp()) / "rules.toml"
    >>> with exclusive(target, kind=ConfigError):
    ...     [path.name for path in target.parent.iterdir()]
    ['.rules.toml.lock']
    """
    target, token, made = Path(target), secrets.token_hex(8), list[Path]()
    lock = target.parent / f".{target.name[:50]}.lock"
    try:
        _make_folders(target.parent, made)
        _acquire(lock, token, target=target, kind=kind, seconds=seconds)
    except BaseException as error:
        _remove_empty(made)
        if isinstance(error, OSError):
            raise explain(error, target, kind=kind) from error
        raise
    try:
        yield
    finally:
        with suppress(OSError):
            if lock.read_text(encoding="utf-8") == token:  # else taken over by another
                lock.unlink()
        _remove_empty(made)


def _acquire(lock: Path, token: str, *, target: Path, kind: type[TabkitError], seconds: float) -> None:
    last = time.monotonic() + seconds
    while True:
        try:
            handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            if _take_stale(lock):
                continue
            if time.monotonic() >= last:
                raise kind(
                    f"{str(target)!r} is being changed by another process, for more than {seconds:g} seconds",
                    advice=f"try again; if no other is running, delete {str(lock)!r}",
                ) from None
            time.sleep(_PAUSE_SECONDS)
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(token)
        return


def _take_stale(lock: Path) -> bool:
    """Remove a lock that was left behind; return whether there is none any more."""
    old = _hidden(lock)
    try:
        if time.time() - lock.stat().st_mtime < _STALE_SECONDS:
            return False
        os.rename(lock, old)  # of several who see it one alone succeeds
        if time.time() - old.stat().st_mtime < _STALE_SECONDS:  # another took it over in between: it is theirs
            os.rename(old, lock)
            return False
        old.unlink()
    except FileNotFoundError:
        return True
    return True


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
