"""Frames that charts of customer value are drawn from."""

import datetime

import polars as pl

from dashboards.charts.campaigns import LEVELS

HOSTILE = "</script><img onerror=alert(1)>"
DAY = datetime.date(2024, 1, 1)


def cells(value: float | None = 3.0) -> pl.DataFrame:
    rows = [
        {"frequency": x, "recency_low": 4.0 * k, "recency_high": 4.0 * k + 4, "alive": 0.1 * x + 0.1 * k,
         "value": value, "purchases": float(x), "customers": int(x == k)}
        for x in range(4) for k in range(3) if x or not k
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"value": pl.Float64})


def track(periods: int = 6, border: int = 3) -> pl.DataFrame:
    rows = [
        {"phase": "calibration" if k <= border else "forecast", "day": DAY + datetime.timedelta(7 * k), "days": 7,
         "observed": 2.0 * k, "mean": 2.1 * k, "q03": 1.0 * k, "q25": 1.8 * k, "q75": 2.4 * k, "q97": 3.0 * k}
        for k in range(periods)
    ]  # fmt: skip
    return pl.DataFrame(rows)


def fans(names: list[str], *, days: int = 9, level: float = 5.0) -> pl.DataFrame:
    rows = [
        {"campaign": name, "day": DAY + datetime.timedelta(k), **{q: level + 0.1 * i for i, q in enumerate(LEVELS)},
         "past": k < 6, "observed": level if k < 6 and k != 2 else None, "users": 10 * (k < 6)}
        for name in names for k in range(days)
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def bins(name: str = "alpha") -> pl.DataFrame:
    rows = {"low": [1.0, 2.0], "high": [2.0, 3.0], "posterior": [0.2, 0.8], "prior": [0.1, 0.1]}
    return pl.DataFrame(rows).with_columns(parameter=pl.lit(name))
