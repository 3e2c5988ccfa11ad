"""The jobs behind the `uplift` commands: settings in, plain data out."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines import uplift_page
from pipelines.needs import needed, refuse_itself
from pipelines.update_page import check_page
from pipelines.uplift import load, train, update
from pipelines.uplift_config import UpliftConfig, UpliftUpdateConfig
from pipelines.uplift_model import UpliftModel
from tabkit.bundle import check_place
from tabkit.config import build
from tabkit.progress import Progress
from tabkit.roles import Roles
from tabkit.uplift.design import MISMATCH


def train_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Train and save an uplift model; return what there is to say about it.

    Raises
    ------
    TabkitError
        Of the stage that failed. A place that cannot be written to, or that holds a bundle already, is refused before
        any work.
    """
    started = time.perf_counter()
    config = build(UpliftConfig, values)
    source, output = needed(config, "source"), needed(config, "output")
    check_place(output, overwrite=overwrite)
    model = train(source, roles=Roles.from_dict(config.roles), config=config, progress=progress)
    checksum = model.save(output, overwrite=overwrite)
    return {
        "bundle": output,
        "checksum": checksum,
        **summary(model),
        "seconds": round(time.perf_counter() - started, 3),
    }


def report_job(bundle: str, *, page: str | None) -> dict[str, Any]:
    """Write the trust report of a saved model as a page; return its summary.

    Parameters
    ----------
    bundle
        The model.
    page
        The HTML file; by default the bundle's name with ``.html`` behind it, beside the bundle, and none where the
        extra that draws is not installed.
    """
    model = load(bundle)
    drawable = all(importlib.util.find_spec(name) is not None for name in ("altair", "vl_convert"))
    place = page or (str(_beside(bundle)) if drawable else None)
    if place is not None:
        check_page(place, bundles=[bundle])
        uplift_page.write(model, place)
    return {"bundle": bundle, "page": place, **summary(model), "report": dict(model.report)}


def update_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Bring a saved model up to date and save the new one; return what there is to say about it."""
    started = time.perf_counter()
    config = build(UpliftUpdateConfig, values)
    bundle, source, output = (needed(config, name) for name in ("bundle", "source", "output"))
    refuse_itself(bundle, output)
    check_place(output, overwrite=overwrite)
    model, found = update(load(bundle), source, strategy=config.strategy, progress=progress)
    checksum = model.save(output, overwrite=overwrite)
    return {
        "bundle": output,
        "checksum": checksum,
        "parent": {"bundle": bundle, "checksum": model.lineage["parent"]},
        "update": found.to_dict(),
        **summary(model),
        "seconds": round(time.perf_counter() - started, 3),
    }


def _beside(bundle: str) -> Path:
    """Return the page's place: the bundle's name with ``.html`` behind it."""
    path = Path(bundle) if Path(bundle).name not in ("", "..") else Path(bundle).resolve()
    return path.with_name(f"{path.name}.html")


def summary(model: UpliftModel) -> dict[str, Any]:
    """Return effects, verdicts and checks of a model as plain data.

    Returns
    -------
    dict
        ``arms``: by treated arm ``effect, se, low, high, verdict, why, qini, qini_low, qini_high, qini_response,
        against_response, against_response_low, against_response_high, slope``; ``checks``: by name ``passed`` and what
        was found; ``policies``; ``rows, held_out, design, outcome, positive, outcome_kind, control, learner``.
    """
    report = model.report
    return {
        "arms": {arm["arm"]: _arm(arm) for arm in report["arms"]},
        "checks": checks(report),
        "rows": report["rows"],
        "held_out": report["held_out"],
        "design": report["design"],
        "outcome": model.target.name,
        "positive": model.target.positive,
        "outcome_kind": report["kind"],
        "control": model.arms.labels[0],
        "learner": model.config["learner"],
        "policies": [
            {
                "policy": each["policy"],
                **{name: each["doubly_robust"][name] for name in ("value", "low", "high", "treated")},
                "gain": each["gain"],
            }
            for each in report["policies"]
        ],
    }


def _arm(found: Mapping[str, Any]) -> dict[str, Any]:
    effect, qini, against = found["effect"], found["qini"], found["against_response"]
    return {
        **{name: effect[name] for name in ("se", "low", "high")},
        "effect": effect["value"],
        "verdict": found["verdict"]["word"],
        "why": found["verdict"]["why"],
        "qini": qini["value"],
        "qini_low": qini["low"],
        "qini_high": qini["high"],
        "qini_response": found["response"]["value"],
        "against_response": against["value"],
        "against_response_low": against["low"],
        "against_response_high": against["high"],
        "slope": found["line"]["slope"],
    }


_LARGE = 0.1
"""Standardised differences from which arms are not alike (Austin 2009)."""
_DRIFT = 3.0
"""Standard errors between the effects of two parts, beyond which they are not alike."""


def checks(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return each check by name with ``passed``: true, false, or None where there was nothing to check."""
    ratio, overlap = report["sample_ratio"], report["overlap"]
    worst = max((abs(row.get("smd_weighted") or row["smd"]) for row in report["balance"]), default=0.0)
    tests = report["balance_tests"]
    if report["design"] == "randomised":
        alike = all(row["p"] >= MISMATCH / tests for row in report["balance"])
    else:  # weighted, no difference that is both large and beyond chance
        alike = all(
            abs(row["smd_weighted"]) < _LARGE or row["p_weighted"] >= MISMATCH / tests for row in report["balance"]
        )
    placebo = [p for p in report["placebos"] if p["name"] == "placebo treatment"]
    outcomes = [p for p in report["placebos"] if p["name"] != "placebo treatment"]
    found = {
        "sample_ratio": {"passed": None if ratio["p"] is None else ratio["p"] >= 0.001, **ratio},
        "balance": {"passed": alike, "largest": worst},
        "placebo_treatment": {"passed": all(p["passed"] for p in placebo) if placebo else None, "found": placebo},
        "placebo_outcomes": {"passed": all(p["passed"] for p in outcomes) if outcomes else None, "found": outcomes},
        "drift": {"passed": all(abs(d["z"]) < _DRIFT for d in report["drift"]), "found": report["drift"]},
    }
    if overlap is not None:
        found["overlap"] = {"passed": overlap["trimmed"] < 0.1 * overlap["rows"], **overlap}
    return found
