import json
import re

import numpy as np
import polars as pl
import pytest

from tabkit import metrics
from tabkit.errors import FitError
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.evaluation import (
    BASE_RATE,
    LINEAR,
    MODEL,
    Evaluation,
    Gain,
    Resampling,
    Score,
    evaluate,
    resampling,
)
from tabkit.roles import Roles
from tabkit.table import Table


def verdict(*gains: Gain, rows: int = 100) -> str:
    return Evaluation(rows=rows, span=None, scores=(), gains=gains, level=0.9).verdict()


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        ((-3.0, -4.0, -2.0), r"beats .*rmse -3.0, .*-4.0 to -2.0\)"),
        ((3.0, 2.0, 4.0), r"loses to .*rmse \+3.0, .*\+2.0 to \+4.0\)"),
        ((1.0, -2.0, 4.0), r"not clearly beat .*rmse \+1.0, .*-2.0 to \+4.0\)"),
        ((-1.0, -2.0, 0.0), r"not clearly beat .*rmse -1.0, .*-2.0 to 0.0\)"),
        ((0.0, 0.0, 0.0), "does not differ"),
        (
            (-3.0, -3.0, -3.0),
            r"not clearly beat .*rmse -3.00, .*no interval",
        ),
        ((-12345.6, -13e3, -11e3), r"beats .*rmse -12,346, .*-13,000 to -11,000\)"),
        (
            (-0.098, -0.098, -0.098),
            r"not clearly beat .*rmse -0.0980, .*no interval",
        ),
        ((-3e-5, -4e-5, -2e-5), r"beats .*rmse -0.000030, .*-0.000040 to -0.000020\)"),
    ],
)
def test_a_verdict_says_win_loss_or_draw(gain: tuple[float, float, float], expected: str) -> None:
    said = verdict(Gain(LINEAR, "rmse", *gain))
    assert re.search(expected, said)
    assert "100" in said
    assert LINEAR in said


def test_a_verdict_tells_a_better_loss_from_a_worse_ranking() -> None:
    loss, ranking = Gain(LINEAR, "log_loss", -0.02, -0.03, -0.01), Gain(LINEAR, "auc", -0.006, -0.009, -0.003)
    better = r"beats .*log_loss -0.020, 90% .*-0.030 to -0.010\)"
    assert re.search(better + r".*worse \(auc -0.0060, 90% .*-0.0090 to -0.0030\)", verdict(loss, ranking))
    both = verdict(loss, Gain(LINEAR, "auc", 0.01, 0.005, 0.015))
    assert both.count("beats the linear model") == 1
    assert "but" not in both
    assert "; auc +0.010," in both


def test_a_recalibration_that_ranks_alike_is_no_contradiction() -> None:
    loss, ranking = Gain("other", "log_loss", -0.2, -0.23, -0.17), Gain("other", "auc", 0.0, 0.0, 0.0)
    assert "auc" not in verdict(loss, ranking)
    assert "beats the other" in verdict(loss, ranking)


def test_a_verdict_has_one_winner_whatever_both_metrics_say() -> None:
    signs = {1: (0.02, 0.01, 0.03), -1: (-0.02, -0.03, -0.01), 0: (0.0, -0.01, 0.01)}
    for loss in signs.values():
        for ranking in signs.values():
            said = verdict(Gain(LINEAR, "auc", *ranking), Gain(LINEAR, "log_loss", *loss))
            assert sum(said.count(word) for word in ("beats", "loses to", "does not clearly beat")) == 1
            assert said.index("log_loss") < said.index("auc")
            assert (" though it ranks rows " in said) == (loss[0] * ranking[0] > 0)


def test_a_verdict_on_perfect_models_has_no_rows_of_zeros() -> None:
    loss, ranking = Gain(LINEAR, "log_loss", -2e-9, -3e-9, -1e-9), Gain(LINEAR, "auc", -1e-16, -2e-16, 0.0)
    assert "does not differ" in verdict(loss, ranking)
    assert "0.0" not in verdict(loss, ranking)
    loss = Gain(LINEAR, "log_loss", -0.02, -0.03, -0.01)
    assert "auc" not in verdict(loss, ranking)
    scores = (Score(MODEL, "rmse", 1e-10, 0.0, 1e-9), Score(BASE_RATE, "rmse", 3e9, 2e9, 4e9))
    gains = (Gain(LINEAR, "rmse", -1e-3, -2e-3, -5e-4),)
    found = Evaluation(rows=100, span=None, scores=scores, gains=gains, level=0.9)
    assert "does not differ" in found.verdict()  # a millionth of a millionth of the target's own spread


def test_a_verdict_says_how_the_target_was_understood() -> None:
    found = Evaluation(rows=100, span=None, scores=(), gains=(), level=0.9, about="y was taken for a number.")
    assert found.verdict().endswith(" y was taken for a number.")
    kept = json.loads(json.dumps(found.to_dict()))
    assert Evaluation.from_dict(kept) == found
    del kept["about"]  # as older bundles have it
    assert Evaluation.from_dict(kept).about == ""


def test_a_verdict_joins_what_it_says_of_both_baselines() -> None:
    won, lost = Gain(BASE_RATE, "rmse", -3.0, -4.0, -2.0), Gain(LINEAR, "rmse", 3.0, 2.0, 4.0)
    assert re.search(r"12,345.*loses to.*\(", verdict(lost, won, rows=12_345))
    assert ") and beats the base rate (" in verdict(lost, won)


@pytest.fixture
def evaluation() -> Evaluation:
    rng = np.random.default_rng(0)
    truth = rng.random(400)
    y = (rng.random(400) < truth).astype(float)
    predictions = {MODEL: truth, BASE_RATE: np.full(400, 0.5)}
    measures = metrics.for_task("binary")
    return evaluate(y, predictions, measures=measures, weight=None, span=("a", "b"), how=Resampling(50))


def test_gains_are_paired_and_below_zero_is_better(evaluation: Evaluation) -> None:
    losses = {score.model: score for score in evaluation.scores if score.metric == "log_loss"}
    (gain,) = evaluation.gains
    assert gain.value == pytest.approx(losses[MODEL].value - losses[BASE_RATE].value)
    assert gain.low < gain.value < gain.high < 0
    assert (
        gain.high - gain.low < losses[MODEL].high - losses[MODEL].low + losses[BASE_RATE].high - losses[BASE_RATE].low
    )


def test_it_survives_a_manifest(evaluation: Evaluation) -> None:
    values = json.loads(json.dumps(evaluation.to_dict()))
    assert Evaluation.from_dict(values) == evaluation
    assert values["verdict"] == evaluation.verdict()
    assert evaluation.frame().columns == ["model", "metric", "value", "low", "high"]


def test_a_metric_that_is_undefined_here_is_left_out_but_never_the_first() -> None:
    y = np.zeros(50)
    found = evaluate(
        y, {MODEL: y + 1, LINEAR: y + 2}, measures=metrics.for_task("regression"), weight=None, span=None,
        how=Resampling(20),
    )  # fmt: skip
    assert {score.metric for score in found.scores} == {"rmse", "mae"}
    auc = (metrics.METRICS["auc"],)
    with pytest.raises(FitError, match="class"):
        evaluate(y, {MODEL: y, LINEAR: y}, measures=auc, weight=None, span=None, how=Resampling(20))


def test_the_calibration_error_has_no_interval(evaluation: Evaluation) -> None:
    (ece, _) = (score for score in evaluation.scores if score.metric == "ece")
    assert (ece.low, ece.high) == (None, None)
    assert ece.value > 0


def test_days_or_groups_or_else_rows_are_drawn() -> None:
    rows = pl.DataFrame({"day": pl.Series(range(40)).cast(pl.Date), "group": [i % 20 for i in range(40)], "y": 0})
    settings = TrainConfig()

    def unit(**roles: str) -> str:
        return resampling(Table(rows, Roles(target="y", **roles), "rows", {}), settings).unit

    assert (unit(), unit(time="day"), unit(time="group")) == ("row", "day", "block")
    assert (unit(group="group"), unit(group="group", time="day")) == ("group", "group")
    pairs = Table(
        rows.with_columns(group=pl.col("group") % 2), Roles(target="y", group="group", time="day"), "rows", {}
    )
    assert resampling(pairs, settings).unit == "day"  # two groups are too few to draw from
    few = Table(rows[:9], Roles(target="y", time="day"), "rows", {})
    assert resampling(few, settings).unit == "row"
    assert "taken as independent" in resampling(few, settings).note
