import math
import subprocess
import sys
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from dashboards.charts import model as model_charts
from dashboards.charts import rendering, style
from tabkit.errors import SchemaError

HOSTILE = "<script>alert('x')</script>"
SVG = "{http://www.w3.org/2000/svg}"


def frame(section: str, models: tuple[str, ...] = ("trees", "linear")) -> pl.DataFrame:
    if section == "importance":
        return pl.DataFrame({"feature": ["hour", HOSTILE, "x" * 200], "gain": [3.0, 2.0, 1.0]})
    rates = [0.0, 0.3, 1.0]
    columns = {
        "roc": {"false_positive_rate": rates, "true_positive_rate": [0.0, 0.7, 1.0]},
        "calibration": {"predicted": rates, "observed": [0.1, 0.2, 0.8], "rows": [900, 90, 9]},
        "over_time": {
            "period": ["2013-09", "2013-10", "2013-11"],
            "metric": ["AUC"] * 3,
            "value": [0.7, 0.71, 0.69],
            "low": [0.69, None, 0.68],
            "high": [0.71, None, math.nan],
        },
    }[section]
    return pl.concat([pl.DataFrame(columns).with_columns(model=pl.lit(model)) for model in models])


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{SVG}text")]


SECTIONS = ["roc", "calibration", "importance", "over_time"]


@pytest.mark.parametrize("section", SECTIONS)
def test_svg_is_valid_xml_without_references(section):
    svg = rendering.svg(getattr(model_charts, section)(frame(section)))
    nodes = list(ET.fromstring(svg).iter())
    assert {node.tag.removeprefix(SVG) for node in nodes} <= {"svg", "g", "path", "line", "rect", "text"}
    # Ids would clash where several pictures stand on one page.
    assert not {key for node in nodes for key in node.attrib} & {"id", "href", "clip-path", "onclick"}
    assert "url(" not in svg


@pytest.mark.parametrize("section", ["roc", "calibration", "over_time"])
def test_model_names_are_escaped(section):
    svg = rendering.svg(getattr(model_charts, section)(frame(section, models=("<b>&\x00", HOSTILE))))
    assert "<script" not in svg
    assert "<b>&\ufffd" in texts(svg)


def test_feature_names_are_escaped_and_end_in_an_ellipsis():
    shown = texts(rendering.svg(model_charts.importance(frame("importance"))))
    assert shown[0] == "hour"
    assert shown[1].startswith("<script>")
    assert shown[2].endswith("…")
    assert len(shown[2]) < 40


def test_importance_shows_the_top_as_shares_of_all():
    gains = pl.DataFrame({"feature": [f"f{i}" for i in range(40)], "gain": [1.0] * 20 + [4.0] * 20})
    shown = texts(rendering.svg(model_charts.importance(gains)))
    assert [text for text in shown if text.startswith("f")] == [f"f{i}" for i in range(20, 35)]
    assert shown.count("4.0%") == 15


@pytest.mark.parametrize("gain", [0.0, math.nan, None])
def test_importance_without_any_gain(gain):
    table = pl.DataFrame({"feature": ["hour"], "gain": [gain]}, schema={"feature": pl.String, "gain": pl.Float64})
    assert "0.0%" in texts(rendering.svg(model_charts.importance(table)))


def test_long_curves_are_thinned_and_keep_their_ends():
    rates = pl.DataFrame({"false_positive_rate": pl.linear_space(0, 1, 50_001, eager=True)})
    curve = rates.with_columns(model=pl.lit("m"), true_positive_rate="false_positive_rate")
    values = model_charts.roc(curve).to_dict()["layer"][1]["data"]["values"]
    assert len(values) <= model_charts.POINTS + 2
    assert (values[0]["false_positive_rate"], values[-1]["false_positive_rate"]) == (0.0, 1.0)


def test_models_keep_their_colour_across_charts():
    everyone = ("trees", "linear", "base")
    chart = model_charts.roc(frame("roc", models=("linear",)), models=everyone).to_dict()
    scale = chart["layer"][1]["encoding"]["color"]
    assert scale["scale"] == {"domain": ["linear"], "range": [style.PALETTE[1]]}


def test_calibration_counts_the_rows_of_each_model():
    parts = model_charts.calibration(frame("calibration")).to_dict()["vconcat"]
    assert [part["data"]["values"][0]["rows"] for part in parts[1:]] == [900, 900]


def test_calibration_reaches_below_zero_for_regression():
    rows = frame("calibration").with_columns(predicted=pl.col("predicted") - 5)
    x = model_charts.calibration(rows).to_dict()["vconcat"][0]["layer"][1]["encoding"]["x"]
    assert x["scale"]["domain"][0] == -5


def test_periods_are_drawn_in_their_order():
    shown = texts(rendering.svg(model_charts.over_time(frame("over_time").reverse())))
    assert [text for text in shown if text.startswith("2013")] == ["2013-09", "2013-10", "2013-11"]


def test_one_period_is_enough():
    assert "2013-09" in texts(rendering.svg(model_charts.over_time(frame("over_time").head(1))))


def test_png_grows_with_the_scale():
    chart = model_charts.importance(frame("importance"))
    small, large = rendering.png(chart, scale=1), rendering.png(chart)
    assert small.startswith(b"\x89PNG")
    width = [int.from_bytes(picture[16:20], "big") for picture in (small, large)]
    assert width[1] == pytest.approx(2 * width[0], abs=2)


@pytest.mark.parametrize("section", SECTIONS)
def test_missing_columns_are_listed(section):
    last, *_ = reversed(model_charts.COLUMNS[section])
    with pytest.raises(SchemaError, match=f"{section} lacks {last}"):
        getattr(model_charts, section)(frame(section).drop(last))


@pytest.mark.parametrize("section", SECTIONS)
def test_frames_are_not_changed(section):
    before = frame(section)
    given = before.clone()
    getattr(model_charts, section)(given)
    assert given.equals(before)


def test_without_altair_drawing_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(ImportError, match=r"pip install 'tabkit-ml\[dashboards\]'"):
        model_charts.roc(frame("roc"))


def test_without_vl_convert_rendering_names_the_extra(monkeypatch):
    chart = model_charts.roc(frame("roc"))
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    for render in (rendering.svg, rendering.png):
        with pytest.raises(ImportError, match=r"vl_convert.*pip install 'tabkit-ml\[dashboards\]'"):
            render(chart)


def test_importing_the_package_imports_no_chart_library():
    heavy = {"altair", "vl_convert", "lightgbm", "sklearn"}
    code = f"import sys, dashboards.reports.propensity_page; print({heavy} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
