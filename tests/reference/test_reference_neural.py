"""The network on real tables, beside the linear model on the same rows."""

from __future__ import annotations

import polars as pl
import pytest
from places import DATA

from pipelines import propensity
from tabkit import Roles
from tabkit.propensity.model import PropensityModel

pytest.importorskip("torch", reason="the extra neural is not installed")

BANK, SALARIES = DATA / "bank_additional.parquet", DATA / "employee_salaries.parquet"
CONFIG = {"model": "mlp", "resamples": 50, "final": "evaluated", "neural": {"num_threads": 2}}

pytestmark = [
    pytest.mark.reference,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BANK.is_file() and SALARIES.is_file()), reason="the reference data are not on this machine"
    ),
]


def value(model: PropensityModel, metric: str, of: str = "model") -> float:
    return next(s.value for s in model.evaluation.scores if (s.model, s.metric) == (of, metric))


def test_on_calls_of_a_bank_it_ranks_as_well_as_a_linear_model_and_its_probabilities_hold():
    rows = pl.read_parquet(BANK).drop("duration").sample(12_000, seed=0, shuffle=True)
    model = propensity.train(rows, roles=Roles(target="y"), config=CONFIG)
    assert value(model, "auc") >= 0.75
    assert value(model, "auc") >= value(model, "auc", "linear") - 0.01
    assert value(model, "log_loss") <= value(model, "log_loss", "linear") + 0.005
    assert value(model, "ece") < 0.03


def test_salaries_are_explained_by_titles_and_years():
    rows = pl.read_parquet(SALARIES)
    model = propensity.train(rows, roles=Roles(target="current_annual_salary"), config=CONFIG)
    assert value(model, "r2") >= 0.85
