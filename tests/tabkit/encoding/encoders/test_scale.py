from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from tabkit.encoding import Encoded, FittedTable, RobustScale, StandardScale, TableEncoder
from tabkit.errors import ConfigError, FitError

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
INF, NAN = float("inf"), float("nan")
BOTH = pytest.mark.parametrize("kind", [StandardScale, RobustScale])


def _fit(values, encoder, weight=None):
    frame = pl.DataFrame(
        {"x": values, "z": range(len(values)), "w": weight if weight is not None else [1.0] * len(values)}
    )
    fitted, features = TableEncoder(folds=2, columns={"x": encoder}).fit_transform(frame, weight="w")
    return Encoded(fitted, features.rename(lambda name: name.removesuffix(f" {encoder.kind}")))


@patient
@given(
    rows=st.lists(
        st.tuples(st.none() | st.floats(-1e6, 1e6), st.sampled_from([0.0, 0.5, 1.0, 4.0])), min_size=3, max_size=40
    )
)
def test_the_standard_scale_is_that_of_scikit_learn(rows):
    values, weight = (list(column) for column in zip(*rows, strict=True))
    known = [(v, w) for v, w in rows if v is not None and w > 0]
    if len({v for v, _ in known}) < 2:
        return
    _, features = _fit(pl.Series(values, dtype=pl.Float64), StandardScale(), weight)
    scaler = StandardScaler().fit([[v] for v, _ in known], sample_weight=[w for _, w in known])
    expected = scaler.transform([[NAN if v is None else v] for v in values])[:, 0]
    found = features["x"].to_numpy()
    spread = max(abs(v - scaler.mean_[0]) for v, _ in known)
    if spread > 1e-6 * max(abs(v) for v, _ in known):  # below, scikit-learn calls the column constant
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_mean_far_from_zero_does_not_cancel():
    values = 1e9 + np.random.default_rng(0).normal(size=1000)
    features = _fit(values, StandardScale()).features
    assert features["x"].std(ddof=0) == pytest.approx(1, rel=1e-6)
    assert features["x"].mean() == pytest.approx(0, abs=1e-6)


@patient
@given(values=st.lists(st.integers(-30, 30), min_size=2, max_size=41, unique=True))
def test_the_robust_scale_is_that_of_numpy_quantiles(values):
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf")
    unit = high - low or max(values) - min(values)
    features = _fit(values, RobustScale()).features
    np.testing.assert_allclose(features["x"], (np.array(values) - middle) / unit)


def test_other_quantiles_can_be_the_unit():
    values = np.arange(101.0)
    assert _fit(values, RobustScale(low=0.1, high=0.9)).features["x"].to_list() == pytest.approx((values - 50) / 80)


def test_an_outlier_moves_the_standard_scale_but_not_the_robust_one():
    values = [*range(99), 10**9]
    assert abs(_fit(values, StandardScale()).features["x"][98]) < 0.2
    assert _fit(values, RobustScale()).features["x"][98] == pytest.approx((98 - 49) / 50)


def test_equal_quartiles_give_way_to_the_range():
    features = _fit([0, 0, 0, 0, 0, 0, 0, 4], RobustScale()).features
    assert features["x"].to_list() == [0] * 7 + [1]


@BOTH
def test_new_rows_are_scaled_by_the_rows_of_the_fit_and_missing_stays_missing(kind):
    encoder, features = _fit([1.0, 2.0, None, NAN, 6.0], kind())
    new = pl.DataFrame({"x": [1.0, 2.0, None, NAN, 6.0], "z": [0] * 5})
    for fitted in (encoder, FittedTable.from_dict(encoder.to_dict())):
        assert fitted.transform(new).to_series(0).to_list() == features["x"].to_list()
    assert features["x"].is_null().to_list() == [False, False, True, True, False]


@BOTH
@pytest.mark.parametrize(
    ("values", "number"),
    [
        ([True, False, None, True, True], [1, 0, None, 1, 1]),
        ([Decimal("1.5"), Decimal("0.5"), None, Decimal("2.5")], [1.5, 0.5, None, 2.5]),
        ([dt.timedelta(1), dt.timedelta(-2), None, dt.timedelta(5)], [86_400, -172_800, None, 432_000]),
        ([dt.time(1), dt.time(2), None, dt.time(5)], [3600, 7200, None, 18_000]),
    ],
    ids=["boolean", "decimal", "duration", "time"],
)
def test_whatever_is_one_number_can_be_scaled(kind, values, number):
    found, expected = (_fit(v, kind()).features["x"].to_list() for v in (values, number))
    assert found == pytest.approx(expected)


@BOTH
def test_infinite_numbers_are_refused_or_null(kind):
    with pytest.raises(FitError, match=r"'x' \(1 rows\)"):
        _fit([1.0, INF, 3.0], kind())
    encoder, features = _fit([1.0, INF, 3.0], kind(infinite="null"))
    assert features["x"].to_list() == _fit([1.0, None, 3.0], kind()).features["x"].to_list()
    assert encoder.transform(pl.DataFrame({"x": [-INF], "z": [0]})).to_series(0).to_list() == [None]


@BOTH
@pytest.mark.parametrize(("values", "why"), [([7, 7, 7], "constant (7)"), ([None, NAN, None], "all null")])
def test_numbers_that_tell_nothing_are_left_out(kind, values, why):
    encoder = _fit(pl.Series(values, dtype=pl.Float64), kind()).encoder
    assert encoder.plan()["why"][0] == why
    assert json.dumps(encoder.to_dict()["parts"], allow_nan=False)
    assert FittedTable.from_dict(encoder.to_dict()).outputs == ("z",)


@BOTH
def test_a_constant_that_is_sometimes_missing_is_zero_or_null(kind):
    assert _fit([7, None, 7], kind()).features["x"].to_list() == [0, None, 0]


def test_values_without_weight_leave_no_nan():
    encoder, features = _fit([1.0, 2.0, None], StandardScale(), [0.0, 0.0, 1.0])
    assert features["x"].to_list() == [1.0, 2.0, None]
    assert json.dumps(encoder.to_dict()["parts"], allow_nan=False)


@BOTH
def test_centre_and_scale_can_be_known_beforehand(kind):
    assert _fit([1, 2, 3], kind(center=1, scale=2)).features["x"].to_list() == [0, 0.5, 1]
    assert _fit([1, 2, 3], kind(center=0)).features["x"][0] == pytest.approx(
        1 / (2 / 3) ** 0.5 if kind is StandardScale else 0.5
    )


@pytest.mark.parametrize(("low", "high"), [(0.75, 0.25), (0.5, 0.5), (-0.1, 0.5), (0.5, 1.1), (NAN, 0.5)])
def test_impossible_quantiles_are_refused(low, high):
    with pytest.raises(ConfigError, match="low and high"):
        RobustScale(low=low, high=high)
