"""Updates that bundles of earlier versions tell of are read in today's words, and mean the same."""

from typing import Any

import pytest

from tabkit.lineage import lineage_of
from tabkit.updates import translated

TREES = {
    "strategy": "refit",
    "why": "Refit: log_loss 0.4 instead of 0.5.",
    "candidates": [
        {"name": "keep", "how": "", "loss": 0.5, "gain": 0.0, "low": None, "high": None, "refused": None},
        {"name": "refit", "how": "decay 0.5", "loss": 0.4, "gain": -0.1, "low": -0.2, "high": -0.05, "refused": None},
        {"name": "extend", "how": "", "loss": None, "gain": None, "low": None, "high": None, "refused": "dart"},
    ],
    "rows": 900,
    "judged_rows": 360,
    "months": [{"when": "2024-01-31", "rows": 90, "gains": {"refit": -0.1}}],
}
EFFECTS = {
    "strategy": "refit",
    "tried": [
        {"strategy": "keep", "loss": -0.2, "gain": None, "low": None, "high": None, "refused": None},
        {"strategy": "refit", "loss": -0.3, "gain": 0.1, "low": 0.05, "high": 0.2, "refused": None},
        {"strategy": "extend", "loss": None, "gain": None, "low": None, "high": None, "refused": "a forest"},
    ],
    "rows": 900,
    "judged_on": 360,
    "kept": False,
}


@pytest.mark.parametrize("old", [TREES, EFFECTS], ids=["trees", "effects"])
def test_of_either_kind_a_difference_below_zero_is_better(old: dict[str, Any]) -> None:
    found = lineage_of({"lineage": {"strategy": "refit", "source": "new", "rows": 900, "update": old}})["update"]
    assert (found["strategy"], found["rows"], found["judged_rows"]) == ("refit", 900, 360)
    keep, refit, extend = found["candidates"]
    assert (keep["name"], keep["loss_difference"], keep["loss_difference_low"]) == ("keep", 0.0, None)
    assert refit["loss_difference"] == -0.1
    assert refit["loss_difference_low"] == -0.2
    assert refit["loss_difference_high"] == -0.05
    assert (extend["loss"], extend["loss_difference"], bool(extend["refused"])) == (None, None, True)
    words = {*found, *keep, *refit, *extend}
    assert not words & {"gain", "low", "high", "tried", "judged_on"}


def test_todays_words_stay_as_they_are() -> None:
    once = translated(TREES)
    assert once["months"] == [{"when": "2024-01-31", "rows": 90, "loss_differences": {"refit": -0.1}}]
    assert translated(once) == once
    assert translated(translated(EFFECTS)) == translated(EFFECTS)
    assert translated(EFFECTS)["metric"] == "squared error of effects"


def test_an_interval_without_width_was_no_evidence() -> None:
    item = {"name": "refit", "gain": -0.1, "low": -0.1, "high": -0.1}
    [found] = translated({"candidates": [item]})["candidates"]
    assert (found["loss_difference"], found["loss_difference_low"], found["loss_difference_high"]) == (-0.1, None, None)


@pytest.mark.parametrize("damaged", [None, 3, "x", [3, None, {"gain": "x", "low": [], "high": {}}]])
def test_what_a_stranger_wrote_ends_nothing(damaged: Any) -> None:
    for name in ("tried", "candidates", "months"):
        translated({name: damaged})
