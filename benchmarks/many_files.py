"""Scoring many small files: CPU, wall time and peak memory, beside one file of the same rows.

Each figure is taken in a process of its own, in turn; quoted are medians, and ratios to the one file.

    python benchmarks/many_files.py [--files 10000] [--rows 100] [--trees 100] [--repeats 3]
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import customers
import polars as pl

from pipelines import propensity
from tabkit import Roles
from tabkit.scoring.files import score_files

WRITERS: dict[str, Callable[..., object]] = {
    "parquet": pl.DataFrame.write_parquet,
    "csv": pl.DataFrame.write_csv,
    "ndjson": pl.DataFrame.write_ndjson,
}


def main() -> None:
    options = _options()
    if options.source:
        _child(options)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        customers.write(folder / "train.parquet", 20_000, seed=1)
        customers.write(folder / "one.parquet", options.files * options.rows, seed=2)
        config = {"final": "evaluated", "resamples": 20, "boosting": {"max_trees": options.trees, "learning_rate": 0.1}}
        roles = Roles(id="customer", target="churned")
        propensity.train(folder / "train.parquet", roles=roles, config=config).save(folder / "model")
        print(f"{options.files:,} files of {options.rows:,} rows x 30 columns")
        base = _report("one Parquet file", folder, "one.parquet", "out.parquet", options.repeats, None)
        for kind in (*WRITERS, "hive"):
            many = folder / "many"
            _split(pl.read_parquet(folder / "one.parquet"), many, kind, options.rows)
            _report(f"{kind}, one output", folder, "many", "out.parquet", options.repeats, base)
            if kind != "hive":
                _report(f"{kind}, an output each", folder, "many", "outs/", options.repeats, base)
            shutil.rmtree(many)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("files", 10_000), ("rows", 100), ("trees", 100), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in ("folder", "source", "output"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def _split(table: pl.DataFrame, many: Path, kind: str, rows: int) -> None:
    many.mkdir()
    for i, part in enumerate(table.iter_slices(rows)):
        if kind == "hive":
            (many / f"part={i:06d}").mkdir()
            part.write_parquet(many / f"part={i:06d}" / "rows.parquet")
        else:
            WRITERS[kind](part, many / f"{i:06d}.{kind}")


def _report(title: str, folder: Path, source: str, output: str, repeats: int, base: float | None) -> float:
    runs = [_run(folder, source, output) for _ in range(repeats)]
    cpu, wall, peak = (statistics.median(run[key] for run in runs) for key in ("cpu", "wall", "peak"))
    ratio = "" if base is None else f", CPU {cpu / base:.1f} times the one file's"
    print(f"{title:24} CPU {cpu:6.1f} s, wall {wall:6.1f} s, peak {peak:5,.0f} MiB{ratio}", flush=True)
    return cpu


def _run(folder: Path, source: str, output: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--folder", str(folder), "--source", source, "--output", output]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _child(options: argparse.Namespace) -> None:
    model = propensity.load(f"{options.folder}/model")
    cpu, wall = time.process_time(), time.perf_counter()
    score_files(model, f"{options.folder}/{options.source}", f"{options.folder}/{options.output}")
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"cpu": cpu, "wall": wall, "peak": _peak()}))


def _peak() -> float:
    """Return the most memory that this process had, in MiB; the system's own count outlives the start of a program."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
