"""Days of campaigns, as `daily` makes them, for the tests of what is done with them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

START = dt.date(2024, 1, 1)


def table(name, day, mean, *, users=50, variance=4.0, lowest=-1.0):
    """Return days of one campaign; `day` counts from `START`."""
    n = len(mean)
    return pl.DataFrame(
        {
            "campaign": [name] * n,
            "day": [START + dt.timedelta(int(d)) for d in day],
            "users": np.broadcast_to(users, n).astype(int),
            "mean": np.asarray(mean, dtype=float),
            "variance": pl.Series([variance] * n, dtype=pl.Float64),
            "lowest": [lowest] * n,
        }
    )


def walk(rng, days, *, start=10.0, step=0.2):
    return start + np.concatenate(
        [[0.0], np.cumsum(step * np.sqrt(np.diff(days)) * rng.standard_normal(len(days) - 1))]
    )
