"""Bundles made with a LightGBM parameter that is refused by now: they score, are updated, compared and reported."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from pipelines import propensity, report
from tabkit.predictors.stored import accepted, refused_by_now
from tabkit.propensity.comparison import comparison
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles

QUICK = {"resamples": 20, "boosting": {"num_threads": 1, "max_trees": 20}}
FEW = {"extend_trees": 10, "blocks": 1, "num_threads": 1}


def rows(seed: int, count: int = 500) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count)
    return pl.DataFrame({"x": x, "y": (rng.random(count) < expit(x)).astype(int)})


@pytest.fixture(scope="module")
def old() -> PropensityModel:
    model = propensity.train(rows(1), roles=Roles(target="y"), config=QUICK)
    boosting = {**model.config["boosting"], "params": {"max_bin": 63, "scale_pos_weight": 3}}
    grown = replace(model.predictor, params={**model.predictor.params, "scale_pos_weight": 3})
    return replace(model, config={**model.config, "boosting": boosting}, predictor=grown)


@pytest.mark.parametrize("strategy", ["auto", "recalibrate", "extend"])
def test_an_update_goes_on_without_it_and_says_so(old: PropensityModel, strategy: str) -> None:
    new, found = propensity.update(old, rows(2), config={**FEW, "strategy": strategy})
    [said] = [warning for warning in found.warnings if "scale_pos_weight" in warning]
    assert "would no longer be probabilities" in said
    assert new.score(rows(3)).collect()["score"].is_between(0, 1).all()


def test_a_retrained_model_is_rid_of_it(old: PropensityModel) -> None:
    new, _ = propensity.update(old, rows(2), config={**FEW, "strategy": "retrain"})
    assert "scale_pos_weight" not in new.predictor.params
    assert new.config["boosting"]["params"] == {"max_bin": 63}
    assert refused_by_now(old.config)
    assert not refused_by_now(new.config)


def test_comparison_and_page_say_it(old: PropensityModel, tmp_path: Path) -> None:
    rows(4).write_parquet(tmp_path / "rows.parquet")
    for name in ("a", "b"):
        old.save(tmp_path / name)
    loaded = PropensityModel.load(tmp_path / "a")
    assert loaded.score(rows(3)).collect()["score"].equals(old.score(rows(3)).collect()["score"])
    compared = comparison(tmp_path / "a", tmp_path / "b", tmp_path / "rows.parquet")
    assert sum("'scale_pos_weight'" in warning for warning in compared["warnings"]) == 2
    report.write(loaded, rows(4), tmp_path / "page.html", title="Old")
    assert "scale_pos_weight" in (tmp_path / "page.html").read_text()


def test_settings_without_such_parameters_are_as_they_were(old: PropensityModel) -> None:
    config = {"outcomes": {"params": {"max_bin": 15, "is_unbalance": True}}, "arms": ["a", "b"], "level": 0.9}
    assert accepted(config) == {"outcomes": {"params": {"max_bin": 15}}, "arms": ["a", "b"], "level": 0.9}
    assert "is_unbalance" in refused_by_now(config)[0]
    plain = {**old.config, "boosting": {"params": {}}}
    assert accepted(plain) == plain
    assert refused_by_now(plain) == []
