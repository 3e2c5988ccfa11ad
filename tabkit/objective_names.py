"""What may be minimised, by name: settings say it, `tabkit.objective` knows what it means."""

from __future__ import annotations

from typing import Literal

ObjectiveName = Literal["binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"]
