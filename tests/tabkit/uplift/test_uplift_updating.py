"""An uplift model learns from a further experiment, and says what was tried on units that nobody had learned from."""

from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from experiments import KNOWN, QUICK, ROLES, mailing

from pipelines import uplift
from tabkit.errors import ConfigError, FitError
from tabkit.uplift.config import UpliftUpdateConfig
from tabkit.uplift.strategies import STRATEGIES

COLUMNS = [*KNOWN, "arm", "bought"]


@pytest.fixture(scope="module")
def model() -> uplift.UpliftModel:
    return uplift.train(mailing(3000).select(COLUMNS), roles=ROLES, config=QUICK)


def turned(rows: int, seed: int) -> pl.DataFrame:
    """Return a mailing in which the mail works the other way round: who was put off buys, and the reverse."""
    table = mailing(rows, seed)
    rng = np.random.default_rng(seed + 100)
    old, mailed = (table["age"] > 50).fill_null(value=False).to_numpy(), (table["arm"] == "mail").to_numpy()
    bought = np.where(mailed, rng.random(rows) < np.where(old, 0.1, 0.6), table["bought"].to_numpy())
    return table.with_columns(bought=pl.Series(bought)).select(COLUMNS)


def test_nothing_is_changed_where_nothing_changed(model: uplift.UpliftModel) -> None:
    renewed, found = uplift.update(model, mailing(2500, 1).select(COLUMNS))
    names = [strategy.name for strategy in STRATEGIES]
    assert [row.name for row in found.candidates] == names
    assert found.judged_rows == pytest.approx(1000, abs=2)
    assert renewed.lineage["strategy"] == found.strategy
    assert renewed.lineage["update"]["candidates"][0]["name"] == "keep"
    keep = found.candidates[0]
    assert keep.ends == (0.0, None, None)
    for row in found.candidates[1:]:
        value, low, high = row.ends
        assert value == pytest.approx(row.loss - keep.loss)  # type: ignore[operator]  # none was refused
        assert low is None or low < value < high  # type: ignore[operator]  # there is a value where there is an interval
    assert (found.strategy == "keep") == (not any(row.sure for row in found.candidates)) == found.kept
    assert found.to_dict()["kept"] is found.kept
    assert found.why.startswith(found.strategy.capitalize())


def test_every_strategy_can_be_asked_for_by_settings() -> None:
    asked = UpliftUpdateConfig.model_fields["strategy"].annotation
    assert get_args(asked) == ("auto", *(strategy.name for strategy in STRATEGIES))


@pytest.mark.parametrize("way", ["calibrate", "recalibrate", "refit", "extend", "retrain"])
def test_each_strategy_makes_a_model_that_scores(model: uplift.UpliftModel, way: Any, tmp_path: Any) -> None:
    renewed, found = uplift.update(model, mailing(1500, 2).select(COLUMNS), strategy=way)
    assert found.strategy == way
    new = mailing(300, 3).select(KNOWN)
    scores = renewed.score(new).collect()
    assert scores["effect_mail"].is_finite().all()
    assert not scores.equals(model.score(new).collect())
    renewed.save(tmp_path / "renewed")
    assert uplift.load(tmp_path / "renewed").score(new).collect().equals(scores)


def test_a_world_turned_round_is_found(model: uplift.UpliftModel) -> None:
    renewed, found = uplift.update(model, turned(3000, 4))
    assert found.strategy not in ("keep", "recalibrate")
    new = turned(1000, 5)
    old = (new["age"] > 50).fill_null(value=False)
    before, after = (each.score(new).collect()["effect_mail"] for each in (model, renewed))
    assert before.filter(old).mean() > before.filter(~old).mean()  # type: ignore[operator]  # means of numbers
    assert after.filter(old).mean() < after.filter(~old).mean()  # type: ignore[operator]
    kept, _ = uplift.update(model, turned(3000, 4), strategy="keep")
    assert [arm["verdict"]["word"] for arm in kept.evaluation["arms"] if arm["arm"] == "mail"] != ["usable"]


def test_what_cannot_be_used_is_refused(model: uplift.UpliftModel) -> None:
    with pytest.raises(ConfigError, match="'best' is no strategy"):
        uplift.update(model, mailing(500, 1).select(COLUMNS), strategy="best")
    with pytest.raises(FitError, match=r"100.*3,000 units"):
        uplift.update(model, mailing(3000).select(COLUMNS))
    grown = pl.concat([mailing(3000).select(COLUMNS)[:300], mailing(1200, 9).select(COLUMNS)])
    with pytest.raises(FitError, match="give new units only"):
        uplift.update(model, grown)
    other = mailing(1500, 1).select(COLUMNS).with_columns(arm=pl.col("arm").replace("call", "letter"))
    with pytest.raises(FitError, match="model knows 'none', 'call', 'mail'"):
        uplift.update(model, other)
