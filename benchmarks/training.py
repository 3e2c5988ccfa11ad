"""Training through tabkit against the same LightGBM called directly on a ready NumPy matrix.

Both grow the same number of trees with the same settings on the same rows. tabkit starts from the raw table: it
reads, checks, splits, encodes with cross-fitting, and here neither measures baselines nor fits again on all rows
(the parts that the peer does not do are timed as well and shown apart).

    python benchmarks/training.py [--rows 500000] [--trees 200] [--repeats 3]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import customers
import lightgbm as lgb
import numpy as np

from pipelines import propensity
from tabkit import Roles, boosting
from tabkit.boosting import BoostingConfig
from tabkit.config import build
from tabkit.predictors.features import fit_encoder
from tabkit.table import read
from tabkit.target import infer


def main() -> None:
    options = _options()
    roles = Roles(id="customer", target="churned")
    boosted = BoostingConfig(objective="binary", max_trees=options.trees, early_stopping_rounds=0)
    settings = build(propensity.TrainConfig, {"boosting": boosted.model_dump()})
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "train.parquet"
        customers.write(path, options.rows, seed=1)
        timings: dict[str, list[float]] = {"tabkit": [], "peer": [], "whole job": []}
        difference = 0.0
        for _ in range(options.repeats):
            started = time.perf_counter()
            table = read(path, roles)
            target = infer(table.frame.lazy(), "churned")
            encoder, rows = fit_encoder(table, target, settings)
            model = boosting.fit(rows, config=boosted)
            timings["tabkit"].append(time.perf_counter() - started)

            matrix = rows.features.to_numpy().astype(np.float64, order="C")
            started = time.perf_counter()
            data = lgb.Dataset(matrix, rows.y, init_score=np.full(len(rows.y), model.base_score[0]))
            peer = lgb.train(dict(model.params), data, options.trees)
            timings["peer"].append(time.perf_counter() - started)
            raw = peer.predict(matrix, raw_score=True) + model.base_score[0]
            difference = max(difference, float(np.abs(raw - model.raw(rows.features)).max()))

            started = time.perf_counter()
            propensity.train(path, roles=roles, config=settings)
            timings["whole job"].append(time.perf_counter() - started)
    ratios = [ours / theirs for ours, theirs in zip(timings["tabkit"], timings["peer"], strict=True)]
    job = [ours / theirs for ours, theirs in zip(timings["whole job"], timings["peer"], strict=True)]
    print(f"{options.rows:,} rows x 30 columns, {len(encoder.outputs)} features, {options.trees} trees")
    print(f"read, check, encode and fit / LightGBM on a ready matrix: {statistics.median(ratios):.2f}")
    print(f"the whole job (hold-out, baselines, intervals, fit again on all) / the same: {statistics.median(job):.2f}")
    print(f"largest difference of raw scores between the two: {difference:.2g}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rows", 500_000), ("trees", 200), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


if __name__ == "__main__":
    main()
