from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import RobustScaler

from tabkit.errors import FitError, SchemaError, ScoringError
from tabkit.neural.inputs import Inputs, fit_inputs
from tabkit.rows import Rows


def _fit(columns, *, categorical=(), rare=1) -> tuple[Inputs, pl.DataFrame]:
    frame = pl.DataFrame(columns)
    return fit_inputs(Rows(frame, np.zeros(frame.height), categorical=categorical), rare=rare), frame


def _clipped(x):
    return x / np.sqrt(1 + (x / 3) ** 2)


def test_scaling_is_scikit_learns_robust_scaler_drawn_in_smoothly():
    rng = np.random.default_rng(0)
    x = rng.normal(5, 2, size=(301, 3)) ** 3
    inputs, frame = _fit({k: x[:, i] for i, k in enumerate("abc")})
    theirs = RobustScaler().fit(x)
    np.testing.assert_allclose(inputs.center, theirs.center_)
    np.testing.assert_allclose(inputs.scale, theirs.scale_)
    found = inputs.batch(frame).numbers
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, _clipped(theirs.transform(x)), rtol=1e-6, atol=1e-6)
    assert np.abs(found).max() < 3


def test_half_the_range_is_the_unit_where_the_quartiles_coincide():
    values = np.zeros(100)
    values[:10] = 8.0
    inputs, _ = _fit({"a": values})
    assert (inputs.center, inputs.scale) == ((0.0,), (4.0,))


def test_order_is_kept_far_out_and_nothing_passes_three():
    inputs, _ = _fit({"a": np.linspace(-1, 1, 101)})
    wild = [-1.79e308, -1e200, -1e10, -5.0, 0.0, 5.0, 1e10, 1e200, 1.79e308]
    found = inputs.batch(pl.DataFrame({"a": wild})).numbers[:, 0]
    assert (np.diff(found) >= 0).all()
    assert (found[0], found[-1]) == (-3, 3)


@pytest.mark.parametrize("values", [[1.7e308, -1.7e308, 0.0, 1e308] * 5, [1e-310, 2e-310, 3e-310, 5e-324] * 5])
def test_the_largest_and_the_smallest_numbers_stay_finite(values):
    inputs, frame = _fit({"a": values})
    assert np.isfinite(inputs.batch(frame).numbers).all()


def test_differences_of_large_numbers_survive():
    start = 1_700_000_000_000_000  # microseconds: a float32 would see them all as one
    inputs, frame = _fit({"at": start + np.arange(1000)})
    found = inputs.batch(frame).numbers[:, 0]
    assert len(np.unique(found)) == 1000
    np.testing.assert_allclose(found, _clipped((np.arange(1000) - 499.5) / 499.5), atol=1e-6)


def test_missing_numbers_are_zero_and_get_a_column_where_there_were_some():
    columns = {"full": [1.0, 2, 3, 4], "holes": [None, 1.0, float("nan"), 3.0], "ints": [1, None, 3, 4]}
    inputs, frame = _fit(columns)
    batch = inputs.batch(frame)
    assert inputs.missing == ("holes", "ints")
    assert inputs.width == 5
    np.testing.assert_array_equal(batch.numbers[:, 3:], [[1, 0], [0, 1], [1, 0], [0, 0]])
    np.testing.assert_array_equal(batch.numbers[[0, 2], 1], 0)
    later = inputs.batch(frame.with_columns(full=pl.lit(None, dtype=pl.Float64))).numbers
    np.testing.assert_array_equal(later[:, 0], 0)
    assert later.shape == (4, 5)


def test_a_feature_may_have_any_name():
    inputs, frame = _fit({"missing 0": [1.0, 2, 3], "0": [None, 1.0, 2.0], "1": [3, 1, 2]})
    assert inputs.batch(frame).numbers.shape == (3, 4)


def test_what_never_varies_is_left_out_but_a_hole_varies():
    inputs, frame = _fit(
        {"a": [1.0, 2, 3], "same": [7, 7, 7], "empty": [None] * 3, "nan": [float("nan")] * 3, "some": [5, None, 5],
         "one": [2, 2, 2], "rare": [0, 1, 2]},
        categorical=("one", "rare"), rare=2,
    )  # fmt: skip
    assert inputs.numbers == ("a",)
    assert inputs.missing == ("some",)
    assert inputs.sizes == ()
    assert inputs.batch(frame).levels.shape == (3, 0)


def test_levels_count_from_one_and_rare_null_and_new_ones_are_the_unknown():
    codes = [0] * 3 + [1] * 2 + [4] * 3 + [None]
    inputs, frame = _fit({"c": codes}, categorical=("c",), rare=3)
    assert inputs.sizes == (3,)
    np.testing.assert_array_equal(inputs.batch(frame).levels[:, 0], [1, 1, 1, 0, 0, 2, 2, 2, 0])
    new = [2.0, 3, 5, 1e9, 1e300, -1, -0.5, 0.5, 4.5, float("nan"), None, float("inf"), float("-inf"), 4]
    found = inputs.batch(pl.DataFrame({"c": pl.Series(new, dtype=pl.Float64)})).levels[:, 0]
    np.testing.assert_array_equal(found, [0] * 13 + [2])


@pytest.mark.parametrize("codes", [[0, 0, 1, 1], [True, True, False, False], [0.0, 0.0, float("nan"), 1.0]])
def test_codes_may_be_of_any_numeric_type(codes):
    inputs, frame = _fit({"c": codes}, categorical=("c",))
    assert inputs.batch(frame).levels.dtype == np.int64
    assert inputs.sizes == (3,)


def test_codes_that_are_none_are_unknown_at_the_fit_as_they_are_later():
    inputs, frame = _fit({"c": [-1.0, -1.0, 0.5, 0.5, 0.0, 0.0, 1.0, 1.0]}, categorical=("c",))
    np.testing.assert_array_equal(inputs.batch(frame).levels[:, 0], [0, 0, 0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize("code", [1e12, float("inf")])
def test_codes_that_do_not_count_from_zero_are_refused(code):
    with pytest.raises(FitError, match="'c'"):
        _fit({"c": [0.0, 1.0, code]}, categorical=("c",))


@pytest.mark.parametrize(
    "columns", [{"a": [1.0, 1.0]}, {"a": [None, None]}, {"a": [float("nan")] * 2}, {"a": [True, True]}]
)
def test_nothing_that_varies_is_refused(columns):
    with pytest.raises(FitError, match="no feature varies"):
        _fit(columns)


def test_infinity_is_refused_by_name_at_the_fit_and_later():
    with pytest.raises(FitError, match=r"'b' \(2 rows\)"):
        _fit({"a": [1.0, 2, 3], "b": [float("inf"), float("-inf"), 1.0]})
    inputs, frame = _fit({"a": [1.0, 2, 3]})
    with pytest.raises(ScoringError, match=r"'a' \(3 rows\)"):
        inputs.batch(frame.with_columns(a=pl.lit(float("inf"))))


def test_columns_are_taken_by_name():
    inputs, frame = _fit({"a": [1.0, 2, 3], "c": [0, 1, 1]}, categorical=("c",))
    batch = inputs.batch(frame)
    again = inputs.batch(frame.select("c", pl.lit("text").alias("extra"), "a"))
    np.testing.assert_array_equal(batch.numbers, again.numbers)
    np.testing.assert_array_equal(batch.levels, again.levels)
    with pytest.raises(SchemaError, match="'c'"):
        inputs.batch(frame.drop("c"))
    with pytest.raises(SchemaError, match="'a'"):
        inputs.batch(frame.with_columns(a=pl.lit("text")))


def test_plain_data_goes_through_json_and_comes_back():
    inputs, frame = _fit({"a": [1.0, 2.1, None, 3e9], "c": [0, 1, 1, 2]}, categorical=("c",))
    again = Inputs.from_dict(json.loads(json.dumps(inputs.to_dict())))
    assert again.to_dict() == inputs.to_dict()
    np.testing.assert_array_equal(again.batch(frame).numbers, inputs.batch(frame).numbers)
    np.testing.assert_array_equal(again.batch(frame).levels, inputs.batch(frame).levels)


def test_the_frame_is_not_changed_and_no_rows_are_fine():
    inputs, frame = _fit({"a": [1.0, None, 3], "c": [0, 1, 1]}, categorical=("c",))
    before = frame.clone()
    inputs.batch(frame).numbers[:] = 9
    assert frame.equals(before)
    empty = inputs.batch(frame.clear())
    assert (empty.numbers.shape, empty.levels.shape) == ((0, 2), (0, 1))
