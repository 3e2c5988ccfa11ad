"""Long work behind a page: one job at a time, whose progress the page polls."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dashboards.server.exchange import described
from tabkit.errors import ConfigError
from tabkit.progress import Advance, Progress

Work = Callable[[Progress], Mapping[str, Any]]
"""Something to do that says how far it is, and returns what can be written as JSON."""

_CANCELLED = {"stage": "cancelled", "problem": "the job was stopped before its end", "advice": None}


class CancelledError(BaseException):
    """Raised inside a job that shall stop; like KeyboardInterrupt it passes by those who catch errors."""


class Background:
    """Runs one job at a time in a thread, and keeps what the last one gave.

    Parameters
    ----------
    patience_seconds
        How long `stop` waits for a job to end. A job ends at its next sign of progress.

    Examples
    --------
    >>> jobs = Background()
    >>> def work(progress):
    ...     with progress.task("growing trees", total=2) as advance:
    ...         advance(2)
    ...     return {"auc": 0.7}
    >>> job = jobs.start(work)
    >>> jobs.wait(job)
    >>> jobs.state(job)
    {'what': 'growing trees', 'done': 2, 'total': 2, 'running': False, 'result': {'auc': 0.7}}
    >>> jobs.stop()
    """

    def __init__(self, *, patience_seconds: float = 10) -> None:
        self._patience = patience_seconds
        self._lock = threading.Lock()
        self._last: _Job | None = None
        self._stopped = False

    def start(self, work: Work) -> str:
        """Start a job, and return the name to ask for it.

        Raises
        ------
        ConfigError
            Another job is still running, or the server is stopping.
        """
        with self._lock:
            if self._stopped:
                raise ConfigError("no job can start any more: the server is stopping", advice="start the server again")
            if self._last is not None and (state := self._last.state())["running"]:
                problem = f"one job can run at a time, and one is running ({state['what'] or 'it has just begun'})"
                raise ConfigError(problem, advice="wait until it is done, or cancel it")
            self._last = _Job(work)
            self._last.thread.start()
            return self._last.name

    def state(self, job: str) -> dict[str, Any]:
        """Return how far a job is, for a page.

        Returns
        -------
        dict
            `what` it does, how much of it is `done` of how much in `total` (null where that is not known), whether
            it is `running`; at the end `result`, or `error` with stage, problem and advice.

        Raises
        ------
        ConfigError
            No such job is known; only the last one is.
        """
        return self._find(job).state()

    def cancel(self, job: str) -> None:
        """Tell a job to stop at its next sign of progress; one that is done stays as it is."""
        self._find(job).cancelled.set()

    def wait(self, job: str, *, seconds: float | None = None) -> None:
        """Wait for the end of a job, or for some seconds."""
        self._find(job).thread.join(seconds)

    def stop(self) -> None:
        """Let no job start any more, cancel the one that runs and wait for it."""
        with self._lock:
            self._stopped = True
            last = self._last
        if last is not None:
            last.cancelled.set()
            last.thread.join(self._patience)

    def _find(self, job: str) -> _Job:
        with self._lock:
            if self._last is None or self._last.name != job:
                raise ConfigError(f"no job {job!r} is known; only the last one is kept", advice="start it again")
            return self._last


@dataclass(slots=True, eq=False)
class _Task:
    """A part of a job."""

    label: str = ""
    total: float | None = None
    done: float = 0


class _Job:
    """One job, and the progress that it is handed: the innermost open task is the one to show."""

    def __init__(self, work: Work) -> None:
        self.name = secrets.token_urlsafe(8)
        self.cancelled = threading.Event()
        # A daemon: a job that does not answer must not keep the process; `Background.stop` waits for the others.
        self.thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._lock = threading.Lock()
        self._tasks: list[_Task] = []
        self._shown = _Task()
        self._outcome: dict[str, Any] = {}

    def state(self) -> dict[str, Any]:
        with self._lock:
            shown = self._tasks[-1] if self._tasks else self._shown
            running = not self._outcome
            now = {"what": shown.label, "done": shown.done, "total": shown.total, "running": running}
            return now | self._outcome

    @contextmanager
    def task(self, label: str, *, total: float | None = None) -> Iterator[Advance]:
        """Open a task, unless the job was cancelled."""
        self._go_on()
        task = _Task(label, total)
        with self._lock:
            self._tasks.append(task)

        def advance(amount: float) -> None:
            self._go_on()
            with self._lock:
                task.done += amount

        try:
            yield advance
        finally:
            with self._lock:
                self._tasks.remove(task)
                self._shown = task

    def _go_on(self) -> None:
        if self.cancelled.is_set():
            raise CancelledError

    def _run(self, work: Work) -> None:
        try:
            outcome: dict[str, Any] = {"result": dict(work(self))}
        except (CancelledError, KeyboardInterrupt):  # Polars raises the latter in any thread that it works for
            outcome = {"error": _CANCELLED}
        except BaseException as error:  # a panic of Polars is no Exception
            outcome = {"error": described(error)}
        with self._lock:
            self._outcome = outcome
