"""What the bundle of a model of who acts tells of itself, as plain data."""

from __future__ import annotations

from typing import Any

from tabkit.bundle import Bundle
from tabkit.propensity.model import PropensityModel
from tabkit.untrusted.manifest import NamedTable


def describe(found: Bundle) -> dict[str, Any]:
    """Return ``roles, target, schema, objective, plan, metrics, model, importance, lineage, config, sizes``.

    Raises
    ------
    BundleError
        If it is damaged.
    """
    model, manifest = PropensityModel.from_bundle(found), found.manifest
    NamedTable(manifest["metrics"], "the evaluation").text("verdict")
    return {
        **{key: manifest[key] for key in ("roles", "target")},
        "schema": model.encoder.schema.to_list(),
        "objective": model.predictor.objective,
        "plan": model.encoder.plan().to_dicts(),
        "metrics": manifest["metrics"],
        "model": model.learner.name,
        **model.learner.inside(model.predictor),
        **{key: manifest[key] for key in ("lineage", "config")},
        "sizes": {
            **model.learner.sizes(model.predictor),
            "levels": sum(encoder.levels or 0 for encoder in model.encoder.encoders),
        },
    }
