"""What is lost when commands are killed while they write: at every step on the disk, and at random moments.

python benchmarks/kills.py [--random 20] [--writes 300] [--json]

Each command replaces what an earlier run of it left. It is killed (SIGKILL) right before each step that changes the
disk, then at random moments; after each kill everything that it writes must be whole, the old or the new, and the next
run must remove what else the kill left. At last readers load a bundle that two processes overwrite all the time.
"""

# ruff: noqa: PLC0415  # a process imports what its task needs: those that are forked must have started nothing

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import processes

Found = dict[str, Any]
CHANGES = ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync", "link", "symlink", "chmod")
QUICK = ["boosting.max_trees=5", "boosting.num_threads=1", "resamples=20"]
SETTINGS = [word for value in QUICK for word in ("--set", value)]
COMMANDS: dict[str, list[str]] = {
    "train": ["train", "old.parquet", "--target", "y", "--id", "id", "-o", "out/model", "--overwrite", *SETTINGS],
    "update": ["update", "model", "new.parquet", "-o", "out/model", "--overwrite", "--set", "num_threads=1"],
    "encode": ["encode", "old.parquet", "--target", "y", "--id", "id", "-o", "out/encoded.parquet",
               "--save", "out/encoder", "--overwrite"],
    "score": ["score", "model", "old.parquet", "new.parquet", "-o", "out/scores/"],
    "forecast": ["cltv", "forecast", "cltv", "--horizon-days", "30", "-o", "out/forecast.parquet"],
}  # fmt: skip


class Killer:
    """Ends this process right before its step number `at` that changes the disk."""

    def __init__(self, at: int) -> None:
        self.left = at

    def arm(self) -> None:
        """Begin to count."""
        from tabkit.staging import folder

        for name in CHANGES:
            setattr(os, name, self._watched(getattr(os, name)))
        folder.exchange = self._watched(folder.exchange)
        plain = io.open

        def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if set(mode) & set("wax+"):
                self._step()
            return plain(file, mode, *args, **kwargs)

        io.open = opened  # type: ignore[assignment]

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            self._step()
            return function(*args, **kwargs)

        return watched

    def _step(self) -> None:
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def prepare(folder: Path, _: str) -> Found:
    """Make the tables and the models that the commands read."""
    import numpy as np
    import polars as pl

    from pipelines.cli.app import main

    os.chdir(folder)
    draw = np.random.default_rng(0)
    for name, rows in (("old", 600), ("new", 500)):
        x = draw.normal(size=rows)
        ids = [f"{name}{i}" for i in range(rows)]
        frame = pl.DataFrame(
            {"id": ids, "x": x, "c": draw.choice(list("abc"), rows), "y": x + draw.normal(size=rows) > 0}
        )
        frame.write_parquet(f"{name}.parquet")
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 12, 31), eager=True)
    pl.DataFrame(
        {"who": draw.integers(0, 200, 2000), "day": days.sample(2000, with_replacement=True, seed=1)}
    ).write_parquet("buys.parquet")
    _quietly(main, ["train", "old.parquet", "--target", "y", "--id", "id", "-o", "model", *SETTINGS])
    _quietly(main, ["cltv", "fit", "buys.parquet", "--customer", "who", "--date", "day", "-o", "cltv"])
    return {}


def kill(folder: Path, what: str) -> Found:
    """Kill one command at every step, then at random moments.

    Returns how many steps it has, the kills, after how many something was `not_whole`, the `hidden` names that they
    left in all, whether the next run succeeded, and how many hidden names were `left` then.
    """
    command, _, count = what.partition(" ")
    os.chdir(folder)
    import pipelines.jobs.propensity  # noqa: F401  # before the forks: each would import it anew
    from pipelines.cli.app import main

    def work() -> None:
        _quietly(main, COMMANDS[command])

    seconds = time.perf_counter()
    if not _in_child(work):
        return {"failed": f"{command} failed before any kill"}
    seconds = time.perf_counter() - seconds
    met: Counter[str] = Counter()
    at = 1
    while not _in_child(work, killer=Killer(at)):
        _look(met)
        at += 1
    steps, moments = at - 1, random.Random(0)
    for _ in range(int(count)):
        if not _in_child(work, after=moments.uniform(0, seconds)):
            _look(met)
    last = _in_child(work)
    left = len(list(Path("out").rglob(".*")))
    counts = {word: met[word] for word in ("killed", "not_whole", "hidden")}
    return {"steps": steps, **counts, "next_run": last, "left": left}


def _look(met: Counter[str]) -> None:
    """Look at everything in `out` after a kill; count what is not whole."""
    met["killed"] += 1
    met["hidden"] += len(list(Path("out").glob("**/.*")))
    if not _in_child(_check):
        met["not_whole"] += 1


def _check() -> None:
    import polars as pl

    from tabkit import bundle
    from tabkit.scoring import run

    expected = {"model", "encoder", "encoded.parquet", "scores", "forecast.parquet"}
    for path in Path("out").iterdir():
        if path.name.startswith("."):
            continue
        assert path.name in expected, path
        if path.suffix:
            assert pl.read_parquet(path).height
        elif path.name == "scores":
            told = [run.of(file) or {} for file in path.iterdir()]
            assert len(told) == 2
            assert told[0]["run"] == told[1]["run"], told
        else:
            bundle.read(path)


def overwrite(folder: Path, what: str) -> Found:
    """Overwrite a bundle many times; `what` is how often."""
    from tabkit import bundle
    from tabkit.errors import BundleError

    failed = 0
    for turn in range(int(what)):
        parts = {f"{part}.txt": f"{os.getpid()} {turn} ".encode() * 1000 for part in range(8)}
        try:
            bundle.write(folder / "busy", kind="test", content={}, parts=parts, overwrite=True)
        except BundleError:
            failed += 1
    return {"failed": failed}


def read(folder: Path, what: str) -> Found:
    """Read a bundle as often while two writers replace it."""
    from tabkit import bundle

    overwrite(folder, "1")
    command = [sys.executable, __file__, "--task", "overwrite", "--folder", str(folder), "--what", what]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    reads, failed, versions = 0, Counter[str](), set()
    while any(writer.poll() is None for writer in writers):
        reads += 1
        try:
            found = bundle.read(folder / "busy")
            versions.add(found.checksum)
            if len({part[:12] for part in found.parts.values()}) > 1:
                failed["mixed"] += 1
        except Exception as error:
            failed[str(error)[:100]] += 1
    said = [writer.stdout.read().strip() for writer in writers if writer.stdout]
    left = [path.name for path in folder.glob(".*")]
    return {"reads": reads, "failed_reads": dict(failed), "versions": len(versions), "writers": said, "left": len(left)}


def _quietly(main: Callable[..., Any], arguments: list[str]) -> None:
    """Run a command; what it says goes nowhere."""
    sys.argv = ["tabkit", *arguments]
    said = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        main()
    except SystemExit as error:
        if error.code:
            raise
    finally:
        sys.stdout.flush()
        os.dup2(said, 1)


def _in_child(work: Callable[[], None], *, killer: Killer | None = None, after: float | None = None) -> bool:
    """Do something in a process of its own; return whether it came to a good end."""
    child = os.fork()
    if not child:
        try:
            if killer is not None:
                killer.arm()
            work()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == 0


def report(folder: Path, options: Namespace, say: Callable[[str], None]) -> Found:
    """Kill all commands, and read beside writers."""
    made = processes.run(__file__, "prepare", folder)
    if "failed" in made:
        say(made["failed"])
        return made
    found: Found = {}
    for name in COMMANDS:
        found[name] = one = processes.run(__file__, "kill", folder, f"{name} {options.random}")
        say(f"{name:<9} {one}")
    found["readers"] = processes.run(__file__, "read", folder, str(options.writes))
    say(f"readers   {found['readers']}")
    return found


if __name__ == "__main__":
    tasks = {"prepare": prepare, "kill": kill, "overwrite": overwrite, "read": read}
    processes.main(report, tasks=tasks, doc=__doc__ or "", numbers={"random": 20, "writes": 300})
