"""What is said of rules that do nothing, of noise inside and outside, and of what a file remembers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabkit.rules.goal import Goal, Mask
from tabkit.rules.ledger import Ledger
from tabkit.rules.measurement import Measured, measure
from tabkit.rules.scoring import verdict

RUNS = 400
SAID = Measured(100, 20, 0.5, 0.3, 0.7, 0.18, None, 0.95, 0.1, 0.4, 0.2, 0.6)


def noisy_rest(kind: str, seed: int) -> tuple[Goal, Mask]:
    """Most rows are inside, few and noisy ones outside; nothing differs on average."""
    chance = np.random.default_rng(seed)
    n = 2000
    inside = np.arange(n) < 1800
    treated = chance.random(n) < 0.5
    if kind == "share":
        return Goal("y", "share", (chance.random(n) < 0.3).astype(np.float64), positive="yes"), inside
    y = chance.normal(size=n) * np.where(inside, 1, 12)
    return Goal("y", kind, y, None, treated if kind == "effect" else None), inside  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["share", "mean", "effect"])
def test_a_rule_that_does_nothing_does_not_hold(kind: str) -> None:
    """The interval of the inside alone leaves the value of all rows out far more often than one time in twenty."""
    shown, naive = 0, 0
    for seed in range(RUNS):
        goal, inside = noisy_rest(kind, seed)
        said = Ledger().measure(inside, goal)
        shown += verdict(said, None) != "not replicated"
        assert said.low is not None
        assert said.high is not None
        naive += not said.low <= said.base <= said.high
    assert shown / RUNS <= 0.05 + 2.6 * (0.05 * 0.95 / RUNS) ** 0.5
    assert kind == "share" or naive / RUNS > 0.15


@pytest.mark.parametrize(
    ("change", "found", "expected"),
    [
        ({}, None, "replicated"),
        ({}, {"difference": 0.5}, "replicated"),
        ({}, {"difference": 0.6}, "replicated, smaller effect"),
        ({}, {"difference": -0.4}, "reversed"),
        ({}, {"value": 0.1, "base": 0.3}, "reversed"),
        ({}, {"value": "no number", "base": True}, "replicated"),
        ({}, {"difference": None, "value": 0.3, "base": 0.1}, "replicated"),
        ({}, SAID, "replicated"),
        ({}, replace(SAID, difference=None), "replicated"),
        ({"difference_low": -0.1}, {"difference": 0.5}, "not replicated"),
        ({"difference_low": None, "difference_high": None}, None, "too few rows"),
        ({"balanced": False}, None, "arms differ"),
        ({"balanced": True}, None, "replicated"),
        ({"difference": -0.4, "difference_low": -0.6, "difference_high": -0.2}, None, "reversed"),
        ({"difference": -0.4, "difference_low": -0.6, "difference_high": -0.2}, {"difference": -0.5}, "replicated"),
    ],
)
def test_verdicts(change: dict[str, object], found: Measured | dict[str, object] | None, expected: str) -> None:
    assert verdict(replace(SAID, **change), found) == expected  # type: ignore[arg-type]


def test_few_rows_say_so() -> None:
    y = np.random.default_rng(0).normal(size=300)
    assert verdict(measure(np.arange(300) < 10, Goal("y", "mean", y)), None) == "too few rows"
    who = np.arange(300) // 30
    share = Goal("y", "share", (y > 0).astype(float), "yes", unit=who)
    assert verdict(measure(who < 5, share), None) == "too few rows"
