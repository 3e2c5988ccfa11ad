"""A guard around whatever lets Polars read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from tabkit.errors import SourceError
from tabkit.sources.failures import looking, unreadable


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what Polars raises while it reads `what` into a `SourceError` that says what to do."""
    with looking(what):
        try:
            yield
        except pl.exceptions.NoDataError as error:
            raise SourceError(
                f"{what} is an empty file: a table with a header and rows was expected",
                advice="check the export that made it",
            ) from error
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise unreadable(what, error) from error
