"""The number of threads: all that this process may use, or as set, the same for all libraries.

Of processors that a machine has, a process in a container may use few. Threads beyond them wait for each other, and
what waits burns what the others need.

``TABKIT_THREADS`` is the one setting. What a library has a variable of its own for (``POLARS_MAX_THREADS``,
``OMP_NUM_THREADS`` and the like) wins where it is set, and so does ``num_threads`` of a model's settings.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from tabkit.errors import ConfigError

SETTING = "TABKIT_THREADS"
POLARS = "POLARS_MAX_THREADS"
OPENMP = "OMP_NUM_THREADS"
MOST = 1_024
"""More threads than that no machine of today has processors for; Polars starts as many as it is told."""
_BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def available() -> int:
    """Return how many processors this process may use, at least 1.

    The system may allow it some of them only (``taskset``, a set of processors), and a container may have a share of
    their time: a quota of 1.5 processors counts as 2.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = quota()
    return max(1, processors if share is None else min(processors, -int(-share // 1)))


def count(asked: int = 0) -> int:
    """Return how many threads a piece of work gets: those asked for, or all.

    Parameters
    ----------
    asked
        Of a model's settings; 0 for all: ``OMP_NUM_THREADS`` where it is set, else ``TABKIT_THREADS``, else what is
        available.

    Raises
    ------
    ConfigError
        If ``TABKIT_THREADS`` is no whole number from 1.

    Examples
    --------
    >>> count(3)
    3
    """
    if asked:
        return asked
    first = re.match(r"\s*([0-9]+)", os.environ.get(OPENMP, ""))  # 4,2 are the numbers of nested teams
    if first and int(first[1]):
        return int(first[1])
    return workers()


def workers() -> int:
    """Return how many threads of Python work side by side: ``TABKIT_THREADS`` where it is set, else what is available.

    Raises
    ------
    ConfigError
        If it is no whole number from 1.
    """
    return _setting(SETTING) or available()


def check() -> None:
    """Refuse numbers of threads that cannot be meant, before Polars starts them: with 0 it panics.

    Raises
    ------
    ConfigError
        If ``TABKIT_THREADS`` or ``POLARS_MAX_THREADS`` is set to anything but a whole number from 1 to `MOST`.
    """
    for name in (SETTING, POLARS):
        _setting(name)


def tell(threads: int | None = None) -> None:
    """Tell the libraries that are not there yet, by the variables that they read when they are imported.

    Parameters
    ----------
    threads
        How many; None for ``TABKIT_THREADS``, and nothing is told where that is not set.
    """
    wanted = _setting(SETTING) or threads
    if wanted is None:
        return
    for module, names in (("polars", (POLARS,)), ("numpy", _BLAS), ("lightgbm", (OPENMP,))):
        if module not in sys.modules:
            for name in names:
                os.environ.setdefault(name, str(wanted))


def tell_if_asked() -> None:
    """Tell the libraries what ``TABKIT_THREADS`` asks for; a number that cannot be meant is told when work begins."""
    with suppress(ConfigError):
        tell()


def quota(root: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self/cgroup")) -> float | None:
    """Return the share of processors that control groups leave to this process; None for no limit.

    Parameters
    ----------
    root
        Where the groups are mounted: ``cpu.max`` of version 2, ``cpu.cfs_quota_us`` of version 1.
    process
        The groups of the process. The narrowest of a group and all above it counts.
    """
    found: list[float] = []
    with suppress(OSError, ValueError):
        for line in process.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "" or "cpu" in controllers.split(","):
                for mount in (root, root / "cpu", root / "cpu,cpuacct"):
                    found += _along(mount, path.strip("/"))
    return min(found, default=None)


def _along(mount: Path, group: str) -> list[float]:
    parts = [part for part in group.split("/") if part not in ("", "..")]
    folders = [mount.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    return [share for folder in folders for share in (_version2(folder), _version1(folder)) if share is not None]


def _version2(folder: Path) -> float | None:
    with suppress(OSError, ValueError, ZeroDivisionError):
        most, period = (folder / "cpu.max").read_text().split()
        return _positive(int(most) / int(period))  # of no limit it says max
    return None


def _version1(folder: Path) -> float | None:
    with suppress(OSError, ValueError, ZeroDivisionError):
        most, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return _positive(int(most) / int(period))  # of no limit it says -1
    return None


def _positive(share: float) -> float | None:
    return share if share > 0 else None


def _setting(name: str) -> int | None:
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MOST:
        raise ConfigError(
            f"the environment has {name}={text!r}; a whole number from 1 to {MOST:,} was expected",
            advice=f"set it to a number of threads, or unset it: there are {available()} processors for this process",
        )
    return int(text)
