"""Columns to features, out of fold for the rows of the fit, for scripts."""

from pipelines.jobs.settings import EncodeJob as EncodeConfig
from tabkit.predictors import EncodedTable, encode

__all__ = ["EncodeConfig", "EncodedTable", "encode"]
