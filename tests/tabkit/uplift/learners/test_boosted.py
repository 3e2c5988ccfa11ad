"""The regressions of uplift: what they learn does not hang on the level or the unit of the outcome."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.boosting import BoostingConfig
from tabkit.uplift.learners.boosted import regressions


@pytest.mark.parametrize("kind", ["number", "effect"])
@pytest.mark.parametrize(("level", "unit"), [(1e9, 1.0), (0.0, 1e-12), (0.0, 1e12)])
def test_level_and_unit_of_an_outcome_change_no_regression(kind, level, unit):
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    features, y = pl.DataFrame({"x": x}), 10 * x + rng.normal(size=600)
    quick = BoostingConfig(max_trees=40, learning_rate=0.2, num_leaves=7, num_threads=1)
    learn = regressions(outcomes=quick, effects=quick, seed=0)
    near, far = (learn(features, values, kind=kind).predict(features) for values in (y, level + unit * y))
    np.testing.assert_allclose((far - level) / unit, near, atol=1e-2)
    assert np.corrcoef(near, y)[0, 1] > 0.98
