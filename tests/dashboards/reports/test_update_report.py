"""The page of an update: written from the bundle, offline, and refused before any work."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dashboards.reports import update as update_page
from pipelines import propensity
from pipelines.jobs.propensity import update_job
from tabkit import marks
from tabkit.errors import BundleError, ConfigError
from tabkit.progress import Silent
from tabkit.propensity.model import PropensityModel

pytest.importorskip("altair", reason="the extra dashboards is not installed")
pytest.importorskip("vl_convert", reason="the extra dashboards is not installed")

Make = Callable[..., pl.DataFrame]
COLUMNS = ["customer", "seen_at", "plan", "city", "age", "spend", "calls", "active", "joined", "churned"]


def later(make: Make) -> pl.DataFrame:
    return make(1500, seed=3).select(COLUMNS).with_columns(pl.col("seen_at").dt.offset_by("1y"))


def test_the_page_is_written_from_the_saved_bundle(model: PropensityModel, make: Make, tmp_path: Path) -> None:
    new, report = propensity.update(model, later(make), config={"blocks": 1, "strategy": "refit", "decay": 0.5})
    new.save(tmp_path / "new")
    page = tmp_path / "pages" / "update.html"
    update_page.write(propensity.load(tmp_path / "new"), page, title="March <1>")
    text = page.read_text()
    assert "<script" not in text
    assert "March &lt;1&gt;" in text
    assert report.why.split(" (")[0] in text
    assert "decay 0.5" in text
    assert text.count("<svg") == 1


def test_a_bundle_that_tells_of_gains_has_the_same_page(model: PropensityModel, make: Make, tmp_path: Path) -> None:
    new, _ = propensity.update(model, later(make), config={"blocks": 1, "strategy": "refit", "decay": 0.5})
    words = {"loss_difference": "gain", "loss_difference_low": "low", "loss_difference_high": "high"}
    told = new.lineage["update"]
    old = [{words.get(name, name): value for name, value in item.items()} for item in told["candidates"]]
    replace(new, lineage={**new.lineage, "update": {**told, "candidates": old}}).save(tmp_path / "old")
    loaded = propensity.load(tmp_path / "old")
    assert loaded.lineage["update"]["candidates"] == list(told["candidates"])
    for name, each in (("old", loaded), ("new", replace(new, checksum=loaded.checksum))):
        update_page.write(each, tmp_path / f"{name}.html")
    assert (tmp_path / "old.html").read_text() == (tmp_path / "new.html").read_text()


def test_a_model_that_no_update_made_has_no_page(model: PropensityModel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"made.*'train'.*update"):
        update_page.write(model, tmp_path / "update.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("way", ["folder", "extra"])
def test_what_could_not_be_written_is_refused_before_any_work(
    way: str, model: PropensityModel, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.save(tmp_path / "old")
    values: dict[str, Any] = {"bundle": str(tmp_path / "old"), "source": "missing.parquet"}
    values |= {"output": str(tmp_path / "new"), "report": str(tmp_path if way == "folder" else tmp_path / "a.html")}
    if way == "extra":
        monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(ConfigError if way == "folder" else ImportError, match=r"folder|pip install"):
        update_job(values, overwrite=False, progress=Silent())


def test_the_job_writes_bundle_and_page(model: PropensityModel, make: Make, tmp_path: Path) -> None:
    model.save(tmp_path / "old")
    later(make).write_parquet(tmp_path / "rows.parquet")
    values = {name: str(tmp_path / name) for name in ("old", "rows.parquet", "new", "u.html")}
    keys = ("bundle", "source", "output", "report")
    config = dict(zip(keys, values.values(), strict=True)) | {"strategy": "keep"}
    found = update_job(config, overwrite=False, progress=Silent())
    assert found["page"] == values["u.html"]
    assert Path(values["u.html"]).read_text().startswith("<!DOCTYPE html>")
    assert propensity.load(values["new"]).lineage["strategy"] == "keep"


@pytest.mark.parametrize(
    "place", ["rows.parquet", "old/manifest.json", "old/page.html", "new/page.html", "rows.parquet/a.html"]
)
def test_a_page_never_takes_the_place_of_something_else(
    place: str, model: PropensityModel, make: Make, tmp_path: Path
) -> None:
    model.save(tmp_path / "old")
    later(make).write_parquet(tmp_path / "rows.parquet")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    names = {"bundle": "old", "source": "rows.parquet", "output": "new", "report": place}
    values = {name: str(tmp_path / value) for name, value in names.items()}
    with pytest.raises(ConfigError, match=r"report|page|folder"):
        update_job({**values, "strategy": "keep"}, overwrite=False, progress=Silent())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_older_page_is_replaced_and_no_bundle_grows_inside_another(
    model: PropensityModel, make: Make, tmp_path: Path
) -> None:
    model.save(tmp_path / "old")
    later(make).write_parquet(tmp_path / "rows.parquet")
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html>\n{marks.html('update')}<p>January")
    names = {"bundle": "old", "source": "rows.parquet", "output": "new", "report": "page.html"}
    values = {name: str(tmp_path / value) for name, value in names.items()} | {"strategy": "keep"}
    update_job(values, overwrite=False, progress=Silent())
    assert "January" not in (tmp_path / "page.html").read_text()
    with pytest.raises(BundleError, match="inside of a bundle"):
        update_job({**values, "output": str(tmp_path / "old" / "sub")}, overwrite=False, progress=Silent())
