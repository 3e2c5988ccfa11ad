import re
from html import unescape
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from dashboards.charts import model as model_charts
from dashboards.reports.update_page import UpdatePage, render
from tabkit.errors import SchemaError

HOSTILE = "<script>alert('x')</script>"
ROWS = pl.DataFrame(
    {
        "candidate": ["keep", "refit", "extend"],
        "how": ["", "decay 0.5", ""],
        "loss": [0.5, 0.4512, None],
        "loss_difference": [0.0, -0.0488, None],
        "loss_difference_low": [0.0, -0.0611, None],
        "loss_difference_high": [0.0, -0.0302, None],
        "ece": [0.031, 0.012, None],
        "bias": [-0.02, 0.001, None],
        "seconds": [0.0, 1.25, 0.0],
        "trees": [1200.0, 1200.0, None],
        "refused": [None, None, HOSTILE],
    }
)


def page(rows: pl.DataFrame = ROWS, chosen: str = "refit", title: str = "Update") -> str:
    told = {"verdict": "Refit & be glad.", "metric": "log_loss", "level": 0.99, "notes": (HOSTILE,)}
    return render(UpdatePage(title=title, candidates=rows, chosen=chosen, facts=(("Rows", "12"),), **told))


def row(html: str, name: str) -> list[str]:
    [line] = [line for line in re.findall(r"<tr>.*?</tr>", html) if re.search(rf'scope="row">(<strong>)?{name}', line)]
    return [unescape(re.sub(r"<.*?>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", line)]


def texts(html: str) -> list[str]:
    [svg] = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    return [node.text or "" for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_each_candidate_is_a_row_with_its_interval():
    assert row(page(), "refit") == [
        "refit", "0.451", "-0.049 (-0.061 to -0.030)", "0.0120", "+0.001", "1,200", "1.2", "decay 0.5"
    ]  # fmt: skip
    assert row(page(), "keep")[2] == ""
    assert row(page(), "extend")[1:] == ["n/a"] * 6 + [f"not possible: {HOSTILE}"]


def test_the_chosen_one_is_strong_in_table_and_picture():
    html = page()
    assert re.findall(r"<strong>(.*?)</strong>", html) == ["refit"]
    values = model_charts.candidates(ROWS.drop_nulls("loss_difference"), metric="log_loss", chosen="refit").to_dict()
    [strong] = {row["candidate"] for row in values["hconcat"][0]["layer"][1]["data"]["values"] if row["chosen"]}
    assert strong == "refit"


def test_a_kept_model_is_the_line_and_no_dot_beside_better_ones():
    html = page(ROWS.with_columns(loss_difference_low=pl.lit(-0.2), loss_difference_high=pl.lit(0.1)), chosen="keep")
    assert html.index("The model is kept as it was.") < html.index("<table")
    assert "kept" in texts(html)
    told = model_charts.candidates(ROWS.drop_nulls("loss_difference"), metric="log_loss", chosen="keep").to_dict()
    dots = told["hconcat"][0]["layer"][2]
    assert [row["candidate"] for row in dots["data"]["values"]] == ["refit"]
    assert dots["data"]["values"][0]["sure"] is True
    unsure = model_charts.candidates(
        ROWS.drop_nulls("loss_difference").with_columns(loss_difference_high=pl.lit(0.1)),
        metric="log_loss",
        chosen="keep",
    ).to_dict()
    assert unsure["hconcat"][0]["layer"][2]["data"]["values"][0]["sure"] is False


def test_alarms_come_first_and_an_interval_without_width_is_none():
    rows = ROWS.with_columns(loss_difference_low="loss_difference", loss_difference_high="loss_difference")
    told = UpdatePage(
        title="t", verdict="v", candidates=rows, metric="log_loss", level=0.95, chosen="refit", alarms=(HOSTILE,)
    )
    html = render(told)
    assert html.index('role="alert"') < html.index("<table")
    assert "<script" not in html
    assert row(html, "refit")[2] == "-0.0488 (no interval)"


def test_what_could_not_be_tried_is_not_drawn():
    shown = texts(page())
    assert [text for text in shown if text in ("keep", "refit", "extend")] == ["keep", "refit"]
    assert "0.031" in shown
    assert "1,200" in shown


def test_without_calibration_error_the_size_of_the_bias_is_drawn():
    shown = texts(page(ROWS.with_columns(ece=pl.lit(None, pl.Float64))))
    assert "Size of bias" in shown
    assert "0.02" in shown


def test_a_page_of_refusals_alone_has_no_picture():
    assert "<svg" not in page(ROWS.tail(1))


def test_all_text_is_escaped_and_nothing_is_loaded():
    html = page(ROWS.with_columns(pl.col("candidate").replace("refit", HOSTILE)), chosen=HOSTILE, title=HOSTILE)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5
    assert not re.findall(r"(?:\ssrc=|href=|url\()", html)


def test_missing_columns_are_listed():
    with pytest.raises(SchemaError, match="candidates lacks loss_difference_low, bias"):
        page(ROWS.drop("loss_difference_low", "bias"))


def test_large_losses_are_shown_in_full_digits():
    money = ROWS.with_columns(pl.col("^loss.*$", "bias") * 1e6)
    assert row(page(money), "refit")[1:3] == ["451,200", "-48,800 (-61,100 to -30,200)"]
