"""Weight of evidence: the log-odds of a level against those of all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tabkit.encoding.aim import Aim, labels
from tabkit.encoding.encoders.lookup import Cells, LevelEncoder
from tabkit.encoding.input import Input
from tabkit.encoding.statistics import Floats, Sums
from tabkit.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightOfEvidence(LevelEncoder):
    """Encode a level by the log of the share of positives over the share of negatives that it holds.

    With ``a`` and ``b`` the weights of the level's positive and other rows, ``A`` and ``B`` those of all rows
    and ``r`` the regularisation: ``log((a + r) / (A + 2 r)) - log((b + r) / (B + 2 r))``, as in
    category_encoders (Good 1950 for the notion). Above 0 a level speaks for the class. A level of one single row (or of
    old ones that count for no more by now), which
    tells nothing, gets 0, and so does what was never seen. A multiclass target gives one column per class, each
    against the rest. The rows of the fit get the value of the other folds.

    Parameters
    ----------
    regularization
        Pseudo-rows added to each count, above 0.
    rare, unseen, null
        See `LevelEncoder`. The prior is 0: no evidence.
    """

    regularization: float = 1.0
    kind: ClassVar[str] = "woe"

    def __post_init__(self) -> None:
        LevelEncoder.__post_init__(self)
        r = self.regularization
        if isinstance(r, bool) or not isinstance(r, int | float) or not 0 < r < np.inf:
            raise ConfigError(f"regularization is {r!r}: a number above 0 was expected")

    @property
    def uses_target(self) -> bool:
        """True."""
        return True

    def check(self, column: Input, aims: tuple[Aim, ...]) -> None:
        """Refuse numbers."""
        numbers = [aim.name for aim in aims if aim.target.task == "regression"]
        if numbers:
            raise ConfigError(
                f"weight of evidence of {column.name!r} needs classes, but target {numbers[0]!r} is a number",
                advice="use Target() or LogTarget()",
            )

    def names(self, column: Input, aims: tuple[Aim, ...]) -> tuple[str, ...]:
        """Return ``column by evidence of target``, or one name per class, target and arm."""
        return tuple(f"{column.name} by evidence of {label}" for label in labels(aims))

    def values(self, cells: Cells, aims: tuple[Aim, ...]) -> Floats:  # noqa: ARG002
        """Return the weights of evidence; 0 for the prior, and null where there are no rows at all."""
        return np.hstack([self._evidence(sums, single=cells.rows <= 1) for sums in cells.targets])

    def _evidence(self, sums: Sums, *, single: NDArray[np.bool_]) -> Floats:
        r, positive = self.regularization, sums.sums[:, 0]
        negative = sums.weight - positive
        share = (positive + r) / (positive.sum(axis=0) + 2 * r)
        evidence = np.log(share) - np.log((negative + r) / (negative.sum(axis=0) + 2 * r))
        evidence[(sums.weight[:, 0] == 0) | single] = 0
        table = np.vstack([evidence, np.zeros((1, evidence.shape[1]))])
        return table if sums.weight.any() else np.full_like(table, np.nan)
