"""Progress of long work, told to whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Advance = Callable[[float], None]
"""Called with the amount done since the last call, in the unit of the task's total."""


class Progress(Protocol):
    """Anything that can show tasks; the command line shows bars, scripts show nothing."""

    def task(self, label: str, *, total: float | None = None) -> AbstractContextManager[Advance]:
        """Open a task; `total` of None means that the amount is not known."""
        ...


def _ignore(_amount: float) -> None:
    """Take an amount and show nothing."""


class Silent:
    """Progress that shows nothing: the default everywhere.

    Examples
    --------
    >>> with Silent().task("fit trees", total=100) as advance:
    ...     advance(1)
    """

    def task(self, label: str, *, total: float | None = None) -> AbstractContextManager[Advance]:  # noqa: ARG002
        """Open a task that shows nothing."""
        return nullcontext(_ignore)
