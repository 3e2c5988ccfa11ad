from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tabkit.uplift.decision.segments import SEGMENTS, segment_effects, segments
from tabkit.uplift.metrics.clustered_errors import mean_se

# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, max_examples=50)
NUMBERS = st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1)), min_size=1, max_size=40)


def test_the_thresholds_belong_to_the_outer_segments():
    effect = np.array([0.1, 0.09, 0.0, -0.09, -0.1])
    baseline = np.array([0.0, 0.4, 0.2, 0.4, 0.0])
    assert segments(effect, baseline, little=0.1).tolist() == [0, 1, 1, 1, 3]
    assert segments(effect, baseline, little=0.5).tolist() == [2, 1, 1, 1, 2]  # the mean counts as sure


def test_no_effect_is_no_persuasion_where_little_is_nothing():
    effect, baseline = np.array([0.0, 1e-9, -1e-9, 0.0]), np.array([1.0, 0, 0, 0])
    assert segments(effect, baseline, little=0.0).tolist() == [1, 0, 3, 2]


@patient
@given(NUMBERS, st.floats(0, 1))
def test_each_unit_has_the_segment_of_its_definition(units, little):
    effect, baseline = np.array(units).T
    number = segments(effect, baseline, little=little)
    for e, b, k in zip(effect, baseline, number, strict=True):
        name = SEGMENTS[k]
        if e > 0 and e >= little:
            assert name == "persuadables"
        elif e < 0 and e <= -little:
            assert name == "sleeping dogs"
        else:
            assert name == ("sure things" if b >= baseline.mean() else "lost causes")


def drawn(rows=4000):
    rng = np.random.default_rng(0)
    effect, baseline = rng.normal(0, 0.3, rows), rng.random(rows)
    return effect + rng.normal(size=rows), effect, baseline


@pytest.mark.parametrize("clustered", [False, True])
def test_each_segment_has_its_mean_and_standard_error(clustered):
    scores, effect, baseline = drawn()
    clusters = np.random.default_rng(1).integers(0, 300, 4000) if clustered else None
    found = segment_effects(scores, effect, baseline, little=0.2, clusters=clusters, level=0.9)
    number = segments(effect, baseline, little=0.2)
    assert [each.segment for each in found] == list(SEGMENTS)
    assert sum(each.share for each in found) == pytest.approx(1)
    for k, each in enumerate(found):
        own = number == k
        se = mean_se(scores[own], None if clusters is None else clusters[own])
        assert each.rows == own.sum()
        assert each.predicted == pytest.approx(effect[own].mean())
        assert each.baseline == pytest.approx(baseline[own].mean())
        assert each.observed == pytest.approx(scores[own].mean())
        wide = 1.644854 if clusters is None else stats.t.ppf(0.95, len(set(clusters[own])) - 1)
        assert [each.low, each.high] == pytest.approx([each.observed - wide * se, each.observed + wide * se])
        assert each.low < each.predicted < each.high  # what was predicted is true here
    assert found[0].baseline == pytest.approx(0.5, abs=0.05)
    assert found[1].baseline > 0.7 > 0.3 > found[2].baseline


def test_segments_without_units_have_no_numbers_and_lone_units_no_interval():
    found = segment_effects(np.arange(4.0), np.array([0.5, 0.4, 0.3, -0.5]), np.full(4, 0.1), little=0.2)
    persuadables, sure, lost, dogs = found
    assert (persuadables.rows, persuadables.observed) == (3, 1.0)
    for empty in (sure, lost):
        assert (empty.rows, empty.share) == (0, 0)
        assert (empty.predicted, empty.observed, empty.low, empty.high, empty.baseline) == (None,) * 5
    assert (dogs.rows, dogs.predicted, dogs.baseline) == (1, -0.5, 0.1)
    assert (dogs.observed, dogs.low, dogs.high) == (None,) * 3


def test_a_segment_within_one_cluster_has_no_interval():
    found = segment_effects(
        np.arange(4.0), np.full(4, 0.5), np.full(4, 0.1), little=0.2, clusters=np.zeros(4, dtype=int)
    )
    assert (found[0].rows, found[0].observed, found[0].low) == (4, None, None)
