"""Where a model comes from: what its bundle says of it, and its ancestors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabkit import bundle
from tabkit.errors import BundleError
from tabkit.untrusted.files import MOST_JSON_BYTES, file_bytes
from tabkit.untrusted.manifest import NamedTable, damaged, is_number, is_text, is_whole, shown
from tabkit.updates import translated

_KEPT = (
    *("split", "weight_mean", "class_rows", "rows_dropped", "measured", "span_early_stopping", "span_holdout"),
    *("rows_fit", "rows_early_stopping", "rows_holdout"),
)
_TOLD = ("strategy", "how", "rows", "span", "source", "target_mean")


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_text, value))


def _are_counts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(is_whole(), value.values()))


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


_EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("strategy", "source", "split", "parent", "how", "kind"), (is_text, "a text")),
    **dict.fromkeys(
        ("rows", "rows_fit", "rows_early_stopping", "rows_holdout"), (is_whole(), "a whole number of 0 or more")
    ),
    **dict.fromkeys(("target_mean", "weight_mean"), (is_number(), "a number")),
    **dict.fromkeys(("span", "span_early_stopping", "span_holdout"), (_is_span, "two texts")),
    **dict.fromkeys(("class_rows", "rows_dropped"), (_are_counts, "a table of whole numbers")),
    **dict.fromkeys(("measured", "known", "update", "copies"), (_is_table, "a table of values")),
    "hints": (_are_texts, "a list of texts"),
    "ancestors": (_are_tables, "a list of tables of values"),
}
"""What a lineage may say, and how; all of it may be null or absent."""


def lineage_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a model comes from, once it is sure that it says so in values that can be told.

    Raises
    ------
    BundleError
        Naming the field.
    """
    given = NamedTable(manifest.get("lineage"), "the lineage")
    for name in ("strategy", "source", "rows"):
        if name not in given:
            raise damaged(f"the lineage does not say its {name}")
    for name, (good, expected) in _EXPECTED.items():
        if name in given and not good(given.values[name]):
            raise damaged(f"{name} of the lineage is {shown(given.values[name])}; {expected} was expected")
    told = given.values.get("update")
    return {**given.values, **({"update": translated(told)} if told else {})}


@dataclass(frozen=True, slots=True)
class Ancestry:
    """A model and its ancestors.

    Parameters
    ----------
    manifests
        Oldest first.
    missing
        How many ancestors are not in the folder that the bundle is in.
    """

    manifests: tuple[Mapping[str, Any], ...]
    missing: int


def descends(parent: Mapping[str, Any], own: Mapping[str, Any], *, checksum: str | None) -> dict[str, Any]:
    """Return the lineage of a model that was made from another, from that one's lineage and checksum."""
    kept = {name: parent[name] for name in _KEPT if name in parent}
    entry = {"checksum": checksum, **{name: parent.get(name) for name in _TOLD}}
    return {**kept, **own, "parent": checksum, "ancestors": [entry, *parent.get("ancestors", [])]}


def history(path: str | Path, *, kinds: Collection[str]) -> dict[str, Any]:
    """Return the line of ancestors that a bundle tells of, as plain data: ``chain``, newest first, itself before all.

    Each has ``checksum, strategy, how, rows, span, source, target_mean``; a parent that was never saved has no
    checksum.

    Parameters
    ----------
    kinds
        Of bundles that have a lineage.

    Raises
    ------
    BundleError
        If the bundle is damaged, of another kind, or its lineage is not as tabkit writes it.
    """
    opened = bundle.read(path, kinds=list(kinds))
    lineage = opened.manifest.get("lineage")
    ancestors = lineage.get("ancestors", []) if isinstance(lineage, dict) else None
    if (
        not isinstance(lineage, dict)
        or not isinstance(ancestors, list)
        or not all(_is_told(entry) for entry in (lineage, *ancestors))
    ):
        raise BundleError("the bundle's lineage is not as tabkit writes it", advice="copy the bundle again")
    own = {"checksum": opened.checksum, **{name: lineage.get(name) for name in _TOLD}}
    return {"bundle": str(path), "chain": [own, *ancestors]}


def _is_told(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("strategy"), str) and isinstance(entry.get("rows"), int)


def ancestors_of(folder: Path, *, kinds: Collection[str], advice: str) -> Ancestry:
    """Read a bundle and those of its ancestors that are in the same folder, known by their checksums.

    Parameters
    ----------
    kinds
        Of bundles that have a lineage.
    advice
        What to do about a bundle of another kind.
    """
    ancestor = bundle.read(folder)
    if (kind := ancestor.manifest.get("kind")) not in kinds:
        raise BundleError(f"{str(folder)!r} is a bundle of kind {kind!r}, which holds no updates", advice=advice)
    beside = dict(_checksums(folder.resolve().parent))
    wanted = _parents(ancestor.manifest)
    line, missing = [ancestor.manifest], 0
    while wanted:
        place = beside.get(wanted.pop(0))
        if place is None:
            missing += 1
            continue
        line.append(bundle.read(place).manifest)
        if not wanted and "ancestors" not in ancestor.manifest["lineage"]:  # it names its parent alone
            wanted = _parents(line[-1])
    return Ancestry(tuple(reversed(line)), missing)


def _parents(manifest: Mapping[str, Any]) -> list[str]:
    """Return the checksums of ancestors, newest first, as far as the lineage names them."""
    lineage = lineage_of(manifest)
    if "ancestors" in lineage:
        return [str(entry.get("checksum")) for entry in lineage["ancestors"]]
    return [str(lineage["parent"])] if lineage.get("parent") else []


def _checksums(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.glob(f"*/{bundle.MANIFEST}")):
        with suppress(OSError, ValueError):  # no plain file: it is none of an ancestor
            raw = file_bytes(path.parent, path.name, most=MOST_JSON_BYTES)
            yield hashlib.sha256(raw).hexdigest(), path.parent
