"""Repeat purchases over time: observed in the log, and expected by the model."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.forecasting.forecast import Forecaster, arrays
from tabkit.cltv.forecasting.quantiles import named
from tabkit.cltv.models.buying import Buyers
from tabkit.cltv.transactions import Log, PurchaseRule, check_day, count, open_log
from tabkit.errors import ConfigError, SchemaError, ScoringError
from tabkit.frames import Source, collect
from tabkit.progress import Progress, Silent

Floats = NDArray[np.float64]
Days = NDArray[np.int64]

QUANTILES = (0.03, 0.25, 0.75, 0.97)  # the ends of 94 % and 50 % intervals
CALIBRATION, FORECAST = "calibration", "forecast"
_CELLS = 1_000_000  # draws in memory at a time: 8 megabytes
_FIRST = "first"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of tracking.

    Parameters
    ----------
    border
        The last day of the calibration, which the model was fitted to.
    end
        The last day shown. Default: the last one in the log, or the border if that is later.
    step_days
        Length of a period. Periods are laid so that one ends at the border; the first and the last may be shorter.
    draws
        Of the posterior, each with one simulated history.
    seed
        Decides them.
    """

    border: datetime.date
    end: datetime.date | None = None
    step_days: int = 7
    draws: int = 400
    seed: int = 0

    def __post_init__(self) -> None:
        check_day("border", self.border)
        if self.end is not None:
            check_day("end", self.end)
            if self.end < self.border:
                raise ConfigError(f"the end, {self.end}, lies before the border, {self.border}")
        for name in ("step_days", "draws"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; a whole number from 1 was expected")


@dataclass(frozen=True, slots=True, eq=False)
class Tracking:
    """Repeat purchases of the known customers, observed and modelled.

    Parameters
    ----------
    cumulative, per_period
        One row per period: `phase` (``calibration`` or ``forecast``), `day` (Date, the last one of the period),
        `days` (Int64, its length), `observed`, `mean`, `q03`, `q25`, `q75`, `q97` (Float64, purchases). Of the
        cumulative ones each phase begins with a row of no length: none at the day before the log's first, and what
        was observed until the border.
    border
        The last day of the calibration.
    customers
        How many there are.
    step_days
        Length of a whole period.
    """

    cumulative: pl.DataFrame
    per_period: pl.DataFrame
    border: datetime.date
    customers: int
    step_days: int


def track(
    forecaster: Forecaster,
    customers: pl.DataFrame,
    source: Source,
    *,
    rule: PurchaseRule,
    calendar: Calendar,
    progress: Progress | None = None,
) -> Tracking:
    """Simulate the repeat purchases of a log's customers over the calendar, and count those observed.

    **Until the border** each customer enters on the day of the first purchase, as a newcomer about whom nothing is
    known but covariates and group, and the model runs from the parameters of a posterior draw alone: what the picture
    shows is whether the model could have made such a history. It says nothing of single customers. **After the
    border** customers are simulated as forecasts do it, given their frequency, recency and age, and their sum is added
    to what was observed until then; so the band has no width at the border. Those who came later are left out of
    both. All customers of a draw share its parameters: the band is predictive, of posterior and process.

    Customers are simulated block by block, and only sums by draw and period are kept; the log is held in memory.

    Parameters
    ----------
    customers
        The summary that the model was fitted to, with the customer column that `rule` names.
    source
        Transactions: anything that `tabkit.frames.scan` takes.
    rule
        Which columns make a transaction, and which transactions make a purchase: as at the fit.
    calendar
        Border, end, length of a period, draws.

    Raises
    ------
    ConfigError
        If the model runs in whole periods, which a log does not show.
    SchemaError
        If the log or the summary lack columns, or the log lacks customers.
    ScoringError
        If the log shows other repeat purchases than the summary: then it was not this log, or not this rule.

    References
    ----------
    Fader, Hardie and Lee (2005), Marketing Science 24(2), figures 2 and 3 (there expectations, without bands).
    """
    _check(forecaster, customers, rule)
    log = _held(open_log(source, rule))
    acquired = _acquired(customers, log, rule, calendar)
    edges = _edges(acquired, log, calendar)
    border = calendar.border.toordinal()
    inside = int(np.searchsorted(edges, border))
    observed = _observed(log, acquired, edges, rule)
    sums = np.zeros((calendar.draws, len(edges) - 1))
    shown = progress or Silent()
    with shown.task("simulating histories", total=2 * acquired.height) as advance:
        for k, block in _blocks(acquired, calendar.draws):
            rng = np.random.default_rng([calendar.seed, k])
            _add_past(sums, forecaster, block, edges, border, rng)
            advance(block.height)
            _add_future(sums, forecaster, block, edges, border, rng)
            advance(block.height)
    parts = [_phase(sums[:, :inside], observed[:inside], edges[: inside + 1], 0.0, CALIBRATION)]
    if inside < len(edges) - 1:
        start = float(observed[:inside].sum())
        parts.append(_phase(sums[:, inside:], observed[inside:], edges[inside:], start, FORECAST))
    together, single = (pl.concat([part[i] for part in parts]) for i in range(2))
    return Tracking(together, single, calendar.border, acquired.height, calendar.step_days)


def _check(forecaster: Forecaster, customers: pl.DataFrame, rule: PurchaseRule) -> None:
    model = forecaster.model
    if model.discrete:
        raise ConfigError(
            f"{model.title} runs in whole periods, which a log of transactions does not show",
            advice="track bgnbd, mbgnbd or paretonbd",
        )
    missing = [n for n in (rule.customer, *model.columns, *forecaster.purchases.design.columns) if n not in customers]
    if missing:
        raise SchemaError(
            f"the summary lacks columns: {', '.join(map(repr, missing))}",
            advice=f"its columns are {', '.join(map(repr, customers.columns))}",
        )


def _held(log: Log) -> Log:
    """Return the log with its rows in memory, for it is looked at by period."""
    return replace(log, rows=collect(log.rows, what=log.name).lazy(), rule=replace(log.rule, keep=()))


def _acquired(customers: pl.DataFrame, log: Log, rule: PurchaseRule, calendar: Calendar) -> pl.DataFrame:
    """Return the customers with the day of their first purchase, as its ordinal, the earliest first."""
    found = count(log, end=calendar.border).frame.select("id", "first", "count")
    if found["id"].dtype != customers[rule.customer].dtype:
        raise SchemaError(
            f"customers are {customers[rule.customer].dtype} in the summary and {found['id'].dtype} in the log",
            advice="give the log that the model was fitted to",
        )
    acquired = customers.join(
        found.rename({"first": "_first", "count": "_count"}), left_on=rule.customer, right_on="id", how="left"
    )
    absent = acquired["_first"].null_count()
    if absent:
        raise SchemaError(
            f"{absent:,} of {acquired.height:,} customers bought nothing in {log.name} until {calendar.border}",
            advice="give the log that the model was fitted to, and the last day that it knew",
        )
    said, seen = int(customers["frequency"].sum()), int((acquired["_count"] - 1).sum())
    if said != seen:
        raise ScoringError(
            f"until {calendar.border} {log.name} shows {seen:,} repeat purchases; the summary has {said:,}",
            advice="give the log of the fit, its last day, and the same merge, refunds and zeros",
        )
    ordinal = (pl.col("_first") - pl.date(1, 1, 1)).dt.total_days() + 1
    return acquired.with_columns(ordinal.alias(_FIRST)).drop("_first", "_count").sort(_FIRST, maintain_order=True)


def _edges(known: pl.DataFrame, log: Log, calendar: Calendar) -> Days:
    """Return ordinals of days between which periods lie: (edge, next edge], one of them the border."""
    last = calendar.end
    if last is None:
        found = log.rows.select(pl.col("day").max()).collect().item()
        last = max(found, calendar.border) if found is not None else calendar.border
    start, border, step = int(known[_FIRST][0]) - 1, calendar.border.toordinal(), calendar.step_days
    before = np.arange(border, start, -step)[::-1]
    after = np.arange(border + step, last.toordinal(), step)
    end = [last.toordinal()] if last > calendar.border else []
    return np.concatenate([[start], before, after, end]).astype(np.int64)


def _observed(log: Log, known: pl.DataFrame, edges: Days, rule: PurchaseRule) -> Floats:
    """Return the repeat purchases of the known customers in each period, counted as the summary counts them."""
    ordinal = (pl.col("day") - pl.date(1, 1, 1)).dt.total_days() + 1
    period = pl.Series(edges[1:-1]).search_sorted  # a day that is an edge belongs to the period before it
    rows = log.rows.filter(ordinal.is_between(int(edges[0]) + 1, int(edges[-1]))).collect()
    place = period(rows.select(ordinal).to_series(), side="left") if len(edges) > 2 else pl.zeros(rows.height)
    found = np.zeros(len(edges) - 1)
    ours = known.select(pl.col(rule.customer).alias("id"))
    for (k,), part in rows.with_columns(_period=place).partition_by("_period", as_dict=True).items():
        bought = count(replace(log, rows=part.drop("_period").lazy())).frame
        found[int(k)] = bought.join(ours, on="id", how="semi")["count"].sum()
    acquired = np.histogram(known[_FIRST].to_numpy(), bins=edges + 0.5)[0]
    return np.asarray(found - acquired, dtype=float)


def _blocks(known: pl.DataFrame, draws: int) -> Iterator[tuple[int, pl.DataFrame]]:
    size = max(1, _CELLS // draws)
    for start in range(0, known.height, size):
        yield start // size, known[start : start + size]


def _add_past(
    sums: Floats, forecaster: Forecaster, block: pl.DataFrame, edges: Days, border: int, rng: np.random.Generator
) -> None:
    """Add histories of newcomers, from the day of the first purchase to the border."""
    first = block[_FIRST].to_numpy()
    ages = border - first
    if not ages.max() > 0:
        return
    fresh = block.with_columns(pl.lit(0.0).alias(name) for name in forecaster.model.columns)
    buyers = _drawn(forecaster, fresh, len(sums), rng)
    _add(sums, forecaster, buyers, edges, start=first, until=border, span=float(ages.max()), rng=rng)


def _add_future(
    sums: Floats, forecaster: Forecaster, block: pl.DataFrame, edges: Days, border: int, rng: np.random.Generator
) -> None:
    """Add what the known customers buy after the border."""
    if edges[-1] > border:
        buyers = _drawn(forecaster, block, len(sums), rng)
        start = np.full(block.height, border)
        _add(sums, forecaster, buyers, edges, start=start, until=edges[-1], span=float(edges[-1] - border), rng=rng)


def _drawn(forecaster: Forecaster, block: pl.DataFrame, draws: int, rng: np.random.Generator) -> Buyers:
    parameters = forecaster.purchases.thinned(draws)
    values: Mapping[str, Floats] = parameters.values(forecaster.model, block)
    return forecaster.model.draw(values, arrays(block, forecaster.model), rng)


def _add(
    sums: Floats,
    forecaster: Forecaster,
    buyers: Buyers,
    edges: Days,
    *,
    start: Days,
    until: int,
    span: float,
    rng: np.random.Generator,
) -> None:
    """Add simulated purchases to the sums by draw and period; `span` is in days.

    A purchase at a time in (k - 1, k] days from the start falls on day k, as the summary has it.
    """
    draws, periods = sums.shape
    for events in forecaster.model.events(buyers, span / forecaster.unit_days, rng):
        customer, draw = np.divmod(events.where, draws)
        day = start[customer] + events.time * forecaster.unit_days
        there = day <= until
        period = np.searchsorted(edges, day[there], side="left") - 1
        place = draw[there] * periods + np.clip(period, 0, periods - 1)
        sums += np.bincount(place, minlength=sums.size).reshape(sums.shape)


def _phase(draws: Floats, observed: Floats, edges: Days, start: float, phase: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the cumulative and the single purchases of one side of the border."""
    days = np.diff(edges)
    single = _table(phase, edges[1:], days, observed, draws)
    sums = start + np.concatenate([np.zeros((len(draws), 1)), np.cumsum(draws, axis=1)], axis=1)
    seen = start + np.concatenate([[0.0], np.cumsum(observed)])
    return _table(phase, edges, np.concatenate([[0], days]), seen, sums), single


def _table(phase: str, last: Days, days: Days, observed: Floats, draws: Floats) -> pl.DataFrame:
    levels = np.quantile(draws, QUANTILES, axis=0, method="inverted_cdf")
    return pl.DataFrame(
        {
            "phase": [phase] * len(last),
            "day": [datetime.date.fromordinal(int(day)) for day in last],
            "days": days,
            "observed": observed,
            "mean": draws.mean(axis=0),
            **{named(q): level for q, level in zip(QUANTILES, levels, strict=True)},
        }
    )
