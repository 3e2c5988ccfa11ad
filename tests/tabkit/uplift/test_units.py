"""How outcomes, arms and costs of an experiment are read: in the unit of the outcome, whatever its number of values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from experiments import KNOWN, QUICK, ROLES, mailing

from pipelines import uplift
from tabkit.config import build
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.target import TargetColumn
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.ensemble.fit import ExperimentUnits
from tabkit.uplift.units import Understood, costs_of, units_of


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    return mailing(600)


def read(table: pl.DataFrame, outcome: pl.Expr, like: Understood | None = None, **settings: Any) -> ExperimentUnits:
    frame = table.select(*KNOWN, "arm", outcome.alias("y"))
    config = build(UpliftConfig, {**QUICK, **settings})
    return units_of(frame, replace(ROLES, outcome="y"), config, like=like)


BOUGHT = pl.col("bought").cast(pl.Int64)


@pytest.mark.parametrize(
    ("outcome", "kind", "values"),
    [
        (BOUGHT * 50, "number", [0, 50]),
        (BOUGHT * 50.0, "number", [0, 50]),
        (BOUGHT * 2, "number", [0, 2]),
        (BOUGHT * 2 - 1, "number", [-1, 1]),
        (BOUGHT + 1, "number", [1, 2]),
        (BOUGHT * 0.25, "number", [0, 0.25]),
        ((BOUGHT * 50).cast(pl.Decimal(10, 2)), "number", [0, 50]),
        (BOUGHT, "binary", [0, 1]),
        (BOUGHT.cast(pl.Float32), "binary", [0, 1]),
        (BOUGHT.cast(pl.Boolean), "binary", [0, 1]),
        (BOUGHT.replace_strict([0, 1], ["no", "yes"]), "binary", [0, 1]),
        (BOUGHT * (1 + pl.int_range(pl.len()) % 2), "count", [0, 1, 2]),
    ],
)
def test_an_outcome_keeps_its_unit_whatever_its_number_of_values(people, outcome, kind, values) -> None:
    units = read(people, outcome)
    assert units.experiment.kind == kind
    assert np.unique(units.experiment.outcome).tolist() == values


def test_two_numbers_are_yes_and_no_where_that_is_said(people) -> None:
    for said in ({"positive": "2"}, {"positive": "2.0"}, {"outcome_type": "binary"}):
        units = read(people, BOUGHT + 1, **said)
        assert (units.experiment.kind, units.target.positive) == ("binary", "2")
    assert read(people, BOUGHT * 2, outcome_type="count").experiment.kind == "count"


@pytest.mark.parametrize(
    ("outcome", "cost", "words"),
    [
        (BOUGHT, 5.0, r"costs 5.*'y'.*yes \(1\).*1"),
        (BOUGHT * 2 - 1, 2.5, r"goes.*-1.*1.*effect.*larger.*2"),
        (BOUGHT * 50, 51.0, "goes from 0 to 50"),
        (BOUGHT, -5.0, r"costs -5.*effect.*larger.*1"),  # a saving
    ],
)
def test_a_cost_that_no_effect_can_pay_for_is_asked_about(people, outcome, cost, words) -> None:
    units = read(people, outcome)
    above, below = (build(UpliftConfig, {**QUICK, "costs": {"mail": each}}) for each in (cost, 1.0))
    with pytest.raises(ConfigError, match=words):
        costs_of(units, above)
    assert costs_of(units, below).tolist() == [0, 1]


def test_an_amount_of_two_values_gives_the_decision_of_the_amount(people) -> None:
    table = people.with_columns(
        paid=BOUGHT * 50.0, code=pl.col("arm").replace_strict({"none": 0.0, "mail": 1.0}, default=2.0)
    )
    table = table.select(*KNOWN, "paid", "code")
    roles = replace(ROLES, treatment="code", outcome="paid")
    told = {}
    for control, cost in (("0", {"1": 2}), ("0.0", {"1.0": 2})):
        model = uplift.train(table, roles=roles, config={**QUICK, "control": control, "costs": cost})
        assert (model.evaluation["kind"], model.arms.labels) == ("number", ("0", "1", "2"))
        told[control] = model.score(table).collect()
    assert told["0"].equals(told["0.0"])
    seen = table.group_by("code").agg(pl.col("paid").mean()).sort("code")["paid"]
    assert told["0"]["effect_1"].mean() == pytest.approx(seen[1] - seen[0], abs=2.5)  # of 50, not of 1


def test_further_units_are_read_as_the_model_was_trained(people) -> None:
    two = read(people, BOUGHT, like=Understood(TargetColumn("y", "regression"), "number"))
    assert (two.experiment.kind, two.target.task) == ("number", "regression")
    share = Understood(TargetColumn("y", "binary", ("0", "50")), "binary")  # as bundles of older versions have it
    assert read(people, BOUGHT * 50.0, like=share).experiment.outcome.max() == 1
    with pytest.raises(FitError, match="not there at the fit: '20'"):
        read(people, BOUGHT * 20, like=share)
    with pytest.raises(SchemaError, match="a number was expected"):
        read(people, pl.col("arm"), like=Understood(TargetColumn("y", "regression"), "number"))
    with pytest.raises(FitError, match="constant"):
        read(people, BOUGHT * 0, like=Understood(TargetColumn("y", "regression"), "count"))
