from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from places import GOLDEN, ROOT

from pipelines.cli.commands import COMMANDS

PACKAGES = ("tabkit", "pipelines", "dashboards")
GROUND = (
    *("errors", "forked", "threads", "roles", "frames", "config", "schema", "target", "table", "objective", "rows"),
    *("staging", "progress", "bundle", "splits", "metrics"),
)
HEAVY = {"altair", "causalml", "hiplot", "lightgbm", "pandas", "pymc", "sklearn", "torch"}
FORBIDDEN = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}


def loaded(code: str) -> set[str]:
    """Return the top-level packages that are loaded when `code` has run in a fresh interpreter."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(ran.stdout.split())


def test_tabkit_alone_loads_nothing_heavy():
    assert not loaded("import tabkit") & {*HEAVY, "polars", "numpy", "pydantic"}


def test_the_ground_loads_nothing_heavy():
    modules = ", ".join(f"tabkit.{name}" for name in GROUND)
    assert not loaded(f"import {modules}") & HEAVY


def test_the_command_starts_without_its_libraries():
    assert not loaded("import pipelines.cli.app") & {*HEAVY, "polars", "numpy"}


@pytest.mark.parametrize(
    "module", ["pipelines", "pipelines.jobs", "dashboards.charts", "tabkit.propensity", "tabkit.cltv"]
)
def test_rooms_load_nothing_until_a_name_is_used(module):
    assert not loaded(f"import {module}") & {*HEAVY, "numpy", "polars", "pydantic", "scipy"}


def test_settings_load_no_library_that_computes():
    assert not loaded("import tabkit.uplift.config, tabkit.cltv.config, pipelines.jobs.settings.propensity") & {
        *HEAVY,
        "numpy",
        "polars",
        "scipy",
    }


MODEL = str(GOLDEN / "churned")
MISSING = {
    "train": ("nowhere.parquet", "--target", "y", "-o", "not-made"),
    "encode": ("nowhere.parquet", "--target", "y", "-o", "not-made.parquet"),
    "score": (MODEL, "nowhere.parquet", "-o", "not-made.parquet"),
    "update": (MODEL, "nowhere.parquet", "-o", "not-made"),
    "compare": (MODEL, MODEL, "nowhere.parquet"),
    "inspect": ("nowhere",),
    "history": ("nowhere",),
    "explore": ("nowhere.parquet", "--target", "y", "-o", "not-made.html"),
    "rules suggest": ("nowhere.parquet", "--target", "y", "-o", "not-made.toml"),
    "rules score": ("nowhere.toml", "nowhere.parquet", "--target", "y"),
    "rules worth": ("nowhere.toml", "nowhere.parquet", "--target", "y"),
    "uplift train": (
        *("nowhere.parquet", "--treatment", "t", "--control", "none", "--design", "randomised"),
        *("--outcome", "y", "-o", "not-made"),
    ),
    "uplift update": ("nowhere", "nowhere.parquet", "-o", "not-made"),
    "uplift report": ("nowhere",),
    "cltv fit": ("nowhere.parquet", "--customer", "c", "--date", "d", "-o", "not-made"),
    "cltv backtest": ("nowhere.parquet", "--customer", "c", "--date", "d"),
    "cltv forecast": ("nowhere", "-o", "not-made.parquet"),
    "cltv campaigns": ("nowhere", "nowhere.parquet", "--campaign", "c"),
}
JOBS = {command.job.partition(".")[0] for command in COMMANDS}
TOLD = """
import contextlib, io, sys
from pipelines.cli import main
for name, arguments in {commands!r}.items():
    sys.argv = ["tabkit", *name.split(), *arguments]
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.suppress(SystemExit):
        main()
    assert "nowhere" in said.getvalue(), (name, said.getvalue())
    heavy = {heavy!r} & {{module for module in sys.modules}}
    assert not heavy, (name, heavy)
"""


def test_a_missing_file_is_told_before_the_job_and_its_libraries_are_loaded():
    heavy = {*HEAVY, "numpy", "polars", "scipy", *(f"pipelines.jobs.{job}" for job in JOBS)}
    assert "rich" in loaded(TOLD.format(commands=MISSING, heavy=heavy))


def test_the_history_of_a_model_needs_no_model():
    code = f"import sys; from pipelines.cli import main; sys.argv = ['tabkit', 'history', {MODEL!r}]"
    code += "\ntry: main()\nexcept SystemExit as end: assert not end.code"
    models = {"tabkit.predictors.registry", "tabkit.propensity.evaluation", "tabkit.frames"}
    assert not loaded(f"{code}\nassert not {models!r} & {{*sys.modules}}, sys.modules") & HEAVY


def test_late_names_are_there():
    code = "import tabkit; assert all(getattr(tabkit, name) is not None for name in tabkit.__all__)"
    assert "polars" in loaded(code)
    with pytest.raises(subprocess.CalledProcessError):
        loaded("import tabkit; tabkit.nothing")


def imported(tree: ast.AST) -> set[str]:
    """Return the top-level packages that a source imports, wherever in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {
            "import_module",
            "__import__",
        }:
            found |= {str(a.value).partition(".")[0] for a in node.args if isinstance(a, ast.Constant)}
    return found


def test_imports_are_found_wherever_they_hide():
    hidden = "import a.b as c\ndef f():\n  from d.e import g\n  importlib.import_module('h.i')\n  __import__('j')"
    assert imported(ast.parse(hidden)) == {"a", "d", "h", "j"}


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_that_executes_what_it_loads_is_imported(package):
    sources = list((ROOT / package).rglob("*.py"))
    assert sources
    for source in sources:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        assert not imported(tree) & FORBIDDEN, source
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not calls & {"torch.save", "torch.load", "eval", "exec", "pl.Expr.deserialize"}, source


@pytest.mark.parametrize("folder", ["benchmarks", "examples", "tests"])
def test_nor_is_it_where_people_look_for_examples(folder):
    sources = list((ROOT / folder).rglob("*.py"))
    assert sources
    for source in sources:
        assert not imported(ast.parse(source.read_text(encoding="utf-8"))) & FORBIDDEN, source
