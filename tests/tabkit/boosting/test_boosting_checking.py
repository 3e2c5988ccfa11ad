"""Saved trees are checked before LightGBM reads them: it trusts its text, and a wrong number ends the process."""

from __future__ import annotations

import hashlib
import random
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest

from tabkit.boosting import BoostedModel, BoostingConfig, Rows, fit
from tabkit.errors import BundleError, ScoringError

FEATURES = ("a", "b", "c", "code")
QUIET = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "num_leaves": 8, "seed": 1}
KINDS = {
    "binary": {"objective": "binary"},
    "multiclass": {"objective": "multiclass", "num_class": 3},
    "poisson": {"objective": "poisson"},
    "dart": {"objective": "regression", "boosting": "dart"},
    "forest": {"objective": "regression", "boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
    "zero": {"objective": "regression", "zero_as_missing": True},
    "linear": {"objective": "regression", "linear_tree": True},
    "monotone": {"objective": "regression", "monotone_constraints": [1, 0, 0, 0]},
    "quantised": {"objective": "regression", "use_quantized_grad": True},
    "constant": {"objective": "regression", "min_data_in_leaf": 400},
    "linear constant": {"objective": "regression", "linear_tree": True, "min_data_in_leaf": 400},
    "infinite": {"objective": "regression"},
    "continued": {"objective": "regression"},
}


@cache
def model_of(kind: str) -> tuple[BoostedModel, pl.DataFrame]:
    """Return a model with LightGBM's own trees of a kind, and rows."""
    rng, n = np.random.default_rng(0), 500
    x = rng.normal(size=(n, 4))
    x[:, 2] = np.where(rng.random(n) < 0.4, 0, x[:, 2])
    x[:, 3] = rng.integers(0, 40, n)
    score = x[:, 0] + x[:, 3] % 3
    x[rng.random(x.shape) < 0.05] = np.nan
    if kind == "infinite":
        x[:, 0] = np.where(score > 2, np.inf, np.where(score < 0, -np.inf, x[:, 0]))
    y = {"binary": score > 1, "multiclass": np.digitize(score, [0.5, 1.5]), "poisson": rng.poisson(np.exp(score / 2))}
    params = {**QUIET, **KINDS[kind]}
    codes = [] if kind == "monotone" else [3]

    def grown(rounds, **further):
        label = y.get(params["objective"], score)
        data = lgb.Dataset(x, label, feature_name=list(FEATURES), categorical_feature=codes, params=params)
        return lgb.train(params, data, rounds, **further)

    booster = grown(4)
    if kind == "continued":
        booster = grown(3, init_model=lgb.Booster(model_str=booster.model_to_string()))
    outputs = params.get("num_class", 1)
    rounds = booster.current_iteration()
    model = BoostedModel(
        params["objective"], FEATURES, (0.25,) * outputs, rounds, booster.model_to_string(),
        classes=("x", "y", "z")[: outputs if outputs > 1 else 0], params=params,
    )  # fmt: skip
    return model, pl.DataFrame(dict(zip(FEATURES, x.T, strict=True)))


def loaded(model: BoostedModel, text: str, **fields) -> BoostedModel:
    """Read a model back with another text, as one who changes a bundle and its checksums would have it read."""
    state = {**model.to_dict(), "text_sha256": hashlib.sha256(text.encode()).hexdigest(), **fields}
    return BoostedModel.from_dict(state, text=text)


def sized(text: str) -> str:
    """Return a text with the sizes of its trees made good, so that nothing else is wrong than what was changed."""
    blocks = re.split(r"(?m)^(?=Tree=)", text.partition("\nend of trees")[0] + "\n")[1:]
    sizes = " ".join(str(len(block.encode())) for block in blocks)
    return re.sub(r"(?m)^tree_sizes=.*$", f"tree_sizes={sizes}", text, count=1)


def put(text: str, name: str, at: int, word: str, *, tree: int = 0) -> str:
    """Return a text with one number of a tree, or of the head (-1), replaced."""
    parts = re.split(r"(?m)^(?=Tree=)", text)

    def changed(line):
        words = line[0].partition("=")[2].split(" ")
        words[at] = word
        return f"{name}={' '.join(words)}"

    parts[tree + 1] = re.sub(rf"(?m)^{name}=.*$", changed, parts[tree + 1], count=1)
    return sized("".join(parts))


# What LightGBM writes


@pytest.mark.parametrize("kind", KINDS)
def test_trees_of_every_kind_load_and_score_as_lightgbm_has_them(kind):
    model, rows = model_of(kind)
    again = loaded(model, model.text)
    expected = lgb.Booster(model_str=model.text).predict(rows.to_numpy(), raw_score=True) + 0.25
    np.testing.assert_array_equal(again.raw(rows, num_threads=1), expected)
    if not kind.startswith("linear"):
        whole = lgb.Booster(model_str=model.text).predict(rows.to_numpy(), pred_contrib=True)
        found = again.contribution_array(rows, num_threads=1)
        found[:, :, -1] -= 0.25
        np.testing.assert_allclose(found.reshape(whole.shape), whole, rtol=0, atol=1e-15)


def test_what_stands_behind_the_trees_never_reaches_lightgbm():
    model, rows = model_of("binary")
    text = model.text.partition("\nend of trees")[0]
    text += "\nend of trees\n\nparameters:\n[machines: 10.0.0.1:80]\n[num_threads: -9]\nend of parameters\n\0[[[["
    again = loaded(model, text, params={**model.params, "machines": "10.0.0.1:80", "forcedsplits_filename": "x"})
    np.testing.assert_array_equal(again.raw(rows), model.raw(rows))
    assert "machines" not in again.booster.params
    assert "forcedsplits_filename" not in again.booster.params
    assert again.booster.params["num_leaves"] == 8


# What it would not survive


@pytest.mark.parametrize(
    ("name", "at", "word", "said"),
    [
        ("split_feature", 1, "200", "split_feature number 1 is 200; 0 to 3"),
        ("split_feature", 0, "-1", "split_feature number 0 is -1"),
        ("left_child", 0, "-2000", "left_child number 0 is -2000; -8 to 6"),
        ("left_child", 2, "0", "reach .* times; once"),
        ("threshold", 0, "naninf", "'naninf'; numbers"),
        ("threshold", 0, "", "holds ''"),
        ("leaf_value", 3, "inf", "leaf_value makes scores, gains"),
        ("leaf_value", 3, "1e2456778214441", "larger than a double"),
        ("leaf_value", 3, "1e-2456778214441", "smaller than a double"),
        ("split_gain", 3, "nan", "split_gain makes"),
        ("leaf_value", 3, "1_0", "'1_0'"),
        ("leaf_value", 3, "1 2", "leaf_value has 9 numbers; 8 were"),
        ("decision_type", 1, "12", "0 to 11"),
        ("num_leaves", 0, "9", "has 7 numbers; 8 were"),
        ("num_leaves", 0, "0", "num_leaves number 0 is 0; 1 to"),
        ("num_leaves", 0, "99999999999", "num_leaves"),
        ("num_cat", 0, "3", "cat_boundaries was expected|sets of categories"),
        ("internal_count", 2, "0", "internal_count number 2 is 0"),
        ("internal_count", 0, "499", "internal_count number 0 is 499; 500, the sum"),
        ("leaf_count", 0, "-3", "leaf_count"),
        ("leaf_weight", 0, "-", "leaf_weight holds '-'"),
        ("is_linear", 0, "2", "is_linear is '2'; 0 or 1"),
        ("is_linear", 0, "1", "leaf_const was expected; 'shrinkage' came"),
        ("shrinkage", 0, "x", "shrinkage holds 'x'"),
    ],
)
def test_a_wrong_number_is_told_by_tree_and_line(name, at, word, said):
    model, _ = model_of("monotone")
    with pytest.raises(BundleError, match=f"tree 1: .*(?:{said})"):
        loaded(model, put(model.text, name, at, word, tree=1))


@pytest.mark.parametrize(
    ("name", "at", "word", "said"),
    [
        ("cat_boundaries", 0, "1", "do not rise from 0"),
        ("cat_boundaries", 1, "99999", "cat_threshold has . numbers; 99,999 were"),
        ("cat_threshold", 0, "4294967296", "4294967295 was expected"),
        ("cat_threshold", 0, "1 2", "cat_threshold has"),
        ("threshold", None, "7", "sets of categories once"),
        ("threshold", None, "0.5", "sets of categories once"),
    ],
)
def test_sets_of_categories_are_where_the_nodes_seek_them(name, at, word, said):
    model, _ = model_of("binary")
    kinds = re.findall(r"decision_type=(.*)", model.text)
    tree = next(i for i, each in enumerate(kinds) if "9" in each.split())
    node = kinds[tree].split().index("9")
    with pytest.raises(BundleError, match=f"tree {tree}: .*{said}"):
        loaded(model, put(model.text, name, at if at is not None else node, word, tree=tree))


@pytest.mark.parametrize(
    ("children", "said"),
    [
        ([-4, 2, 1], r"right_child leads.*node 2.*1"),  # each is reached once, but not from the root
        ([0, 2, -4], "reach node 0 2 times"),
        ([1, 2, -3], "reach leaf 3 0 times"),
        ([2, 2, -4], "reach node 1 0 times"),
    ],
)
def test_nodes_that_lead_in_a_circle_or_nowhere_are_refused(children, said):
    text = chain(4)
    for at, child in enumerate(children):
        text = put(text, "right_child", at, str(child))
    with pytest.raises(BundleError, match=f"tree 0: .*{said}"):
        BoostedModel("regression", ("x",), (0.0,), 1, text).raw(pl.DataFrame({"x": [1.0]}))


@pytest.mark.parametrize(
    ("name", "at", "word", "said"),
    [
        ("version", 0, "v9", r"word 0.*version.*'v9'; 'v4'"),
        ("num_class", 0, "2", "num_class is '2'"),
        ("num_tree_per_iteration", 0, "0", "num_tree_per_iteration"),
        ("max_feature_idx", 0, "2147483647", "max_feature_idx is '2147483647'; '3' was"),
        ("objective", 0, "lambdarank", "objective is 'lambdarank'; 'binary'"),
        ("objective", 1, "sigmoid:-1", "word 1 of objective"),
        ("feature_names", 2, "a", r"word 2.*feature_names.*'a'; 'c'"),
        ("feature_infos", 0, "none none", "5 words; 4"),
        ("feature_infos", 0, "\t", "feature_infos holds"),
    ],
)
def test_the_head_says_what_the_model_and_the_trees_are(name, at, word, said):
    model, _ = model_of("binary")
    with pytest.raises(BundleError, match=f"the head: .*{said}"):
        loaded(model, put(model.text, name, at, word, tree=-1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("num_class=1\n", ""), "lacks the line num_class"),
        (lambda text: text.replace("num_class=1\n", "num_class=1\nnum_class=1\n"), "twice"),
        (lambda text: text.replace("num_class=1\n", "num_class=1\nparser=x\n"), "a line 'parser'"),
        (lambda text: re.sub("tree_sizes=.", "tree_sizes=", text), "word 0 of tree_sizes"),
        (lambda text: sized(text.replace("num_cat=0\n", "", 1)), r"tree 0.*line num_cat"),
        (lambda text: sized(text.replace("num_cat=0\n", "\nnum_cat=0\n", 1)), r"tree 0.*line num_cat"),
        (lambda text: sized(text.replace("Tree=1\n", "Tree=2\n", 1)), "tree 1: it does not begin"),
        (lambda text: sized(text.replace("\n\n\nTree=1", "\n\nTree=1")), r"tree 0.*begin.*end"),
        (lambda text: text.replace("\nend of trees", "\nend"), r"text.*LightGBM"),
        (lambda text: text.replace("\n", "\r\n"), r"text.*LightGBM"),
    ],
)
def test_lines_that_are_missing_doubled_or_strange_are_told(change, said):
    model, _ = model_of("binary")
    with pytest.raises(BundleError, match=said):
        loaded(model, change(model.text))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"trees": 5}, "4 are there; 5 rounds"),
        ({"trees": -1}, "trees is -1"),
        ({"trees": True}, "trees is True"),
        ({"base_score": [0.0, 0.0]}, "base_score"),
        ({"base_score": [float("nan")]}, "base_score"),
        ({"base_score": [10**400]}, "too large"),
        ({"base_score": 0.0}, "another kind"),
        ({"features": ["a", "a", "c", "code"]}, "features"),
        ({"features": ["a", "b", "c"]}, "max_feature_idx is '3'; '2'"),
        ({"features": ["b", "a", "c", "code"]}, "feature_names is 'a'; 'b'"),
        ({"classes": ["no"]}, "classes"),
        ({"objective": "regression"}, "objective is 'binary'; 'regression'"),
        ({"objective": ["binary"]}, "another kind"),
        ({"label_unit": 0}, "label_unit is 0"),
        ({"label_unit": "x"}, "label_unit"),
        ({"held_out_loss": "x"}, "held_out_loss"),
        ({"params": []}, "params"),
        ({"params": {"bagging_fraction": 0}}, "parameter bagging_fraction is 0"),
        ({"params": {"max_cat_to_onehot": "x"}}, "max_cat_to_onehot"),
    ],
)
def test_the_numbers_beside_the_trees_fit_them(fields, said):
    model, _ = model_of("binary")
    with pytest.raises(BundleError, match=said):
        loaded(model, model.text, **fields)


def test_scores_that_would_be_infinite_are_refused():
    model, _ = model_of("binary")
    text = put(put(model.text, "leaf_value", 0, "1.7e308"), "leaf_value", 1, "1.7e308", tree=1)
    with pytest.raises(BundleError, match="infinite"):
        loaded(model, text)


def test_trees_that_ran_away_and_count_for_nothing_are_saved_and_loaded_still():
    rows = Rows(pl.DataFrame({"x": np.arange(100.0)}), np.arange(100.0))
    config = {"max_trees": 60, "early_stopping_rounds": 0, "learning_rate": 1e6, "num_threads": 1}
    model = fit(rows, rows, config=BoostingConfig(objective="quantile", **config))
    assert (model.trees, "inf" in model.text.partition("leaf_value=")[2]) == (0, True)
    again = loaded(model, model.text)
    np.testing.assert_array_equal(again.predict(rows.features), model.predict(rows.features))
    with pytest.raises(BundleError, match="leaf_value makes scores"):
        loaded(model, model.text, trees=model.text.count("\nTree="))


def test_linear_trees_are_those_of_a_linear_model():
    model, _ = model_of("linear")
    with pytest.raises(BundleError, match="linear_tree"):
        loaded(model, model.text, params={})
    with pytest.raises(BundleError, match="tree 1: leaf_features number 0 is 77"):
        loaded(model, put(model.text, "leaf_features", 0, "77", tree=1))
    with pytest.raises(BundleError, match="tree 1: leaf_const holds '1e-310'"):
        loaded(model, put(model.text, "leaf_const", 0, "1e-310", tree=1))


def test_a_model_that_was_not_loaded_is_checked_too():
    model, rows = model_of("binary")
    strange = replace(model, text=put(model.text, "split_feature", 0, "9"))
    for ask in (strange.raw, strange.contributions):
        with pytest.raises(BundleError, match="split_feature"):
            ask(rows)
    with pytest.raises(BundleError, match="split_feature"):
        strange.importance()


def chain(leaves: int) -> str:
    """Return a text whose one tree parts one leaf after the other from the rest."""
    nodes = leaves - 1
    lines = {
        "num_leaves": [leaves], "num_cat": [0], "split_feature": [0] * nodes, "split_gain": [1] * nodes,
        "threshold": range(nodes), "decision_type": [2] * nodes, "left_child": range(-1, -nodes - 1, -1),
        "right_child": [*range(1, nodes), -leaves], "leaf_value": [1] * leaves, "leaf_weight": [1] * leaves,
        "leaf_count": [1] * leaves, "internal_value": [0] * nodes, "internal_weight": [1] * nodes,
        "internal_count": range(leaves, 1, -1), "is_linear": [0], "shrinkage": [1],
    }  # fmt: skip
    block = "\n".join(f"{name}={' '.join(map(str, words))}" for name, words in lines.items())
    head = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=0\n"
    head += "objective=regression\nfeature_names=x\nfeature_infos=[0:1]\ntree_sizes=0\n\n"
    return sized(f"{head}Tree=0\n{block}\n\n\nend of trees\n")


@pytest.mark.parametrize(("leaves", "told"), [(501, True), (502, False), (70_000, False)])
def test_contributions_of_trees_that_overflow_the_stack_are_refused_and_scores_are_not(leaves, told):
    model, rows = BoostedModel("regression", ("x",), (0.0,), 1, chain(leaves)), pl.DataFrame({"x": [0.0, 4.5]})
    np.testing.assert_array_equal(model.raw(rows), [1.0, 1.0])
    if told:
        assert model.contributions(rows).height == 2
    else:
        with pytest.raises(ScoringError, match="max_depth"):
            model.contributions(rows)


# Anything at all

_KINDS = ("binary", "multiclass", "linear", "constant")
_WORDS = (
    "-1",
    "0",
    "1",
    "2",
    "-2",
    "7",
    "8",
    "200",
    "-2000",
    "2147483648",
    "1e300",
    "1e999",
    "nan",
    "inf",
    "0.5",
    "1_0",
    "\0",
    "=",
)


def mutated(text: str, seed: int) -> str:
    """Return a text with one thing of it changed at random."""
    rng = random.Random(seed)
    lines = text.partition("\nend of trees")[0].split("\n")
    at, other = (rng.choice([i for i, line in enumerate(lines) if line]) for _ in range(2))
    name, _, found = lines[at].partition("=")
    words = found.split(" ")
    changes = {
        "word": [f"{name}={' '.join([*words[:-1], rng.choice(_WORDS)])}"],
        "child": [f"{name}={' '.join([rng.choice(_WORDS), *words[1:]])}"],
        "short": [f"{name}={' '.join(words[:-1])}"],
        "long": [f"{name}={' '.join([*words, *words])}"],
        "gone": [],
        "double": [lines[at], lines[at]],
        "other": [f"{name}={lines[other].partition('=')[2]}"],
        "byte": [lines[at][:3] + rng.choice("0-.\r\0é= ") + lines[at][4:]],
    }
    lines[at : at + 1] = changes[rng.choice(sorted(changes))]
    changed = "\n".join([*lines, "end of trees", ""])
    return sized(changed) if rng.random() < 0.8 else changed


def survive(texts: int) -> dict[str, int]:
    """Load and use mutated texts; count what became of them."""
    counts = {"refused": 0, "scored": 0}
    for seed in range(texts):
        model, rows = model_of(_KINDS[seed % len(_KINDS)])
        try:
            again = loaded(model, mutated(model.text, seed))
        except BundleError:
            counts["refused"] += 1
            continue
        assert np.isfinite(again.raw(rows, num_threads=1)).all()
        again.importance()
        if not model.params.get("linear_tree"):
            assert np.isfinite(again.contribution_array(rows[:5], num_threads=1)).all()
        counts["scored"] += 1
    return counts


def test_no_text_ends_the_process():
    done = subprocess.run([sys.executable, __file__, "400"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    refused, scored = map(int, done.stdout.split()[-2:])
    assert refused > 200
    assert scored > 20


if __name__ == "__main__":
    sys.stdout.write("{refused} {scored}".format(**survive(int(sys.argv[1]))))
