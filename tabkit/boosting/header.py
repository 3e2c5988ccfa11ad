"""Checks of the head of LightGBM's text: its counts of outputs, features and trees must match the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from tabkit.boosting.names import safe_names
from tabkit.boosting.tree import wrong
from tabkit.boosting.trees import TreesText

_INFO = re.compile(r"none|\[[-+.0-9a-z]+:[-+.0-9a-z]+\]|-?[0-9]+(?::-?[0-9]+)*")
"""What a feature held at the fit: nothing, a range, or codes of categories."""
_CONSTRAINT = re.compile(r"-1|0|1")
_AVERAGED = "average_output"  # of a random forest
_WHERE = "the head"


def check_header(trees: TreesText, *, objective: str, features: Sequence[str], outputs: int) -> None:
    """Refuse a head that lacks a line, has one twice or more, or says something else than the trees and the model.

    Raises
    ------
    BundleError
        It says which line, what was expected and what came.
    """
    values = _lines(trees.head)
    expected = {
        "version": "v4",
        "num_class": str(outputs),
        "num_tree_per_iteration": str(outputs),
        "label_index": "0",
        "max_feature_idx": str(len(features) - 1),
        "objective": _objective(objective, outputs),
        "feature_names": " ".join(safe_names(features)),
        "tree_sizes": " ".join(str(len(block.encode())) for block in trees.blocks),
    }
    rules = {"feature_infos": _INFO, "monotone_constraints": _CONSTRAINT}
    required = {*expected, "feature_infos"}
    strangers = [name for name in values if name not in {*required, *rules}]
    missing = sorted(required - set(values))
    if strangers or missing:
        raise wrong(_WHERE, f"has a line {strangers[0][:40]!r}" if strangers else f"lacks the line {missing[0]}")
    for name, text in expected.items():
        _check_words(name, values[name], text)
    for name in rules.keys() & values.keys():
        words = values[name].split(" ")
        if len(words) != len(features):
            raise wrong(_WHERE, f"{name} has {len(words):,} words; {len(features):,}, one a feature, were expected")
        bad = [word for word in words if not rules[name].fullmatch(word)]
        if bad:
            raise wrong(_WHERE, f"{name} holds {bad[0][:40]!r}")


def _lines(head: str) -> dict[str, str]:
    first, *lines = head.split("\n")
    if first != "tree" or lines[-2:] != ["", ""] or "" in lines[:-2]:
        raise wrong(_WHERE, "it does not begin and end as a head")
    given = [line.partition("=") for line in lines[:-2] if line != _AVERAGED]
    values = {name: text for name, _, text in given}
    if len(values) < len(given) or lines.count(_AVERAGED) > 1:
        raise wrong(_WHERE, "it has a line twice")
    return values


def _objective(name: str, outputs: int) -> str:
    return {"binary": "binary sigmoid:1", "multiclass": f"multiclass num_class:{outputs}"}.get(name, name)


def _check_words(name: str, text: str, expected: str) -> None:
    if text == expected:
        return
    pairs = enumerate(zip_longest(text.split(" "), expected.split(" "), fillvalue="nothing"))
    at, (came, other) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
    raise wrong(_WHERE, f"word {at} of {name} is {came[:40]!r}; {other[:40]!r} was expected")
