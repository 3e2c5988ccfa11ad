"""What is counted as independent, and what is said where an arm is missing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tabkit.errors import FitError
from tabkit.rules.config import AimConfig
from tabkit.rules.sample import RuleSample, aimed

ROWS = 400
START = dt.datetime(2024, 1, 1)


def found(folder: Path, frame: pl.DataFrame, **settings: Any) -> RuleSample:
    path = folder / "rows.parquet"
    frame.write_parquet(path)
    roles = {"target": "y", **settings.pop("roles", {})}
    return aimed(AimConfig(source=str(path), roles=roles, **settings))


def rows() -> pl.DataFrame:
    chance = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "customer": [f"c{value % 50}" for value in range(ROWS)],
            "when": [START + dt.timedelta(hours=value) for value in range(ROWS)],
            "number": np.arange(ROWS) // 10,
            "arm": np.where(np.arange(ROWS) % 2 == 0, "mail", "none"),
            "y": (chance.random(ROWS) < 0.3).astype(int),
        }
    ).with_columns(pl.lit(None, dtype=pl.Int64).alias("empty"))


def test_rows_of_a_group_count_as_one(tmp_path: Path) -> None:
    said = found(tmp_path, rows(), roles={"group": "customer", "time": "when"})
    assert said.goal.unit is not None
    assert len(np.unique(said.goal.unit)) == 50
    assert said.goal.unit.min() == 0
    assert said.goal.unit.max() == 49
    assert "depend on each other: 50" in " ".join(said.notes)
    assert any("count as one" in note for note in said.dropped_notes)


def test_else_rows_of_a_day_do(tmp_path: Path) -> None:
    said = found(tmp_path, rows(), roles={"time": "when"})
    assert said.goal.unit is not None
    assert said.goal.unit.tolist() == (np.arange(ROWS) // 24).tolist()
    assert any("Rows of one day" in note for note in said.notes)


def test_few_days_and_days_of_one_row_do_not(tmp_path: Path) -> None:
    few = rows().with_columns(when=pl.Series([START + dt.timedelta(minutes=value) for value in range(ROWS)]))
    lone = rows().with_columns(when=pl.Series([START + dt.timedelta(days=value) for value in range(ROWS)]))
    for frame, roles in ((few, {"time": "when"}), (lone, {"time": "when"}), (rows(), {})):
        said = found(tmp_path, frame, roles=roles)
        assert said.goal.unit is None
        assert not any("count as one" in note for note in said.notes)
        assert any("taken as independent" in note for note in said.notes) == (frame is few)


def test_of_a_time_that_is_a_number_neighbours_count_as_one(tmp_path: Path) -> None:
    said = found(tmp_path, rows(), roles={"time": "number"})
    assert said.goal.unit is not None
    assert len(np.unique(said.goal.unit)) == 40
    assert any("number count" in note for note in said.notes)


def test_a_few_groups_prove_nothing(tmp_path: Path) -> None:
    few = rows().with_columns(customer=pl.col("number") % 4)
    said = found(tmp_path, few, roles={"group": "customer"})
    assert said.goal.unit is not None
    assert len(np.unique(said.goal.unit)) == 4


@pytest.mark.parametrize("roles", [{}, {"group": "customer"}, {"treatment": "arm"}])
def test_one_time_divides_nothing_and_that_is_said(tmp_path: Path, roles: dict[str, str]) -> None:
    table = rows().with_columns(number=7)
    control = {"control": "none"} if "treatment" in roles else {}
    timed = found(tmp_path, table, roles={**roles, "time": "number"}, **control)
    plain = found(tmp_path, table, roles=roles, **control)
    assert timed.holdout is not None
    assert plain.holdout is not None
    assert np.array_equal(timed.holdout, plain.holdout)
    by = "whole groups" if "group" in roles else "within arms" if "treatment" in roles else "within classes"
    [said] = [note for note in timed.notes if "have one time (number 7)" in note]
    assert by in said
    assert not any("have one" in note for note in plain.notes)


def test_one_group_divides_nothing_and_proves_nothing(tmp_path: Path) -> None:
    said = found(tmp_path, rows().with_columns(customer=pl.lit("a")), roles={"group": "customer"})
    assert said.holdout is not None
    assert any("have one group (customer a)" in note for note in said.notes)
    assert said.goal.unit is not None
    assert not said.goal.unit.any()


def test_an_arm_that_is_missing_is_said(tmp_path: Path) -> None:
    roles = {"time": "number", "treatment": "arm"}
    late = rows().with_columns(arm=pl.Series(np.where(np.arange(ROWS) < 290, "none", "mail")))
    with pytest.raises(FitError, match=r"arm 'mail'.*'arm'.*among"):
        found(tmp_path, late, roles=roles, control="none")
    early = rows().with_columns(arm=pl.Series(np.where(np.arange(ROWS) < 100, "mail", "none")))
    said = found(tmp_path, early, roles=roles, control="none")
    assert "arm mail" in " ".join(said.notes)
