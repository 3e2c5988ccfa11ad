"""Make the golden files of the present bundle format: run once per format, before its first release, and never after.

    python tests/golden/make.py

A released format is read for ever, so its files are never made again: a test that fails against them has found that
bundles of users would score differently.
"""

import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from pipelines import lifetime_value, propensity, uplift
from tabkit.bundle import FORMAT
from tabkit.cltv.forecasting.predictive import BINS
from tabkit.cltv.forecasting.widening import Widening
from tabkit.encoding import (
    Codes,
    DateParts,
    Drop,
    DurationParts,
    Frequency,
    LeaveOneOut,
    LogTarget,
    MinHash,
    NGramHash,
    Numeric,
    OneHot,
    OrderedTarget,
    Ordinal,
    QuantileBins,
    RobustScale,
    StandardScale,
    TableEncoder,
    Target,
    TextLength,
    WeightOfEvidence,
)
from tabkit.encoding.table.saved import save
from tabkit.predicates import Levels, Not, Null, Range, Rule
from tabkit.roles import Roles

FORECAST = {"horizon_days": 90, "draws": 400, "annual_discount": 0.1}
FOLDER = Path(__file__).parent / f"format{FORMAT}"


def customers(rows: int, seed: int) -> pl.DataFrame:
    """Return rows with every kind of column that an encoder takes, nulls in all of them."""
    rng = np.random.default_rng(seed)
    city, calls, active = rng.integers(0, 25, rows), rng.poisson(2, rows), rng.random(rows) < 0.6
    score = -1 + 0.08 * (city - 12) + 0.5 * calls - active
    table = pl.DataFrame(
        {
            "customer": [f"{i:05d}" for i in range(rows)],
            "plan": rng.choice(["basic", "family", "Über"], rows),
            "city": [f"city {c}" for c in city],
            "calls": calls,
            "spend": rng.gamma(2, 30, rows).round(2),
            "active": active,
            "joined": [date(2020, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 1400, rows)],
            "seen": [datetime(2024, 1, 1) + timedelta(minutes=int(m)) for m in rng.integers(0, 500_000, rows)],
            "waited": [timedelta(seconds=int(s)) for s in rng.integers(0, 9000, rows)],
            "months": rng.integers(1, 25, rows),
            "churned": np.where(rng.random(rows) < 1 / (1 + np.exp(-score)), "yes", "no"),
            "claims": rng.poisson(0.1 * rng.integers(1, 25, rows) * np.exp(0.2 * calls)),
            "segment": np.where(calls > 2, "often", np.where(active, "some", "never")),
        }
    )
    features = ["plan", "city", "calls", "spend", "active", "joined", "seen", "waited"]
    return table.with_columns(
        pl.when(pl.Series(rng.random(rows) < 0.06)).then(None).otherwise(pl.col(n)).alias(n) for n in features
    )


def main() -> None:
    """Write a bundle for each kind of target, the rows and the scores expected of them."""
    if FOLDER.exists():
        sys.exit(f"{FOLDER} exists: if its format was released, it must stay; otherwise remove it first")
    table, rows = (
        customers(500, 0),
        customers(60, 1).with_columns(
            city=pl.when(pl.int_range(60) % 20 == 0).then(pl.lit("nowhere")).otherwise("city")
        ),
    )
    settings = {"resamples": 20, "boosting": {"num_threads": 1, "max_trees": 12, "num_leaves": 7, "learning_rate": 0.3}}
    others = {
        "churned": ["claims", "segment", "months"],
        "claims": ["churned", "segment"],
        "segment": ["churned", "claims", "months"],
    }
    rows.drop("churned", "claims", "segment").write_parquet(_made("rows.parquet"))
    for target, left_out in others.items():
        count = target == "claims"
        roles = Roles(id="customer", target=target, exposure="months" if count else None)
        boosting = {**settings["boosting"], "objective": "poisson" if count else "auto"}
        model = propensity.train(table.drop(left_out), roles=roles, config={**settings, "boosting": boosting})
        model.save(FOLDER / target)
        model.score(rows, contributions=2).collect().write_parquet(_made(f"{target}.parquet"))
    encoder = encoders().fit(table.drop("customer", "claims", "segment", "months"), target="churned")
    save(encoder.slim(), FOLDER / "encoder")
    encoder.transform(rows).write_parquet(_made("encoder.parquet"))
    ruled(table, rows)
    value()
    effects()
    neural(table, rows)


def neural(table: pl.DataFrame, rows: pl.DataFrame) -> None:
    """Write a bundle of a network with everything that one can have, and its scores."""
    settings = {"hidden": [8, 4], "members": 2, "max_epochs": 12, "learning_rate": 0.02, "num_threads": 1}
    settings |= {"numeric_embedding": "piecewise", "bins": 4, "device": "cpu", "seed": 1}
    config = {"model": "mlp", "resamples": 20, "neural": settings, "boosting": {"num_threads": 1, "max_trees": 12}}
    roles = Roles(id="customer", target="segment")
    model = propensity.train(table.drop("churned", "claims", "months"), roles=roles, config=config)
    model.save(FOLDER / "neural")
    model.score(rows).collect().write_parquet(_made("neural.parquet"))


def ruled(table: pl.DataFrame, rows: pl.DataFrame) -> None:
    """Write an encoder with rules of every kind of condition, and its features."""
    joined = Rule(name="joined", all_of=(Range(column="joined", ge=date(2021, 1, 1), lt=date(2023, 1, 1), null=True),))
    seen = Rule(name="seen late", all_of=(Range(column="seen", gt=datetime(2024, 6, 1, 12, 30)),))
    calls = Rule(
        name="calls", all_of=(Range(column="calls", ge=2, le=4), Not(Levels(column="plan", levels=("basic",))))
    )
    waited = Rule(name="waited long", all_of=(Range(column="waited", ge=3600.5),))
    either = Rule(name="either or", any_of=(calls, joined), none_of=(Rule(all_of=(Null(column="spend"),)),))
    never = Rule(name="never", all_of=(Range(column="spend", lt=0), Levels(column="active", levels=(True,))))
    asked = [replace(joined, name="joined then"), seen, replace(calls, name="calls some"), waited, either, never]
    encoder = TableEncoder(rules=asked).fit(table.drop("customer", "claims", "segment", "months"), target="churned")
    save(encoder.slim(), FOLDER / "ruled")
    encoder.transform(rows).write_parquet(_made("ruled.parquet"))


def effects() -> None:
    """Write a bundle of uplift that holds every learner, and its scores."""
    table, rows = (customers(n, seed).drop("churned", "claims", "segment", "months") for n, seed in ((900, 4), (60, 5)))
    rng = np.random.default_rng(6)
    arm = rng.integers(0, 2, table.height)
    bought = rng.random(table.height) < 0.3 + arm * 0.4 * (table["calls"].fill_null(0).to_numpy() > 1)
    table = table.with_columns(arm=pl.Series(np.array(["none", "mail"])[arm]), bought=pl.Series(bought))
    trees = {"max_trees": 4, "num_threads": 1, "early_stopping_rounds": 0}
    config = {"control": "none", "design": "randomised", "learner": "stack", "members": 2, "resamples": 100}
    config |= {"outcomes": trees, "effects": trees, "final": "evaluated"}
    model = uplift.train(table, roles=Roles(id="customer", treatment="arm", outcome="bought"), config=config)
    model.save(FOLDER / "effects")
    model.score(rows).collect().write_parquet(_made("effects.parquet"))
    rows.write_parquet(_made("effects_rows.parquet"))


def value() -> None:
    """Write a bundle of customer value, with a covariate and a widening, and a forecast of it."""
    settings = {"customer": "who", "date": "day", "amount": "paid", "covariates": ["age"], "draws": 300}
    model = lifetime_value.fit(purchases(400, 2), config=settings)
    levels = np.linspace(0, 1, BINS + 1) ** np.linspace(1.1, 0.9, BINS + 1)
    learned = {"purchases": Widening(True, levels, 0.1, 2.0, 800, 0.01)}
    model = model.widened(learned, horizon_days=90)
    model.save(FOLDER / "value")
    everyone, _ = model.forecast(config=FORECAST)
    everyone.write_parquet(_made("value.parquet"))


def purchases(customers: int, seed: int) -> pl.DataFrame:
    """Return a log of customers who buy at their own rates and leave at some time of a year."""
    rng, rows = np.random.default_rng(seed), []
    for who in range(customers):
        age, now, end = int(rng.integers(18, 80)), float(rng.uniform(0, 180)), rng.exponential(200)
        rate, mean = rng.gamma(1.0, 1 / 30), rng.gamma(3.0, 10.0)
        end = min(now + end, 360.0)
        while now <= end:
            rows.append(
                (who, date(2024, 1, 1) + timedelta(days=int(now)), round(float(rng.gamma(5.0, mean / 5)), 2), age)
            )
            now += rng.exponential(1 / rate)
    return pl.DataFrame(rows, schema=["who", "day", "paid", "age"], orient="row")


def encoders() -> TableEncoder:
    """Return a specification in which every encoder of columns stands at least once."""
    text = [OneHot(rare=30), Target(smoothing=10.0), LogTarget(), WeightOfEvidence(), Ordinal(), Frequency(), Codes()]
    return TableEncoder(
        columns={
            "plan": [OneHot(), Target(null="null", unseen="null"), OrderedTarget(), LeaveOneOut()],
            "city": [*text, TextLength(), NGramHash(width=4), MinHash(components=3)],
            "calls": [Numeric(), Target(), Ordinal(order=("2", "0", "1"))],
            "spend": [StandardScale(), RobustScale(), QuantileBins(bins=4)],
            "joined": [DateParts(), DateParts(parts=("month", "weekday"), cyclic=True)],
            "waited": DurationParts(),
            "active": Drop(),
            ("plan", "calls"): Target(rare=0.02, unseen="other"),
        }
    )


def _made(name: str) -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER / name


if __name__ == "__main__":
    main()
