from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.encoding import Frequency, Input, Numeric, QuantileBins, StandardScale, TableEncoder
from tabkit.encoding.roles import RowRoles
from tabkit.encoding.table.survey import survey
from tabkit.errors import FitError
from tabkit.target import TargetColumn

NAN, INF = float("nan"), float("inf")
FRAME = pl.DataFrame(
    {
        "t": ["b", None, "a", "b"],
        "x": [1.5, NAN, None, 1.5],
        "w": [1.0, 0.0, 2.0, 0.5],
        "g": ["p", "q", "p", "q"],
        "at": [4, 3, 2, 1],
        "y": [0, 1, 1, 0],
    }
)
Y = TargetColumn("y", "binary", ("0", "1"))
NONE = RowRoles()


def _input(*names):
    return Input(names, tuple(FRAME.schema[name] for name in names))


def _survey(parts, *, frame=FRAME, targets=(Y,), **roles):
    return survey(frame.lazy(), parts, targets=list(targets), roles=RowRoles(**roles))


def test_one_pass_finds_all_that_was_asked_for():
    parts = [(_input("t"), Frequency()), (_input("x"), QuantileBins()), (_input("x"), StandardScale())]
    found = _survey(parts, weight="w", groups="g", time="at")
    assert found.rows == 4
    assert found.nulls == {"t": 1, "x": 2}
    assert found.text["t"].to_list() == ["b", None, "a", "b"]
    assert found.text.columns == ["t"]
    assert found.values["x"].rows() == [(1.5, 2)]
    assert found.scalars[0] == {}
    assert found.scalars[1] == {"low": 1.5, "high": 1.5, "missing": 2, "infinite": 0}
    assert found.scalars[2] | {"mass": 1.5, "mean": 1.5, "scatter": 0.0} == found.scalars[2]
    np.testing.assert_array_equal(found.y, [[0, 1, 1, 0]])
    np.testing.assert_array_equal(found.weight, FRAME["w"])
    assert found.other.to_dict(as_series=False) == {"groups": ["p", "q", "p", "q"], "time": [4, 3, 2, 1]}


def test_of_a_cross_each_column_is_counted_and_both_together():
    found = _survey([(_input("t", "x"), Frequency())])
    assert found.nulls == {"t": 1, "x": 2, "t x x": 1}
    assert found.text["t x x"].n_unique() == 3


def test_several_targets_are_read_together():
    found = _survey([(_input("t"), Frequency())], targets=[Y, TargetColumn("at", "regression")])
    np.testing.assert_array_equal(found.y, [[0, 1, 1, 0], [4, 3, 2, 1]])


def test_without_target_weight_and_levels_the_rows_are_still_counted():
    found = _survey([(_input("x"), Numeric())], targets=[])
    assert (found.rows, found.y, found.weight, found.text.width, found.other.width) == (4, (), None, 0, 0)


def test_rows_are_counted_even_if_nothing_is_read():
    assert _survey([], targets=[]).rows == 4
    with pytest.raises(FitError, match=r"no column.*learn"):
        TableEncoder(default="drop").fit(FRAME)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (pl.lit(None, dtype=pl.Int64).alias("y"), r"target 'y'.*null, NaN.*4"),
        (pl.Series("w", [1.0, None, 1.0, 1.0]), r"weight 'w'.*NaN.*negative.*1"),
        (pl.Series("w", [1.0, -1.0, NAN, INF]), r"weight 'w'.*NaN.*negative.*3"),
        (pl.lit(0).alias("w"), r"weight 'w'.*every"),
    ],
)
def test_impossible_targets_and_weights_are_refused(change, said):
    with pytest.raises(FitError, match=said):
        _survey([(_input("x"), Numeric())], frame=FRAME.with_columns(change), weight="w")


def test_a_table_without_rows_is_refused():
    with pytest.raises(FitError, match="no rows"):
        _survey([(_input("x"), Numeric())], frame=FRAME.clear())
