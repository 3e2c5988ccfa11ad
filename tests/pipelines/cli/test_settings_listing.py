"""Options, files to start from and tables are made of the settings classes: each setting stands in one place."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import typer
from places import ROOT

from pipelines.cli.app import app
from pipelines.cli.commands import COMMANDS, Command, spelled
from pipelines.cli.listing import listing, refreshed, toml
from tabkit.config import build, override
from tabkit.errors import ConfigError

EACH = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path.replace(" ", "-"))


@EACH
def test_a_file_to_start_from_gives_the_defaults(command: Command) -> None:
    values = tomllib.loads(listing(command.path)["toml"])
    found = build(command.kind(), values)
    assert found == command.kind()()
    follow = {one.key[-1] for one in command.listed() if one.follows}
    assert not follow & found.model_fields_set  # given, they would speak


@EACH
def test_every_setting_is_listed_with_its_meaning_and_can_be_set(command: Command) -> None:
    text = listing(command.path)["toml"]
    for one in command.listed():
        assert len(one.text) > 5, one.name
        assert f"\n{one.key[-1]} = " in text or f"\n# {one.key[-1]} = " in text
        if one.default is not None and one.kind != "table":
            build(command.kind(), override({}, [f"{one.name}={toml(one.default)}"]))


@EACH
def test_every_setting_that_stands_in_no_section_is_an_option_or_an_argument(command: Command) -> None:
    asked = _command(command.path)
    names = {name for param in asked.params for name in param.opts}
    for one in command.listed():
        if len(one.key) == 1 and one.kind != "table":
            assert one.name in command.arguments or set(spelled(command, one.name)[0]) <= names


def _command(path: str):
    found = typer.main.get_command(app)
    for part in path.split():
        found = found.commands[part]
    return found


def test_the_same_thing_is_called_the_same_in_all_commands() -> None:
    shown = {
        command.path: {s for one in command.listed() for s in spelled(command, one.name)[0]} for command in COMMANDS
    }
    for path in ("train", "encode", "explore", "uplift train", "rules suggest", "rules score", "rules worth"):
        assert {"--id", "--time", "--group", "--exclude", "--known"} <= shown[path], path
    for path in ("train", "explore", "uplift train", "rules suggest", "rules score"):
        assert "--holdout" in shown[path], path
    for path in ("cltv fit", "cltv backtest"):
        assert {"--id", "--time", "--group"} <= shown[path]


@pytest.mark.parametrize(
    ("said", "meant"), [("trian", "train"), ("cltv ft", "cltv fit"), ("uplift trains", "uplift train")]
)
def test_settings_of_an_unknown_command_name_the_nearest(said: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        listing(said)
    assert f"{meant!r}" in str(caught.value)


def test_values_are_written_as_toml_reads_them() -> None:
    for value in ('a "b"', [1, 2.5], {"x y": 1}, True, 1e-9, ["ä"]):
        assert tomllib.loads(f"value = {toml(value)}")["value"] == value


def test_the_tables_of_the_readme_are_those_of_the_classes() -> None:
    text = Path(ROOT, "README.md").read_text(encoding="utf-8")
    assert refreshed(text) == text, "run `make settings`"
