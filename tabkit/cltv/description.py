"""What the bundle of a model of customer value tells of itself, as plain data."""

from __future__ import annotations

from typing import Any

from tabkit.bundle import Bundle
from tabkit.cltv.model import CLTVModel


def describe(found: Bundle) -> dict[str, Any]:
    """Return ``roles, model, title, unit_days, parameters, priors, facts, widening, sizes``.

    Raises
    ------
    BundleError
        If it is damaged.
    """
    model, facts = CLTVModel.from_bundle(found), dict(found.manifest["facts"])
    return {
        "roles": found.manifest["roles"],
        "model": model.forecaster.model.name,
        "title": model.forecaster.model.title,
        "unit_days": model.forecaster.unit_days,
        "parameters": facts.pop("parameters", {}),
        "priors": facts.pop("priors", {}),
        "facts": facts,
        "widening": {kind: widening.to_dict() for kind, widening in model.widening.items()},
        "sizes": {"customers": model.customers.height, "draws": model.forecaster.purchases.size},
    }
