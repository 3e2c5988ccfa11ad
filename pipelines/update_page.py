"""One offline page that says what an update tried, what it chose, and why."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from dashboards.update import UpdatePage, render
from pipelines.evaluation import days
from pipelines.model import PropensityModel
from pipelines.report import ReportError
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


def check_page(path: str | Path) -> None:
    """Raise before any work if the page could not be drawn or written."""
    for name in ("altair", "vl_convert"):
        if importlib.util.find_spec(name) is None:
            raise ImportError(f"the page needs {name}, which is not installed: pip install 'tabkit-ml[dashboards]'")
    if Path(path).is_dir():
        raise ConfigError(f"the report {str(path)!r} is a folder", advice="name a file, such as update.html")


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
        facts=tuple(_facts(model, found)),
        notes=tuple(_notes(found)),
    )


def _facts(model: PropensityModel, found: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    span = f", {days(found['span'])}" if found["span"] else ""
    return [
        ("Target", f"{model.target.name} ({model.target.task})"),
        ("New rows", f"{found['rows']:,}{span}"),
        ("Judged on", f"{found['judged_rows']:,}"),
        ("Made by", f"{found['strategy']} {model.lineage.get('how') or ''}".strip()),
        ("Trees", f"{model.booster.trees:,}"),
        ("Parent", model.lineage.get("parent") or "not saved"),
    ]


def _notes(found: Mapping[str, Any]) -> Sequence[str]:
    again = ["The candidate that was used was then made again from all new rows."]
    return [
        *found["warnings"],
        f"Intervals draw whole {found['unit']}s of the judged rows anew: they know nothing of how the world may change "
        "after the last of them.",
        *(again if found["strategy"] != "keep" else []),
    ]
