"""File names that cannot be used: too long for the system, or not UTF-8."""

from __future__ import annotations

import os
from pathlib import Path

from tabkit.errors import TabkitError

_SHOWN = 60  # letters of a long name that a message shows


def check(path: str | Path, *, kind: type[TabkitError]) -> None:
    """Refuse a name that the system takes for no file's, before anything asks for it.

    Whether something is there does not matter.

    Raises
    ------
    TabkitError
        Of `kind`, if it is too long or holds a null byte.

    Examples
    --------
    >>> check("scores/" + "a" * 300, kind=TabkitError)
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     check(f"{folder}/{'a' * 300}", kind=TabkitError)
    Traceback (most recent call last):
    tabkit.errors.TabkitError: '...aaaaaaaaaa' cannot be used: File name too long
    To do: choose a shorter one: most systems take 255 bytes for each part and 4,095 in all
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    except (OSError, ValueError) as error:
        raise refusal(path, error, kind=kind) from error


def check_utf8(path: str | Path, *, kind: type[TabkitError]) -> None:
    r"""Refuse a name that is not UTF-8: Polars, which opens tables, takes no other.

    >>> check_utf8("caf\udce9.csv", kind=TabkitError)
    Traceback (most recent call last):
    tabkit.errors.TabkitError: the name 'caf\udce9.csv' is not UTF-8; tables are opened by names in UTF-8 alone
    To do: rename it, or set LC_ALL=C.UTF-8 if it is UTF-8 and this locale is not
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise kind(
            f"the name {shown(path)} is not UTF-8; tables are opened by names in UTF-8 alone",
            advice="rename it, or set LC_ALL=C.UTF-8 if it is UTF-8 and this locale is not",
        ) from None


def refusal(path: object, error: Exception, *, kind: type[TabkitError]) -> TabkitError:
    """Turn what the system says of a name into one of our errors."""
    why = (isinstance(error, OSError) and error.strerror) or str(error)
    long = len(str(path)) > 255  # shorter ones have other troubles
    advice = "choose a shorter one: most systems take 255 bytes for each part and 4,095 in all"
    return kind(f"{shown(path)} cannot be used: {why}", advice=advice if long else "check the path")


def shown(path: object) -> str:
    """Return a name as a message shows it: of one that fills the screen the end.

    >>> shown("scores.csv"), len(shown("a" * 5_000))
    ("'scores.csv'", 63)
    """
    text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)
    return repr(text if len(text) <= 4 * _SHOWN else f"...{text[-_SHOWN + 2 :]}")
