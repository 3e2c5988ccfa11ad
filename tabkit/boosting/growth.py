"""Growing a boosted model with early stopping on held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tabkit.boosting.config import BoostingConfig
from tabkit.boosting.model import BoostedModel
from tabkit.boosting.names import safe_names
from tabkit.boosting.parameters import parameters
from tabkit.boosting.scale import LabelScale
from tabkit.boosting.thread_lock import LIGHTGBM
from tabkit.boosting.trees import TreesText
from tabkit.errors import FitError
from tabkit.extras import Later
from tabkit.objective import base_score, check_parts, inverse_link, loss, named
from tabkit.progress import Progress, Silent
from tabkit.rows import Floats, Rows, matrix

if TYPE_CHECKING:
    import lightgbm as lgb
else:
    lgb = Later("lightgbm")


def fit(
    train: Rows,
    valid: Rows | None = None,
    *,
    config: BoostingConfig,
    classes: Sequence[str] = (),
    progress: Progress | None = None,
) -> BoostedModel:
    """Grow trees on `train` until the loss on `valid` stops falling.

    Parameters
    ----------
    train
        The rows to learn from; the order of their columns is the order of the model's features.
    valid
        Held-out rows for early stopping; without them all `max_trees` are grown.
    config
        The settings; `objective` must be named, not ``auto``.
    classes
        The labels of a classification, in the order of the indices in `y`.
    progress
        Told of each boosting round.

    Returns
    -------
    BoostedModel
        With no trees at all if none of them beats the base score on the held-out rows. DART, which alters
        earlier trees, is not stopped early: all of its trees count, or none.

    Raises
    ------
    FitError
        If the target does not suit the objective, or LightGBM refuses the data.
    ConfigError
        If a setting is impossible (see `parameters`), or an offset meets a multiclass objective.

    Examples
    --------
    >>> import polars as pl
    >>> x = np.arange(200.0)
    >>> rows = Rows(pl.DataFrame({"x": x}), (x > 99).astype(float))
    >>> model = fit(rows, config=BoostingConfig(objective="binary", max_trees=20, num_threads=1))
    >>> model.base_score, bool(model.predict(rows.features)[-1] > 0.7)
    ((0.0,), True)
    """
    objective = named(config)
    check_parts(train, valid, objective, classes=classes)
    names = tuple(train.features.columns)
    outputs = len(classes) if objective.name == "multiclass" else 1
    base = base_score(
        train.y,
        weight=train.weights(),
        offset=train.offsets(),
        config=config,
        objective=objective,
        classes=outputs,
    )
    params = parameters(config, objective, names=names, outputs=outputs)
    scale = LabelScale.of(train, start_of(train, base), objective)
    own = scale.parameters(params)
    sets = [dataset(rows, names, base, own, scale) for rows in (train, *([valid] if valid else []))]
    booster, best = grow(sets, params=own, config=config, progress=progress or Silent())
    model = BoostedModel(
        objective=objective.name,
        features=names,
        base_score=tuple(float(b) for b in base),
        trees=best,
        text=in_unit(booster.model_to_string(num_iteration=best), scale),
        classes=tuple(classes),
        params=params,
        label_unit=1.0 if objective.link == "identity" else scale.unit,
    )
    return model if valid is None else _judged(model, valid, config)


def start_of(rows: Rows, base: Floats) -> Floats:
    """Return the scores before any tree, shape (n, outputs)."""
    return np.tile(base, (rows.features.height, 1)) + rows.offsets()[:, None]


def scale_of(model: BoostedModel, rows: Rows) -> LabelScale:
    """Return the scale of new rows for a model's trees: leaves under a log link weigh in the unit of the fit."""
    if model.kind.link == "identity":
        return LabelScale.of(rows, start_of(rows, np.array(model.base_score)), model.kind)
    return LabelScale(model.kind, model.label_unit)


def in_unit(text: str, scale: LabelScale) -> str:
    """Return the text of trees that were grown on such labels as trees of the target itself."""
    if scale.leaf == 1.0:
        return text
    return TreesText.read(text).stretched(scale.leaf, gain=scale.gain).write()


def dataset(
    rows: Rows,
    names: tuple[str, ...],
    base: Floats,
    params: dict[str, Any],
    scale: LabelScale,
    added: Floats | float = 0.0,
) -> lgb.Dataset:
    """Return LightGBM's form of the rows, whose scores start at a base, shape (outputs,), and what trees add to it."""
    start = start_of(rows, base)
    begin = scale.start(start, added)
    return lgb.Dataset(
        matrix(rows.features, names),
        label=scale.labels(rows.y, start),
        weight=rows.weight,
        init_score=begin if begin.shape[1] > 1 else begin[:, 0],
        feature_name=safe_names(names),
        categorical_feature=[names.index(name) for name in rows.categorical],
        params=params,
    )


def grow(
    sets: Sequence[lgb.Dataset], *, params: dict[str, Any], config: BoostingConfig, progress: Progress
) -> tuple[lgb.Booster, int]:
    """Grow trees on the first set until the loss on a second one stops falling; return the best round."""
    data, *valid = sets
    valid = [part.set_reference(data) for part in valid]
    with progress.task("growing trees", total=config.max_trees) as advance:
        callbacks: list[Callable[..., Any]] = [_Tick(advance)]
        if valid and config.early_stopping_rounds and params.get("boosting") != "dart":
            callbacks.append(lgb.early_stopping(config.early_stopping_rounds, verbose=False))
        try:
            with LIGHTGBM.holding(None):
                booster = lgb.train(params, data, config.max_trees, valid_sets=valid, callbacks=callbacks)
        except lgb.basic.LightGBMError as error:
            raise FitError(f"LightGBM refuses: {error}", advice="check the boosting settings and the data") from error
    best = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    return booster, best


def _judged(model: BoostedModel, valid: Rows, config: BoostingConfig) -> BoostedModel:
    """Compare with no trees at all: early stopping alone would keep one tree, however harmful."""
    objective, weight = model.kind, valid.weights()
    base = np.tile(np.array(model.base_score), (len(valid.y), 1)) + valid.offsets()[:, None]
    constant = inverse_link(base if base.shape[1] > 1 else base[:, 0], objective.link)
    with np.errstate(over="ignore", invalid="ignore"):  # scores may have run away; their loss is infinite then
        with_trees = model.predict(valid.features, offset=valid.offset, num_threads=config.num_threads)
        losses = [
            loss(valid.y, p, weight=weight, config=config, objective=objective) if np.isfinite(p).all() else np.inf
            for p in (with_trees, constant)
        ]
    trees = model.trees if losses[0] < losses[1] else 0
    return replace(model, trees=trees, held_out_loss=min(losses), base_loss=losses[1])


class _Tick:
    """Callback of LightGBM that reports each round."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance = advance

    def __call__(self, _env: Any) -> None:
        self._advance(1)
