"""The verdict: rank units, treat all alike, or no evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tabkit.uplift.effects import AverageEffect
from tabkit.uplift.metrics.best_linear_predictor import BestLine
from tabkit.uplift.metrics.intervals import RankingInterval

Word = Literal["usable", "average only", "none"]
TITLES: dict[Word, str] = {
    "usable": "ranking usable",
    "average only": "average effect only: treat all or none",
    "none": "no evidence",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on an arm from held-out units.

    Parameters
    ----------
    word
        ``usable``, ``average only`` or ``none``.
    why
        A sentence.
    """

    word: Word
    why: str

    @property
    def title(self) -> str:
        """The verdict in words."""
        return TITLES[self.word]


def verdict(
    effect: AverageEffect,
    ranking: RankingInterval,
    against_response: RankingInterval | None,
    line: BestLine,
    *,
    broken: str | None = None,
    reservations: Sequence[str] = (),
) -> Verdict:
    """Judge an arm.

    A ranking is usable if the interval of its Qini lies above zero, which is what a constant effect would get; if
    what was predicted rises with what was seen; and if ranking by response is not surely better. The average is
    usable if its interval leaves out zero.

    Parameters
    ----------
    effect
        The arm's average effect, at the level of the verdict.
    ranking
        The Qini of the predicted effects on held-out units, at that level.
    against_response
        The same less that of the response model; None if none could be fitted.
    line
        The best linear predictor of the effect from the prediction.
    broken
        Why nothing can be believed, if so: a sample-ratio mismatch, or an effect where there can be none.
    reservations
        The names of checks that failed, or ask for something, without making effects unbelievable.
    """
    if broken is not None:
        return Verdict("none", broken)
    found = _judged(effect, ranking, against_response, line)
    if not reservations or found.word == "none":
        return found
    return Verdict(found.word, f"{found.why}; with reservations: {', '.join(reservations)}")


def _judged(
    effect: AverageEffect, ranking: RankingInterval, against_response: RankingInterval | None, line: BestLine
) -> Verdict:
    heterogeneous = 0 < ranking.low < ranking.high and line.slope > 0  # an interval without width is no evidence
    if heterogeneous and (against_response is None or against_response.high >= 0):
        alone = "" if against_response is not None else "; no response model could be fitted to compare it with"
        return Verdict("usable", f"the interval of its Qini lies above that of a constant effect, which is 0{alone}")
    if heterogeneous:
        why = "units do differ, but ranking them by response finds them better than by predicted effect"
    elif ranking.value == 0 and ranking.high == 0:
        why = "no difference between units was found to learn"
    elif ranking.high < 0:
        why = "the ranking is worse than a random one"
    else:
        why = "on held-out units the ranking is not significantly better than a random one"
    if effect.low < effect.high and (effect.low > 0 or effect.high < 0):
        return Verdict("average only", f"{why}; the average effect is {'above' if effect.low > 0 else 'below'} zero")
    if effect.low == effect.high != 0:
        return Verdict("none", f"{why}; and the interval of the average effect has no width, which is no evidence")
    together = f" ({100 * effect.level:g} %, so that it holds for all arms together)" if effect.level != 0.95 else ""
    return Verdict("none", f"{why}; and the average effect is not significantly different from zero{together}")
