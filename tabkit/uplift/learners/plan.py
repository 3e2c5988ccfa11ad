"""Cross-fitting of nuisance models: which rows they are fitted on, and which they predict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabkit.errors import ConfigError
from tabkit.uplift.regressor import Codes


@dataclass(frozen=True, slots=True, eq=False)
class CrossFitting:
    """A scheme of cross-fitting.

    Parameters
    ----------
    pairs
        Of row numbers: nuisance models are fitted on the first and predict the second.
    pooled
        One effect model learns from all predicted rows; otherwise each pair gives one, and they are averaged.
    """

    pairs: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]
    pooled: bool = True

    @classmethod
    def crossfit(cls, folds: Codes) -> CrossFitting:
        """Predict each fold by the others (Chernozhukov et al. 2018, definition 3.2).

        Parameters
        ----------
        folds
            Shape (n,): numbers from 0.

        Examples
        --------
        >>> [[part.tolist() for part in pair] for pair in CrossFitting.crossfit(np.array([0, 1, 0])).pairs]
        [[[1], [0, 2]], [[0, 2], [1]]]
        """
        numbers = np.unique(folds)
        if numbers.size < 2:
            raise ConfigError("cross-fitting needs at least two folds", advice="give folds numbered from 0")
        return cls(tuple((np.flatnonzero(folds != f), np.flatnonzero(folds == f)) for f in numbers))

    @classmethod
    def within(cls, rows: int) -> CrossFitting:
        """Predict the rows that nuisance models were fitted on, as CausalML's X-learner does."""
        everything = np.arange(rows)
        return cls(((everything, everything),))

    @classmethod
    def rotated(cls, folds: Codes) -> CrossFitting:
        """Fit nuisances on one third and effects on the next, in turn: what CausalML's DR-learner does.

        The third that is left out of each turn is CausalML's for propensities, which are known here.
        """
        if set(np.unique(folds).tolist()) != {0, 1, 2}:
            raise ConfigError("a rotation has three parts, numbered 0, 1 and 2", advice="give three folds")
        parts = [np.flatnonzero(folds == f) for f in range(3)]
        return cls(tuple((parts[(f + 1) % 3], parts[(f + 2) % 3]) for f in range(3)), pooled=False)


Plan = CrossFitting
"""The old name of `CrossFitting`, for one release."""
