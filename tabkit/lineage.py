"""The ancestors of a model, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabkit import bundle
from tabkit.errors import BundleError
from tabkit.propensity.model import KIND, PropensityModel

_KEPT = (
    "split",
    "weight_mean",
    "class_rows",
    "rows_dropped",
    "measured",
    "span_early_stopping",
    "span_holdout",
    "rows_fit",
    "rows_early_stopping",
    "rows_holdout",
)
_TOLD = ("strategy", "how", "rows", "span", "source", "target_mean")


def descends(parent: PropensityModel, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lineage of a model that was made from another."""
    kept = {name: parent.lineage[name] for name in _KEPT if name in parent.lineage}
    entry = {"checksum": parent.checksum, **{name: parent.lineage.get(name) for name in _TOLD}}
    ancestors = [entry, *parent.lineage.get("ancestors", [])]
    return {**kept, **own, "parent": parent.checksum, "ancestors": ancestors}


def history(path: str | Path) -> dict[str, Any]:
    """Return the line of ancestors of a bundle as plain data: ``chain``, newest first, the bundle itself before all.

    Each has ``checksum, strategy, how, rows, span, source, target_mean``; a parent that was never saved has no
    checksum.
    """
    found = bundle.read(path, kinds=[KIND])
    lineage = found.manifest.get("lineage")
    ancestors = lineage.get("ancestors", []) if isinstance(lineage, dict) else None
    if (
        not isinstance(lineage, dict)
        or not isinstance(ancestors, list)
        or not all(_is_told(entry) for entry in (lineage, *ancestors))
    ):
        raise BundleError("the bundle's lineage is not as tabkit writes it", advice="copy the bundle again")
    own = {"checksum": found.checksum, **{name: lineage.get(name) for name in _TOLD}}
    return {"bundle": str(path), "chain": [own, *ancestors]}


def _is_told(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("strategy"), str) and isinstance(entry.get("rows"), int)
