"""Kill a process right before each of its steps on the disk, and tell what it left: ``python killing.py JOB``.

Every step is tried in a child of its own, forked before anything starts threads; the parent imports and looks.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from tabkit import bundle
from tabkit.errors import BundleError, ConfigError
from tabkit.scoring import folder as scores
from tabkit.staging import folder, staged_file

IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
STEPS = ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync", "link", "symlink", "chmod")
OLD = {"a.txt": b"old", "inner/b.txt": b"old"}
NEW = {"a.txt": b"new", "inner/b.txt": b"new", "c.txt": b"new"}


class Killer:
    """Ends the process right before its step number `at`."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self) -> None:
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, function: Callable) -> Callable:
        def watched(*args, **kwargs):
            self.step()
            return function(*args, **kwargs)

        return watched

    def arm(self) -> None:
        for name in STEPS:
            setattr(os, name, self.watch(getattr(os, name)))
        plain = io.open

        def watched(file, mode="r", *args, **kwargs):
            if set(mode) & set("wax+"):  # between readings a kill leaves what it leaves at the next change
                self.step()
            return plain(file, mode, *args, **kwargs)

        io.open = watched
        folder.exchange = self.watch(folder.exchange)


def save(path: Path, parts: dict[str, bytes], *, overwrite: bool = False) -> None:
    bundle.write(path, kind="test", content={}, parts=parts, overwrite=overwrite)


def state(path: Path) -> str:
    """Say what a reader meets there."""
    try:
        found = dict(bundle.read(path).parts)
    except BundleError as error:
        return "absent" if "does not exist" in error.problem else f"damaged: {error.problem}"
    return {str(OLD): "old", str(NEW): "new"}.get(str(found), f"mixed: {found}")


def write_text(path: Path, text: str) -> None:
    with staged_file(path, kind=ConfigError) as part:
        part.write_text(text, encoding="utf-8")


def score(path: Path, model: str) -> None:
    """Write a folder of scores; in a child only, for Polars starts threads."""
    frames = {f"{i}.parquet": pl.LazyFrame({"score": [float(i)], "model": [model]}) for i in range(2)}
    scores.write_folder(frames, path, sources=dict.fromkeys(frames, "new"), facts={"model": model}, made_by="score")


def answer(path: Path) -> str:
    """Say which run the files of a folder are of, without Polars: old, new, absent, or another."""
    if not path.exists():
        return "absent"
    files = [path / name for name in sorted(os.listdir(path)) if name[0] not in "_."]
    models = [re.findall(rb'"facts": {"model": "(\w+)"}', file.read_bytes()) for file in files]
    runs = {run for file in files for run in re.findall(rb'"run": "([^"]+)"', file.read_bytes())}
    if len(files) == 2 and len(runs) == 1:
        return str(models[0][0].decode())
    new = sum(model == [b"new"] for model in models)
    return f"{new} of {len(files)} are of new"


def in_child(work: Callable[[Path], object], target: Path, killer: Killer | None = None) -> bool:
    """Do something in a process of its own; return whether it came to its end."""
    child = os.fork()
    if not child:
        try:
            if killer is not None:
                killer.arm()
            work(target)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


Work = Callable[[Path], object]
JOBS: dict[str, tuple[Work, Work, Callable[[Path], str]]] = {
    "bundle": (lambda path: None, lambda path: save(path, NEW, overwrite=True), state),
    "overwrite": (lambda path: save(path, OLD), lambda path: save(path, NEW, overwrite=True), state),
    "file": (lambda path: path.write_text("old"), lambda path: write_text(path, "new"), lambda path: path.read_text()),
    "scores": (lambda path: None, lambda path: score(path, "new"), answer),
    "scores again": (lambda path: score(path, "old"), lambda path: score(path, "new"), answer),
}


def after_kill(job: str, at: int, before: Path, place: Path) -> dict[str, object] | None:
    """Kill the job at one step; return what there is afterwards, or None if it ended before that step."""
    _, work, look = JOBS[job]
    shutil.copytree(before, place, dirs_exist_ok=True)
    target = place / "target"
    if in_child(work, target, Killer(at)):
        return None
    left = len(os.listdir(place))
    met = look(target)
    in_child(work, target) if look is answer else work(target)
    return {"step": at, "met": met, "left": left, "then": look(target), "last": sorted(os.listdir(place))}


def main(job: str) -> None:
    results, at = [], 1
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as before:
        in_child(JOBS[job][0], Path(before) / "target")
        while True:
            with tempfile.TemporaryDirectory(dir=IN_MEMORY) as place:
                result = after_kill(job, at, Path(before), Path(place))
            if result is None:
                break
            results.append(result)
            at += 1
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    os.fsync = lambda handle: None  # it stays a step; only its time is saved
    if sys.argv[2:] == ["--in-two-steps"]:
        folder.exchange = lambda *_: False  # as on systems that cannot exchange two names
    if sys.argv[2:] == ["--one-by-one"]:
        scores._can_be_replaced = lambda _: False  # as where a folder is mounted
    main(sys.argv[1])
