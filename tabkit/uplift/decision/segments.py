"""Segments: persuadables, sure things, lost causes and sleeping dogs, by prediction and as observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tabkit.uplift.metrics.clustered_errors import critical, mean_se
from tabkit.uplift.regressor import Codes, Floats

Segment = Literal["persuadables", "sure things", "lost causes", "sleeping dogs"]
SEGMENTS: tuple[Segment, ...] = ("persuadables", "sure things", "lost causes", "sleeping dogs")


@dataclass(frozen=True, slots=True)
class SegmentEffect:
    """A segment and its observed effect on held-out rows.

    Parameters
    ----------
    segment
        Its name.
    rows, share
        How many rows, and their share.
    predicted
        The mean predicted effect; None without rows.
    observed, low, high
        The mean effect that was seen (doubly robust) and its interval; None with fewer than two units.
    baseline
        The mean expected outcome without contact; None without rows.
    """

    segment: Segment
    rows: int
    share: float
    predicted: float | None
    observed: float | None
    low: float | None
    high: float | None
    baseline: float | None


def segments(effect: Floats, baseline: Floats, *, little: float) -> NDArray[np.int64]:
    """Return the number of each unit's segment in `SEGMENTS`, shape (n,).

    Parameters
    ----------
    effect
        Shape (n,): predicted effect of contact.
    baseline
        Shape (n,): expected outcome without it.
    little
        Not negative: an effect of at least so much makes a persuadable, of at most minus so much (below zero) a
        sleeping dog. The others are sure things if their baseline is at least the mean one, else lost causes.

    Examples
    --------
    >>> segments(np.array([0.2, 0.0, 0.0, -0.2]), np.array([0.1, 0.9, 0.1, 0.5]), little=0.1).tolist()
    [0, 1, 2, 3]
    """
    between = np.where(baseline >= baseline.mean(), 1, 2)
    dogs = (effect <= -little) & (effect < 0)
    return np.asarray(np.where((effect >= little) & (effect > 0), 0, np.where(dogs, 3, between)), dtype=np.int64)


def segment_effects(
    scores: Floats,
    effect: Floats,
    baseline: Floats,
    *,
    little: float,
    clusters: Codes | None = None,
    level: float = 0.95,
) -> tuple[SegmentEffect, ...]:
    """Return the observed effect of each segment on held-out rows.

    Parameters
    ----------
    scores
        Shape (n,): the arm's doubly robust effect scores.
    effect, baseline, little
        See `segments`.
    """
    number = segments(effect, baseline, little=little)
    effects = []
    for k, name in enumerate(SEGMENTS):
        own = number == k
        rows = int(own.sum())
        units = rows if clusters is None else np.unique(clusters[own]).size
        seen = float(scores[own].mean()) if units > 1 else None
        groups = None if clusters is None else clusters[own]
        wide = critical(level, groups, rows=rows) if units > 1 else 0.0
        error = wide * mean_se(scores[own], clusters=groups) if units > 1 else 0.0
        effects.append(
            SegmentEffect(
                segment=name,
                rows=rows,
                share=rows / len(number),
                predicted=float(effect[own].mean()) if rows else None,
                observed=seen,
                low=None if seen is None else seen - error,
                high=None if seen is None else seen + error,
                baseline=float(baseline[own].mean()) if rows else None,
            )
        )
    return tuple(effects)
