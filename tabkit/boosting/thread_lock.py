"""A lock around LightGBM: only callers with the same number of threads run at the same time.

LightGBM 4.7 keeps the number of threads for the whole process and sizes its prediction buffers by it. Two
predictions at once with 1 and with 2 threads write beyond a buffer and end the process (seen within seconds;
with equal numbers never). Contributions and training go alone: their own state is not safe either
(LightGBM issues 5482 and 6142).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tabkit import forked


class ThreadLock:
    """A lock that callers of one kind hold together, and callers of different kinds only one after the other.

    Examples
    --------
    >>> lock = ThreadLock()
    >>> with lock.holding(1), lock.holding(1):
    ...     print("two of a kind")
    two of a kind
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kind: int | None = None
        self._inside = 0
        self._waiting = 0

    @contextmanager
    def holding(self, kind: int | None) -> Iterator[None]:
        """Wait until callers of this kind may enter; None is alone inside. Not to be nested with another kind."""
        forked.check()
        with self._changed:
            self._waiting += 1
            try:
                # nobody overtakes those who wait, or a busy kind would keep the others out for ever
                self._changed.wait_for(lambda: not self._inside or (kind == self._kind is not None and self._first()))
                self._inside += 1
                self._kind = kind
            finally:
                self._waiting -= 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def _first(self) -> bool:
        return self._waiting == 1


LIGHTGBM = ThreadLock()
"""Held around every call that sets LightGBM's number of threads."""
