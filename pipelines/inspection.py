"""What a bundle holds, as plain data: for people through `terminal`, for machines as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.model import KIND, PropensityModel
from tabkit import bundle


def inspect(path: str | Path) -> dict[str, Any]:
    """Return what is known about a bundle, every checksum verified.

    Returns
    -------
    dict
        ``bundle, kind, format, checksum, created, roles, target, schema, objective, plan, metrics,
        importance, lineage, config, versions, sizes``.

    Raises
    ------
    BundleError
        If it is damaged, of a newer format or of another kind.
    """
    found = bundle.read(path, kinds=[KIND])
    model = PropensityModel.from_bundle(found)
    manifest = found.manifest
    return {
        "bundle": str(path),
        **{key: manifest[key] for key in ("kind", "format", "created")},
        "checksum": found.checksum,
        **{key: manifest[key] for key in ("roles", "target", "schema")},
        "objective": model.booster.objective,
        "plan": model.encoder.plan().to_dicts(),
        "metrics": manifest["metrics"],
        "importance": model.booster.importance().to_dicts(),
        **{key: manifest[key] for key in ("lineage", "config", "versions")},
        "sizes": {
            "bytes": sum(len(data) for data in found.parts.values()),
            "parts": {name: len(data) for name, data in found.parts.items()},
            "features": len(model.booster.features),
            "trees": model.booster.trees,
            "levels": sum(encoder.levels or 0 for encoder in model.encoder.encoders),
        },
    }
