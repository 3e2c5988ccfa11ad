import json
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from chart_frames import HOSTILE

from dashboards.charts import uplift as uplift_charts
from dashboards.charts.rendering import Chart, svg
from tabkit.errors import SchemaError

SVG = "{http://www.w3.org/2000/svg}"


def gains(bend: float = 1.0) -> pl.DataFrame:
    shares = [k / 10 for k in range(1, 11)]
    gain = [4 * s + bend * s * (1 - s) for s in shares]
    return pl.DataFrame(
        {"share": shares, "gain": gain, "low": [g - 1.0 for g in gain], "high": [g + 1.0 for g in gain]}
    )


def targeting() -> pl.DataFrame:
    shares = [k / 100 for k in range(1, 101)]
    values = [0.1 / s - 0.1 for s in shares]
    wide = [2 / s - 2 for s in shares]
    low, high = ([v + way * w for v, w in zip(values, wide, strict=True)] for way in (-1, 1))
    return pl.DataFrame({"share": shares, "toc": values, "low": low, "high": high})


def groups() -> pl.DataFrame:
    return pl.DataFrame({"predicted": [1.0, 2.0, 3.0], "observed": [0.5, 2.5, 4.0], "low": [0.0, None, 3.0],
                         "high": [1.0, None, 5.0]})  # fmt: skip


def sizes(after: float | None = 0.05) -> pl.DataFrame:
    rows = {"column": [HOSTILE, "age", "income"], "before": [100.0, 0.4, 0.02], "after": [after] * 3}
    return pl.DataFrame(rows, schema_overrides={"after": pl.Float64})


def propensities(arms: list[str]) -> pl.DataFrame:
    bins = pl.DataFrame({"low": [0.0, 0.5], "high": [0.5, 1.0], "given": [0.25, 0.75], "others": [0.5, 0.5]})
    return pl.concat([bins.with_columns(arm=pl.lit(arm)) for arm in arms])


def every(name: str) -> Chart:
    makers = {
        "gain": lambda: uplift_charts.gain(gains(), response=gains(0.5), title=HOSTILE),
        "toc": lambda: uplift_charts.toc(targeting(), title=HOSTILE),
        "calibration": lambda: uplift_charts.calibration(groups(), average=2.0, unit=HOSTILE),
        "love": lambda: uplift_charts.love(sizes(), width=900),
        "overlap": lambda: uplift_charts.overlap(propensities(["a", HOSTILE, "c"]), borders=(0.05,)),
    }
    return makers[name]()


def layers(chart: Chart) -> list[dict]:
    return chart.to_dict()["vconcat"][1]["layer"]


def values(layer: dict) -> list[dict]:
    return json.loads(layer["data"]["values"])


def texts(chart: Chart) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg(chart)).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", ["gain", "toc", "calibration", "love", "overlap"])
def test_svg_is_valid_without_references_and_all_names_are_escaped(name: str) -> None:
    drawn = svg(every(name))
    nodes = list(ET.fromstring(drawn).iter())
    assert {node.tag.removeprefix(SVG) for node in nodes} <= {"svg", "g", "path", "line", "rect", "text"}
    assert not {k for node in nodes for k in node.attrib} & {"id", "href", "clip-path", "onclick"}
    assert "url(" not in drawn
    assert "<img" not in drawn
    assert "NaN" not in drawn
    assert any(HOSTILE[:12] in (node.text or "") for node in nodes)


def test_gains_begin_at_nothing_and_end_on_the_line_of_a_random_order() -> None:
    found = layers(every("gain"))
    model = values(found[-1])
    assert model[0] == {"share": 0.0, "gain": 0.0, "low": 0.0, "high": 0.0}
    [line] = [values(layer) for layer in found if len(values(layer)) == 2]
    assert [(row["share"], row["gain"]) for row in line] == [(0.0, 0.0), (1.0, model[-1]["gain"])]


def test_a_straight_gain_is_drawn_as_the_random_order_it_is() -> None:
    shown = texts(uplift_charts.gain(gains(0.0), response=gains(0.5), title="Gain"))
    assert "by predicted effect" not in shown
    assert "random order" in shown
    assert "by expected outcome (response model)" in shown


def test_without_a_band_none_is_promised() -> None:
    bare = gains().with_columns(low=pl.lit(None, pl.Float64), high=pl.lit(None, pl.Float64))
    assert "interval" not in texts(uplift_charts.gain(bare, title="Gain"))
    bare = targeting().with_columns(low=pl.lit(None, pl.Float64), high=pl.lit(None, pl.Float64))
    assert "interval" not in texts(uplift_charts.toc(bare, title="TOC"))


def test_the_first_few_units_do_not_set_the_scale_of_the_targeting_curve() -> None:
    rows = values(layers(every("toc"))[0])
    settled = targeting().filter(pl.col("share") >= 0.05)
    reach = max(settled["high"]) - min(settled["low"])
    assert max(row["high"] for row in rows) <= max(settled["high"]) + 0.05 * reach
    assert max(targeting()["high"]) > 2 * max(row["high"] for row in rows)


def test_the_line_of_calibration_is_where_both_are_equal() -> None:
    found = layers(every("calibration"))
    assert all(row["predicted"] == row["observed"] for row in values(found[0]))
    assert values(found[1]) == [{"observed": 2.0}]
    assert len(values(found[-1])) == 3


def test_one_group_without_interval_or_average_can_be_drawn() -> None:
    one = groups().filter(pl.col("low").is_null())
    shown = texts(uplift_charts.calibration(one, average=None, unit=""))
    assert "average effect" not in shown
    assert "Observed effect" in shown


def test_balance_keeps_its_order_and_what_is_far_away_stands_at_the_edge() -> None:
    found = layers(every("love"))
    assert found[1]["encoding"]["y"]["scale"]["domain"] == sizes()["column"].to_list()
    [far] = [layer for layer in found if layer["mark"].get("shape") == "triangle-right"]
    assert [row["at"] for row in values(far)] == [uplift_charts.FAR]


def test_without_weights_there_is_one_kind_of_dot() -> None:
    shown = texts(uplift_charts.love(sizes(None)))
    assert "weighted" not in shown
    assert "weighted" in texts(every("love"))


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_each_arm_has_its_panel_of_propensities(count: int) -> None:
    arms = [f"arm {k}" for k in range(count)]
    shown = texts(uplift_charts.overlap(propensities(arms), borders=(0.05, 0.95)))
    assert [text for text in shown if text in arms] == (arms if count > 1 else [])
    assert shown.count("Propensity: the chance to be in the arm") == (1 if count < 3 else 2)
    assert "trimmed beyond" not in texts(uplift_charts.overlap(propensities(arms)))


@pytest.mark.parametrize(
    ("draw", "frame", "what"),
    [
        (lambda f: uplift_charts.gain(f, title=""), gains(), "gain"),
        (lambda f: uplift_charts.toc(f, title=""), targeting(), "toc"),
        (lambda f: uplift_charts.calibration(f, average=0.0, unit=""), groups(), "observed"),
        (uplift_charts.love, sizes(), "before"),
        (uplift_charts.overlap, propensities(["a"]), "others"),
    ],
)
def test_frames_without_rows_or_columns_are_refused(draw, frame: pl.DataFrame, what: str) -> None:
    with pytest.raises(SchemaError, match="has no row"):
        draw(frame.clear())
    with pytest.raises(SchemaError, match=f"lacks {what}"):
        draw(frame.drop(what))
