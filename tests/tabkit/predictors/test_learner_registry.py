"""The registry of learners: every learner is whole, and nobody asks which one it is in another way."""

import re
from typing import get_args

import pytest
from places import ROOT

from tabkit.bundle import Bundle
from tabkit.config import Config
from tabkit.errors import BundleError, ConfigError
from tabkit.predictors.config import ModelName
from tabkit.predictors.protocol import Learner, Strategy
from tabkit.predictors.registry import LEARNERS, predictor_of
from tabkit.propensity.config import TrainConfig

_ASKED = re.compile(r"isinstance\([^()]*\b(?:BoostedModel|MLPModel|LinearModel)\b|[!=]= ?[\"'](?:lightgbm|mlp)[\"']")
_OWN = ("tabkit/boosting/", "tabkit/neural/", "tabkit/predictors/")


def test_who_must_know_the_learner_asks_the_registry() -> None:
    files = [file for folder in ("tabkit", "dashboards", "pipelines") for file in (ROOT / folder).rglob("*.py")]
    asked = [
        f"{name}: {line.strip()}"
        for file in files
        if not (name := file.relative_to(ROOT).as_posix()).startswith(_OWN)
        for line in file.read_text(encoding="utf-8").splitlines()
        if _ASKED.search(line)
    ]
    assert len(files) > 300
    assert asked == []


def test_the_choices_of_settings_are_the_registered_learners() -> None:
    assert tuple(LEARNERS) == get_args(ModelName)
    assert TrainConfig().model == next(iter(LEARNERS))
    assert all(TrainConfig(model=name).model == name for name in LEARNERS)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_is_whole(name: ModelName) -> None:
    learner: Learner = LEARNERS[name]
    assert learner.name == name
    assert isinstance(getattr(TrainConfig(), learner.section), Config)
    assert {"keep", "recalibrate", "retrain"} <= set(learner.updates) <= set(get_args(Strategy))
    assert bool(learner.shown_by) == (type(learner).importance is not Learner.importance)
    assert learner.explains == (type(learner).reasons is not Learner.reasons)


@pytest.mark.parametrize("word", ["title", "section", "unit", "part", "noun"])
def test_no_two_learners_share_a_word(word: str) -> None:
    assert len({getattr(learner, word) for learner in LEARNERS.values()}) == len(LEARNERS)


def test_a_bundle_with_the_parts_of_two_learners_is_refused() -> None:
    parts = {learner.part: b"" for learner in LEARNERS.values()}
    with pytest.raises(BundleError, match="of boosted trees and of"):
        predictor_of(Bundle({}, parts, ""))


def test_a_bundle_without_any_is_told_what_is_missing() -> None:
    with pytest.raises(BundleError, match=r"no part 'booster\.txt'"):
        predictor_of(Bundle({"booster": {}}, {"seen.parquet": b""}, ""))


def test_a_learner_that_cannot_explain_itself_says_who_can() -> None:
    said = [learner.unexplained() for learner in LEARNERS.values() if not learner.explains]
    assert said
    assert all(isinstance(error, ConfigError) and "trees" in str(error) for error in said)
