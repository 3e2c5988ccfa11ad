"""The owner of unfinished output: the process that wrote it, and whether it is still alive.

A name is made of the process's number, the moment of its start, and the machine. Numbers are given again, so a process
is known by both; and they mean something to one running system alone, so that of another nothing is said.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

PATTERN = r"[1-9][0-9]{0,9}-[0-9]{1,20}-[0-9a-f]{8}"
_NOWHERE = "0" * 8


def mine() -> str:
    """Return the name of this process, ``PID-START-MACHINE``.

    >>> re.fullmatch(PATTERN, mine()) is not None
    True
    """
    return f"{os.getpid()}-{_start(os.getpid())}-{_machine()}"


def is_dead(name: str) -> bool | None:
    """Say whether the process of that name has ended; None where this machine cannot know.

    Parameters
    ----------
    name
        As `mine` returned it, in this or another process.
    """
    machine = _machine()
    if not re.fullmatch(PATTERN, name) or machine == _NOWHERE or name.rpartition("-")[2] != machine:
        return None
    number, start = map(int, name.split("-")[:2])
    try:
        os.kill(number, 0)  # asks only; never reached on Windows, where it would send a signal
    except ProcessLookupError:
        return True
    except OSError:  # a process of another user
        pass
    except OverflowError:
        return None
    found = _stat(number)
    if not found:  # other users' processes may be out of sight
        return False
    return int(found[19]) != start or (found[0] in "ZX" and int(found[17]) <= 1)


def _machine() -> str:
    """Return a sign of the running system within which process numbers mean one thing; zeros where there is none."""
    try:
        if os.readlink("/proc/self") != str(os.getpid()):  # the numbers in /proc are another system's
            return _NOWHERE
        # A container has numbers and a clock of its own, and a restart begins anew with both.
        signs = [Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"), os.readlink("/proc/self/ns/pid")]
        if os.path.lexists("/proc/self/ns/time"):
            signs.append(os.readlink("/proc/self/ns/time"))
    except (OSError, AttributeError, UnicodeDecodeError):
        return _NOWHERE
    return hashlib.sha256("\n".join(signs).encode()).hexdigest()[:8]


def _start(number: int) -> int:
    found = _stat(number)
    return int(found[19]) if found else 0


def _stat(number: int) -> list[str]:
    """Return what Linux says of a process, from its state on; nothing elsewhere, and if there is no such process."""
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return fields if len(fields) > 19 else []
