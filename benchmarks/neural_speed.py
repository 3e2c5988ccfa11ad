"""Speed of the network: training and scoring beside scikit-learn and a plain torch loop, and files of any size.

Binary target, 30 numeric columns, two layers of 128 units, the same batches, one thread for all (``--threads``). Each
run has a process of its own, they take turns in both orders, and a short run beforehand warms up; quoted are medians
of the seconds, and ratios of them.

- Training: so many passes over the rows, nothing held out. tabkit starts from a Polars frame and does what it always
  does (scaling, a schedule, shortened gradients, averaged weights, dropout, label smoothing); the peers from ready
  float32: scikit-learn's MLPClassifier, and ``nn.Sequential`` with SiLU and the same dropout, AdamW, a `TensorDataset`
  and ``DataLoader(shuffle=True)``. The default of four members is shown beside it: four such networks.
- Scoring: `MLPModel.predict` from a Polars frame, ``predict_proba`` on a float32 matrix, the plain loop with
  ``DataLoader(batch_size=1024)`` in inference mode.
- Files: a network of four members on the table of `benchmarks/customers.py` scores from Parquet to Parquet, all cores
  allowed. Memory must not grow with the rows: the peak of the larger file is divided by that of the smaller.

    python benchmarks/neural_speed.py [--rows 100000] [--epochs 10] [--batch 1024] [--score-rows 500000]
        [--file-rows 2000000] [--repeats 3] [--threads 1] [--only train,score,files]
"""

# ruff: noqa: PLC0415  each process imports its own library alone, and the parent none: a child's peak starts at its
# parent's, and what another library holds is not to be counted.

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

COLUMNS, UNITS, SCORED_AT_ONCE = 30, 128, 1_024
WARM_UP = 5_000
TASKS = {
    "train": ("tabkit", "torch loop", "sklearn", "tabkit, 4 members"),
    "score": ("tabkit", "torch loop", "sklearn", "tabkit, 4 members"),
}
TITLES = {"train": "training, rows times passes", "score": "scoring"}


def main() -> None:
    options = _options()
    if options.task:
        print(json.dumps(_child(options)))
        return
    wanted = options.only.split(",")
    for task in (task for task in TASKS if task in wanted):
        rows = options.rows * options.epochs if task == "train" else options.score_rows
        _print_table(task, rows, _rounds(task, options), options)
    if "files" in wanted:
        _print_files(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = {"rows": 100_000, "epochs": 10, "batch": 1_024, "score-rows": 500_000, "file-rows": 2_000_000}
    for name, default in {**sizes, "repeats": 3, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", default="train,score,files")
    for name in ("task", "peer", "folder"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def _rounds(task: str, options: argparse.Namespace) -> dict[str, float]:
    """Return the median seconds by peer."""
    seconds: dict[str, list[float]] = {peer: [] for peer in TASKS[task]}
    for turn in range(options.repeats):
        for peer in TASKS[task] if turn % 2 == 0 else TASKS[task][::-1]:
            seconds[peer].append(_run(options, task, peer=peer)["seconds"])
    return {peer: statistics.median(found) for peer, found in seconds.items()}


def _run(options: argparse.Namespace, task: str, *, limited: bool = True, **given: object) -> dict[str, float]:
    sizes = {name: getattr(options, name) for name in ("rows", "epochs", "batch", "score_rows", "threads")}
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in {**sizes, "task": task, **given}.items()]
    limit = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), str(options.threads))
    environment = {name: value for name, value in os.environ.items() if name not in limit}
    command = [sys.executable, "-W", "ignore", __file__, *arguments]
    environment |= limit if limited else {}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _print_table(task: str, rows: int, seconds: dict[str, float], options: argparse.Namespace) -> None:
    print(f"\n{TITLES[task]}: {rows:,} x {COLUMNS} columns, batches of {options.batch:,}, threads: {options.threads}")
    print(f"  {'':<20}{'seconds':>9}{'rows/s':>12}{'speed of tabkit / this':>25}")
    for peer, took in seconds.items():
        print(f"  {peer:<20}{took:>9.2f}{rows / took:>12,.0f}{took / seconds['tabkit']:>25.2f}")


def _print_files(options: argparse.Namespace) -> None:
    large, small = options.file_rows, options.file_rows // 4
    with tempfile.TemporaryDirectory() as folder:
        _run(options, "make", limited=False, folder=folder, rows=large)
        runs = [
            {
                rows: _run(options, "file", limited=False, folder=folder, peer=name)
                for name, rows in (("small", small), ("large", large))
            }
            for _ in range(options.repeats)
        ]
    print(f"\nfrom Parquet to Parquet, 30 columns, {os.cpu_count()} cores")
    for rows in (small, large):
        took, peak = (statistics.median(run[rows][what] for run in runs) for what in ("seconds", "peak_mib"))
        print(f"  {rows:>10,} rows: {rows / took:>10,.0f} rows/s, peak {peak:,.0f} MiB")
    ratio = statistics.median(run[large]["peak_mib"] / run[small]["peak_mib"] for run in runs)
    print(f"  peak of the larger / of the smaller: {ratio:.2f}")


def _child(options: argparse.Namespace) -> dict[str, float]:
    if options.task == "make":
        return _make(Path(options.folder), options.rows)
    if options.task == "file":
        return _score_file(Path(options.folder), options.peer)
    warnings.simplefilter("ignore")  # of scikit-learn: passes used up
    prepare: dict[str, Callable[[argparse.Namespace, int], Callable[[], object]]] = {
        "tabkit": _tabkit,
        "tabkit, 4 members": _tabkit,
        "torch loop": _torch_loop,
        "sklearn": _scikit_learn,
    }
    prepare[options.peer](options, WARM_UP)()
    work = prepare[options.peer](options, options.rows if options.task == "train" else options.score_rows)
    started = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - started}


def _data(rows: int) -> tuple[Any, Any]:
    """Return numbers as float32 of shape (rows, columns), and a target that depends on them."""
    import numpy as np

    chance = np.random.default_rng(0)
    X = chance.normal(size=(rows, COLUMNS)).astype(np.float32)
    score = X[:, :10].sum(axis=1) / 3 + X[:, 0] * X[:, 1]
    return X, (chance.random(rows) < 1 / (1 + np.exp(-score))).astype(np.float32)


def _tabkit(options: argparse.Namespace, rows: int) -> Callable[[], object]:
    import polars as pl

    from tabkit import neural
    from tabkit.rows import Rows

    X, y = _data(rows)
    frame = pl.DataFrame(X, schema=[f"x{k:02d}" for k in range(COLUMNS)], orient="row")
    config = neural.MLPConfig(
        objective="binary",
        hidden=[UNITS, UNITS],
        members=4 if "members" in options.peer else 1,
        batch_size=options.batch,
        max_epochs=options.epochs,
        num_threads=options.threads,
    )
    if options.task == "train":
        return lambda: neural.fit(Rows(frame, y), config=config)
    model = neural.fit(Rows(frame[:WARM_UP], y[:WARM_UP]), config=config)
    return lambda: model.predict(frame, num_threads=options.threads)


def _scikit_learn(options: argparse.Namespace, rows: int) -> Callable[[], object]:
    from sklearn.neural_network import MLPClassifier

    X, y = _data(rows)
    passes = {"max_iter": options.epochs, "tol": 0, "n_iter_no_change": options.epochs + 1, "early_stopping": False}
    model = MLPClassifier((UNITS, UNITS), batch_size=options.batch, random_state=0, **passes)
    if options.task == "train":
        return lambda: model.fit(X, y)
    model.fit(X[:WARM_UP], y[:WARM_UP])
    return lambda: model.predict_proba(X)


def _torch_loop(options: argparse.Namespace, rows: int) -> Callable[[], object]:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    X, y = map(torch.from_numpy, _data(rows))
    layers = [nn.Linear(COLUMNS, UNITS), nn.SiLU(), nn.Dropout(0.15), nn.Linear(UNITS, UNITS), nn.SiLU()]
    network = nn.Sequential(*layers, nn.Dropout(0.15), nn.Linear(UNITS, 1))

    def train() -> None:
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
        criterion = nn.BCEWithLogitsLoss()
        loader = DataLoader(TensorDataset(X, y), batch_size=options.batch, shuffle=True)
        for _ in range(options.epochs):
            for inputs, target in loader:
                optimizer.zero_grad()
                criterion(network(inputs)[:, 0], target).backward()
                optimizer.step()

    def score() -> object:
        network.eval()
        with torch.inference_mode():
            loader = DataLoader(TensorDataset(X), batch_size=SCORED_AT_ONCE)
            return torch.cat([torch.sigmoid(network(inputs)[:, 0]) for (inputs,) in loader]).numpy()

    return train if options.task == "train" else score


def _make(folder: Path, rows: int) -> dict[str, float]:
    """Write the tables, and the model that scores them."""
    import customers

    from pipelines import propensity
    from tabkit import Roles

    for name, size, seed in (("train", 50_000, 1), ("small", rows // 4, 1_000), ("large", rows, 2_000)):
        customers.write(folder / f"{name}.parquet", size, seed=seed)
    config = {"model": "mlp", "final": "evaluated", "resamples": 20, "neural": {"max_epochs": 3}}
    roles = Roles(id="customer", target="churned")
    propensity.train(folder / "train.parquet", roles=roles, config=config).save(folder / "model")
    return {}


def _score_file(folder: Path, name: str) -> dict[str, float]:
    from pipelines import propensity
    from tabkit.scoring.files import score_files

    model = propensity.load(folder / "model")
    started = time.perf_counter()
    score_files(model, [folder / f"{name}.parquet"], folder / "scores.parquet")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    main()
