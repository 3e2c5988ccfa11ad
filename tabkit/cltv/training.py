"""What customers are worth: from a log of transactions to a fitted model of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import polars as pl

from tabkit.cltv.columns import MONEY
from tabkit.cltv.columns import has_money as knows_money
from tabkit.cltv.config import LifetimeConfig
from tabkit.cltv.covariates import columns_of, leaks_of_fit
from tabkit.cltv.forecasting.forecast import Forecaster
from tabkit.cltv.guard import guard
from tabkit.cltv.inference import fit as fitting
from tabkit.cltv.inference.fit import FittedLikelihood
from tabkit.cltv.inference.identified import Vague, sentences, vague
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.limits import FEWEST_REPEATS
from tabkit.cltv.model import CLTVModel
from tabkit.cltv.models import gamma_gamma
from tabkit.cltv.models.priors import Prior
from tabkit.cltv.summary import UNIT_DAYS, summarise
from tabkit.config import settings_of
from tabkit.errors import ConfigError, FitError
from tabkit.frames import Source, collect, describe, scan
from tabkit.leaks.asked import asked
from tabkit.progress import Progress

CUSTOMER = "customer"
_CORRELATED = 0.2  # Gamma-Gamma assumes none; below this its forecasts are hardly off


def fit(
    source: Source, *, config: LifetimeConfig | Mapping[str, Any] | None = None, progress: Progress | None = None
) -> CLTVModel:
    """Fit a model of purchases, and with amounts of spend, to a transaction log or its summary.

    Parameters
    ----------
    source
        Transactions, or with ``summary`` one row per customer: anything that `tabkit.frames.scan` takes.
    config
        Settings; a mapping is validated. The columns stand there: ``customer``, ``date``, ``amount``. Covariates that
        copy what customers did, until the end of the fit or of the log, are asked about in the warnings.

    Raises
    ------
    TabkitError
        If the log cannot be used, or says too little.
    ImportError
        If the extra `cltv` is not installed.
    """
    settings = settings_of(LifetimeConfig, config)
    if hasattr(source, "__arrow_c_stream__") and not isinstance(source, pl.DataFrame):
        source = scan(source)  # a stream can be read only once, and covariates are looked for in the log after the end
    given, customer, told = _customers(source, settings)
    guarded = guard(given, fitting.known(settings.model), customer=customer)
    customers, has_money = guarded.customers, knows_money(guarded.customers)
    _check_repeats(customers, settings)
    chosen = _settings(settings)
    spend_only = {p.name for p in gamma_gamma.PARAMETERS} if has_money else set()
    own = {name: prior for name, prior in chosen.priors.items() if name not in spend_only}
    purchases = replace(chosen, priors=own)
    found = fitting.fit(customers, model=settings.model, settings=purchases, progress=progress)
    money = fitting.fit_spend(customers, settings=chosen, progress=progress) if has_money else None
    forecaster = Forecaster(
        fitting.known(settings.model), found.posterior, money.posterior if money else None, UNIT_DAYS[settings.unit]
    )
    priors = {**found.priors, **(money.priors if money else {})}
    unknown = _vague(forecaster, found, money)
    facts = {
        **told,
        "refused": _added(told["refused"], guarded.refused),
        "model": settings.model,
        "unit": settings.unit,
        "resolution": settings.resolution,
        "rows": found.rows,
        "unique_rows": found.unique_rows,
        "parameters": _parameters(forecaster, found.posterior) | (money.posterior.summary() if money else {}),
        "priors": {name: prior.to_dict() for name, prior in priors.items()},
        **found.sampled.to_dict(),
        "k_hat": found.sampled.to_dict()["diagnostics"].get("k_hat"),
        "spend": money.sampled.to_dict() if money else None,
        "unidentified": [asdict(one) for one in unknown],
        "warnings": [
            *guarded.warnings,
            *asked(leaks_of_fit(customers, source, settings), "covariates"),
            *sentences(unknown),
            *_remarks(customers, has_money=has_money, given=settings.summary),
            *found.sampled.warnings,
            *(f"Spend: {warning}" for warning in (money.sampled.warnings if money else ())),
        ],
    }
    kept = settings.model_dump(mode="json", include=set(LifetimeConfig.model_fields))
    return CLTVModel(forecaster, customers, customer, facts, config=kept)


def _settings(settings: LifetimeConfig) -> fitting.InferenceSettings:
    return fitting.InferenceSettings(
        inference=settings.inference,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        seed=settings.seed,
        priors={name: Prior.from_dict(values) for name, values in settings.priors.items()},
        covariates=tuple(settings.covariates),
        group=settings.group,
    )


def _customers(source: Source, settings: LifetimeConfig) -> tuple[pl.DataFrame, str, dict[str, Any]]:
    """Return one row per customer, their column, and what was done to get there."""
    if settings.summary:
        frame = collect(scan(source), what=describe(source))
        customer = settings.customer or (CUSTOMER if CUSTOMER in frame.columns else None)
        if customer is None:
            customer, frame = CUSTOMER, frame.with_row_index(CUSTOMER)
        return frame, customer, {"end": None, "transactions": None, "refused": {}}
    if settings.model in ("bgbb", "sbg"):
        raise ConfigError(
            f"{settings.model} runs in whole periods, which a log of transactions does not show",
            advice="give one row per customer with the model's columns, and summary = true (--summary)",
        )
    missing = [name for name in ("customer", "date") if getattr(settings, name) is None]
    if missing:
        raise ConfigError(
            f"no {' and no '.join(missing)} column is given", advice="name them: --customer customer_id --date date"
        )
    found = summarise(
        source, customer=settings.customer or "", date=settings.date or "", amount=settings.amount, end=settings.end,
        unit=settings.unit, resolution=settings.resolution, merge=settings.merge, refunds=settings.refunds,
        zeros=settings.zeros, keep=columns_of(settings),
    )  # fmt: skip
    told = {"end": str(found.end), "start": str(found.start), "transactions": found.transactions}
    return found.customers, found.customer, {**told, "refused": dict(found.refused)}


def _check_repeats(customers: pl.DataFrame, settings: LifetimeConfig) -> None:
    if "frequency" not in customers.columns:
        return
    repeats = int((customers["frequency"] > 0).sum())
    if repeats < settings.fewest_repeats:
        raise FitError(
            f"{repeats:,} of {customers.height:,} customers bought again; {settings.fewest_repeats:,} are needed",
            advice="observe longer, or lower fewest_repeats: intervals will then be as wide as the priors",
        )


def _remarks(customers: pl.DataFrame, *, has_money: bool, given: bool) -> list[str]:
    """Return what a careful colleague would ask of the data; of a given summary also why it tells no spend."""
    told = []
    if "frequency" in customers.columns:
        repeats = int((customers["frequency"] > 0).sum())
        if repeats < FEWEST_REPEATS:
            told.append(f"Only {repeats} customers bought again: the priors matter.")
        if given and not has_money and MONEY in customers.columns:
            told.append(f"{MONEY} is null or NaN for all {repeats:,} repeat buyers, so no value is forecast.")
    if has_money:
        size = _dependence(customers)
        if abs(size) > _CORRELATED:
            told.append(
                f"Spend and frequency are correlated (Spearman {size:+.2f} among repeat buyers), which Gamma-Gamma "
                "excludes: the value of frequent buyers is biased towards the average."
            )
    return told


def _dependence(customers: pl.DataFrame) -> float:
    """Return Spearman's correlation of frequency and mean spend among repeat buyers."""
    buyers = customers.filter((pl.col("frequency") > 0) & (pl.col("monetary_value") > 0))
    ranks = buyers.select(pl.col("frequency", "monetary_value").rank())
    found = ranks.select(pl.corr("frequency", "monetary_value")).item() if buyers.height > 2 else None
    return float(found) if found is not None and np.isfinite(found) else 0.0


def _vague(forecaster: Forecaster, purchases: FittedLikelihood, money: FittedLikelihood | None) -> list[Vague]:
    """Return the parameters that the data hardly tell."""
    found = vague(purchases.posterior, purchases.priors, forecaster.model)
    return found + (vague(money.posterior, money.priors, None) if money else [])


def _added(refused: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Return rows left out, by reason, of both."""
    return {reason: refused.get(reason, 0) + more.get(reason, 0) for reason in (*refused, *more)}


def _parameters(forecaster: Forecaster, posterior: Posterior) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation of the free parameters, and of those of the formulas."""
    single = {name: draws for name, draws in posterior.draws.items() if draws.ndim == 1}
    derived = forecaster.model.derived(single)
    found = {name: np.asarray(value) for name, value in {**single, **derived}.items()}
    return {name: {"mean": float(v.mean()), "sd": float(v.std(ddof=1))} for name, v in found.items()}
