from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from places import ROOT

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
