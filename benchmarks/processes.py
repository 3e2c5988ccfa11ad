"""Runs in processes of their own, for the benchmarks: seconds, processor time and peak memory of each, and medians.

A script calls `main` with its tasks and its report. The report calls `run`, which starts the script anew with the name
of one task; that task imports what it needs, takes its figures with `measured` and returns them.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

Found = dict[str, Any]
"""What a run found, by name; where it failed, `failed` alone, which says how."""
Say = Callable[[str], None]
Task = Callable[[Path, str], Found]
"""Takes the folder that all runs share, and what to do in it."""
Report = Callable[[Path, argparse.Namespace, Say], Found]

_MOST_MIB = 12 * 1024


def main(report: Report, *, tasks: dict[str, Task], doc: str, numbers: dict[str, int]) -> None:
    """Report in words or as one JSON object; in a process that `run` started, do its task and print what it found.

    `numbers` are the options of the script with their defaults, and `doc` begins with what it measures.
    """
    options = _options(doc, numbers)
    if options.task:
        _watch_memory()
        print(json.dumps(tasks[options.task](Path(options.folder), options.what)))
        return
    say: Say = (lambda _: None) if options.json else (lambda text: print(text, flush=True))
    found: Found = {"versions": versions(), "cores": os.cpu_count()}
    say(", ".join(f"{k} {v}" for k, v in found["versions"].items()) + f"; {found['cores']} cores")
    with tempfile.TemporaryDirectory() as folder:
        found |= report(Path(folder), options, say)
    if options.json:
        print(json.dumps(found, indent=2))


def _options(doc: str, numbers: dict[str, int]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    for name in ("task", "folder", "what"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def versions() -> dict[str, str]:
    """Return the versions of what is measured, as far as it is installed."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("polars", "numpy", "pymc", "pytensor", "nutpie", "pymc-marketing"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def run(script: str, task: str, folder: Path, what: str = "") -> Found:
    """Run a task of a script in a process of its own; add the seconds and CPU seconds of the whole process.

    PyTensor keeps what it compiles in `folder`, so that later runs there find it.
    """
    command = [sys.executable, "-W", "ignore", script, "--task", task, "--folder", str(folder), "--what", what]
    flags = f"{os.environ.get('PYTENSOR_FLAGS', '')},base_compiledir={folder / 'compiled'}".lstrip(",")
    before, started = _children(), time.perf_counter()
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PYTENSOR_FLAGS": flags}
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1][:300]
        return {"failed": f"{task} {what}: exit {done.returncode}: {last}"}
    whole = {"whole_seconds": time.perf_counter() - started, "whole_cpu": _children() - before}
    return {**json.loads(done.stdout.splitlines()[-1]), **whole}


def rounds(script: str, task: str, folder: Path, names: list[str], repeats: int) -> dict[str, Found]:
    """Return the medians by name, of runs in turns and in both orders."""
    runs: dict[str, list[Found]] = {name: [] for name in names}
    for turn in range(repeats):
        for name in names if turn % 2 == 0 else names[::-1]:
            runs[name].append(run(script, task, folder, name))
    return {name: medians(found) for name, found in runs.items()}


def medians(runs: list[Found]) -> Found:
    """Return the median of each number, what else the first run found, and a failure rather than either."""
    failed = [run for run in runs if "failed" in run]
    if failed:
        return failed[0]
    return {
        key: statistics.median(run[key] for run in runs) if isinstance(value, (int, float)) else value
        for key, value in runs[0].items()
    }


# What follows serves the processes that `run` starts.


def measured(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Return the result and its cost, in seconds and MiB.

    The cost is `seconds`, `cpu` (those of all processors), the `peak` of the process, and `extra`: what of the peak
    was not held before.
    """
    _forget_peak()
    before, used, started = _peak_mib(), _cpu(), time.perf_counter()
    found = work()
    seconds, cpu, peak = time.perf_counter() - started, _cpu() - used, _peak_mib()
    return found, {"seconds": seconds, "cpu": cpu, "peak": peak, "extra": peak - before}


def _cpu() -> float:
    return time.process_time() + _children()


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _forget_peak() -> None:
    """Give back what reading the data left behind, as far as the allocator lets us, and begin a new peak."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")


def _watch_memory() -> None:
    """End this process if it grows beyond what the machine can spare."""

    def watch() -> None:
        while _peak_mib() < _MOST_MIB:
            time.sleep(0.2)
        os.write(2, f"stopped at {_MOST_MIB:,} MiB\n".encode())
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()
