"""The rows of an experiment as numbers: arm, outcome and propensity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tabkit.errors import FitError
from tabkit.uplift.regressor import Codes, Floats, Kind


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """The rows of an experiment without their features: arms, outcomes, propensities, clusters.

    Parameters
    ----------
    arms
        The k labels, control first.
    arm
        Shape (n,): which of `arms` each unit was in.
    outcome
        Shape (n,), finite.
    propensity
        Shape (n, k): the probability of each arm given the features; rows sum to one, nothing is zero.
    kind
        What the outcome is: ``binary``, ``count`` or ``number``.
    clusters
        Shape (n,): what each unit belongs to (a household); None where units are independent.
    """

    arms: tuple[str, ...]
    arm: Codes
    outcome: Floats
    propensity: Floats
    kind: Kind = "number"
    clusters: Codes | None = None

    def __post_init__(self) -> None:
        n, k = len(self.arm), len(self.arms)
        if self.outcome.shape != (n,) or self.propensity.shape != (n, k):
            raise FitError(
                f"outcome and propensity have shapes {self.outcome.shape} and {self.propensity.shape}; "
                f"({n},) and ({n}, {k}) were expected"
            )
        if self.kind not in ("binary", "count", "number"):
            raise FitError(
                f"an outcome of kind {self.kind!r}; binary, count or number was expected", advice="see `Experiment`"
            )
        if not np.isfinite(self.outcome).all():
            wild = int((~np.isfinite(self.outcome)).sum())
            raise FitError(f"the outcome is null, NaN or infinite in {wild:,} rows", advice="repair or remove them")
        if n and (self.arm.min() < 0 or self.arm.max() >= k):
            raise FitError(
                f"arms are numbered from {self.arm.min()} to {self.arm.max()}; 0 to {k - 1} was expected",
                advice="make numbers with `design.Arms.codes`",
            )
        if self.clusters is not None and self.clusters.shape != (n,):
            raise FitError(f"clusters have shape {self.clusters.shape}; ({n},) was expected")
        if not np.allclose(self.propensity.sum(axis=1), 1, atol=1e-6):
            raise FitError(
                "the propensities of some rows are NaN or do not sum to one",
                advice="give one for each arm, control too",
            )
        if not (self.propensity > 0).all():
            raise FitError(
                f"the propensity of {int((self.propensity <= 0).any(axis=1).sum()):,} rows is 0 for some arm",
                advice="such units say nothing about that arm: leave them out, or trim them (--trim)",
            )

    @property
    def rows(self) -> int:
        """How many units there are."""
        return len(self.arm)

    @property
    def treated(self) -> tuple[str, ...]:
        """The arms beside control."""
        return self.arms[1:]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Experiment:
        """Return the experiment of some rows."""
        return replace(
            self,
            arm=self.arm[rows],
            outcome=self.outcome[rows],
            propensity=self.propensity[rows],
            clusters=None if self.clusters is None else self.clusters[rows],
        )

    def pairwise(self, arm: int) -> Floats:
        """Return the propensity of an arm among units of that arm and control, shape (n,)."""
        of_arm = self.propensity[:, arm]
        return np.asarray(of_arm / (of_arm + self.propensity[:, 0]))
