"""What a bundle holds, as plain data: for people through `terminal`, for machines as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipelines.jobs.settings import InspectJob, filled
from tabkit import bundle
from tabkit.bundle import Bundle
from tabkit.cltv import model as cltv_model
from tabkit.encoding.table import saved
from tabkit.progress import Progress
from tabkit.propensity.model import KIND as PROPENSITY
from tabkit.propensity.model import PropensityModel
from tabkit.untrusted.manifest import NamedTable, building
from tabkit.uplift.model import KIND as UPLIFT
from tabkit.uplift.model import UpliftModel


def inspect_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:  # noqa: ARG001  as every job
    """Return what is known about a bundle; see `inspect`."""
    return inspect(filled(InspectJob, values).bundle)


def inspect(path: str | Path) -> dict[str, Any]:
    """Return what is known about a bundle, every checksum verified.

    Returns
    -------
    dict
        ``bundle, kind, format, checksum, created, versions, sizes``, and by kind:
        of a model ``roles, target, schema, objective, plan, metrics, importance, lineage, config``;
        of an encoder ``schema, plan``;
        of uplift ``roles, schema, arms, checks, lineage, config`` and what `uplift_jobs.summary` gives;
        of customer value ``roles, model, unit_days, parameters, priors, facts, customers, widening``.

    Raises
    ------
    BundleError
        If it is damaged, of a newer format or of another kind.
    """
    opened = bundle.read(path, kinds=list(_BY_KIND))
    manifest = opened.manifest
    with building("what it tells of itself"):
        content = _BY_KIND[manifest["kind"]](opened)
        sizes = {
            "bytes": sum(len(data) for data in opened.parts.values()),
            "parts": {name: len(data) for name, data in opened.parts.items()},
        }
        return {
            "bundle": str(path),
            **{key: manifest[key] for key in ("kind", "format", "created", "versions")},
            "checksum": opened.checksum,
            **content,
            "sizes": sizes | content.pop("sizes", {}),
        }


def _model(found: Bundle) -> dict[str, Any]:
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


def _encoder(found: Bundle) -> dict[str, Any]:
    encoder = saved.from_bundle(found)
    levels = sum(each.levels or 0 for each in encoder.encoders)
    return {
        "schema": encoder.schema.to_list(),
        "plan": encoder.plan().to_dicts(),
        "sizes": {"features": sum(len(each.outputs) for each in encoder.encoders), "levels": levels},
    }


def _lifetime(found: Bundle) -> dict[str, Any]:
    model, facts = cltv_model.CLTVModel.from_bundle(found), dict(found.manifest["facts"])
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


def _uplift(found: Bundle) -> dict[str, Any]:
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


_BY_KIND: dict[str, Callable[[Bundle], dict[str, Any]]] = {
    PROPENSITY: _model,
    saved.KIND: _encoder,
    cltv_model.KIND: _lifetime,
    UPLIFT: _uplift,
}
