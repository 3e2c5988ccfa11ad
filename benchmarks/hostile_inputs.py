"""What commands make of hostile inputs: every one has to end with a sentence, and nothing that was there may be lost.

python benchmarks/hostile_inputs.py [--only score] [--seconds 120]

Damaged tables, names and paths that cannot be, what others left where output shall go, settings without end, and odd
environments, each at every command that it fits. Prints how many were tried, and each that ended in a traceback, took
too long or changed a file that was not its own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

QUICK = ["boosting.max_trees=5", "boosting.num_threads=1", "resamples=20"]
SETTINGS = [word for value in QUICK for word in ("--set", value)]
GOAL = ["--target", "y", "--id", "id"]
COMMANDS: dict[str, list[str]] = {
    "train": ["train", "SOURCE", *GOAL, "-o", "OUT", *SETTINGS],
    "encode": ["encode", "SOURCE", *GOAL, "-o", "OUT.parquet"],
    "score": ["score", "model", "SOURCE", "-o", "OUT.csv"],
    "score to a folder": ["score", "model", "SOURCE", "-o", "OUT/"],
    "update": ["update", "model", "SOURCE", "-o", "OUT", "--strategy", "recalibrate"],
    "compare": ["compare", "model", "model", "SOURCE"],
    "explore": ["explore", "SOURCE", *GOAL, "-o", "OUT.html", "--no-suggest"],
    "rules suggest": ["rules", "suggest", "SOURCE", *GOAL, "-o", "OUT.toml"],
}
RUN = "import sys; from pipelines.cli import main; main()"
NOT_UTF8 = os.fsdecode(b"caf\xe9")


@dataclass(frozen=True, slots=True)
class Case:
    """A command, and where it is hostile."""

    command: str
    kind: str
    what: str
    source: str = "rows.parquet"
    out: str = "out"
    more: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def main() -> None:
    """Try all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="commands whose name begins so")
    parser.add_argument("--seconds", type=float, default=120, help="of one case")
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make(folder)
        for case in cases(folder):
            if case.command.startswith(given.only):
                end = _try(case, folder, given.seconds)
                counts[case.kind] += 1
                counts[end] += 1
                if end not in ("done", "refused"):
                    _say(f"{case.command}, {case.kind} {case.what}: {end}")
    _say(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))


def cases(folder: Path) -> Iterator[Case]:
    """Yield all cases."""
    for command, line in COMMANDS.items():
        yield from (Case(command, "input", path.name, source=path.name) for path in sorted(folder.glob("bad*")))
        for name in ("/".join(["d" * 40] * 107), "n" * 300, f"no{NOT_UTF8}.parquet", "gone.parquet", "/dev/null", "."):
            yield Case(command, "input", ascii(name)[:20], source=name)
        for text in ("x = " + "[" * 5000 + "]" * 5000, "".join(f"k{i} = {i}\n" for i in range(100_000)), "a = '\0'"):
            digest = hashlib.sha256(text.encode()).hexdigest()[:8]
            (folder / f"{digest}.toml").write_text(text)
            if command != "compare":
                yield Case(command, "settings", text[:8].strip(), more=("--config", f"{digest}.toml"))
        for variable, value in (
            ("POLARS_MAX_THREADS", "0"),
            ("TABKIT_THREADS", "x"),
            ("LC_ALL", "C"),
            ("PYTHONUTF8", "0"),
        ):
            yield Case(command, "environment", f"{variable}={value}", environment={variable: value})
        output = next((word for word in line if word.startswith("OUT")), None)
        if output is not None:
            yield from (Case(command, "output", what, out=out) for what, out in _targets(folder, output))


def _targets(folder: Path, output: str) -> Iterator[tuple[str, str]]:
    """Make things of others where output shall go, and yield what they are and the OUT that leads there."""
    ending = output.removeprefix("OUT")
    there = {
        "semicolons": b"id;score\n1;0.5\n", "utf-16": "id,score\n1,0.5\n".encode("utf-16"), "nothing": b"",
        "text": b"mine\n", "bytes": bytes(range(256)),
    }  # fmt: skip
    if ending == "/":
        (folder / "theirs").mkdir(exist_ok=True)
        (folder / "theirs" / "notes.txt").write_text("mine")
        yield "a folder of others", "theirs"
    else:
        for what, data in there.items():
            (folder / f"theirs {what}{ending}").write_bytes(data)
            yield what, f"theirs {what}"
        if ending:
            os.link(folder / "rows.parquet", folder / f"link{ending}")
            yield "a link to the input", "link"
    yield "inside of a bundle", "model/inside"
    yield "a path too long", "/".join(["d" * 40] * 107)
    yield "a name that is not UTF-8", NOT_UTF8


def _make(folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    rows = pl.DataFrame({"id": np.arange(300), "x": x, "c": rng.choice(["a", "b"], 300), "y": rng.random(300) < 0.5})
    rows.write_parquet(folder / "rows.parquet")
    text = rows.write_csv().encode()
    lines = text.splitlines(keepends=True)
    whole = (folder / "rows.parquet").read_bytes()
    damaged = {
        "bad short.csv": text[:-9], "bad values.csv": b"".join([*lines[:9], b"900\n", *lines[9:]]),
        "bad many.csv": b"".join([*lines[:9], b"900,1,a,true,5\n", *lines[9:]]),
        "bad quote.csv": b"".join([*lines[:9], b'900,1,"a,true\n', *lines[9:]]),
        "bad blank.csv": b"".join([*lines[:9], b"\n", *lines[9:]]), "bad nul.csv": text.replace(b"a", b"\0", 1),
        "bad bytes.csv": text.replace(b",a,", b",\xff,", 1), "bad empty.csv": b"", "bad head.csv": lines[0],
        "bad cut.parquet": whole[:-30], "bad middle.parquet": whole[:40] + whole[80:], "bad text.parquet": text,
        "bad lines.ndjson": b'{"id": 1, "x"\n', "bad list.ndjson": b"[1, 2]\n", "bad.arrow": b"ARROW1\0\0",
    }  # fmt: skip
    for name, data in damaged.items():
        (folder / name).write_bytes(data)
    train = COMMANDS["train"]
    done = _run([word.replace("SOURCE", "rows.parquet").replace("OUT", "model") for word in train], folder, 300, {})
    assert done.returncode == 0, done.stderr


def _try(case: Case, folder: Path, seconds: float) -> str:
    """Return how a case ended: done, refused, or what must not be."""
    line = [word.replace("SOURCE", case.source).replace("OUT", case.out) for word in COMMANDS[case.command]]
    before = _contents(folder)
    try:
        done = _run([*line, *case.more], folder, seconds, case.environment)
    except subprocess.TimeoutExpired:
        return "too slow"
    after = _contents(folder)
    if any(after.get(name) != digest for name, digest in before.items() if not name.startswith("out")):
        return "lost"
    said = done.stdout + done.stderr
    if "Traceback" in said or "panicked" in said:
        return "traceback"
    return {0: "done", 2: "refused"}.get(done.returncode, f"exit {done.returncode}")


def _run(
    line: list[str], folder: Path, seconds: float, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # our own command
        [sys.executable, "-c", RUN, *line], cwd=folder, env={**os.environ, **environment}, capture_output=True,
        text=True, errors="replace", timeout=seconds, check=False,
    )  # fmt: skip


def _contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
