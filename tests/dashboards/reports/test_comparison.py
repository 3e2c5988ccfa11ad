"""The page of a comparison shows what was measured, with what makes it doubtful, whatever names say."""

from __future__ import annotations

from chart_frames import HOSTILE

from dashboards.reports.comparison import of_models, of_rules, render

NUMBERS = {"rows": 1200, "span": None, "level": 0.9, "unit": "day", "note": "Days are drawn whole."}


def test_metrics_stand_side_by_side_with_their_difference() -> None:
    scores = [
        {"model": model, "metric": metric, "value": value, "low": None, "high": None}
        for metric, values in {"log_loss": (0.51, 0.55), "auc": (0.7, 0.66), "ece": (0.01, 0.02)}.items()
        for model, value in zip(("model", "other"), values, strict=True)
    ]
    gains = [{"model": "other", "metric": "log_loss", "value": -0.04, "low": -0.055, "high": -0.024}]
    told = {"a": HOSTILE, "b": "new", "verdict": HOSTILE, "warnings": [HOSTILE], "scores": scores, "gains": gains}
    content = of_models({**told, **NUMBERS})
    first = content.metrics[0]
    assert (first.metric, first.first, first.second) == ("log_loss", 0.55, 0.51)
    page = render(content, made_by="compare")
    assert HOSTILE not in page
    assert "-0.040" in page
    assert "-0.055 to -0.024" in page
    assert "90% interval" in page
    assert "Days are drawn whole." in page
    assert content.metrics[2].difference is None


def test_rules_are_told_with_their_share_of_the_gain() -> None:
    metric = {"metric": "log_loss", "without_rules": 0.6, "with_rules": 0.6, "difference": 0.0, "low": 0.0, "high": 0.0}
    use = {"rule": HOSTILE, "text": "age < 30", "share": 0.042, "rank": 3.0, "fits": 5}
    told = {
        "verdict": "No difference shown.",
        "warnings": [],
        "metrics": [metric],
        "rules": [use],
        "fits": 10,
        "folds": 5,
    }
    page = render(of_rules({**told, **NUMBERS}), made_by="rules worth")
    assert HOSTILE not in page
    assert "age &lt; 30" in page
    assert "4.2% of all gain" in page
    assert "0.000 (" not in page  # an interval without width is no evidence
