"""Overlap: whether units of each arm could have been in the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabkit.errors import ConfigError
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.regressor import Floats


@dataclass(frozen=True, slots=True)
class Overlap:
    """The overlap of the arms' propensities.

    Parameters
    ----------
    trim
        Units with a propensity below it, for any arm, are left out of effects and metrics.
    trimmed
        How many those are.
    rows
        How many there are in all.
    lowest, highest
        Of the propensities of the treated arms, before trimming.
    effective
        By arm, control first: the effective sample size of its weighted units, ``sum(w)**2 / sum(w**2)`` (Kish 1965).
    """

    trim: float
    trimmed: int
    rows: int
    lowest: float
    highest: float
    effective: tuple[float, ...]


def kept(propensity: Floats, *, trim: float) -> NDArray[np.bool_]:
    """Return which units are kept, shape (n,): those with no propensity below `trim`.

    It is the rule of Crump, Hotz, Imbens and Mitnik (2009, section 6), whose thumb says 0.1; with two arms it keeps
    propensities from `trim` to ``1 - trim``.

    Examples
    --------
    >>> kept(np.array([[0.5, 0.5], [0.98, 0.02]]), trim=0.05).tolist()
    [True, False]
    """
    if not 0 <= trim < 1 / propensity.shape[1]:
        raise ConfigError(
            f"trim is {trim!r}; a number from 0 to below {1 / propensity.shape[1]:.3g} was expected",
            advice="try 0.05",
        )
    return np.asarray((propensity >= trim - 1e-12).all(axis=1))


def floored(propensity: Floats, *, trim: float) -> Floats:
    """Return propensities of at least `trim`, with rows that sum to one: for learning before units are trimmed."""
    least = max(trim, 1e-6)
    above = np.maximum(propensity - least, 0.0)
    rest = 1 - least * propensity.shape[1]
    return np.asarray(least + above * (rest / above.sum(axis=1, keepdims=True)))


def overlap(experiment: Experiment, raw: Floats, *, trim: float) -> Overlap:
    """Describe the overlap of an experiment whose propensities were `raw`, shape (n, k), before they were floored."""
    good = kept(raw, trim=trim)
    own = experiment.propensity[np.arange(experiment.rows), experiment.arm]
    effective = []
    for arm in range(len(experiment.arms)):
        w = 1 / own[good & (experiment.arm == arm)]
        effective.append(float(w.sum() ** 2 / (w**2).sum()) if w.size else 0.0)
    return Overlap(
        trim=trim,
        trimmed=int((~good).sum()),
        rows=experiment.rows,
        lowest=float(raw[:, 1:].min()),
        highest=float(raw[:, 1:].max()),
        effective=tuple(effective),
    )
