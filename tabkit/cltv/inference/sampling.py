"""Which inference methods there are, and what a fit reports about its own quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Inference = Literal["laplace", "nuts"]


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """Draws of the free parameters, and how far they can be trusted.

    Parameters
    ----------
    draws
        By name, shape (draws,) or (draws, k).
    inference
        What made them: ``laplace`` or ``nuts``.
    diagnostics
        Of laplace ``k_hat`` and ``ess``; of nuts what `tabkit.cltv.inference.mixing.mixing` returns.
    warnings
        What makes the draws doubtful.
    """

    draws: Mapping[str, Floats]
    inference: Inference
    diagnostics: Mapping[str, float]
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what is said of the draws as plain data."""
        finite = {name: value if np.isfinite(value) else None for name, value in self.diagnostics.items()}
        return {"inference": self.inference, "diagnostics": finite, "warnings": list(self.warnings)}
