"""Units that were given their arm together are found by what they share."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.uplift.design.together import assigned_together
from tabkit.uplift.experiment import Experiment


def pupils(seed=0, *, by_class=True, schools=25, shares=None):
    """Three classes a school, one of each arm; a class is known by its school and what its teacher has."""
    rng = np.random.default_rng(seed)
    school, years = np.repeat(np.arange(schools), 3), rng.integers(0, 30, 3 * schools)
    classes = pl.DataFrame({"school": school, "years": years, "arm": [0, 1, 2] * schools})
    frame = classes[np.repeat(np.arange(3 * schools), 15)]
    rows = frame.height
    frame = frame.with_columns(
        school=pl.format("s{}", "school"),
        girl=pl.Series(rng.random(rows) < 0.5),
        month=pl.Series(rng.integers(1, 13, rows)),
    )
    arm = frame["arm"].to_numpy() if by_class else rng.permutation(frame["arm"].to_numpy())
    p = np.full((rows, 3), 1 / 3) if shares is None else shares
    return frame.drop("arm"), Experiment(("regular", "small", "aide"), arm, np.zeros(rows), p)


def test_pupils_of_a_class_are_known_by_their_school_and_teacher():
    frame, experiment = pupils()
    found = assigned_together(frame, frame.columns, experiment)
    assert set(found.columns) >= {"school", "years"}
    assert found.agreement > 0.9
    assert found.z > 50
    assert 60 <= found.groups <= 150


def test_a_customer_who_stands_there_twice_is_a_group():
    rng = np.random.default_rng(0)
    half = pl.DataFrame({"age": rng.integers(18, 90, 300), "spend": rng.random(300)})
    arm = rng.integers(0, 2, 300)
    twice = Experiment(("no", "yes"), np.tile(arm, 2), np.zeros(600), np.full((600, 2), 0.5))
    found = assigned_together(pl.concat([half, half]), ["age", "spend"], twice)
    assert "spend" in found.columns
    assert (found.groups, found.units, found.agreement) == (300, 600, 1.0)


def test_of_many_units_a_sample_finds_the_columns_and_all_are_counted():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(15_000), 2)
    arm = rng.integers(0, 2, 15_000)[group]
    experiment = Experiment(("no", "yes"), arm, np.zeros(30_000), np.full((30_000, 2), 0.5))
    found = assigned_together(
        pl.DataFrame({"house": group, "age": rng.integers(18, 90, 30_000)}), ["age", "house"], experiment
    )
    assert (found.columns, found.groups, found.units, found.agreement) == (("house",), 15_000, 30_000, 1.0)


def test_arms_drawn_unit_by_unit_are_never_taken_for_groups():
    """Of 200 such tables the largest agreement was .09, and the largest z 3.2."""
    for seed in range(40):
        frame, experiment = pupils(seed, by_class=False)
        assert assigned_together(frame, frame.columns, experiment) is None


def test_strata_with_shares_of_their_own_are_no_groups():
    rng = np.random.default_rng(0)
    north = rng.random(3000) < 0.5
    chance = np.where(north, 0.95, 0.05)
    arm = (rng.random(3000) < chance).astype(np.int64)
    frame = pl.DataFrame({"north": north, "age": rng.integers(18, 90, 3000)})
    by_design = Experiment(("no", "yes"), arm, np.zeros(3000), np.column_stack([1 - chance, chance]))
    assert assigned_together(frame, frame.columns, by_design) is None


@pytest.mark.parametrize("column", [[1.5] * 6, list(range(6)), [None] * 6, [[1]] * 6])
def test_columns_without_groups_say_nothing(column):
    experiment = Experiment(("no", "yes"), np.array([0, 0, 0, 1, 1, 1]), np.zeros(6), np.full((6, 2), 0.5))
    assert assigned_together(pl.DataFrame({"x": column}), ["x"], experiment) is None
