"""A log of purchases, and a fit to it that takes no time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tabkit.cltv import model as cltv_model
from tabkit.cltv.forecasting.forecast import Forecaster
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models import MODELS, gamma_gamma
from tabkit.cltv.summary import UNIT_DAYS

ROLES = {"customer": "who", "date": "day", "amount": "paid"}
START, END = dt.date(2023, 1, 1), dt.date(2024, 6, 30)


def shop(customers: int = 400, seed: int = 0) -> pl.DataFrame:
    """A log of customers that buy at a rate of their own until they leave."""
    random, rows = np.random.default_rng(seed), []
    for who in range(customers):
        day, rate, leave = random.integers(0, 200), random.gamma(1.0, 0.03), random.beta(1, 4)
        worth, now = random.gamma(6, 5.0), float(day)
        while now <= (END - START).days:
            rows.append((who, START + dt.timedelta(int(now)), round(random.gamma(4, worth / 4), 2) + 0.01))
            if now > day and random.random() < leave:
                break
            now += max(1.0, random.exponential(1 / max(rate, 1e-4)))
    return pl.DataFrame(rows, schema=["who", "day", "paid"], orient="row")


LOG = shop()


def quick_fit(source, *, config, progress=None):
    """A fit without PyMC that depends on all of the summary: enough to see what reaches it."""
    model = MODELS["bgnbd"]
    size = np.random.default_rng(0).normal(1.0, 0.05, 100)
    rate = float((source["frequency"].sum() + 1) / source["T"].sum())
    draws = {"r": size, "alpha": 1 / rate * np.ones(100), "a": 0.4 * size, "b": 2.0 * size}
    parameters = tuple(p for p in (*model.parameters, *model.other[0][1]) if p.name in draws)
    spending = None
    if source["monetary_value"].is_not_null().any():
        mean = float(source["monetary_value"].mean())
        of_spend = {"p": 6 * size, "q": 4 * size, "v": 3 / 6 * mean * size}
        spending = Posterior(of_spend, gamma_gamma.PARAMETERS, Design())
    forecaster = Forecaster(model, Posterior(draws, parameters, Design()), spending, UNIT_DAYS[config.unit])
    return cltv_model.CLTVModel(forecaster, source, config.customer, {"parameters": {"rate": rate}})
