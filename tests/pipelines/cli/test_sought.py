"""What settings name is looked for before the job: its own words, and places that cannot be written to first."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.commands import COMMANDS
from pipelines.cli.sought import look
from pipelines.jobs.settings import filled
from tabkit.errors import TabkitError
from tabkit.progress import Silent

BY_PATH = {command.path: command for command in COMMANDS}
ROLES = {"target": "y"}
ARMS = {"roles": {"treatment": "t", "outcome": "y"}, "control": "none", "design": "randomised"}
LOG = {"customer": "c", "date": "d"}


def said(path: str, values: dict[str, Any], *, overwrite: bool = False) -> str | None:
    try:
        look(filled(BY_PATH[path].kind(), values), overwrite=overwrite)
    except TabkitError as error:
        return f"{error.stage}: {error}"
    return None


def said_by_job(path: str, values: dict[str, Any]) -> str:
    module, _, name = BY_PATH[path].job.rpartition(".")
    job = getattr(importlib.import_module(f"pipelines.jobs.{module}"), f"{name}_job")
    writes = {"overwrite": False} if path not in {"history", "inspect", "compare", "rules score", "rules worth"} else {}
    with pytest.raises(TabkitError) as told:
        job(values, **writes, progress=Silent())
    return f"{told.value.stage}: {told.value}"


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("train", {"source": "no.csv", "output": "m", "roles": ROLES}),
        ("train", {"source": ["t.csv", "no/*.csv"], "output": "m", "roles": ROLES}),
        ("encode", {"source": "t.csv", "encoder": "no", "output": "x.parquet"}),
        ("score", {"bundle": "t.csv", "source": "t.csv", "output": "x.parquet"}),
        ("explore", {"source": "t.csv", "rules": "no.toml", "output": "x.html", "roles": ROLES}),
        ("rules score", {"rules": "no.toml", "source": "t.csv", "roles": ROLES}),
        ("rules worth", {"rules": "no.toml", "source": "t.csv", "roles": ROLES}),
        ("inspect", {"bundle": "no"}),
        ("history", {"bundle": "a" * 300}),
        ("uplift train", {"source": " ", "output": "m", **ARMS}),
        ("cltv fit", {"source": "no[1].csv", "output": "m", **LOG}),
    ],
)
def test_what_is_missing_is_told_in_the_words_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, values: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("x,y\n1,0\n2,1\n")
    early = said(path, values)
    assert early is not None
    assert early == said_by_job(path, values)


def test_a_place_that_is_taken_is_left_to_the_job_which_tells_it_first(tmp_path: Path) -> None:
    folder, page = tmp_path / "m", tmp_path / "page.html"
    values = {"source": str(tmp_path / "no.csv"), "output": str(folder), "report": str(page), "roles": ROLES}
    page.write_text("mine")
    assert said("train", values) is None
    assert "no.csv" in str(said("train", values, overwrite=True))
    folder.mkdir()
    assert said("train", values, overwrite=True) is None


def test_what_is_there_or_lies_elsewhere_or_will_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    here, elsewhere = str(tmp_path / "empty"), "https://host.invalid/no.csv"
    assert said("score", {"bundle": here, "source": [here, elsewhere], "output": str(tmp_path / "x")}) is None
    served = {"source": here, "rules": str(tmp_path / "new.toml"), "serve": True, "roles": ROLES}
    assert said("explore", served) is None


@pytest.mark.parametrize(("path", "name"), [("update", "reference"), ("cltv campaigns", "volume")])
def test_further_sources_are_looked_for(tmp_path: Path, path: str, name: str) -> None:
    here = str(tmp_path)
    more = {"campaign": "c"} if path == "cltv campaigns" else {}
    values = {"bundle": here, "source": here, name: str(tmp_path / "no.csv"), **more}
    assert "no.csv" in str(said(path, values))
