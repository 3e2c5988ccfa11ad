"""Extend a model: add trees, grown on new rows, to those it has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tabkit.boosting.config import BoostingConfig
from tabkit.boosting.growth import dataset, grow, in_unit, scale_of
from tabkit.boosting.model import BoostedModel
from tabkit.boosting.parameters import parameters
from tabkit.boosting.trees import TreesText
from tabkit.boosting.updatable import check, merged, refusal
from tabkit.errors import ConfigError, FitError
from tabkit.objective import check_target, loss, named
from tabkit.progress import Progress, Silent
from tabkit.rows import Rows


def extend(
    model: BoostedModel,
    rows: Rows,
    valid: Rows | None = None,
    *,
    config: BoostingConfig,
    trees: int,
    most_trees: int = 5_000,
    progress: Progress | None = None,
) -> BoostedModel:
    """Grow up to `trees` more boosting rounds on new rows, starting from the scores of the model.

    The new rows start where the model leaves them, as LightGBM's ``init_model`` would have it; but base score and
    offsets, which ``init_model`` overwrites, stay. Without `valid` all rounds are grown, with it growth stops early,
    and if none of the new trees helps the held-out rows, there are none.

    Parameters
    ----------
    model
        The model; it is not changed.
    rows
        New rows, encoded so that their own target is not inside.
    valid
        Held-out new rows for early stopping.
    config
        How trees are grown; the learning rate may be another than the model's. The objective must be the same.
    trees
        The most rounds to add; 0 adds none.
    most_trees
        The most rounds that old and new ones may be together: updates that always extend grow without end.
    progress
        Told of each round.

    Raises
    ------
    ConfigError
        If the objective is another, or there would be too many trees.
    FitError, SchemaError
        If the model's trees do not allow it (see `updatable`), or the target or features do not suit them.
    """
    _check(model, rows, config, trees=trees, most=most_trees)
    parts = [rows] if valid is None else [rows, valid]
    for part in parts:
        check(model, part, "extend")
        check_target(part.y, model.kind, what="the new rows", classes=len(model.classes))
    if valid is not None and (rows.offset is None) != (valid.offset is None):
        raise FitError(
            "an offset or exposure is given for some of the rows only", advice="give it for all, or for none"
        )
    params = _params(model, config)
    if trees == 0:
        return model
    _check_penalties(model, params)
    base = np.array(model.base_score)
    scale = scale_of(model, rows)
    own = scale.parameters(params)
    sets = [
        dataset(part, model.features, base, own, scale, model.added(part.features, num_threads=config.num_threads))
        for part in parts
    ]
    booster, best = grow(
        sets, params=own, config=config.model_copy(update={"max_trees": trees}), progress=progress or Silent()
    )
    old = model.checked.first(model.trees * len(model.base_score))
    new = TreesText.read(in_unit(booster.model_to_string(num_iteration=best), scale))
    outputs = len(model.base_score)
    best = new.rounds(outputs)
    if not best:
        return model
    new = new.first(best * outputs)
    grown = {"categories_grew": True} if old.grew(new, params.get("max_cat_to_onehot", 4)) else {}
    longer = replace(
        model,
        text=old.plus(new).write(),
        trees=model.trees + best,
        params={**merged(model.params, params), **grown},
        held_out_loss=None,
        base_loss=None,
    )
    return longer if valid is None else _judged(model, longer, valid, config)


def _check(model: BoostedModel, rows: Rows, config: BoostingConfig, *, trees: int, most: int) -> None:
    if config.objective != model.objective:
        raise ConfigError(
            f"the model's objective is {model.objective}, but the new trees would have {config.objective}",
            advice="leave the objective as it is, or retrain",
        )
    if trees < 0 or (trees and model.trees + trees > most):
        raise ConfigError(
            f"{model.trees:,} trees and {trees:,} more were asked for; at most {most:,} may be there",
            advice="retrain, which starts afresh, or raise the limit",
        )
    same = {"quantile": ("alpha", config.quantile), "tweedie": ("tweedie_variance_power", config.tweedie_power)}
    if model.objective in same:
        name, value = same[model.objective]
        if model.params.get(name, value) != value:
            raise ConfigError(f"the model was fitted with {name} {model.params[name]}, not {value}", advice="retrain")
    if rows.features.height < 2:
        raise ConfigError(f"trees cannot grow on {rows.features.height} rows", advice="use more rows")


def _check_penalties(model: BoostedModel, params: dict[str, Any]) -> None:
    """Refuse trees under another penalty: a later refit could not tell which leaves were made under which."""
    usual = {"lambda_l2": 0.0, "cat_l2": 10.0, "max_cat_to_onehot": 4}
    for name, value in usual.items():
        old, new = (found.get(name, value) for found in (model.params, params))
        if model.trees and old != new:
            raise ConfigError(f"the model was fitted with {name} {old:g}, not {new:g}", advice="keep it, or retrain")


def _params(model: BoostedModel, config: BoostingConfig) -> dict[str, Any]:
    params = parameters(config, named(config), names=model.features, outputs=len(model.base_score))
    why = refusal(replace(model, params=params), "extend")
    if why is not None:
        raise ConfigError(f"such trees cannot stand behind others: {why}", advice="leave linear_tree and boosting out")
    return params


def _judged(old: BoostedModel, new: BoostedModel, valid: Rows, config: BoostingConfig) -> BoostedModel:
    """Return the old model if the new trees do harm: early stopping alone would keep one of them."""
    objective, weight = old.kind, valid.weights()
    losses = []
    with np.errstate(over="ignore", invalid="ignore"):
        for model in (old, new):
            p = model.predict(valid.features, offset=valid.offset, num_threads=config.num_threads)
            finite = bool(np.isfinite(p).all())
            losses.append(loss(valid.y, p, weight=weight, config=config, objective=objective) if finite else np.inf)
    return replace(new, held_out_loss=losses[1]) if losses[1] < losses[0] else old
