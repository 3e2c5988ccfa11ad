"""Checks of a saved network before it is built; a bundle may come from anyone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from tabkit.errors import BundleError
from tabkit.neural.config import Activation
from tabkit.untrusted.manifest import is_number

_MOST = {"members": 64, "outputs": 1_000_000, "embedding_size": 512, "bins": 256, "numbers": 10**6, "missing": 10**6}
_LEAST = {"members": 1, "outputs": 1, "embedding_size": 1, "bins": 0, "numbers": 0, "missing": 0}
# larger than any network that this library makes; keeps a stranger's bundle from filling memory
_WIDEST, _DEEPEST, _LEVELS = 16_384, 16, 10**9


def check_model(model: Any) -> None:
    """Refuse a `MLPModel` whose parts do not fit each other, or whose weights are fewer than its shape needs.

    Raises
    ------
    BundleError
        It says what is wrong.
    """
    wrong = _of_shape(model.shape) or _of_scores(model) or _of_inputs(model) or _of_told(model)
    if not wrong and model.parameters * 4 > len(model.weights):
        wrong = f"the shape needs {model.parameters:,} weights, more than there are"
    if wrong:
        raise BundleError(f"the network is not as tabkit saves it: {wrong}", advice="copy the bundle again, or train")


def _of_shape(shape: Any) -> str | None:
    names = {*_MOST, "sizes", "hidden", "activation"}
    if not isinstance(shape, Mapping) or set(shape) != names:
        return "its shape lacks something, or has more"
    bad = [name for name in _MOST if not _whole(shape[name], _LEAST[name], _MOST[name])]
    for name, most in (("hidden", _WIDEST), ("sizes", _LEVELS)):
        values = shape[name]
        listed = isinstance(values, list | tuple) and all(_whole(value, 1, most) for value in values)
        bad += [] if listed else [name]
    if "hidden" not in bad and not 1 <= len(shape["hidden"]) <= _DEEPEST:
        bad.append("hidden")
    bad += [] if shape["activation"] in get_args(Activation) else ["activation"]
    return f"its {bad[0]} is {str(shape[bad[0]])[:60]}" if bad else None


def _of_scores(model: Any) -> str | None:
    outputs = model.shape["outputs"]
    if len(model.base_score) != outputs or not _numbers(
        [*model.base_score, *model.constant, model.slope, model.temperature]
    ):
        return "its base scores, slope or temperature are not one finite number each"
    many = model.kind.link == "softmax"
    if many != (outputs > 1) or (many and len(model.classes) != outputs):
        return f"it has {outputs} outputs for the objective {model.objective!r} and {len(model.classes)} classes"
    return None if _whole(model.epochs, 0, 10**9) else "its epochs are no number"


def _of_inputs(model: Any) -> str | None:
    inputs, shape = model.inputs, model.shape
    lengths = {len(inputs.numbers), len(inputs.center), len(inputs.scale), shape["numbers"]}
    if len(lengths) > 1 or len(inputs.missing) != shape["missing"]:
        return "its numbers are not as many as it has scales for"
    if not _numbers([*inputs.center, *inputs.scale]) or not all(scale > 0 for scale in inputs.scale):
        return "its scales are not finite numbers above zero"
    named = [*inputs.numbers, *inputs.missing, *inputs.levels]
    if not all(isinstance(name, str) for name in inputs.features) or not set(named) <= set(inputs.features):
        return "it names inputs that are no features"
    if tuple(inputs.sizes) != tuple(shape["sizes"]) or any(len(x) and x.min() < 0 for x in inputs.levels.values()):
        return "its levels are not those that it has embeddings for"
    return None


def _of_told(model: Any) -> str | None:
    losses = [model.held_out_loss, model.base_loss, *(epoch.held_out_loss for epoch in model.history)]
    known = [loss for loss in losses if loss is not None]
    if not _numbers([*known, *(x for epoch in model.history for x in (epoch.loss, epoch.learning_rate))]):
        return "its losses are no finite numbers"
    told = isinstance(model.config, Mapping) and isinstance(model.stopped, str | None)
    return None if told else "its settings, or why it stopped, are not what it tells"


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _numbers(values: Iterable[Any]) -> bool:
    return all(map(is_number(), values))
