"""Untuned boosting of the UCI bank marketing calls, in the order of their dates."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from places import DATA

from tabkit import metrics
from tabkit.boosting import BoostingConfig, Rows, base_rate, fit
from tabkit.encoding import TableEncoder
from tabkit.predictors import linear
from tabkit.predictors.linear_config import LinearConfig
from tabkit.splits import holdout

BANK = DATA / "bank_additional.parquet"
CONFIG = BoostingConfig(objective="binary", max_trees=100, num_threads=1)

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not BANK.is_file(), reason="the reference data are not on this machine"),
]


@pytest.fixture(scope="module")
def bank() -> pl.DataFrame:
    return pl.read_parquet(BANK).drop("duration")  # it leaks the outcome


def _y(frame: pl.DataFrame) -> np.ndarray:
    return (frame["y"] == "yes").cast(pl.Float64).to_numpy()


@pytest.mark.parametrize("seed", [0, 1])
def test_on_rows_drawn_by_chance_it_beats_both_baselines_and_reaches_the_known_auc(bank, seed):
    parts = holdout(bank.height, share=0.25, seed=seed, stratify=_y(bank))
    train, test = bank[parts.train], bank[parts.test]
    encoder, features = TableEncoder().fit_transform(train, target="y")
    rows, new = Rows(features, _y(train)), encoder.transform(test)
    models = [
        fit(rows, config=CONFIG),
        linear.fit(rows, config=LinearConfig(), losses=CONFIG),
        base_rate(rows, config=CONFIG),
    ]
    # measured over four seeds: AUC .805 to .817, log loss .265 to .270, of the linear model .272 to .280,
    # of the base rate .352
    losses = [metrics.log_loss(_y(test), model.predict(new)) for model in models]
    assert losses[0] < losses[1] - 0.004 < losses[2] - 0.06
    assert 0.79 < metrics.auc(_y(test), models[0].predict(new)) < 0.83


def test_on_later_rows_an_old_model_is_no_better_than_chance(bank):
    # published for this table: mean AUC of blocks .498, pooled log loss .554; measured .497 and .549
    train, later = bank[:20_000], bank[20_000:]
    encoder, features = TableEncoder().fit_transform(train, target="y")
    found = fit(Rows(features, _y(train)), config=CONFIG).predict(encoder.transform(later))
    y = _y(later)
    blocks = [metrics.auc(y[i : i + 2000], found[i : i + 2000]) for i in range(0, len(y), 2000)]
    assert len(blocks) == 11
    assert np.mean(blocks) == pytest.approx(0.498, abs=0.02)
    assert metrics.log_loss(y, found) == pytest.approx(0.554, abs=0.02)


def test_early_stopping_ends_in_time_and_contributions_add_up(bank):
    parts = holdout(bank.height, share=0.25, seed=0, stratify=_y(bank))
    encoder, features = TableEncoder().fit_transform(bank[parts.train], target="y")
    valid = Rows(encoder.transform(bank[parts.test]), _y(bank[parts.test]))
    config = CONFIG.model_copy(update={"max_trees": 1000})
    model = fit(Rows(features, _y(bank[parts.train])), valid, config=config)
    assert 40 < model.trees < 300
    assert model.held_out_loss is not None
    assert model.held_out_loss < 0.275
    top = valid.features[:2000]
    np.testing.assert_allclose(model.contributions(top).sum_horizontal().to_numpy(), model.raw(top), atol=1e-9)
