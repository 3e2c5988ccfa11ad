"""The picture of a training: one line for what is minimised, one for what was held out, and the epoch that was kept."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from dashboards.charts.learning_curve import learning_curve
from dashboards.charts.picture_files import check_picture, save
from dashboards.charts.rendering import svg
from tabkit.errors import ConfigError, SchemaError
from tabkit.neural import Epoch, history_frame

pytest.importorskip("altair", reason="the extra dashboards is not installed")
pytest.importorskip("vl_convert", reason="the extra dashboards is not installed")

LOSSES = [0.69, 0.62, 0.58, 0.57, 0.56]
HELD_OUT = [0.68, 0.63, 0.61, 0.62, 0.64]


def history(losses: list[float] = LOSSES, held_out: list[Any] | None = HELD_OUT) -> pl.DataFrame:
    told = held_out or [None] * len(losses)
    return history_frame([Epoch(a, b, 0.001) for a, b in zip(losses, told, strict=True)])


def panels(frame: pl.DataFrame, *, best: int = 3) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = learning_curve(frame, best=best, loss="log_loss").to_dict()["vconcat"]
    return found


def texts(drawn: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]


def values(panel: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    [layer] = [layer for layer in panel["layer"] if layer["mark"]["type"] == kind]
    rows: list[dict[str, Any]] = json.loads(layer["data"]["values"])
    return rows


def test_both_losses_are_drawn_on_scales_of_their_own() -> None:
    held_out, training = panels(history())
    assert [row["value"] for row in values(held_out, "line")] == HELD_OUT
    assert [row["value"] for row in values(training, "line")] == LOSSES
    assert [row["epoch"] for row in values(training, "line")] == [1, 2, 3, 4, 5]
    for panel, drawn in ((held_out, HELD_OUT), (training, LOSSES)):
        [line] = [layer for layer in panel["layer"] if layer["mark"]["type"] == "line"]
        low, high = line["encoding"]["y"]["scale"]["domain"]
        assert low < min(drawn) < max(drawn) < high
        assert high - low < 1.2 * (max(drawn) - min(drawn))
    shown = texts(svg(learning_curve(history(), best=3, loss="log_loss")))
    assert "log_loss, held out" in shown
    assert "loss in training" in shown


def test_the_epoch_that_was_kept_is_marked_in_both() -> None:
    for panel, drawn in zip(panels(history(), best=3), (HELD_OUT, LOSSES), strict=True):
        assert values(panel, "point") == [{"epoch": 3, "value": drawn[2]}]
        assert values(panel, "rule") == values(panel, "point")
    shown = texts(svg(learning_curve(history(), best=3, loss="log_loss")))
    assert shown.count("kept: epoch 3") == 1


def test_where_no_epoch_was_kept_none_is_marked() -> None:
    for panel in panels(history(), best=0):
        assert {layer["mark"]["type"] for layer in panel["layer"]} == {"line"}
    assert not [text for text in texts(svg(learning_curve(history(), best=0, loss="x"))) if "kept" in text]


def test_without_held_out_rows_there_is_one_panel() -> None:
    [panel] = panels(history(held_out=None))
    assert [row["value"] for row in values(panel, "line")] == LOSSES
    shown = texts(svg(learning_curve(history(held_out=None), best=5, loss="log_loss")))
    assert "loss in training" in shown
    assert "log_loss, held out" not in shown
    assert "kept: epoch 5" in shown


@pytest.mark.parametrize("losses", [[0.5], [0.5, 0.5, 0.5], [0.0, 0.0], [-1e-9, 2e9], [1e-12, 2e-12]])
def test_every_kind_of_course_can_be_drawn(losses: list[float]) -> None:
    drawn = svg(learning_curve(history(losses, losses), best=1, loss="rmse"))
    assert "NaN" not in drawn
    assert "kept: epoch 1" in drawn


def test_two_thousand_epochs_can_be_drawn() -> None:
    many = [1 / (k + 1) for k in range(2000)]
    assert len(values(panels(history(many, many), best=2000)[0], "line")) == 2000


@pytest.mark.parametrize("column", ["epoch", "loss", "held_out_loss"])
def test_a_missing_column_is_named(column: str) -> None:
    with pytest.raises(SchemaError, match=column):
        learning_curve(history().drop(column), best=1, loss="log_loss")


def test_a_training_of_no_epoch_cannot_be_drawn() -> None:
    with pytest.raises(SchemaError, match=r"epoch.*draw"):
        learning_curve(history().clear(), best=0, loss="log_loss")


def test_names_are_text_and_nothing_else(tmp_path: Path) -> None:
    save(learning_curve(history(), best=2, loss="<script>x</script>"), tmp_path / "c.html")
    assert "<script" not in (tmp_path / "c.html").read_text()


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG\r\n\x1a\n"), ("svg", b"<svg"), ("html", b"<!DOCTYPE")])
def test_a_picture_is_written_as_its_name_ends(tmp_path: Path, ending: str, start: bytes) -> None:
    place = tmp_path / "deep" / f"curve.{ending.upper()}"
    save(learning_curve(history(), best=2, loss="log_loss"), place)
    data = place.read_bytes()
    assert data.startswith(start)
    if ending != "png":
        assert not re.findall(rb"(?:\ssrc=|href=\"http|url\(http)", data)
        assert b"kept: epoch 2" in data


def test_other_endings_and_folders_are_refused(tmp_path: Path) -> None:
    for name in ("curve.pdf", "curve", "curve.png.txt"):
        with pytest.raises(ConfigError, match=r"picture.*drawn") as caught:
            save(learning_curve(history(), best=2, loss="log_loss"), tmp_path / name)
        assert ".png, .svg, .html" in (caught.value.advice or "")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        check_picture(tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
