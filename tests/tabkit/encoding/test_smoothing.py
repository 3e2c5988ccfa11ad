from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabkit.encoding.smoothing import check_smoothing, shrinkage, smoothed
from tabkit.encoding.statistics import Sums
from tabkit.errors import ConfigError

quick = settings(deadline=None, max_examples=50, derandomize=True)
LEVELS = st.lists(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.sampled_from([0.0, 0.5, 1.0, 3.0])), max_size=6), min_size=1, max_size=6
)


def _sums(levels):
    weight = np.array([[sum(w for _, w in rows)] for rows in levels], dtype=float)
    sums = np.array([[[sum(w * y for y, w in rows)]] for rows in levels], dtype=float)
    mean = np.divide(sums, weight[..., None], out=np.zeros_like(sums), where=weight[..., None] > 0)
    scatter = [[[sum(w * (y - m) ** 2 for y, w in rows)]] for rows, m in zip(levels, mean.ravel(), strict=True)]
    return Sums(weight, sums, np.array(scatter, dtype=float))


def _by_hand(levels, smoothing):
    every = [row for rows in levels for row in rows]
    mass = sum(w for _, w in every)
    if mass == 0:
        return [np.nan] * (len(levels) + 1)
    prior = sum(w * y for y, w in every) / mass
    v = sum(w * (y - prior) ** 2 for y, w in every) / mass
    found = []
    for rows in levels:
        n = sum(w for _, w in rows)
        if n == 0:
            found.append(prior)
            continue
        m = sum(w * y for y, w in rows) / n
        within = sum(w * (y - m) ** 2 for y, w in rows) / n
        if smoothing == "auto":
            share = v * n / (v * n + within) if v * n + within > 0 else 0.0
        else:
            share = n / (n + smoothing)
        found.append(share * m + (1 - share) * prior)
    return [*found, prior]


@quick
@given(levels=LEVELS, smoothing=st.sampled_from([0, 0.5, 10, "auto"]))
def test_means_are_those_of_the_formulas_then_comes_the_prior(levels, smoothing):
    found = smoothed(_sums(levels), smoothing)[:, 0]
    np.testing.assert_allclose(found, _by_hand(levels, smoothing), rtol=1e-9, atol=1e-6)


def test_without_any_weight_all_is_null():
    nothing = Sums(np.zeros((3, 1)), np.zeros((3, 1, 2)), np.zeros((3, 1, 2)))
    assert np.isnan(smoothed(nothing, "auto")).all()
    assert smoothed(nothing, 1.0).shape == (4, 2)


@pytest.mark.parametrize("smoothing", [0, 1e-9, 3, 1e9, "auto"])
def test_a_share_lies_between_none_and_all_and_grows_with_the_rows(smoothing):
    weight = np.array([[0.0], [0.5], [1.0], [100.0], [1e9]])
    share = shrinkage(weight, np.full((5, 1), 2.0), np.array([1.0]), smoothing)
    assert share[0, 0] == 0
    assert ((share >= 0) & (share <= 1)).all()
    assert (np.diff(share[:, 0]) >= 0).all()


def test_a_level_without_scatter_is_its_own_mean_and_a_constant_target_the_prior():
    within, weight = np.zeros((1, 1)), np.ones((1, 1))
    assert shrinkage(weight, within, np.array([0.25]), "auto") == 1
    assert shrinkage(weight, within, np.array([0.0]), "auto") == 0


@pytest.mark.parametrize("value", [None, "eb", "1", -1, np.nan, np.inf, True, [1]])
def test_other_smoothing_is_refused(value):
    with pytest.raises(ConfigError, match="'auto' or a number from 0"):
        check_smoothing(value)
