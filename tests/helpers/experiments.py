"""A mailing whose truth is known, for the tests of uplift, and settings that train on it within a second."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from tabkit.roles import Roles

TREES = {"num_threads": 1, "max_trees": 40, "learning_rate": 0.2, "early_stopping_rounds": 10}
QUICK: dict[str, Any] = {
    "control": "none",
    "design": "randomised",
    "members": 3,
    "resamples": 200,
    "outcomes": TREES,
    "effects": TREES,
}
SETTINGS = [
    "--set", "members=3", "--set", "resamples=200",
    *(part for model in ("outcomes", "effects") for name, value in TREES.items()
      for part in ("--set", f"{model}.{name}={value}")),
]  # fmt: skip
"""The same for the command, without control and design."""

KNOWN = ["customer", "age", "visits", "city", "joined"]
"""The id and the features of `mailing`."""
ROLES = Roles(id="customer", treatment="arm", outcome="bought")


def mailing(rows: int = 3000, seed: int = 0, *, chosen: bool = False) -> pl.DataFrame:
    """Return a mailing with two treated arms; what nobody could observe is called `true_...`.

    A mail makes people over 50 buy and puts off the others; a call does the same to everyone. With `chosen` the arms
    depend on age and visits, which matter for the outcomes too. Ages and cities have nulls; there are 30 cities.
    """
    rng = np.random.default_rng(seed)
    age, visits, city = rng.integers(18, 80, rows), rng.poisson(3, rows), rng.integers(0, 30, rows)
    lean = 0.03 * (age - 50) + 0.2 * (visits - 3) if chosen else np.zeros(rows)
    odds = np.exp(np.column_stack([np.zeros(rows), lean, -lean / 2]))
    arm = (rng.random((rows, 1)) > np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)).sum(axis=1)
    effect = np.column_stack(
        [np.zeros(rows), np.where(age > 50, 0.3, -0.1) + 0.003 * (city - 14.5), np.full(rows, 0.02)]
    )
    base = 0.2 + 0.03 * np.minimum(visits, 6) + 0.002 * (age - 50)
    own = effect[np.arange(rows), arm]
    table = pl.DataFrame(
        {
            "customer": [f"{i + 100_000 * seed:07d}" for i in range(rows)],
            "sent_at": [datetime(2024, 1, 1) + timedelta(minutes=int(m)) for m in rng.permutation(rows)],
            "age": age,
            "visits": visits,
            "city": [f"city {i:02d}" for i in city],
            "joined": [date(2020, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 1400, rows)],
            "arm": np.array(["none", "mail", "call"])[arm],
            "bought": rng.random(rows) < base + own,
            "orders": rng.poisson(np.maximum(4 * (base + own), 0.05)),
            "spend": (10 * (base + own) + rng.normal(0, 1, rows)).round(1),
            "before": (rng.normal(10, 2, rows) + visits).round(1),
            "true_mail": effect[:, 1],
            "true_call": effect[:, 2],
        }
    )
    hidden = [("age", 0.05), ("city", 0.05)]
    return table.with_columns(
        pl.when(pl.Series(rng.random(rows) < share)).then(None).otherwise(pl.col(name)).alias(name)
        for name, share in hidden
    )
