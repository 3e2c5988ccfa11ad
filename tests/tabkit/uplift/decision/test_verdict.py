from __future__ import annotations

from math import nan

import pytest

from tabkit.uplift.decision.verdict import TITLES, verdict
from tabkit.uplift.effects import AverageEffect
from tabkit.uplift.metrics.best_linear_predictor import BestLine
from tabkit.uplift.metrics.intervals import RankingInterval


def effect(low, high):
    return AverageEffect((low + high) / 2, low, high, 0.95, 1.0, arm="mail", method="aipw", p=0.5)


def ranking(low, high, value=None):
    return RankingInterval((low + high) / 2 if value is None else value, low, high, 0.95, 1.0)


def line(slope):
    return BestLine(1.0, 0.1, slope, 0.1, slope - 0.2, slope + 0.2, 0.5)


GOOD, NO_BETTER, BAD = ranking(0.01, 0.05), ranking(-0.01, 0.05), ranking(-0.05, -0.01)
EVEN, LOSES = ranking(-0.02, 0.01), ranking(-0.05, -0.01)
ABOVE, BELOW, UNSURE = effect(0.1, 0.3), effect(-0.3, -0.1), effect(-0.1, 0.3)
USABLE = "the interval of its Qini lies above that of a constant effect, which is 0"
RESPONSE = "units do differ, but ranking them by response finds them better than by predicted effect"
WORSE = "the ranking is worse than a random one"
NOTHING = "no difference between units was found to learn"
OPEN = "on held-out units the ranking is not significantly better than a random one"


@pytest.mark.parametrize("average", [ABOVE, BELOW, UNSURE])
@pytest.mark.parametrize("response", [EVEN, ranking(0.01, 0.02), ranking(-0.02, 0.0)])
def test_a_ranking_that_is_surely_better_than_none_is_usable_whatever_the_average(average, response):
    found = verdict(average, GOOD, response, line(0.5))
    assert (found.word, found.why, found.title) == ("usable", USABLE, "ranking usable")


@pytest.mark.parametrize(
    ("found", "response", "slope", "why"),
    [
        (GOOD, LOSES, 0.5, RESPONSE),
        (GOOD, EVEN, -0.5, OPEN),  # the ranking is right by its areas, but the line falls
        (GOOD, EVEN, 0.0, OPEN),
        (GOOD, EVEN, nan, OPEN),
        (NO_BETTER, EVEN, 0.5, OPEN),
        (NO_BETTER, LOSES, 0.5, OPEN),
        (ranking(0.0, 0.05), EVEN, 0.5, OPEN),  # the end of an interval does not lie above itself
        (BAD, EVEN, 0.5, WORSE),
        (ranking(0.0, 0.0), EVEN, nan, NOTHING),
        (ranking(0.03, 0.03), EVEN, 0.5, OPEN),  # an interval without width is no evidence
    ],
)
@pytest.mark.parametrize(
    ("average", "word", "end"),
    [
        (ABOVE, "average only", "effect is above zero"),
        (BELOW, "average only", "effect is below zero"),
        (UNSURE, "none", "not significantly different from zero"),
        (effect(0.2, 0.2), "none", "no width, which is no evidence"),
        (effect(0.0, 0.2), "none", "not significantly different from zero"),
    ],
)
def test_otherwise_the_average_decides(found, response, slope, why, average, word, end):
    said = verdict(average, found, response, line(slope))
    assert (said.word, said.title) == (word, TITLES[word])
    assert said.why.startswith(why)
    assert said.why.endswith(end)


def test_nothing_is_believed_of_a_broken_experiment():
    said = verdict(ABOVE, GOOD, EVEN, line(0.5), broken="arms have not the sizes that were planned")
    assert (said.word, said.why) == ("none", "arms have not the sizes that were planned")
    assert said.title == "no evidence"


def test_a_verdict_names_what_it_is_to_be_read_with():
    said = verdict(ABOVE, GOOD, EVEN, line(0.5), reservations=["drift to held-out units"])
    assert (said.word, said.why) == ("usable", f"{USABLE}; with reservations: drift to held-out units")
    nothing = verdict(UNSURE, BAD, EVEN, line(0.5), reservations=["drift to held-out units"])
    assert "reservations" not in nothing.why


def test_beating_no_response_model_is_no_win_and_is_said():
    said = verdict(ABOVE, GOOD, None, line(0.5))
    assert said.word == "usable"
    assert "model could be fitted" in said.why
    assert verdict(ABOVE, BAD, None, line(0.5)).word == "average only"


def test_an_average_without_an_error_is_no_evidence():
    said = verdict(effect(1.0, 1.0), ranking(0.0, 0.0), None, line(nan))
    assert said.word == "none"
    assert "has no width" in said.why
