"""Bad input on the way to a network: a clear error before any work, and nothing lost."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dashboards.reports.learning_curve import check_curve, draw_curve
from pipelines import propensity
from pipelines.jobs.propensity import train_job
from tabkit.errors import BundleError, ConfigError, FitError, SchemaError, ScoringError
from tabkit.frames import collect
from tabkit.progress import Silent
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles

torch = pytest.importorskip("torch", reason="the extra neural is not installed")

Run = Callable[..., Any]
Make = Callable[..., pl.DataFrame]
SMALL: dict[str, Any] = {
    "model": "mlp",
    "resamples": 20,
    "neural": {"hidden": [16], "members": 2, "max_epochs": 5, "learning_rate": 0.01, "num_threads": 1},
    "boosting": {"num_threads": 1, "max_trees": 20},
}
ROLES = ["--target", "churned", "--id", "customer", "--time", "seen_at"]


@pytest.fixture(scope="session")
def network(customers: pl.DataFrame, roles: Roles) -> PropensityModel:
    return propensity.train(customers.head(900), roles=roles, config=SMALL)


@pytest.fixture
def bundle(network: PropensityModel, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    network.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be trained."""

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("something was trained")

    monkeypatch.setattr("tabkit.predictors.network.Network.fit", fail)
    monkeypatch.setattr("tabkit.propensity.training.read", fail)


def unread(folder: Path) -> Path:
    """Return a file that is there, and no table: it is not read before the rest is looked at."""
    path = folder / "unread.parquet"
    path.write_text("no table")
    return path


def refused(done: Any, *expected: str) -> None:
    assert done.code == 2, done.err
    for text in expected:
        assert text in done.said, done.err
    assert done.said.startswith("tabkit: ")
    assert "To do: " in done.said
    assert "Traceback" not in done.err
    assert done.out == ""


# Settings


def test_an_objective_of_the_network_alone_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"neural.objective is 'poisson': set boosting.objective"):
        TrainConfig(model="mlp", neural={"objective": "poisson"})
    with pytest.raises(ConfigError, match=r"neural.quantile is 0.9: set boosting.quantile"):
        TrainConfig(boosting={"objective": "quantile"}, neural={"quantile": 0.9})
    with pytest.raises(ConfigError, match=r"boosting.tweedie_power"):
        TrainConfig(boosting={"tweedie_power": 1.2}, neural={"tweedie_power": 1.3})
    both = {"objective": "quantile", "quantile": 0.9}
    assert TrainConfig(boosting=both, neural=both).network().quantile == 0.9
    assert TrainConfig(boosting=both).network().objective == "quantile"


def test_an_unknown_setting_of_the_network_is_named_with_the_one_that_was_meant(run: Run, tmp_path: Path) -> None:
    done = run("train", "missing.parquet", *ROLES, "-o", tmp_path / "m", "--model", "mlp", "--set", "neural.hiden=[8]")
    refused(done, "'neural.hiden'", "hidden")


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("neural.hidden=[]", "neural.hidden"),
        ("neural.hidden=[0]", "neural.hidden"),
        ("neural.members=0", "neural.members"),
        ("neural.dropout=1", "neural.dropout"),
        ("neural.learning_rate=0", "neural.learning_rate"),
        ("neural.learning_rate=nan", "neural.learning_rate"),
        ("neural.max_epochs=0", "neural.max_epochs"),
        ("neural.batch_size=0", "neural.batch_size"),
        ("neural.device=tpu", "neural.device"),
    ],
)
def test_settings_out_of_range_are_named_before_any_work(run: Run, tmp_path: Path, setting: str, named: str) -> None:
    done = run("train", "missing.parquet", *ROLES, "-o", tmp_path / "m", "--model", "mlp", "--set", setting)
    refused(done, named)


def test_an_unknown_learner_is_refused_before_any_work(run: Run, tmp_path: Path) -> None:
    done = run("train", "missing.parquet", *ROLES, "-o", tmp_path / "m", "--model", "forest")
    refused(done, "model", "forest", "lightgbm", "mlp")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("more", [["--model", "mlp"], ["--compare"]])
def test_a_gpu_that_is_not_there_is_refused_before_any_work(run: Run, tmp_path: Path, more: list[str]) -> None:
    asked = ["train", unread(tmp_path), *ROLES, "-o", tmp_path / "m", "--set", "neural.device=cuda"]
    refused(run(*asked, *more), "device is 'cuda'", "choose device 'auto' or 'cpu'")
    done = run(*asked)
    assert "unread.parquet" in done.said  # trees do not ask for it


@pytest.mark.parametrize("model", ["mlp", "lightgbm"])
def test_exposure_without_a_log_link_is_refused_alike(model: str) -> None:
    with pytest.raises(ConfigError, match=r"exposure 'months'.*auto"):
        propensity.train("missing.parquet", roles=Roles(target="y", exposure="months"), config={"model": model})


# The table


@pytest.mark.parametrize("target", ["churned", "value", "segment", "claims"])
@pytest.mark.parametrize("rows", [1, 5, 30, 49])
def test_a_handful_of_rows_is_refused_with_a_reason(make: Make, rows: int, target: str) -> None:
    table = make(rows).select("plan", "age", "calls", target)
    with pytest.raises(FitError) as caught:
        propensity.train(table, roles=Roles(target=target), config=SMALL)
    assert caught.value.advice


def test_fifty_rows_are_enough(make: Make) -> None:
    table = make(50).select("plan", "city", "age", "calls", "value")
    model = propensity.train(table, roles=Roles(target="value"), config={**SMALL, "compare": True})
    assert collect(model.score(table), what="x")["score"].is_finite().all()


@pytest.mark.parametrize("model", ["mlp", "lightgbm"])
def test_a_missing_target_value_is_refused_or_left_out_alike(make: Make, model: str) -> None:
    table = make(600).select("plan", "age", "churned")
    holes = table.with_columns(churned=pl.when(pl.int_range(600) >= 50).then("churned"))
    config = {**SMALL, "model": model}
    with pytest.raises(FitError, match=r"target 'churned'.*50.*600"):
        propensity.train(holes, roles=Roles(target="churned"), config=config)
    found = propensity.train(holes, roles=Roles(target="churned"), config={**config, "drop_null_target": True})
    assert found.lineage["rows"] == 550


def test_numbers_of_every_size_leave_scores_finite(make: Make) -> None:
    table = make(600).select("age", "churned").with_columns(
        huge=pl.col("age") * 1e300, tiny=pl.col("age") * 1e-300, far=pl.when(pl.int_range(600) == 3).then(1e308),
    )  # fmt: skip
    model = propensity.train(table, roles=Roles(target="churned"), config=SMALL)
    assert collect(model.score(table), what="x")["score"].is_between(0, 1).all()


# Scoring


def both(network: PropensityModel, model: PropensityModel, rows: pl.DataFrame) -> list[str]:
    said = []
    for each in (network, model):
        with pytest.raises(SchemaError) as caught:
            collect(each.score(rows), what="scores")
        said.append(str(caught.value))
    return said


def test_schema_errors_are_those_of_trees(
    network: PropensityModel, model: PropensityModel, newcomers: pl.DataFrame
) -> None:
    wrong = {
        "city": newcomers.drop("city"),
        "age": newcomers.with_columns(age=pl.col("age").cast(pl.String)),
        "customer": newcomers.drop("customer"),
    }
    for name, rows in wrong.items():
        first, second = both(network, model, rows)
        assert first == second
        assert repr(name) in first
    with pytest.raises(SchemaError, match="city"):
        collect(network.embed(newcomers.drop("city")), what="hidden")


def test_infinite_numbers_are_refused_when_scored_as_for_trees(
    network: PropensityModel, model: PropensityModel, newcomers: pl.DataFrame
) -> None:
    infinite = newcomers.with_columns(spend=pl.lit(math.inf))
    said = []
    for each in (network, model):
        with pytest.raises((SchemaError, ScoringError)) as caught:
            collect(each.score(infinite), what="scores")
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "spend" in said[0]


def test_reasons_of_a_network_are_refused(
    run: Run, network: PropensityModel, bundle: Path, newcomers: pl.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="none to give") as caught:
        network.score(newcomers, contributions=2)
    assert "trees" in (caught.value.advice or "")
    with pytest.raises(ConfigError, match="contributions is -1"):
        network.score(newcomers, contributions=-1)
    newcomers.write_parquet(tmp_path / "new.parquet")
    done = run("score", bundle, tmp_path / "new.parquet", "-o", tmp_path / "s.parquet", "--contributions", 2)
    refused(done, "contributions are of trees", "score without them")
    assert not (tmp_path / "s.parquet").exists()


# Bundles


@pytest.mark.parametrize("part", ["network.safetensors", "network.json"])
@pytest.mark.parametrize("way", ["changed", "cut", "gone"])
def test_a_damaged_part_is_found_when_it_is_loaded(run: Run, bundle: Path, part: str, way: str) -> None:
    path = bundle / part
    data = path.read_bytes()
    middle = len(data) // 2
    changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    path.unlink() if way == "gone" else path.write_bytes(changed if way == "changed" else data[:middle])
    with pytest.raises(BundleError, match=part):
        propensity.load(bundle)
    refused(run("inspect", bundle), part)


def resigned(bundle: Path, part: str, data: bytes) -> None:
    """Change a part as someone would who knows about checksums."""
    (bundle / part).write_bytes(data)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["parts"][part] = hashlib.sha256(data).hexdigest()
    raw = json.dumps(manifest).encode()
    old = (bundle / "manifest.sha256").read_text()
    before = old.split()[0]
    (bundle / "manifest.json").write_bytes(raw)
    (bundle / "manifest.sha256").write_text(old.replace(before, hashlib.sha256(raw).hexdigest()))


@pytest.mark.parametrize("way", ["empty", "noise", "cut", "pickle"])
def test_weights_that_are_none_are_an_error_of_the_bundle(
    bundle: Path, newcomers: pl.DataFrame, way: str, tmp_path: Path
) -> None:
    data = (bundle / "network.safetensors").read_bytes()
    made = {"empty": b"", "noise": b"\xff" * 400, "cut": data[:-40], "pickle": b"\x80\x04\x95" + data}[way]
    resigned(bundle, "network.safetensors", made)
    with pytest.raises(BundleError, match=r"weights cannot be|tabkit saves"):
        collect(propensity.load(bundle).score(newcomers), what="scores")


def test_weights_of_another_shape_are_an_error_of_the_bundle(
    bundle: Path, newcomers: pl.DataFrame, customers: pl.DataFrame, roles: Roles
) -> None:
    wide = propensity.train(
        customers.head(900), roles=roles, config={**SMALL, "neural": {**SMALL["neural"], "hidden": [8]}}
    )
    resigned(bundle, "network.safetensors", wide.predictor.weights)  # type: ignore[union-attr]
    with pytest.raises(BundleError, match=r"weights cannot be|tabkit saves"):
        propensity.load(bundle).score(newcomers)


@pytest.mark.parametrize("change", ["no objective", "strange objective", "no inputs", "list", "no json", "history"])
def test_facts_that_are_none_are_an_error_of_the_bundle(bundle: Path, change: str) -> None:
    facts = json.loads((bundle / "network.json").read_text())
    if change == "no objective":
        facts.pop("objective")
    elif change == "strange objective":
        facts["objective"] = "__class__"
    elif change == "no inputs":
        facts["inputs"] = {}
    elif change == "history":
        facts["history"] = [{"loss": 1.0, "other": 2}]
    elif change == "list":
        facts = [facts]
    data = b"{" if change == "no json" else json.dumps(facts).encode()
    resigned(bundle, "network.json", data)
    with pytest.raises(BundleError):
        propensity.load(bundle)


def test_a_bundle_without_its_weights_is_an_error_of_the_bundle(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["parts"].pop("network.safetensors")
    raw = json.dumps(manifest).encode()
    old = (bundle / "manifest.sha256").read_text()
    (bundle / "manifest.json").write_bytes(raw)
    (bundle / "manifest.sha256").write_text(old.replace(old.split()[0], hashlib.sha256(raw).hexdigest()))
    with pytest.raises(BundleError):
        propensity.load(bundle)


# The curve


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("curve.pdf", r"picture.*drawn"),
        ("curve", r"picture.*drawn"),
        ("folder.png", "is a folder"),
        ("out/curve.png", "inside of a bundle"),
        ("old/deep/curve.svg", "inside of a bundle"),
        ("rows.parquet/curve.png", r"folder.*you.*write"),
    ],
)
def test_a_curve_that_could_not_be_written_is_refused_before_any_work(
    untrained: None, network: PropensityModel, tmp_path: Path, place: str, said: str
) -> None:
    pytest.importorskip("vl_convert", reason="the extra dashboards is not installed")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "rows.parquet").write_bytes(b"rows")
    network.save(tmp_path / "old")
    before = sorted(tmp_path.rglob("*"))
    values = {"source": "rows.parquet", "output": str(tmp_path / "out"), "curve": str(tmp_path / place)}
    with pytest.raises(ConfigError, match=said) as caught:
        train_job({**SMALL, **values, "roles": {"target": "y"}}, overwrite=False, progress=Silent())
    assert caught.value.advice
    assert sorted(tmp_path.rglob("*")) == before


def test_a_curve_of_trees_is_refused_before_any_work(untrained: None, run: Run, tmp_path: Path) -> None:
    for more in ([], ["--compare"], ["--model", "lightgbm"]):
        done = run("train", unread(tmp_path), *ROLES, "-o", tmp_path / "m", "--curve", tmp_path / "c.png", *more)
        refused(done, "curve is drawn", "--model mlp")
    assert [path.name for path in tmp_path.iterdir()] == ["unread.parquet"]


def test_a_curve_without_its_extra_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'tabkit-ml\[dashboards\]'"):
        check_curve("curve.png", model="mlp", bundle=None)


def test_a_model_without_a_history_has_no_curve(network: PropensityModel, tmp_path: Path) -> None:
    bare = replace(network, lineage={name: v for name, v in network.lineage.items() if name != "measured"})
    with pytest.raises(ConfigError, match="keeps no history"):
        draw_curve(bare, tmp_path / "curve.svg")
    assert not list(tmp_path.iterdir())


# Updates


def test_a_freeze_on_the_command_line_that_means_nothing_is_refused(run: Run, bundle: Path) -> None:
    for word in ("half", "-1", "1.5"):
        refused(run("update", bundle, "missing.parquet", "--freeze", word), "freeze")


def test_an_output_that_stands_already_is_refused_before_any_work(run: Run, bundle: Path, tmp_path: Path) -> None:
    propensity.load(bundle).save(tmp_path / "model-updated")
    refused(run("update", bundle, unread(tmp_path)), "model-updated", "--overwrite")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    done = run("update", bundle, "missing.parquet", "-o", tmp_path / "other", "--overwrite")
    refused(done, "is no bundle")
    assert (tmp_path / "other" / "notes.txt").read_text() == "mine"
