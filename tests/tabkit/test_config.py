from __future__ import annotations

import copy
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from tabkit.config import Config, build, merge, override, read
from tabkit.errors import ConfigError


class Inner(Config):
    leaves: int = Field(default=31, ge=2)
    rate: float | Literal["auto"] = "auto"
    monotone: dict[str, Literal[-1, 0, 1]] = Field(default_factory=dict)

    @field_validator("leaves")
    @classmethod
    def _even(cls, leaves: int) -> int:
        if leaves == 13:
            raise ValueError("Thirteen is no good number")
        return leaves


class Outer(Config):
    seed: int = 0
    name: str | None = None
    source: str | list[str] | None = None
    mode: Literal["AUC", "Brier"] = "AUC"
    inner: Inner = Field(default_factory=Inner)
    perhaps: Inner | None = None


class Demanding(Config):
    needed: int


def refused(values: object, model: type[Config] = Outer) -> str:
    with pytest.raises(ConfigError) as caught:
        build(model, values)
    assert caught.value.advice
    return caught.value.problem


def test_what_is_right_is_built():
    built = build(Outer, {"seed": "7", "inner": {"leaves": 3, "monotone": {"age": -1}}})
    assert (built.seed, built.inner.leaves, built.inner.monotone) == (7, 3, {"age": -1})
    assert build(Outer, {}) == Outer()


def test_a_number_can_name_a_label():
    assert build(Outer, {"name": 1, "source": [2, "b"]}).name == "1"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sed": 1}, "'sed' (did you mean 'seed'?)"),
        ({"zzz": 1}, "'zzz' (known: inner, mode, name"),
        ({"inner": {"leafs": 1}}, "'inner.leafs' (did you mean 'leaves'?)"),
        ({"perhaps": {"leafs": 1}}, "'perhaps.leafs' (did you mean 'leaves'?)"),
        ({"seed": "x"}, "integer (got 'x')"),
        ({"mode": "auc"}, "'AUC' or 'Brier' (got 'auc')"),
        ({"inner": {"leaves": 13}}, "inner.leaves: thirteen is no good"),
        ({"inner": 3}, "Inner (got 3)"),
        ({"inner": {"monotone": {"age": 5}}}, "-1, 0 or 1 (got 5)"),
        (
            {"inner": {"rate": "x"}},
            "should be 'auto' (got 'x')",
        ),
        ({"source": ["a", []]}, "valid string (got ['a', []])"),
        ({"name": "x" * 2, "seed": "y" * 99}, "(got '" + "y" * 56 + "...)"),
        ({1: 2}, "1: keys should be strings (got 1)"),
        ("seed", "Outer (got 'seed')"),
        (None, "Outer (got None)"),
    ],
)
def test_what_is_wrong_is_said(values, said):
    assert said in refused(values)


def test_all_that_is_wrong_is_said_at_once():
    said = refused({"seed": "x", "sed": 1, "inner": {"leaves": 0, "leafs": 2}})
    assert said.startswith("settings: ")
    assert all(word in said for word in ("seed: ", "'sed'", "inner.leaves: ", "'inner.leafs'"))


def test_a_missing_setting_is_named():
    assert refused({}, Demanding) == "settings: needed: a value is needed"


def test_the_constructor_refuses_in_the_same_words():
    with pytest.raises(ConfigError, match="did you mean 'seed'"):
        Outer(sed=1)
    with pytest.raises(ConfigError) as caught:
        Outer(seed="x", inner={"leaves": 0})
    assert "seed: " in caught.value.problem
    assert "inner.leaves: " in caught.value.problem


def test_settings_are_frozen_and_travel():
    built = Outer(seed=3)
    with pytest.raises(ValidationError, match="frozen"):
        built.seed = 4
    assert built.model_copy(update={"seed": 4}).seed == 4
    assert built.seed == 3
    assert copy.deepcopy(built) == built
    assert build(Outer, built.model_dump(mode="json")) == built


def test_toml_is_read(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('seed = 3\n[inner]\nleaves = 5\nmonotone = {"a.b" = 1}\n', encoding="utf-8")
    assert read(file) == {"seed": 3, "inner": {"leaves": 5, "monotone": {"a.b": 1}}}
    assert read(str(file)) == read(file)
    file.write_bytes(b"\xef\xbb\xbfseed = 3\n")  # as some editors on Windows write it
    assert read(file) == {"seed": 3}
    file.write_text("")
    assert read(file) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"seed = ", "is not TOML"),
        (b"mode = AUC", "is not TOML: .*line 1"),
        (b"seed = 1\nseed = 2", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (None, r"read: No.*file"),
    ],
)
def test_toml_that_cannot_be_read_is_refused(tmp_path, content, said):
    file = tmp_path / "settings.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        read(file)
    assert "settings.toml" in caught.value.problem
    assert caught.value.advice


def test_a_folder_is_no_settings_file(tmp_path):
    with pytest.raises(ConfigError, match=r"read.*directory"):
        read(tmp_path)


def test_assignments_go_inside_and_leave_what_is_beside():
    before = {"inner": {"leaves": 3, "rate": 0.1}, "seed": 1}
    after = override(before, ["inner.leaves=5", " inner . monotone . age = 1 ", "new.deep.key=x=y", "inner.leaves=7"])
    assert after == {
        "inner": {"leaves": 7, "rate": 0.1, "monotone": {"age": 1}},
        "seed": 1,
        "new": {"deep": {"key": "x=y"}},
    }
    assert before == {"inner": {"leaves": 3, "rate": 0.1}, "seed": 1}
    assert override(before, []) == before


@pytest.mark.parametrize("assignment", ["", "seed", "=1", ".seed=1", "seed.=1", "a..b=1", " =1"])
def test_what_is_no_assignment_is_refused(assignment):
    with pytest.raises(ConfigError, match="is not an assignment") as caught:
        override({}, [assignment])
    assert "key=value" in caught.value.advice


def test_a_single_value_has_nothing_inside():
    with pytest.raises(ConfigError, match=r"setting 'seed'.*1.*'x' inside"):
        override({"seed": 1}, ["seed.x=2"])
    with pytest.raises(ConfigError, match=r"setting 'seed'.*1.*'x' inside"):
        merge({"seed": 1}, {"seed": {"x": 2}})
    assert override({"inner": {"x": 1}}, ["inner=2"]) == {"inner": 2}


def test_layers_are_merged_key_by_key():
    first = {"a": {"b": {"c": 1}}, "z": [1]}
    second = {"a": {"b": {"d": 2}}, "z": [2]}
    assert merge(first, second) == {"a": {"b": {"c": 1, "d": 2}}, "z": [2]}
    assert (first, second) == ({"a": {"b": {"c": 1}}, "z": [1]}, {"a": {"b": {"d": 2}}, "z": [2]})
    assert merge() == {}


def test_an_empty_layer_hides_no_mistake():
    assert merge({"inner": 5}, {"inner": {}}) == {"inner": 5}
    assert merge({}, {"inner": {}}) == {"inner": {}}


trees = st.recursive(
    st.integers(0, 3), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=2), max_leaves=6
)
settings_trees = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


@settings(deadline=None)
@given(settings_trees)
def test_merging_with_nothing_or_itself_changes_nothing(tree):
    assert merge(tree) == merge(tree, {}) == merge({}, tree) == merge(tree, tree) == tree
