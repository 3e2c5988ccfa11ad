"""Backtest a model of customer value: forecast from earlier days, and compare with what happened."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from tabkit.cltv import holdout, training
from tabkit.cltv.backtesting.baselines import BOOSTED, RATE, ZERO, Point, simple_forecasts
from tabkit.cltv.backtesting.origins import BacktestPlan, plan_of
from tabkit.cltv.config import LifetimeConfig
from tabkit.cltv.covariates import columns_of
from tabkit.cltv.forecasting import widening
from tabkit.cltv.forecasting.forecast import Horizon
from tabkit.cltv.forecasting.predictive import KINDS, LEVELS, PredictiveScores, total_of
from tabkit.cltv.forecasting.widening import Scored, Widening
from tabkit.cltv.holdout import PeriodSplit
from tabkit.cltv.inference.mixing import doubts_of_fit
from tabkit.cltv.leaks import leaks_of
from tabkit.cltv.model import CLTVModel
from tabkit.cltv.roles import with_roles
from tabkit.cltv.summary import summarise
from tabkit.config import settings_of
from tabkit.errors import ConfigError, FitError
from tabkit.frames import Source, scan
from tabkit.leaks.asked import asked
from tabkit.progress import Progress, Silent
from tabkit.roles import RolesLike

Plain = dict[str, Any]

_TOLERANCE = 0.02  # coverage this close to its nominal level needs no remark


@dataclass(frozen=True, slots=True, eq=False)
class ResultScores:
    """The scores of forecasts of purchases, or of value, from one origin.

    Parameters
    ----------
    scores
        Of the model.
    baselines
        By name; None where there is none.
    widening, widened
        What was learned from earlier origins, and the scores with it: coverage, PIT and CRPS of customers, and the
        draws of the total. None at the first origin, or where it is switched off.
    """

    scores: PredictiveScores
    baselines: Mapping[str, Point | None]
    widening: Widening | None = None
    widened: PredictiveScores | None = None

    def to_dict(self) -> Plain:
        """Return plain data."""
        found = self.scores.to_dict() | {"baselines": {k: p and asdict(p) for k, p in self.baselines.items()}}
        if self.widening is None or self.widened is None:
            return found | {"widened": None}
        wide = self.widened.to_dict()
        intervals = wide["total"]["intervals"]
        kept = {name: wide[name] for name in ("crps", "coverage", "pit")}
        return found | {
            "widened": {**kept, "total": {"intervals": intervals}, **self.widening.report(self.scores.total)}
        }


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """A forecast made again from one earlier day.

    Parameters
    ----------
    day
        The last day it knows.
    held
        What was known then, and what came.
    model
        Fitted to it.
    judged
        By kind: ``purchases``, and with amounts ``value``.
    """

    day: datetime.date
    held: PeriodSplit
    model: CLTVModel
    judged: Mapping[str, ResultScores]

    def to_dict(self) -> Plain:
        """Return plain data."""
        facts = {name: self.model.facts.get(name) for name in ("parameters", "inference", "k_hat", "warnings")}
        return {
            "origin": str(self.day),
            "until": str(self.day + datetime.timedelta(self.held.days)),
            "calibration_days": (self.day - self.held.summary.start).days,
            "customers": self.held.summary.customers.height,
            "newcomers": self.held.newcomers,
            **{kind: self.judged[kind].to_dict() if kind in self.judged else None for kind in KINDS},
            "fit": facts,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """The result of a backtest.

    Parameters
    ----------
    plan
        The origins and their rule.
    origins
        In the order of time.
    learned
        By kind: the widening that all origins teach, for the next forecast; empty where it is switched off.
    model
        Its name.
    notes
        What a careful colleague would add.
    """

    plan: BacktestPlan
    origins: tuple[Origin, ...]
    learned: Mapping[str, Widening]
    model: str
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> Plain:
        """Return plain data."""
        plan = {"horizon_days": self.plan.horizon_days, "step_days": self.plan.step_days}
        return {
            "model": self.model,
            **plan,
            "overlap_days": self.plan.overlap_days,
            "origins": [origin.to_dict() for origin in self.origins],
            "held": self.held(),
            "learned": {k: found.report(self.origins[-1].judged[k].scores.total) for k, found in self.learned.items()},
            "notes": list(self.notes),
            "verdict": self.verdict(),
        }

    def held(self) -> Plain:
        """Return, by kind, how often the widest interval of the total held, as it was and widened: plain data.

        `CLTVModel.widened` keeps it with a model, so that forecasts say how far to believe their intervals.
        """
        kinds = {}
        for kind in (kind for kind in KINDS if all(kind in origin.judged for origin in self.origins)):
            judged = [origin.judged[kind] for origin in self.origins]
            wide = [one.widened for one in judged if one.widened is not None]
            kinds[kind] = {
                "held": _count_held([one.scores for one in judged]),
                "of": len(judged),
                "widened_held": _count_held(wide),
                "widened_of": len(wide),
            }
        plan = {"horizon_days": self.plan.horizon_days, "overlap_days": self.plan.overlap_days}
        return {**plan, "level": LEVELS[-1], "kinds": kinds}

    def verdict(self) -> str:
        """Say in a sentence whether the model beats simple forecasts, and whether its intervals hold."""
        kinds = [kind for kind in KINDS if all(kind in origin.judged for origin in self.origins)]
        said = "; ".join(_verdict(kind, [origin.judged[kind] for origin in self.origins]) for kind in kinds)
        count = len(self.origins)
        head = _doubtful(self.origins)
        return f"{head}From {count} origin{'s' * (count > 1)}, {self.plan.horizon_days} days ahead: {said}."


def backtest(
    source: Source,
    *,
    roles: RolesLike | None = None,
    config: LifetimeConfig | Mapping[str, Any] | None = None,
    horizon_days: int,
    origins: int = 4,
    widen: bool = True,
    draws: int = 1000,
    progress: Progress | None = None,
) -> Backtest:
    """Fit and forecast from earlier days with only the data of then, and score the forecasts.

    Nothing that any origin uses - fit, baselines, widening - was known only after it: LightGBM learns from the previous
    origin's customers and what they did until this one (scaled by days where that is less than the horizon), so the
    first origin has none; widening is learned from forecasts of all earlier origins until this one.

    Parameters
    ----------
    source
        Transactions: anything that `tabkit.frames.scan` takes.
    roles, config
        As for `tabkit.cltv.training.fit`; `config.end` is the last day of the last horizon, by default the last of the
        log.
    horizon_days
        Whole days; see `plan_of` for how origins are placed.
    origins
        How many.
    widen
        Learn from earlier origins how far intervals are to be widened, and score that too.
    draws
        Predictive draws of each customer.

    Raises
    ------
    TabkitError
        If the log cannot be used, is too short (the message says how many origins are possible), or says too little at
        some origin.
    ImportError
        If the extra `cltv` is not installed.

    Examples
    --------
    >>> found = backtest("log.parquet", config={"customer": "id", "date": "day"}, horizon_days=90)  # doctest: +SKIP
    """
    settings = with_roles(settings_of(LifetimeConfig, config), roles)
    _check(settings, draws)
    shown = progress or Silent()
    once = hasattr(source, "__arrow_c_stream__") and not isinstance(source, pl.DataFrame)
    job = _Job(scan(source) if once else source, settings, draws, shown)  # a stream can be read only once
    log = summarise(job.source, **job.columns(), keep=columns_of(settings), end=settings.end)
    plan = plan_of(log.start, log.end, horizon_days=horizon_days, origins=origins)
    done: list[Origin] = []
    with shown.task("origins", total=origins) as advance:
        for day in plan.days:
            done.append(job.judge(day, plan, done, widen=widen))
            advance(1)
    learned = _learned(done) if widen else {}
    leaks = asked(leaks_of(log.customers, columns_of(settings)), "covariates")
    return Backtest(plan, tuple(done), learned, settings.model, (*leaks, *_notes(plan, done)))


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """What stays the same from origin to origin."""

    source: Source
    settings: LifetimeConfig
    draws: int
    progress: Progress

    def columns(self) -> Plain:
        names = ("customer", "date", "amount", "unit", "resolution", "merge", "refunds", "zeros")
        return {name: getattr(self.settings, name) for name in names}

    def split(self, day: datetime.date, until: datetime.date) -> PeriodSplit:
        keep = columns_of(self.settings)
        return holdout.split(self.source, **self.columns(), keep=keep, calibration_end=day, end=until)

    def judge(self, day: datetime.date, plan: BacktestPlan, before: Sequence[Origin], *, widen: bool) -> Origin:
        held = self.split(day, day + datetime.timedelta(plan.horizon_days))
        model = self.fit(held, day)
        past = [self.until(origin, day, scored=widen) for origin in before]
        learned = _learned(past) if widen else {}
        found = self.scores(model, held, learned)
        judged = {}
        for kind, one in found.items():
            points = simple_forecasts(kind, held, past[-1].held if past else None, self.settings)
            judged[kind] = ResultScores(one.plain, points, learned.get(kind), one.widened)
        return Origin(day, held, model, judged)

    def until(self, origin: Origin, day: datetime.date, *, scored: bool) -> Origin:
        """Return an earlier origin as it was known at a day: where its horizon is not over, it ends there."""
        if origin.held.days <= (day - origin.day).days:
            return origin
        held = self.split(origin.day, day)
        if not scored:
            return replace(origin, held=held, judged={})
        found = self.scores(origin.model, held, {})
        return replace(origin, held=held, judged={kind: ResultScores(one.plain, {}) for kind, one in found.items()})

    def scores(self, model: CLTVModel, held: PeriodSplit, learned: Mapping[str, Widening]) -> dict[str, Scored]:
        horizon = Horizon(days=held.days, draws=self.draws, seed=self.settings.seed)
        return widening.score(
            model.forecaster, model.customers, held.outcome, horizon=horizon, learned=learned, progress=self.progress
        )

    def fit(self, held: PeriodSplit, day: datetime.date) -> CLTVModel:
        settings = self.settings.model_copy(update={"summary": True, "source": None, "output": None, "end": None})
        try:
            return training.fit(held.summary.customers, config=settings, progress=self.progress)
        except FitError as error:
            raise FitError(
                f"at the origin {day}: {error.problem}", advice="ask for fewer origins, or a shorter horizon"
            ) from error


def _learned(past: Sequence[Origin]) -> dict[str, Widening]:
    """Learn widening by kind; each day is shared evenly among the origins whose forecasts reach over it."""
    found, weights = {}, _shares([origin.day.toordinal() for origin in past], [origin.held.days for origin in past])
    for kind in KINDS:
        those = {k: origin.judged[kind].scores for k, origin in enumerate(past) if kind in origin.judged}
        if those:
            found[kind] = widening.learn(list(those.values()), weights=[weights[k] for k in those])
    return found


def _shares(starts: Sequence[int], days: Sequence[int]) -> list[float]:
    """Return how much of each span is its own, where a day that n of them cover is a n-th of it for each.

    >>> _shares([0, 5, 30], [10, 10, 10])
    [0.75, 0.75, 1.0]
    """
    first = min(starts, default=0)
    spans = [slice(start - first, start - first + length) for start, length in zip(starts, days, strict=True)]
    covered = np.zeros(max((span.stop for span in spans), default=0))
    for span in spans:
        covered[span] += 1
    return [float((1 / covered[span]).mean()) for span in spans]


def _verdict(kind: str, judged: Sequence[ResultScores]) -> str:
    against = ", ".join(said for name in (RATE, ZERO, BOOSTED) if (said := _against(name, judged)))
    last = [one.scores.coverage[-1] for one in judged]
    share, expected = _mean(judged, [c.share for c in last]), _mean(judged, [c.expected for c in last])
    gap = share - max(expected, last[0].level)
    hold = "hold" if abs(gap) <= _TOLERANCE else "are too narrow" if gap < 0 else "are too wide"
    seen = f"{100 * share:.1f} % inside, {100 * expected:.1f} % expected"
    level = f"{100 * last[0].level:.0f} %"
    return f"for {kind} the model {against}; its {level} intervals {hold} for customers ({seen}) and {_totals(judged)}"


def _against(name: str, judged: Sequence[ResultScores]) -> str:
    """Compare mean absolute errors with a baseline, over the origins that have it; empty without any."""
    those = [(one, point) for one in judged if (point := one.baselines.get(name)) is not None]
    if not those:
        return ""
    ones = [one for one, _ in those]
    own = _mean(ones, [one.scores.mae_mean for one in ones])
    median = _mean(ones, [one.scores.mae_median for one in ones])
    other = _mean(ones, [point.mae for _, point in those])
    title = {RATE: "the historical rate", ZERO: "forecasting zero", BOOSTED: "LightGBM"}[name]
    if min(own, median) >= other:
        return f"does not beat {title} (mean absolute error {own:.3g}, of its median {median:.3g}, against {other:.3g})"
    if own >= other:
        return f"beats {title} by its median alone ({median:.3g}, of its mean {own:.3g}, against {other:.3g})"
    return f"beats {title} (mean absolute error {own:.3g} against {other:.3g})"


def _mean(judged: Sequence[ResultScores], values: Sequence[float]) -> float:
    """Return the mean over customers of all origins."""
    return float(np.average(values, weights=[one.scores.customers for one in judged]))


def _totals(judged: Sequence[ResultScores]) -> str:
    """Say how often the widest interval of the total held, as it was and widened."""
    pairs = [(one.scores, one.widened) for one in judged if one.widened is not None]
    count, without = len(pairs), _count_held([plain for plain, _ in pairs])
    more = f", with widening learned in {_count_held([wide for _, wide in pairs])} of {count} (without {without})"
    return f"held the total in {_count_held([one.scores for one in judged])} of {len(judged)}{more if pairs else ''}"


def _count_held(scores: Sequence[PredictiveScores]) -> int:
    """Return of how many the widest interval of the total held."""
    return sum(total_of(s.total, s.actual, counts=s.counts)["intervals"][-1]["holds"] for s in scores)


def _doubtful(origins: Sequence[Origin]) -> str:
    """Return what to mind before all else: fits whose draws are doubtful."""
    told = {origin.day: doubts_of_fit(origin.model.facts) for origin in origins}
    return "".join(f"The fit at {day} is doubtful ({' '.join(own)}). " for day, own in told.items() if own)


def _notes(plan: BacktestPlan, done: Sequence[Origin]) -> tuple[str, ...]:
    told = []
    if plan.overlap_days:
        told.append(
            f"Origins lie {plan.step_days} days apart, less than the horizon of {plan.horizon_days}: each shares "
            f"{plan.overlap_days} days of it with the next, so their errors are not independent; LightGBM and the "
            "widening learn from shorter spans, up to each origin."
        )
    told.append("The first origin has no LightGBM baseline and no widening: nothing earlier was known then.")
    for origin in done[1:]:
        told += [
            f"At {origin.day} there was too little to fit LightGBM to {kind}."
            for kind, one in origin.judged.items()
            if one.baselines[BOOSTED] is None
        ]
    return tuple(told)


def _check(settings: LifetimeConfig, draws: int) -> None:
    if draws < 2:
        raise ConfigError(f"draws is {draws!r}; a number from 2 was expected", advice="take 1000")
    if settings.summary or settings.model in ("bgbb", "sbg"):
        came = "a summary was given" if settings.summary else f"{settings.model} runs in whole periods"
        raise ConfigError(
            f"a backtest needs a log of transactions, to look at it as it was on earlier days; {came}",
            advice="give the transactions, and bgnbd, mbgnbd or paretonbd",
        )
    missing = [name for name in ("customer", "date") if getattr(settings, name) is None]
    if missing:
        raise ConfigError(
            f"no {' and no '.join(missing)} column is given", advice="name them: --customer customer_id --date date"
        )
