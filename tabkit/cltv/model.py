"""The model of customer lifetime value: fitted to a transaction log, it forecasts, and is saved and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import polars as pl

from tabkit import bundle
from tabkit.cltv.coherence import check_customers, check_told, parameters_of, widening_of
from tabkit.cltv.config import ForecastConfig, LifetimeConfig
from tabkit.cltv.customers import customers_of
from tabkit.cltv.forecasting import forecast as forecasting
from tabkit.cltv.forecasting.forecast import Forecaster, Horizon
from tabkit.cltv.forecasting.predictive import KINDS
from tabkit.cltv.forecasting.totals import Totals
from tabkit.cltv.forecasting.widening import Widening
from tabkit.cltv.guard import faults_of
from tabkit.cltv.inference import fit as fitting
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.posterior import MOST_DRAWS, Posterior
from tabkit.cltv.interval_record import IntervalRecord, interval_record, told_once
from tabkit.cltv.models import gamma_gamma
from tabkit.cltv.roles import columns_named
from tabkit.cltv.summary import UNIT_DAYS
from tabkit.config import build, settings_of
from tabkit.errors import ConfigError
from tabkit.fitted_model import BundleParts, FittedModel, counted_warnings
from tabkit.frames import Source
from tabkit.progress import Progress
from tabkit.roles import RolesLike
from tabkit.untrusted.manifest import NamedTable, building

KIND = "cltv"
MEDIAN = 0.5  # always among the quantiles, since intervals are told around it


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CLTVModel(FittedModel):
    """A fitted model of customer lifetime value, with the customers it knows.

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
    config
        The settings of the fit, as plain data; empty in bundles from before they were saved.
    checksum
        Of the bundle it was loaded from; None before.
    refused_rows
        The rows that the fit left out, ``row`` and ``reason`` first; see `tabkit.refused`. None of a bundle.
    """

    kind = KIND

    forecaster: Forecaster
    customers: pl.DataFrame
    customer: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    widening: Mapping[str, Widening] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    checksum: str | None = None
    refused_rows: pl.DataFrame | None = None

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
        return self._forecast(self.customers, settings_of(ForecastConfig, config), progress)

    def score(
        self,
        source: Source | None = None,
        *,
        horizon_days: float | None = None,
        roles: RolesLike | None = None,
        config: ForecastConfig | Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> pl.LazyFrame:
        """Return what each customer will bring, as other models score: one row per customer.

        Parameters
        ----------
        source
            Transactions of any customers, known at the fit or not, or of a model of a summary a summary: each is
            forecast from the log's last day on. None: the customers of the fit, from its last day on.
        horizon_days
            How far the forecast reaches; see `tabkit.cltv.config.ForecastConfig`.
        roles
            The source's columns, where they are called otherwise than at the fit.
        config
            Further settings of the forecast.
        progress
            Is told how far the work is.

        Returns
        -------
        pl.LazyFrame
            The columns of `tabkit.cltv.forecasting.forecast.forecast`. It is simulated before it is returned.

        Raises
        ------
        TabkitError
            If the source cannot be used.

        Examples
        --------
        >>> model.score(horizon_days=90).collect()  # doctest: +SKIP
        """
        asked = settings_of(ForecastConfig, config)
        if horizon_days is not None:
            asked = settings_of(ForecastConfig, {**asked.model_dump(), "horizon_days": horizon_days})
        if source is None:
            return self._forecast(self.customers, asked, progress)[0].lazy()
        read = customers_of(source, self.settings(roles=roles), self.forecaster.model)
        return replace(self, customer=read.customer)._forecast(read.frame, asked, progress)[0].lazy()

    def settings(
        self, *, roles: RolesLike | None = None, config: LifetimeConfig | Mapping[str, Any] | None = None
    ) -> LifetimeConfig:
        """Return the settings of the fit for other rows: without its last day, and with columns called otherwise.

        Raises
        ------
        ConfigError
            If a setting or a role is not known, or what was paid is not named though the model forecasts it.
        """
        facts = {name: self.facts[name] for name in ("unit", "resolution") if self.facts.get(name)}
        design = self.forecaster.purchases.design
        known = {"customer": self.customer, "covariates": list(design.covariates), "group": design.group}
        stored = {"model": self.forecaster.model.name, **known, **facts, **self.config, "end": None}
        changed = config.model_dump(exclude_unset=True) if isinstance(config, LifetimeConfig) else config or {}
        found = build(LifetimeConfig, {**stored, **columns_named(roles), **changed})
        if self.forecaster.spending is not None and found.amount is None and not found.summary:
            raise ConfigError(
                "the model forecasts value, and no column says what was paid",
                advice="name it: roles={'amount': 'amount'}",
            )
        return found

    def _forecast(
        self, customers: pl.DataFrame, settings: ForecastConfig, progress: Progress | None
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        totals = Totals()
        blocks = list(
            forecasting.forecast(
                self.forecaster, customers, horizon=horizon_of(settings), customer=self.customer, by=settings.by,
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

    def warnings(self) -> list[str]:
        """Return the warnings of the fit, and those about customers that would be refused today."""
        faults = faults_of(self.customers, self.forecaster.model)
        old = [f"In the summary that was fitted {'; '.join(faults)}: repair it and fit again."] if faults else []
        return [*old, *self.facts.get("warnings", ())]

    def summary(self) -> dict[str, Any]:
        """Return the main numbers and the warnings as plain data.

        Returns
        -------
        dict
            ``model, title, customer, customers, unit_days``; of the log ``transactions, start, end, refused``;
            ``inference, draws, parameters``; ``forecasts``: what is forecast; ``widened``: how far its intervals were
            tested, null if never; ``warnings``, as sentences.
        """
        with building("what it tells of itself"):
            own, told = self.forecaster, self.facts
            return {
                "model": own.model.name,
                "title": own.model.title,
                "customer": self.customer,
                "customers": self.customers.height,
                "unit_days": own.unit_days,
                **{name: told.get(name) for name in ("transactions", "start", "end", "inference")},
                "refused": dict(told.get("refused") or {}),
                "draws": own.purchases.size,
                "parameters": dict(told.get("parameters") or {}),
                "forecasts": list(self.kinds),
                "widened": told.get("widened") if self.widening else None,
                "warnings": self.warnings(),
            }

    def lines(self) -> tuple[str, str, str]:
        """Return what the model is, what it was made from, and how far its intervals are known: a line each."""
        told = self.summary()
        tested = told_once({kind: one.short() for kind, one in self.tested(ForecastConfig()).items()})
        seen = f"{told['transactions']:,} purchases, {told['start']} to {told['end']}" if told["end"] else "a summary"
        forecasts = " and ".join(told["forecasts"])
        return (
            f"{forecasts} of {told['customers']:,} customers ({self.customer}) by {told['title']}",
            f"fitted to {seen}; {told['draws']:,} draws by {told['inference']}, times in {told['unit_days']:g} days",
            f"{'; '.join(tested)}{counted_warnings(len(told['warnings']))}",
        )

    def to_parts(self) -> BundleParts:
        """Return what the model is saved as; it forecasts without PyMC."""
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
            "config": dict(self.config),
        }
        parts = {
            "customers.parquet": bundle.frame_bytes(self.customers),
            "purchases.parquet": bundle.frame_bytes(own.purchases.to_frame()),
        }
        if own.spending is not None:
            parts["spend.parquet"] = bundle.frame_bytes(own.spending.to_frame())
        return BundleParts(content, parts)

    @classmethod
    def from_parts(cls, found: bundle.Bundle) -> Self:
        """Rebuild a model from a bundle that was read; see `from_bundle`."""
        manifest = NamedTable(found.manifest, "the manifest")
        model = fitting.known(manifest.text("model"))
        purchases = Posterior.from_frame(
            found.frame("purchases.parquet", most_rows=MOST_DRAWS),
            parameters=parameters_of(model, manifest.texts("parameters")),
            design=Design.from_dict(manifest.mapping("design")),
            effects=model.covariates or (),
        )
        spending = None
        if "spend_design" in manifest:
            frame = found.frame("spend.parquet", most_rows=MOST_DRAWS)
            own = Design.from_dict(manifest.mapping("spend_design"))
            spending = Posterior.from_frame(
                frame, parameters=gamma_gamma.PARAMETERS, design=own, effects=gamma_gamma.COVARIATES
            )
        unit_days = manifest.number("unit_days", low=min(UNIT_DAYS.values()), high=max(UNIT_DAYS.values()))
        forecaster = Forecaster(model, purchases, spending, unit_days)
        widening = widening_of(manifest, forecaster)
        customers, customer = found.frame("customers.parquet"), manifest.table("roles").text("id")
        check_customers(customers, customer, forecaster)
        facts = manifest.mapping("facts")
        check_told(facts)
        config = manifest.mapping("config") if "config" in manifest else {}
        return cls(forecaster, customers, customer, facts, widening, config, found.checksum)


def load(path: str | Path) -> CLTVModel:
    """Read a saved model, in the process that uses it: a fork of one that has loaded raises at once.

    Raises
    ------
    BundleError
        If it is damaged, of another kind or from a newer version.
    ForkError
        If this process was forked from one that had computed; see `tabkit.forked`.
    """
    return CLTVModel.load(path)


LifetimeModel = CLTVModel
"""The name of `CLTVModel` until the release that follows; say `CLTVModel`."""


def horizon_of(settings: ForecastConfig) -> Horizon:
    """Return the horizon that settings describe; the median stands beside the mean, whatever quantiles are asked."""
    return Horizon(
        days=settings.horizon_days,
        draws=settings.draws,
        annual_discount=settings.annual_discount,
        quantiles=tuple(sorted({*settings.quantiles, MEDIAN})),
        seed=settings.seed,
    )
