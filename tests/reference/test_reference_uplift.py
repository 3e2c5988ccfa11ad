"""Two real experiments: one with little to rank by, one whose effects differ strongly between people."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from places import DATA

from pipelines import uplift
from tabkit.errors import FitError
from tabkit.roles import Roles
from tabkit.uplift.model import UpliftModel

HILLSTROM, WELFARE = DATA / "hillstrom.parquet", DATA / "welfare.parquet"
MEN, WOMEN = "Mens E-Mail", "Womens E-Mail"

pytestmark = [
    pytest.mark.reference,
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.exists(), reason="real data is not installed"),
]

TREES = {"num_threads": 1, "max_trees": 60, "learning_rate": 0.15, "early_stopping_rounds": 10}
QUICK: dict[str, Any] = {
    "design": "randomised",
    "members": 2,
    "resamples": 200,
    "final": "evaluated",
    "outcomes": TREES,
    "effects": TREES,
}
MAILING: dict[str, Any] = {**QUICK, "control": "No E-Mail", "encoding": {"exclude": ["conversion", "spend"]}}
WORDING: dict[str, Any] = {**QUICK, "control": "0", "encoding": {"exclude": ["id"]}}


def mailed(table: pl.DataFrame, **settings: Any) -> UpliftModel:
    return uplift.train(table, roles=Roles(treatment="segment", outcome="visit"), config={**MAILING, **settings})


def asked(**settings: Any) -> UpliftModel:
    return uplift.train(WELFARE, roles=Roles(treatment="w", outcome="y"), config={**WORDING, **settings})


def arm(model: UpliftModel, label: str) -> dict[str, Any]:
    return next(each for each in model.evaluation["arms"] if each["arm"] == label)


@pytest.fixture(scope="module")
def hillstrom() -> pl.DataFrame:
    return pl.read_parquet(HILLSTROM)


@pytest.fixture(scope="module")
def mailing(hillstrom: pl.DataFrame) -> UpliftModel:
    return mailed(hillstrom)


@pytest.mark.xdist_group("mailing of Hillstrom")
@pytest.mark.slow(seconds=60)
def test_hillstroms_average_effects_are_those_in_print(mailing: UpliftModel) -> None:
    assert mailing.evaluation["rows"] == {"No E-Mail": 21306, MEN: 21307, WOMEN: 21387}
    for label, printed in ((MEN, 0.07659), (WOMEN, 0.04523)):
        found = arm(mailing, label)
        assert found["difference"]["value"] == pytest.approx(printed, abs=5e-6)
        assert found["effect"]["value"] == pytest.approx(printed, abs=0.002)  # chance imbalances taken out
        assert 0.98 * found["difference"]["se"] > found["effect"]["se"] * 0.98 > 0.003
        assert found["effect"]["low"] > 0


@pytest.mark.xdist_group("mailing of Hillstrom")
@pytest.mark.slow(seconds=60)
def test_an_honest_tool_does_not_rank_by_the_mens_mail(mailing: UpliftModel) -> None:
    assert arm(mailing, MEN)["verdict"]["word"] == "average only"
    assert arm(mailing, WOMEN)["verdict"]["word"] == "usable"
    checks = {name: check["passed"] for name, check in mailing.summary()["checks"].items()}
    assert checks == dict.fromkeys(checks, True) | {"sample_ratio": None, "placebo_outcomes": None}


def test_equal_shares_were_planned_and_kept(hillstrom: pl.DataFrame) -> None:
    model = mailed(hillstrom.head(20_000), shares=dict.fromkeys(("No E-Mail", MEN, WOMEN), 1 / 3))
    assert model.summary()["checks"]["sample_ratio"]["passed"] is True


@pytest.mark.xdist_group("mailing of Hillstrom")
@pytest.mark.slow(seconds=60)
def test_the_order_of_rows_matters_no_more_than_splits_do(hillstrom: pl.DataFrame, mailing: UpliftModel) -> None:
    turned = mailed(hillstrom.sample(fraction=1, shuffle=True, seed=1))
    for label in (MEN, WOMEN):
        first, second = arm(mailing, label), arm(turned, label)
        assert first["difference"]["value"] == pytest.approx(second["difference"]["value"], rel=1e-9)
        assert first["effect"]["value"] == pytest.approx(second["effect"]["value"], abs=0.2 * first["effect"]["se"])
        apart = abs(first["qini"]["value"] - second["qini"]["value"])
        assert apart <= 3 * (first["qini"]["se"] ** 2 + second["qini"]["se"] ** 2) ** 0.5


def test_what_came_after_the_mail_is_refused(hillstrom: pl.DataFrame) -> None:
    with pytest.raises(FitError, match=r"features.*beyond") as caught:
        mailed(hillstrom, encoding={"exclude": []})
    for name in ("conversion", "spend"):
        assert f"--exclude '{name}'" in str(caught.value)


def test_the_wording_was_not_drawn_alike_everywhere() -> None:
    """Some years' ballots had other shares of the two wordings: called randomised, that is an imbalance."""
    with pytest.raises(FitError, match=r"features.*beyond") as caught:
        asked()
    assert "--design observational" in str(caught.value)


@pytest.mark.parametrize("settings", [{"design": "observational"}, {"allow_imbalance": True}], ids=str)
def test_the_wording_moves_some_far_more_than_others(settings: dict[str, Any]) -> None:
    model = asked(**settings)
    found = model.summary()["arms"]["1"]
    assert found["effect"] == pytest.approx(-0.338, abs=0.02)
    assert found["verdict"] == "usable"
    assert found["against_response_low"] > 0
    assert found["qini_response"] < found["qini"] / 2
