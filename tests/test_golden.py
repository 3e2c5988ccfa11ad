"""Bundles of every released format are kept here for ever, and score as they did on the day they were made."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines import lifetime_value, propensity, uplift
from tabkit.bundle import FORMAT
from tabkit.encoding import registry
from tabkit.encoding.table import saved
from tabkit.kinds import inspect
from tabkit.scoring.files import score_files

GOLDEN = Path(__file__).parent / "golden"
ALL = sorted(path.parent for path in GOLDEN.glob("format*/*/manifest.json"))
BUNDLES = [path for path in ALL if path.name not in ("encoder", "ruled", "value", "effects", "neural")]
VALUES = [path for path in ALL if path.name == "value"]
EFFECTS = [path for path in ALL if path.name == "effects"]
NETWORKS = [path for path in ALL if path.name == "neural"]
ENCODERS = [path for path in ALL if path.name in ("encoder", "ruled")]


def test_the_present_format_is_among_them() -> None:
    assert f"format{FORMAT}" in {path.parent.name for path in ALL}


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_scores_are_those_of_the_day_it_was_made(bundle: Path, tmp_path: Path) -> None:
    expected = pl.read_parquet(bundle.with_suffix(".parquet"))
    model = propensity.load(bundle)
    score_files(model, [bundle.parent / "rows.parquet"], tmp_path / "scores.parquet", contributions=2)
    found = pl.read_parquet(tmp_path / "scores.parquet")
    assert found.schema == expected.schema
    for column, dtype in expected.schema.items():
        if dtype.is_float():
            assert found[column].to_list() == pytest.approx(expected[column].to_list(), rel=0, abs=1e-12), column
        else:
            assert found[column].equals(expected[column]), column


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_it_can_still_be_looked_into_and_saved_again(bundle: Path, tmp_path: Path) -> None:
    facts = inspect(bundle)
    assert facts["target"]["name"] == bundle.name
    assert facts["metrics"]["verdict"]
    model = propensity.load(bundle)
    model.save(tmp_path / "again")
    rows = bundle.parent / "rows.parquet"
    assert propensity.load(tmp_path / "again").score(rows).collect().equals(model.score(rows).collect())


@pytest.mark.parametrize("bundle", ENCODERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_features_are_those_of_the_day_the_encoder_was_made(bundle: Path, tmp_path: Path) -> None:
    expected, rows = pl.read_parquet(bundle.with_suffix(".parquet")), pl.read_parquet(bundle.parent / "rows.parquet")
    encoder = saved.load(bundle)
    assert_frame_equal(encoder.transform(rows), expected, abs_tol=1e-12, rel_tol=0)
    saved.save(encoder, tmp_path / "again")
    assert saved.load(tmp_path / "again").transform(rows).equals(encoder.transform(rows))


@pytest.mark.parametrize("bundle", VALUES, ids=lambda path: path.parent.name)
def test_customers_are_worth_what_they_were_on_the_day_it_was_made(bundle: Path, tmp_path: Path) -> None:
    expected, model = pl.read_parquet(bundle.with_suffix(".parquet")), lifetime_value.load(bundle)
    model.save(tmp_path / "again")
    assert inspect(bundle)["model"] == "bgnbd"
    for each in (model, lifetime_value.load(tmp_path / "again")):
        found, _ = each.forecast(config={"horizon_days": 90, "draws": 400, "annual_discount": 0.1})
        assert found.schema == expected.schema
        assert found["who"].equals(expected["who"])
        assert found["p_alive"].to_list() == pytest.approx(expected["p_alive"].to_list(), abs=1e-12)
        # The rest is drawn: another NumPy may draw otherwise, but not from another distribution.
        for name in ("purchases_mean", "purchases_q97", "value_mean", "value_q97"):
            assert found[name].sum() == pytest.approx(expected[name].sum(), rel=0.02), name
    plain, _ = model.forecast(config={"horizon_days": 90, "draws": 400, "widen": False})
    assert plain["purchases_q97"].sum() < 0.98 * expected["purchases_q97"].sum()


@pytest.mark.parametrize("bundle", EFFECTS, ids=lambda path: path.parent.name)
def test_effects_are_those_of_the_day_it_was_made(bundle: Path, tmp_path: Path) -> None:
    expected, rows = pl.read_parquet(bundle.with_suffix(".parquet")), bundle.parent / "effects_rows.parquet"
    model = uplift.load(bundle)
    assert {learner.name for member in model.members for learner, _ in member.learners} == {"s", "t", "x", "r", "dr"}
    assert inspect(bundle)["arms"]["mail"]["verdict"] == model.decision.words[0]
    model.save(tmp_path / "again")
    for each in (model, uplift.load(tmp_path / "again")):
        assert_frame_equal(each.score(rows).collect(), expected, abs_tol=1e-12, rel_tol=0)


@pytest.mark.parametrize("bundle", NETWORKS, ids=lambda path: path.parent.name)
def test_a_network_scores_as_on_the_day_it_was_made(bundle: Path, tmp_path: Path) -> None:
    facts = inspect(bundle)
    assert facts["model"] == "mlp"
    assert facts["network"]["hidden"] == [8, 4]
    assert facts["metrics"]["verdict"]
    pytest.importorskip("torch", reason="the extra neural is not installed")
    expected, rows = pl.read_parquet(bundle.with_suffix(".parquet")), bundle.parent / "rows.parquet"
    model = propensity.load(bundle)
    score_files(model, [rows], tmp_path / "scores.parquet")
    # Its numbers are of 32 bits, and another machine may add them in another order.
    assert_frame_equal(pl.read_parquet(tmp_path / "scores.parquet"), expected, abs_tol=1e-5, rel_tol=0)
    assert model.embed(rows).collect().shape == (60, 5)
    model.save(tmp_path / "again")
    assert propensity.load(tmp_path / "again").score(rows).collect().equals(model.score(rows).collect())


def test_every_encoder_is_among_them() -> None:
    kinds = {kind for path in ENCODERS for kind in saved.load(path).plan()["encoder"]}
    assert kinds == set(registry.ENCODERS) - {"auto_text"}
