"""Scale labels for LightGBM, which keeps them in single precision: take out their level and unit first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit.objective import Objective
from tabkit.rows import Rows

Floats = NDArray[np.float64]

_UNITS = {"lambda_l1": 1, "max_delta_step": 1, "min_gain_to_split": 2, "cegb_tradeoff": 2}
"""LightGBM's parameters that are amounts of the label under squared error: to which power its unit enters them."""
_LARGEST_COUNT = 2.0**53  # beyond it a double cannot hold each whole number


@dataclass(frozen=True, slots=True)
class LabelScale:
    """The level and unit taken out of labels before LightGBM sees them, and put back afterwards.

    Under squared error and for quantiles the trees learn ``(y - start) / unit``, start being base score and offset, and
    their leaves are multiplied by the unit afterwards. It is a power of two, so that neither step rounds: the model is
    the same at any level and in any unit.

    For amounts under a log link they learn ``y / unit`` from ``start - log(unit)``, the unit being the mean, and their
    leaves stay as they are: penalties are those of a target of mean one. Gamma's losses have no unit, so that the power
    of two next to the mean serves. Counts have a unit of their own, and a penalty weighs as so many of them.

    Parameters
    ----------
    objective
        What is minimised.
    unit
        1 where nothing is taken out.
    """

    objective: Objective
    unit: float = 1.0

    @classmethod
    def of(cls, rows: Rows, start: Floats, objective: Objective) -> LabelScale:
        """Return the scale of rows whose scores start as given, shape (n, outputs)."""
        if objective.link == "identity":
            return cls(objective, _power_of_two(rows.y - start[:, 0]))
        if objective.link != "log" or (objective.name == "poisson" and _are_counts(rows.y)):
            return cls(objective)
        mean = float(np.average(rows.y, weights=rows.weights())) or 1.0
        return cls(objective, _power_of_two(np.array([mean])) if objective.name == "gamma" else mean)

    @property
    def leaf(self) -> float:
        """What the leaves of LightGBM's trees are multiplied by."""
        return self.unit if self.objective.link == "identity" else 1.0

    def labels(self, y: Floats, start: Floats) -> Floats:
        """Return what LightGBM is given as label, shape (n,), of targets whose scores start as given."""
        if self.objective.link == "identity":
            return np.asarray((y - start[:, 0]) / self.unit)
        return y / self.unit if self.unit != 1.0 else y

    def start(self, start: Floats, added: Floats | float = 0.0) -> Floats:
        """Return where LightGBM's scores start, shape (n, outputs); `added` is what trees before add, same shape."""
        if self.objective.link == "identity":
            return np.zeros_like(start) + added / self.unit
        return (start - np.log(self.unit) if self.unit != 1.0 else start) + added

    def parameters(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return LightGBM's parameters, those which are amounts of the target in the unit of the labels."""
        if self.objective.name != "regression" or self.unit == 1.0:
            return dict(params)
        given = {"cegb_tradeoff": 1.0} if any(name.startswith("cegb") for name in params) else {}
        scaled = {**given, **params}
        return scaled | {
            name: scaled[name] / self.unit**power for name, power in _UNITS.items() if scaled.get(name) is not None
        }

    @property
    def gain(self) -> float:
        """What LightGBM's gains are multiplied by, so that they are losses in the unit of the target."""
        return self.unit**2 if self.objective.name == "regression" else 1.0


def _power_of_two(rest: Floats) -> float:
    """Return the power of two next to the root mean square; 1 if all is zero."""
    largest = float(np.abs(rest).max(initial=0.0))
    if not largest:
        return 1.0
    spread = largest * float(np.sqrt(np.mean((rest / largest) ** 2)))
    return float(2.0 ** np.rint(np.log2(spread)))


def _are_counts(y: Floats) -> bool:
    """Return whether these may be counts, which have no unit that someone chose: one of them is at least one."""
    return 1 <= float(y.max()) <= _LARGEST_COUNT
