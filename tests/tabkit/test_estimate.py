"""Whatever an estimate is of, its number and interval stand in the same fields."""

from __future__ import annotations

import dataclasses

import pytest

from tabkit.metrics import METRICS, bootstrap
from tabkit.metrics.estimate import Estimate
from tabkit.metrics.resampling import Interval
from tabkit.uplift.decision.policy import Value
from tabkit.uplift.effects import AverageEffect
from tabkit.uplift.metrics.intervals import RankingInterval

KINDS = [Interval, RankingInterval, AverageEffect, Value]


@pytest.mark.parametrize("kind", KINDS)
def test_estimates_of_all_rooms_begin_with_the_same_fields(kind: type[Estimate]) -> None:
    assert issubclass(kind, Estimate)
    names = [field.name for field in dataclasses.fields(kind)]
    assert names[:5] == ["value", "low", "high", "level", "se"]


@pytest.mark.parametrize("kind", [Estimate, *KINDS])
def test_estimates_are_not_changed(kind: type[Estimate]) -> None:
    found = object.__new__(kind)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.value = 1.0  # type: ignore[misc]
    assert not hasattr(found, "__dict__")


def test_a_bootstrap_fills_all_of_them() -> None:
    [found] = bootstrap([METRICS["mae"]], [0, 0, 0, 0], [1, 2, 3, 6], resamples=200, level=0.9, seed=0)
    assert (found.value, found.level) == (3.0, 0.9)
    assert 1 < found.low < 3 < found.high < 6
    assert found.se == pytest.approx(3.5**0.5 / 2, rel=0.15)  # the spread of four rows, over the root of four
