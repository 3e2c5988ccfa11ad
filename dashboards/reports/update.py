"""The report of an update as an offline page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from dashboards.charts.model import COLUMNS
from dashboards.kit.outputs import check_page
from dashboards.reports.propensity import ReportError
from dashboards.reports.update_page import UpdatePage, render
from tabkit.errors import ConfigError
from tabkit.propensity.model import PropensityModel
from tabkit.staging import staged_file
from tabkit.untrusted.manifest import building
from tabkit.wording import days

_TYPES = {
    "name": pl.String,
    "how": pl.String,
    **dict.fromkeys(("loss", *COLUMNS["candidates"][1:]), pl.Float64),
    "refused": pl.String,
}


def write(model: PropensityModel, path: str | Path, *, title: str | None = None, overwrite: bool = False) -> None:
    """Write the page of the update that made a model; what it says is kept in the model's bundle.

    Parameters
    ----------
    model
        What `update` returned, or a bundle of it that was loaded.
    path
        The HTML file. It needs no network and holds no script.
    title
        The page's heading.
    overwrite
        Replace what stands there, also if it is no earlier page of an update.

    Raises
    ------
    ConfigError
        If no update made the model, or the page may not go there (see `tabkit.destination`).
    ReportError
        If the page cannot be written.
    ImportError
        If the extra `dashboards` is not installed.
    """
    check_page(path, "update", overwrite=overwrite)
    found = model.lineage.get("update")
    if found is None:
        raise ConfigError(
            f"the model was made by {model.lineage.get('strategy', 'train')!r}, not by an update: nothing was tried",
            advice="for a trained model use dashboards.reports.propensity.write",
        )
    with building("what it tells of its update"):
        text = render(build_page(model, found, title=title or f"Update of the model of {model.target.name}"))
    with staged_file(path, kind=ReportError) as hidden:
        hidden.write_text(text, encoding="utf-8")


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
        unit=model.learner.unit,
        note=found.get("note", ""),
        alarms=tuple(found.get("alarms", ())),
        months=_months(found.get("months", ())),
        facts=tuple(_facts(model, found)),
        notes=tuple(_notes(found)),
    )


def _months(months: Sequence[Mapping[str, Any]]) -> pl.DataFrame | None:
    if not months:
        return None
    return pl.DataFrame(
        [{"when": month["when"], "rows": month["rows"], **month["loss_differences"]} for month in months]
    )


def _facts(model: PropensityModel, found: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    span = f", {days(found['span'])}" if found["span"] else ""
    return [
        ("Target", f"{model.target.name} ({model.target.task})"),
        ("New rows", f"{found['rows']:,}{span}"),
        ("Judged on", f"{found['judged_rows']:,}"),
        ("Kept", "yes: encoder and model are as they were" if found["strategy"] == "keep" else "no"),
        ("Made by", f"{found['strategy']} {model.lineage.get('how') or ''}".strip()),
        (model.learner.unit.capitalize(), f"{model.learner.extent(model.predictor):,}"),
        ("Parent", model.lineage.get("parent") or "not saved"),
    ]


def _notes(found: Mapping[str, Any]) -> Sequence[str]:
    again = ["The candidate that was used was then made again from all new rows."]
    return [
        *found["warnings"],
        "Intervals know nothing of how the world may change after the last of the judged rows.",
        *(again if found["strategy"] != "keep" else []),
    ]
