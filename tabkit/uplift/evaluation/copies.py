"""Held-out units that are copies of training units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tabkit.leaks.copied_rows import copies_of
from tabkit.uplift.ensemble.fit import ExperimentUnits


@dataclass(frozen=True, slots=True)
class Copied:
    """Shares of held-out units: copies of others, and how many are expected by chance."""

    share: float
    by_chance: float


def copied(units: ExperimentUnits, held: NDArray[np.bool_], features: Sequence[str]) -> Copied | None:
    """Return how many held-out units copy others in features, arm and outcome; None if chance explains them.

    Parameters
    ----------
    units
        All units.
    held
        Shape (n,): which are held out.
    features
        The columns of features.
    """
    roles = units.table.roles
    # The arm is compared too: people who are alike, and were given other arms, are no copies.
    table = replace(units.table, roles=replace(roles, treatment=None, outcome=None))
    learned, judged = (replace(table, frame=table.frame.filter(rows)) for rows in (~held, held))
    columns = [*features, units.arms.column]
    classes = units.target.task != "regression"
    found = copies_of(learned, judged, target=units.target.name, classes=classes, columns=columns)
    return Copied(found.share, found.expected) if found is not None and found.same_target else None
