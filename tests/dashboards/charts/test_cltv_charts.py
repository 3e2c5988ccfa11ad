import datetime
import itertools
import json
import math
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from chart_frames import DAY, HOSTILE, bins, cells, fans, track
from scipy import stats

from dashboards.charts import cltv as cltv_charts
from dashboards.charts import model as model_charts
from dashboards.charts.campaigns import campaign_fan, left_out, one_scale
from dashboards.charts.legend import Entry, key
from dashboards.charts.picture_files import save
from dashboards.charts.rendering import Chart, svg
from tabkit.errors import ConfigError, SchemaError

SVG = "{http://www.w3.org/2000/svg}"


def every(name: str) -> Chart:
    border = DAY + datetime.timedelta(21)
    makers = {
        "heat": lambda: cltv_charts.frequency_recency(
            cells(), shown="value", horizon=HOSTILE, unit=HOSTILE, currency="€"
        ),
        "tracking": lambda: cltv_charts.tracking(track(), border=border, title=HOSTILE),
        "pit": lambda: cltv_charts.pit_histogram([5, 6, 7, 5], other=[6, 6, 6, 5], name=HOSTILE),
        "densities": lambda: cltv_charts.prior_posterior(pl.concat([bins(), bins(HOSTILE)])),
        "fan": lambda: campaign_fan(fans(["spring", HOSTILE]), title=HOSTILE),
        "key": lambda: key([Entry(HOSTILE, "hatch", "#000000"), Entry("b", "dot", "#000000")], width=100),
    }
    return makers[name]()


def values(layer: dict) -> list[dict]:
    return json.loads(layer["data"]["values"])


def texts(chart: Chart) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg(chart)).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", ["heat", "tracking", "pit", "densities", "fan", "key"])
def test_svg_is_valid_without_references_and_all_names_are_escaped(name: str) -> None:
    drawn = svg(every(name))
    nodes = list(ET.fromstring(drawn).iter())
    assert {node.tag.removeprefix(SVG) for node in nodes} <= {"svg", "g", "path", "line", "rect", "text"}
    # Ids would clash where several pictures stand on one page.
    assert not {k for node in nodes for k in node.attrib} & {"id", "href", "clip-path", "onclick"}
    assert "url(" not in drawn
    assert "<img" not in drawn
    assert any(HOSTILE[:12] in (node.text or "") for node in nodes)


def test_the_heat_map_has_a_scale_for_each_panel_and_hatches_what_is_empty() -> None:
    chart = cltv_charts.frequency_recency(cells(), shown="value", horizon="90 days", unit="weeks", currency="$")
    shown = texts(chart)
    assert "Expected value in 90 days, $" in shown
    assert "100\u00a0%" in shown
    first = chart.to_dict()["vconcat"][0]["hconcat"][0]["vconcat"][1]
    fill, hatch = map(values, first["layer"])
    assert len(fill) == cells().height
    assert len(hatch) == cells().filter(customers=0).height
    assert all(row["customers"] == 0 for row in hatch)


def test_darker_is_more_in_grey_too() -> None:
    def grey(colour: str) -> float:
        return sum(w * int(colour[i : i + 2], 16) for w, i in zip((0.2126, 0.7152, 0.0722), (1, 3, 5), strict=True))

    ramp = [grey(cltv_charts._ramp(k / 50)) for k in range(51)]
    assert all(a > b for a, b in itertools.pairwise(ramp))


def test_cells_without_a_number_are_left_white() -> None:
    chart = cltv_charts.frequency_recency(cells(None), shown="value", horizon="90 days", unit="weeks")
    panels = chart.to_dict()["vconcat"][0]["hconcat"]
    assert [len(values(p["vconcat"][1]["layer"][0])) for p in panels] == [0, cells().height]
    assert svg(chart)


def test_tracking_shows_the_border_and_one_line_of_what_was_observed() -> None:
    chart = cltv_charts.tracking(track(), border=DAY + datetime.timedelta(21))
    assert "end of calibration" in texts(chart)
    layers = chart.to_dict()["vconcat"][1]["layer"]
    assert "detail" not in layers[3]["encoding"]
    assert values(layers[4]) == [{"border": "2024-01-22"}]


def test_days_do_not_hang_on_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for zone in ("America/Los_Angeles", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        found.append(svg(cltv_charts.tracking(track(), border=DAY)))
    assert found[0] == found[1]
    assert "Jan 1" in found[0]


def test_one_period_is_enough_and_none_is_refused() -> None:
    assert svg(cltv_charts.tracking(track(1), border=DAY))
    with pytest.raises(SchemaError, match="no row"):
        cltv_charts.tracking(track(1).clear(), border=DAY)


def test_the_band_of_the_pit_is_binomial() -> None:
    layers = cltv_charts.pit_histogram([230, 260, 240, 270]).to_dict()["vconcat"][1]["layer"]
    [band] = values(layers[1])
    assert band["low"] * 1000 == pytest.approx(stats.binom.ppf(0.03, 1000, 0.25))
    assert band["high"] * 1000 == pytest.approx(stats.binom.ppf(0.97, 1000, 0.25))
    assert [row["share"] for row in values(layers[0])] == [0.23, 0.26, 0.24, 0.27]
    with pytest.raises(SchemaError, match="no customer"):
        cltv_charts.pit_histogram([0, 0])


def test_parameters_may_be_called_otherwise() -> None:
    assert "scale" in texts(cltv_charts.prior_posterior(bins(), labels={"alpha": "scale"}))
    with pytest.raises(SchemaError, match="no row"):
        cltv_charts.prior_posterior(bins().clear())


@pytest.mark.parametrize("count", [1, 2, 3, 7, 14])
def test_twelve_campaigns_at_most_are_drawn_and_the_rest_is_named(count: int) -> None:
    names = [f"c{k:02d}" for k in range(count)]
    shown = texts(campaign_fan(fans(names)))
    assert [text for text in shown if text in names] == names[:12]
    assert left_out(fans(names)) == names[12:]
    assert shown.count("last day") == min(count, 12)


def test_dots_far_outside_are_triangles_at_the_edge() -> None:
    many = fans(["a"], days=60).with_columns(past=pl.lit(True), observed=pl.lit(5.0), users=pl.lit(3))
    far = pl.when(pl.col("day") == DAY).then(500.0).otherwise("observed")
    panel = campaign_fan(many.with_columns(observed=far)).to_dict()["vconcat"][1]["hconcat"][0]
    marks = [layer["mark"] for layer in panel["layer"]]
    assert sum(mark.get("shape") == "triangle-up" for mark in marks) == 1
    [beyond] = [values(layer) for layer in panel["layer"] if layer["mark"].get("shape") == "triangle-up"]
    assert len(beyond) == 1
    assert beyond[0]["at"] < 10


def test_campaigns_share_a_scale_unless_their_levels_are_far_apart() -> None:
    alike = pl.concat([fans(["a"]), fans(["b"], level=20.0)])
    apart = pl.concat([fans(["a"]), fans(["b"], level=200.0)])
    assert one_scale(alike)
    assert not one_scale(apart)
    for frame, same in ((alike, True), (apart, False)):
        panels = campaign_fan(frame).to_dict()["vconcat"][1]["hconcat"]
        domains = [panel["layer"][0]["encoding"]["y"]["scale"]["domain"] for panel in panels]
        assert (domains[0] == domains[1]) == same


def test_a_campaign_with_a_past_alone_or_a_future_alone() -> None:
    assert "last day" not in texts(campaign_fan(fans(["a"]).filter(pl.col("past"))))
    assert "last day" not in texts(campaign_fan(fans(["a"]).filter(~pl.col("past"))))
    with pytest.raises(SchemaError, match="no row"):
        campaign_fan(fans(["a"]).clear())


@pytest.mark.parametrize(
    ("draw", "frame", "what"),
    [
        (campaign_fan, fans(["a"]).drop("q97", "users"), "fan chart lacks q97, users"),
        (cltv_charts.prior_posterior, bins().drop("prior"), "posterior and prior lacks prior"),
        (lambda f: cltv_charts.tracking(f, border=DAY), track().drop("q25"), "tracking lacks q25"),
    ],
)
def test_missing_columns_are_listed(draw, frame: pl.DataFrame, what: str) -> None:
    with pytest.raises(SchemaError, match=what):
        draw(frame)


def test_numbers_that_are_none_do_not_break_a_chart() -> None:
    holes = track().with_columns(pl.when(pl.col("mean") > 4).then(math.nan).otherwise("mean").alias("mean"))
    assert "NaN" not in svg(cltv_charts.tracking(holes, border=DAY))


def test_a_key_breaks_into_rows_where_it_does_not_fit() -> None:
    entries = [Entry("x" * 20, "line", "#000000")] * 3
    assert key(entries, width=200).to_dict()["height"] == 3 * key(entries, width=2000).to_dict()["height"]


def test_charts_are_saved_as_their_names_end(tmp_path) -> None:
    chart = model_charts.importance(pl.DataFrame({"feature": ["hour"], "gain": [1.0]}))
    for name in ("a.png", "a.svg", "sub/a.HTML"):
        save(chart, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes()[1:4] == b"PNG"
    assert ET.fromstring((tmp_path / "a.svg").read_text()).tag == f"{SVG}svg"
    page = (tmp_path / "sub" / "a.HTML").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "<script" not in page
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=r".png, .svg, .html|no picture"):
        save(chart, tmp_path / "a.pdf")
    assert sorted(tmp_path.rglob("*")) == before
