"""Units that were assigned together: clusters that no column was said to name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np
import polars as pl

from tabkit.schema import family
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.limits import TOGETHER, TOGETHER_Z
from tabkit.uplift.regressor import Codes, Floats

_MOST_COLUMNS = 4  # clusters are named by few columns, such as shop and day
_SAMPLE = 20_000
"""Units that columns are looked for with: of a million in pairs two hundred pairs are left, and that is enough."""
_TRIED, _PAIRED = 60, 12
"""Columns that are looked at, and those in pairs, by most levels: a cluster is known by what few others share."""


@dataclass(frozen=True, slots=True)
class Together:
    """Clusters of units that share an arm far more often than assignment unit by unit would give.

    Parameters
    ----------
    columns
        Whose values the units of a group share.
    groups, units
        How many groups of two units or more there are, and units in them.
    agreement
        0 where arms were drawn unit by unit, 1 where whole groups have one arm.
    z
        Its size in standard errors of a draw unit by unit.
    """

    columns: tuple[str, ...]
    groups: int
    units: int
    agreement: float
    z: float


def assigned_together(frame: pl.DataFrame, columns: Sequence[str], experiment: Experiment) -> Together | None:
    """Look for columns whose values identify clusters that were assigned as a whole.

    Pupils of a class share what is known of its teacher and school. Of all pairs of units with the same values of
    some columns, the share with the same arm is compared with what independent draws give; columns are added as long
    as the evidence grows. Where arms were drawn unit by unit no column says anything of the arm, whatever it is.

    Parameters
    ----------
    frame
        n rows.
    columns
        Known before contact.
    experiment
        The same rows; propensities of the design.

    Returns
    -------
    Together or None
        None if no grouping is beyond `limits.TOGETHER` and `limits.TOGETHER_Z`.
    """
    rows = np.sort(np.random.default_rng(0).permutation(experiment.rows)[:_SAMPLE])
    found = _searched(frame[rows], columns, experiment.take(rows))
    if found is None or len(rows) == experiment.rows:
        return found
    every = [_codes(frame.get_column(name).alias("values")) for name in found.columns]
    whole = _agreement(found.columns, reduce(_crossed, [codes for codes in every if codes is not None]), experiment)
    return whole or found


def _searched(frame: pl.DataFrame, columns: Sequence[str], experiment: Experiment) -> Together | None:
    levels = {name: codes for name in columns if (codes := _codes(frame.get_column(name).alias("values"))) is not None}
    names = sorted(levels, key=lambda name: -int(levels[name].max()))[:_TRIED]
    first = [(name,) for name in names] + list(combinations(names[:_PAIRED], 2))
    best = _best(first, levels, experiment)
    while best is not None and len(best.columns) < _MOST_COLUMNS:
        more = [(*best.columns, name) for name in names if name not in best.columns]
        further = _best(more, levels, experiment)
        if further is None or further.z <= best.z:
            break
        best = further
    if best is None or best.agreement < TOGETHER or best.z < TOGETHER_Z:
        return None
    return best


def _best(tried: Sequence[tuple[str, ...]], levels: dict[str, Codes], experiment: Experiment) -> Together | None:
    """Return the grouping with the most evidence; None if no two units share the values of any."""
    found = [_agreement(names, reduce(_crossed, (levels[name] for name in names)), experiment) for names in tried]
    return max((each for each in found if each is not None), key=lambda each: each.z, default=None)


def _codes(values: pl.Series) -> Codes | None:
    """Return the level of each row, or None for a column of one level, or of levels of one row each."""
    if family(values.dtype) in ("other", "null"):
        return None
    levels = values.n_unique()
    if not 1 < levels < len(values):
        return None
    texts = values.cast(pl.String) if family(values.dtype) == "text" else values.to_physical().cast(pl.Float64)
    return np.asarray(np.unique(texts.rank("dense").fill_null(0).to_numpy(), return_inverse=True)[1], dtype=np.int64)


def _crossed(a: Codes, b: Codes) -> Codes:
    return np.asarray(np.unique(a * (int(b.max()) + 1) + b, return_inverse=True)[1], dtype=np.int64)


def _agreement(columns: tuple[str, ...], group: Codes, experiment: Experiment) -> Together | None:
    r"""Compare pairs within groups: how many have one arm, and how many would by independent draws.

    A pair's indicator of one arm has mean :math:`s = \sum_j p_{ij} p_{i'j}`; pairs of a group are uncorrelated but for
    uneven shares, so that the variance of their sum is that of :math:`s (1 - s)`, plus what uneven shares add.
    """
    sizes = np.bincount(group)
    if not (sizes > 1).any():
        return None
    rows = np.arange(experiment.rows)
    drawn = np.zeros_like(experiment.propensity)
    drawn[rows, experiment.arm] = 1.0
    pairs = float((sizes * (sizes - 1.0)).sum() / 2)
    seen, expected = _pairs(drawn, group), _pairs(experiment.propensity, group)
    p = experiment.propensity.mean(axis=0)
    s, cubes = float(p @ p), float((p**3).sum())
    triples = float((sizes * (sizes - 1.0) * (sizes - 2.0)).sum())
    variance = pairs * s * (1 - s) + triples * (cubes - s**2)
    if not pairs - expected > 0 or not variance > 0:
        return None
    return Together(
        columns=columns,
        groups=int((sizes > 1).sum()),
        units=int(sizes[sizes > 1].sum()),
        agreement=(seen - expected) / (pairs - expected),
        z=(seen - expected) / float(np.sqrt(variance)),
    )


def _pairs(weights: Floats, group: Codes) -> float:
    """Return the sum over pairs within groups of the product of their weights, over all arms."""
    total = 0.0
    for column in weights.T:
        sums = np.bincount(group, weights=column)
        total += float(sums @ sums - column @ column) / 2
    return total
