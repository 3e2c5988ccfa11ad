"""Encoders on real flights: what leaks, what does not, how parts merge, and the same mapping as SQL.

Uses the flights of `examples/flights.py` (extra `examples`). Run it with: python examples/encoders.py
"""

from __future__ import annotations

import polars as pl
from flights import flights

from tabkit.boosting import BoostingConfig, Rows, fit
from tabkit.encoding import Encoder, LeaveOneOut, LogTarget, OneHot, OrderedTarget, TableEncoder, Target
from tabkit.metrics import auc
from tabkit.target import infer

COLUMNS = ("carrier", "tailnum", "origin", "dest", "sched_dep_time", "distance", "late", "date")


def main() -> None:
    """Print what each part of the encoding room says about the flights."""
    table = flights().select(COLUMNS).drop_nulls("late")
    month = pl.col("date").dt.month()
    train, test = table.filter(month <= 7).drop("date"), table.filter(month == 8).drop("date")
    late = infer(train, "late")
    encoder = TableEncoder(columns={"tailnum": LogTarget(smoothing="auto"), "carrier": OneHot(rare=0.01)})

    print(f"{train.height:,} flights of January to July to learn from, {test.height:,} of August to judge on\n")
    fitted, _ = encoder.fit_transform(train, target=late)
    print("The plan:", fitted.plan().drop("bytes"), sep="\n")

    print("\nWhat August brought that the fit had never seen:")
    print(fitted.transform_with_rates(test).rates.filter(pl.col("unseen") > 0))

    parts = [encoder.fit(train.filter(pl.col("origin") == origin), target=late) for origin in ("EWR", "JFK", "LGA")]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    apart = (merged.transform(test).cast(pl.Float64) - fitted.transform(test).cast(pl.Float64)).to_numpy()
    print(f"\nThree airports fitted apart and merged: features differ from one fit by {abs(apart).max():.1e} at most")

    print("\nAUC of LightGBM on August, all columns default but the tail number:")
    for name, spec in {"target": Target(), "ordered": OrderedTarget(), "leave one out": LeaveOneOut()}.items():
        print(f"  {name:20}{judge(spec, train, test):.3f}")
    print(f"  {'target, leaking':20}{judge(Target(), train, test, leak=True):.3f}")

    audit = TableEncoder(default="drop", columns={"tailnum": [Target(), LeaveOneOut()]}).audit(train, target=late)
    print("\nThe audit of two of them, and its suspects:", audit.features.drop("column"), audit.suspects, sep="\n")

    first = "\n".join(line[:100] for line in fitted.to_sql(table="flights").splitlines()[-7:])
    print(f"\nThe same as SQL, its last lines:\n{first}")


def judge(spec: Encoder, train: pl.DataFrame, test: pl.DataFrame, *, leak: bool = False) -> float:
    """Return the AUC on `test`; with `leak` the trees are grown on rows that were encoded with their own target."""
    fitted, features = TableEncoder(columns={"tailnum": spec}).fit_transform(train, target="late")
    if leak:
        features = fitted.transform(train)
    y = train["late"].cast(pl.Float64).to_numpy()
    config = BoostingConfig(objective="binary", max_trees=100, learning_rate=0.1, num_threads=2)
    model = fit(Rows(features, y), config=config)
    return auc(test["late"].cast(pl.Float64).to_numpy(), model.predict(fitted.transform(test)))


if __name__ == "__main__":
    main()
