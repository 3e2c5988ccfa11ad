"""Seconds to bring a model up to date with new rows: recalibrate, refit, extend, retrain, and LightGBM's own refit.

The model has 200 trees on encoded features; encoding is not timed. Every update starts from the same model and rows;
`extend` adds 50 trees, `retrain` grows 200 on the new rows alone. LightGBM's own refit does the same work as ours, but
shrinks the leaves that no new row reaches.

    python benchmarks/updates.py [--sizes 10000 100000 1000000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import customers
import numpy as np
import polars as pl

from tabkit.boosting import BoostedModel, BoostingConfig, Rows, extend, fit, recalibrate, refit
from tabkit.encoding import TableEncoder

TREES, MORE = 200, 50


def main() -> None:
    options = _options()
    config = BoostingConfig(objective="binary", max_trees=TREES, early_stopping_rounds=0)
    old = customers.block(0, 200_000, seed=1).drop("customer")
    encoder, features = TableEncoder().fit_transform(old, target="churned")
    model = fit(Rows(features, _labels(old)), config=config)
    print(
        f"{TREES} trees, {len(encoder.outputs)} features; seconds (ratio to retraining), medians of {options.repeats}\n"
    )
    names = ("recalibrate", "refit", "extend", "retrain", "their refit")
    print(f"{'new rows':>10}  " + "".join(f"{name:>20}" for name in names))
    for size in options.sizes:
        new = customers.block(10_000_000, size, seed=2).drop("customer")
        rows = Rows(encoder.transform(new), _labels(new))
        ways: dict[str, Callable[[], object]] = {
            "recalibrate": lambda rows=rows: recalibrate(model, rows),
            "refit": lambda rows=rows: refit(model, rows, decay=0.5),
            "extend": lambda rows=rows: extend(model, rows, config=config, trees=MORE),
            "retrain": lambda rows=rows: fit(rows, config=config),
            "their refit": lambda rows=rows: _theirs(model, rows),
        }
        seconds = {name: _median(way, options.repeats) for name, way in ways.items()}
        cells = [f"{value:8.2f} ({value / seconds['retrain']:5.2f})" for value in seconds.values()]
        print(f"{size:>10,}  " + "".join(f"{cell:>20}" for cell in cells), flush=True)


def _theirs(model: BoostedModel, rows: Rows) -> object:
    start = np.full(len(rows.y), model.base_score[0])
    matrix = rows.features.to_numpy()
    options = {"lambda_l2": model.params["lambda_l2"], "verbosity": -1}
    return model.booster.refit(matrix, rows.y, decay_rate=0.5, init_score=start, dataset_params=options, verbosity=-1)


def _labels(frame: pl.DataFrame) -> np.ndarray:
    return frame["churned"].to_numpy().astype(np.float64)


def _median(way: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
