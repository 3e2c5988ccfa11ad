"""Customer value: what up to millions of simulated customers cost, from the log of their purchases to forecasts.

The customers are acquired on any day of a year, and their log ends with it; the truth is BG/NBD with gamma spending.

- **The whole way**, for 10,000 customers and more: the summary of the log, the fit (of purchases, and for a million
  once of spend too) and the forecast of a year with 100 draws each, into a file. Shown are the CPU seconds of the
  whole process, imports too, and the peak of its memory. A fit that is not shown comes first, so that later ones find
  their code compiled. A million customers are held to bounds, and their fitted parameters shown beside the truth.
- **The long log**: the summary of 10 million transactions of a million customers who buy often.

Every figure comes from one run in a process of its own.

    python benchmarks/cltv_scale.py [--largest 1000000] [--log-rows 10000000] [--json]

`--log-rows 0` leaves the long log out; `--largest 10000000` takes some minutes more.
"""

# ruff: noqa: PLC0415  each process imports its own library alone, and the parent none: a child's peak starts at its
# parent's, and what another library holds is not to be counted.

from __future__ import annotations

import argparse
import datetime
from functools import partial
from pathlib import Path
from typing import Any

import processes
from processes import Found, Say, Task

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
MILLION = 1_000_000
DAYS, MANY_DRAWS = 365, 100

TRUTH = {"r": 0.5, "alpha": 10.0, "a": 0.8, "b": 2.4}
FREQUENT = {"r": 2.0, "alpha": 2.0, "a": 0.4, "b": 12.0}
"""Purchases per week with shape and rate, chances to leave with both shapes; of the log of many rows likewise."""
SPENDING = {"p": 6.0, "q": 4.0, "v": 15.0}

BOUNDS = {"fit": (60.0, 1024.0), "forecast": (120.0, 1024.0)}
"""CPU seconds and MiB for a million customers."""
_BLOCK = 250_000

_run = partial(processes.run, __file__)


def main() -> None:
    processes.main(_report, tasks=TASKS, doc=__doc__, numbers={"largest": MILLION, "log-rows": 10_000_000})


def _report(folder: Path, options: argparse.Namespace, say: Say) -> Found:
    found: Found = {"simulated": [_scale(folder, size, say) for size in SIZES if size <= options.largest]}
    if options.log_rows:
        found["log"] = _log(folder, options.log_rows, say)
    return found


def _scale(folder: Path, size: int, say: Say) -> Found:
    """Simulate so many customers, and take them through the whole way."""
    if size == SIZES[0]:
        say(f"\nsimulated customers of a year, {MANY_DRAWS} draws each: CPU seconds and peak MiB of each process")
        steps = "".join(f"{name:>20}" for name in ("summary", "fit", "forecast"))
        say(f"  {'customers':>10} {'purchases':>12} {'distinct':>9} {steps}")
    found: Found = {"customers": size, **_run("simulate", folder, str(size))}
    for task in ("summarise", "fit_many", "forecast_many"):
        if task == "fit_many" and size == SIZES[0]:
            _run(task, folder, f"{size} purchases")  # compiles what later fits find on the disk
        if "failed" not in found:
            found[task] = _run(task, folder, f"{size} purchases")
            found |= {"failed": found[task]["failed"]} if "failed" in found[task] else {}
    if "failed" in found:
        say(f"  {size:>10,} {found['failed']}")
        return found
    costs = [found[task] for task in ("summarise", "fit_many", "forecast_many")]
    cells = "".join(f"{step['whole_cpu']:>9.1f} s {step['peak']:>5,.0f} MiB" for step in costs)
    say(f"  {size:>10,} {found['rows']:>12,} {found['fit_many']['unique']:>9,} {cells}")
    if size == MILLION:
        found["bounds"] = _bounds(costs[1:], say)
        found["spend"] = [_run(task, folder, f"{size} spend") for task in ("fit_many", "forecast_many")]
        say(f"  the same with spend: {_in_words(found['spend'])}")
        truth, fitted = ({k: values[k] for k in TRUTH} for values in (TRUTH, found["fit_many"]["mean"]))
        say(f"  truth {_numbers(truth)}; fitted {_numbers(fitted)} (a day's purchases are one, and days are whole)")
    for path in folder.glob(f"{size}*"):
        _remove(path)
    return found


def _bounds(steps: list[Found], say: Say) -> dict[str, bool]:
    met = {}
    for (name, (cpu, mib)), step in zip(BOUNDS.items(), steps, strict=True):
        met[name] = within(step["whole_cpu"], step["peak"], name)
        said = f"{step['whole_cpu']:.0f} CPU s and {step['peak']:,.0f} MiB"
        say(f"  bound of the {name}: {cpu:.0f} CPU s and {mib:,.0f} MiB; {said}: {'met' if met[name] else 'NOT MET'}")
    return met


def within(cpu: float, mib: float, name: str) -> bool:
    """Whether what a million customers took is inside of the bound of that name."""
    return cpu <= BOUNDS[name][0] and mib <= BOUNDS[name][1]


def _in_words(steps: list[Found]) -> str:
    said = []
    for name, step in zip(BOUNDS, steps, strict=True):
        cost = step.get("failed") or f"{step['whole_cpu']:.0f} CPU s and {step['peak']:,.0f} MiB"
        said.append(f"{name} {cost}")
    return ", ".join(said)


def _numbers(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in values.items())


def _remove(path: Path) -> None:
    for inner in path.iterdir() if path.is_dir() else ():
        inner.unlink()
    path.rmdir() if path.is_dir() else path.unlink()


def _log(folder: Path, rows: int, say: Say) -> Found:
    found = _run("simulate", folder, f"{MILLION} frequent {rows}")
    found = found if "failed" in found else {**found, **_run("summarise", folder, f"{MILLION} frequent")}
    if "failed" in found:
        say(f"\nthe log is left out: {found['failed']}")
        return found
    say(
        f"\nsummary of {found['rows']:,} transactions of {MILLION:,} customers: {found['seconds']:.1f} s "
        f"({found['cpu']:.1f} s of the processor), peak {found['peak']:,.0f} MiB"
    )
    return found


# What follows runs in processes of its own.


def _simulate(folder: Path, what: str) -> Found:
    size, *often = what.split()
    truth, name = (FREQUENT, f"{size}_frequent") if often else (TRUTH, size)
    rows = write_log(folder / f"{name}_log.parquet", int(size), truth, most=int(often[1]) if often else None)
    return {"rows": rows}


def write_log(path: Path, customers: int, truth: dict[str, float], *, most: int | None = None) -> int:
    """Write purchases block by block, `most` of them at most, so that memory does not grow; return how many."""
    import polars as pl

    parts, rows = path.with_suffix(".parts"), 0
    parts.mkdir()
    for number, start in enumerate(range(0, customers, _BLOCK)):
        several = min(_BLOCK, customers - start)
        block = purchases(several, truth, seed=number)
        if most is not None:
            block = block.head(most * (start + several) // customers - rows)
        block.with_columns(pl.col("customer") + start).write_parquet(parts / f"{number:05d}.parquet")
        rows += block.height
    pl.scan_parquet(parts / "*.parquet").sink_parquet(path)
    _remove(parts)
    return rows


def purchases(customers: int, truth: dict[str, float], *, seed: int) -> Any:
    """Return the purchases of customers acquired at any time of a year until its end, in no order.

    The first of each is the acquisition; after each later one a customer may leave.
    """
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(seed)
    rate = np.maximum(rng.gamma(truth["r"], 1 / truth["alpha"], customers), 1e-12) / 7
    leaving = rng.beta(truth["a"], truth["b"], customers)
    nu = rng.gamma(SPENDING["q"], 1 / SPENDING["v"], customers)
    who, now = np.arange(customers), rng.uniform(0, DAYS, customers)
    found = []
    while len(who):
        found.append((who, now.astype(np.int32), rng.gamma(SPENDING["p"], 1 / nu[who]).round(2)))
        stays = (rng.random(len(who)) >= leaving[who]) | (len(found) == 1)
        later = now + rng.exponential(1 / rate[who])
        inside = stays & (later < DAYS)
        who, now = who[inside], later[inside]
    columns = dict(zip(("customer", "day", "amount"), map(np.concatenate, zip(*found, strict=True)), strict=True))
    start = pl.lit(datetime.date(2024, 1, 1))
    frame = pl.DataFrame(columns).with_columns(day=start + pl.duration(days=pl.col("day")))
    return frame.sample(fraction=1.0, shuffle=True, seed=seed)


def _summarise(folder: Path, what: str) -> Found:
    from tabkit.cltv.summary import summarise

    size, kind = what.split()
    name = f"{size}_frequent" if kind == "frequent" else size
    columns: dict[str, Any] = {"customer": "customer", "date": "day", "amount": "amount"}
    found, cost = processes.measured(lambda: summarise(folder / f"{name}_log.parquet", **columns))
    found.customers.write_parquet(folder / f"{name}_summary.parquet")
    return cost


def _fit_many(folder: Path, what: str) -> Found:
    import polars as pl

    from pipelines import lifetime_value

    size, kind = what.split()
    source = pl.scan_parquet(folder / f"{size}_summary.parquet")
    source = source if kind == "spend" else source.drop("monetary_value")
    model, cost = processes.measured(
        lambda: lifetime_value.fit(source, config={"summary": True, "customer": "customer"})
    )
    model.save(folder / f"{size}_{kind}", overwrite=True)  # the fit that compiles wrote there too
    facts = model.facts
    mean = {name: value["mean"] for name, value in facts["parameters"].items()}
    return {**cost, "unique": facts["unique_rows"], "mean": mean, "inference": facts["inference"]}


def _forecast_many(folder: Path, what: str) -> Found:
    from pipelines import lifetime_value
    from tabkit.cltv.config import ForecastConfig
    from tabkit.cltv.forecast_file import forecast_file

    size, kind = what.split()
    config = ForecastConfig(draws=MANY_DRAWS, horizon_days=float(DAYS))

    def run() -> Found:
        model = lifetime_value.load(folder / f"{size}_{kind}")
        return forecast_file(model, folder / f"{size}_{kind}.parquet", config=config)

    made, cost = processes.measured(run)
    return {**cost, "rows": made["rows"]}


TASKS: dict[str, Task] = {
    "simulate": _simulate,
    "summarise": _summarise,
    "fit_many": _fit_many,
    "forecast_many": _forecast_many,
}


if __name__ == "__main__":
    main()
