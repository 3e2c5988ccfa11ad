"""Customer value: tabkit beside PyMC-Marketing on CDNOW, and what up to millions of simulated customers cost.

**CDNOW**, BG/NBD on 39 weeks of 2,357 customers, the same summary and priors for both, 4 chains of 1,000 + 1,000 draws:

- fit: `laplace` and `nuts` beside the peer's `mcmc` with its default sampler; its `mcmc` with nutpie and its `map` (a
  point without uncertainty) once. Imports and reading are not in the seconds of the fit but in those of the whole
  command; compiling is in both. Compiled C code is kept between rounds, as it is on a user's disk: the first round,
  with nothing kept, is shown apart ("cold").
- forecast: 4,000 draws per customer for the next 39 weeks. The peer has no draws of what a known customer will *buy*,
  only of the expected number under each draw of the parameters: `expected_purchases` and, for value,
  `expected_customer_lifetime_value` (9 months, discounted). tabkit draws purchases and spend themselves, and its
  seconds hold quantiles and sums as well. What both draw is the purchases of *new* customers (1,000 draws).

Means of parameters and forecasts are compared in the same run; where they differ the comparison is void, and says so.

**Simulated customers**, acquired on any day of a year, whose log ends with it: seconds of the processor and peak
memory of the summary, the fit (of purchases, and once of spend too) and the forecast of a year with 100 draws each,
into a file.

Every figure comes from a process of its own, in turns; quoted are medians. Memory is the peak of a process, and what of
it lies above what it held once it was ready.

    python benchmarks/cltv.py [--repeats 3] [--largest 1000000] [--log-rows 10000000] [--json]

`--repeats 0` leaves CDNOW out, `--log-rows 0` the long log; `--largest 10000000` takes some minutes more.
"""

# ruff: noqa: PLC0415  each process imports its own library alone, and the parent none: a child's peak starts at its
# parent's, and what another library holds is not to be counted.

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

CHAINS, TUNE, DRAWS = 4, 1_000, 4_000
WEEKS, MONTHS, MONTH_WEEKS, MONTHLY_DISCOUNT = 39, 9, 4.345, 0.008
NEW_DRAWS = 1_000
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
MILLION = 1_000_000
DAYS, MANY_DRAWS = 365, 100

TRUTH = {"r": 0.5, "alpha": 10.0, "a": 0.8, "b": 2.4}
FREQUENT = {"r": 2.0, "alpha": 2.0, "a": 0.4, "b": 12.0}
"""Purchases per week with shape and rate, chances to leave with both shapes; of the log of many rows likewise."""
SPENDING = {"p": 6.0, "q": 4.0, "v": 15.0}

BOUNDS = {"fit": (60.0, 1024.0), "forecast": (120.0, 1024.0)}
"""CPU seconds and MiB for a million customers."""
_MOST_MIB = 12 * 1024
_BLOCK = 250_000
_MEANS_SD, _TOTALS, _SINGLE = 0.2, {"purchases": 0.02, "value": 0.05, "new": 0.02}, 0.06

REPEATED = ("laplace", "nuts", "mcmc")
ONCE = ("mcmc_nutpie", "map")
FORECASTS = ("purchases", "value", "new")
SAID = {
    "laplace": "tabkit, laplace",
    "nuts": "tabkit, nuts (nutpie)",
    "mcmc": "PyMC-Marketing, mcmc",
    "mcmc_nutpie": "PyMC-Marketing, mcmc (nutpie), once",
    "map": "PyMC-Marketing, map: a point, once",
    "purchases": "purchases: draws, beside their expectation",
    "value": "discounted value: draws, beside its expectation",
    "new": "purchases of new customers: draws of both",
}


def main() -> None:
    options = _options()
    if options.task:
        _watch_memory()
        print(json.dumps(TASKS[options.task](Path(options.folder), options.what)))
        return
    say: Callable[[str], None] = (lambda _: None) if options.json else (lambda text: print(text, flush=True))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found: dict[str, Any] = {"versions": versions(), "cores": os.cpu_count()}
        say(", ".join(f"{k} {v}" for k, v in found["versions"].items()) + f"; {found['cores']} cores")
        found["cdnow"] = _cdnow(folder, options.repeats, say) if options.repeats else None
        found["simulated"] = [_scale(folder, size, say) for size in SIZES if size <= options.largest]
        if options.log_rows:
            found["log"] = _log(folder, options.log_rows, say)
    if options.json:
        print(json.dumps(found, indent=2))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("repeats", 3), ("largest", MILLION), ("log-rows", 10_000_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    for name in ("task", "folder", "what"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(task: str, folder: Path, what: str = "") -> dict[str, Any]:
    """Run a task in a process of its own; add what the whole process took."""
    command = [sys.executable, "-W", "ignore", __file__, "--task", task, "--folder", str(folder), "--what", what]
    flags = f"{os.environ.get('PYTENSOR_FLAGS', '')},base_compiledir={folder / 'compiled'}".lstrip(",")
    before, started = _children(), time.perf_counter()
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PYTENSOR_FLAGS": flags}
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1][:300]
        return {"failed": f"{task} {what}: exit {done.returncode}: {last}"}
    whole = {"whole_seconds": time.perf_counter() - started, "whole_cpu": _children() - before}
    return {**json.loads(done.stdout.splitlines()[-1]), **whole}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cdnow(folder: Path, repeats: int, say: Callable[[str], None]) -> dict[str, Any]:
    made = _run("make", folder)
    if "failed" in made:
        say(f"\nCDNOW is left out: {made['failed']}")
        return made
    peer = importlib.util.find_spec("pymc_marketing") is not None
    if not peer:
        say("\nPyMC-Marketing is not installed, so there is nothing beside tabkit: pip install pymc-marketing")
    names = [name for name in REPEATED if peer or name in ("laplace", "nuts")]
    cold = {name: _run("fit", folder, name) for name in names}
    fits = _rounds("fit", folder, names, repeats) | {name: _run("fit", folder, name) for name in ONCE if peer}
    say(f"\nCDNOW, {made['customers']:,} customers, {made['unique']:,} distinct: fit of BG/NBD, {DRAWS:,} draws")
    say(f"  {'':<36} {'s':>7} {'ratio':>6} {'CPU s':>7} {'ratio':>6} {'whole s':>8} {'cold s':>7} {'peak MiB':>9}")
    for name, run in fits.items():
        say(_fit_line(SAID[name], run, fits["laplace"], cold.get(name)))
    found: dict[str, Any] = {**made, "cold": cold, "fits": fits}
    if not peer:
        return found
    found["parameters"] = {name: far_apart(fits[name], fits["mcmc"]) for name in ("laplace", "nuts")}
    say("  means of r, alpha, a, b against mcmc, in posterior standard deviations: " + _verdict(found["parameters"]))
    made = _run("bundles", folder)
    if "failed" in made:
        say(f"  forecasts are left out: {made['failed']}")
        return found
    pairs = [f"{name} {who}" for name in FORECASTS for who in ("tabkit", "peer")]
    runs = _rounds("forecast", folder, pairs, repeats)
    say(f"\nCDNOW: forecast of {WEEKS} weeks, {DRAWS:,} draws per customer ({NEW_DRAWS:,} of new ones)")
    say(f"  {'tabkit / PyMC-Marketing':<48} {'s':>13} {'ratio':>6} {'CPU ratio':>9} {'extra MiB':>13} {'ratio':>6}")
    found["forecasts"] = {name: _forecast_pair(name, runs, folder, say) for name in FORECASTS}
    return found


def versions() -> dict[str, str]:
    """Return the versions of what is measured, as far as it is installed."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("polars", "numpy", "pymc", "pytensor", "nutpie", "pymc-marketing"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _rounds(task: str, folder: Path, names: list[str], repeats: int) -> dict[str, dict[str, Any]]:
    """Return the medians by name, of runs in turns and in both orders."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for turn in range(repeats):
        for name in names if turn % 2 == 0 else names[::-1]:
            runs[name].append(_run(task, folder, name))
    return {name: medians(found) for name, found in runs.items()}


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of each number, what else the first run found, and a failure rather than either."""
    failed = [run for run in runs if "failed" in run]
    if failed:
        return failed[0]
    return {
        key: statistics.median(run[key] for run in runs) if isinstance(value, (int, float)) else value
        for key, value in runs[0].items()
    }


def far_apart(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Return the largest difference of posterior means, in posterior standard deviations; infinite without a result."""
    if "failed" in ours or "failed" in theirs:
        return float("inf")
    return max(float(abs(ours["mean"][k] - theirs["mean"][k]) / theirs["sd"][k]) for k in theirs["mean"])


def _verdict(apart: dict[str, float]) -> str:
    listed = ", ".join(f"{name} {value:.2f}" for name, value in apart.items())
    return f"{listed}: {'equal' if max(apart.values()) < _MEANS_SD else 'NOT EQUAL, the comparison is void'}"


def _fit_line(title: str, run: dict[str, Any], ours: dict[str, Any], cold: dict[str, Any] | None) -> str:
    if "failed" in run or "failed" in ours:
        return f"  {title:<36} failed: {run.get('failed') or ours['failed']}"
    first = "" if cold is None or "failed" in cold else f"{cold['seconds']:.1f}"
    return (
        f"  {title:<36} {run['seconds']:>7.1f} {run['seconds'] / ours['seconds']:>6.1f} {run['cpu']:>7.1f} "
        f"{run['cpu'] / ours['cpu']:>6.1f} {run['whole_seconds']:>8.1f} {first:>7} {run['peak']:>9,.0f}"
    )


def _forecast_pair(
    name: str, runs: dict[str, dict[str, Any]], folder: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    ours, theirs = runs[f"{name} tabkit"], runs[f"{name} peer"]
    failed = ours.get("failed") or theirs.get("failed")
    if failed:
        say(f"  {SAID[name]:<48} failed: {failed}")
        return {"failed": failed}
    seconds, cpu, extra = (theirs[key] / max(ours[key], 1e-9) for key in ("seconds", "cpu", "extra"))
    say(
        f"  {SAID[name]:<48} {ours['seconds']:>5.1f} / {theirs['seconds']:>5.1f} {seconds:>6.1f} {cpu:>9.1f} "
        f"{ours['extra']:>5,.0f} / {theirs['extra']:>5,.0f} {extra:>6.1f}"
    )
    found = _run("compare", folder, name)
    same = abs(found["total"]) < _TOTALS[name] and (name != "purchases" or found["single"] < _SINGLE)
    customers = "" if name == "new" else f", of single customers {found['single']:.1%} of the mean"
    verdict = "equal" if same else "NOT EQUAL, the comparison is void"
    say(f"    means: of all {found['total']:+.1%}{customers}: {verdict}")
    return {"tabkit": ours, "peer": theirs, "difference": found, "equal": same}


def _scale(folder: Path, size: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Simulate so many customers, and take them through the whole way."""
    if size == SIZES[0]:
        say(f"\nsimulated customers of a year, {MANY_DRAWS} draws each: CPU seconds and peak MiB of each process")
        steps = "".join(f"{name:>20}" for name in ("summary", "fit", "forecast"))
        say(f"  {'customers':>10} {'purchases':>12} {'distinct':>9} {steps}")
    found: dict[str, Any] = {"customers": size, **_run("simulate", folder, str(size))}
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


def _bounds(steps: list[dict[str, Any]], say: Callable[[str], None]) -> dict[str, bool]:
    met = {}
    for (name, (cpu, mib)), step in zip(BOUNDS.items(), steps, strict=True):
        met[name] = within(step["whole_cpu"], step["peak"], name)
        said = f"{step['whole_cpu']:.0f} CPU s and {step['peak']:,.0f} MiB"
        say(f"  bound of the {name}: {cpu:.0f} CPU s and {mib:,.0f} MiB; {said}: {'met' if met[name] else 'NOT MET'}")
    return met


def within(cpu: float, mib: float, name: str) -> bool:
    """Whether what a million customers took is inside of the bound of that name."""
    return cpu <= BOUNDS[name][0] and mib <= BOUNDS[name][1]


def _in_words(steps: list[dict[str, Any]]) -> str:
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


def _log(folder: Path, rows: int, say: Callable[[str], None]) -> dict[str, Any]:
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


def _measured(run: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Return the result, its seconds and those of all processors, the peak, and what of it was not held before."""
    _forget_peak()
    before, used, started = _peak_mib(), _cpu(), time.perf_counter()
    found = run()
    seconds, cpu, peak = time.perf_counter() - started, _cpu() - used, _peak_mib()
    return found, {"seconds": seconds, "cpu": cpu, "peak": peak, "extra": peak - before}


def _cpu() -> float:
    return time.process_time() + _children()


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _forget_peak() -> None:
    """Give back what reading the data left behind, as far as the allocator lets us, and begin a new peak."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")


def _watch_memory() -> None:
    """End this process if it grows beyond what the machine can spare."""

    def watch() -> None:
        while _peak_mib() < _MOST_MIB:
            time.sleep(0.2)
        os.write(2, f"stopped at {_MOST_MIB:,} MiB\n".encode())
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def _library(name: str) -> Any:
    """Import what carries no types, or is not installed everywhere."""
    return importlib.import_module(name)


def _make(folder: Path, what: str) -> dict[str, Any]:  # noqa: ARG001
    """Write CDNOW's summary of the first 39 weeks."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    from tabkit.cltv.summary import summarise

    cdnow = _library("cdnow")
    columns: dict[str, Any] = {"customer": "customer_id", "date": "date", "amount": "amount"}
    customers = summarise(cdnow.purchases(), **columns, end=cdnow.END).customers
    customers.write_parquet(folder / "cdnow.parquet")
    unique = customers.select("frequency", "recency", "T").n_unique()
    return {"customers": customers.height, "unique": unique, "mean_age": customers["T"].mean()}


def _fit(folder: Path, what: str) -> dict[str, Any]:
    return _fit_ours(folder, what) if what in ("laplace", "nuts") else _fit_theirs(folder, what)


def _fit_ours(folder: Path, inference: Any) -> dict[str, Any]:
    import polars as pl

    from tabkit.cltv import fit as fitting

    for name in ("pymc", "arviz", "nutpie"):  # before the clock starts
        _library(name)
    customers = pl.read_parquet(folder / "cdnow.parquet")
    settings = fitting.Settings(inference=inference, draws=DRAWS, tune=TUNE, chains=CHAINS, seed=1)
    fitted, cost = _measured(lambda: fitting.fit(customers, model="bgnbd", settings=settings))
    if fitted.sampled.inference != inference:
        raise SystemExit(f"{inference} was replaced by {fitted.sampled.inference}")
    values = fitting.known("bgnbd").derived(fitted.posterior.draws)
    return {**cost, **_moments(values)}


def _fit_theirs(folder: Path, how: str) -> dict[str, Any]:
    import logging

    model, data = _peer_model(folder), _peer_data(folder)
    logging.getLogger("pymc").setLevel(logging.ERROR)
    options: dict[str, Any] = {"progressbar": False}
    if how != "map":
        options |= {"draws": DRAWS // CHAINS, "tune": TUNE, "chains": CHAINS, "random_seed": 1}
    if how == "mcmc_nutpie":
        options["nuts_sampler"] = _library("nutpie").__name__
    _, cost = _measured(lambda: model.fit(data, method="map" if how == "map" else "mcmc", **options))
    if how == "mcmc":
        model.idata.to_netcdf(str(folder / "peer.nc"))
    posterior = model.idata.posterior
    return {**cost, **_moments({name: posterior[name].values for name in posterior.data_vars})}


def _moments(values: Any) -> dict[str, dict[str, float]]:
    return {
        "mean": {name: float(values[name].mean()) for name in TRUTH},
        "sd": {name: float(values[name].std()) for name in TRUTH},
    }


def _peer_model(folder: Path) -> Any:
    """Return the peer's model with the priors of tabkit."""
    import polars as pl

    from tabkit.cltv import fit as fitting
    from tabkit.cltv.priors import PYMC

    age = float(pl.read_parquet(folder / "cdnow.parquet")["T"].mean() or 1.0)  # type: ignore[arg-type]  # a number
    ours = fitting.defaults(fitting.known("bgnbd").parameters, time=age)
    theirs = {"phi": "phi_dropout", "kappa": "kappa_dropout"}
    prior = _library("pymc_extras.prior").Prior
    priors = {theirs.get(k, k): prior(PYMC[v.kind], **dict(v.values)) for k, v in ours.items()}
    return _library("pymc_marketing.clv").BetaGeoModel(model_config=priors)


def _peer_data(folder: Path) -> Any:
    frame = _library("pandas").read_parquet(folder / "cdnow.parquet")
    return frame.assign(monetary_value=frame["monetary_value"].fillna(0.0))


def _bundles(folder: Path, what: str) -> dict[str, Any]:  # noqa: ARG001
    """Fit purchases and spend for the forecasts of both."""
    import logging

    from pipelines import lifetime_value

    config = {"summary": True, "customer": "customer_id", "draws": DRAWS, "seed": 1}
    lifetime_value.fit(folder / "cdnow.parquet", config=config).save(folder / "cdnow")
    logging.getLogger("pymc").setLevel(logging.ERROR)
    data, model = _peer_data(folder), _library("pymc_marketing.clv").GammaGammaModel()
    options: dict[str, Any] = {
        "draws": DRAWS // CHAINS,
        "tune": TUNE,
        "chains": CHAINS,
        "random_seed": 1,
        "progressbar": False,
    }
    model.fit(data[(data["frequency"] > 0) & (data["monetary_value"] > 0)], **options)
    model.idata.to_netcdf(str(folder / "peer_spend.nc"))
    return {}


def _forecast(folder: Path, what: str) -> dict[str, Any]:
    import numpy as np

    name, who = what.split()
    means, cost = (_forecast_ours if who == "tabkit" else _forecast_theirs)(folder, name)
    np.save(folder / f"{name}_{who}.npy", means)
    return cost


def _forecast_ours(folder: Path, name: str) -> tuple[Any, dict[str, float]]:
    from pipelines import lifetime_value
    from tabkit.cltv import forecast as forecasting

    model = lifetime_value.load(folder / "cdnow")
    config: dict[str, Any] = {"horizon_days": 7.0 * WEEKS, "draws": NEW_DRAWS if name == "new" else DRAWS}
    if name == "value":
        config["horizon_days"] = 7 * MONTH_WEEKS * MONTHS
        config["annual_discount"] = (1 + MONTHLY_DISCOUNT) ** (forecasting.YEAR_DAYS / 7 / MONTH_WEEKS) - 1
    else:
        model = replace(model, forecaster=replace(model.forecaster, spending=None))
    if name == "new":
        unknown = forecasting.newcomers(model.forecaster, model.customers.height)
        model = replace(model, customers=unknown, customer="customer")
    (everyone, _), cost = _measured(lambda: model.forecast(config=config))
    return everyone["value_mean" if name == "value" else "purchases_mean"].to_numpy(), cost


def _forecast_theirs(folder: Path, name: str) -> tuple[Any, dict[str, float]]:
    import logging

    arviz = _library("arviz")
    logging.getLogger("pymc").setLevel(logging.ERROR)
    model, data = _peer_model(folder), _peer_data(folder)
    model.build_model(data)
    model.idata = arviz.from_netcdf(str(folder / "peer.nc"))
    if name == "purchases":
        found, cost = _measured(lambda: model.expected_purchases(data, future_t=WEEKS))
    elif name == "new":
        model.idata = model.idata.isel(draw=slice(None, None, DRAWS // NEW_DRAWS))
        both, cost = _measured(
            lambda: model.distribution_new_customer_recency_frequency(data, T=float(WEEKS), random_seed=1)
        )
        found = both[..., 1]
    else:
        spend = _library("pymc_marketing.clv").GammaGammaModel()
        spend.build_model(data[(data["frequency"] > 0) & (data["monetary_value"] > 0)])
        spend.idata = arviz.from_netcdf(str(folder / "peer_spend.nc"))
        options = {"future_t": MONTHS, "discount_rate": MONTHLY_DISCOUNT, "time_unit": "W"}
        found, cost = _measured(lambda: spend.expected_customer_lifetime_value(model, data, **options))
    return found.mean(("chain", "draw")).values, cost


def _compare(folder: Path, what: str) -> dict[str, Any]:
    import numpy as np

    ours, theirs = (np.load(folder / f"{what}_{who}.npy") for who in ("tabkit", "peer"))
    single = float(np.abs(ours - theirs).mean() / theirs.mean())
    return {"total": float(ours.sum() / theirs.sum() - 1), "single": single, "nan": int(np.isnan(theirs).sum())}


def _simulate(folder: Path, what: str) -> dict[str, Any]:
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
    import datetime

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


def _summarise(folder: Path, what: str) -> dict[str, Any]:
    from tabkit.cltv.summary import summarise

    size, kind = what.split()
    name = f"{size}_frequent" if kind == "frequent" else size
    columns: dict[str, Any] = {"customer": "customer", "date": "day", "amount": "amount"}
    found, cost = _measured(lambda: summarise(folder / f"{name}_log.parquet", **columns))
    found.customers.write_parquet(folder / f"{name}_summary.parquet")
    return cost


def _fit_many(folder: Path, what: str) -> dict[str, Any]:
    import polars as pl

    from pipelines import lifetime_value

    size, kind = what.split()
    source = pl.scan_parquet(folder / f"{size}_summary.parquet")
    source = source if kind == "spend" else source.drop("monetary_value")
    model, cost = _measured(lambda: lifetime_value.fit(source, config={"summary": True, "customer": "customer"}))
    model.save(folder / f"{size}_{kind}")
    facts = model.facts
    mean = {name: value["mean"] for name, value in facts["parameters"].items()}
    return {**cost, "unique": facts["unique_rows"], "mean": mean, "inference": facts["inference"]}


def _forecast_many(folder: Path, what: str) -> dict[str, Any]:
    from pipelines import lifetime_value
    from pipelines.config import ForecastConfig
    from pipelines.forecasts import forecast_file

    size, kind = what.split()
    config = ForecastConfig(draws=MANY_DRAWS, horizon_days=float(DAYS))

    def run() -> dict[str, Any]:
        model = lifetime_value.load(folder / f"{size}_{kind}")
        return forecast_file(model, folder / f"{size}_{kind}.parquet", config=config)

    made, cost = _measured(run)
    return {**cost, "rows": made["rows"]}


TASKS: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    "make": _make,
    "fit": _fit,
    "bundles": _bundles,
    "forecast": _forecast,
    "compare": _compare,
    "simulate": _simulate,
    "summarise": _summarise,
    "fit_many": _fit_many,
    "forecast_many": _forecast_many,
}


if __name__ == "__main__":
    main()
