"""Writing so that a name is either the whole new content, the whole old content, or absent.

Content is written under a hidden name beside its target, flushed to the disk and renamed. Whatever
interrupts the writing (a full disk, Ctrl-C, an error) removes the hidden file and leaves the old one.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tabkit.errors import TabkitError


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
        made = _make_folders(target.parent)
        if target.is_dir():
            raise IsADirectoryError(21, "a folder of that name exists")
        yield hidden
        _flush(hidden)
        os.replace(hidden, target)
        _flush(target.parent)
    except BaseException as error:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)
        _remove_empty(made)
        if isinstance(error, OSError):
            raise explain(error, target, kind=kind) from error
        raise


@contextmanager
def staged_folder(target: str | Path, *, kind: type[TabkitError], overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder to fill; on success it takes the name `target`.

    An existing `target` is replaced with `overwrite`, and else refused before anything is written.
    """
    target = Path(target)
    refuse_existing(target, kind=kind, overwrite=overwrite)
    made: list[Path] = []
    hidden = _hidden(target)
    try:
        made = _make_folders(target.parent)
        hidden.mkdir()
        yield hidden
        for path in hidden.rglob("*"):
            _flush(path)
        _take_place(hidden, target)
    except BaseException as error:
        shutil.rmtree(hidden, ignore_errors=True)
        _remove_empty(made)
        if isinstance(error, OSError):
            raise explain(error, target, kind=kind) from error
        raise


def refuse_existing(target: str | Path, *, kind: type[TabkitError], overwrite: bool) -> None:
    """Raise `kind` if `target` exists and may not be replaced."""
    if os.path.lexists(target) and not overwrite:
        raise kind(
            f"{str(target)!r} exists already and was left as it is",
            advice="choose another name, or ask for the replacement with --overwrite (overwrite=True)",
        )


def _hidden(target: Path) -> Path:
    return target.parent / f".{target.name}.{secrets.token_hex(4)}.part"


def _make_folders(folder: Path) -> list[Path]:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _take_place(hidden: Path, target: Path) -> None:
    if not os.path.lexists(target):
        os.rename(hidden, target)
        return
    old = _hidden(target)
    os.rename(target, old)
    try:
        os.rename(hidden, target)
    except BaseException:
        os.rename(old, target)
        raise
    shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
