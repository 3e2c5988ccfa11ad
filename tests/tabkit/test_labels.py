from __future__ import annotations

import polars as pl
import pytest

from tabkit.labels import as_labels, is_whole, is_yes_no, labels_of, matched

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ([0, 1], True),
        ([0.0, 1.0, None], True),
        ([1.0, NAN], True),
        ([True, False], True),
        (["50", "0"], True),
        (["a", "b", None], True),
        ([0, 50], False),
        ([0.0, 2.0], False),
        ([-1, 1], False),
        ([1, 2], False),
        ([50.0, None], False),
        (["a", "b", "c"], False),
    ],
)
def test_only_zero_and_one_are_numbers_of_yes_and_no(values, answer):
    assert is_yes_no(pl.Series(values)) is answer


@pytest.mark.parametrize(("values", "answer"), [([0.0, 2.0, None, NAN], True), ([1, 2], True), ([0.5, 1.0], False)])
def test_whole_numbers(values, answer):
    assert is_whole(pl.Series(values)) is answer


def test_whole_numbers_are_one_label_and_texts_are_two():
    assert labels_of(pl.Series([1.0, -0.0, 1.5])).to_list() == ["1", "0", "1.5"]
    assert labels_of(pl.Series(["1", "1.0"])).to_list() == ["1", "1.0"]
    assert as_labels(pl.Series(["1", "1.0"]), ["1", "1.0"]).to_list() == ["1", "1.0"]
    assert as_labels(pl.Series([1.0, 3.0]), ["1.0", "2.0"]).to_list() == ["1.0", "3"]
    assert matched("1.0", ["1", "01"]) == "1"
    assert matched("1", ["1.0", "1.00"]) is None
    assert matched("control", ["Control"]) is None
    assert matched("false", ["False", "True"]) == "False"  # text files of other programs
    assert matched("true", ["FALSE", "TRUE"]) == "TRUE"
    assert matched("true", ["True", "TRUE"]) is None
