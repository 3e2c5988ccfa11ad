import datetime as dt

import numpy as np
import polars as pl
import pytest

from tabkit.dependence import ENOUGH, dependence
from tabkit.roles import Roles

START = dt.date(2024, 1, 1)
ROLES = Roles(target="y", time="when", group="who")


def rows(*, days: int, groups: int, each: int = 40, seed: int = 0) -> pl.DataFrame:
    """Rows of some days, by members of some groups who come on any day; nothing clings to either."""
    rng = np.random.default_rng(seed)
    count = days * each
    return pl.DataFrame(
        {
            "when": [START + dt.timedelta(days=k // each) for k in range(count)],
            "who": rng.permutation(np.arange(count) % groups),
            "y": rng.normal(size=count),
        }
    )


@pytest.mark.parametrize(
    ("days", "groups", "unit", "lots"),
    [(30, 200, "day", 30), (3, 60, "group", 60), (30, 4, "day", 30), (3, 4, "row", None), (1, 1, "row", None)],
)
def test_days_where_there_are_enough_else_groups_else_rows(days: int, groups: int, unit: str, lots: int | None) -> None:
    found = dependence(rows(days=days, groups=groups), ROLES)
    assert (found.unit, found.clusters) == (unit, lots)
    assert ("taken as independent" in found.note) == (days < ENOUGH)


def test_of_a_snapshot_it_is_said_what_the_interval_does_not_hold() -> None:
    one, three = (dependence(rows(days=n, groups=5), Roles(time="when")).note for n in (1, 3))
    for note in (one, three):
        assert "day are taken" in note
        assert "next month" in note
    assert "3" in three
    assert dependence(rows(days=3, groups=5), Roles(target="y")).note == ""


def test_groups_over_days_are_drawn_where_the_target_clings_to_them() -> None:
    frame = rows(days=60, groups=12)
    level = np.random.default_rng(1).normal(size=12)
    clinging = frame.with_columns(y=pl.col("y") + pl.Series(level[frame["who"].to_numpy()]))
    assert dependence(frame, ROLES).unit == "day"
    assert dependence(clinging, ROLES).unit == "group"
    words = clinging.with_columns(y=pl.when(pl.col("y") > 0).then(pl.lit("yes")).otherwise(pl.lit("no")))
    assert dependence(words, ROLES).unit == "group"


def test_without_dependence_days_nearly_always_stand() -> None:
    units = [dependence(rows(days=20, groups=100, seed=seed), ROLES).unit for seed in range(100)]
    assert units.count("day") >= 90


def test_days_that_a_division_leaves_too_few_give_way_to_groups() -> None:
    frame = rows(days=17, groups=50)
    assert dependence(frame, ROLES).unit == "day"
    assert dependence(frame, ROLES, share=0.3).unit == "group"


def test_a_time_that_is_a_number_is_cut_into_blocks() -> None:
    frame = pl.DataFrame({"when": [k // 3 for k in range(3000)]})
    found = dependence(frame, Roles(time="when"))
    assert (found.unit, found.clusters) == ("block", 40)
    months = dependence(frame.with_columns(pl.col("when") // 50), Roles(time="when"))
    assert months.clusters == 20
    few = dependence(frame.with_columns(pl.col("when") // 500), Roles(time="when"))
    assert (few.unit, list(few.few)) == ("row", ["time"])
    assert "next month" in few.note


def test_times_of_a_day_are_of_it() -> None:
    hours = pl.DataFrame({"when": [dt.datetime(2024, 1, 1) + dt.timedelta(hours=k) for k in range(480)]})
    assert dependence(hours, Roles(time="when")).clusters == 20
