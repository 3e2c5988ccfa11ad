"""Checks of a saved model before LightGBM reads it: LightGBM trusts its text, and a bundle may come from anyone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tabkit.boosting.header import check_header
from tabkit.boosting.tree import check_tree, wrong
from tabkit.boosting.trees import TreesText
from tabkit.errors import BundleError

# the least positive and nearly the largest double: LightGBM asks for "above zero" and "finite"
_LEAST, _MOST = 5e-324, 1e308
_PARAMETERS: dict[str, tuple[type[int] | type[float], float, float]] = {
    "bagging_fraction": (float, _LEAST, 1),
    "bagging_freq": (int, -_MOST, _MOST),
    "lambda_l2": (float, 0, _MOST),
    "cat_l2": (float, 0, _MOST),
    "max_cat_to_onehot": (int, 1, _MOST),
    "tweedie_variance_power": (float, 1, math.nextafter(2, 1)),
    "poisson_max_delta_step": (float, _LEAST, _MOST),
    "alpha": (float, _LEAST, math.nextafter(1, 0)),
}
"""LightGBM's parameters that updates compute with, and their ranges there."""


def check_trees(model: Any) -> TreesText:
    """Return the trees' text of a `BoostedModel` in its parts; refuse one that is not as LightGBM writes it.

    LightGBM reads and writes outside of memory where an index is wrong, ends the process where a line is missing, and
    never returns where nodes lead in a circle. Every length, index and number is checked, so that none of it happens.

    Raises
    ------
    BundleError
        It says which tree and which line, what was expected and what came.
    """
    outputs, trees = len(model.base_score), TreesText.read(model.text)
    check_header(trees, objective=model.objective, features=model.features, outputs=outputs)
    if len(trees.blocks) < model.trees * outputs or len(trees.blocks) % outputs:
        raise wrong("the trees", f"{len(trees.blocks):,} are there; {model.trees:,} rounds of {outputs} were expected")
    for number, block in enumerate(trees.blocks):
        check_tree(block, number, features=len(model.features))
    if any("\nis_linear=1\n" in block for block in trees.blocks) and not model.params.get("linear_tree"):
        raise wrong("is_linear", "trees are linear, but the model was fitted without linear_tree")
    return trees


def check_scores(model: Any) -> None:
    """Refuse a saved `BoostedModel` whose trees give scores, gains or weights that are not finite.

    Trees that ran away are left out of a model as they do harm; what is saved and counts never ran away.

    Raises
    ------
    BundleError
        It says which tree and which line.
    """
    outputs = len(model.base_score)
    counted = model.checked.first(model.trees * outputs)
    with np.errstate(over="ignore", invalid="ignore"):
        for name in ("leaf_value", "leaf_weight", "split_gain"):
            total = sum(map(abs, model.base_score))
            for number, values in enumerate(counted.numbers(name)):
                total += float(np.abs(values).sum())
                if not math.isfinite(total):
                    raise wrong(f"tree {number}", f"{name} makes scores, gains or weights infinite")


def check_numbers(model: Any) -> None:
    """Refuse a `BoostedModel` whose own fields are of a wrong type or length, or out of range.

    Raises
    ------
    BundleError
        It says which field.
    """
    for name, (fits, expected) in _FIELDS.items():
        if not fits(model):
            _refuse(name, getattr(model, name), expected)
    for name, (kind, least, most) in _PARAMETERS.items():
        value = model.params.get(name)
        if value is not None and not _within(value, kind, least, most):
            _refuse(f"parameter {name}", value, f"{least:g} to {most:g}")


def _refuse(name: str, value: Any, expected: str) -> None:
    raise BundleError(
        f"the trees' {name} is {str(value)[:60]}; {expected} was expected", advice="copy the bundle again, or train"
    )


def _within(value: Any, kind: type[int] | type[float], least: float, most: float) -> bool:
    try:
        return least <= kind(value) <= most
    except (TypeError, ValueError, OverflowError):
        return False


def _outputs(model: Any) -> bool:
    several = model.objective == "multiclass"
    return all(map(_finite, model.base_score)) and (len(model.base_score) > 1) == several


def _classes(model: Any) -> bool:
    """Return whether there are as many labels as outputs; a learner of two classes may know none."""
    counts = {"multiclass": (len(model.base_score),), "binary": (0, 2)}.get(model.objective, (0,))
    return _distinct(model.classes) and len(model.classes) in counts


def _distinct(names: Sequence[Any]) -> bool:
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(float(value))


_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "features": (lambda model: bool(model.features) and _distinct(model.features), "distinct names"),
    "base_score": (_outputs, "one finite number per output"),
    "trees": (lambda model: type(model.trees) is int and model.trees >= 0, "a whole number"),
    "classes": (_classes, "one distinct label per output"),
    "params": (lambda model: isinstance(model.params, Mapping), "names with values"),
    "held_out_loss": (lambda model: model.held_out_loss is None or _finite(model.held_out_loss), "a finite number"),
    "base_loss": (lambda model: model.base_loss is None or _finite(model.base_loss), "a finite number"),
    "label_unit": (lambda model: _finite(model.label_unit) and model.label_unit > 0, "a finite number above zero"),
}
"""By field what it must be."""
