"""Bank marketing, May 2008 to November 2010, whose base rate drifts from 3 % to 51 %: updates block by block."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from places import DATA

from pipelines import propensity
from tabkit import Roles, metrics

BANK = DATA / "bank_additional.parquet"

pytestmark = [
    pytest.mark.reference,
    pytest.mark.slow,
    pytest.mark.skipif(not BANK.is_file(), reason="the reference data are not on this machine"),
]


def walk(strategy: str) -> float:
    """Return the pooled log loss over 11 blocks, each predicted before it updates the model."""
    rows = pl.read_parquet(BANK).drop("duration").with_row_index("when")
    first, rest = rows[:20_000], rows[20_000:]
    settings = {"resamples": 50, "boosting": {"num_threads": 2}}
    model = propensity.train(first, roles=Roles(target="y", time="when"), config=settings)
    predicted, seen = [], first
    for start in range(0, rest.height, 2000):
        block = rest[start : start + 2000]
        predicted.append(model.score(block).collect()["score"].to_numpy())
        if strategy != "keep":
            old = seen if strategy in ("retrain", "auto") else None
            update = {"strategy": strategy, "blocks": 1}
            model, _ = propensity.update(model, block, reference=old, config=update)
        seen = pl.concat([seen, block])
    y = (rest["y"] == "yes").cast(pl.Float64).to_numpy()
    return metrics.log_loss(y, np.concatenate(predicted))


@pytest.mark.slow(seconds=120)
def test_every_update_beats_standing_still_and_the_chooser_is_near_the_best_of_them():
    # Measured: keep .531, recalibrate .421, refit .433, extend .449, the chooser .422 (retraining, .436, takes long).
    single = {name: walk(name) for name in ("keep", "recalibrate", "refit", "extend")}
    assert 0.50 < single["keep"] < 0.56
    assert all(loss < single["keep"] - 0.08 for name, loss in single.items() if name != "keep")
    assert walk("auto") <= min(single.values()) + 0.01
