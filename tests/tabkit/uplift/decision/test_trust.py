"""One judge of all checks: what fails reaches the verdict, whatever shows it, and what is clean says nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tabkit.uplift.decision import trust

CLEAN: dict[str, Any] = {
    "design": "randomised",
    "kind": "number",
    "sample_ratio": {"rows": [500, 500], "expected": [0.5, 0.5], "p": 0.4},
    "balance": [{"arm": "mail", "column": "age", "level": None, "smd": 0.02, "p": 0.4}],
    "balance_tests": 1,
    "overlap": None,
    "placebos": [{"name": "placebo treatment", "arm": "no", "passed": True}],
    "drift": [{"arm": "mail", "z": 0.3}],
    "agreement": {"gaps": [{"arm": "mail", "value": 0.1, "se": 0.1}], "p": 0.3},
    "strength": {"r2": 0.7, "auc": None, "alone": []},
    "together": None,
    "allow_imbalance": False,
}
SEEN: dict[str, Any] = {
    **CLEAN,
    "design": "observational",
    "agreement": None,
    "balance": [{**CLEAN["balance"][0], "smd": 0.9, "smd_weighted": 0.03, "p_weighted": 0.2}],
    "overlap": {"trimmed": 10, "rows": 1000, "trim": 0.05},
}


def judged(report: dict[str, Any] = CLEAN, **changed: Any) -> tuple[trust.Finding, ...]:
    return trust.findings({**report, **changed})


def test_that_one_time_divided_nothing_is_noted_and_no_reservation() -> None:
    found = judged(passed_over="All rows have one time (day 1): parts are drawn by chance.")
    assert trust.sentences(found) == ["All rows have one time (day 1): parts are drawn by chance."]
    assert trust.passed("drift", found) is True
    assert trust.reservations(found) == []
    assert trust.sentences(judged(passed_over="")) == trust.sentences(judged(passed_over=["no text"])) == []


@pytest.mark.parametrize("report", [CLEAN, SEEN])
def test_a_clean_experiment_has_nothing_at_its_head(report: dict[str, Any]) -> None:
    found = judged(report)
    assert trust.sentences(found) == []
    assert trust.broken(found) is None
    assert trust.title("usable", found) == "ranking usable"
    assert {each.name for each in found} <= set(trust.CHECKS)


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        ("sample_ratio", {"sample_ratio": {"p": 0.0009}}, "sizes that were planned"),
        (
            "agreement",
            {"agreement": {"gaps": [{"arm": "mail", "value": -0.02, "se": 0.004}], "p": 1e-5}},
            "errors ('mail' by -0.0200;",
        ),
        ("outcome_models", {"strength": {"r2": 1.0, "auc": None, "alone": [["paid", 0.9]]}}, "'paid' 0.90"),
        ("outcome_models", {"strength": {"r2": 0.9, "auc": 0.998, "alone": []}}, "AUC 0.998"),
        (
            "clusters",
            {"together": {"columns": ["school", "years"], "groups": 90, "units": 2000, "agreement": 1.0, "z": 99.0}},
            "--group",
        ),
        ("placebo_outcomes", {"placebos": [{"name": "age", "arm": "mail", "passed": False}]}, "on 'age'"),
    ],
)
def test_what_ends_every_belief_ends_the_verdict(name: str, changed: dict[str, Any], words: str) -> None:
    found = judged(**changed)
    assert trust.passed(name, found) is False
    assert words in str(trust.broken(found))
    assert words in trust.sentences(found)[0]


@pytest.mark.parametrize(
    ("report", "changed", "name"),
    [
        (CLEAN, {"drift": [{"arm": "mail", "z": -3.2}]}, "drift"),
        (CLEAN, {"placebos": [{"name": "placebo treatment", "arm": "no", "passed": False}]}, "placebo_treatment"),
        (SEEN, {"overlap": {"trimmed": 300, "rows": 1000, "trim": 0.05}}, "overlap"),
        (SEEN, {"balance": [{**SEEN["balance"][0], "smd_weighted": 0.2, "p_weighted": 1e-6}]}, "balance"),
    ],
)
def test_other_failures_are_reservations_that_the_title_has(
    report: dict[str, Any], changed: dict[str, Any], name: str
) -> None:
    found = judged(report, **changed)
    assert (trust.passed(name, found), trust.broken(found)) == (False, None)
    assert [each.name for each in trust.reservations(found)] == [name]
    assert trust.title("usable", found) == "ranking usable, with reservations"
    assert trust.title("none", found) == "no evidence"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"overlap": {"trimmed": 925, "rows": 1070, "trim": 0.05}}, "the other 145"),
        ({"balance": [{**SEEN["balance"][0], "smd_weighted": 1.26, "p_weighted": 2e-16}]}, "1.26 standard deviations"),
    ],
)
def test_a_comparison_with_next_to_nobody_is_none(changed: dict[str, Any], words: str) -> None:
    assert words in str(trust.broken(judged(SEEN, **changed)))


def test_at_a_limit_there_is_one_answer() -> None:
    """Ten in a hundred trimmed and three standard errors of drift passed on the page and failed in JSON."""
    found = judged(SEEN, overlap={"trimmed": 100, "rows": 1000, "trim": 0.05}, drift=[{"arm": "mail", "z": 3.0}])
    assert (trust.passed("overlap", found), trust.passed("drift", found)) == (True, True)
    assert trust.passed("sample_ratio", judged(sample_ratio={"p": 0.001})) is True


@pytest.mark.parametrize(
    ("strength", "result", "reserved"),
    [
        ({"r2": 0.9, "auc": None, "alone": [["last year", 0.88]]}, "note", False),
        ({"r2": 0.97, "auc": None, "alone": []}, "asks", True),
        ({"r2": 0.5, "auc": 0.95, "alone": [["pages", 0.94]]}, "asks", True),
    ],
)
def test_a_strong_feature_is_asked_about_and_fails_nothing(
    strength: dict[str, Any], result: str, reserved: bool
) -> None:
    arm = {"arm": "mail", "effect": {"value": 0.03, "se": 0.1}, "difference": {"value": 0.41, "se": 0.3}}
    found = judged(strength=strength, arms=[arm])
    (own,) = (each for each in found if each.name == "outcome_models")
    assert (own.result, trust.passed("outcome_models", found)) == (result, True)
    assert "+0.0300 (error 0.100) with features, +0.410 (error 0.300) without" in own.said
    assert ("reservations" in trust.title("usable", found)) is reserved
    assert trust.sentences(found)[0].endswith("Were all known before?")


def test_an_imbalance_that_was_allowed_is_a_reservation_with_all_that_follows_from_it() -> None:
    gap = {"gaps": [{"arm": "mail", "value": 0.4, "se": 0.1}], "p": 1e-5}
    rows = [{**CLEAN["balance"][0], "smd": 0.3, "p": 1e-9}]
    allowed, not_so = (judged(balance=rows, agreement=gap, allow_imbalance=said) for said in (True, False))
    for found in (allowed, not_so):
        assert (trust.passed("balance", found), trust.passed("agreement", found)) == (False, False)
    assert trust.broken(allowed) is None
    assert trust.title("usable", allowed) == "ranking usable, with reservations"
    assert "0.30 standard deviations" in str(trust.broken(not_so))
    assert trust.broken(judged(agreement=gap, allow_imbalance=True)) is not None  # nothing was there to allow


def test_reports_of_older_models_lack_parts_that_were_not_checked() -> None:
    old = copy.deepcopy(CLEAN)
    for name in ("agreement", "strength", "together", "allow_imbalance", "balance_tests"):
        del old[name]
    found = judged(old)
    assert {name: trust.passed(name, found) for name in ("agreement", "outcome_models", "clusters", "balance")} == {
        "agreement": None, "outcome_models": None, "clusters": None, "balance": True,
    }  # fmt: skip
    assert trust.sentences(found) == []
