"""The commands with a network: train, compare, draw, score, inspect, report; and all that without torch."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dashboards.reports.learning_curve import draw_curve
from pipelines import propensity, report
from pipelines.jobs.propensity import train_job
from tabkit.errors import ConfigError
from tabkit.frames import collect
from tabkit.kinds import inspect
from tabkit.progress import Silent
from tabkit.propensity.comparison import compare
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles

pytest.importorskip("torch", reason="the extra neural is not installed")

Run = Callable[..., Any]
Make = Callable[..., pl.DataFrame]
SMALL: dict[str, Any] = {
    "model": "mlp",
    "resamples": 20,
    "neural": {"hidden": [16], "members": 2, "max_epochs": 20, "learning_rate": 0.01, "num_threads": 1},
    "boosting": {"num_threads": 1, "max_trees": 20},
}
QUICK = [
    "--set", "resamples=20", "--set", "neural.hidden=[16]", "--set", "neural.members=2", "--set",
    "neural.max_epochs=5", "--set", "neural.num_threads=1", "--set", "boosting.num_threads=1", "--set",
    "boosting.max_trees=20",
]  # fmt: skip
ROLES = ["--target", "churned", "--id", "customer", "--time", "seen_at"]
NO_TORCH = """
import sys
class Missing:
    # None in sys.modules is what SciPy takes for torch itself
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "safetensors"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
"""
ADVICE = "pip install 'tabkit-ml[neural]'"


@pytest.fixture(scope="session")
def network(customers: pl.DataFrame, roles: Roles) -> PropensityModel:
    return propensity.train(customers, roles=roles, config=SMALL)


@pytest.fixture(scope="session")
def bundle(network: PropensityModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "model"
    network.save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path, customers: pl.DataFrame, newcomers: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a table to train on and one to score."""
    customers.head(900).write_parquet(tmp_path / "customers.parquet")
    newcomers.write_parquet(tmp_path / "new.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_torch(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code in a process in which torch cannot be imported."""
    line = [sys.executable, "-c", NO_TORCH + code, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


COMMAND = "from pipelines.cli import main; sys.argv[0] = 'tabkit'; main()"


def words(text: str) -> str:
    return " ".join(text.split())


# Training


def test_a_network_is_trained_saved_and_told_of(run: Run, folder: Path) -> None:
    done = run("train", "customers.parquet", *ROLES, "--model", "mlp", "-o", "model", *QUICK)
    assert done.code == 0, done.err
    assert re.search(r"Saved model: \d+ features, \d+ epochs, [\d,]+ parameters, 900 rows, ", words(done.out))
    assert "model is fitted" in done.out
    assert "trees" not in done.out
    assert re.search(r"metric +model +linear +base rate", done.out)
    seen = run("inspect", "model", "--json").json
    assert seen["model"] == "mlp"
    assert seen["network"]["hidden"] == [16]


def test_the_result_as_json(run: Run, folder: Path) -> None:
    more = ["--set", "model=mlp", "--set", "neural.hidden=[32]", "--set", "neural.members=1"]
    done = run("train", "customers.parquet", *ROLES, "-o", "model", *QUICK, *more, "--json")
    assert done.code == 0, done.err
    told = done.json
    assert (told["model"], told["compared"], told["curve"], told["final"]) == ("mlp", False, None, "all")
    assert told["epochs"] > 0
    assert told["parameters"] > 32
    assert "trees" not in told
    assert inspect("model")["network"]["hidden"] == [32]
    assert inspect("model")["network"]["members"] == 1


@pytest.mark.parametrize(("model", "other"), [("lightgbm", "mlp"), ("mlp", "lightgbm")])
def test_a_comparison_alone_writes_nothing(run: Run, folder: Path, model: str, other: str) -> None:
    titles = {"lightgbm": "LightGBM", "mlp": "MLP"}
    subject = {"lightgbm": "LightGBM", "mlp": "the MLP"}
    before = set(folder.rglob("*"))
    asked = ["train", "customers.parquet", *ROLES, "--model", model, "--compare", *QUICK]
    done = run(*asked)
    assert done.code == 0, done.err
    assert set(folder.rglob("*")) == before
    # intervals stand below the values where the terminal is narrow
    assert re.search(rf"metric +{titles[model]} +{titles[other]} +linear +base rate", done.out)
    said = words(done.out)
    assert re.search(rf"On 180 held-out rows {subject[model]} \w+.* {subject[other]} \(log_loss", said)
    assert f"The model is {titles[model]}: " in said
    assert "name a bundle with -o" in said
    assert "The saved model" not in said
    told = run(*asked, "--json").json
    assert told["bundle"] is None
    assert told["checksum"] is None
    assert told["compared"] is True
    assert told["final"] == "evaluated"
    names = list(dict.fromkeys(row["model"] for row in told["metrics"]["scores"]))
    assert names == ["model", titles[other], "linear", "base rate"]


@pytest.mark.parametrize("model", ["lightgbm", "mlp"])
def test_a_comparison_with_an_output_saves_the_chosen_model(run: Run, folder: Path, model: str) -> None:
    done = run("train", "customers.parquet", *ROLES, "--model", model, "--compare", "-o", "model", *QUICK)
    assert done.code == 0, done.err
    said = words(done.out)
    assert "Saved model: " in said
    assert "model is fitted" in said
    facts = inspect("model")
    assert facts["model"] == model
    assert len({row["model"] for row in facts["metrics"]["scores"]}) == 4
    shown = run("inspect", "model")
    assert shown.code == 0, shown.err
    assert {"lightgbm": "MLP", "mlp": "LightGBM"}[model] in shown.out
    scored = run("score", "model", "new.parquet", "-o", "scores.parquet")
    assert scored.code == 0, scored.err


def test_an_output_is_needed_where_nothing_is_compared(run: Run, folder: Path) -> None:
    done = run("train", "customers.parquet", *ROLES, "--model", "mlp")
    assert done.code == 2
    assert "no output is given" in done.said


# The curve


def test_the_curve_is_drawn_beside_the_bundle(run: Run, folder: Path) -> None:
    pytest.importorskip("vl_convert", reason="the extra dashboards is not installed")
    asked = ["train", "customers.parquet", *ROLES, "--model", "mlp", "--curve", "pics/curve.png", *QUICK]
    done = run(*asked, "-o", "model")
    assert done.code == 0, done.err
    assert "Look at pics/curve.png" in done.out
    assert Path("pics/curve.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    model = propensity.load("model")
    assert len(model.lineage["measured"]["history"]) == 5
    assert "curve" not in model.config
    draw_curve(model, "again.svg")
    text = Path("again.svg").read_text()
    assert text.startswith("<svg")
    assert "log_loss, held out" in text
    assert f"kept: epoch {model.lineage['measured']['epochs']}" in text
    draw_curve(model, "again.html")
    page = Path("again.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "<script" not in page
    assert page.count("<svg") == 1


def test_the_curve_of_a_comparison_that_saves_nothing_is_drawn(run: Run, folder: Path) -> None:
    pytest.importorskip("vl_convert", reason="the extra dashboards is not installed")
    before = set(folder.rglob("*"))
    asked = ["train", "customers.parquet", *ROLES, "--model", "mlp", "--compare", "--curve", "curve.svg", *QUICK]
    done = run(*asked, "--json")
    assert done.code == 0, done.err
    assert done.json["curve"] == "curve.svg"
    assert set(folder.rglob("*")) - before == {folder / "curve.svg"}


def test_trees_have_no_curve(model: PropensityModel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="boosted trees"):
        draw_curve(model, tmp_path / "curve.svg")
    assert not list(tmp_path.iterdir())


# Scoring


def test_streamed_scores_are_those_of_the_network_in_the_same_order(
    run: Run, bundle: Path, network: PropensityModel, folder: Path, make: Make
) -> None:
    rows = pl.concat([make(20_000, seed=4), make(300, seed=5)]).select(*network.encoder.schema.names(), "customer")
    rows = rows.with_columns(city=pl.when(pl.int_range(pl.len()) < 7).then(pl.lit("nowhere")).otherwise("city"))
    rows.write_parquet("many.parquet")
    done = run("score", bundle, "many.parquet", "-o", "scores.parquet", "--keep", "plan", "--json")
    assert done.code == 0, done.err
    assert done.json["rows"] == 20_300
    assert done.json["unseen"] == {"city": 7}
    found = pl.read_parquet("scores.parquet")
    assert found.columns == ["customer", "plan", "score"]
    assert found["customer"].equals(rows["customer"])
    direct = network.predictor.predict(network.encoder.transform(rows), num_threads=1)
    assert found["score"].to_numpy() == pytest.approx(direct, abs=1e-6)


def test_a_bundle_gives_back_the_same_scores(network: PropensityModel, bundle: Path, newcomers: pl.DataFrame) -> None:
    again = propensity.load(bundle)
    assert collect(again.score(newcomers), what="x").equals(collect(network.score(newcomers), what="x"))
    assert collect(again.embed(newcomers), what="x").equals(collect(network.embed(newcomers), what="x"))
    plain = [json.loads(json.dumps(model.predictor.to_dict())) for model in (again, network)]
    assert plain[0] == plain[1]
    assert again.lineage == network.lineage
    assert again.evaluation == network.evaluation


def test_a_bundle_holds_weights_and_plain_text_alone(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert "booster" not in manifest
    assert {"network.json", "network.safetensors"} <= set(manifest["parts"])
    assert "booster.txt" not in manifest["parts"]
    for path in bundle.rglob("*"):
        if path.is_file():
            assert path.suffix in (".json", ".parquet", ".sha256", ".safetensors"), path
            assert not path.read_bytes().startswith((b"\x80", b"PK")), path
    header = (bundle / "network.safetensors").read_bytes()
    size = int.from_bytes(header[:8], "little")
    assert "head.weight" in json.loads(header[8 : 8 + size])


# Looking at it


def test_a_network_is_shown_without_importance(run: Run, bundle: Path, network: PropensityModel) -> None:
    facts = run("inspect", bundle, "--json").json
    assert facts["importance"] == []
    assert facts["network"]["temperature"] == network.predictor.temperature  # type: ignore[union-attr]
    assert facts["sizes"]["epochs"] == network.predictor.epochs  # type: ignore[union-attr]
    assert facts["sizes"]["parameters"] == network.predictor.parameters  # type: ignore[union-attr]
    assert "trees" not in facts["sizes"]
    assert {row["encoder"] for row in facts["plan"]} >= {"codes", "target", "numeric"}
    shown = run("inspect", bundle)
    assert shown.code == 0, shown.err
    said = words(shown.out)
    assert "2 members of 16 units (silu), temperature " in said
    assert " epochs, " in said
    assert "mportance" not in said
    assert "trees" not in said


def test_a_report_page_has_no_importance_and_speaks_of_epochs(
    network: PropensityModel, customers: pl.DataFrame, make: Make, tmp_path: Path
) -> None:
    pytest.importorskip("vl_convert", reason="the extra dashboards is not installed")
    labelled = make(700, seed=2).select(customers.columns)
    measured = report.write(network, labelled, tmp_path / "r.html", title="Who leaves", training=customers)
    page = (tmp_path / "r.html").read_text()
    headings = [heading.lower() for heading in re.findall(r"<h2>(.*?)</h2>", page)]
    assert any("roc" in heading for heading in headings)
    assert not any("importance" in heading for heading in headings)
    assert ">Epochs<" in page
    assert ">Trees<" not in page
    assert "Importance by gain" not in page
    assert {score.model for score in measured.scores} == {"model", "linear", "base rate"}
    losses = {s.model: s.value for s in measured.scores if s.metric == "log_loss"}
    assert losses["linear"] < losses["base rate"]


def test_without_training_rows_the_base_rate_of_the_page_is_that_of_the_rows_of_the_fit(
    network: PropensityModel, customers: pl.DataFrame, make: Make
) -> None:
    labelled = make(700, seed=2).select(customers.columns)
    _, measured = report.build_report(network, labelled, title="x")
    mean, y = customers["churned"].mean(), labelled["churned"].cast(pl.Float64)
    [brier] = [s.value for s in measured.scores if (s.model, s.metric) == ("base rate", "brier")]
    assert brier == pytest.approx(((y - mean) ** 2).mean(), abs=1e-6)  # type: ignore[operator]


def test_a_network_and_trees_are_compared_on_new_rows(
    run: Run, bundle: Path, saved: Path, network: PropensityModel, model: PropensityModel, make: Make, folder: Path,
    customers: pl.DataFrame,
) -> None:  # fmt: skip
    labelled = make(700, seed=2).select(customers.columns)
    labelled.write_parquet("labelled.parquet")
    for a, b in ((saved, bundle), (bundle, saved)):
        done = run("compare", a, b, "labelled.parquet", "--json")
        assert done.code == 0, done.err
        assert done.json["rows"] == 700
    there, back = compare(model, network, labelled), compare(network, model, labelled)
    assert there.gains[0].value == pytest.approx(-back.gains[0].value)
    assert run("compare", saved, bundle, "labelled.parquet").code == 0


# Without torch


@pytest.mark.slow
def test_training_trees_never_imports_torch(folder: Path) -> None:
    code = (
        "import sys\nfrom pipelines import propensity\nfrom tabkit.roles import Roles\n"
        "config = {'resamples': 20, 'boosting': {'max_trees': 5, 'num_threads': 1}}\n"
        "roles = Roles(target='churned', id='customer')\n"
        "model = propensity.train('customers.parquet', roles=roles, config=config)\n"
        "model.save('model')\n"
        "propensity.load('model').score('new.parquet').collect()\n"
        "import pipelines.jobs.propensity, pipelines.jobs.inspect, pipelines.report, dashboards.reports.update\n"
        "assert not {'torch', 'safetensors'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_network_can_be_inspected_where_torch_is_missing(bundle: Path) -> None:
    done = without_torch(COMMAND, "inspect", bundle, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sizes"]["epochs"] > 0
    assert without_torch(COMMAND, "history", bundle).returncode == 0


def test_a_network_cannot_score_where_torch_is_missing_and_says_what_to_install(bundle: Path, folder: Path) -> None:
    done = without_torch(COMMAND, "score", bundle, "new.parquet", "-o", "scores.parquet")
    assert done.returncode == 2, done.stderr
    assert ADVICE in words(done.stderr)
    assert "Traceback" not in done.stderr
    assert not Path("scores.parquet").exists()
    code = (
        "from pipelines import propensity\nmodel = propensity.load(sys.argv[1])\n"
        "for call in (model.score, model.embed):\n    try:\n        call('new.parquet')\n"
        "    except ImportError as error:\n        print(error)\n"
    )
    done = without_torch(code, bundle)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(ADVICE) == 2


@pytest.mark.parametrize("more", [["--model", "mlp", "-o", "model"], ["--compare"], ["--compare", "--model", "mlp"]])
def test_training_without_torch_is_refused_before_any_work(folder: Path, more: list[str]) -> None:
    Path("broken.parquet").write_text("no table")
    done = without_torch(COMMAND, "train", "broken.parquet", *ROLES, *more)
    assert done.returncode == 2, done.stderr
    assert ADVICE in words(done.stderr)
    assert "broken.parquet" not in done.stderr
    assert done.stdout == ""


def test_updating_without_torch_is_refused_before_any_work(bundle: Path, folder: Path) -> None:
    Path("broken.parquet").write_text("no table")
    done = without_torch(COMMAND, "update", bundle, "broken.parquet", "-o", "new")
    assert done.returncode == 2, done.stderr
    assert ADVICE in words(done.stderr)
    assert not Path("new").exists()


def test_trees_are_trained_where_torch_is_missing(folder: Path) -> None:
    done = without_torch(COMMAND, "train", "customers.parquet", *ROLES, "-o", "model", *QUICK)
    assert done.returncode == 0, done.stderr
    assert Path("model/booster.txt").is_file()


# The job


def test_a_job_without_an_output_measures_the_model_that_it_returns(folder: Path) -> None:
    roles = {"target": "churned", "id": "customer"}
    values = {**SMALL, "source": "customers.parquet", "roles": roles, "compare": True, "final": "all"}
    found = train_job(values, overwrite=False, progress=Silent())
    assert found["final"] == "evaluated"
    assert found["rows"] < 900
