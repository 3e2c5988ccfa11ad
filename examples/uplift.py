"""Whom does contact change? A real experiment in which the answer is: all alike; and a made-up one with a known truth.

The first is Thornton's (2008), from the package causaldata: people in rural Malawi were offered money, by chance, to
come and learn the result of an HIV test. The second makes customers whom a mail moves a little, and a call a lot or
not at all; since the truth is known, what the model's choice is worth can be checked. Run it with
python examples/uplift.py [FOLDER]; it writes the made-up tables, the model and its trust report there.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

from dashboards.charts.picture_files import save
from dashboards.charts.uplift import gain
from dashboards.reports.uplift import write
from pipelines import uplift
from tabkit.roles import Roles

COSTS = {"mail": 0.01, "call": 0.06}
KNOWN = ["age", "distvct", "hiv2004", "mar", "educ2004", "rumphi", "balaka"]
"""What was known of people before they were offered money."""


@dataclass(frozen=True, slots=True)
class Made:
    """Customers of an experiment, and what each would do under each arm: in truth, shape (n, 3)."""

    rows: pl.DataFrame
    truth: NDArray[np.float64]


def main(folder: Path | None = None) -> None:
    """Fit both, and print what there is to say."""
    people = thornton()
    roles = Roles(treatment="any", outcome="got", group="villnum")
    model = uplift.train(people, roles=roles, config={"control": "no", "design": "randomised"})
    arm = model.evaluation["arms"][0]
    effect = arm["effect"]
    print(f"An offer of money, {people.height:,} people: {100 * effect['value']:+.1f} points come for their result")
    low, high = 100 * effect["low"], 100 * effect["high"]
    print(f"  ({low:.1f} to {high:.1f}): {arm['verdict']['word']}, {arm['verdict']['why']}")

    experiment, new = made(30_000, seed=0), made(20_000, seed=1)
    config = {"control": "none", "design": "randomised", "costs": COSTS}
    model = uplift.train(experiment.rows, roles=Roles(id="customer", treatment="arm", outcome="bought"), config=config)
    for arm in model.evaluation["arms"]:
        name, effect = arm["arm"], arm["effect"]
        true = float(np.mean(experiment.truth[:, ARMS.index(name)] - experiment.truth[:, 0]))
        found = f"{100 * effect['value']:+.1f} ({100 * effect['low']:.1f} to {100 * effect['high']:.1f})"
        print(f"{name}: {found} points, truth {100 * true:+.1f}; {arm['verdict']['word']}")
    scores = model.score(new.rows.drop("arm", "bought")).collect()
    for what, chosen in choices(scores, new.truth).items():
        print(f"  {what:<24} {100 * worth(new.truth, chosen):6.2f} of 100 buy, costs taken off")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        experiment.rows.write_parquet(folder / "experiment.parquet")
        new.rows.drop("arm", "bought").write_parquet(folder / "customers.parquet")
        model.save(folder / "model", overwrite=True)
        write(model, folder / "report.html")
        picture(model, folder / "gain.png")
        print(f"Wrote {folder / 'report.html'}")


def picture(model: uplift.UpliftModel, place: Path) -> None:
    """Draw what ranking by the effect of a call gains on held-out units, beside ranking by response."""
    arm = next(arm for arm in model.evaluation["arms"] if arm["arm"] == "call")
    drawn = [pl.DataFrame({"share": arm[name]["share"]}) for name in ("curve", "response_curve")]
    ends = {"gain": "gain", "low": "gain_low", "high": "gain_high"}
    found = [
        frame.with_columns(pl.Series(name, 100 * np.array(arm[curve][key])) for name, key in ends.items())
        for frame, curve in zip(drawn, ("curve", "response_curve"), strict=True)
    ]
    save(gain(found[0], response=found[1].select("share", "gain"), title="Gain of calling the top, points"), place)


ARMS = ("none", "mail", "call")


def thornton() -> pl.DataFrame:
    """Return the people of the experiment: ``any`` says whether money was offered, ``got`` whether they came."""
    found = importlib.util.find_spec("causaldata")
    if found is None or found.submodule_search_locations is None:
        raise SystemExit("this needs the package causaldata: pip install 'tabkit-ml[examples]'")
    path = Path(found.submodule_search_locations[0]) / "thornton_hiv" / "thornton_hiv.dta"
    table = pl.from_pandas(pd.read_stata(path)).drop_nulls(["any", "got", "villnum"])
    offered = pl.when(pl.col("any") == 1).then(pl.lit("offer")).otherwise(pl.lit("no")).alias("any")
    there = [name for name in KNOWN if name in table.columns]
    return table.select(offered, pl.col("got").cast(pl.Int8), "villnum", *there)


def made(rows: int, *, seed: int) -> Made:
    """Make customers: a mail helps everybody a little, a call helps those who have been away and bothers the young."""
    chance = np.random.default_rng(seed)
    age, away = chance.integers(18, 80, rows), chance.gamma(2, 60, rows).round()
    spend, city = chance.lognormal(3.5, 0.8, rows).round(2), chance.integers(0, 40, rows)
    usual = -1.4 + 0.8 * np.log(spend / 30) - 0.006 * away + 0.3 * np.sin(city)
    score = np.column_stack(
        [usual, usual + 0.25, usual + 1.1 * (away > 120) + 0.2 - 0.9 * (age < 30)],
    )
    truth = 1 / (1 + np.exp(-score))
    arm = chance.integers(0, 3, rows)
    bought = chance.random(rows) < truth[np.arange(rows), arm]
    table = pl.DataFrame(
        {
            "customer": [f"{seed}-{i:06d}" for i in range(rows)],
            "age": age,
            "days_away": away,
            "spend": spend,
            "city": [f"city {c:02d}" for c in city],
            "arm": np.array(ARMS)[arm],
            "bought": bought,
        }
    )
    return Made(table, truth)


def choices(scores: pl.DataFrame, truth: NDArray[np.float64]) -> dict[str, NDArray[np.int64]]:
    """Return what the model chooses for each customer, beside simple rules and the best that could be known."""
    nobody = np.zeros(len(truth), dtype=np.int64)
    net = truth - np.array([0.0, COSTS["mail"], COSTS["call"]])
    best = scores["best_arm"].replace_strict(list(ARMS), [0, 1, 2], return_dtype=pl.Int64).to_numpy()
    return {
        "nobody": nobody,
        "mail to all": nobody + 1,
        "call all": nobody + 2,
        "the model's best_arm": best,
        "the best in truth": net.argmax(axis=1),
    }


def worth(truth: NDArray[np.float64], chosen: NDArray[np.int64]) -> float:
    """Return the true mean outcome of a choice, less its costs."""
    net = truth - np.array([0.0, COSTS["mail"], COSTS["call"]])
    return float(net[np.arange(len(net)), chosen].mean())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
