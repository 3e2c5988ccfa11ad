"""Read one version of a folder, even while another is written in its place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tabkit.errors import TabkitError
from tabkit.staging.folder import recover

T = TypeVar("T")

_ATTEMPTS = 100  # each one fails only if a whole writing ends within it
_PAUSE_SECONDS = 0.01
_BY_HANDLE = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")


@dataclass(frozen=True, slots=True)
class Version:
    """A folder that is held open: what is opened by its handle belongs to one version.

    Parameters
    ----------
    path
        Its name.
    handle
        The open folder; None where the system has no such thing, or the folder cannot be opened.
    identity
        Device and number of the folder at that moment; None if it was not there.
    """

    path: Path
    handle: int | None
    identity: tuple[int, int] | None

    def is_current(self) -> bool:
        """Say whether it is still what stands under the name."""
        return _identity(self.path) == self.identity


@contextmanager
def opened(path: str | Path) -> Iterator[Version]:
    """Hold a folder open; it need not be there."""
    path, handle = Path(path), None
    if _BY_HANDLE:
        with suppress(OSError, ValueError):
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Version(path, handle, _identity(path if handle is None else handle))
    finally:
        if handle is not None:
            os.close(handle)


def one_version(path: str | Path, read: Callable[[Version], T], *, kind: type[TabkitError]) -> T:
    """Read a folder so that all of it is of one version.

    Parameters
    ----------
    path
        The folder.
    read
        Reads all of it at once. It is called again if it failed with `kind` and the folder had been replaced.
    kind
        What reading raises, and what is raised if the folder is replaced so often that no reading comes to its end.
    """
    for _ in range(_ATTEMPTS):
        recover(path)
        with opened(path) as version:
            try:
                return read(version)
            except kind:
                if version.is_current():
                    raise
        time.sleep(_PAUSE_SECONDS)
    raise kind(
        f"{str(path)!r} was replaced {_ATTEMPTS} times while it was being read",
        advice="read it again when the process that writes it is done",
    )


def _identity(place: Path | int) -> tuple[int, int] | None:
    try:
        found = os.stat(place)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
