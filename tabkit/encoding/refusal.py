"""Errors about the values of rows that are encoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from tabkit.errors import SchemaError

_ADDED = "\n\nThis error occurred"
_ADVICE = "To do: "


@contextmanager
def refusing_values() -> Iterator[None]:
    """Turn what Polars raises about a value that cannot be read or is refused into a `SchemaError`."""
    try:
        yield
    except SchemaError as error:
        # Polars makes it anew from its text, and adds where in the query it was
        said, _, _ = str(error).partition(_ADDED)
        problem, _, advice = said.partition(f"\n{_ADVICE}")
        raise SchemaError(problem, advice=advice or None) from error
    except (pl.exceptions.InvalidOperationError, pl.exceptions.ComputeError) as error:
        raise SchemaError(
            f"values that cannot be read as the columns of the fit: {str(error).splitlines()[0]}",
            advice="repair these values, or bring the columns back under their old type",
        ) from error
