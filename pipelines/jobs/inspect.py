"""The job behind `inspect`: settings in, plain data out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.jobs.settings import InspectJob, filled
from tabkit import kinds
from tabkit.progress import Progress


def inspect_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:  # noqa: ARG001  as every job
    """Return what a bundle tells of itself."""
    return kinds.inspect(filled(InspectJob, values).bundle)
