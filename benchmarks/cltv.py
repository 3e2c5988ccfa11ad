"""Customer value: tabkit beside PyMC-Marketing on CDNOW, fit and forecast.

BG/NBD on 39 weeks of 2,357 customers, the same summary and priors for both, 4 chains of 1,000 + 1,000 draws:

- fit: `laplace` and `nuts` beside the peer's `mcmc` with its default sampler; its `mcmc` with nutpie and its `map` (a
  point without uncertainty) once. Imports and reading are not in the seconds of the fit but in those of the whole
  command; compiling is in both. Compiled C code is kept between rounds, as it is on a user's disk: the first round,
  with nothing kept, is shown apart ("cold").
- forecast: 4,000 draws per customer for the next 39 weeks. The peer has no draws of what a known customer will *buy*,
  only of the expected number under each draw of the parameters: `expected_purchases` and, for value,
  `expected_customer_lifetime_value` (9 months, discounted). tabkit draws purchases and spend themselves, and its
  seconds hold quantiles and sums as well. What both draw is the purchases of *new* customers (1,000 draws).

Means of parameters and forecasts are compared in the same run; where they differ the comparison is void, and says so.

Every figure comes from a process of its own, in turns; quoted are medians. Memory is the peak of a process, and what of
it lies above what it held once it was ready. What millions of customers cost is measured by `cltv_scale.py`.

    python benchmarks/cltv.py [--repeats 3] [--json]
"""

# ruff: noqa: PLC0415  each process imports its own library alone, and the parent none: a child's peak starts at its
# parent's, and what another library holds is not to be counted.

from __future__ import annotations

import argparse
import importlib.util
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import processes
from processes import Found, Say, Task

CHAINS, TUNE, DRAWS = 4, 1_000, 4_000
WEEKS, MONTHS, MONTH_WEEKS, MONTHLY_DISCOUNT = 39, 9, 4.345, 0.008
NEW_DRAWS = 1_000
PARAMETERS = ("r", "alpha", "a", "b")
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

_run = partial(processes.run, __file__)
_rounds = partial(processes.rounds, __file__)


def main() -> None:
    processes.main(_report, tasks=TASKS, doc=__doc__, numbers={"repeats": 3})


def _report(folder: Path, options: argparse.Namespace, say: Say) -> Found:
    if options.repeats < 1:
        raise SystemExit(f"--repeats: expected 1 or more, got {options.repeats}")
    made = _run("make", folder)
    if "failed" in made:
        say(f"\nCDNOW is left out: {made['failed']}")
        return {"cdnow": made}
    peer = importlib.util.find_spec("pymc_marketing") is not None
    if not peer:
        say("\nPyMC-Marketing is not installed, so there is nothing beside tabkit: pip install pymc-marketing")
    say(f"\nCDNOW, {made['customers']:,} customers, {made['unique']:,} distinct: fit of BG/NBD, {DRAWS:,} draws")
    found = made | _fits(folder, options.repeats, peer, say)
    return {"cdnow": found | _forecasts(folder, options.repeats, say) if peer else found}


def _fits(folder: Path, repeats: int, peer: bool, say: Say) -> Found:
    names = [name for name in REPEATED if peer or name in ("laplace", "nuts")]
    cold = {name: _run("fit", folder, name) for name in names}
    fits = _rounds("fit", folder, names, repeats) | {name: _run("fit", folder, name) for name in ONCE if peer}
    say(f"  {'':<36} {'s':>7} {'ratio':>6} {'CPU s':>7} {'ratio':>6} {'whole s':>8} {'cold s':>7} {'peak MiB':>9}")
    for name, run in fits.items():
        say(_fit_line(SAID[name], run, fits["laplace"], cold.get(name)))
    found: Found = {"cold": cold, "fits": fits}
    if peer:
        found["parameters"] = {name: far_apart(fits[name], fits["mcmc"]) for name in ("laplace", "nuts")}
        said = _verdict(found["parameters"])
        say(f"  means of r, alpha, a, b against mcmc, in posterior standard deviations: {said}")
    return found


def _fit_line(title: str, run: Found, ours: Found, cold: Found | None) -> str:
    if "failed" in run or "failed" in ours:
        return f"  {title:<36} failed: {run.get('failed') or ours['failed']}"
    first = "" if cold is None or "failed" in cold else f"{cold['seconds']:.1f}"
    return (
        f"  {title:<36} {run['seconds']:>7.1f} {run['seconds'] / ours['seconds']:>6.1f} {run['cpu']:>7.1f} "
        f"{run['cpu'] / ours['cpu']:>6.1f} {run['whole_seconds']:>8.1f} {first:>7} {run['peak']:>9,.0f}"
    )


def far_apart(ours: Found, theirs: Found) -> float:
    """Return the largest difference of posterior means, in posterior standard deviations; infinite without a result."""
    if "failed" in ours or "failed" in theirs:
        return float("inf")
    return max(float(abs(ours["mean"][k] - theirs["mean"][k]) / theirs["sd"][k]) for k in theirs["mean"])


def _verdict(apart: dict[str, float]) -> str:
    listed = ", ".join(f"{name} {value:.2f}" for name, value in apart.items())
    return f"{listed}: {'equal' if max(apart.values()) < _MEANS_SD else 'NOT EQUAL, the comparison is void'}"


def _forecasts(folder: Path, repeats: int, say: Say) -> Found:
    made = _run("bundles", folder)
    if "failed" in made:
        say(f"  forecasts are left out: {made['failed']}")
        return {}
    pairs = [f"{name} {who}" for name in FORECASTS for who in ("tabkit", "peer")]
    runs = _rounds("forecast", folder, pairs, repeats)
    say(f"\nCDNOW: forecast of {WEEKS} weeks, {DRAWS:,} draws per customer ({NEW_DRAWS:,} of new ones)")
    say(f"  {'tabkit / PyMC-Marketing':<48} {'s':>13} {'ratio':>6} {'CPU ratio':>9} {'extra MiB':>13} {'ratio':>6}")
    return {"forecasts": {name: _forecast_pair(name, runs, folder, say) for name in FORECASTS}}


def _forecast_pair(name: str, runs: dict[str, Found], folder: Path, say: Say) -> Found:
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


# What follows runs in processes of its own.


def _library(name: str) -> Any:
    """Import what carries no types, or is not installed everywhere."""
    return importlib.import_module(name)


def _make(folder: Path, what: str) -> Found:  # noqa: ARG001
    """Write CDNOW's summary of the first 39 weeks."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    from tabkit.cltv.summary import summarise

    cdnow = _library("cdnow")
    columns: dict[str, Any] = {"customer": "customer_id", "date": "date", "amount": "amount"}
    customers = summarise(cdnow.purchases(), **columns, end=cdnow.END).customers
    customers.write_parquet(folder / "cdnow.parquet")
    unique = customers.select("frequency", "recency", "T").n_unique()
    return {"customers": customers.height, "unique": unique, "mean_age": customers["T"].mean()}


def _fit(folder: Path, what: str) -> Found:
    return _fit_ours(folder, what) if what in ("laplace", "nuts") else _fit_theirs(folder, what)


def _fit_ours(folder: Path, inference: Any) -> Found:
    import polars as pl

    from tabkit.cltv.inference import fit as fitting

    for name in ("pymc", "arviz", "nutpie"):  # before the clock starts
        _library(name)
    customers = pl.read_parquet(folder / "cdnow.parquet")
    settings = fitting.InferenceSettings(inference=inference, draws=DRAWS, tune=TUNE, chains=CHAINS, seed=1)
    fitted, cost = processes.measured(lambda: fitting.fit(customers, model="bgnbd", settings=settings))
    if fitted.sampled.inference != inference:
        raise SystemExit(f"{inference} was replaced by {fitted.sampled.inference}")
    values = fitting.known("bgnbd").derived(fitted.posterior.draws)
    return {**cost, **_moments(values)}


def _fit_theirs(folder: Path, how: str) -> Found:
    import logging

    model, data = _peer_model(folder), _peer_data(folder)
    logging.getLogger("pymc").setLevel(logging.ERROR)
    options: dict[str, Any] = {"progressbar": False}
    if how != "map":
        options |= {"draws": DRAWS // CHAINS, "tune": TUNE, "chains": CHAINS, "random_seed": 1}
    if how == "mcmc_nutpie":
        options["nuts_sampler"] = _library("nutpie").__name__
    _, cost = processes.measured(lambda: model.fit(data, method="map" if how == "map" else "mcmc", **options))
    if how == "mcmc":
        model.idata.to_netcdf(str(folder / "peer.nc"))
    posterior = model.idata.posterior
    return {**cost, **_moments({name: posterior[name].values for name in posterior.data_vars})}


def _moments(values: Any) -> dict[str, dict[str, float]]:
    return {
        "mean": {name: float(values[name].mean()) for name in PARAMETERS},
        "sd": {name: float(values[name].std()) for name in PARAMETERS},
    }


def _peer_model(folder: Path) -> Any:
    """Return the peer's model with the priors of tabkit."""
    import polars as pl

    from tabkit.cltv.inference import fit as fitting
    from tabkit.cltv.models.priors import PYMC

    age = float(pl.read_parquet(folder / "cdnow.parquet")["T"].mean() or 1.0)  # type: ignore[arg-type]  # a number
    ours = fitting.defaults(fitting.known("bgnbd").parameters, time=age)
    theirs = {"phi": "phi_dropout", "kappa": "kappa_dropout"}
    prior = _library("pymc_extras.prior").Prior
    priors = {theirs.get(k, k): prior(PYMC[v.kind], **dict(v.values)) for k, v in ours.items()}
    return _library("pymc_marketing.clv").BetaGeoModel(model_config=priors)


def _peer_data(folder: Path) -> Any:
    frame = _library("pandas").read_parquet(folder / "cdnow.parquet")
    return frame.assign(monetary_value=frame["monetary_value"].fillna(0.0))


def _bundles(folder: Path, what: str) -> Found:  # noqa: ARG001
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


def _forecast(folder: Path, what: str) -> Found:
    import numpy as np

    name, who = what.split()
    means, cost = (_forecast_ours if who == "tabkit" else _forecast_theirs)(folder, name)
    np.save(folder / f"{name}_{who}.npy", means)
    return cost


def _forecast_ours(folder: Path, name: str) -> tuple[Any, dict[str, float]]:
    from pipelines import lifetime_value
    from tabkit.cltv.forecasting import forecast

    model = lifetime_value.load(folder / "cdnow")
    config: dict[str, Any] = {"horizon_days": 7.0 * WEEKS, "draws": NEW_DRAWS if name == "new" else DRAWS}
    if name == "value":
        config["horizon_days"] = 7 * MONTH_WEEKS * MONTHS
        config["annual_discount"] = (1 + MONTHLY_DISCOUNT) ** (forecast.YEAR_DAYS / 7 / MONTH_WEEKS) - 1
    else:
        model = replace(model, forecaster=replace(model.forecaster, spending=None))
    if name == "new":
        unknown = forecast.newcomers(model.forecaster, model.customers.height)
        model = replace(model, customers=unknown, customer="customer")
    (everyone, _), cost = processes.measured(lambda: model.forecast(config=config))
    return everyone["value_mean" if name == "value" else "purchases_mean"].to_numpy(), cost


def _forecast_theirs(folder: Path, name: str) -> tuple[Any, dict[str, float]]:
    import logging

    arviz = _library("arviz")
    logging.getLogger("pymc").setLevel(logging.ERROR)
    model, data = _peer_model(folder), _peer_data(folder)
    model.build_model(data)
    model.idata = arviz.from_netcdf(str(folder / "peer.nc"))
    if name == "purchases":
        found, cost = processes.measured(lambda: model.expected_purchases(data, future_t=WEEKS))
    elif name == "new":
        model.idata = model.idata.isel(draw=slice(None, None, DRAWS // NEW_DRAWS))
        both, cost = processes.measured(
            lambda: model.distribution_new_customer_recency_frequency(data, T=float(WEEKS), random_seed=1)
        )
        found = both[..., 1]
    else:
        spend = _library("pymc_marketing.clv").GammaGammaModel()
        spend.build_model(data[(data["frequency"] > 0) & (data["monetary_value"] > 0)])
        spend.idata = arviz.from_netcdf(str(folder / "peer_spend.nc"))
        options = {"future_t": MONTHS, "discount_rate": MONTHLY_DISCOUNT, "time_unit": "W"}
        found, cost = processes.measured(lambda: spend.expected_customer_lifetime_value(model, data, **options))
    return found.mean(("chain", "draw")).values, cost


def _compare(folder: Path, what: str) -> Found:
    import numpy as np

    ours, theirs = (np.load(folder / f"{what}_{who}.npy") for who in ("tabkit", "peer"))
    single = float(np.abs(ours - theirs).mean() / theirs.mean())
    return {"total": float(ours.sum() / theirs.sum() - 1), "single": single, "nan": int(np.isnan(theirs).sum())}


TASKS: dict[str, Task] = {
    "make": _make,
    "fit": _fit,
    "bundles": _bundles,
    "forecast": _forecast,
    "compare": _compare,
}


if __name__ == "__main__":
    main()
