"""Settings of jobs extend those of models: what scripts import and the files they hold go on working."""

from __future__ import annotations

import pytest

import pipelines
from pipelines.jobs import settings as jobs
from tabkit.cltv.config import BacktestConfig, CampaignConfig, ForecastConfig, LifetimeConfig
from tabkit.config import Config, required, settings_of
from tabkit.errors import ConfigError
from tabkit.propensity.config import TrainConfig, UpdateConfig, WorthConfig
from tabkit.uplift.config import UpliftConfig, UpliftUpdateConfig

PAIRS = [
    (TrainConfig, jobs.TrainJob), (UpdateConfig, jobs.UpdateJob), (WorthConfig, jobs.AblationJob),
    (LifetimeConfig, jobs.CLTVFitJob), (BacktestConfig, jobs.CLTVBacktestJob), (ForecastConfig, jobs.CLTVForecastJob),
    (CampaignConfig, jobs.CLTVCampaignsJob), (UpliftConfig, jobs.UpliftTrainJob),
    (UpliftUpdateConfig, jobs.UpliftUpdateJob),
]  # fmt: skip


@pytest.mark.parametrize(("model", "job"), PAIRS)
def test_a_job_holds_what_its_model_does_and_a_model_nothing_of_jobs(model: type[Config], job: type[Config]) -> None:
    assert set(model.model_fields) < set(job.model_fields)
    assert not {"source", "output", "bundle", "report", "curve"} & set(model.model_fields)
    assert isinstance(job(), model)


@pytest.mark.parametrize(("model", "job"), PAIRS)
def test_a_whole_file_of_a_job_can_be_handed_to_the_function_of_its_model(
    model: type[Config], job: type[Config]
) -> None:
    places = {name: "x" for name in ("bundle", "source", "output", "report") if name in job.model_fields}
    assert settings_of(model, places) == model()
    assert isinstance(settings_of(model, job(**places)), job)
    with pytest.raises(ConfigError, match="sorce"):
        settings_of(model, {"sorce": "x"})


def test_the_classes_of_the_faces_take_places_as_they_always_did() -> None:
    config = pipelines.propensity.TrainConfig(source="a.csv", output="m", roles={"target": "y"}, curve="c.png")
    assert (config.source, config.curve, config.network().objective) == ("a.csv", "c.png", "auto")
    assert pipelines.uplift.UpliftConfig(source="a.csv", roles={"treatment": "t"}).roles == {"treatment": "t"}


def test_all_that_is_required_is_asked_for_when_a_job_begins() -> None:
    class Copy(Config):
        source: str = required("as an argument")
        output: str = required("with -o")

    assert jobs.filled(Copy, {"source": "a", "output": "b"}).output == "b"
    for values, name in (({}, "source"), ({"source": "a"}, "output"), ({"source": "a", "output": ""}, "output")):
        with pytest.raises(ConfigError, match=f"no {name}"):
            jobs.filled(Copy, values)
