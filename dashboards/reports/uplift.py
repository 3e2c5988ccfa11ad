"""The trust report of an uplift model as an offline page."""

from __future__ import annotations

from pathlib import Path

from dashboards.kit.outputs import check_page
from dashboards.reports.propensity import ReportError
from dashboards.reports.uplift_page import report_page
from tabkit.staging import staged_file
from tabkit.uplift.model import UpliftModel


def write(model: UpliftModel, path: str | Path, *, title: str | None = None, overwrite: bool = False) -> None:
    """Write the page; it needs no network and holds no script.

    Parameters
    ----------
    model
        What `train` returned, or a bundle of it that was loaded.
    path
        The HTML file.
    title
        The page's heading.
    overwrite
        Replace what stands there, also if it is no earlier page of `uplift report`.

    Raises
    ------
    ConfigError
        If the page may not go there (see `tabkit.destination`).
    ReportError
        If the page cannot be written.
    ImportError
        If the extra `dashboards` is not installed.
    """
    check_page(path, "uplift report", overwrite=overwrite)
    lineage, config = model.lineage, model.config
    facts = [
        ("outcome", f"{model.target.name} ({model.target.positive or lineage['kind']})"),
        ("treatment", model.arms.column),
        ("control", model.arms.labels[0]),
        ("learner", f"{config['learner']}, {config['members']} members"),
        ("source", lineage["source"]),
    ]
    if lineage["span"]:
        facts.append(("span", " to ".join(lineage["span"])))
    notes = []
    if config["final"] == "all":
        notes.append(
            "The saved model was fitted again on all units once this was measured: figures are those of its twin that "
            "never saw the held-out units."
        )
    heading = title or f"Effect of {model.arms.column} on {model.target.name}"
    text = report_page(model.evaluation, title=heading, facts=facts, notes=notes)
    with staged_file(path, kind=ReportError) as hidden:
        hidden.write_text(text, encoding="utf-8")
