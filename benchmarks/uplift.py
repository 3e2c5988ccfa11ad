"""Uplift against its parts and its peers: LightGBM called twice, CausalML's X and DR, scikit-uplift's Qini.

Made-up units with 20 numeric features. Learners are fitted on one part and predict another. All trees are grown (200,
16 leaves) by one thread, so that everybody does the same work per model: ours and LightGBM alone on the same rows, and
CausalML with LightGBM's regressor of the same settings, told the propensity and (its default) not told. The whole of
`pipelines.uplift.train` - five members, hold-out, report, and members again on all units - is shown beside it. The
bootstrap is 1,000 resamples of the Qini of 1,000,000 units, against scikit-uplift's one value repeated as often
(measured by a few, and multiplied).

    python benchmarks/uplift.py [--rows 200000] [--repeats 3] [--units 1000000]
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import polars as pl
from causalml.inference import meta
from sklift.metrics import qini_auc_score

from pipelines import uplift
from tabkit.roles import Roles
from tabkit.splits import kfold
from tabkit.uplift.config import EffectBoosting, OutcomeBoosting
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners import learners
from tabkit.uplift.learners.boosted import regressions
from tabkit.uplift.learners.plan import CrossFitting
from tabkit.uplift.metrics import resampling

TREES, LEAVES, FEW = 200, 16, 3
SAME: dict[str, Any] = {"max_trees": TREES, "num_leaves": LEAVES, "early_stopping_rounds": 0, "num_threads": 1}


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore")  # the peers' own
    frame, experiment = made(options.rows)
    new, _ = made(options.rows, seed=1)
    print(f"{options.rows:,} units to fit and as many to predict, 20 features; seconds, medians of {options.repeats}\n")
    ways: dict[str, Callable[[], object]] = {
        "LightGBM twice": lambda: _twice(frame, experiment, new),
        **{f"tabkit {name.upper()}": lambda name=name: _ours(name, frame, experiment, new) for name in learners.NAMES},
        "CausalML T": lambda: _theirs("T", frame, experiment, new, told=True),
        "CausalML X, told p": lambda: _theirs("X", frame, experiment, new, told=True),
        "CausalML X": lambda: _theirs("X", frame, experiment, new, told=False),
        "CausalML DR, told p": lambda: _theirs("DR", frame, experiment, new, told=True),
        "CausalML DR": lambda: _theirs("DR", frame, experiment, new, told=False),
        "uplift.train (dr)": lambda: _whole(frame, experiment, new),
    }
    base = None
    for name, way in ways.items():
        took = _median(way, options.repeats)
        base = base or took
        print(f"{name:<22}{took:8.2f}   {took / base:6.2f} times LightGBM twice", flush=True)
    _bootstraps(options.units)


def made(rows: int, *, seed: int = 0) -> tuple[pl.DataFrame, Experiment]:
    """Return features and an experiment of two equal arms with a binary outcome."""
    chance = np.random.default_rng(seed)
    X = chance.normal(size=(rows, 20))
    arm = chance.integers(0, 2, rows)
    score = -1 + 0.5 * X[:, 0] + 0.3 * np.maximum(X[:, 2], 0) + arm * (0.1 + 0.5 * (X[:, 1] > 0))
    outcome = (chance.random(rows) < 1 / (1 + np.exp(-score))).astype(np.float64)
    frame = pl.DataFrame(X, schema=[f"x{i}" for i in range(20)], orient="row")
    return frame, Experiment(("none", "mail"), arm, outcome, np.full((rows, 2), 0.5), "binary")


def _twice(frame: pl.DataFrame, experiment: Experiment, new: pl.DataFrame) -> object:
    config = OutcomeBoosting(**SAME)
    params = {
        "objective": "binary",
        "num_leaves": LEAVES,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_data_in_leaf,
        "feature_fraction": config.feature_fraction,
        "lambda_l2": config.lambda_l2,
        "num_threads": 1,
        "verbosity": -1,
    }
    expected = []
    for arm in (0, 1):
        own = np.flatnonzero(experiment.arm == arm)
        data = lgb.Dataset(frame[own].to_arrow(), label=experiment.outcome[own])
        expected.append(lgb.train(params, data, TREES).predict(new.to_arrow(), num_threads=1))
    return expected[1] - expected[0]


def _ours(name: Any, frame: pl.DataFrame, experiment: Experiment, new: pl.DataFrame) -> object:
    same = OutcomeBoosting(**SAME)
    learn = regressions(outcomes=same, effects=EffectBoosting(**SAME), seed=0)
    plan = CrossFitting.crossfit(kfold(experiment.rows, folds=2, seed=0).astype(np.int64))
    fitted = learners.fit(name, frame, experiment, learn=learn, plan=plan)
    return fitted.effect(new, propensity=np.full((new.height, 2), 0.5))


def _theirs(name: str, frame: pl.DataFrame, experiment: Experiment, new: pl.DataFrame, *, told: bool) -> object:
    config = OutcomeBoosting(**SAME)
    base = lgb.LGBMRegressor(
        n_estimators=TREES,
        num_leaves=LEAVES,
        learning_rate=config.learning_rate,
        min_child_samples=config.min_data_in_leaf,
        colsample_bytree=config.feature_fraction,
        reg_lambda=config.lambda_l2,
        n_jobs=1,
        verbose=-1,
    )
    learner = {"T": meta.BaseTRegressor, "X": meta.BaseXRegressor, "DR": meta.BaseDRRegressor}[name](learner=base)
    X, half = frame.to_numpy(), np.full(experiment.rows, 0.5)
    given = {"p": half} if told and name != "T" else {}
    learner.fit(X=X, treatment=experiment.arm, y=experiment.outcome, **given)
    return learner.predict(X=new.to_numpy(), **({"p": half} if given and name == "X" else {}))


def _whole(frame: pl.DataFrame, experiment: Experiment, new: pl.DataFrame) -> object:
    table = frame.with_columns(pl.Series("arm", experiment.arm), pl.Series("bought", experiment.outcome))
    config = {"control": "0", "design": "randomised", "outcomes": SAME, "effects": SAME}
    model = uplift.train(table, roles=Roles(treatment="arm", outcome="bought"), config=config)
    return model.score(new).collect()


def _bootstraps(units: int) -> None:
    frame, experiment = made(units)
    score = frame["x1"].to_numpy() + frame["x3"].to_numpy()
    effect = (2.0 * experiment.arm - 1) * experiment.outcome / 0.5
    print(f"\nQini of {units:,} units, 1,000 resamples")
    started = time.perf_counter()
    resampling.interval(effect, score, resamples=1000)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    resampling.experiment_interval(
        experiment.outcome, experiment.arm, score, resamples=1000, statistic="qini_normalised"
    )
    classical = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(FEW):
        qini_auc_score(experiment.outcome, score, experiment.arm)
    theirs = (time.perf_counter() - started) / FEW * 1000
    print(f"by doubly robust scores {ours:8.1f} s\nby counts, normalised   {classical:8.1f} s")
    print(f"scikit-uplift, repeated {theirs:8.1f} s: {theirs / classical:.0f} and {theirs / ours:.0f} times as long")


def _median(way: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--units", type=int, default=1_000_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
