from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabkit.errors import ConfigError
from tabkit.uplift.design.overlap import floored, kept, overlap
from tabkit.uplift.experiment import Experiment

# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, max_examples=60)


@pytest.mark.parametrize("trim", [0.0, 0.05, 0.1, 0.3])
def test_two_arms_are_kept_from_trim_to_one_less_trim(trim):
    p = np.linspace(0.01, 0.99, 99)
    np.testing.assert_array_equal(
        kept(np.column_stack([1 - p, p]), trim=trim), (p >= trim - 1e-12) & (p <= 1 - trim + 1e-12)
    )


def test_each_arm_must_be_possible():
    raw = np.array([[0.9, 0.05, 0.05], [0.94, 0.01, 0.05], [0.04, 0.48, 0.48], [0.3, 0.3, 0.4]])
    assert kept(raw, trim=0.05).tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("arms", "trim", "most"), [(2, 0.5, "0.5"), (2, -0.01, "0.5"), (3, 0.4, "0.333"), (2, float("nan"), "0.5")]
)
def test_a_trim_that_leaves_no_one_is_refused(arms, trim, most):
    with pytest.raises(ConfigError, match=rf"(?s)0.*{most}.*expected.*try 0.05"):
        kept(np.full((4, arms), 1 / arms), trim=trim)


@patient
@given(seed=st.integers(0, 2**32), arms=st.integers(2, 4), trim=st.floats(0, 0.2))
def test_floored_propensities_are_at_least_trim_and_sum_to_one(seed, arms, trim):
    raw = np.random.default_rng(seed).dirichlet(np.full(arms, 0.2), 50)
    found = floored(raw, trim=trim)
    assert (found >= max(trim, 1e-6) * (1 - 1e-9)).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    low = raw < max(trim, 1e-6)
    np.testing.assert_allclose(found[low], max(trim, 1e-6))
    fine = ~low.any(axis=1)
    assert (abs(found[fine] - raw[fine]) <= arms * max(trim, 1e-6)).all()
    assert ((found[:, 0] - found[:, 1]) * (raw[:, 0] - raw[:, 1]) >= -1e-12).all()  # no two change places


@pytest.mark.parametrize("trim", [0.01, 0.05, 0.2])
def test_propensities_that_are_kept_are_not_changed(trim):
    raw = np.random.default_rng(0).dirichlet(np.ones(3), 500)
    good = kept(raw, trim=trim)
    assert 0 < good.sum() < 500
    np.testing.assert_allclose(floored(raw, trim=trim)[good], raw[good], rtol=1e-12)


def test_impossible_arms_become_possible():
    found = floored(np.array([[1.0, 0.0], [0.0, 1.0]]), trim=0.0)
    np.testing.assert_allclose(found, [[1 - 1e-6, 1e-6], [1e-6, 1 - 1e-6]])
    assert Experiment(("a", "b"), np.array([0, 1]), np.zeros(2), found).rows == 2


def test_the_overlap_of_arms():
    raw = np.array([[0.5, 0.5], [0.8, 0.2], [0.99, 0.01], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    arm = np.array([0, 0, 0, 1, 1, 1])
    experiment = Experiment(("no", "yes"), arm, np.zeros(6), floored(raw, trim=0.05))
    found = overlap(experiment, raw, trim=0.05)
    assert (found.rows, found.trimmed, found.trim) == (6, 1, 0.05)
    assert (found.lowest, found.highest) == (0.01, 0.8)
    without, given_ = np.array([1 / 0.5, 1 / 0.8]), np.array([1 / 0.4, 1 / 0.8, 1 / 0.5])
    expected = [w.sum() ** 2 / (w**2).sum() for w in (without, given_)]
    np.testing.assert_allclose(found.effective, expected)


def test_equal_weights_count_every_unit_and_an_arm_without_units_none():
    even = np.full((10, 2), 0.5)
    full = overlap(Experiment(("a", "b"), np.arange(10) % 2, np.zeros(10), even), even, trim=0.1)
    assert full.effective == (5, 5)
    one = overlap(Experiment(("a", "b"), np.zeros(10, dtype=int), np.zeros(10), even), even, trim=0.1)
    assert one.effective == (10, 0)
