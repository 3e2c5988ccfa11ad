from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabkit.encoding import FittedTable, QuantileBins, TableEncoder
from tabkit.encoding.encoders.quantiles import quantile
from tabkit.errors import ConfigError, FitError

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
INF, NAN = float("inf"), float("nan")


def _fit(values, **options):
    frame = pl.DataFrame({"x": values, "z": range(len(values))})
    return TableEncoder(folds=2, columns={"x": QuantileBins(**options)}).fit_transform(frame)


def _edges(encoder):
    return list(encoder.encoders[0].frozen.edges)


@patient
@given(
    values=st.lists(st.integers(-20, 20), min_size=1, max_size=60),
    shares=st.lists(st.integers(0, 20).map(lambda i: i / 20), min_size=1, max_size=9),
)
def test_quantiles_are_those_of_numpy(values, shares):
    counted = pl.Series(values).cast(pl.Float64).value_counts(sort=False, name="rows").sort("")
    found = quantile(counted.rename({"": "value"}), shares)
    # numpy multiplies share and count in floating point, and may land one row too far: take the share a hair less
    exact = [sorted(values)[max(-(-round(s * 20) * len(values) // 20), 1) - 1] for s in shares]
    assert found == exact
    near = np.maximum(np.array(shares) - 1e-12, 0)
    assert found == np.quantile(values, near, method="inverted_cdf").tolist()


def test_a_share_whose_product_comes_out_too_large_takes_no_row_too_many():
    assert 0.55 * 100 > 55
    counted = pl.DataFrame({"value": np.arange(1.0, 101.0), "rows": [1] * 100})
    assert quantile(counted, [0.55]) == [55.0]


@patient
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=60, unique=True), bins=st.integers(2, 12))
def test_edges_are_the_inner_quantiles_of_numpy_and_bins_hold_their_upper_edge(values, bins):
    encoder, features = _fit(values, bins=bins)
    inner = np.quantile(values, np.arange(1, bins) / bins - 1e-12, method="inverted_cdf")
    edges = sorted({edge for edge in inner.tolist() if edge < max(values)})
    assert _edges(encoder) == edges
    assert features["x bin"].to_list() == np.searchsorted(edges, values, side="left").tolist()


@pytest.mark.parametrize("bins", [2, 3, 7, 10])
def test_bins_hold_about_equally_many_rows(bins):
    features = _fit(np.random.default_rng(0).gamma(0.5, size=1000), bins=bins).features
    sizes = features["x bin"].value_counts().sort("x bin")
    assert sizes["x bin"].to_list() == list(range(bins))
    assert sizes["count"].max() - sizes["count"].min() <= 1


def test_equal_edges_fall_together():
    encoder, features = _fit([0] * 90 + list(range(1, 11)))
    assert _edges(encoder) == [0.0]
    assert features["x bin"].to_list() == [0] * 90 + [1] * 10
    assert encoder.plan()["why"][0] == "2 bins of about equally many rows"


def test_numbers_beyond_those_of_the_fit_go_to_the_outer_bins_and_null_stays_null():
    encoder, _ = _fit([1.0, 2.0, 3.0, 4.0], bins=4)
    new = pl.DataFrame({"x": [-99.0, 1.0, 1.5, 4.0, 99.0, INF, -INF, None, NAN], "z": [0] * 9})
    for fitted in (encoder, FittedTable.from_dict(encoder.to_dict())):
        assert fitted.transform(new)["x bin"].to_list() == [0, 0, 1, 3, 3, 3, 0, None, None]


def test_infinite_numbers_are_refused_or_null():
    values = [1.0, 2.0, INF, -INF, 3.0, 4.0]
    with pytest.raises(FitError, match=r"'x' \(2 rows\)"):
        _fit(values, bins=2)
    encoder, features = _fit(values, bins=2, infinite="null")
    assert _edges(encoder) == [2.0]
    assert features["x bin"].to_list() == [0, 0, None, None, 1, 1]


@pytest.mark.parametrize(
    "values",
    [[False, True] * 2, [dt.timedelta(0), dt.timedelta(1)] * 2, [dt.time(0), dt.time(1)] * 2],
    ids=["boolean", "duration", "time"],
)
def test_whatever_is_one_number_can_be_binned(values):
    assert _fit(values, bins=2).features["x bin"].to_list() == [0, 1, 0, 1]


def test_a_constant_that_is_sometimes_missing_is_one_bin():
    assert _fit([7, None, 7, 7]).features["x bin"].to_list() == [0, None, 0, 0]
    assert _fit([7, 7, 7, 7]).encoder.plan()["why"][0] == "constant (7)"
    assert _fit(pl.Series([None] * 4, dtype=pl.Float64)).encoder.plan()["why"][0] == "all null"


def test_weights_do_not_move_the_edges():
    frame = pl.DataFrame({"x": [1, 2, 3, 4], "w": [100.0, 1, 1, 1]})
    fitted = TableEncoder(folds=2, columns={"x": QuantileBins(bins=2)}).fit(frame, weight="w")
    assert _edges(fitted) == [2.0]


def test_edges_can_be_known_beforehand():
    assert _fit([1, 2, 3, 4], edges=(2.5,)).features["x bin"].to_list() == [0, 0, 1, 1]
    assert _fit([1, None, 3, 4], edges=()).features["x bin"].to_list() == [0, None, 0, 0]


@pytest.mark.parametrize(
    "options", [{"bins": 1}, {"edges": (2.0, 1.0)}, {"edges": (1.0, 1.0)}, {"edges": (NAN, 1.0)}, {"edges": (INF,)}]
)
def test_impossible_bins_are_refused(options):
    with pytest.raises(ConfigError, match="expected"):
        QuantileBins(**options)
