"""The page of a fitted model of customer value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dashboards.kit.outputs import check_page
from dashboards.reports import cltv_page
from dashboards.reports.cltv_page import FitPage, Heat
from dashboards.reports.cltv_parameters import LEVEL, parameters, priors_of
from dashboards.reports.cltv_tracking import day_of, tracked_of, write_page
from tabkit.cltv.config import ForecastConfig, LifetimeConfig
from tabkit.cltv.forecasting.surface import surface
from tabkit.cltv.inference.density import densities
from tabkit.cltv.inference.mixing import GOOD_R_HAT, doubts
from tabkit.cltv.inference.psis import TRUSTED
from tabkit.cltv.model import CLTVModel
from tabkit.config import settings_of
from tabkit.frames import Source
from tabkit.progress import Progress


def write_fit_page(
    model: CLTVModel,
    path: str | Path,
    *,
    source: Source | None = None,
    config: LifetimeConfig | Mapping[str, Any] | None = None,
    horizon_days: float = 365.0,
    title: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write the page of a fitted model: parameters, heat map, posterior against prior, and tracking of the log.

    Parameters
    ----------
    model
        What `lifetime_value.fit` returned, or a bundle of it that was loaded.
    path
        The HTML file; an earlier one of the same kind is replaced. It needs no network and holds no script.
    source, config
        The transactions of the fit and its settings: with them purchases are tracked, also after the fit's last day
        where the log goes on. Not with a summary, and not of models in whole periods.
    horizon_days
        Of the heat map.
    title
        The page's heading.
    overwrite
        Replace what stands there, whatever file it is.

    Raises
    ------
    ConfigError
        If the page may not go there (see `tabkit.destination`).
    ScoringError
        If the log is not that of the fit.
    ReportError
        If the page cannot be written.
    ImportError
        If the extra `dashboards` is not installed.
    """
    check_page(path, "cltv fit", overwrite=overwrite)
    report = fit_page(model, source=source, config=config, horizon_days=horizon_days, title=title, progress=progress)
    write_page(cltv_page.render(report), path)


def fit_page(
    model: CLTVModel,
    *,
    source: Source | None = None,
    config: LifetimeConfig | Mapping[str, Any] | None = None,
    horizon_days: float = 365.0,
    title: str | None = None,
    progress: Progress | None = None,
) -> FitPage:
    """Return the page's content; see `write_fit_page`."""
    own, found = model.forecaster, model.facts
    posteriors = [own.purchases, *([own.spending] if own.spending is not None else [])]
    priors = priors_of(found)
    tracked = None
    if source is not None and not own.model.discrete:
        tracked = tracked_of(
            model, source, settings_of(LifetimeConfig, config), border=day_of(found.get("end")), progress=progress
        )
    return FitPage(
        title=title or f"What {len(model.customers):,} customers are worth",
        verdict=_verdict(model),
        parameters=parameters(model),
        level=LEVEL,
        heat=_heat(model, horizon_days),
        densities=densities(posteriors, priors),
        tracked=tracked,
        facts=tuple(_facts(model)),
        notes=tuple(_notes(model, tracked=tracked is not None)),
    )


def _heat(model: CLTVModel, horizon_days: float) -> Heat | None:
    own = model.forecaster
    if "frequency" not in own.model.columns or not float(model.customers["T"].max() or 0) > 0:  # type: ignore[arg-type]
        return None
    found = surface(own, model.customers, horizon_days=horizon_days)
    return Heat(
        cells=found.cells,
        age=found.age,
        unit="periods" if own.model.discrete else f"{model.facts.get('unit', 'unit')}s",
        horizon=f"{horizon_days:,.6g} days",
        mean_spend=found.mean_spend,
        outside=found.outside,
    )


def _verdict(model: CLTVModel) -> str:
    facts, own = model.facts, model.forecaster
    spend = " and Gamma-Gamma" if own.spending is not None else ""
    bought = f"{facts['transactions']:,} purchases of " if facts.get("transactions") else ""
    span = f", {facts['start']} to {facts['end']}" if facts.get("start") and facts.get("end") else ""
    parts = [facts, *([facts["spend"]] if facts.get("spend") else [])]
    trust = "the draws can be trusted" if all(map(_trusted, parts)) else "mind the notes before you rely on it"
    if unknown := [one["name"] for one in facts.get("unidentified", ())]:
        trust += f", but the data hardly tell {', '.join(unknown)}: see the notes"
    span = span.replace("-", "\u2011")  # dates stay whole at the end of a line
    return f"{own.model.title}{spend}, fitted to {bought}{facts['rows']:,} customers{span}: {trust}."


def _trusted(found: Mapping[str, Any]) -> bool:
    values = found["diagnostics"]
    if found["inference"] == "laplace":
        return values["k_hat"] is None or values["k_hat"] <= TRUSTED
    if "divergent" in values:
        return not doubts(values)
    return not values["divergences"] and (values["r_hat"] or 1.0) <= GOOD_R_HAT  # of bundles that know no share


def _facts(model: CLTVModel) -> Iterator[tuple[str, str]]:
    facts, own = model.facts, model.forecaster
    yield "Model", f"{own.model.title} ({own.model.source})"
    if facts.get("transactions"):
        yield "Purchases", f"{facts['transactions']:,}"
    yield "Customers", f"{facts['rows']:,}, {facts['unique_rows']:,} of them distinct"
    if "frequency" in model.customers.columns:
        yield "Bought again", f"{int((model.customers['frequency'] > 0).sum()):,}"
    if facts.get("end"):
        yield "Observed", f"{facts['start']} to {facts['end']}"
    yield "Purchases drawn by", _drawn(facts)
    if facts.get("spend"):
        yield "Spend drawn by", _drawn(facts["spend"])
    for kind, one in model.tested(ForecastConfig()).items():
        yield f"Interval of total {kind}", one.short()
    refused = [f"{rows:,} {reason}" for reason, rows in facts.get("refused", {}).items()]
    if refused:
        yield "Rows left out", ", ".join(refused)


def _drawn(found: Mapping[str, Any]) -> str:
    values = found["diagnostics"]
    effective = f"{values['ess']:,.0f} effective draws" if values.get("ess") else "effective draws not known"
    if found["inference"] == "laplace":
        k_hat = "no tail" if values["k_hat"] is None else f"{values['k_hat']:.2f}"
        return f"Laplace, resampled; k-hat {k_hat} (up to {TRUSTED:g} is good), {effective}"
    r_hat = "not known" if values["r_hat"] is None else f"{values['r_hat']:.3f}"
    return f"NUTS; {values['divergences']:.0f} divergences, R-hat up to {r_hat}, {effective}"


def _notes(model: CLTVModel, *, tracked: bool) -> Iterator[str]:
    own = model.forecaster
    yield from model.facts.get("warnings", ())
    if "frequency" not in own.model.columns:
        yield f"{own.model.title} knows no frequency, so there is no heat map."
    elif own.purchases.design.group is not None:
        yield f"The heat map is of a {own.purchases.design.group} that may come, not of one that was seen."
    if own.model.name == "bgnbd":
        yield "Under BG/NBD customers leave only after a repeat purchase: who never bought again counts as alive."
    if own.purchases.design.covariates:
        yield f"The heat map is at the mean of {', '.join(own.purchases.design.covariates)}."
    if tracked:
        yield (
            "Tracking after the end of the calibration follows the customers known by then; those who came later are "
            "in neither line."
        )
    yield (
        "Bands and intervals know of chance and of what the parameters leave open, not of how the world may change: a "
        "backtest says how much that is."
    )
