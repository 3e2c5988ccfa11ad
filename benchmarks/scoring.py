"""Scoring from Parquet to Parquet: rows per second, time spent outside of `predict`, and memory.

The peer is LightGBM's own `predict`, called on the same trees and a ready NumPy matrix with all cores. Each figure
is taken in a process of its own, in turn; quoted are medians and ratios.

    python benchmarks/scoring.py [--rows 2000000] [--large 20000000] [--trees 100] [--repeats 3]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import customers

from pipelines import propensity
from tabkit import Roles, scan
from tabkit.scoring.files import score_files


def main() -> None:
    options = _options()
    if options.role:
        _child(options)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        customers.write(folder / "train.parquet", 200_000, seed=1)
        customers.write(folder / "small.parquet", options.rows, seed=1_000)
        config = {"final": "evaluated", "resamples": 20, "boosting": {"max_trees": options.trees, "learning_rate": 0.1}}
        roles = Roles(id="customer", target="churned")
        model = propensity.train(folder / "train.parquet", roles=roles, config=config)
        model.save(folder / "model")
        print(
            f"{options.rows:,} rows x 30 columns, {len(model.predictor.features)} features, "
            f"{model.predictor.trees} trees"
        )
        runs = [[_run(role, folder, "small") for role in ("tabkit", "predict")] for _ in range(options.repeats)]
        ours, peer = (statistics.median(run[i]["seconds"] for run in runs) for i in (0, 1))
        shares = [1 - run[1]["seconds"] / run[0]["seconds"] for run in runs]
        small = statistics.median(run[0]["peak_mib"] for run in runs)
        print(f"tabkit, Parquet to Parquet:      {options.rows / ours:>12,.0f} rows/s, peak {small:,.0f} MiB")
        print(f"LightGBM predict, ready matrix:  {options.rows / peer:>12,.0f} rows/s")
        print(f"time outside predict, of all:    {statistics.median(shares):>12.1%}  (aim: under 25%)")
        if options.large:
            customers.write(folder / "large.parquet", options.large, seed=2_000)
            large = _run("tabkit", folder, "large")
            ratio = large["peak_mib"] / small
            print(f"peak memory at {options.large:,} rows:  {large['peak_mib']:,.0f} MiB, {ratio:.2f} times the above")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rows", 2_000_000), ("large", 20_000_000), ("trees", 100), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in ("role", "folder", "table"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(role: str, folder: Path, table: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--role", role, "--folder", str(folder), "--table", table]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _child(options: argparse.Namespace) -> None:
    folder = Path(options.folder)
    model, source = propensity.load(folder / "model"), folder / f"{options.table}.parquet"
    if options.role == "tabkit":
        started = time.perf_counter()
        score_files(model, [source], folder / "scores.parquet")
        seconds = time.perf_counter() - started
    else:
        features = model.encoder.transform(scan(source)).collect(engine="streaming")
        matrix = features.to_numpy().astype("float64", order="C")
        booster = model.predictor.booster
        del features
        started = time.perf_counter()
        booster.predict(matrix, raw_score=True)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak}))


if __name__ == "__main__":
    main()
