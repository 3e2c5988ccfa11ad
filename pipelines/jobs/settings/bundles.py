"""Settings of the jobs that take any bundle, or several."""

from __future__ import annotations

from pydantic import Field

from pipelines.jobs.settings.base import FIRST, OUTPUT, SOURCE, Sources
from tabkit.config import Config, required


class ScoreJob(Config):
    """Settings of `score`.

    Parameters
    ----------
    bundle
        The bundle of a trained model.
    source
        Files, globs, folders or URLs: Parquet, CSV, IPC, NDJSON.
    output
        A file for all rows, or a folder for a file per source.
    contributions
        How many of the largest reasons are written beside each score.
    keep
        Further columns that are carried through beside the id.
    """

    bundle: str = required(FIRST)
    source: Sources = required(SOURCE)
    output: str = required(OUTPUT)
    contributions: int = Field(default=0, ge=0)
    keep: list[str] = Field(default_factory=list)


class HistoryJob(Config):
    """Settings of `history`.

    Parameters
    ----------
    bundle
        The bundle of a model.
    """

    bundle: str = required(FIRST)


class InspectJob(Config):
    """Settings of `inspect`.

    Parameters
    ----------
    bundle
        The bundle of a trained model.
    """

    bundle: str = required(FIRST)


class CompareJob(Config):
    """Settings of `compare`.

    Parameters
    ----------
    first
        The bundle of a model.
    second
        The bundle of another model of the same target.
    source
        Labelled rows that neither has seen: files, globs, folders or URLs.
    report
        A page to write: metrics side by side, with the differences.
    """

    first: str = required(FIRST)
    second: str = required("as the second argument")
    source: Sources = required(SOURCE)
    report: str | None = None
