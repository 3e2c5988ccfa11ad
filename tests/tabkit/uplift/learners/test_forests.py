"""Forests that CausalML grew, predicted without it."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from polars.testing import assert_frame_equal
from regressions import Trial, trial

from tabkit.errors import BundleError, ConfigError, FitError, SchemaError
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners import forests
from tabkit.uplift.learners.forest import Forest, ForestKind, ForestNodes
from tabkit.uplift.learners.forests import ForestSettings, fit_forest

FEW = ForestSettings(trees=15, leaf_rows=30, leaf_arm_rows=5, feature_share=0.7)
needs_causalml = pytest.mark.usefixtures("grown")


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the forests of CausalML that were grown during a test."""
    pytest.importorskip("causalml", reason="the extra uplift is not installed")
    kept: list[Any] = []
    extract = forests._extracted
    monkeypatch.setattr(forests, "_extracted", lambda model, arms: (kept.append(model), extract(model, arms))[1])
    return kept


def holed(features: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    gone = [pl.Series(rng.random(features.height) < share) for _ in features.columns]
    return features.with_columns(
        pl.when(hole).then(None).otherwise(pl.col(name)).alias(name)
        for name, hole in zip(features.columns, gone, strict=True)
    )


def theirs(model: Any, features: pl.DataFrame) -> NDArray[np.float64]:
    X = features.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return np.asarray(model.predict(X)).reshape(len(X), -1)


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("honest", [False, True])
@pytest.mark.parametrize("arms", [2, 3])
@pytest.mark.parametrize("kind", ["uplift", "causal"])
def test_effects_are_those_of_causalml(
    grown: list[Any], kind: ForestKind, arms: int, honest: bool, share: float
) -> None:
    known = trial(rows=2000, arms=arms, tilt=0.0, kind="binary" if kind == "uplift" else "number")
    settings = ForestSettings(trees=15, leaf_rows=30, leaf_arm_rows=5, feature_share=0.7, honest=honest)
    features = holed(known.features, share, 1)
    forest = fit_forest(kind, features, known.experiment, settings=settings)
    assert forest.treated == known.experiment.treated
    # missing values are met both by features that had some at the fit and by features that had none
    for rows in (features, holed(trial(rows=500, seed=9).features, 0.2, 2)):
        found = forest.effect(rows)
        np.testing.assert_allclose(found, theirs(grown[0], rows), atol=1e-10)
        outcome = forest.outcome(rows)
        np.testing.assert_allclose(outcome[:, 1:] - outcome[:, [0]], found, atol=1e-10)


@pytest.mark.parametrize(
    ("kind", "criterion"), [(kind, c) for kind, criteria in forests._CRITERIA.items() for c in criteria]
)
def test_every_criterion_grows_a_forest(grown: list[Any], kind: ForestKind, criterion: str) -> None:
    known = trial(rows=800, tilt=0.0, kind="binary" if kind == "uplift" else "number")
    settings = ForestSettings(trees=4, criterion=criterion, leaf_rows=30, leaf_arm_rows=5)
    found = fit_forest(kind, known.features, known.experiment, settings=settings).effect(known.features)
    np.testing.assert_allclose(found, theirs(grown[0], known.features), atol=1e-10)
    assert grown[0].estimators_[0].criterion == criterion


def test_an_arm_that_some_trees_never_met_counts_as_there(grown: list[Any]) -> None:
    known = trial(rows=600, arms=3, tilt=0.0, kind="binary")
    found = known.experiment
    rows = np.flatnonzero((found.arm < 2) | (np.cumsum(found.arm == 2) <= 2))
    few, features = found.take(rows), known.features[rows]
    settings = ForestSettings(trees=20, leaf_rows=30, leaf_arm_rows=1)
    forest = fit_forest("uplift", features, few, settings=settings)
    assert {len(tree.classes_) for tree in grown[0].estimators_} == {2, 3}
    np.testing.assert_allclose(forest.effect(features), theirs(grown[0], features), atol=1e-10)


@needs_causalml
@pytest.mark.parametrize("kind", ["uplift", "causal"])
def test_a_known_effect_is_found(kind: ForestKind) -> None:
    known = trial(rows=6000, tilt=0.0, kind="binary" if kind == "uplift" else "number", effect=lambda x: 2 * x[:, 1])
    found = fit_forest(kind, known.features, known.experiment, settings=ForestSettings(trees=30)).effect(known.features)
    assert np.corrcoef(found[:, 0], known.truth[:, 0])[0, 1] > 0.8


@needs_causalml
@pytest.mark.parametrize("kind", ["uplift", "causal"])
def test_propensities_count(kind: ForestKind) -> None:
    """Who is likely to buy is likely to be treated: without weights the effect would look far too large."""
    known = trial(rows=20_000, tilt=0.0, effect=lambda x: np.zeros(len(x)))
    rng, x = np.random.default_rng(2), known.features.to_numpy()
    share = 1 / (1 + np.exp(-2 * x[:, 0]))
    arm = (rng.random(len(share)) < share).astype(np.int64)
    y = (x[:, 0] + rng.normal(size=len(arm)) > 0).astype(np.float64)
    told = Experiment(("no", "yes"), arm, y, np.column_stack([1 - share, share]), "binary")
    untold = Experiment(("no", "yes"), arm, y, np.full((len(arm), 2), 0.5), "binary")
    stump = ForestSettings(trees=5, max_depth=1, feature_share=1.0)
    apart = known.features.drop("x0")
    found, biased = (fit_forest(kind, apart, e, settings=stump).effect(apart).mean() for e in (told, untold))
    assert biased > 0.25
    assert abs(found) < 0.1


@needs_causalml
@pytest.mark.parametrize("arms", [2, 3])
@pytest.mark.parametrize("kind", ["uplift", "causal"])
def test_a_table_is_the_forest(tmp_path: Path, kind: ForestKind, arms: int) -> None:
    known = trial(rows=1500, arms=arms, tilt=0.0, kind="binary" if kind == "uplift" else "number")
    features = holed(known.features, 0.2, 3)
    forest = fit_forest(kind, features, known.experiment, settings=FEW)
    forest.to_frame().write_parquet(tmp_path / "trees.parquet")
    back = Forest.from_frame(pl.read_parquet(tmp_path / "trees.parquet"), kind=kind)
    assert (back.kind, back.treated) == (kind, known.experiment.treated)
    np.testing.assert_array_equal(back.effect(features), forest.effect(features))
    assert_frame_equal(back.to_frame(), forest.to_frame())


@needs_causalml
def test_columns_count_by_name_and_others_are_ignored() -> None:
    known = trial(rows=1000, tilt=0.0)
    forest = fit_forest("causal", known.features, known.experiment, settings=FEW)
    turned = known.features.select(known.features.columns[::-1]).with_columns(more=pl.lit("text"))
    np.testing.assert_array_equal(forest.effect(turned), forest.effect(known.features))


@needs_causalml
def test_the_seed_decides_and_threads_do_not() -> None:
    known = trial(rows=800, tilt=0.0)
    settings = [ForestSettings(trees=5, leaf_rows=30, seed=s, threads=t) for s, t in ((1, 1), (1, 2), (2, 1))]
    first, again, other = (fit_forest("causal", known.features, known.experiment, settings=s) for s in settings)
    assert_frame_equal(first.to_frame(), again.to_frame())
    assert not first.to_frame().equals(other.to_frame())


@needs_causalml
def test_too_few_rows_to_split_give_one_effect() -> None:
    known = trial(rows=150, tilt=0.0)
    forest = fit_forest("causal", known.features, known.experiment, settings=ForestSettings(trees=3, honest=False))
    assert np.ptp(forest.effect(known.features)) == 0
    back = Forest.from_frame(forest.to_frame(), kind="causal")
    np.testing.assert_array_equal(back.effect(known.features), forest.effect(known.features))


# --- what needs no CausalML


def stump(**change: Any) -> pl.DataFrame:
    """Rows up to 1 gain 2, others 5; missing ones go right."""
    columns: dict[str, Any] = {
        "tree": [0, 0, 0],
        "feature": ["x", None, None],
        "threshold": [1.0, None, None],
        "left": [1, None, None],
        "right": [2, None, None],
        "missing_left": [False, None, None],
        "outcome of 0 control": [3.0, 1.0, 1.0],
        "outcome of 1 a b  c": [6.0, 3.0, 6.0],
    }
    integers = dict.fromkeys(("tree", "left", "right"), pl.Int32)
    return pl.DataFrame(
        columns | change, schema_overrides={k: t for k, t in integers.items() if "a" not in change.get(k, ())}
    )


def test_a_stump_by_hand() -> None:
    forest = Forest.from_frame(stump(), kind="causal")
    assert (forest.features, forest.treated) == (("x",), ("a b  c",))
    rows = pl.DataFrame({"x": [0.0, 1.0, 1.5, None, float("nan"), float("inf"), -float("inf")]})
    assert forest.effect(rows)[:, 0].tolist() == [2, 2, 5, 5, 5, 5, 2]
    assert forest.outcome(rows).tolist()[:2] == [[1, 3], [1, 3]]
    assert forest.effect(rows.clear()).shape == (0, 1)
    assert forest.effect(pl.DataFrame({"x": [True, False]}))[:, 0].tolist() == [2, 2]


def test_many_rows_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabkit.uplift.learners.forest._CHUNK", 3)
    rows = pl.DataFrame({"x": np.arange(10.0)})
    assert Forest.from_frame(stump(), kind="causal").effect(rows)[:, 0].tolist() == [2, 2, *[5] * 8]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (stump().drop("left"), "columns"),
        (stump().drop("outcome of 0 control"), "columns"),
        (stump().clear(), "no rows"),
        (stump(left=[0, None, None]), "children"),
        (stump(right=[3, None, None]), "children"),
        (stump(threshold=[float("nan"), None, None]), "NaN"),
        (stump(threshold=[None, None, None]), "NaN"),
        (stump(left=[None, None, None]), "children"),
        (stump(**{"outcome of 0 control": [1.0, None, 2.0]}), "not finite"),
        (stump(tree=["a", "b", "c"]), "columns"),
        (stump(tree=[0, 1, 0]), "children"),
    ],
)
def test_damaged_tables_are_refused(frame: pl.DataFrame, said: str) -> None:
    with pytest.raises(BundleError, match=said):
        Forest.from_frame(frame, kind="causal")


def test_missing_and_textual_features_are_refused() -> None:
    forest = Forest.from_frame(stump(), kind="causal")
    with pytest.raises(SchemaError, match=r"missing features: 'x'\nTo do: "):
        forest.effect(pl.DataFrame({"y": [1.0]}))
    with pytest.raises(SchemaError, match=r"no numbers: 'x' \(String\)"):
        forest.effect(pl.DataFrame({"x": ["1"]}))


def test_trees_are_joined() -> None:
    whole = ForestNodes.of(
        feature=[np.array([0, -2, -2]), np.array([-2])],
        threshold=[np.array([0.5, -2, -2]), np.array([-2.0])],
        left=[np.array([1, -1, -1]), np.array([-1])],
        right=[np.array([2, -1, -1]), np.array([-1])],
        missing_left=[np.array([1, 0, 0]), np.array([0])],
        value=[np.zeros((3, 2)), np.ones((1, 2))],
    )
    assert whole.start.tolist() == [0, 3]
    assert whole.leaves(np.array([[0.0], [1.0], [np.nan]], dtype=np.float32), 0).tolist() == [1, 2, 1]
    assert whole.leaves(np.zeros((2, 1), dtype=np.float32), 3).tolist() == [3, 3]


@pytest.fixture
def known() -> Trial:
    return trial(rows=100, tilt=0.0)


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("random", {}, r"(?s)'random'.*forests.*causal"),
        ("uplift", {"criterion": "causal_mse"}, "unknown criterion 'causal_mse'"),
        ("causal", {"trees": 0}, "trees: at least 1"),
        ("causal", {"feature_share": 1.5}, "feature_share is 1.5"),
    ],
)
def test_settings_that_cannot_be(known: Trial, kind: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        fit_forest(kind, known.features, known.experiment, settings=ForestSettings(**settings))


def test_criteria_of_pairs_are_refused_for_more_arms() -> None:
    known = trial(rows=100, arms=3, tilt=0.0, kind="binary")
    with pytest.raises(ConfigError, match="takes one treated arm; 2 came"):
        fit_forest("uplift", known.features, known.experiment, settings=ForestSettings(criterion="DDP"))


def test_an_honest_uplift_forest_cannot_be_weighted() -> None:
    known = trial(rows=100, kind="binary")
    with pytest.raises(ConfigError, match=r"(?s)propensities.*causal"):
        fit_forest("uplift", known.features, known.experiment, settings=ForestSettings(honest=True))


def test_data_that_no_forest_takes(known: Trial) -> None:
    found = known.experiment
    with pytest.raises(FitError, match="outcomes of 0 and 1"):
        fit_forest("uplift", known.features, found)
    with pytest.raises(FitError, match=r"infinite.*32 bits: 'x0'"):
        fit_forest("causal", known.features.with_columns(x0=pl.lit(1e300)), found)
    with pytest.raises(FitError, match="99 rows of features"):
        fit_forest("causal", known.features[1:], found)
    with pytest.raises(FitError, match="no features"):
        fit_forest("causal", known.features.select(), found)
    nobody = Experiment((*found.arms, "call"), found.arm, found.outcome, np.full((100, 3), 1 / 3))
    with pytest.raises(FitError, match="no units of 'call'"):
        fit_forest("causal", known.features, nobody)
