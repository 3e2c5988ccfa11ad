"""Loads and uses changed bundles in a process of its own, whose death or standstill is a finding, not the end."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from places import GOLDEN

KINDS = {
    **dict.fromkeys(("churned", "claims", "segment", "neural"), "propensity"),
    **dict.fromkeys(("encoder", "ruled"), "encoder"),
    "effects": "uplift",
    "value": "cltv",
}
NAMES = tuple(KINDS)
MEMORY = 3 * 2**30
"""Bytes that a process may ask for beyond what it has when all libraries are loaded."""
SECONDS = 20
"""Of the processor for one bundle: what takes a tenth of a second as it was saved."""
_JOBS = 500  # of one process: what its libraries keep counts as memory of those that come later
_PATIENCE = 120.0
"""Seconds by the clock, for what waits without working; a busy machine must not be taken for it."""


class Job(NamedTuple):
    """A golden bundle, the seed of its change, and whether the text of trees is changed too."""

    name: str
    seed: int
    trees: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one changed bundle.

    Parameters
    ----------
    name, seed
        Of the golden bundle and the change: `mutations.mutated` makes it again.
    part, how
        What was changed.
    outcome
        ``typed``: a TabkitError; ``scored``: as many rows as came in, under the names and types that the model
        promises, all numbers finite; ``odd``: other scores; ``untyped``; ``died``; ``slow``.
    told
        The error.
    """

    name: str
    seed: int
    part: str
    how: str
    outcome: str
    told: str = ""


def outcomes(seeds: range, names: tuple[str, ...] = NAMES, *, trees: bool = False) -> Iterator[Outcome]:
    """Change one golden bundle for each seed, the bundles in turn, and yield what became of it.

    Parameters
    ----------
    trees
        Change the text of trees too, of which LightGBM takes some amiss so much that the process dies.
    """
    jobs = [Job(names[seed % len(names)], seed, trees) for seed in seeds]
    while jobs:
        done = 0
        for outcome in _batch(jobs[:_JOBS]):
            done += 1
            yield outcome
        jobs = jobs[done:]


def _batch(jobs: list[Job]) -> Iterator[Outcome]:
    """Yield outcomes until the process has worked off all jobs, or was lost with one of them."""
    root = Path(__file__).parents[2]
    command = [sys.executable, __file__]
    places = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "2"}
    with tempfile.TemporaryFile() as errors:
        worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment, bufsize=0,
            cwd=root,
        )  # fmt: skip
        try:
            yield from _talk(worker, jobs)
        finally:
            worker.kill()
            worker.wait()
            for stream in (worker.stdin, worker.stdout):
                with contextlib.suppress(OSError):
                    if stream:
                        stream.close()


def _talk(worker: subprocess.Popen[bytes], jobs: list[Job]) -> Iterator[Outcome]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    first = _line(worker, 120.0)
    assert first == "ready", first
    for job in jobs:
        name, seed = job.name, job.seed
        worker.stdin.write(f"{name} {seed} {int(job.trees)}\n".encode())
        worker.stdin.flush()
        what = json.loads(_line(worker, 60.0) or '["?", "?"]')
        end = _line(worker, _PATIENCE)
        if end:
            yield Outcome(name, seed, *what, *json.loads(end))
            continue
        lost = None if end is None else worker.wait(10)
        yield Outcome(name, seed, *what, "slow" if lost in (None, -signal.SIGXCPU) else "died", f"exit {lost}")
        return


def _line(worker: subprocess.Popen[bytes], seconds: float) -> str | None:
    """Return the next line; "" at the end of all lines, None if none comes in time."""
    assert worker.stdout is not None
    with selectors.DefaultSelector() as ready:
        ready.register(worker.stdout, selectors.EVENT_READ)
        if not ready.select(seconds):
            return None
    return worker.stdout.readline().decode().strip()


def work() -> None:
    """Take jobs from stdin, and answer each with two lines: what is changed, and what became of it."""
    import usage  # noqa: PLC0415  # the parent need not load it all

    usage.warm(GOLDEN)
    _bound()
    lines, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries may write to stdout
    _say(answers, "ready")
    for line in lines:
        name, seed, trees = line.split()
        with tempfile.TemporaryDirectory() as place:
            change = usage.mutated(GOLDEN / name, int(seed), trees=trees == "1")
            folder = Path(place) / name
            change.write(folder)
            _say(answers, json.dumps([change.part, change.how]))
            used = int(time.process_time())
            resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, resource.RLIM_INFINITY))
            _say(answers, json.dumps(_outcome(usage, KINDS[name], folder)))
            shutil.rmtree(folder, ignore_errors=True)


def _outcome(usage: object, kind: str, folder: Path) -> tuple[str, str]:
    from tabkit.errors import TabkitError  # noqa: PLC0415

    start = time.monotonic()
    try:
        odd = usage.use(kind, folder, GOLDEN)  # type: ignore[attr-defined]
    except TabkitError as error:
        return "typed", f"{type(error).__name__}: {error}"[:400]
    except BaseException as error:  # panics of Polars are no Exceptions
        last = traceback.extract_tb(error.__traceback__)
        own = [f"{Path(f.filename).name}:{f.lineno}" for f in last if "site-packages" not in f.filename]
        return "untyped", f"{type(error).__name__}: {str(error)[:300]} at {' < '.join(reversed(own[-4:]))}"
    took = time.monotonic() - start
    return ("odd", odd) if odd else ("scored", f"{took:.1f} s" if took > 2 else "")


def _bound() -> None:
    """Let the process ask for so much memory and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else None
    if pages is not None:
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _say(answers: object, line: str) -> None:
    print(line, file=answers, flush=True)  # type: ignore[call-overload]


if __name__ == "__main__":
    work()
