"""What customers are worth: from a log of transactions to forecasts with honest intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tabkit import bundle
from tabkit.cltv.coherence import check_customers, check_told, parameters_of, widening_of
from tabkit.cltv.columns import MONEY
from tabkit.cltv.columns import has_money as knows_money
from tabkit.cltv.config import ForecastConfig, LifetimeConfig
from tabkit.cltv.covariates import columns_of, leaks_of_fit
from tabkit.cltv.forecasting import forecast as forecasting
from tabkit.cltv.forecasting.forecast import Forecaster, Horizon
from tabkit.cltv.forecasting.predictive import KINDS
from tabkit.cltv.forecasting.totals import Totals
from tabkit.cltv.forecasting.widening import Widening
from tabkit.cltv.guard import guard
from tabkit.cltv.inference import fit as fitting
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.fit import FittedLikelihood
from tabkit.cltv.inference.identified import Vague, sentences, vague
from tabkit.cltv.inference.posterior import MOST_DRAWS, Posterior
from tabkit.cltv.interval_record import IntervalRecord, interval_record
from tabkit.cltv.models import gamma_gamma as spend
from tabkit.cltv.models.priors import Prior
from tabkit.cltv.summary import UNIT_DAYS, summarise
from tabkit.config import settings_of
from tabkit.errors import ConfigError, FitError
from tabkit.frames import Source, collect, describe, scan
from tabkit.leaks.asked import asked
from tabkit.progress import Progress
from tabkit.untrusted.manifest import NamedTable, building

KIND = "cltv"
CUSTOMER = "customer"
_FEW_REPEATS = 100
_CORRELATED = 0.2
MEDIAN = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class CLTVModel:
    """What each customer will bring: a fitted model with the customers it knows.

    Parameters
    ----------
    forecaster
        The model and its posterior draws.
    customers
        The summary: one row per customer.
    customer
        Its customer column.
    facts
        What there is to say of the fit, as plain data.
    widening
        By kind (``purchases``, ``value``) how far forecasts are widened; see `widened`.
    """

    forecaster: Forecaster
    customers: pl.DataFrame
    customer: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    widening: Mapping[str, Widening] = field(default_factory=dict)

    def widened(
        self, learned: Mapping[str, Widening], *, horizon_days: float, tested: Mapping[str, Any] | None = None
    ) -> CLTVModel:
        """Return the model with what a backtest learned (`Backtest.learned`) of how wide its intervals have to be.

        Parameters
        ----------
        horizon_days
            Of the backtest: forecasts over other spans are widened too, and say so.
        tested
            How often intervals of totals held in it (`Backtest.held`); forecasts then say so.
        """
        facts = {**self.facts, "widened": {"horizon_days": horizon_days, "kinds": sorted(learned)}}
        if tested is not None:
            facts["backtest"] = dict(tested)
        return replace(self, widening=dict(learned), facts=facts)

    def forecast(
        self, *, config: ForecastConfig | Mapping[str, Any] | None = None, progress: Progress | None = None
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the forecast of each customer, and of their sums; see `tabkit.cltv.forecasting.forecast.forecast`.

        Beside each interval of sums stands whether it was widened, and how often such intervals held in the bundle's
        backtest: ``purchases_interval``, ``value_interval``.

        Examples
        --------
        >>> everyone, totals = model.forecast(config={"horizon_days": 90})  # doctest: +SKIP
        """
        settings = settings_of(ForecastConfig, config)
        totals = Totals()
        blocks = list(
            forecasting.forecast(
                self.forecaster, self.customers, horizon=horizon_of(settings), customer=self.customer, by=settings.by,
                totals=totals, stretch=self.stretch(settings), progress=progress,
            )
        )  # fmt: skip
        return pl.concat(blocks), self.sums(totals, settings)

    def sums(self, totals: Totals, settings: ForecastConfig) -> pl.DataFrame:
        """Return sums with their quantiles, the median among them, and what is known of their intervals."""
        frame = totals.frame(horizon_of(settings).quantiles, stretch=self.stretch(settings))
        told = {kind: one.short() for kind, one in self.tested(settings).items()}
        return frame.with_columns(
            pl.lit(words).alias(f"{kind}_interval") for kind, words in told.items() if f"{kind}_mean" in frame.columns
        )

    def tested(self, settings: ForecastConfig) -> dict[str, IntervalRecord]:
        """Return, by kind, whether the intervals of a forecast's sums are widened, and how often such held."""
        stretch = self.stretch(settings)
        return {kind: interval_record(self.facts, kind=kind, widened=kind in stretch) for kind in self.kinds}

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is forecast: purchases, and with amounts value."""
        return KINDS if self.forecaster.spending is not None else KINDS[:1]

    def stretch(self, settings: ForecastConfig) -> Mapping[str, Widening]:
        """Return the widening that a forecast is asked to use; empty for none."""
        return self.widening if settings.widen else {}

    def save(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write a bundle and return its checksum; it forecasts without PyMC."""
        own = self.forecaster
        content = {
            "roles": {"id": self.customer},
            "model": own.model.name,
            "unit_days": own.unit_days,
            "parameters": [p.name for p in own.purchases.parameters],
            "design": own.purchases.design.to_dict(),
            "spend_design": None if own.spending is None else own.spending.design.to_dict(),
            "widening": {kind: found.to_dict() for kind, found in self.widening.items()},
            "facts": dict(self.facts),
        }
        parts = {
            "customers.parquet": bundle.frame_bytes(self.customers),
            "purchases.parquet": bundle.frame_bytes(own.purchases.to_frame()),
        }
        if own.spending is not None:
            parts["spend.parquet"] = bundle.frame_bytes(own.spending.to_frame())
        return bundle.write(path, kind=KIND, content=content, parts=parts, overwrite=overwrite)


def load(path: str | Path) -> CLTVModel:
    """Read a saved model, in the process that uses it: a fork of one that has loaded raises at once.

    Raises
    ------
    BundleError
        If it is damaged, of another kind or from a newer version.
    ForkError
        If this process was forked from one that had computed; see `tabkit.forked`.
    """
    return from_bundle(bundle.read(path, kinds=[KIND]))


def from_bundle(found: bundle.Bundle) -> CLTVModel:
    """Rebuild a model from a bundle that was read; `BundleError` if it is not as expected."""
    given = NamedTable(found.manifest, "the manifest")
    with building():
        model = fitting.known(given.text("model"))
        purchases = Posterior.from_frame(
            found.frame("purchases.parquet", most_rows=MOST_DRAWS),
            parameters=parameters_of(model, given.texts("parameters")),
            design=Design.from_dict(given.mapping("design")),
            effects=model.covariates or (),
        )
        spending = None
        if "spend_design" in given:
            frame = found.frame("spend.parquet", most_rows=MOST_DRAWS)
            own = Design.from_dict(given.mapping("spend_design"))
            spending = Posterior.from_frame(frame, parameters=spend.PARAMETERS, design=own, effects=spend.COVARIATES)
        unit_days = given.number("unit_days", low=min(UNIT_DAYS.values()), high=max(UNIT_DAYS.values()))
        forecaster = Forecaster(model, purchases, spending, unit_days)
        widening = widening_of(given, forecaster)
        customers, customer = found.frame("customers.parquet"), given.table("roles").text("id")
        check_customers(customers, customer, forecaster)
        facts = given.mapping("facts")
        check_told(facts)
        return CLTVModel(forecaster, customers, customer, facts, widening)


LifetimeModel = CLTVModel
"""The name of `CLTVModel` until the release that follows; say `CLTVModel`."""


def fit(
    source: Source, *, config: LifetimeConfig | Mapping[str, Any] | None = None, progress: Progress | None = None
) -> CLTVModel:
    """Fit purchases, and with amounts spend, to a log of transactions or a summary of it.

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
    spend_only = {p.name for p in spend.PARAMETERS} if has_money else set()
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
    return CLTVModel(forecaster, customers, customer, facts)


def horizon_of(settings: ForecastConfig) -> Horizon:
    """Return the horizon that settings describe; the median stands beside the mean, whatever quantiles are asked."""
    return Horizon(
        days=settings.horizon_days,
        draws=settings.draws,
        annual_discount=settings.annual_discount,
        quantiles=tuple(sorted({*settings.quantiles, MEDIAN})),
        seed=settings.seed,
    )


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
        if repeats < _FEW_REPEATS:
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
