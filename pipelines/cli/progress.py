"""Progress bars on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tabkit.progress import Advance


class Bars:
    """Progress as bars on standard error; nothing at all when that is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: Progress | None = None

    @contextmanager
    def task(self, label: str, *, total: float | None = None) -> Iterator[Advance]:
        """Show one bar; tasks may nest."""
        # Rich would call a pipe a terminal where FORCE_COLOR is set.
        if not (self._console.is_terminal and self._console.file.isatty()):
            yield lambda _amount: None
            return
        outermost = self._shown is None
        bars = self._shown or Progress(
            SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), console=self._console, transient=True, redirect_stdout=False,
        )  # fmt: skip
        if outermost:
            self._shown = bars
            bars.start()
        task = bars.add_task(label, total=total)
        try:
            yield lambda amount: bars.advance(task, amount)
        finally:
            bars.remove_task(task)
            if outermost:
                bars.stop()
                self._shown = None
