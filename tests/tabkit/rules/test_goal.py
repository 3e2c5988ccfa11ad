"""What rules are measured by: shares of labels, means of numbers, effects in the unit of the outcome."""

from __future__ import annotations

import polars as pl
import pytest

from tabkit.errors import ConfigError
from tabkit.rules.goal import aim


@pytest.mark.parametrize(("values", "mean"), [([0.0, 50.0], 25.0), ([-1, 1], 0.0), ([0, 2], 1.0)])
def test_two_amounts_are_a_mean_in_their_own_unit(values, mean):
    goal = aim(pl.DataFrame({"y": values * 10}), "y").goal
    assert (goal.kind, goal.positive, goal.y.mean(), goal.binary) == ("mean", None, mean, False)
    asked = aim(pl.DataFrame({"y": values * 10}), "y", positive=str(float(values[1]))).goal
    assert (asked.kind, asked.positive, asked.y.mean()) == ("share", str(int(values[1])), 0.5)


@pytest.mark.parametrize("values", [[0, 1], [0.0, 1.0], [False, True], ["no", "yes"]])
def test_yes_and_no_are_a_share(values):
    goal = aim(pl.DataFrame({"y": values * 10}), "y").goal
    assert (goal.kind, goal.y.tolist()) == ("share", [0.0, 1.0] * 10)


@pytest.mark.parametrize("values", [[0.0, 1.0, 2.0, 2.0], [0, 1, 2, 2], [-7, 1, 2, 2]])
def test_a_class_of_numbers_may_be_named(values):
    frame = pl.DataFrame({"y": values * 5})
    for written in ("1", "1.0"):
        goal = aim(frame, "y", positive=written).goal
        assert (goal.kind, goal.positive, goal.y.mean()) == ("share", "1", 0.25)
    with pytest.raises(ConfigError, match=r"(?s)'3'.*among.*labels.*'y'.*'2'"):
        aim(frame, "y", positive="3")
    assert aim(frame, "y").goal.kind == "mean"


@pytest.mark.parametrize("control", ["0", "0.0"])
@pytest.mark.parametrize("arms", [[0.0, 1.0], [0, 1]])
def test_an_effect_is_in_the_unit_of_the_outcome_and_arms_may_be_floats(arms, control):
    frame = pl.DataFrame({"y": [0.0, 50.0, 50.0, 50.0] * 10, "t": arms * 20})
    goal = aim(frame, "y", treatment="t", control=control, arm=f"{arms[1]}").goal
    assert (goal.kind, goal.arm, goal.control) == ("effect", "1", "0")
    assert goal.y[goal.treated].mean() - goal.y[~goal.treated].mean() == 25.0
