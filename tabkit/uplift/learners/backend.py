"""CausalML, imported on first use; prediction does not need it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries' notices about deprecated names and missing extras."""
    missing = logging.getLogger("duecredit")  # a citation tool that is asked for at import
    before, missing.disabled = missing.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        missing.disabled = before
