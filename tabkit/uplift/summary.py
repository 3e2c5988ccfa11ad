"""The summary of an uplift model as plain data, for the terminal, pages and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabkit.target import TargetColumn
from tabkit.uplift.decision import trust
from tabkit.uplift.design.design import Arms


def summary_of(report: Mapping[str, Any], *, target: TargetColumn, arms: Arms, learner: str) -> dict[str, Any]:
    """Return effects, verdicts and checks of a model as plain data.

    Parameters
    ----------
    report
        What held-out units said: `tabkit.uplift.model.UpliftModel.evaluation`.
    target, arms, learner
        Of the model.

    Returns
    -------
    dict
        ``arms``: by treated arm ``effect, se, low, high, difference, on_treated, verdict, title, why, qini, qini_low,
        qini_high, qini_response, against_response, against_response_low, against_response_high, slope``; ``on_treated``
        is null where it is no other question, the response model's figures where none could be fitted. ``checks``: by
        name ``passed``, what is ``said`` and what was found; ``warnings``: all that is said, as sentences; ``units``
        that figures rest on; ``policies``; ``rows, held_out, design, outcome, positive, outcome_kind, control,
        learner``.
    """
    found = trust.findings(report)
    return {
        "arms": {arm["arm"]: _arm(arm, found) for arm in report["arms"]},
        "checks": checks(report),
        "warnings": trust.sentences(found),
        "units": units(report),
        "rows": report["rows"],
        "held_out": report["held_out"],
        "design": report["design"],
        "outcome": target.name,
        "positive": target.positive,
        "outcome_kind": report["kind"],
        "control": arms.labels[0],
        "learner": learner,
        "policies": [
            {
                "policy": each["policy"],
                **{name: each["doubly_robust"][name] for name in ("value", "low", "high", "treated")},
                "gain": each["gain"],
            }
            for each in report["policies"]
        ],
    }


def _arm(arm: Mapping[str, Any], found: Sequence[trust.Finding]) -> dict[str, Any]:
    effect, qini, treated = arm["effect"], arm["qini"], arm.get("on_treated")
    response, against = arm["response"] or {}, arm["against_response"] or {}
    return {
        **{name: effect[name] for name in ("se", "low", "high")},
        "effect": effect["value"],
        "difference": {name: arm["difference"][name] for name in ("value", "se", "low", "high")},
        "on_treated": None
        if treated is None
        else {
            **{name: treated["effect"][name] for name in ("value", "se", "low", "high")},
            **{name: treated[name] for name in ("units", "of", "controls")},
        },
        "verdict": arm["verdict"]["word"],
        "title": trust.title(arm["verdict"]["word"], found),
        "why": arm["verdict"]["why"],
        "qini": qini["value"],
        "qini_low": qini["low"],
        "qini_high": qini["high"],
        "qini_response": response.get("value"),
        "against_response": against.get("value"),
        "against_response_low": against.get("low"),
        "against_response_high": against.get("high"),
        "slope": arm["line"]["slope"],
    }


def checks(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return each check by name with ``passed`` (None where there was nothing to check), ``said`` and what was found.

    What passed is judged in one place, `tabkit.uplift.decision.trust`, for the terminal, the page and JSON.
    """
    findings = trust.findings(report)
    placebo = [p for p in report["placebos"] if p["name"] == "placebo treatment"]
    outcomes = [p for p in report["placebos"] if p["name"] != "placebo treatment"]
    worst = max((abs(row.get("smd_weighted") or row["smd"] or 0) for row in report["balance"]), default=0.0)
    data: dict[str, Mapping[str, Any]] = {
        "sample_ratio": report["sample_ratio"],
        "balance": {"largest": worst},
        "agreement": report.get("agreement") or {},
        "outcome_models": report.get("strength") or {},
        "clusters": report.get("together") or {},
        "copies": report.get("copies") or {},
        "overlap": report["overlap"] or {},
        "placebo_treatment": {"found": placebo},
        "placebo_outcomes": {"found": outcomes},
        "drift": {"found": report["drift"]},
    }
    names = [name for name in trust.CHECKS if name != "overlap" or report["overlap"] is not None]
    return {
        name: {
            "passed": trust.passed(name, findings),
            "said": [each.said for each in findings if each.name == name and each.counts],
            **data[name],
        }
        for name in names
    }


def units(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many units figures rest on: ``all``, ``used``, ``whom``, by arm, effective, and held out."""
    total, basis = sum(report["rows"].values()), report.get("basis")
    if basis is None:  # of a model made before it was counted
        trimmed = (report["overlap"] or {}).get("trimmed", 0)
        whom = "kept" if trimmed else "all"
        return {"all": total, "used": total - trimmed, "whom": whom, "held_out": report["held_out"]}
    return {
        "all": total,
        "used": sum(basis["units"].values()),
        "whom": basis["whom"],
        "by_arm": basis["units"],
        "effective": basis["effective"],
        "held_out": basis["held_out"],
    }
