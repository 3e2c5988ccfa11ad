"""The command: arguments, exit codes, what goes to which stream."""

import importlib.util
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import propensity
from tabkit import __version__

QUICK = [
    "--set", "boosting.num_threads=1", "--set", "boosting.max_trees=40", "--set", "boosting.learning_rate=0.2",
    "--set", "boosting.min_data_in_leaf=10", "--set", "resamples=20",
]  # fmt: skip
Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, customers: pl.DataFrame, newcomers: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a table to train on and one to score."""
    customers.write_parquet(tmp_path / "customers.parquet")
    newcomers.write_parquet(tmp_path / "new.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# A process of its own


@pytest.mark.slow
def test_the_whole_way_in_processes_of_their_own(spawn: Run, folder: Path) -> None:
    roles = ["--target", "churned", "--id", "customer", "--time", "seen_at"]
    trained = spawn("train", "customers.parquet", *roles, "-o", "models/churn", *QUICK)
    assert trained.code == 0, trained.err
    assert trained.err == ""
    assert "On 401 held-out rows the model" in trained.out
    scored = spawn("score", "models/churn", "new.parquet", "-o", "scores/", "--contributions", "2", "--json")
    assert scored.code == 0, scored.err
    assert scored.err == ""
    assert scored.json["outputs"] == ["scores/new.parquet"]
    assert pl.read_parquet("scores/new.parquet").shape == (500, 6)
    inspected = spawn("inspect", "models/churn", "--json")
    assert inspected.json["lineage"]["source"] == "customers.parquet"
    assert inspected.json["bundle"] == "models/churn"
    assert listing(folder) == {
        "customers.parquet", "new.parquet", "models", "models/churn",
        "scores", "scores/new.parquet",
        *(f"models/churn/{path}" for path in listing(folder / "models" / "churn")),
    }  # fmt: skip


@pytest.mark.skipif(importlib.util.find_spec("altair") is None, reason="the extra dashboards is not installed")
def test_training_writes_a_page_of_what_was_measured(run: Run, folder: Path) -> None:
    options = ("--target", "churned", "--id", "customer", *QUICK)
    refused = run("train", "customers.parquet", *options, "-o", "m", "--report", "m/page.html")
    assert (refused.code, listing(folder)) == (2, {"customers.parquet", "new.parquet"})
    done = run("train", "customers.parquet", *options, "-o", "m", "--report", "page.html")
    assert "page.html" in done.out
    page = Path("page.html").read_text(encoding="utf-8")
    assert "held-out rows" in page
    again = run("train", "customers.parquet", *options, "--compare", "--report", "page.html", "--json")
    assert (again.json["page"], again.json["bundle"]) == ("page.html", None)
    into = run("compare", "m", "m", "new.parquet", "--report", "m/page.html")
    assert (into.code, Path("m/page.html").exists()) == (2, False)
    compared = run("compare", "m", "m", "customers.parquet", "--report", "both.html", "--json")
    assert compared.json["page"] == "both.html", compared.err
    page = Path("both.html").read_text(encoding="utf-8")
    assert all(row["metric"] in page for row in compared.json["scores"])
    assert "fitted on about" in page


def test_an_error_of_the_user_exits_2_without_traceback(spawn: Run, folder: Path) -> None:
    done = spawn("inspect", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert done.err == "tabkit: bundle: there is no bundle at 'nowhere': it does not exist\nTo do: check the path\n"
    as_json = spawn("inspect", "nowhere", "--json")
    assert as_json.code == 2
    assert as_json.json["error"]["stage"] == "bundle"
    assert as_json.json["error"]["advice"] == "check the path"
    assert "Traceback" not in as_json.err


def test_usage_errors_exit_2(spawn: Run) -> None:
    done = spawn("train", "--no-such-option")
    assert done.code == 2
    assert done.out == ""
    assert "No such option" in done.err
    assert "Traceback" not in done.err


def test_help_is_quick_and_imports_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys\n"
        "sys.argv = ['tabkit', '--help']\n"
        "from pipelines.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'polars', 'lightgbm', 'sklearn', 'numpy', 'pydantic', 'altair', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("train", "score", "inspect"):
        assert name in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_scoring_leaves_nothing_and_the_old_output(
    after: Run, command: list[str], saved: Path, newcomers: pl.DataFrame, tmp_path: Path, number: signal.Signals
) -> None:
    pl.concat([newcomers] * 1000).write_parquet(tmp_path / "many.parquet", row_group_size=100_000)
    (tmp_path / "out").mkdir()
    old = tmp_path / "out" / "scores.parquet"
    old.write_bytes(b"old")
    process = subprocess.Popen(
        # A shell's background jobs, which tests may be, ignore Ctrl-C.
        [*after("import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)"), *command, "score", saved,
         tmp_path / "many.parquet", "-o", old, "--overwrite", "--contributions", "3", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while len(list((tmp_path / "out").iterdir())) < 2:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.5)  # in the middle of the first batches, which take half a minute each
        asked = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert time.monotonic() - asked < 5
    assert process.returncode == 128 + number
    assert old.read_bytes() == b"old"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["scores.parquet"]
    assert "Traceback" not in err
    if number == signal.SIGINT:
        assert err == "tabkit: interrupted; nothing was left half done\n"
        assert json.loads(out)["error"]["stage"] == "interrupted"


def test_bars_appear_on_a_terminal_and_json_stays_clean(command: list[str], folder: Path) -> None:
    ours, theirs = pty.openpty()
    roles = ["--target", "churned", "--id", "customer"]
    process = subprocess.Popen(
        [*command, "train", "customers.parquet", *roles, "-o", "m", "--json", *QUICK],
        stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other end was closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(out)["bundle"] == "m"
    assert out.count(b"\n") == 1
    assert b"training" in seen
    assert b"\x1b[" in seen


def test_a_reader_that_leaves_early_is_no_fault(command: list[str], saved: Path) -> None:
    for extra in ([], ["--json"]):
        process = subprocess.Popen(
            [*command, "inspect", saved, *extra], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        with process.stderr as err:
            assert err.read() == "tabkit: cannot write to standard output: Broken pipe; all else is done\n"
        assert process.wait(timeout=30) == 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_standard_output_is_said_when_the_file_is_written(command: list[str], saved: Path, folder: Path) -> None:
    def filled(*arguments: object) -> tuple[int, str]:
        with Path("/dev/full").open("w") as full:
            line = [*command, *map(str, arguments)]
            done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        return done.returncode, done.stderr

    said = "tabkit: cannot write to standard output: No space left on device"
    assert filled("score", saved, "new.parquet", "-o", "s.parquet", "--json") == (2, f"{said}; all else is done\n")
    assert pl.read_parquet("s.parquet").height == 500
    assert filled("score", saved, "new.parquet", "-o", "s.parquet") == (2, f"{said}; all else is done\n")
    assert filled("--version") == (2, f"{said}\n")
    code, err = filled("score", saved, "gone.parquet", "-o", "s.parquet", "--json")
    assert (code, "gone.parquet" in err, err.splitlines()[-1]) == (2, True, said)


def test_a_terminal_of_few_characters_is_enough(spawn: Run, saved: Path) -> None:
    done = spawn("inspect", saved, env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.code == 0, done.err
    assert "Measured on 401 held-out rows" in done.out


# In this process


def test_version_and_no_arguments(run: Run) -> None:
    assert run("--version").out == f"tabkit {__version__}\n"
    assert run("train", "--help").code == 0
    assert run().code in (0, 2)
    assert run("explode").code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "nowhere"),
        ("inspect",),
        ("train", "--bogus"),
        ("train", "customers.parquet", "-o", "m"),
        ("train", "--config", "nowhere.toml"),
        ("train", "--set", "nonsense"),
        ("score", "nowhere", "new.parquet", "-o", "out/"),
        ("score", "nowhere", "new.parquet", "-o", "out/", "--contributions", "-1"),
        ("score", "nowhere", "new.parquet", "-o", "out/", "--contributions", "x"),
        ("score",),
        ("bogus",),
    ],
)
def test_json_is_one_object_also_for_errors(run: Run, folder: Path, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, "--json")
    assert done.code == 2
    assert done.out.count("\n") == 1
    error = done.json["error"]
    assert set(error) == {"stage", "problem", "advice"}
    assert error["problem"]
    assert done.err
    assert "Traceback" not in done.err


def test_debug_shows_the_traceback_and_the_block(run: Run) -> None:
    quiet, loud = run("inspect", "nowhere"), run("inspect", "nowhere", "--debug")
    assert "Traceback" not in quiet.err
    assert "Traceback (most recent call last)" in loud.err
    assert loud.err.endswith(quiet.err)
    assert quiet.code == loud.code == 2


@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_of_ours_exits_1_with_traceback(run: Run, monkeypatch: pytest.MonkeyPatch, as_json: bool) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("tabkit.kinds.inspect", broken)
    done = run("inspect", ".", *(["--json"] if as_json else []))
    assert done.code == 1
    assert "ZeroDivisionError: ours" in done.err
    assert "Traceback" in done.err
    if as_json:
        assert done.json["error"]["problem"] == "ZeroDivisionError: ours"
    else:
        assert done.out == ""


def test_a_missing_extra_is_named_without_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ImportError("this needs x: pip install 'tabkit-ml[x]'")

    monkeypatch.setattr("tabkit.kinds.inspect", missing)
    done = run("inspect", ".")
    assert (done.code, "Traceback" in done.err) == (2, False)
    assert "pip install 'tabkit-ml[x]'" in done.err

    def bug(*_: object, **__: object) -> None:
        raise ImportError("cannot import name")

    monkeypatch.setattr("tabkit.kinds.inspect", bug)
    assert run("inspect", ".").code == 1


def test_ctrl_c_exits_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tabkit.kinds.inspect", interrupted)
    done = run("inspect", ".", "--json")
    assert done.code == 130
    assert done.err == "tabkit: interrupted; nothing was left half done\n"
    assert done.json["error"]["stage"] == "interrupted"


def test_what_libraries_print_does_not_reach_standard_output(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def chatty(*_: object) -> dict[str, Any]:
        sys.stdout.write("[LightGBM] [Warning] hello\n")
        return {"kind": "propensity"}

    monkeypatch.setattr("tabkit.kinds.inspect", chatty)
    done = run("inspect", ".", "--json")
    assert done.json == {"kind": "propensity"}
    assert done.err == "[LightGBM] [Warning] hello\n"


def test_what_lightgbm_refuses_is_one_block(run: Run, folder: Path) -> None:
    done = run(
        "train", "customers.parquet", "--target", "churned", "--id", "customer", "-o", "m", "--json",
        "--set", "boosting.params={bagging_fraction=5, bagging_freq=1}", *QUICK,
    )  # fmt: skip
    assert done.code == 2
    assert "bagging_fraction" in done.json["error"]["problem"]
    assert not (folder / "m").exists()


# Settings


def config(folder: Path, text: str) -> Path:
    (folder / "settings.toml").write_text(text)
    return folder / "settings.toml"


WHOLE = """
source = "customers.parquet"
output = "from-file"
resamples = 20
final = "evaluated"

[roles]
target = "churned"
id = "customer"
time = "seen_at"

[encoding]
exclude = ["city"]
max_onehot = 3

[split]
holdout = 0.3

[boosting]
num_threads = 1
max_trees = 7
early_stopping_rounds = 0
monotone = { calls = 1 }
params = { max_depth = 3 }
"""


def test_a_file_can_say_everything(run: Run, folder: Path) -> None:
    done = run("train", "--config", config(folder, WHOLE), "--json")
    assert done.code == 0, done.err
    assert done.json["bundle"] == "from-file"
    model = propensity.load("from-file")
    assert model.config["boosting"]["monotone"] == {"calls": 1}
    assert model.predictor.params["max_depth"] == 3
    assert model.predictor.trees == 7
    assert "city" not in model.encoder.schema.names()
    assert {e.column: e.kind for e in model.encoder.encoders}["plan"] == "target"
    assert model.lineage["rows_holdout"] == pytest.approx(600, abs=3)
    assert done.json["final"] == "evaluated"


def test_set_comes_before_the_file_and_arguments_before_both(run: Run, folder: Path) -> None:
    file = config(folder, WHOLE)
    done = run("train", "--config", file, "--set", "boosting.max_trees=5", "--set", "output=from-set", "--json")
    assert (done.json["bundle"], done.json["trees"]) == ("from-set", 5)
    both = ["--set", "output=from-set-2", "--set", "roles.id=city", "--set", "boosting.objective=regression"]
    done = run(
        "train", "--config", file, *both, "-o", "from-argument", "--id", "customer", "--objective", "binary", "--json"
    )
    assert (done.json["bundle"], done.json["objective"]) == ("from-argument", "binary")
    assert propensity.load("from-argument").roles.id == "customer"
    assert not (folder / "from-set-2").exists()


def test_a_number_can_be_the_positive_label(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    customers.with_columns(pl.col("churned").cast(pl.Int8)).write_parquet("numbers.parquet")
    for given in (["--positive", "0"], ["--set", "positive=0"]):
        done = run(
            "train", "numbers.parquet", "--target", "churned", *given, "-o", "m", "--overwrite", "--json", *QUICK
        )
        assert done.json["target"]["classes"] == ["1", "0"], done.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sauce = 'x'", "'sauce' (did you mean 'source'?)"),
        ("[boosting]\nmax_tree = 3", "'boosting.max_tree' (did you mean 'max_trees'?)"),
        ("[encoding]\nexclud = []", "(did you mean 'exclude'?)"),
        ("[roles]\ntargte = 'x'\n", "unknown roles: 'targte'"),
        ("source = [", "is not TOML"),
        ("resamples = 3", "resamples"),
        ("[boosting]\nobjective = 'binray'", "boosting.objective"),
    ],
)
def test_mistakes_in_settings_get_a_suggestion(run: Run, folder: Path, text: str, expected: str) -> None:
    done = run("train", "customers.parquet", "-o", "m", "--config", config(folder, text))
    assert done.code == 2
    assert expected in done.said


@pytest.mark.parametrize("name", ["source", "output", "bundle"])
def test_what_is_not_given_is_asked_for(run: Run, folder: Path, saved: Path, name: str) -> None:
    if name == "bundle":
        done = run("score", "--set", "source=new.parquet", "-o", "out/")
    elif name == "source":
        done = run("score", saved, "-o", "out/")
    else:
        done = run("train", "customers.parquet", "--target", "churned")
    assert done.code == 2
    assert f"no {name} is given" in done.said
    assert f"{name} in the settings file" in done.said


def test_score_takes_its_settings_from_a_file_too(run: Run, folder: Path, saved: Path) -> None:
    file = config(
        folder,
        f'bundle = "{saved}"\nsource = ["new.parquet"]\noutput = "out.csv"\ncontributions = 1\nkeep = ["city"]\n',
    )
    done = run("score", "--config", file, "--json")
    assert done.json["outputs"] == ["out.csv"]
    assert pl.read_csv("out.csv").columns == ["customer", "city", "score", "reason_1", "reason_1_contribution"]
    done = run(
        "score", "--config", file, saved, "-o", "other.csv", "--keep", "age", "--keep", "plan", "--contributions", 0
    )
    assert done.code == 0, done.err
    assert pl.read_csv("other.csv").columns == ["customer", "age", "plan", "score"]


def test_nothing_is_printed_beside_the_result(run: Run, folder: Path, saved: Path) -> None:
    done = run("score", saved, "new.parquet", "-o", "out/")
    assert done.err == ""
    assert re.fullmatch(r"Scored 500 rows in [\d.]+ s \([\d,]+ a second\)\nWrote out/new\.parquet\n", done.out)
