"""What is typed becomes settings: by today's names and by former ones, over the file and `--set`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.app import main
from pipelines.cli.commands import COMMANDS, Command, spelled
from pipelines.jobs.settings import filled


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return what the job of a command is handed, or the error that came in its place."""

    def run(*arguments: str, checked: bool = False) -> Any:
        def function(command: Command) -> Any:
            def job(values: dict[str, Any], **_: Any) -> dict[str, Any]:
                return filled(command.kind(), values).model_dump(mode="json") if checked else values

            return job

        monkeypatch.setattr(Command, "function", function)
        monkeypatch.setattr(sys, "argv", ["tabkit", *arguments, "--json"])
        with pytest.raises(SystemExit):
            main()
        return json.loads(capsys.readouterr().out)

    return run


def test_arguments_come_before_set_and_set_before_the_file(typed, tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(
        'level = 0.5\nseed = 1\nresamples = 50\nroles = { id = "a", target = "b" }\nboosting.num_leaves = 7\n'
    )
    given = ("--config", str(path), "--set", "seed=2", "--set", "level=0.6", "--level", "0.7", "--target", "y")
    found = typed("train", "x.csv", *given)
    assert (found["level"], found["seed"], found["resamples"]) == ("0.7", 2, 50)
    assert (found["roles"], found["boosting"]) == ({"id": "a", "target": "y"}, {"num_leaves": 7})


def test_options_of_sections_lists_pairs_and_flags_are_settings(typed) -> None:
    found = typed(
        "train", "a.csv", "b.csv", "--exclude", "x", "--exclude", "y", "--known", "z", "--holdout", "0.3",
        "--objective", "poisson", "--no-compare", "-o", "m", checked=True,
    )  # fmt: skip
    assert found["source"] == ["a.csv", "b.csv"]
    assert (found["encoding"]["exclude"], found["encoding"]["known"]) == (["x", "y"], ["z"])
    assert (found["split"]["holdout"], found["boosting"]["objective"], found["compare"]) == (0.3, "poisson", False)
    found = typed("uplift", "train", "a.csv", "-o", "m", "--share", "a=b=0.5", "--cost", "mail=1", checked=True)
    assert (found["shares"], found["costs"]) == ({"a=b": 0.5}, {"mail": 1.0})
    for quantiles in (["--quantiles", "0.1,0.9"], ["--quantiles", "0.1", "--quantiles", "0.9"]):
        assert typed("cltv", "forecast", "m", "-o", "f.csv", *quantiles, checked=True)["quantiles"] == [0.1, 0.9]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path.replace(" ", "-"))
def test_a_former_name_is_hidden_and_means_the_same(typed, command: Command) -> None:
    for one in command.listed():
        shown, former = spelled(command, one.name)
        for name in former:
            path = command.path.split()
            assert typed(*path, name, "5")[one.name] == typed(*path, shown[0], "5")[one.name] in ("5", ["5"])


def test_explore_takes_its_former_flag_and_the_share(typed) -> None:
    assert typed("explore", "x.csv", "--holdout", "-o", "p.html")["embed_holdout"] is True
    assert typed("explore", "x.csv", "-o", "p.html", "--holdout")["embed_holdout"] is True
    found = typed("explore", "x.csv", "--holdout", "0.4", "-o", "p.html")
    assert found["holdout"] == "0.4"
    assert "embed_holdout" not in found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "x.csv", "--targt", "y"], "--target"),
        (["trian"], "'train'"),
        (["cltv", "ft"], "'fit'"),
        (["train", "x.csv", "--set", "resample=1"], "'resamples'"),
        (["train", "x.csv", "--set", "boosting.num_leafs=1"], "'num_leaves'"),
        (["train", "x.csv", "--model", "lightgm"], "'lightgbm'"),
        (["train", "x.csv", "--objective", "poison"], "'poisson'"),
        (["uplift", "train", "x.csv", "--design", "randomized"], "'randomised'"),
        (["cltv", "fit", "x.csv", "--unit", "weak"], "'week'"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(typed, arguments: list[str], said: str) -> None:
    problem = typed(*arguments, checked=True)["error"]["problem"]
    assert f"did you mean {said}" in problem.lower()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path.replace(" ", "-"))
def test_what_is_required_is_asked_for_as_it_is_given(typed, command: Command) -> None:
    needed = {one.name: one.required for one in command.listed() if one.required}
    error = typed(*command.path.split(), checked=True)["error"]
    name = error["problem"].split()[1]
    assert error["problem"] == f"no {name} is given"
    assert needed[name] in error["advice"]


def test_each_command_with_a_page_takes_report() -> None:
    shown = {each.path for each in COMMANDS for one in each.listed() if "--report" in spelled(each, one.name)[0]}
    assert shown == {
        *("train", "compare", "update", "rules worth", "cltv fit", "cltv backtest", "cltv campaigns"),
        *("uplift train", "uplift report", "uplift update"),
    }


def test_a_command_alone_is_no_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        monkeypatch.setattr(sys, "argv", ["tabkit", *command.path.split()])
        monkeypatch.setattr(Command, "function", lambda self: lambda values, **_: filled(self.kind(), values))
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        assert "is given" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("tabkit up", {"update", "uplift"}),
        ("tabkit train --final e", {"evaluated"}),
        ("tabkit explore --ho", {"--holdout"}),
        ("tabkit cltv fit --i", {"--id"}),
    ],
)
def test_a_shell_completes_commands_options_and_choices(words: str, offered: set[str]) -> None:
    asked = {"_TABKIT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = "import sys; sys.argv[0] = 'tabkit'; from pipelines.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert offered <= set(done.stdout.split())
