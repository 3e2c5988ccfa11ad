"""What settings name is looked for before the libraries of a job are loaded: that a file is missing is told at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tabkit.config import Config
from tabkit.destination import Kind, check, no_bundle
from tabkit.errors import BundleError, TabkitError
from tabkit.rules.given import content_of, no_rules
from tabkit.sources.names import parts
from tabkit.staging import recover
from tabkit.untrusted import pathnames

_BUNDLES = ("bundle", "first", "second", "encoder")
_SOURCES = ("source", "reference", "beside", "volume")
_WRITTEN = ("output", "save", "report", "curve")


def look(config: Config, *, overwrite: bool) -> None:
    """Raise what the job would say of a bundle, a file of rules or a source that is not there.

    Whatever else may be wrong is left to the job; so is all of it if a place to write to is, which jobs tell first.

    Raises
    ------
    TabkitError
        The very error of who reads it.
    """
    values = dict(config)
    try:
        _look(values)
    except TabkitError:
        if all(_is_free(place, overwrite=overwrite) for place in _names(values, _WRITTEN)):
            raise


def _look(values: Mapping[str, Any]) -> None:
    for name in _names(values, _BUNDLES):
        pathnames.check(name, kind=BundleError)
        recover(name)
        if not os.path.isdir(name):
            raise no_bundle(Path(name))
    for name in _names(values, () if values.get("serve") else ("rules",)):  # a served page makes the file
        if not os.path.lexists(name):
            if "serve" in values:
                raise no_rules(name)
            content_of(name)
    for name in _names(values, _SOURCES):
        if not os.path.lexists(name):
            parts(name)


def _is_free(place: str, *, overwrite: bool) -> bool:
    """Say whether a place can be written to; what a folder there holds is the job's to look at."""
    try:
        check(place, Kind("file", TabkitError), overwrite=overwrite)
    except TabkitError:
        return False
    return True


def _names(values: Mapping[str, Any], settings: tuple[str, ...]) -> Iterator[str]:
    for setting in settings:
        given = values.get(setting)
        yield from (name for name in (given if isinstance(given, list) else [given]) if isinstance(name, str))
