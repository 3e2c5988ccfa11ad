"""What kinds of bundles there are, and where each is at home: who reads, describes, updates and draws it.

A model stands below the rooms that update it and far below the pages that show it. So places are named here, in one
table, and loaded when they are asked for: nothing is imported upwards, and importing a model loads no page.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

from tabkit import bundle
from tabkit.untrusted.manifest import building


@dataclass(frozen=True, slots=True)
class BundleKind:
    """Where a kind of bundle is at home; places are written ``module:name``.

    Parameters
    ----------
    reader
        A function from a `tabkit.bundle.Bundle` to what it holds.
    describe
        A function from a `tabkit.bundle.Bundle` to what it tells of itself as plain data.
    update
        A function from a model and a source of new rows to the new model and what was found; None for what cannot
        learn.
    page
        A function that writes the page of a model: ``page(model, path, source, title=, overwrite=)``; None for what
        has none.
    """

    reader: str
    describe: str
    update: str | None = None
    page: str | None = None


KINDS: dict[str, BundleKind] = {
    "propensity": BundleKind(
        reader="tabkit.propensity.model:PropensityModel.from_bundle",
        describe="tabkit.propensity.description:describe",
        update="tabkit.propensity.updating.update:update",
        page="dashboards.reports.models:propensity_page",
    ),
    "uplift": BundleKind(
        reader="tabkit.uplift.model:UpliftModel.from_bundle",
        describe="tabkit.uplift.description:describe",
        update="tabkit.uplift.updating:update",
        page="dashboards.reports.models:uplift_page",
    ),
    "cltv": BundleKind(
        reader="tabkit.cltv.model:CLTVModel.from_bundle",
        describe="tabkit.cltv.description:describe",
        update="tabkit.cltv.updating:update",
        page="dashboards.reports.models:cltv_page",
    ),
    "encoder": BundleKind(
        reader="tabkit.encoding.table.saved:from_bundle",
        describe="tabkit.encoding.table.saved:describe",
    ),
}


def at(place: str | None) -> Any:
    """Return what stands at a place, ``module:name``.

    >>> at("tabkit.bundle:Bundle.text").__name__
    'text'
    """
    if place is None:
        raise LookupError("nothing stands at no place")
    module, _, name = place.partition(":")
    return attrgetter(name)(import_module(module))


def load(path: str | Path) -> Any:
    """Open any bundle: a `PropensityModel`, an `UpliftModel`, a `CLTVModel` or an encoder (`FittedTable`).

    Parameters
    ----------
    path
        The folder that a fit wrote. Every checksum is verified.

    Raises
    ------
    BundleError
        If it is no bundle, is damaged, of a newer format or of a kind that is not known here.
    ForkError
        If this process was forked from one that had computed; see `tabkit.forked`.
    """
    found = bundle.read(path, kinds=list(KINDS))
    return at(KINDS[found.manifest["kind"]].reader)(found)


def inspect(path: str | Path) -> dict[str, Any]:
    """Return what any bundle tells of itself as plain data, every checksum verified.

    Returns
    -------
    dict
        ``bundle, kind, format, checksum, created, versions, sizes``, and what `BundleKind.describe` of its kind gives.

    Raises
    ------
    BundleError
        If it is damaged, of a newer format or of a kind that is not known here.

    Examples
    --------
    >>> inspect("churn-model")["metrics"]["verdict"]  # doctest: +SKIP
    """
    found = bundle.read(path, kinds=list(KINDS))
    manifest = found.manifest
    with building("what it tells of itself"):
        told = at(KINDS[manifest["kind"]].describe)(found)
        sizes = {name: len(data) for name, data in found.parts.items()}
        return {
            "bundle": str(path),
            **{key: manifest[key] for key in ("kind", "format", "created", "versions")},
            "checksum": found.checksum,
            **told,
            "sizes": {"bytes": sum(sizes.values()), "parts": sizes, **told["sizes"]},
        }
