"""Files of rules: what they hold is what was written, and what is malformed is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabkit.errors import ConfigError, SourceError
from tabkit.predicates import Range, Rule
from tabkit.rules import RuleFile, read, write
from tabkit.rules.saved import parse

YOUNG = Rule(name="young", all_of=(Range(column="age", lt=30),))
FOUND = {
    "source": "a.csv", "rows": 100, "target": "churned", "holdout": 0.3, "seed": 0, "columns": ["age"],
    "kinds": ["number"], "print": "ab", "tried": 3, "own": True,
}  # fmt: skip


def test_what_was_written_is_read(tmp_path: Path) -> None:
    measured = {"young": {"train": {"rows": 70, "value": 0.5, "balanced": True}, "holdout": {"rows": 30}, "p": 0.01}}
    content = RuleFile((YOUNG,), FOUND, measured)
    write(tmp_path / "rules.toml", content)
    assert read(tmp_path / "rules.toml") == content


def test_numbers_that_are_none_are_left_out(tmp_path: Path) -> None:
    measured = {"young": {"train": {"rows": 70, "lift": float("nan"), "value": None, "low": float("-inf")}}}
    write(tmp_path / "rules.toml", RuleFile((YOUNG,), {}, measured))
    assert read(tmp_path / "rules.toml").measured == {"young": {"train": {"rows": 70}}}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ('tried = "many"', "tried under .*'many'.*whole number from 0"),
        ("tried = inf", "tried under .*inf.*whole number from 0"),
        ("tried = -1", "tried under .*whole number from 0"),
        ("tried = true", "tried under .*whole number from 0"),
        ("tried = 1.5", "tried under .*whole number from 0"),
        ("rows = 1e400", "rows under .*whole number from 0"),
        (f"rows = {10**400}", "rows under .*number beyond 64 bits"),
        ("holdout = 2", "holdout under .*share between 0 and 1"),
        ('seed = "0"', "seed under .*whole number"),
        ("positive = 3", "positive under .*text"),
        ("time = [1]", "time under .*text"),
        ('columns = "age"', "columns under .*list of text"),
        ("columns = [1]", "columns under .*list of text"),
        ("other = nan", "other under .*finite number"),
        ("other = [1]", "other under .*list of text"),
        ("other = {a = 1}", "other under .*a table"),
    ],
)
def test_what_is_known_of_their_origin_is_checked(tmp_path: Path, found: str, words: str) -> None:
    (tmp_path / "rules.toml").write_text(f'[found]\n{found}\n[[rules]]\nname = "a"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read(tmp_path / "rules.toml")


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        ('{train = {lift = "abc"}}', "'a'.*measured.train.lift is 'abc'.*finite"),
        ("{train = {lift = nan}}", "measured.train.lift is nan.*finite number"),
        ("{holdout = {value = [1]}}", "measured.holdout.value is a list"),
        ("{train = 3}", "measured.train is 3.*train and holdout"),
        ("{test = {lift = 3}}", "measured.test.*table.*train and holdout"),
        ('{p = "x"}', "measured.p is 'x'"),
        ("3", "measured is 3.*a table"),
    ],
)
def test_what_was_measured_is_checked(tmp_path: Path, measured: str, words: str) -> None:
    (tmp_path / "rules.toml").write_text(f'[[rules]]\nname = "a"\nmeasured = {measured}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read(tmp_path / "rules.toml")


def test_long_names_are_shown_in_part() -> None:
    with pytest.raises(ConfigError, match="characters") as caught:
        parse({"rules": [{"name": "a" * 100_000}]}, what="rules.toml")
    assert len(str(caught.value)) < 400


def test_whole_numbers_that_python_does_not_read_are_no_toml(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("format = " + "9" * 5_000, encoding="utf-8")
    with pytest.raises(SourceError, match="not TOML"):
        read(tmp_path / "rules.toml")
