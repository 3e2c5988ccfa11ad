"""Columns of a summary that mean something else: what shows it, and how rarely right ones look so."""

import numpy as np
import polars as pl
import pytest

from tabkit.cltv.guard import guard
from tabkit.cltv.models import MODELS
from tabkit.errors import FitError

BGNBD = MODELS["bgnbd"]


def simulated(seed: int, customers: int = 300, *, r: float = 0.8, alpha: float = 6.0) -> pl.DataFrame:
    """Return a summary by BG/NBD with a = 0.8, b = 2.5: customers buy until they leave after a purchase."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(customers):
        age, count, last = rng.uniform(20, 60), 0, 0.0
        rate, leave, now = rng.gamma(r, 1 / alpha), rng.beta(0.8, 2.5), 0.0
        while (now := now + rng.exponential(1 / rate)) < age:
            count, last = count + 1, now
            if rng.random() < leave:
                break
        rows.append((count, last, age))
    return pl.DataFrame(rows, schema=["frequency", "recency", "T"], orient="row")


def test_right_summaries_raise_no_suspicion() -> None:
    assert [guard(simulated(seed, n), BGNBD).warnings for seed in range(6) for n in (30, 300)] == [()] * 12
    # Where nearly all buy often, nobody with frequency 0 is nothing strange.
    loyal = simulated(0, 30, r=8.0, alpha=8.0).filter(pl.col("frequency") > 0)
    assert guard(loyal, BGNBD).warnings == ()


def test_a_frequency_that_counts_first_purchases_is_refused() -> None:
    frame = simulated(0)
    with pytest.raises(FitError, match=r"customer.*0.*recency 0"):
        guard(frame.with_columns(pl.col("frequency") + 1), BGNBD)
    both = frame.with_columns(pl.col("frequency") + 1, recency=pl.col("T") - pl.col("recency"))
    with pytest.raises(FitError, match=r"recency.*counted"):
        guard(both, BGNBD)


@pytest.mark.parametrize("seed", range(3))
def test_what_may_be_meant_otherwise_is_asked(seed: int) -> None:
    frame = simulated(seed)
    again = frame.filter(pl.col("frequency") > 0)
    assert any("No customer has frequency 0" in told for told in guard(again, BGNBD).warnings)
    backwards = again.with_columns(recency=pl.col("T") - pl.col("recency"))
    assert any("count back" in told for told in guard(backwards, BGNBD).warnings)
    units = frame.with_columns(pl.col("T") * 7)
    assert any("in two units" in told for told in guard(units, BGNBD).warnings)
    unmerged = frame.with_columns(recency=pl.when(pl.col("frequency") > 3).then(0.0).otherwise("recency"))
    assert any("bought again with recency 0" in told for told in guard(unmerged, BGNBD).warnings)
