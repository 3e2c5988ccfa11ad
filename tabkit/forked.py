"""Detect a fork: the threads of Polars and OpenMP do not survive one, so a forked process must not compute.

A child that was forked after they had started waits for them for ever. A fork before any work is fine, and so is a
child that starts Python anew (``spawn``, ``forkserver``), or another program.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from tabkit.errors import ForkError

_TASKS = "/proc/self/task"
# A thread has its name a moment after it was started.
_NAMED_AFTER_SECONDS = 0.01
_NAME_LENGTH = 15  # Linux keeps no more of it


class _State:
    """What is known of this process; a fork hands it on."""

    worked = False
    """Whether tabkit has begun to compute here, or in a process that this one was forked from."""
    started = False
    """Whether there were threads at the last fork."""
    broken = False


def check() -> None:
    """Raise at once where work would wait for ever; called wherever tabkit begins to compute.

    Raises
    ------
    ForkError
        If this process was forked from one in which tabkit had computed, or Polars was used otherwise. Of LightGBM or
        torch that others used there nothing is known.
    """
    if _State.broken:
        raise ForkError(
            "this process was forked from one that had computed already: the threads of Polars and OpenMP do not "
            "survive a fork, and work would wait for them for ever",
            advice="start workers with multiprocessing.get_context('spawn') or 'forkserver', or load and score in the "
            "worker alone: gunicorn without --preload, or load in its post_fork hook",
        )
    _State.worked = True


def _before() -> None:
    _State.started = _State.worked or ("polars" in sys.modules and (_has_workers() or _has_workers_soon()))


def _in_child() -> None:
    _State.broken = _State.broken or _State.started


def _has_workers() -> bool:
    """Whether Polars has threads that work. Systems that list no threads do not say: Linux alone forks by default."""
    pool = f"{os.environ.get('POLARS_THREAD_NAME') or 'polars'}-"
    with suppress(OSError):
        return any(_is_worker(_name(task), pool) for task in os.listdir(_TASKS))
    return False


def _has_workers_soon() -> bool:
    if not os.path.isdir(_TASKS):
        return False
    time.sleep(_NAMED_AFTER_SECONDS)
    return _has_workers()


def _is_worker(name: str, pool: str) -> bool:
    """Whether a thread is one that works: those of the import have words after the dash, and survive a fork.

    >>> _is_worker("polars-12", "polars-"), _is_worker("polars-ooc-clea", "polars-")
    (True, False)
    """
    known = pool[:_NAME_LENGTH]
    return name.startswith(known) and (len(known) == _NAME_LENGTH or name[len(known) :].isdigit())


def _name(task: str) -> str:
    with suppress(OSError), open(f"{_TASKS}/{task}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().rstrip("\n")
    return ""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
