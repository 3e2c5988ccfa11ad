"""Uplift at k: the effect among the rows with the highest scores, averaged over ties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from tabkit.errors import ConfigError, FitError
from tabkit.metrics.inputs import Floats, Integers
from tabkit.uplift.metrics.checks import check_choice, check_column, check_experiment
from tabkit.uplift.metrics.ties import falling

Strategy = Literal["overall", "by_group"]
Mask = NDArray[np.bool_]


def uplift_at(
    outcome: ArrayLike,
    treated: ArrayLike,
    score: ArrayLike,
    *,
    share: float = 0.3,
    strategy: Strategy = "overall",
) -> float:
    """Return the difference of mean outcomes among the rows of the highest scores.

    Where the border falls into rows of equal score the result is the expected value over all orders of
    those rows. Otherwise it is ``uplift_at_k`` of scikit-uplift 0.5.1, which lets the order of rows decide.

    Parameters
    ----------
    outcome
        Shape (n,), of any unit.
    treated
        0 or 1, or booleans, shape (n,).
    score
        Shape (n,).
    share
        Which part of the rows counts, above 0 and at most 1; fractions of a row are cut off.
    strategy
        "overall" takes the top of all rows together, and compares the arms within it; orders that leave an
        arm out are left out of the expectation. "by_group" takes the top of each arm by itself.

    Raises
    ------
    FitError
        When a column is unusable or an arm has no rows in the top.
    ConfigError
        When the share or the strategy is out of range.

    Examples
    --------
    >>> uplift_at([1, 0, 0, 1], [1, 0, 1, 0], [4, 3, 2, 1], share=0.5)
    1.0
    >>> uplift_at([1, 0, 0, 1], [1, 0, 1, 0], [1, 1, 1, 1], share=0.5)
    0.0
    """
    check_choice(strategy, name="strategy", choices=("overall", "by_group"))
    if not 0 < share <= 1:
        raise ConfigError(f"share must be above 0 and at most 1, got {share!r}", advice="write 0.3 for 30 %")
    outcomes, arm = check_experiment(outcome, treated)
    scores = check_column(score, name="score", rows=arm.size)
    if strategy == "by_group":
        means = [_top_mean(outcomes[arm == side], scores[arm == side], share) for side in (1, 0)]
        return means[0] - means[1]
    return _joint_uplift(outcomes, arm, scores, share)


def _top_mean(outcome: Floats, score: Floats, share: float) -> float:
    """Return the mean of the top rows of one arm; a tied row at the border counts as the mean of its run."""
    size = int(outcome.size * share)
    if size == 0:
        raise _empty_arm(share)
    above, tied = _border(score, size)
    part = (size - np.count_nonzero(above)) * outcome[tied].mean()
    return float((outcome[above].sum() + part) / size)


def _joint_uplift(outcome: Floats, arm: Floats, score: Floats, share: float) -> float:
    size = int(outcome.size * share)
    above, tied = _border(score, size) if size else (np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))
    if size == 0 or arm[above | tied].min() == arm[above | tied].max():
        raise _empty_arm(share)
    sides = [_Side.of(outcome[arm == side], above[arm == side], tied[arm == side]) for side in (1, 0)]
    drawn = size - int(np.count_nonzero(above))
    # How many of the drawn tied rows are treated follows the hypergeometric distribution.
    count = np.arange(max(0, drawn - sides[1].tied), min(drawn, sides[0].tied) + 1)
    chance = _hypergeometric(count, sides[0].tied, sides[1].tied, drawn)
    possible = (sides[0].above + count > 0) & (sides[1].above + drawn - count > 0)
    if not possible.any():
        raise _empty_arm(share)
    count, chance = count[possible], chance[possible]
    uplift = sides[0].mean(count) - sides[1].mean(drawn - count)
    return float(np.dot(chance, uplift) / chance.sum())


@dataclass(frozen=True, slots=True)
class _Side:
    """One arm at the border: rows and outcomes above it, rows tied on it and their mean outcome."""

    above: int
    total: float
    tied: int
    tied_mean: float

    @classmethod
    def of(cls, outcome: Floats, above: Mask, tied: Mask) -> _Side:
        count = int(np.count_nonzero(tied))
        mean = float(outcome[tied].mean()) if count else 0.0
        return cls(int(np.count_nonzero(above)), float(outcome[above].sum()), count, mean)

    def mean(self, drawn: Integers) -> Floats:
        """Return the expected mean of the arm when so many of its tied rows are drawn."""
        found: Floats = (self.total + drawn * self.tied_mean) / (self.above + drawn)
        return found


def _hypergeometric(count: Integers, treated: int, control: int, drawn: int) -> Floats:
    """Return how likely each count of treated rows among the drawn ones is, up to a common factor."""
    logs = -scipy.special.gammaln(count + 1) - scipy.special.gammaln(treated - count + 1)
    logs -= scipy.special.gammaln(drawn - count + 1) + scipy.special.gammaln(control - drawn + count + 1)
    chance: Floats = np.exp(logs - logs.max())
    return chance


def _border(score: Floats, size: int) -> tuple[Mask, Mask]:
    """Return which rows stand above the last of the top `size` rows, and which are tied with it."""
    border = score[falling(score).order[size - 1]]
    return score > border, score == border


def _empty_arm(share: float) -> FitError:
    return FitError(
        f"the top {share:g} of the rows holds no rows of one arm", advice="take a larger share, or more rows"
    )
