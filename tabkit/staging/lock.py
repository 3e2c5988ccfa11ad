"""A lock that one process holds at a time."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tabkit.errors import TabkitError
from tabkit.staging import owner
from tabkit.staging.disk import explain, make_folders, remove_empty
from tabkit.staging.leftovers import hidden

_STALE_SECONDS = 60.0  # a change takes far less: an older lock was left by a process that died
_PAUSE_SECONDS = 0.02  # short for a person, long for a processor


@contextmanager
def exclusive(target: str | Path, *, kind: type[TabkitError], seconds: float = 5.0) -> Iterator[None]:
    """Keep other processes that ask for the same from `target`, so that what is read, changed and written stays whole.

    A file ``.NAME.lock`` beside it says who is at work. One whose process has ended is taken over, and so is one that
    is older than a minute where that cannot be known.

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
    target, token, new_folders = Path(target), f"{owner.mine()} {secrets.token_hex(8)}", list[Path]()
    lock = target.parent / f".{target.name[:50]}.lock"
    try:
        make_folders(target.parent, new_folders)
        _acquire(lock, token, target=target, kind=kind, seconds=seconds)
    except BaseException as error:
        remove_empty(new_folders)
        if isinstance(error, OSError):
            raise explain(error, target, kind=kind) from error
        raise
    try:
        yield
    finally:
        with suppress(OSError):
            if lock.read_text(encoding="utf-8") == token:  # else taken over by another
                lock.unlink()
        remove_empty(new_folders)


def _acquire(lock: Path, token: str, *, target: Path, kind: type[TabkitError], seconds: float) -> None:
    last, written = time.monotonic() + seconds, hidden(lock)
    try:
        while not _create(lock, token, written=written):
            if _take_stale(lock):
                continue
            if time.monotonic() >= last:
                raise kind(
                    f"{str(target)!r} is being changed by another process, for more than {seconds:g} seconds",
                    advice=f"try again; if no other is running, delete {str(lock)!r}",
                )
            time.sleep(_PAUSE_SECONDS)
    finally:
        written.unlink(missing_ok=True)


def _create(lock: Path, token: str, *, written: Path) -> bool:
    """Make the lock with its token in it, so that a process killed here leaves none whose owner is unknown."""
    written.write_text(token, encoding="utf-8")
    try:
        os.link(written, lock)
    except FileExistsError:
        return False
    except (OSError, AttributeError):  # a disk or a system without such links
        return _create_in_two_steps(lock, token)
    return True


def _create_in_two_steps(lock: Path, token: str) -> bool:
    try:
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(token)
    return True


def _take_stale(lock: Path) -> bool:
    """Remove a lock that was left behind; return whether there is none any more."""
    old = hidden(lock)
    try:
        if not _is_stale(lock):
            return False
        os.rename(lock, old)  # of several who see it one alone succeeds
        if not _is_stale(old):  # another took it over in between: it is theirs
            os.rename(old, lock)
            return False
        old.unlink()
    except FileNotFoundError:
        return True
    return True


def _is_stale(lock: Path) -> bool:
    age = time.time() - lock.stat().st_mtime
    dead = None
    with suppress(OSError, ValueError):  # another user's, or no text
        dead = owner.is_dead(lock.read_text(encoding="utf-8").partition(" ")[0])
    return age >= _STALE_SECONDS if dead is None else dead
