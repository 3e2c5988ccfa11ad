import polars as pl
import pytest

from tabkit.encoding import FittedTable, TableEncoder
from tabkit.errors import SchemaError

FRAME = pl.DataFrame({"c": ["a", "b", None, "a"] * 5, "x": range(20), "y": [0, 1, 1, 0] * 5})


def test_a_saved_state_names_its_features_and_holds_the_statistics_of_every_level():
    onehot, numeric = TableEncoder(folds=2).fit(FRAME, target="y").to_dict()["encoders"]
    assert (onehot["outputs"], numeric["outputs"]) == (["c=a", "c=b", "c is null"], ["x"])
    totals = onehot["frames"]["statistics"].group_by("level").agg(pl.col("rows", "sum_0").sum())
    assert sorted(totals.rows(), key=str) == [("a", 10.0, 0.0), ("b", 5.0, 5.0), (None, 5.0, 5.0)]


def test_features_that_would_be_called_otherwise_now_are_refused():
    state = TableEncoder(folds=2).fit(FRAME, target="y").to_dict()
    assert FittedTable.from_dict(state).outputs == ("c=a", "c=b", "c is null", "x")
    state["encoders"][1]["outputs"] = ["x (a number)"]
    with pytest.raises(SchemaError, match=r"'x' were called \['x \(a number\)'\] when the state was saved"):
        FittedTable.from_dict(state)


def test_the_same_kinds_are_made_again_on_other_rows():
    fitted = TableEncoder(folds=2).fit(FRAME, target="y")
    other = FRAME.with_columns(c=pl.Series([f"level {i}" for i in range(20)]))
    again = TableEncoder(folds=2, columns=fitted.specs).fit(other, target="y")
    assert again.plan()["encoder"].to_list() == fitted.plan()["encoder"].to_list() == ["onehot", "numeric"]
    assert TableEncoder(folds=2).fit(other, target="y").plan()["encoder"].to_list() == ["drop", "numeric"]
