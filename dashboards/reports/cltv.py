"""Offline pages of customer value: a fitted model, a backtest of it, and campaigns."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dashboards.kit.outputs import check_page
from dashboards.reports import backtest_page as backtests
from dashboards.reports import campaigns_page, cltv_page
from dashboards.reports.backtest_page import BacktestPage, Pit
from dashboards.reports.campaigns_page import CampaignPage
from dashboards.reports.cltv_page import FitPage, Heat
from dashboards.reports.cltv_parts import Tracked
from dashboards.reports.propensity import ReportError
from tabkit.cltv.backtesting.backtest import Backtest, ResultScores
from tabkit.cltv.backtesting.baselines import BOOSTED, RATE, ZERO
from tabkit.cltv.config import ForecastConfig, LifetimeConfig
from tabkit.cltv.forecasting.predictive import KINDS, total_of
from tabkit.cltv.forecasting.surface import surface
from tabkit.cltv.forecasting.tracking import Calendar, track
from tabkit.cltv.inference.density import densities, sampled
from tabkit.cltv.inference.mixing import GOOD_R_HAT, doubts
from tabkit.cltv.inference.psis import TRUSTED
from tabkit.cltv.model import CLTVModel
from tabkit.cltv.models.priors import Prior
from tabkit.cltv.transactions import PurchaseRule
from tabkit.config import settings_of
from tabkit.errors import ConfigError
from tabkit.frames import Source
from tabkit.progress import Progress
from tabkit.staging import staged_file
from tabkit.untrusted.manifest import building

LEVEL = 0.94  # of intervals on the page, as in the room

_RATE, _SCALE = "shape of the customers' purchase rates: the smaller, the more they differ", "scale of these rates"
_LEAVING = {
    "phi": "mean chance to leave",
    "kappa": "how alike these chances are: the smaller, the more they differ",
    "a": "first parameter of the Beta distribution of the chance to leave",
    "b": "its second parameter",
}
_DROPOUT = {"r": _RATE, "alpha": _SCALE, **_LEAVING}
_MEANINGS: dict[str, dict[str, str]] = {
    "bgnbd": _DROPOUT,
    "mbgnbd": _DROPOUT,
    "paretonbd": {
        "r": _RATE,
        "alpha": _SCALE,
        "s": "shape of the rates of leaving: the smaller, the more customers differ",
        "beta": "scale of the rates of leaving",
    },
    "bgbb": {
        **_LEAVING,
        "phi_buy": "mean chance to buy at an opportunity",
        "kappa_buy": "how alike these chances are: the smaller, the more they differ",
        "alpha": "first parameter of the Beta distribution of the chance to buy",
        "beta": "its second parameter",
        "gamma": "first parameter of the Beta distribution of the chance to leave",
        "delta": "its second parameter",
    },
    "sbg": _LEAVING,
}
_SPEND = {
    "p": "shape of single purchases: the larger, the more alike those of one customer",
    "q": "shape of the customers' mean spend: the larger, the more alike the customers",
    "v": "scale of the mean spend",
}
_PERIODS = 130  # points of a curve that are still told apart
_HISTORIES, _CELLS = 400, 50_000_000  # simulated histories, and their cells: enough for bands, within 400 megabytes


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
    _write(cltv_page.render(report), path)


def write_backtest_page(
    backtest: Backtest,
    path: str | Path,
    *,
    source: Source | None = None,
    config: LifetimeConfig | Mapping[str, Any] | None = None,
    title: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write the page of a backtest: errors and intervals by origin, PIT and tracking of the last one, the verdict.

    Parameters are those of `write_fit_page`; `source` and `config` are those of the backtest, and without them there
    is no tracking.
    """
    check_page(path, "cltv backtest", overwrite=overwrite)
    _write(
        backtests.render(backtest_page(backtest, source=source, config=config, title=title, progress=progress)), path
    )


def write_campaign_page(
    decisions: pl.DataFrame,
    path: str | Path,
    *,
    title: str,
    verdict: str,
    fans: pl.DataFrame | None = None,
    value: str = "CLTV",
    level: float = LEVEL,
    facts: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    overwrite: bool = False,
) -> None:
    """Write the page of campaigns: what to do about each, and how their levels moved and may go on.

    Parameters
    ----------
    decisions, fans, value, level
        See `dashboards.reports.campaigns_page.CampaignPage` for the columns.
    path, overwrite
        As for `write_fit_page`.
    title, verdict, facts, notes
        The heading, one sentence, names with values, and sentences.

    Raises
    ------
    SchemaError
        If a frame lacks columns.
    ConfigError, ReportError, ImportError
        As `write_fit_page`.
    """
    check_page(path, "cltv campaigns", overwrite=overwrite)
    report = CampaignPage(
        title=title, verdict=verdict, decisions=decisions, fans=fans, value=value, level=level, facts=tuple(facts),
        notes=tuple(notes),
    )  # fmt: skip
    _write(campaigns_page.render(report), path)


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
    priors = _priors(found)
    tracked = None
    if source is not None and not own.model.discrete:
        tracked = _tracked(model, source, _settings(config), border=_day(found.get("end")), progress=progress)
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


def backtest_page(
    backtest: Backtest,
    *,
    source: Source | None = None,
    config: LifetimeConfig | Mapping[str, Any] | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> BacktestPage:
    """Return the page's content; see `write_backtest_page`."""
    origins, last = backtest.origins, backtest.origins[-1]
    kinds = [kind for kind in KINDS if all(kind in origin.judged for origin in origins)]
    pairs = [(kind, str(origin.day), origin.judged[kind]) for kind in kinds for origin in origins]
    tracked = None
    if source is not None:
        end = last.day + datetime.timedelta(last.held.days)
        tracked = _tracked(
            last.model, source, _settings(config), border=last.day, end=end, start=last.held.summary.start,
            progress=progress,
        )  # fmt: skip
    days = f"{backtest.plan.horizon_days:,} days"
    return BacktestPage(
        title=title or f"Forecasts of {days}, made again from {len(origins)} earlier days",
        verdict=backtest.verdict(),
        errors=pl.DataFrame([_errors(*pair) for pair in pairs], infer_schema_length=None),
        held=pl.DataFrame([row for pair in pairs for row in _held(*pair)], infer_schema_length=None),
        totals=pl.DataFrame([_totals(*pair) for pair in pairs], infer_schema_length=None),
        level=last.judged[kinds[0]].scores.coverage[-1].level,
        pits=tuple(_pit(kind, last.judged[kind]) for kind in kinds),
        tracked=tracked,
        last=str(last.day),
        facts=(
            ("Model", last.model.forecaster.model.title),
            ("Horizon", days),
            ("Between origins", f"{backtest.plan.step_days:,} days"),
            ("Customers at the last origin", f"{last.held.summary.customers.height:,}"),
            ("Came after it, left out", f"{last.held.newcomers:,}"),
        ),
        notes=backtest.notes,
    )


def parameters(model: CLTVModel) -> pl.DataFrame:
    """Return one row per parameter, those of the formulas too: ``parameter``, ``meaning``, ``mean``, ``low``, ``high``.

    The ends are the quantiles 0.03 and 0.97 of the draws; ``prior`` is in words, null where it follows from others.
    """
    rows = []
    for name, draws, prior in _single(model):
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        values = {"mean": float(draws.mean()), "low": float(low), "high": float(high)}
        words = None if prior is None else _words(prior.to_dict())
        rows.append(
            {"parameter": name, "meaning": _meaning(name, model.forecaster.model.name), **values, "prior": words}
        )
    types = {"parameter": pl.String, "meaning": pl.String, **dict.fromkeys(("mean", "low", "high"), pl.Float64)}
    return pl.DataFrame(rows, schema={**types, "prior": pl.String})


def _single(model: CLTVModel) -> Iterator[tuple[str, NDArray[np.float64], Prior | None]]:
    """Yield names, draws and priors: what was sampled, then what the model derives from it; then those of spend."""
    own, priors = model.forecaster, _priors(model.facts)
    for posterior in (own.purchases, own.spending):
        if posterior is None:
            continue
        drawn = list(sampled(posterior, priors))
        yield from drawn
        if posterior is own.purchases:
            free = {p.name: posterior.draws[p.name] for p in posterior.parameters}
            for name, draws in own.model.derived(free).items():
                if name not in free:
                    yield name, np.asarray(draws), None


def _priors(facts: Mapping[str, Any]) -> dict[str, Prior]:
    with building("what it tells of its priors"):
        return {name: Prior.from_dict(values) for name, values in facts["priors"].items()}


def _meaning(name: str, model: str) -> str | None:
    """Return what a parameter says, None for one without words.

    >>> _meaning("alpha_sigma", "bgnbd"), _meaning("rate: age", "bgnbd")
    ('how far groups differ in alpha', 'effect of age on rate, per standard deviation')
    """
    if name.endswith("_sigma"):
        return f"how far groups differ in {name.removesuffix('_sigma')}"
    effect, _, covariate = name.partition(": ")
    if covariate:
        return f"effect of {covariate} on {effect}, per standard deviation"
    return {**_MEANINGS.get(model, {}), **_SPEND}.get(name)


def _words(prior: Mapping[str, Any]) -> str:
    """Return a prior in words.

    >>> _words({"kind": "half_cauchy", "beta": 2.5}), _words({"kind": "uniform", "lower": 0.0, "upper": 1.0})
    ('half-Cauchy, beta 2.5', 'uniform, lower 0, upper 1')
    """
    name = str(prior["kind"]).replace("_", "-").replace("cauchy", "Cauchy")
    return ", ".join([name, *(f"{key} {value:.3g}" for key, value in prior.items() if key != "kind")])


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


def _tracked(
    model: CLTVModel,
    source: Source,
    settings: LifetimeConfig,
    *,
    border: datetime.date | None,
    end: datetime.date | None = None,
    start: datetime.date | None = None,
    progress: Progress | None,
) -> Tracked | None:
    if settings.summary or border is None:
        return None
    if settings.customer is None or settings.date is None:
        raise ConfigError(
            "tracking needs the columns of the log, and customer or date is not given",
            advice="give the settings of the fit: config={'customer': ..., 'date': ...}",
        )
    rule = PurchaseRule(
        settings.customer, settings.date, settings.amount, settings.merge, settings.refunds, zeros=settings.zeros
    )
    first = start or _day(model.facts.get("start")) or border
    calendar = Calendar(
        border=border,
        end=end,
        step_days=_step((max(end or border, border) - first).days),
        draws=int(np.clip(_CELLS // max(model.customers.height, 1), 100, _HISTORIES)),
        seed=settings.seed,
    )
    found = track(model.forecaster, model.customers, source, rule=rule, calendar=calendar, progress=progress)
    return Tracked(found.cumulative, found.per_period, found.border, found.step_days)


def _step(days: int) -> int:
    """Return a period that a span has enough and not too many of: days, weeks, four or thirteen weeks.

    >>> _step(20), _step(545), _step(2000), _step(8000)
    (1, 7, 28, 91)
    """
    return next((step for step in (1, 7, 28) if days < _PERIODS * step and (step > 1 or days < 50)), 91)


def _day(text: object) -> datetime.date | None:
    return None if text in (None, "None") else datetime.date.fromisoformat(str(text))


def _settings(config: LifetimeConfig | Mapping[str, Any] | None) -> LifetimeConfig:
    return settings_of(LifetimeConfig, config)


def _verdict(model: CLTVModel) -> str:
    found, own = model.facts, model.forecaster
    spend = " and Gamma-Gamma" if own.spending is not None else ""
    bought = f"{found['transactions']:,} purchases of " if found.get("transactions") else ""
    span = f", {found['start']} to {found['end']}" if found.get("start") and found.get("end") else ""
    parts = [found, *([found["spend"]] if found.get("spend") else [])]
    trust = "the draws can be trusted" if all(map(_trusted, parts)) else "mind the notes before you rely on it"
    if unknown := [one["name"] for one in found.get("unidentified", ())]:
        trust += f", but the data hardly tell {', '.join(unknown)}: see the notes"
    span = span.replace("-", "\u2011")  # dates stay whole at the end of a line
    return f"{own.model.title}{spend}, fitted to {bought}{found['rows']:,} customers{span}: {trust}."


def _trusted(found: Mapping[str, Any]) -> bool:
    values = found["diagnostics"]
    if found["inference"] == "laplace":
        return values["k_hat"] is None or values["k_hat"] <= TRUSTED
    if "divergent" in values:
        return not doubts(values)
    return not values["divergences"] and (values["r_hat"] or 1.0) <= GOOD_R_HAT  # of bundles that know no share


def _facts(model: CLTVModel) -> Iterator[tuple[str, str]]:
    found, own = model.facts, model.forecaster
    yield "Model", f"{own.model.title} ({own.model.source})"
    if found.get("transactions"):
        yield "Purchases", f"{found['transactions']:,}"
    yield "Customers", f"{found['rows']:,}, {found['unique_rows']:,} of them distinct"
    if "frequency" in model.customers.columns:
        yield "Bought again", f"{int((model.customers['frequency'] > 0).sum()):,}"
    if found.get("end"):
        yield "Observed", f"{found['start']} to {found['end']}"
    yield "Purchases drawn by", _drawn(found)
    if found.get("spend"):
        yield "Spend drawn by", _drawn(found["spend"])
    for kind, one in model.tested(ForecastConfig()).items():
        yield f"Interval of total {kind}", one.short()
    refused = [f"{rows:,} {reason}" for reason, rows in found.get("refused", {}).items()]
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


def _errors(kind: str, origin: str, judged: ResultScores) -> dict[str, Any]:
    points = {"zero": ZERO, "rate": RATE, "lightgbm": BOOSTED}
    simple = {name: judged.baselines.get(key) for name, key in points.items()}
    own = {"mean": judged.scores.mae_mean, "median": judged.scores.mae_median}
    errors = {name: None if point is None else point.mae for name, point in simple.items()}
    return {"kind": kind, "origin": origin, "customers": judged.scores.customers, **own, **errors}


def _held(kind: str, origin: str, judged: ResultScores) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "origin": origin, "level": found.level, "share": found.share, "expected": found.expected}
        for found in judged.scores.coverage
    ]


def _totals(kind: str, origin: str, judged: ResultScores) -> dict[str, Any]:
    ends: dict[str, float | None] = {"wide_low": None, "wide_high": None}
    for before, scores in (("", judged.scores), ("wide_", judged.widened)):
        if scores is not None:
            found = total_of(scores.total, scores.actual, counts=scores.counts)["intervals"][-1]
            ends |= {f"{before}low": found["low"], f"{before}high": found["high"]}
    return {"kind": kind, "origin": origin, "actual": judged.scores.actual, **ends}


def _pit(kind: str, judged: ResultScores) -> Pit:
    wide = judged.widened
    return Pit(kind, tuple(judged.scores.pit_counts()), () if wide is None else tuple(wide.pit_counts()))


def _write(text: str, path: str | Path) -> None:
    with staged_file(path, kind=ReportError) as hidden:
        hidden.write_text(text, encoding="utf-8")
