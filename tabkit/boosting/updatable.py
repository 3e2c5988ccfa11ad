"""Which updates a model's trees allow; those that LightGBM would silently do wrong are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tabkit.boosting.model import BoostedModel
from tabkit.errors import FitError, SchemaError
from tabkit.rows import Rows

Way = Literal["recalibrate", "refit", "extend"]

_LINEAR = "linear trees hold a model in each leaf, of which an update would change the constant alone"
_DART = "dart changes earlier trees while it grows later ones, so that its trees cannot be taken one by one"
_GOSS = "goss weighs the rows of each tree anew, so that its leaves are not those of the rows"
_REFIT: dict[str, str] = {
    "monotone_constraints": "new leaf values would break the monotone constraints silently",
    "lambda_l1": "leaf values under lambda_l1 are not those of the new gradients alone",
    "max_delta_step": "leaf values under max_delta_step are cut off",
    "path_smooth": "leaf values under path_smooth depend on the nodes above them",
    "scale_pos_weight": "scale_pos_weight is not known to the new leaf values; use row weights",
    "is_unbalance": "is_unbalance is not known to the new leaf values; use row weights",
    "use_quantized_grad": "leaf values from quantized gradients are not those of the gradients",
    "categories_grew": "a category column has grown, so that its later trees were made under another penalty",
}


def refusal(model: BoostedModel, way: Way) -> str | None:
    """Return why a model cannot be updated this way, or None if it can.

    >>> refusal(BoostedModel("quantile", ("x",), (0.0,), 1, ""), "refit")
    'the leaves of a quantile model are quantiles of their rows, which no gradient gives'
    """
    params = model.params
    if params.get("linear_tree"):
        return _LINEAR
    if way != "recalibrate" and params.get("boosting") == "dart":
        return _DART
    if way == "recalibrate" and model.objective == "quantile":
        return "a slope would move the quantiles of a quantile model apart from their level"
    if way != "refit":
        return None
    if model.objective == "quantile":
        return "the leaves of a quantile model are quantiles of their rows, which no gradient gives"
    goss = "goss" in (params.get("data_sample_strategy"), params.get("boosting"))
    return _GOSS if goss else next((why for name, why in _REFIT.items() if _is_set(params, name)), None)


def check(model: BoostedModel, rows: Rows, way: Way) -> None:
    """Raise before any work if a model cannot be updated this way or with these rows.

    Raises
    ------
    FitError
        If the trees do not allow it, or an offset meets a multiclass model.
    SchemaError
        If the features are not those of the model, in their order: LightGBM would take any others.
    """
    why = refusal(model, way)
    if why is not None:
        raise FitError(f"this model cannot be updated by {way!r}: {why}", advice="retrain it")
    if tuple(rows.features.columns) != model.features:
        raise SchemaError(
            f"the rows have features {', '.join(map(repr, rows.features.columns[:10]))}, the model "
            f"{', '.join(map(repr, model.features[:10]))}: the same, in one order, were expected",
            advice="encode the rows with the model's own encoder",
        )
    if model.objective == "multiclass" and rows.offset is not None:
        raise FitError("a multiclass model takes no offset or exposure", advice="leave it out")


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of trees behind others: the new ones, and those old ones that stand against a refit."""
    return {**new, **{name: old[name] for name in _REFIT if _is_set(old, name)}}


def _is_set(params: Mapping[str, Any], name: str) -> bool:
    value = params.get(name)
    return any(value) if isinstance(value, list) else value not in (None, 0, 0.0, False, 1.0 if "scale" in name else 0)
