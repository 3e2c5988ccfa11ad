"""Columns to features, out of fold for the rows of the fit, for scripts."""

from pipelines.jobs.encode import EncodedTable, encode
from pipelines.jobs.settings import EncodeJob as EncodeConfig

__all__ = ["EncodeConfig", "EncodedTable", "encode"]
