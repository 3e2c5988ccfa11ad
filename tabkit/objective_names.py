"""The names of the objectives that settings may use; `tabkit.objective` defines them."""

from __future__ import annotations

from typing import Literal

ObjectiveName = Literal["binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"]
