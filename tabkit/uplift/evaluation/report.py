"""The trust report: the results of each arm on held-out units, and its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tabkit.uplift.decision.segments import SegmentEffect, segment_effects
from tabkit.uplift.decision.verdict import Verdict, verdict
from tabkit.uplift.effects import AverageEffect, aipw, difference
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.metrics import ranking as metrics
from tabkit.uplift.metrics.best_linear_predictor import BestLine, best_linear_predictor
from tabkit.uplift.metrics.groups import GroupEffects, gates
from tabkit.uplift.metrics.intervals import RankingInterval
from tabkit.uplift.metrics.rate import RateStatistic, TocCurve
from tabkit.uplift.metrics.resampling import bands, interval, paired
from tabkit.uplift.metrics.uplift_at_k import uplift_at
from tabkit.uplift.regressor import Codes, Floats
from tabkit.uplift.treated import OnTreated


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Held-out units and their predictions.

    Parameters
    ----------
    experiment
        The units.
    scores
        Shape (n, k): their doubly robust scores by arm.
    effect
        Shape (n, k - 1): predicted effects.
    outcome
        Shape (n, k): expected outcomes under each arm.
    """

    experiment: Experiment
    scores: Floats
    effect: Floats
    outcome: Floats

    def response(self) -> Floats | None:
        """Return the response model's scores, shape (n,): the outcome expected of a unit, whatever its arm.

        It is the mean of the arms' models by their shares, so that all rows have a say in it: of one arm alone a few
        dozen rows may give a constant, and to beat a constant is no win. None if it expects the same of all units.
        """
        score = self.outcome @ self.experiment.propensity.mean(axis=0)
        flat = np.ptp(score) <= 1e-9 * float(np.abs(score).max(initial=0.0))
        return None if flat else np.asarray(score)


@dataclass(frozen=True, slots=True)
class IntervalSettings:
    """How intervals are made: resamples, nominal coverage, seed."""

    resamples: int = 1000
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class ArmReport:
    """The report of an arm.

    Parameters
    ----------
    arm
        Its label.
    effect
        The average effect over all units, doubly robust, cross-fitted.
    difference
        The plain difference in means over all units; biased where the arms were not drawn by chance.
    qini, autoc
        Of the predicted effects on held-out units; see `tabkit.uplift.metrics.rate`. A constant effect gets 0.
    response, against_response
        The Qini of ranking by expected outcome, and the predicted effects' less that one; None if no response model
        could be fitted.
    classical
        Metrics of counts, as other tools have them, by name: for binary outcomes of randomised designs.
    groups, line
        Calibration: observed effects by group of predicted ones, and the best linear predictor.
    curve, response_curve
        Gain and targeting operator characteristic with bands.
    segments
        Persuadables and the others.
    verdict
        The word and why.
    on_treated
        The effect on the arm's own units, where that is another question than the effect on all.
    """

    arm: str
    effect: AverageEffect
    difference: AverageEffect
    qini: RankingInterval
    autoc: RankingInterval
    response: RankingInterval | None
    against_response: RankingInterval | None
    classical: dict[str, float]
    groups: GroupEffects
    line: BestLine
    curve: TocCurve
    response_curve: TocCurve | None
    segments: tuple[SegmentEffect, ...]
    verdict: Verdict
    on_treated: OnTreated | None = None


def arm_reports(
    everything: Experiment,
    outcomes: Floats,
    held_out: HeldOut,
    *,
    randomised: bool,
    settings: IntervalSettings,
    costs: Floats | None = None,
    broken: str | None = None,
    reservations: Sequence[str] = (),
    on_treated: Sequence[OnTreated | None] | None = None,
) -> tuple[ArmReport, ...]:
    """Report on each treated arm.

    Verdicts are made at a level that holds for all arms together (Bonferroni); what is shown has the level asked for.

    Parameters
    ----------
    everything
        All units, and in `outcomes`, shape (n, k), what models that did not see them expect.
    held_out
        The units to judge rankings on.
    randomised
        Whether propensities are those of the design.
    settings
        Of intervals.
    costs
        Shape (k - 1,): an arm's cost is the effect that makes a persuadable; without one, half of the average effect.
    broken, reservations
        What checks say: why nothing can be believed, if so, and what verdicts are to be read with.
    on_treated
        By treated arm the effect on its own units.
    """
    effects, plain = (
        aipw(everything, outcomes, level=settings.level),
        difference(everything, weighted=randomised, level=settings.level),
    )
    strict = replace(settings, level=1 - (1 - settings.level) / len(effects))
    sure = aipw(everything, outcomes, level=strict.level)
    response = held_out.response()
    reports = []
    for i, arm in enumerate(everything.treated):
        scores = held_out.scores[:, i + 1] - held_out.scores[:, 0]
        effect = held_out.effect[:, i]
        clusters = held_out.experiment.clusters
        line = best_linear_predictor(scores, effect, clusters=clusters, level=settings.level)
        judged = _rankings(scores, effect, response, clusters, strict)
        shown = judged if strict.level == settings.level else _rankings(scores, effect, response, clusters, settings)
        reports.append(
            ArmReport(
                arm=arm,
                effect=effects[i],
                difference=plain[i],
                qini=shown[0],
                autoc=_interval(scores, effect, clusters, settings, statistic="autoc"),
                response=None if response is None else _interval(scores, response, clusters, settings),
                against_response=shown[1],
                classical=_classical(held_out.experiment, effect, i + 1) if randomised else {},
                groups=gates(scores, effect, clusters=clusters, level=settings.level),
                line=line,
                curve=_bands(scores, effect, clusters, settings),
                response_curve=None if response is None else _bands(scores, response, clusters, settings),
                segments=segment_effects(
                    scores,
                    effect,
                    held_out.outcome[:, 0],
                    little=abs(effects[i].value) / 2 if costs is None or not costs[i] > 0 else float(costs[i]),
                    clusters=clusters,
                    level=settings.level,
                ),
                verdict=verdict(sure[i], *judged, line, broken=broken, reservations=reservations),
                on_treated=None if on_treated is None else on_treated[i],
            )
        )
    return tuple(reports)


def _rankings(
    scores: Floats, effect: Floats, response: Floats | None, clusters: Codes | None, settings: IntervalSettings
) -> tuple[RankingInterval, RankingInterval | None]:
    own = _interval(scores, effect, clusters, settings)
    if response is None:
        return own, None
    against = paired(
        scores,
        effect,
        response,
        clusters=clusters,
        resamples=settings.resamples,
        level=settings.level,
        seed=settings.seed,
    )
    return own, against


def _interval(
    scores: Floats,
    ranking: Floats,
    clusters: Codes | None,
    settings: IntervalSettings,
    statistic: RateStatistic = "rate_qini",
) -> RankingInterval:
    return interval(
        scores,
        ranking,
        clusters=clusters,
        resamples=settings.resamples,
        level=settings.level,
        seed=settings.seed,
        statistic=statistic,
    )


def _bands(scores: Floats, ranking: Floats, clusters: Codes | None, settings: IntervalSettings) -> TocCurve:
    return bands(
        scores, ranking, clusters=clusters, resamples=settings.resamples, level=settings.level, seed=settings.seed
    )


def _classical(experiment: Experiment, effect: Floats, arm: int) -> dict[str, float]:
    """Return metrics of treated and control units counted, where they are defined."""
    if experiment.kind != "binary" or np.ptp(experiment.propensity, axis=0).any():
        return {}
    rows = np.isin(experiment.arm, (0, arm))
    y, given, score = experiment.outcome[rows], experiment.arm[rows] == arm, effect[rows]
    if len(np.unique(y[given])) < 2 or len(np.unique(y[~given])) < 2:
        return {}
    return {
        "qini_normalised": metrics.qini_normalised(y, given, score),
        "uplift_auc_normalised": metrics.uplift_auc_normalised(y, given, score),
        "uplift_at_30": uplift_at(y, given, score, share=0.3),
    }
