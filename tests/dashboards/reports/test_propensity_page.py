import dataclasses
import re
import sys
from html import unescape

import polars as pl
import pytest

from dashboards.reports.propensity_page import ModelReport, render
from tabkit.errors import SchemaError

HOSTILE = "<script>alert('x')</script>"
MODELS = ("LightGBM", "Linear model", "Base rate")
HEADINGS = {
    "metrics": "Metrics on the hold-out",
    "roc": "ROC curves",
    "calibration": "Calibration",
    "importance": "Feature importance by gain",
    "over_time": "Performance over time",
    "facts": "Facts",
    "notes": "Limits and notes",
}


def scores(metric: str, *values: float | None, half: float | None = 0.007) -> pl.DataFrame:
    table = pl.DataFrame({"model": MODELS[: len(values)], "value": values}, schema_overrides={"value": pl.Float64})
    bounds = {"low": pl.col("value") - half, "high": pl.col("value") + half}
    return table.with_columns(metric=pl.lit(metric), **bounds)


def report(model: str = MODELS[0], feature: str = "hour") -> ModelReport:
    rates = {"false_positive_rate": [0.0, 0.3, 1.0], "true_positive_rate": [0.0, 0.7, 1.0]}
    bins = {"predicted": [0.1, 0.5], "observed": [0.12, 0.45], "rows": [900, 100]}
    months = {
        "period": ["2013-09", "2013-10"],
        "value": [0.7, 0.71],
        "low": [0.69, 0.7],
        "high": [0.71, 0.72],
    }
    named = pl.lit(model)
    return ModelReport(
        title="Flights that arrive late",
        verdict="Useful & calibrated.",
        metrics=scores("ROC AUC", 0.712, 0.655, 0.5).with_columns(pl.col("model").replace(MODELS[0], model)),
        roc=pl.DataFrame(rates).with_columns(model=named),
        calibration=pl.DataFrame(bins).with_columns(model=named),
        importance=pl.DataFrame({"feature": [feature, "month"], "gain": [2.0, 1.0]}),
        over_time=pl.DataFrame(months).with_columns(model=named, metric=pl.lit("ROC AUC")),
        facts=(("Rows", "327,346"), ("Target", HOSTILE)),
        notes=("One year only.", HOSTILE),
    )


def headings(html: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<h2>(.*?)</h2>", html)]


def cells(html: str, metric: str) -> list[str]:
    row = re.search(rf'<th scope="row">{metric}.*?</tr>', html)
    assert row
    plain = re.sub("<(?!/?(strong|td|tr))[^>]*>", "", row[0]).replace("\N{EN DASH}", "-")
    return re.findall("<td>(.*?)</td>", plain)


def test_whole_report_has_every_section():
    html = render(report())
    assert headings(html) == list(HEADINGS.values())
    assert html.count("<svg") == html.count('role="img"') == html.count("<figcaption>") == 4


@pytest.mark.parametrize("section", HEADINGS)
def test_absent_sections_leave_no_trace(section):
    nothing = () if section in ("facts", "notes") else None
    html = render(dataclasses.replace(report(), **{section: nothing}))
    assert headings(html) == [text for name, text in HEADINGS.items() if name != section]


@pytest.mark.parametrize("section", ["metrics", "roc", "calibration", "importance", "over_time"])
def test_empty_frames_count_as_absent(section):
    whole = report()
    html = render(dataclasses.replace(whole, **{section: getattr(whole, section).clear()}))
    assert HEADINGS[section] not in headings(html)


def test_hostile_names_run_nothing():
    html = render(dataclasses.replace(report(model=HOSTILE, feature=HOSTILE), title=HOSTILE, verdict=HOSTILE))
    assert not re.search(r"<(script|iframe|object|embed|link|img|base|form|foreignObject|a)\b", html, re.IGNORECASE)
    assert not re.search(r"<[^>]*\s(on\w+|href|src|xlink:href)=", html)
    assert html.count("&lt;script&gt;") >= 10


def test_nothing_is_fetched():
    html = re.sub(r'xmlns(:\w+)?="[^"]*"', "", render(report(model=HOSTILE)))
    assert not re.search(r"https?:|//|@import|url\(", html)


def test_rendering_twice_gives_the_same_page():
    assert render(report()) == render(report())


def test_values_show_their_interval_and_the_best_is_bold():
    html = render(report())
    assert cells(html, "ROC AUC") == [
        "<strong>0.712</strong> (0.705-0.719)",
        "0.655 (0.648-0.662)",
        "0.500 (0.493-0.507)",
    ]


@pytest.mark.parametrize(
    ("metric", "values", "bold"),
    [
        ("Log loss", (0.41, 0.45, 0.52), [True, False, False]),
        ("brier_score", (0.16, 0.15, 0.17), [False, True, False]),
        ("Average precision", (0.31, 0.45, 0.2), [False, True, False]),
        ("R²", (0.3, 0.3, 0.1), [True, True, False]),
        ("Something new", (0.3, 0.2, 0.1), [False, False, False]),
        ("ROC AUC", (0.71201, 0.71199, 0.5), [True, True, False]),
        ("ROC AUC", (float("nan"), 0.6, None), [False, False, False]),
    ],
)
def test_best_value_follows_the_metric(metric, values, bold):
    html = render(ModelReport(title="t", verdict="v", metrics=scores(metric, *values)))
    assert ["<strong>" in cell for cell in cells(html, metric)] == bold


@pytest.mark.parametrize(
    ("value", "half", "shown"),
    [
        (0.71234, 0.007, "0.712 (0.705-0.719)"),
        (0.71234, 0.0004, "0.71234 (0.71194-0.71274)"),
        (0.00921, 0.0001, "0.00921 (0.00911-0.00931)"),
        (12.3456, 0.5, "12.3 (11.8-12.8)"),
        (1234567.8, 1000.0, "1,234,568 (1,233,568-1,235,568)"),
        (0.71234, None, "0.712"),
        (0.0, 0.001, "0.0000 (-0.0010 to 0.0010)"),
        (None, 0.1, "n/a"),
    ],
)
def test_numbers_have_the_digits_that_their_interval_supports(value, half, shown):
    html = render(ModelReport(title="t", verdict="v", metrics=scores("bias", value, half=half)))
    assert cells(html, "bias") == [shown]


def test_models_without_a_metric_show_that():
    both = pl.concat([scores("ROC AUC", 0.7, 0.6), scores("Lift", 3.1)])
    html = render(ModelReport(title="t", verdict="v", metrics=both))
    assert cells(html, "Lift") == ["3.100 (3.093-3.107)", "n/a"]


def test_missing_columns_are_refused_early():
    with pytest.raises(SchemaError, match="metrics lacks low, high"):
        ModelReport(title="t", verdict="v", metrics=scores("ROC AUC", 0.7).drop("low", "high"))


def test_report_without_charts_needs_no_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    text_only = dataclasses.replace(report(), roc=None, calibration=None, importance=None, over_time=None)
    assert "0.712" in render(text_only)
    with pytest.raises(ImportError, match=r"tabkit-ml\[dashboards\]"):
        render(report())
