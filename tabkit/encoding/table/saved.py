"""Save and load a fitted table encoder: plain data as JSON, statistics as Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabkit import bundle
from tabkit.encoding.table.fitted import FittedTable
from tabkit.untrusted.manifest import NamedTable, building

KIND = "encoder"
_STATE = "encoder.json"


def to_parts(encoder: FittedTable, *, prefix: str = "") -> dict[str, bytes]:
    """Return the parts by name; `from_bundle` reads them back. A prefix tells the encoders of one bundle apart."""
    state = encoder.to_dict()
    parts: dict[str, bytes] = {}
    for i, source in enumerate(state["sources"]):
        names = {name: f"{prefix}encoder/{i:03d}-{name}.parquet" for name in source["frames"]}
        parts |= {names[name]: bundle.frame_bytes(frame) for name, frame in source["frames"].items()}
        source["frames"] = names
    return parts | {prefix + _STATE: bundle.json_bytes(state)}


def from_bundle(found: bundle.Bundle, *, prefix: str = "") -> FittedTable:
    """Rebuild the encoder from the parts of a bundle that was read; `BundleError` if they are not as expected."""
    with building("its encoder"):
        state = NamedTable(found.json(prefix + _STATE), "the encoder")
        sources = [
            {**item.values, "frames": {name: found.frame(part) for name, part in item.mapping("frames").items()}}
            for item in state.tables("sources")
        ]
        return FittedTable.from_dict({**state.values, "sources": sources})


def save(
    encoder: FittedTable, path: str | Path, *, content: Mapping[str, Any] | None = None, overwrite: bool = False
) -> str:
    """Write a bundle of kind ``encoder`` and return its checksum; `content` goes into its manifest."""
    manifest = {"schema": encoder.schema.to_list(), **(content or {})}
    return bundle.write(path, kind=KIND, content=manifest, parts=to_parts(encoder), overwrite=overwrite)


def load(path: str | Path) -> FittedTable:
    """Read a bundle that `save` wrote, every checksum verified; `BundleError` if that fails."""
    return from_bundle(bundle.read(path, kinds=[KIND]))


def describe(found: bundle.Bundle) -> dict[str, Any]:
    """Return what a bundle tells of itself as plain data: ``schema, plan, sizes``; `BundleError` if it is damaged."""
    encoder = from_bundle(found)
    levels = sum(each.levels or 0 for each in encoder.encoders)
    return {
        "schema": encoder.schema.to_list(),
        "plan": encoder.plan().to_dicts(),
        "sizes": {"features": sum(len(each.outputs) for each in encoder.encoders), "levels": levels},
    }
