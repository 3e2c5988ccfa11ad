"""CausalML, imported when it is first used: effects are predicted without it."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def library(name: str) -> Any:
    """Import a module of the `uplift` extra, without the notices that it and its dependencies print.

    Raises
    ------
    ImportError
        If it is not installed; it says how to install it.
    """
    try:
        with quiet():
            return importlib.import_module(name)
    except ImportError as error:
        problem = f"fitting with CausalML needs {name}, which is not installed: pip install 'tabkit-ml[uplift]'"
        raise ImportError(problem, name=name) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the libraries say of themselves: names that they will drop, and what they do not find."""
    missing = logging.getLogger("duecredit")  # a citation tool that is asked for at import
    before, missing.disabled = missing.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        missing.disabled = before
