"""What scripts and pipelines of others hold on to: parameters of the faces, options of commands, keys of JSON.

A layout may change as long as this stays. `python tests/test_surface.py` writes `surface.json` anew, for a change that
is meant: its difference is then read like code.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import typer

from pipelines.cli.app import app, main

FILE = Path(__file__).with_name("surface.json")
GOLDEN = Path(__file__).with_name("golden") / "format1"

FACES = {
    "pipelines.propensity": ("PropensityModel", "TrainConfig", "UpdateReport", "load", "train", "update"),
    "pipelines.uplift": ("UpliftConfig", "UpliftModel", "UpliftUpdate", "load", "train", "update"),
    "pipelines.lifetime_value": ("CLTVModel", "LifetimeModel", "fit", "load", "horizon_of", "update"),
    "pipelines.report": ("build_report", "write"),
    "pipelines": ("load",),
    "tabkit": ("Roles", "TabkitError", "load"),
}


def faces() -> dict[str, Any]:
    """Return the parameters of what the faces offer, and of the methods of its classes."""
    return {
        f"{module}.{name}": _described(getattr(importlib.import_module(module), name))
        for module, names in FACES.items()
        for name in names
    }


def commands() -> dict[str, list[str]]:
    """Return the arguments and options of each command."""
    return {
        " ".join(path): sorted(_option(param) for param in command.params if param.name != "help")
        for path, command in _leaves(typer.main.get_command(app))
    }


def json_keys() -> dict[str, list[str]]:
    """Return the keys of what commands print with ``--json``, as paths: of golden bundles, and of a quick model."""
    with tempfile.TemporaryDirectory() as folder:
        runs = {**_of_golden(Path(folder)), **_of_new(Path(folder))}
        return {name: sorted(set(_paths(_run(*arguments)))) for name, arguments in runs.items()}


def _of_golden(out: Path) -> dict[str, tuple[str, ...]]:
    bundles, effects = sorted(path for path in GOLDEN.iterdir() if path.is_dir()), str(GOLDEN / "effects_rows.parquet")
    return {
        **{f"inspect {path.name}": ("inspect", str(path)) for path in bundles},
        "history": ("history", str(GOLDEN / "churned")),
        "score": ("score", str(GOLDEN / "churned"), str(GOLDEN / "rows.parquet"), "-o", str(out / "scores.parquet")),
        "score effects": ("score", str(GOLDEN / "effects"), effects, "-o", str(out / "effects.csv")),
        "cltv forecast": ("cltv", "forecast", str(GOLDEN / "value"), "-o", str(out / "value.parquet")),
        "error": ("inspect", str(out / "nowhere")),
    }


def _of_new(out: Path) -> dict[str, tuple[str, ...]]:
    rng, rows = np.random.default_rng(0), 1200
    spend, calls = rng.gamma(2, 30, rows).round(2), rng.poisson(1.5, rows)
    labels = np.where(rng.random(rows) < 0.2 + 0.1 * np.minimum(calls, 5), "yes", "no")
    frame = pl.DataFrame({"customer": np.arange(rows), "spend": spend, "calls": calls, "left": labels})
    table, newer, model = str(out / "rows.parquet"), str(out / "newer.parquet"), str(out / "model")
    frame.head(600).write_parquet(table)
    frame.tail(600).write_parquet(newer)
    goal = ("--target", "left", "--id", "customer")
    quick = ("--set", "boosting.num_threads=1", "--set", "boosting.max_trees=20", "--set", "resamples=20")
    return {
        "train": ("train", table, *goal, "-o", model, *quick),
        "update": ("update", model, newer, "-o", str(out / "updated")),
        "compare": ("compare", model, model, newer),
        "encode": ("encode", table, *goal, "-o", str(out / "features.parquet"), "--save", str(out / "encoder")),
        "rules suggest": ("rules", "suggest", table, *goal, "-o", str(out / "rules.toml")),
    }


def _run(*arguments: str) -> Any:
    """Return what the command prints."""
    before, out = sys.argv, io.StringIO()
    sys.argv = ["tabkit", *arguments, "--json"]
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.suppress(SystemExit),
        ):
            main()
    finally:
        sys.argv = before
    return json.loads(out.getvalue())


def _paths(value: Any, above: str = "") -> Iterator[str]:
    """Yield the paths of keys; what stands in lists is one place, and names of columns, arms and settings stay out."""
    if isinstance(value, dict) and above.rpartition(".")[2] not in _OPEN:
        for key, inner in value.items():
            yield from _paths(inner, f"{above}.{key}" if above else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from _paths(inner, f"{above}[]")
    else:
        yield above


_OPEN = ("config", "versions", "unseen")


def _described(thing: Any) -> Any:
    if not inspect.isclass(thing):
        return _parameters(thing)
    ours = {"tabkit", "pipelines"}
    members = {
        name: value
        for name, value in inspect.getmembers(thing)
        if not name.startswith("_") and (getattr(value, "__module__", None) or "").split(".")[0] in ours
    }
    methods = {name: _parameters(value) for name, value in members.items() if callable(value)}
    return {"(init)": _parameters(thing), **methods}


def _parameters(thing: Any) -> str:
    """Return names, kinds and whether there is a default; types are the business of mypy."""
    bare = [
        each.replace(annotation=inspect.Parameter.empty, default=... if each.default is not each.empty else each.empty)
        for each in inspect.signature(thing).parameters.values()
        if each.name not in {"self", "cls"}
    ]
    return str(inspect.Signature(bare)).replace("Ellipsis", "...")


def _leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _leaves(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


def _option(param: Any) -> str:
    names = ", ".join(param.opts) if param.param_type_name == "option" else param.name.upper()
    flag, repeated = getattr(param, "is_flag", False), getattr(param, "multiple", False) or param.nargs == -1
    return f"{names}{' (flag)' if flag else ''}{' ...' if repeated else ''}"


def _surface() -> dict[str, Any]:
    return {"faces": faces(), "commands": commands(), "json": json_keys()}


@pytest.mark.parametrize("part", ["faces", "commands", "json"])
def test_what_others_hold_on_to_is_as_it_was(part: str) -> None:
    now = {"faces": faces, "commands": commands, "json": json_keys}[part]()
    assert now == json.loads(FILE.read_text(encoding="utf-8"))[part]


if __name__ == "__main__":
    FILE.write_text(json.dumps(_surface(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
