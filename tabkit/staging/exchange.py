"""Exchange two names in one step, where the system can: Linux and macOS, on most file systems."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

_HERE = -100  # AT_FDCWD: names are as relative as they are elsewhere
_RENAME_EXCHANGE = 2  # of Linux' renameat2
_RENAME_SWAP = 2  # of macOS' renamex_np
# EPERM is what a sandbox says to system calls it does not know; a true lack of rights meets the renaming too.
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def exchange(first: Path, second: Path) -> bool:
    """Give each of two existing names the content of the other; False, and nothing done, where the system cannot.

    Raises
    ------
    OSError
        If one of them is not there, or may not be renamed.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in "ab":
    ...     _ = (folder / name).write_text(name)
    >>> if exchange(folder / "a", folder / "b"):
    ...     assert (folder / "a").read_text() == "b"
    """
    one, two = os.fsencode(first), os.fsencode(second)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "linux":
            failed = library.renameat2(_HERE, one, _HERE, two, _RENAME_EXCHANGE)
        elif sys.platform == "darwin":
            failed = library.renamex_np(one, two, _RENAME_SWAP)
        else:
            return False
    except (AttributeError, OSError, TypeError):  # no such call in this system's library
        return False
    number = ctypes.get_errno()
    if failed and number not in _CANNOT:
        raise OSError(number, os.strerror(number), str(first), None, str(second))
    return not failed
