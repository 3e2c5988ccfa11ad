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
from tabkit.cltv.covariates import leaks_of_fit
from tabkit.cltv.customers import Customers, customers_of
from tabkit.cltv.forecasting.forecast import Forecaster
from tabkit.cltv.inference import fit as fitting
from tabkit.cltv.inference.fit import FittedLikelihood
from tabkit.cltv.inference.identified import Vague, sentences, vague
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.limits import FEWEST_REPEATS
from tabkit.cltv.model import CLTVModel
from tabkit.cltv.models import gamma_gamma
from tabkit.cltv.models.priors import Prior
from tabkit.cltv.roles import with_roles
from tabkit.cltv.summary import UNIT_DAYS
from tabkit.config import settings_of
from tabkit.errors import FitError
from tabkit.frames import Source, scan
from tabkit.leaks.asked import asked
from tabkit.progress import Progress
from tabkit.roles import RolesLike

_CORRELATED = 0.2  # Gamma-Gamma assumes none; below this its forecasts are hardly off


def fit(
    source: Source,
    *,
    roles: RolesLike | None = None,
    config: LifetimeConfig | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> CLTVModel:
    """Fit a model of purchases, and with amounts of spend, to a transaction log or its summary.

    Parameters
    ----------
    source
        Transactions, or with ``summary`` one row per customer: anything that `tabkit.frames.scan` takes.
    roles
        The columns: ``id`` of the customer, ``time`` of the purchase, ``amount`` paid. Settings may name them instead.
    config
        Settings; a mapping is validated, with the columns as ``customer``, ``date``, ``amount``. Covariates that
        copy what customers did, until the end of the fit or of the log, are asked about in the warnings.

    Raises
    ------
    TabkitError
        If the log cannot be used, or says too little.
    ImportError
        If the extra `cltv` is not installed.
    """
    settings = with_roles(settings_of(LifetimeConfig, config), roles)
    if hasattr(source, "__arrow_c_stream__") and not isinstance(source, pl.DataFrame):
        source = scan(source)  # a stream can be read only once, and covariates are looked for in the log after the end
    read = customers_of(source, settings, fitting.known(settings.model))
    return fit_customers(read, source, settings, progress=progress)


def fit_customers(
    read: Customers, source: Source, settings: LifetimeConfig, *, progress: Progress | None = None
) -> CLTVModel:
    """Fit to customers that were read; in `source` it is looked for covariates that copy what customers did later."""
    customers, has_money = read.frame, knows_money(read.frame)
    _check_repeats(customers, settings)
    chosen = _settings(settings)
    spend_only = {p.name for p in gamma_gamma.PARAMETERS} if has_money else set()
    own = {name: prior for name, prior in chosen.priors.items() if name not in spend_only}
    purchases = replace(chosen, priors=own)
    fitted = fitting.fit(customers, model=settings.model, settings=purchases, progress=progress)
    money = fitting.fit_spend(customers, settings=chosen, progress=progress) if has_money else None
    forecaster = Forecaster(
        fitting.known(settings.model), fitted.posterior, money.posterior if money else None, UNIT_DAYS[settings.unit]
    )
    priors = {**fitted.priors, **(money.priors if money else {})}
    unknown = _vague(forecaster, fitted, money)
    facts = {
        **read.told,
        "model": settings.model,
        "unit": settings.unit,
        "resolution": settings.resolution,
        "rows": fitted.rows,
        "unique_rows": fitted.unique_rows,
        "parameters": _parameters(forecaster, fitted.posterior) | (money.posterior.summary() if money else {}),
        "priors": {name: prior.to_dict() for name, prior in priors.items()},
        **fitted.sampled.to_dict(),
        "k_hat": fitted.sampled.to_dict()["diagnostics"].get("k_hat"),
        "spend": money.sampled.to_dict() if money else None,
        "unidentified": [asdict(one) for one in unknown],
        "warnings": [
            *read.warnings,
            *asked(leaks_of_fit(customers, source, settings), "covariates"),
            *sentences(unknown),
            *_remarks(customers, has_money=has_money, given=settings.summary),
            *fitted.sampled.warnings,
            *(f"Spend: {warning}" for warning in (money.sampled.warnings if money else ())),
        ],
    }
    kept = settings.model_dump(mode="json", include=set(LifetimeConfig.model_fields))
    return CLTVModel(forecaster, customers, read.customer, facts, config=kept, refused_rows=read.refused)


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


def _parameters(forecaster: Forecaster, posterior: Posterior) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation of the free parameters, and of those of the formulas."""
    single = {name: draws for name, draws in posterior.draws.items() if draws.ndim == 1}
    derived = forecaster.model.derived(single)
    found = {name: np.asarray(value) for name, value in {**single, **derived}.items()}
    return {name: {"mean": float(v.mean()), "sd": float(v.std(ddof=1))} for name, v in found.items()}
