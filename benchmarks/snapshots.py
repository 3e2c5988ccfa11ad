"""What `update` chooses on monthly snapshots, and what the next month shows; the truth is known.

A model learns three months of 1,500 customers, then meets a fourth, and is judged on a fifth. Worlds: nothing changes;
the base rate jumps from 41 % to 67 % and stays; it comes and goes by .4 in the logit, without a trend.

    python benchmarks/snapshots.py [--runs 12] [--worlds nothing jump wander]
"""

from __future__ import annotations

import argparse
import collections
import datetime

import numpy as np
import polars as pl

from pipelines import propensity
from tabkit import Roles

ROWS, LEARNED = 1_500, 3
ROLES = Roles(id="id", time="day", target="y")
TRAINING = {
    "resamples": 50,
    "boosting": {"num_threads": 1, "max_trees": 60, "learning_rate": 0.15, "min_data_in_leaf": 20},
}
UPDATE = {"extend_trees": 30, "blocks": 1}
WORLDS = ("nothing", "jump", "wander")


def main() -> None:
    options = _options()
    print(f"{'world':>8}  {'chosen':<32} {'alarms':>7} {'kept':>8} {'updated':>8}   log loss of the next month, means")
    for world in options.worlds:
        chosen: collections.Counter[str] = collections.Counter()
        losses, alarms = [], 0
        for run in range(options.runs):
            rng = np.random.default_rng([run, 7])
            model = propensity.train(
                pl.concat([_month(rng, m, 0.0) for m in range(LEARNED)]), roles=ROLES, config=TRAINING
            )
            new, later = (_month(rng, LEARNED + k, shift) for k, shift in enumerate(_shifts(world, rng)))
            updated, report = propensity.update(model, new, config=UPDATE)
            chosen[report.strategy] += 1
            alarms += bool(report.alarms)
            losses.append([_log_loss(each, later) for each in (model, updated)])
        kept, after = np.mean(losses, axis=0)
        told = ", ".join(f"{name} {count}" for name, count in chosen.most_common())
        print(f"{world:>8}  {told:<32} {alarms:>4}/{options.runs} {kept:8.4f} {after:8.4f}", flush=True)


def _shifts(world: str, rng: np.random.Generator) -> list[float]:
    return {"nothing": [0.0, 0.0], "jump": [1.35, 1.35], "wander": list(rng.normal(0, 0.4, 2))}[world]


def _month(rng: np.random.Generator, month: int, shift: float) -> pl.DataFrame:
    x = rng.normal(size=(ROWS, 4))
    p = 1 / (1 + np.exp(-(x[:, 0] + 0.5 * x[:, 1] * x[:, 2] - 0.42 + shift)))
    return pl.DataFrame(
        {
            "id": [f"{month}-{k}" for k in range(ROWS)],
            "day": [datetime.date(2023, 1 + month, 28)] * ROWS,
            **{f"x{k}": x[:, k] for k in range(x.shape[1])},
            "y": rng.random(ROWS) < p,
        }
    )


def _log_loss(model: propensity.PropensityModel, rows: pl.DataFrame) -> float:
    p = model.score(rows.drop("y")).collect()["score"].to_numpy()
    return float(-np.mean(np.log(np.where(rows["y"].to_numpy(), p, 1 - p))))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--worlds", nargs="+", default=WORLDS, choices=WORLDS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
