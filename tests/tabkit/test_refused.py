"""Rows that are refused come back with their place in the source and a reason, as many as anyone will look at."""

import polars as pl
import pytest
from places import GOLDEN

from tabkit import propensity
from tabkit.refused import MOST, no_rows, refused_rows, refused_together
from tabkit.rules.goal import NULL_TARGET, OTHER_ARM, aim
from tabkit.table import read

FRAME = pl.DataFrame({"id": [1, 2, 3, 4], "left": ["yes", None, "no", None]})


def test_a_table_hands_out_the_rows_without_a_target() -> None:
    table = read(FRAME, {"target": "left", "id": "id"}, drop_null_target=True)
    assert table.dropped == {"null target": 2}
    assert table.refused.rows() == [(1, "null target", 2, None), (3, "null target", 4, None)]
    assert read(FRAME, {"target": "left"}).refused.equals(no_rows())


def test_nan_is_no_target_either() -> None:
    frame = pl.DataFrame({"y": [float("nan"), 1.0, None]})
    refused = read(frame, {"target": "y"}, drop_null_target=True).refused
    assert refused["row"].to_list() == [0, 2]


def test_columns_that_are_called_alike_keep_their_values() -> None:
    frame = pl.DataFrame({"row": ["a", "b"], "reason": [None, 2], "row of the source": [5, 6]})
    refused = refused_rows(frame, pl.col("reason").is_null(), "no reason")
    assert refused["row"].to_list() == [0]
    assert refused["reason"].to_list() == ["no reason"]
    assert "a" in refused.row(0)
    assert 5 in refused.row(0)
    assert len(set(refused.columns)) == 5


def test_of_very_many_the_first_are_kept() -> None:
    frame = pl.DataFrame({"y": [None] * (MOST + 5) + [1.0, 2.0]}, schema={"y": pl.Float64})
    table = read(frame, {"target": "y"}, drop_null_target=True)
    assert table.dropped == {"null target": MOST + 5}
    assert table.refused["row"].to_list() == list(range(MOST))


def test_steps_are_put_in_the_order_of_the_source() -> None:
    parts = [refused_rows(FRAME, pl.col("id") == one, f"is {one}") for one in (3, 1)]
    assert refused_together([*parts, None, no_rows()])["row"].to_list() == [0, 2]
    assert refused_together([None]).equals(no_rows())


def test_rules_refuse_rows_of_other_arms_and_without_an_outcome() -> None:
    frame = pl.DataFrame(
        {"arm": ["a", "b", "c", None, "a", "b", "a", "b"], "y": [1, 0, 1, 1, None, 1, 0, 0], "x": range(8)}
    )
    found = aim(frame, "y", treatment="arm", control="a", arm="b")
    assert found.dropped == {OTHER_ARM: 2, NULL_TARGET: 1}
    assert found.refused.select("row", "reason").rows() == [(2, OTHER_ARM), (3, OTHER_ARM), (4, NULL_TARGET)]
    assert found.frame["x"].to_list() == [0, 1, 5, 6, 7]


def test_a_fit_hands_them_out_and_a_bundle_does_not_keep_them() -> None:
    rows = pl.read_parquet(GOLDEN / "rows.parquet")
    labels = [None, *(["no", "yes", "yes", "no", "no"] * 12)][: rows.height]
    frame = pl.concat([rows] * 10).with_columns(pl.Series("left", labels * 10)).drop("customer", strict=False)
    config = {"drop_null_target": True, "boosting": {"max_trees": 3, "num_threads": 1}, "resamples": 20}
    model = propensity.train(frame, roles={"target": "left"}, config=config)
    assert model.refused_rows is not None
    assert model.refused_rows["row"].to_list() == [60 * part for part in range(10)]
    assert model.lineage["rows_dropped"] == {"null target": 10}
    with pytest.raises(AttributeError):
        model.refused_rows = None  # type: ignore[misc]
