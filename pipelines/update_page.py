"""One offline page that says what an update tried, what it chose, and why."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from dashboards.update import UpdatePage, render
from pipelines.evaluation import days
from pipelines.learners import extent, unit_of
from pipelines.model import PropensityModel
from pipelines.report import ReportError
from tabkit.bundle import bundle_above
from tabkit.errors import ConfigError
from tabkit.staging import staged_file

_NUMBERS = ("loss", "gain", "low", "high", "ece", "bias", "seconds", "trees")
_TYPES = {"name": pl.String, "how": pl.String, **dict.fromkeys(_NUMBERS, pl.Float64), "refused": pl.String}


def write(model: PropensityModel, path: str | Path, *, title: str | None = None) -> None:
    """Write the page of the update that made a model; what it says is kept in the model's bundle.

    Parameters
    ----------
    model
        What `update` returned, or a bundle of it that was loaded.
    path
        The HTML file. It needs no network and holds no script.
    title
        The page's heading.

    Raises
    ------
    ConfigError
        If no update made the model.
    ReportError
        If the page cannot be written.
    ImportError
        If the extra `dashboards` is not installed.
    """
    found = model.lineage.get("update")
    if found is None:
        raise ConfigError(
            f"the model was made by {model.lineage.get('strategy', 'train')!r}, not by an update: nothing was tried",
            advice="for a trained model use pipelines.report.write",
        )
    text = render(build_page(model, found, title=title or f"Update of the model of {model.target.name}"))
    with staged_file(path, kind=ReportError) as hidden:
        hidden.write_text(text, encoding="utf-8")


def check_page(path: str | Path, *, bundles: Sequence[str | Path] = ()) -> None:
    """Raise before any work if the page could not be drawn or written there, or would harm what stands there.

    Parameters
    ----------
    path
        Where the page shall be written. A page that is there already is replaced, nothing else is.
    bundles
        Folders that it must not be inside of.
    """
    for name in ("altair", "vl_convert"):
        if importlib.util.find_spec(name) is None:
            raise ImportError(f"the page needs {name}, which is not installed: pip install 'tabkit-ml[dashboards]'")
    place = Path(path).resolve()
    advice = "name a new file, such as update.html"
    if place.is_dir():
        raise ConfigError(f"the report {str(path)!r} is a folder", advice=advice)
    if bundle_above(place) or any(Path(bundle).resolve() in (place, *place.parents) for bundle in bundles):
        raise ConfigError(
            f"the report {str(path)!r} would be inside of a bundle, which is never changed", advice=advice
        )
    if place.exists() and not _is_page(place):
        raise ConfigError(f"{str(path)!r} exists and is no page of HTML: it was left as it is", advice=advice)
    above = next(parent for parent in place.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise ConfigError(
            f"cannot write {str(path)!r}: {str(above)!r} is no folder that you may write to", advice=advice
        )


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip().lower().startswith(b"<!doctype html")


def build_page(model: PropensityModel, found: Mapping[str, Any], *, title: str) -> UpdatePage:
    """Return the page's content; see `write`."""
    candidates = pl.DataFrame(list(found["candidates"]), schema=_TYPES).rename({"name": "candidate"})
    return UpdatePage(
        title=title,
        verdict=found["why"],
        candidates=candidates,
        metric=found["metric"],
        level=found["level"],
        chosen=found["strategy"],
        unit=unit_of(model.predictor),
        note=found.get("note", ""),
        alarms=tuple(found.get("alarms", ())),
        months=_months(found.get("months", ())),
        facts=tuple(_facts(model, found)),
        notes=tuple(_notes(found)),
    )


def _months(months: Sequence[Mapping[str, Any]]) -> pl.DataFrame | None:
    if not months:
        return None
    return pl.DataFrame([{"when": month["when"], "rows": month["rows"], **month["gains"]} for month in months])


def _facts(model: PropensityModel, found: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    span = f", {days(found['span'])}" if found["span"] else ""
    return [
        ("Target", f"{model.target.name} ({model.target.task})"),
        ("New rows", f"{found['rows']:,}{span}"),
        ("Judged on", f"{found['judged_rows']:,}"),
        ("Kept", "yes: encoder and model are as they were" if found["strategy"] == "keep" else "no"),
        ("Made by", f"{found['strategy']} {model.lineage.get('how') or ''}".strip()),
        (unit_of(model.predictor).capitalize(), f"{extent(model.predictor):,}"),
        ("Parent", model.lineage.get("parent") or "not saved"),
    ]


def _notes(found: Mapping[str, Any]) -> Sequence[str]:
    again = ["The candidate that was used was then made again from all new rows."]
    return [
        *found["warnings"],
        "Intervals know nothing of how the world may change after the last of the judged rows.",
        *(again if found["strategy"] != "keep" else []),
    ]
