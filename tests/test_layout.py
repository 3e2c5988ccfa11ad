"""Where things stand: what a room hands out, and how large files and folders grow."""

from __future__ import annotations

import ast
import importlib
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import ROOT

PACKAGES = ("tabkit", "pipelines", "dashboards")
STUBS = sorted(stub for package in PACKAGES for stub in (ROOT / package).rglob("__init__.pyi"))


def package_of(stub: Path) -> str:
    return ".".join(stub.parent.relative_to(ROOT).parts)


def handed_on(stub: Path) -> Iterator[tuple[str, bool]]:
    """Yield the names that a room hands out, and whether each is a module of it."""
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            yield from ((alias.name, node.module is None) for alias in node.names)


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_a_room_hands_out_what_it_lists_and_loads_it_on_first_use(stub):
    room = importlib.import_module(package_of(stub))
    assert set(room.__all__) - {"__version__"} == {name for name, _ in handed_on(stub)}
    assert all(getattr(room, name) is not None for name in room.__all__)
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = room.nothing_such


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_no_public_name_of_a_room_is_one_of_its_modules(stub):
    """Whichever of the two were loaded first would hide the other."""
    modules = {path.stem for path in stub.parent.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not {name for name, is_module in handed_on(stub) if not is_module} & modules


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_no_source_has_over_four_hundred_lines():
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert not {name: count for name, count in lines.items() if count > 400}


def test_no_folder_holds_over_twenty_five_modules():
    modules = Counter(str(path.parent.relative_to(ROOT)) for path in sources() if path.name != "__init__.py")
    assert modules
    assert not {folder: count for folder, count in modules.items() if count > 25}


def test_no_two_public_classes_share_a_name():
    places: dict[str, list[str]] = {}
    for path in sources():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_circles_are_looked_for_in_every_package():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [ancestors] = [contract["ancestors"] for contract in contracts if contract["type"] == "acyclic_siblings"]
    packages = {".".join(path.parent.relative_to(ROOT).parts) for path in sources() if path.name == "__init__.py"}
    assert packages == set(ancestors)
