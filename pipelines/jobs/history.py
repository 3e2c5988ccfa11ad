"""The job behind `history`: settings in, plain data out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.jobs.settings import HistoryJob, filled
from tabkit.lineage import history
from tabkit.progress import Progress


def history_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:  # noqa: ARG001  as every job
    """Return the line of ancestors of a model, newest first."""
    return history(filled(HistoryJob, values).bundle, kinds=["propensity"])
