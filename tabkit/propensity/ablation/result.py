"""The result of an ablation: a decision, and how the trees used each rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from tabkit.boosting import BoostedModel
from tabkit.dependence import Unit
from tabkit.predicates import Rule
from tabkit.propensity.ablation.differences import ArmPredictions, Difference, Pair, differences
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.evaluation import has_width, measures_of, resampling
from tabkit.table import Table
from tabkit.target import TargetColumn
from tabkit.wording import with_interval

Decision = Literal["worth a feature", "no difference shown", "hurts"]

_FLATTERED = (
    "Rules that were found by looking at these rows flatter themselves: judge them on rows that their author never saw."
)


@dataclass(frozen=True, slots=True)
class Use:
    """How the trees used one rule.

    Parameters
    ----------
    rule, text
        Its name, and what it says.
    share
        Of all gain, the mean over the fits.
    rank
        Among all features by gain, from 1, the mean over the fits in which it was a feature.
    fits
        In how many fits it was one: where it is true everywhere or nowhere it is left out.
    """

    rule: str
    text: str
    share: float
    rank: float | None
    fits: int


@dataclass(frozen=True, slots=True)
class Worth:
    """The result of an ablation of rules.

    Parameters
    ----------
    decision
        By the interval of the first metric's difference, the loss that is minimised.
    verdict
        In a sentence, with what weakens it.
    unseen
        Whether the judging rows were marked as such that the author of the rules never saw.
    metrics
        The loss first.
    rules
        What the trees made of each.
    rows, rows_left_out
        Judging rows, and those of them that no fit could judge: of the oldest, along time, there is no past.
    folds, repeats, fits
        How many folds were judged in each division, divisions, and models in all.
    trees
        The mean number of trees with and without.
    level, unit
        Of the intervals, and what was drawn for them: ``row``, ``group``, ``day`` or ``block``.
    note
        What that takes for granted, as a sentence.
    warnings
        What weakens all of it: columns that tell the target too well, and judging rows that are copies.
    """

    decision: Decision
    verdict: str
    unseen: bool
    metrics: tuple[Difference, ...]
    rules: tuple[Use, ...]
    rows: int
    rows_left_out: int
    folds: int
    repeats: int
    fits: int
    trees: tuple[float, float]
    level: float
    unit: Unit
    note: str = ""
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def concluded(
    table: Table,
    pairs: Sequence[Pair],
    target: TargetColumn,
    training: TrainConfig,
    rules: Sequence[Rule],
    *,
    marked: int,
    unseen: bool,
) -> Worth:
    """Combine the results of all pairs.

    Parameters
    ----------
    marked
        How many rows were to be judged.
    unseen
        Whether the author of the rules never saw these.
    """
    places = np.sort(np.concatenate([pair.fold.test for pair in pairs if pair.fold.repeat == 0]))
    judged = replace(table, frame=table.frame[places])
    how = resampling(judged, training)
    arms = ArmPredictions.of(judged, places, pairs, target)
    measured = differences(arms, measures_of(training), how)
    decision = _decision(measured[0])
    repeats = 1 + max(pair.fold.repeat for pair in pairs)
    said = f"{decision.capitalize()}: {_said(measured[0], how.level)}, on {len(places):,} rows"
    said += " that were held out while the rules were found." if unseen else f". {_FLATTERED}"
    trees = np.mean([[booster.trees for booster in pair.boosters] for pair in pairs], axis=0)
    return Worth(
        decision=decision,
        verdict=said,
        unseen=unseen,
        metrics=measured,
        rules=tuple(_use(rule, [pair.boosters[0] for pair in pairs]) for rule in rules),
        rows=len(places),
        rows_left_out=marked - len(places),
        folds=len(pairs) // repeats,
        repeats=repeats,
        fits=2 * len(pairs),
        trees=(float(trees[0]), float(trees[1])),
        level=how.level,
        unit=how.unit,
        note=how.note,
    )


def _decision(loss: Difference) -> Decision:
    if not has_width(loss.low, loss.high):
        return "no difference shown"
    if loss.high is not None and loss.high < 0:
        return "worth a feature"
    return "hurts" if loss.low is not None and loss.low > 0 else "no difference shown"


def _said(loss: Difference, level: float) -> str:
    said = with_interval(
        loss.difference, loss.low, loss.high, sign="+", before=f" ({level:.0%} interval ",
        without=", the same in every draw: no interval",
    )  # fmt: skip
    return f"the rules change {loss.metric} by {said}"


def _use(rule: Rule, boosters: Sequence[BoostedModel]) -> Use:
    shares, ranks = [], []
    for booster in boosters:
        if rule.name not in booster.features:
            shares.append(0.0)
            continue
        importance = booster.importance()
        place = importance["feature"].to_list().index(rule.name)
        shares.append(float(importance["share"][place]))
        ranks.append(place + 1)
    rank = float(np.mean(ranks)) if ranks else None
    return Use(rule.name, rule.text(), float(np.mean(shares)), rank, len(ranks))
