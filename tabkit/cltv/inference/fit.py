"""Fitting a model of purchases, and of spend, to the summary of customers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from tabkit import forked
from tabkit.cltv.guard import guard, guard_spend
from tabkit.cltv.inference import building
from tabkit.cltv.inference.counting import COUNT, DistinctCustomers, count
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.laplace import laplace
from tabkit.cltv.inference.nuts import nuts
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.inference.psis import TRUSTED
from tabkit.cltv.inference.sampling import Inference, Sampled
from tabkit.cltv.models import MODELS, gamma_gamma
from tabkit.cltv.models.model import LEVELS, Model, Parameter
from tabkit.cltv.models.ops import NUMPY, Ops
from tabkit.cltv.models.priors import Prior
from tabkit.errors import ConfigError, FitError
from tabkit.progress import Progress

Floats = NDArray[np.float64]
Loglik = Callable[[Ops, Mapping[str, Any], Mapping[str, Any]], Any]
SPEND = "gammagamma"
# terms are shared where that halves them; above so many rows, compiling the density without its gradient pays
_SHARED, _MANY_ROWS = 2, 5_000
_EXTRA = {
    building.GROUP_SCALE: Prior.of("half_cauchy", beta=0.5),
    building.COVARIATE: Prior.of("normal", mu=0.0, sigma=1.0),
}


@dataclass(frozen=True, slots=True)
class InferenceSettings:
    """How a model is fitted.

    Parameters
    ----------
    inference
        ``laplace``, which falls back to ``nuts`` where it cannot be trusted, or ``nuts``.
    draws, tune, chains
        Of the posterior.
    seed
        Decides them.
    priors
        By parameter, in the unit of the summary, in place of the defaults; see `defaults`.
    covariates, group
        Columns of the summary.
    """

    inference: Inference = "laplace"
    draws: int = 2000
    tune: int = 1000
    chains: int = 4
    seed: int = 0
    priors: Mapping[str, Prior] = field(default_factory=dict)
    covariates: Sequence[str] = ()
    group: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FittedLikelihood:
    """A fitted likelihood.

    Parameters
    ----------
    name
        The model's.
    posterior
        Its draws.
    priors
        As they were used.
    sampled
        How the draws were made, and how far to trust them.
    rows, unique_rows
        Customers, and how many of them are distinct.
    """

    name: str
    posterior: Posterior
    priors: Mapping[str, Prior]
    sampled: Sampled
    rows: int
    unique_rows: int


def fit(
    customers: pl.DataFrame, *, model: str, settings: InferenceSettings | None = None, progress: Progress | None = None
) -> FittedLikelihood:
    """Fit a model of purchases to a summary.

    Parameters
    ----------
    customers
        One row per customer with the model's columns (see `MODELS`), covariates and group.
    model
        ``bgnbd``, ``mbgnbd``, ``paretonbd``, ``bgbb`` or ``sbg``.

    Raises
    ------
    ConfigError
        If there is no such model, a prior is of no parameter, or the model takes no covariates.
    SchemaError, FitError
        If the summary says nothing of the parameters, or does not suit the model; see `tabkit.cltv.guard.guard`.
    ImportError
        If PyMC is not installed.
    """
    forked.check()
    settings, chosen = settings or InferenceSettings(), known(model)
    if settings.covariates and not chosen.covariates:
        raise ConfigError(f"{chosen.title} takes no covariates", advice="use bgnbd or paretonbd, or leave them out")
    design = Design.of(customers, covariates=settings.covariates, group=settings.group)
    customers = guard(customers, chosen).customers
    counted = count(customers, [*chosen.columns, *design.columns])
    parameters = with_priors(chosen, settings.priors)
    _check_priors(settings.priors, parameters)
    priors = {**defaults(parameters, time=_mean_age(customers)), **_EXTRA, **settings.priors}
    likelihood = _likelihood(parameters, counted, design, chosen)
    sampled = sample(likelihood, priors, settings, progress=progress)
    posterior = Posterior(sampled.draws, parameters, design)
    return FittedLikelihood(chosen.name, posterior, priors, sampled, customers.height, counted.frame.height)


def known(name: str) -> Model:
    """Return a model by its name."""
    if name not in MODELS:
        raise ConfigError(f"there is no model {name!r}", advice=f"use one of {', '.join(MODELS)}")
    return MODELS[name]


def with_priors(model: Model, priors: Mapping[str, Prior]) -> tuple[Parameter, ...]:
    """Return the free parameters: those of the model, or those in their place that priors are given for."""
    parameters = list(model.parameters)
    for replaced, instead in model.other:
        if any(p.name in priors for p in instead):
            parameters = [p for p in parameters if p.name not in replaced] + list(instead)
    names = {*(p.name for p in parameters), *_EXTRA}
    unknown = [name for name in priors if name not in names]
    if unknown:
        others = sorted({p.name for _, instead in model.other for p in instead} | names)
        raise ConfigError(
            f"{model.title} has no parameters {', '.join(map(repr, unknown))}, or not beside the others",
            advice=f"priors can be given for {', '.join(others)}",
        )
    return tuple(parameters)


def _check_priors(priors: Mapping[str, Prior], parameters: Sequence[Parameter]) -> None:
    for parameter in parameters:
        if parameter.name in priors:
            priors[parameter.name].check_support(parameter.name, share=parameter.share)
    if building.GROUP_SCALE in priors:
        priors[building.GROUP_SCALE].check_support(building.GROUP_SCALE, share=False)


def defaults(parameters: Sequence[Parameter], *, time: float = 1.0, amount: float = 1.0) -> dict[str, Prior]:
    """Return the default priors in the unit of the data: those of times and amounts are scaled by their means."""
    scale = {"none": 1.0, "time": time, "amount": amount}
    return {p.name: p.prior.scaled(scale[p.dimension]) if p.dimension != "none" else p.prior for p in parameters}


def fit_spend(
    customers: pl.DataFrame, *, settings: InferenceSettings | None = None, progress: Progress | None = None
) -> FittedLikelihood:
    """Fit the Gamma-Gamma model to the repeat buyers of a summary.

    Parameters
    ----------
    customers
        With ``frequency`` and ``monetary_value``; who has none, or a mean of zero, says nothing.

    Raises
    ------
    FitError
        If fewer than two customers bought again.
    """
    settings = settings or InferenceSettings()
    buyers = repeat_buyers(customers)
    design = Design.of(buyers, covariates=settings.covariates, group=settings.group)
    counted = count(buyers, ["frequency", "monetary_value", *design.columns])
    mean = float(buyers["monetary_value"].mean() or 1.0)  # type: ignore[arg-type]  # a number
    names = {p.name for p in gamma_gamma.PARAMETERS}
    given = {name: prior for name, prior in settings.priors.items() if name in names or name in _EXTRA}
    _check_priors(given, gamma_gamma.PARAMETERS)
    priors = {**defaults(gamma_gamma.PARAMETERS, amount=mean), **_EXTRA, **given}
    likelihood = _likelihood(gamma_gamma.PARAMETERS, counted, design, None)
    sampled = sample(likelihood, priors, settings, progress=progress)
    posterior = Posterior(sampled.draws, gamma_gamma.PARAMETERS, design)
    return FittedLikelihood(SPEND, posterior, priors, sampled, buyers.height, counted.frame.height)


def repeat_buyers(customers: pl.DataFrame) -> pl.DataFrame:
    """Return the customers that the Gamma-Gamma model learns from; who spent an unknown sum or nothing is not one."""
    buyers = guard_spend(customers).filter((pl.col("frequency") > 0) & (pl.col("monetary_value") > 0))
    if buyers.height < 2:
        raise FitError(
            f"{buyers.height} of {customers.height:,} customers bought again for money: "
            "Gamma-Gamma has nothing to learn from",
            advice="wait for repeat purchases, or forecast purchases without amounts",
        )
    return buyers


def sample(
    likelihood: building.Likelihood,
    priors: Mapping[str, Prior],
    settings: InferenceSettings,
    *,
    progress: Progress | None,
) -> Sampled:
    """Draw from the posterior as the settings say; where Laplace cannot be trusted, by NUTS."""
    model = building.build(likelihood, priors)
    options: dict[str, Any] = {"draws": settings.draws, "seed": settings.seed, "progress": progress}
    told: tuple[str, ...] = ()
    if settings.inference == "laplace":
        try:
            sampled = laplace(model, apart=len(likelihood.weight) > _MANY_ROWS, **options)
            if sampled.diagnostics["k_hat"] <= TRUSTED:
                return sampled
            told = (
                f"Laplace's approximation was not good enough (k-hat {sampled.diagnostics['k_hat']:.2f}): "
                "NUTS was used.",
            )
        except FitError as error:
            told = (f"Laplace's approximation failed ({error.problem}): NUTS was used.",)
    sampled = nuts(model, tune=settings.tune, chains=settings.chains, **options)
    return Sampled(sampled.draws, "nuts", sampled.diagnostics, (*told, *sampled.warnings))


def maximum_likelihood(customers: pl.DataFrame, *, model: str) -> dict[str, float]:
    """Return the parameters of the formulas that make the data most likely, and ``loglik``, without priors.

    The likelihood is the one that is sampled; ``gammagamma`` is known here too.

    Examples
    --------
    >>> rows = pl.DataFrame({"T": [1.0, 2.0, 3.0, 3.0] * 100, "churned": [1, 1, 1, 0] * 100})
    >>> sorted(maximum_likelihood(rows, model="sbg"))
    ['a', 'b', 'loglik']
    """
    if model == SPEND:
        counted = count(repeat_buyers(customers), ["frequency", "monetary_value"])
        names = [p.name for p in gamma_gamma.PARAMETERS]
        loglik: Loglik = gamma_gamma.loglik
        scale = {"v": float(counted.frame["monetary_value"].mean() or 1.0)}  # type: ignore[arg-type]  # a number
    else:
        chosen = known(model)
        customers = guard(customers, chosen).customers
        counted, loglik = count(customers, chosen.columns), chosen.loglik
        replaced = {name for gone, _ in chosen.other for name in gone}
        instead = [p for _, them in chosen.other for p in them]
        free = [*(p for p in chosen.parameters if p.name not in replaced), *instead]
        names = [p.name for p in free]
        scale = {p.name: _mean_age(customers) for p in free if p.dimension == "time"}
    data, weight = columns_of(counted), counted.weight

    def loss(x: Floats) -> float:
        values = {name: np.exp(value) * scale.get(name, 1.0) for name, value in zip(names, x, strict=True)}
        with np.errstate(all="ignore"):
            found = -float((weight * loglik(NUMPY, values, data)).sum())
        return found if np.isfinite(found) else 1e300

    start = scipy.optimize.minimize(
        loss,
        np.zeros(len(names)),
        method="Nelder-Mead",
        options={"maxiter": 4000, "maxfev": 4000, "xatol": 1e-6, "fatol": 1e-8},
    )
    found = scipy.optimize.minimize(
        loss, start.x, method="Nelder-Mead", options={"maxiter": 4000, "maxfev": 4000, "xatol": 1e-9, "fatol": 1e-10}
    )
    values = {name: float(np.exp(value)) * scale.get(name, 1.0) for name, value in zip(names, found.x, strict=True)}
    return {**values, "loglik": -float(found.fun)}


def columns_of(counted: DistinctCustomers) -> dict[str, Any]:
    """Return the counted columns as arrays, and how many whole periods at most have passed since a last purchase.

    Where rows share few distinct numbers, `LEVELS` says which and where; see `by_level`.
    """
    names = [name for name in counted.frame.columns if name != COUNT and counted.frame.schema[name].is_numeric()]
    data: dict[str, Any] = {name: counted.frame[name].cast(pl.Float64).to_numpy() for name in names}
    shared = {
        name: np.unique(data[name], return_inverse=True) for name in ("frequency", "recency", "T") if name in data
    }
    data[LEVELS] = {name: both for name, both in shared.items() if _SHARED * len(both[0]) < counted.frame.height}
    if "recency" in data:
        data["periods"] = int(max(1, np.ceil((data["T"] - data["recency"]).max())))
    return data


def _mean_age(customers: pl.DataFrame) -> float:
    return max(float(customers["T"].mean() or 0.0), 1e-6)  # type: ignore[arg-type]  # a number


def _likelihood(
    parameters: tuple[Parameter, ...], counted: DistinctCustomers, design: Design, model: Model | None
) -> building.Likelihood:
    return building.Likelihood(
        parameters=parameters,
        loglik=gamma_gamma.loglik if model is None else model.loglik,
        derived=dict if model is None else model.derived,
        data=columns_of(counted),
        weight=counted.weight,
        covariates=(gamma_gamma.COVARIATES if model is None else model.covariates) or {},
        z=design.standardised(counted.frame),
        place=design.places(counted.frame),
        groups=len(design.groups),
    )
