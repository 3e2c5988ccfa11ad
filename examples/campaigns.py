"""Which campaign brings in more than it costs: made-up shops with a known truth, so that the answer can be checked.

Three campaigns acquire customers for nine months. Customers buy, leave and spend as the models have it, each campaign
with parameters of its own, so that what a customer pays within a year is known on average. Run it with:
python examples/campaigns.py [FOLDER]; it writes the log, the acquired users and a volume curve there.
"""

from __future__ import annotations

import datetime
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines import lifetime_value
from tabkit.cltv.campaigns.evaluate import evaluate_campaigns
from tabkit.cltv.models import MODELS

END, DAYS, YEAR = datetime.date(2024, 12, 31), 270, 365
GROUP, MARGIN = "campaign", 0.4


@dataclass(frozen=True, slots=True)
class Truth:
    """A campaign: users a day, rates of purchase and leaving (weeks), mean spend, and cost per user."""

    name: str
    users: float
    r: float
    alpha: float
    a: float
    b: float
    spend: float
    cost: float

    @property
    def value(self) -> float:
        """What a user pays within a year of the first purchase, on average."""
        values = {"r": self.r, "alpha": self.alpha, "a": self.a, "b": self.b}
        data = {name: np.zeros((1, 1)) for name in ("frequency", "recency", "T")}
        return self.spend * (1 + float(MODELS["bgnbd"].expected(values, data, YEAR / 7)[0, 0]))


TRUTHS = (
    Truth("search", 6.0, 0.6, 5.0, 0.8, 2.4, 30.0, 25.0),
    Truth("social", 8.0, 0.3, 8.0, 0.9, 1.8, 25.0, 18.0),
    Truth("partners", 2.0, 0.8, 6.0, 0.7, 2.8, 40.0, 55.0),
)


def main(folder: Path | None = None) -> None:
    """Make the data, fit, and print what follows for each campaign beside the truth."""
    log, users = made(np.random.default_rng(0))
    volume = pl.DataFrame({"bid": [0.0, 10.0, 20.0, 40.0, 80.0], "users": [0.0, 100.0, 180.0, 260.0, 300.0]})
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in (("transactions", log), ("acquisition", users), ("volume", volume)):
            frame.write_parquet(folder / f"{name}.parquet")
    columns = {"customer": "customer_id", "date": "date", "amount": "amount", "end": END, "group": GROUP}
    model = lifetime_value.fit(log.join(users, on="customer_id"), config=columns)
    settings = {"campaign": GROUP, "cost": "cac", "margin": MARGIN, "horizon_days": YEAR}
    found = evaluate_campaigns(model, users, config=settings, volume=volume)
    print(f"What a user is worth within a year, at a margin of {MARGIN:.0%}:")
    for row in found.decisions.sort("campaign").iter_rows(named=True):
        truth = next(truth for truth in TRUTHS if truth.name == row["campaign"])
        print(
            f"  {truth.name:9} {row['value_mean']:6.2f} ({row['value_low']:.2f} to {row['value_high']:.2f}); "
            f"truth {MARGIN * truth.value:6.2f}, cost {row['cost']:5.2f}, P(worth more) {row['p_above']:4.0%}, "
            f"best bid {row['bid']:.2f}"
        )
    for note in found.notes:
        print(f"  note: {note}")


def made(rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the log of purchases (customer_id, date, amount) and the acquired users (customer_id, campaign, cac)."""
    bought: list[tuple[int, datetime.date, float]] = []
    users: list[tuple[int, str, float]] = []
    for truth in TRUTHS:
        for day in range(DAYS):
            for _ in range(rng.poisson(truth.users)):
                customer, born = len(users), END - datetime.timedelta(DAYS - day)
                users.append((customer, truth.name, round(float(rng.gamma(20.0, truth.cost / 20)), 2)))
                mean = truth.spend * 3.0 / rng.gamma(4.0)  # inverse gamma with this mean
                bought += [
                    (customer, born + datetime.timedelta(int(after)), round(float(rng.gamma(6.0, mean / 6.0)), 2))
                    for after in _times(truth, DAYS - day, rng)
                ]
    log = pl.DataFrame(bought, schema=["customer_id", "date", "amount"], orient="row")
    return log, pl.DataFrame(users, schema=["customer_id", "campaign", "cac"], orient="row")


def _times(truth: Truth, days: float, rng: np.random.Generator) -> list[float]:
    """Return the days of a customer's purchases after the first, which is at 0, as BG/NBD has them."""
    rate, leaves = rng.gamma(truth.r, 1 / truth.alpha) / 7, rng.beta(truth.a, truth.b)
    times, now = [0.0], rng.exponential(1 / rate)
    while now <= days:
        times.append(now)
        if rng.random() < leaves:
            break
        now += rng.exponential(1 / rate)
    return times


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
