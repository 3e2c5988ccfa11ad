"""Models of all kinds answer alike: summary, repr, notebook, page; names from data are shown and never obeyed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from places import GOLDEN

from tabkit import bundle
from tabkit.errors import BundleError, ConfigError
from tabkit.fitted_model import FittedModel, Updated
from tabkit.kinds import inspect, load
from tabkit.uplift import updating

MODELS = ("churned", "claims", "segment", "neural", "effects", "value")
EVIL = '<img src=x onerror="alert(1)">\n\x1b[2J\u202e$\\href{javascript:alert(1)}{x}$' + "n" * 200_000


def evil(name: str) -> Any:
    """Return a golden model with a hostile name where its data had one."""
    model = load(GOLDEN / name)
    if name == "effects":
        arms = replace(model.arms, column=EVIL, labels=(EVIL + "0", EVIL + "1"))
        return replace(model, arms=arms, target=replace(model.target, name=EVIL))
    if name == "value":
        return replace(model, customer=EVIL, customers=model.customers.rename({model.customer: EVIL}))
    return replace(model, target=replace(model.target, name=EVIL), lineage={**model.lineage, "source": EVIL})


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_three_lines(name: str) -> None:
    model = load(GOLDEN / name)
    lines = repr(model).split("\n")
    assert len(lines) == 3
    assert lines[0].startswith(f"{type(model).__name__}: ")
    assert str(model) == repr(model)
    warnings = len(model.summary()["warnings"])
    assert (f"{warnings} warning" in lines[2]) == (warnings > 0)
    assert model._repr_html_().count("<br>") == 2


@pytest.mark.parametrize("name", ["churned", "effects", "value"])
def test_hostile_names_are_shown_and_not_obeyed(name: str) -> None:
    model = evil(name)
    lines = repr(model).split("\n")
    assert len(lines) == 3
    assert all(len(line) <= 120 and line.isprintable() for line in lines)
    shown = model._repr_html_()
    assert len(shown) < 2000
    assert "<img" not in shown
    assert "&lt;img" in shown
    assert '<div class="mathjax_ignore' in shown  # else a notebook takes what stands between dollars for a formula


def test_a_model_that_says_nonsense_of_itself_is_still_shown() -> None:
    model = load(GOLDEN / "effects")
    for said in ({}, {"arms": [{}]}, {"arms": 3}):
        odd = replace(model, evaluation=said)
        assert repr(odd).startswith("UpliftModel: ")
        assert len(repr(odd)) < 400
        with pytest.raises(BundleError, match="bundle is whole"):
            odd.summary()


def test_the_headlines_are_those_of_inspect() -> None:
    for name in ("churned", "segment", "neural"):
        told, shown = load(GOLDEN / name).summary(), inspect(GOLDEN / name)
        assert told["warnings"] == shown["lineage"]["hints"]
        assert told["verdict"].startswith(shown["metrics"]["verdict"])  # newer versions add advice
        assert told["metrics"] == shown["metrics"]["scores"]
        json.dumps(told, allow_nan=False)
    told, shown = load(GOLDEN / "effects").summary(), inspect(GOLDEN / "effects")
    assert {name: shown[name] for name in told} == told
    told, shown = load(GOLDEN / "value").summary(), inspect(GOLDEN / "value")
    assert told["parameters"] == shown["parameters"]
    assert told["warnings"] == shown["facts"]["warnings"]
    assert told["customers"] == shown["sizes"]["customers"] == 400


@pytest.mark.parametrize("name", ["churned", "effects", "value"])
def test_one_kind_does_not_open_as_another(name: str) -> None:
    others = [type(load(GOLDEN / other)) for other in ("churned", "effects", "value") if other != name]
    for other in others:
        with pytest.raises(BundleError, match=f"{other.kind} was expected"):
            other.load(GOLDEN / name)
        with pytest.raises(BundleError, match=f"{other.kind} was expected"):
            other.from_bundle(bundle.read(GOLDEN / name))


@pytest.mark.parametrize("name", ["claims", "effects", "value"])
def test_a_model_writes_its_page(name: str, tmp_path: Path) -> None:
    pytest.importorskip("altair", reason="the extra dashboards is not installed")
    model: FittedModel = load(GOLDEN / name)
    page = tmp_path / "page.html"
    model.report(page, title="A <b>title</b>")
    text = page.read_text(encoding="utf-8")
    assert "A &lt;b&gt;title" in text
    assert "<script" not in text
    page.write_text("precious")
    with pytest.raises(Exception, match="exists"):
        model.report(page)
    assert page.read_text() == "precious"
    model.report(page, overwrite=True)
    assert page.read_text() != "precious"


def test_a_page_measures_the_rows_that_are_given(tmp_path: Path) -> None:
    pytest.importorskip("altair", reason="the extra dashboards is not installed")
    model = load(GOLDEN / "churned")
    rows = pl.read_parquet(GOLDEN / "rows.parquet")
    rows = rows.with_columns(pl.Series("churned", ["no", "yes"] * (rows.height // 2)))
    model.report(tmp_path / "new.html", rows)
    model.report(tmp_path / "old.html")
    measured = [(tmp_path / f"{name}.html").read_text(encoding="utf-8") for name in ("new", "old")]
    assert "60" in measured[0]
    assert "On 100 held-out rows" in measured[1]
    assert "On 100 held-out rows" not in measured[0]


def test_what_an_update_gives_has_names_and_unpacks() -> None:
    model = load(GOLDEN / "claims")
    found = Updated(model, {"strategy": "keep"})
    new, report = found
    assert (new, report) == (found.model, found.report)
    assert len(repr(found)) < 400


def test_a_model_of_who_acts_updates_itself() -> None:
    model = load(GOLDEN / "claims")
    rows = pl.concat([pl.read_parquet(GOLDEN / "rows.parquet")] * 5)
    ids = {model.roles.id: pl.int_range(pl.len())} if model.roles.id else {}
    counts = pl.Series(model.target.name, [0, 1, 2, 0, 4] * 60)
    rows = rows.with_columns(counts, **ids)
    new, report = model.update(rows, strategy="keep")
    assert (report.strategy, report.kept) == ("keep", True)
    assert new.predictor is model.predictor
    assert new.lineage["strategy"] == "keep"
    with pytest.raises(ConfigError, match="strategy"):
        model.update(rows, strategy="pray")


def test_a_model_of_effects_hands_new_units_to_its_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("altair", reason="the extra dashboards is not installed")
    model, asked = load(GOLDEN / "effects"), []

    def update(old: Any, source: Any, **options: Any) -> tuple[Any, str]:
        asked.append((source, options))
        return replace(old, target=replace(old.target, name="newer")), "report"

    monkeypatch.setattr(updating, "update", update)
    assert model.update("rows.csv").report == "report"
    model.report(tmp_path / "page.html", "units.csv")
    assert asked == [("rows.csv", {}), ("units.csv", {"strategy": "keep"})]
    assert "newer" in (tmp_path / "page.html").read_text(encoding="utf-8")
