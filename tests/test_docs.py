"""README and CONTRIBUTING are true: their paths are there, their commands parse, what their Python imports exists."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from places import ROOT

from pipelines.cli.app import app

DOCUMENTS = ("README.md", "CONTRIBUTING.md")
OTHERS = {"--help", "--preload"}  # the second is gunicorn's
FOLDERS = ("tabkit", "dashboards", "pipelines", "tests", "examples", "benchmarks", ".ci")


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def quoted(text: str) -> list[str]:
    """Return what stands in backticks outside of blocks, and where links lead."""
    prose = re.sub(r"(?ms)^```.*?^```", "", text)
    links = [link for link in re.findall(r"\]\(([^)#\s]+)\)", prose) if "://" not in link]
    return [*re.findall(r"`([^`\n]+)`", prose), *links]


def paths(text: str) -> set[str]:
    """Return the paths inside the project that a text names; a script without a folder is one of the benchmarks."""
    named = {name.rstrip("/") for name in quoted(text) if " " not in name}
    inside = {name for name in named if name.partition("/")[0] in FOLDERS and "/" in name}
    return inside | {f"benchmarks/{name}" for name in named if re.fullmatch(r"\w+\.py", name)}


def commands(text: str) -> Iterator[str]:
    """Yield the command lines of indented blocks, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    yield from (line.strip() for line in re.findall(r"(?m)^ {4}(tabkit .*)$", joined))


def command_at(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that the first words name, and the other words."""
    command = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def test_paths_and_commands_are_found() -> None:
    text = (
        "See `tabkit/x.py`, ![a](examples/b.png), `c.py`, `models/d`.\n\n    tabkit train a \\\n      --target b  # c\n"
    )
    assert paths(text) == {"tabkit/x.py", "examples/b.png", "benchmarks/c.py"}
    assert list(commands(text)) == ["tabkit train a  --target b  # c"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_path_is_there(document: str) -> None:
    named = paths(text_of(document))
    assert named
    assert not {path for path in named if not (ROOT / path).exists()}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_name_in_a_file_is_there(document: str) -> None:
    """As in: `rmse` in `tabkit/metrics/regression.py`."""
    for name, path in re.findall(r"`(\w+)` (?:in|of) `([\w/]+\.py)`", text_of(document)):
        assert re.search(rf"\b{name}\b", text_of(path)), (name, path)


@pytest.mark.parametrize("line", [line for document in DOCUMENTS for line in commands(text_of(document))])
def test_each_command_line_parses(line: str) -> None:
    words = [word for word in shlex.split(line, comments=True) if word != "..."]
    command, rest = command_at(words[1:])
    assert not hasattr(command, "commands"), "it names a group, and no command of it"
    command.make_context(words[1], rest).close()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_and_options_in_a_sentence_exist(document: str) -> None:
    every = options_of(*leaves(typer.main.get_command(app))) | OTHERS
    for name in quoted(text_of(document)):
        words = name.split()
        if words[0] == "tabkit" and len(words) > 1:
            command, rest = command_at(words[1:])
            assert len(rest) < len(words) - 1 or rest[0].startswith("-"), name
            assert {word for word in rest if word.startswith("--")} <= options_of(command) | {"--help"}, name
        elif words[0].startswith("--"):
            assert words[0].partition("=")[0] in every, name
        elif words[0] == "make":
            assert re.search(rf"(?m)^[a-z -]*\b{words[1]}\b[a-z -]*:", text_of("Makefile")), name


def options_of(*commands: Any) -> set[str]:
    params = [param for command in commands for param in command.params]
    return {option for param in params for option in (*param.opts, *param.secondary_opts)}


def leaves(command: Any) -> Iterator[Any]:
    inner = getattr(command, "commands", {})
    if not inner:
        yield command
    for each in inner.values():
        yield from leaves(each)


def imports(code: str) -> Iterator[tuple[str, str]]:
    """Yield module and name of what is imported from the project."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in FOLDERS:
            yield from ((node.module or "", alias.name) for alias in node.names)


def test_what_examples_import_exists() -> None:
    """In documents, examples, benchmarks and the check of the wheel: some need libraries that not every machine has."""
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```", "\n".join(map(text_of, DOCUMENTS)))
    scripts = [path for folder in ("examples", "benchmarks", ".ci") for path in sorted((ROOT / folder).glob("*.py"))]
    for code in (*blocks, *(path.read_text(encoding="utf-8") for path in scripts)):
        for module, name in imports(code):
            assert hasattr(importlib.import_module(module), name) or importlib.import_module(f"{module}.{name}")


def test_the_map_has_every_folder() -> None:
    map_of_folders = text_of("README.md").partition("## Map of the folders")[2].partition("\n## ")[0]
    there = {
        f"{path.parent.relative_to(ROOT)}/"
        for package in ("tabkit", "dashboards", "pipelines")
        for path in (ROOT / package).glob("*/__init__.py")
    }
    assert not {folder for folder in there if f"`{folder}`" not in map_of_folders}
