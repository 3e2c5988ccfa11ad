"""Kill a process right before each of its steps on the disk, and tell what it left: ``python killing.py JOB``.

Every step is tried in a child of its own, forked before anything starts threads; the parent imports and looks.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tabkit import bundle
from tabkit.errors import BundleError, ConfigError
from tabkit.staging import folder, staged_file

IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
STEPS = ("open", "mkdir", "rename", "replace", "unlink", "rmdir", "fsync", "link", "symlink", "chmod", "scandir")
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
        io.open = self.watch(io.open)
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


JOBS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object], Callable[[Path], str]]] = {
    "bundle": (lambda path: None, lambda path: save(path, NEW), state),
    "overwrite": (lambda path: save(path, OLD), lambda path: save(path, NEW, overwrite=True), state),
    "file": (lambda path: path.write_text("old"), lambda path: write_text(path, "new"), lambda path: path.read_text()),
}


def after_kill(job: str, at: int, place: Path) -> dict[str, object] | None:
    """Kill the job at one step; return what there is afterwards, or None if it ended before that step."""
    prepare, work, look = JOBS[job]
    target = place / "target"
    prepare(target)
    child = os.fork()
    if not child:
        Killer(at).arm()
        work(target)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0
        return None
    left = len(os.listdir(place))
    met = look(target)
    JOBS[job][1](target) if met != "new" or job != "bundle" else save(target, NEW, overwrite=True)
    return {"step": at, "met": met, "left": left, "then": look(target), "last": sorted(os.listdir(place))}


def main(job: str) -> None:
    results, at = [], 1
    while True:
        with tempfile.TemporaryDirectory(dir=IN_MEMORY) as place:
            result = after_kill(job, at, Path(place))
        if result is None:
            break
        results.append(result)
        at += 1
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    os.fsync = lambda handle: None  # it stays a step; only its time is saved
    if sys.argv[2:] == ["--in-two-steps"]:
        folder.exchange = lambda *_: False  # as on systems that cannot exchange two names
    main(sys.argv[1])
