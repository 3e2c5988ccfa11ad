"""Recalibrate a model: a new intercept, and one slope, on the raw scores of the same trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tabkit.boosting.gradients import derivatives, losses
from tabkit.boosting.model import BoostedModel
from tabkit.boosting.scale import LabelScale
from tabkit.boosting.updatable import check
from tabkit.errors import FitError
from tabkit.objective import check_target, inverse_link
from tabkit.rows import Floats, Rows

_STEPS = 100  # Newton's method needs about ten; more means that it does not converge
_CLOSE = 1e-10  # relative size of a step at which doubles have nothing left to gain
_NOISE = 1e-13  # relative rounding error of the loss: a rise below it is none
_HALVINGS = 40  # after so many the step is below the precision of doubles
_LEAST = 0.1  # of what the slope promises, a step must bring
_FLAT = 1e-10  # a direction so much flatter than others says nothing: all classes up by the same
_WIDEST = 5.0


def recalibrate(model: BoostedModel, rows: Rows, *, slope: bool = True, num_threads: int = 0) -> BoostedModel:
    """Fit a new base score, and a factor of the trees, to new rows.

    With ``t`` the sum of a row's trees and ``o`` its offset the new raw score is ``a + o + b t`` (one ``a`` per class,
    one ``b`` for all), by maximum likelihood of the objective (Cox 1958 for classes). Leaves are multiplied by ``b``,
    so that contributions stay true. The ranking of rows does not change as long as there is no offset; a slope that
    would turn it round, or that the rows cannot tell, is 1, with the intercept fitted alone.

    Parameters
    ----------
    model
        The model; it is not changed.
    rows
        New rows.
    slope
        Fit ``b`` too; without it only the base score moves.

    Raises
    ------
    FitError, SchemaError
        If the model is of quantiles or linear trees, only one class is there, or features differ.
    """
    check(model, rows, "recalibrate")
    check_target(rows.y, model.kind, what="the new rows", classes=len(model.classes))
    _check_variety(model, rows)
    old = np.array(model.base_score)
    trees = model.added(rows.features, num_threads=num_threads)
    rows, start, unit = _centred(model, rows, old)
    trees = trees / unit
    flat = not slope or model.trees == 0 or not np.ptp(trees, axis=0).any()
    base, stretch = _newton(model, rows, trees, start, slope=not flat)
    if not flat and not 0 < stretch <= _WIDEST:
        base, stretch = _newton(model, rows, trees, start, slope=False)
    moved = old + unit * base if model.kind.link == "identity" else base
    changed = replace(model, base_score=tuple(map(float, moved)), held_out_loss=None, base_loss=None)
    if stretch == 1.0:
        return changed
    held = model.checked
    stretched = held.with_leaves([values * stretch for values in held.values()])
    return replace(changed, text=stretched.write())


def _centred(model: BoostedModel, rows: Rows, base: Floats) -> tuple[Rows, Floats, float]:
    """Return rows whose target is around 0 and of unit spread where the loss allows it, their start, and the unit."""
    if model.kind.link != "identity":
        return rows, base, 1.0
    start = base + rows.offsets()[:, None]
    scale = LabelScale.of(rows, start, model.kind)
    return replace(rows, y=scale.labels(rows.y, start), offset=None), np.zeros(1), scale.unit


def _check_variety(model: BoostedModel, rows: Rows) -> None:
    if model.kind.link == "log" and not float((rows.weights() * rows.y).sum()) > 0:
        raise FitError(
            "the target is zero in every new row: an intercept cannot be found", advice="use rows in which it is not"
        )
    if model.objective not in ("binary", "multiclass"):
        return
    known = range(2 if model.objective == "binary" else len(model.classes))
    counts = [float((rows.weights() * (rows.y == k)).sum()) for k in known]
    if not min(counts) > 0:
        absent = [repr(label) for label, count in zip(model.classes or ("0", "1"), counts, strict=False) if not count]
        raise FitError(
            f"the new rows have no row of class {', '.join(absent)}: an intercept cannot be found",
            advice="use rows of all classes",
        )


def _newton(model: BoostedModel, rows: Rows, trees: Floats, base: Floats, *, slope: bool) -> tuple[Floats, float]:
    """Return intercepts and slope by damped Newton steps; the loss is convex in both for every objective here."""
    outputs, weight, offset = len(base), rows.weights() / rows.weights().sum(), rows.offsets()[:, None]
    params = {**model.params, "poisson_max_delta_step": 0.0}  # what makes LightGBM's steps small makes them many here

    def scores(at: Floats) -> Floats:
        return np.asarray(at[:outputs] + offset + at[-1] * trees)

    def loss(at: Floats) -> float:
        return float((weight * losses(model.objective, rows.y, _flat(scores(at)), params)).sum())

    parameters, free = np.append(base, 1.0), outputs + slope
    with np.errstate(over="ignore", invalid="ignore"):  # a step that is too long is halved
        now = loss(parameters)
        for _ in range(_STEPS):
            raw = scores(parameters)
            parts = derivatives(model.objective, rows.y, _flat(raw), params)
            first, second = (part.reshape(raw.shape) * weight[:, None] for part in parts)
            gradient = np.append(first.sum(axis=0), (first * trees).sum())
            step = np.zeros_like(parameters)
            step[:free] = _solve(_curvature(raw, second, trees, weight)[:free, :free], gradient[:free])
            fall, noise = _LEAST * float(gradient @ step), _NOISE * abs(now)
            sizes = (s for s in 0.5 ** np.arange(_HALVINGS) if loss(parameters - s * step) <= now - s * fall + noise)
            size = next(sizes, 0.0)
            parameters = parameters - size * step
            now = loss(parameters)
            if np.abs(size * step).max() <= _CLOSE * max(1.0, float(np.abs(parameters).max())):
                break
    return parameters[:outputs], float(parameters[-1])


def _flat(raw: Floats) -> Floats:
    return raw if raw.shape[1] > 1 else raw[:, 0]


def _solve(curvature: Floats, gradient: Floats) -> Floats:
    unit = 1 / np.sqrt(np.maximum(np.diag(curvature), np.finfo(np.float64).tiny))
    return np.asarray(unit * np.linalg.lstsq(unit[:, None] * curvature * unit, unit * gradient, rcond=_FLAT)[0])


def _curvature(raw: Floats, second: Floats, trees: Floats, weight: Floats) -> Floats:
    """Return the second derivatives by intercepts and slope.

    Those of several classes are taken with their cross terms: LightGBM's, which leave them out, are slow to arrive
    where classes come in pairs.
    """
    if raw.shape[1] == 1:
        spread = np.append(np.ones_like(trees), trees, axis=1)
        return np.asarray(spread.T @ (second * spread))
    p = inverse_link(raw, "softmax")
    heavy, apart = weight[:, None] * p, trees - (p * trees).sum(axis=1, keepdims=True)
    side = (heavy * apart).sum(axis=0)
    corner = np.diag(heavy.sum(axis=0)) - heavy.T @ p
    return np.block([[corner, side[:, None]], [side, (heavy * apart * trees).sum()]])
