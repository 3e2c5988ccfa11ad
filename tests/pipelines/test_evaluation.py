import json

import numpy as np
import pytest

from pipelines.evaluation import BASE_RATE, LINEAR, MODEL, Evaluation, Score, evaluate
from tabkit import metrics


def verdict(*gains: Score, rows: int = 100) -> str:
    return Evaluation(rows=rows, span=None, scores=(), gains=gains, level=0.9).verdict()


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        ((-3.0, -4.0, -2.0), "beats the linear model (rmse -3.0, 90% interval -4.0 to -2.0)"),
        ((3.0, 2.0, 4.0), "loses to the linear model (rmse +3.0, 90% interval +2.0 to +4.0)"),
        ((1.0, -2.0, 4.0), "does not clearly beat the linear model (rmse +1.0, 90% interval -2.0 to +4.0)"),
        ((-1.0, -2.0, 0.0), "does not clearly beat the linear model (rmse -1.0, 90% interval -2.0 to +0.0)"),
        ((0.0, 0.0, 0.0), "does not differ from the linear model"),
        ((-12345.6, -13e3, -11e3), "beats the linear model (rmse -12,346, 90% interval -13,000 to -11,000)"),
        ((-3e-5, -4e-5, -2e-5), "beats the linear model (rmse -0.000030, 90% interval -0.000040 to -0.000020)"),
    ],
)
def test_a_verdict_says_win_loss_or_draw(gain: tuple[float, float, float], expected: str) -> None:
    assert verdict(Score(LINEAR, "rmse", *gain)) == f"On 100 held-out rows the model {expected}."


def test_a_verdict_tells_a_better_loss_from_a_worse_ranking() -> None:
    loss, ranking = Score(LINEAR, "log_loss", -0.02, -0.03, -0.01), Score(LINEAR, "auc", -0.006, -0.009, -0.003)
    assert verdict(loss, ranking) == (
        "On 100 held-out rows the model beats the linear model (log_loss -0.020, 90% interval -0.030 to "
        "-0.010) but loses to it (auc -0.0060, 90% interval -0.0090 to -0.0030)."
    )
    both = verdict(loss, Score(LINEAR, "auc", 0.01, 0.005, 0.015))
    assert both.count("beats the linear model") == 1
    assert "but" not in both
    assert "; auc +0.010," in both


def test_a_verdict_joins_what_it_says_of_both_baselines() -> None:
    won, lost = Score(BASE_RATE, "rmse", -3.0, -4.0, -2.0), Score(LINEAR, "rmse", 3.0, 2.0, 4.0)
    assert verdict(lost, won, rows=12_345).startswith("On 12,345 held-out rows the model loses to the linear model (")
    assert ") and beats the base rate (" in verdict(lost, won)


@pytest.fixture
def evaluation() -> Evaluation:
    rng = np.random.default_rng(0)
    truth = rng.random(400)
    y = (rng.random(400) < truth).astype(float)
    predictions = {MODEL: truth, BASE_RATE: np.full(400, 0.5)}
    measures = metrics.for_task("binary")
    return evaluate(y, predictions, measures=measures, weight=None, span=("a", "b"), resamples=50, level=0.95, seed=0)


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
