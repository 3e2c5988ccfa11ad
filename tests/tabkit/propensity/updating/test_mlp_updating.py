"""Updates of a network: what each strategy changes, what is chosen, what the new model remembers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dashboards.reports import update as update_page
from pipelines import propensity
from pipelines.jobs.propensity import update_job
from tabkit.errors import BundleError, ConfigError
from tabkit.frames import collect
from tabkit.lineage import history
from tabkit.neural import MLPModel
from tabkit.progress import Silent
from tabkit.propensity.comparison import compare
from tabkit.propensity.config import UpdateConfig
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles

pytest.importorskip("torch", reason="the extra neural is not installed")
weights_of = pytest.importorskip("safetensors.numpy", reason="the extra neural is not installed").load

Make = Callable[..., pl.DataFrame]
SMALL: dict[str, Any] = {
    "model": "mlp",
    "resamples": 20,
    "neural": {"hidden": [16, 8], "members": 2, "max_epochs": 20, "learning_rate": 0.01, "num_threads": 1},
    "boosting": {"num_threads": 1, "max_trees": 20},
}
STRATEGIES = ["keep", "recalibrate", "fine_tune", "fine_tune_all", "retrain"]
COLUMNS = ["customer", "seen_at", "plan", "city", "age", "spend", "calls", "active", "churned"]
FEW = {"blocks": 1}


@pytest.fixture(scope="session")
def network(make: Make) -> PropensityModel:
    roles = Roles(id="customer", time="seen_at", target="churned")
    return propensity.train(make(1500).select(COLUMNS), roles=roles, config=SMALL)


@pytest.fixture(scope="session")
def bundle(network: PropensityModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "old"
    network.save(path)
    return path


@pytest.fixture(scope="session")
def rows(make: Make) -> pl.DataFrame:
    return later(make)


def later(make: Make, rows: int = 900, seed: int = 3) -> pl.DataFrame:
    """Rows of the year after."""
    return make(rows, seed=seed).select(COLUMNS).with_columns(pl.col("seen_at").dt.offset_by("1y"))


def turned(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows with the opposite outcome."""
    return frame.with_columns(~pl.col("churned"))


def of(model: PropensityModel) -> MLPModel:
    assert isinstance(model.predictor, MLPModel)
    return model.predictor


def scores(model: PropensityModel, frame: pl.DataFrame) -> pl.DataFrame:
    return collect(model.score(frame), what="scores")


def changed(a: PropensityModel, b: PropensityModel) -> set[str]:
    """Return which parts of the networks differ: scale, embeddings, layers.0, head and so on."""
    old, new = (weights_of(of(model).weights) for model in (a, b))
    assert set(old) == set(new)
    names = {name for name in old if not np.array_equal(old[name], new[name])}
    return {".".join(name.split(".")[: 2 if name.startswith("layers") else 1]) for name in names}


# What each strategy does


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_strategy_can_be_asked_for(
    network: PropensityModel, rows: pl.DataFrame, make: Make, strategy: str, tmp_path: Path
) -> None:
    before, facts = of(network).weights, of(network).to_dict()
    new, report = propensity.update(network, turned(rows), config={**FEW, "strategy": strategy})
    assert report.strategy == new.lineage["strategy"] == strategy
    assert [c.name for c in report.candidates] == list(dict.fromkeys(["keep", strategy]))
    assert of(network).weights == before
    assert of(network).to_dict() == facts
    assert of(new).features == of(network).features
    if strategy != "keep":
        kept, other = report.candidates
        assert other.loss < kept.loss - 0.05  # type: ignore[operator]
        assert other.trees == (of(network).epochs if strategy == "recalibrate" else other.trees)
    new.save(tmp_path / "new")
    fresh = later(make, 100, seed=9).drop("churned")
    again = propensity.load(tmp_path / "new")
    assert scores(again, fresh).equals(scores(new, fresh))
    assert again.lineage["update"]["why"] == report.why


@pytest.mark.parametrize(
    ("strategy", "freeze", "free"),
    [
        ("keep", None, set()),
        ("recalibrate", None, set()),
        ("fine_tune", None, {"head"}),
        pytest.param("fine_tune", "hidden", {"head"}, marks=pytest.mark.slow),
        pytest.param("auto", "hidden", {"head"}, marks=pytest.mark.slow),
        pytest.param("fine_tune", 2, {"head"}, marks=pytest.mark.slow),
        pytest.param("fine_tune", 1, {"head", "layers.1"}, marks=pytest.mark.slow),
        ("fine_tune", 0, {"head", "layers.0", "layers.1"}),
        ("fine_tune", "none", {"head", "layers.0", "layers.1", "scale", "embeddings"}),
        ("fine_tune_all", None, {"head", "layers.0", "layers.1", "scale", "embeddings"}),
    ],
)
def test_what_is_frozen_stays_and_all_else_moves(
    network: PropensityModel, rows: pl.DataFrame, strategy: str, freeze: Any, free: set[str]
) -> None:
    asked = {**FEW, "strategy": strategy} | ({} if freeze is None else {"freeze": freeze})
    new, report = propensity.update(network, turned(rows), config=asked)
    assert changed(network, new) == free
    assert report.strategy == ("fine_tune" if freeze is not None else strategy)
    if strategy == "recalibrate":
        assert of(new).base_score != of(network).base_score
        assert of(new).slope != of(network).slope
    if "fine_tune" in report.strategy:
        told = {"hidden": "the head", "none": "all layers", None: "all layers"}.get(freeze, f"behind layer {freeze}")
        told = "the head" if (strategy, freeze) == ("fine_tune", None) else told
        most = ", the most allowed" * (of(new).epochs == new.config["neural"]["max_epochs"])
        assert new.lineage["how"] == f"{told}, {of(new).epochs} epochs{most}"
        assert of(new).epochs > 0
        assert of(new).inputs == of(network).inputs


@pytest.mark.slow
def test_an_update_takes_the_learning_rate_that_it_is_given(network: PropensityModel, rows: pl.DataFrame) -> None:
    far, near = (
        propensity.update(network, turned(rows), config={**FEW, "freeze": "none", "learning_rate": rate})[0]
        for rate in (0.02, 1e-5)
    )

    def moved(model: PropensityModel) -> float:
        old, new = (weights_of(of(m).weights)["head.weight"] for m in (network, model))
        return float(np.abs(old - new).mean())

    assert moved(near) < moved(far) / 20
    assert of(far).config == of(network).config  # the next update starts from the settings of the fit


def test_fine_tuning_that_does_not_help_says_so_and_changes_nothing(
    network: PropensityModel, rows: pl.DataFrame
) -> None:
    asked = {**FEW, "freeze": "hidden", "learning_rate": 50.0}
    new, _ = propensity.update(network, rows, config=asked)
    assert new.lineage["how"] == "the head, no epoch helped"
    assert changed(network, new) == set()
    assert new.encoder is network.encoder


@pytest.mark.slow
def test_new_levels_are_still_unknown_to_the_layers_and_known_after_a_retraining(
    network: PropensityModel, make: Make, tmp_path: Path
) -> None:
    third = pl.int_range(pl.len()) % 3 == 0
    table = later(make, 1200).with_columns(
        city=pl.when(third).then(pl.lit("new")).otherwise("city"), churned=pl.col("churned") | third
    )
    one = table.filter(pl.col("city") == "new").head(1).drop("churned")
    other = one.with_columns(city=pl.lit("newer"))
    for strategy in ("fine_tune", "fine_tune_all", "retrain"):
        new, _ = propensity.update(network, table, config={**FEW, "strategy": strategy})
        new.save(tmp_path / strategy)
        again = propensity.load(tmp_path / strategy)
        code = again.encoder.transform(one)["city code"].item()
        size = len(of(again).inputs.levels["city code"])
        assert code is not None
        assert (code < size) == (strategy == "retrain")
        assert scores(again, one)["score"].is_between(0, 1).all()
        assert scores(again, one).item(0, "score") != scores(again, other).item(0, "score")
        assert scores(again, table).height == 1200
    newest = later(make, 600, seed=7).with_columns(pl.col("seen_at").dt.offset_by("1y"), city=pl.lit("new"))
    third_model, _ = propensity.update(propensity.load(tmp_path / "fine_tune_all"), newest, config={**FEW})
    assert scores(third_model, newest)["score"].is_finite().all()


# What is chosen


@pytest.mark.slow
def test_a_world_turned_round_is_learned(network: PropensityModel, make: Make) -> None:
    new, report = propensity.update(network, turned(later(make, 1800)), config=FEW)
    assert [c.name for c in report.candidates] == STRATEGIES
    assert report.strategy != "keep"
    [loss, *_] = compare(network, new, turned(later(make, 800, seed=4))).gains
    assert loss.high < 0


@pytest.mark.slow
def test_where_nothing_changed_the_model_is_kept(make: Make) -> None:
    table = make(3000).select(COLUMNS)
    roles = Roles(id="customer", time="seen_at", target="churned")
    model = propensity.train(table, roles=roles, config=SMALL)
    new, report = propensity.update(model, later(make, 900), config=FEW)
    assert report.strategy == "keep"
    assert report.why.startswith("Keep: the best other candidate")
    assert of(new).weights == of(model).weights


@pytest.mark.slow
def test_a_new_base_rate_is_seen(network: PropensityModel, make: Make) -> None:
    def thinned(frame: pl.DataFrame) -> pl.DataFrame:
        drawn = pl.Series(np.random.default_rng(5).random(frame.height) < 0.15)
        return frame.filter(~pl.col("churned") | drawn)

    new, report = propensity.update(network, thinned(later(make, 3000)), config=FEW)
    assert report.strategy in ("recalibrate", "fine_tune", "fine_tune_all")
    fresh = thinned(later(make, 2000, seed=4))
    assert scores(new, fresh)["score"].mean() == pytest.approx(fresh["churned"].mean(), abs=0.03)
    [loss, *_] = compare(network, new, fresh).gains
    assert loss.high < 0


@pytest.mark.slow
@pytest.mark.parametrize("target", ["segment", "value", "claims"])
def test_every_kind_of_target_can_be_updated(make: Make, target: str) -> None:
    columns = ["customer", "plan", "city", "spend", "calls", "active", "months", "trust", target]
    count = target == "claims"
    roles = Roles(id="customer", target=target, exposure="months" if count else None, weight="trust")
    config = {**SMALL, "boosting": {**SMALL["boosting"], "objective": "poisson" if count else "auto"}}
    model = propensity.train(make(900).select(columns), roles=roles, config=config)
    new = make(600, seed=3).select(columns)
    for strategy in ("recalibrate", "fine_tune", "fine_tune_all"):
        updated, report = propensity.update(model, new, config={**FEW, "strategy": strategy})
        assert report.strategy == strategy
        found = scores(updated, new.drop(target))
        assert found.select(pl.all_horizontal(pl.selectors.float().is_finite()).all()).item()
        if target == "segment":
            assert found.select(pl.sum_horizontal("^score_.*$")).to_series().to_list() == pytest.approx([1.0] * 600)
    shifted = new.with_columns(value=pl.col("value") + 100) if target == "value" else None
    if shifted is not None:
        updated, report = propensity.update(model, shifted, config=FEW)
        assert report.strategy != "keep"
        assert scores(updated, shifted)["score"].mean() == pytest.approx(shifted["value"].mean(), rel=0.1)


def test_reference_rows_serve_a_retraining_with_a_half_life(network: PropensityModel, make: Make) -> None:
    old = make(1500).select(COLUMNS)
    settings = {**FEW, "strategy": "retrain", "half_life_days": 100.0}
    new, report = propensity.update(network, later(make), reference=old, config=settings)
    assert report.candidates[-1].how == "with 1,500 reference rows"
    assert of(new).epochs > 0


# What it remembers


def test_lineage_history_and_views_speak_of_epochs(bundle: Path, make: Make, tmp_path: Path, run: Any) -> None:
    first = propensity.load(bundle)
    second, report = propensity.update(first, later(make), config={**FEW, "freeze": 1})
    second.save(tmp_path / "b")
    newest = later(make, 600, seed=7).with_columns(pl.col("seen_at").dt.offset_by("1y"))
    third, _ = propensity.update(propensity.load(tmp_path / "b"), newest, config={**FEW, "strategy": "recalibrate"})
    third.save(tmp_path / "c")
    chain = history(tmp_path / "c", kinds=["propensity"])["chain"]
    assert [row["strategy"] for row in chain] == ["recalibrate", "fine_tune", "train"]
    assert [row["rows"] for row in chain] == [600, 900, 1500]
    assert chain[2]["checksum"] == first.checksum == propensity.load(tmp_path / "b").lineage["parent"]
    assert chain[1]["how"].startswith("behind layer 1, ")
    assert chain[1]["how"].endswith("epochs")
    assert report.candidates[1].trees is not None
    told = run("history", tmp_path / "c")
    assert told.code == 0, told.err
    assert "epochs" in told.out
    assert "trees" not in told.out
    seen = run("inspect", tmp_path / "c")
    assert "made from its parent (recalibrate)" in " ".join(seen.out.split())


def test_the_page_of_an_update_speaks_of_epochs(network: PropensityModel, rows: pl.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("altair", reason="the extra dashboards is not installed")
    new, report = propensity.update(network, rows, config={**FEW, "strategy": "fine_tune"})
    new.save(tmp_path / "new")
    update_page.write(propensity.load(tmp_path / "new"), tmp_path / "update.html")
    text = (tmp_path / "update.html").read_text()
    assert text.count("<svg") == 1
    assert "<script" not in text
    assert ">Epochs<" in text
    assert "rees" not in text
    assert "the head" in text
    assert report.why.split(" (")[0] in text


# What is refused


@pytest.mark.parametrize("strategy", ["refit", "extend", "refit_extend"])
def test_strategies_of_trees_are_refused_before_any_work(network: PropensityModel, strategy: str) -> None:
    with pytest.raises(ConfigError, match=rf"'{strategy}'.*strategy for a network") as caught:
        propensity.update(network, "missing.parquet", config={"strategy": strategy})
    for name in STRATEGIES:
        assert name in (caught.value.advice or "")


@pytest.mark.parametrize("asked", [{"strategy": "fine_tune"}, {"strategy": "fine_tune_all"}, {"freeze": "hidden"}])
def test_strategies_of_a_network_are_refused_for_trees(model: PropensityModel, asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"strategy.*boosted") as caught:
        propensity.update(model, "missing.parquet", config=asked)
    assert "refit_extend" in (caught.value.advice or "")


@pytest.mark.parametrize("strategy", ["keep", "recalibrate", "fine_tune_all", "retrain"])
def test_freeze_is_a_setting_of_fine_tuning_alone(network: PropensityModel, strategy: str) -> None:
    with pytest.raises(ConfigError, match=rf"freeze.*setting.*fine_tune.*{strategy}"):
        propensity.update(network, "missing.parquet", config={"strategy": strategy, "freeze": 1})


def test_more_layers_than_there_are_cannot_be_frozen(network: PropensityModel, rows: pl.DataFrame) -> None:
    with pytest.raises(ConfigError, match=r"freeze is 3.*from 0 to 2"):
        propensity.update(network, rows, config={**FEW, "freeze": 3})


@pytest.mark.parametrize("freeze", [-1, "all", 1.5])
def test_a_freeze_that_means_nothing_is_refused(freeze: Any) -> None:
    with pytest.raises(ConfigError, match="freeze"):
        UpdateConfig(freeze=freeze)


def test_decay_means_nothing_to_a_network(network: PropensityModel) -> None:
    for asked in ({"strategy": "fine_tune"}, {}):
        with pytest.raises(ConfigError, match=r"decay.*setting.*refit"):
            propensity.update(network, "missing.parquet", config={**asked, "decay": 0.5})


# The job


def test_the_output_is_beside_the_bundle_by_default(bundle: Path, rows: pl.DataFrame, tmp_path: Path, run: Any) -> None:
    propensity.load(bundle).save(tmp_path / "old")
    before = {path: path.read_bytes() for path in (tmp_path / "old").rglob("*") if path.is_file()}
    rows.write_parquet(tmp_path / "rows.parquet")
    values = {"bundle": f"{tmp_path / 'old'}/", "source": str(tmp_path / "rows.parquet"), "strategy": "recalibrate"}
    found = update_job({**values, **FEW}, overwrite=False, progress=Silent())
    assert found["bundle"] == str(tmp_path / "old-updated")
    assert found["epochs"] == of(propensity.load(bundle)).epochs
    assert "trees" not in found
    assert propensity.load(tmp_path / "old-updated").lineage["strategy"] == "recalibrate"
    assert {path: path.read_bytes() for path in (tmp_path / "old").rglob("*") if path.is_file()} == before
    with pytest.raises(BundleError, match="old-updated") as caught:
        update_job({**values, "source": "missing.parquet"}, overwrite=False, progress=Silent())
    assert "--overwrite" in (caught.value.advice or "")
    done = run("update", tmp_path / "old", tmp_path / "rows.parquet", "--freeze", 1, "--set", "blocks=1", "--overwrite")
    assert done.code == 0, done.err
    said = " ".join(done.out.split())
    assert "Fine_tune: as asked for" in said
    assert "fine_tune: behind layer 1, " in said
    assert "epochs" in said
    assert "trees" not in said
    assert "old-updated" in "".join(said.split())
    assert "the old model stays" in said
