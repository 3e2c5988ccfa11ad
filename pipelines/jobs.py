"""The jobs behind the commands: settings in, plain data out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pipelines.config import ScoreConfig, TrainConfig
from pipelines.propensity import load, train
from pipelines.scores import score_files
from tabkit.config import Config, build
from tabkit.errors import BundleError, ConfigError
from tabkit.progress import Progress
from tabkit.roles import Roles
from tabkit.staging import refuse_existing


def train_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Train and save a model; return what there is to say about it.

    Raises
    ------
    TabkitError
        Of the stage that failed. An existing bundle is refused before any work.
    """
    started = time.perf_counter()
    config = build(TrainConfig, values)
    source, output = _needed(config, "source"), _needed(config, "output")
    refuse_existing(output, kind=BundleError, overwrite=overwrite)
    model = train(source, roles=Roles.from_dict(config.roles), config=config, progress=progress)
    checksum = model.save(output, overwrite=overwrite)
    return {
        "bundle": output,
        "checksum": checksum,
        "target": model.target.to_dict(),
        "objective": model.booster.objective,
        "metrics": model.evaluation.to_dict(),
        "final": config.final,
        "features": len(model.booster.features),
        "trees": model.booster.trees,
        "rows": model.lineage["rows"],
        "rows_dropped": model.lineage["rows_dropped"],
        "left_out": {e.column: e.why for e in model.encoder.encoders if not e.outputs},
        "seconds": round(time.perf_counter() - started, 3),
    }


def score_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:
    """Score files with a saved model; return what there is to say about it."""
    config = build(ScoreConfig, values)
    bundle, source, output = (_needed(config, name) for name in ("bundle", "source", "output"))
    report = score_files(
        load(bundle),
        [source] if isinstance(source, str) else source,
        output,
        contributions=config.contributions,
        keep=config.keep,
        progress=progress,
    )
    return {"bundle": bundle, **report.to_dict()}


def _needed(config: Config, name: str) -> Any:
    value = getattr(config, name)
    if not value:
        how = {"bundle": "as the first argument", "source": "as an argument", "output": "with -o"}[name]
        raise ConfigError(f"no {name} is given", advice=f"give it {how}, or as {name} in the settings file")
    return value
