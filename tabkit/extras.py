"""Libraries that are imported when they are first used; one of an extra that is missing says what to install."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

Name = Literal["cltv", "dashboards", "neural", "uplift"]

_NEEDING: dict[Name, str] = {
    "cltv": "fitting customer value",
    "dashboards": "a page or a chart",
    "neural": "a network",
    "uplift": "fitting with CausalML",
}
_DRAWING = ("altair", "vl_convert")


def require(module: str, *, extra: Name) -> Any:
    """Import a module that needs an extra, without the notices that libraries print of their own future.

    Parameters
    ----------
    module
        Its full name: of a library, or of a module of tabkit that imports one.
    extra
        The extra that installs what it needs.

    Raises
    ------
    ImportError
        If a library is not installed; it says how to install it.

    Examples
    --------
    >>> require("no_such_library", extra="cltv")
    Traceback (most recent call last):
    ImportError: fitting customer value needs no_such_library, which is not installed: pip install 'tabkit-ml[cltv]'
    """
    try:
        with nullcontext() if module in sys.modules else _quiet():
            return importlib.import_module(module)
    except ImportError as error:
        missing = (error.name or module).partition(".")[0]
        if missing == "tabkit":
            raise
        raise _error(missing, extra) from error


class Later:
    """A library under a name of a module, imported when it is first used: of an extra, or one that takes long to load.

    Examples
    --------
    >>> alt = Later("altair", extra="dashboards")
    """

    def __init__(self, module: str, *, extra: Name | None = None) -> None:
        self._module, self._extra = module, extra

    def __getattr__(self, attribute: str) -> object:
        # doctest and inspect probe every global for such names; that is no use of the library.
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if self._extra is None:
            return getattr(importlib.import_module(self._module), attribute)
        return getattr(require(self._module, extra=self._extra), attribute)


def can_draw() -> bool:
    """Say whether the libraries that draw charts are installed; none is imported."""
    return _undrawn() is None


def check_drawing() -> None:
    """Raise an ImportError that says what to install if charts cannot be drawn; nothing is imported."""
    if (missing := _undrawn()) is not None:
        raise _error(missing, "dashboards")


def _undrawn() -> str | None:
    return next((name for name in _DRAWING if importlib.util.find_spec(name) is None), None)


def _error(missing: str, extra: Name) -> ImportError:
    problem = f"{_NEEDING[extra]} needs {missing}, which is not installed: pip install 'tabkit-ml[{extra}]'"
    return ImportError(problem, name=missing)


@contextmanager
def _quiet() -> Iterator[None]:
    log = logging.getLogger("duecredit")  # a citation tool that CausalML asks for when it is imported
    before, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = before
