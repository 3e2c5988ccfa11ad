"""What the bundle of a model of effects tells of itself, as plain data."""

from __future__ import annotations

from typing import Any

from tabkit.bundle import Bundle
from tabkit.uplift.model import UpliftModel


def describe(found: Bundle) -> dict[str, Any]:
    """Return ``roles, lineage, config, schema``, what `UpliftModel.summary` gives, and ``sizes``.

    Raises
    ------
    BundleError
        If it is damaged.
    """
    model = UpliftModel.from_bundle(found)
    return {
        **{key: found.manifest[key] for key in ("roles", "lineage", "config")},
        "schema": model.schema().to_list(),
        **model.summary(),
        "sizes": {
            "members": len(model.members),
            "features": len(model.members[0].encoder.outputs),
            "models": sum(name.endswith(".txt") for name in found.parts),
        },
    }
