"""The PyMC model of campaigns as random walks, and how its draws become levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit.cltv.campaigns.axes import WalkPlan
from tabkit.cltv.inference.backend import pytensor_ops
from tabkit.cltv.inference.building import distribution
from tabkit.cltv.inference.grouping import near
from tabkit.cltv.models.ops import NUMPY, Ops
from tabkit.cltv.models.priors import Prior
from tabkit.extras import require

Floats = NDArray[np.float64]

LARGEST_FACTOR = 20.0  # of a campaign's own scale to the common one: with more the common one would say nothing
SCALES = ("walk", "walk_spread", "day_noise", "day_spread", "start_scale")


def levels_of(
    ops: Ops, free: Mapping[str, Any], plan: WalkPlan, *, mean: Prior, walked: Callable[[Any], Any]
) -> dict[str, Any]:
    """Return the levels and all else in units, from the free parameters: the same formulas in PyTensor and NumPy.

    Steps of the walks as standard normals leave the sampler with divergences and few effective draws wherever days say
    much of the level, and levels themselves wherever the scales may be next to 0. So what has a normal prior
    x ~ N(m, p) and nearly normal data x_hat ~ N(x, h) is sampled as its distance from what both say together, in units
    of its standard deviation then, which is nearly N(0, 1) whatever the scales. The model is exact all the same, since
    the Jacobian is part of the density.

    Parameters
    ----------
    free
        By name; with draws their axis is the first.
    mean
        The normal prior of ``start_mean``.
    walked
        Puts modes, shape (..., modes), on their bases: (..., rows).

    Returns
    -------
    dict
        ``levels`` (rows), ``log_walk``, ``log_noise`` (campaigns), ``start_mean``, and ``density``: what these and the
        standardised parameters add to the log density.
    """
    log_walk = ops.last(ops.log(free["walk"])) + log_factor(ops, free["walk_spread"], free["walk_z"])
    log_noise = ops.last(ops.log(free["day_noise"])) + log_factor(ops, free["day_spread"], free["day_z"])
    spread = (ops.exp(2 * log_walk) / plan.walk**2)[..., plan.campaign] * plan.size
    ratio = (ops.exp(2 * log_noise) + plan.user_var) / plan.noise
    modes, first = near(ops, free["modes"], (0.0, spread), (free["seen_modes"], ratio[..., plan.campaign]))
    walk = walked(modes)
    prior = dict(mean.values)
    start_var = ops.last(free["start_scale"] ** 2)
    apart = 1 / (start_var + plan.start_var)
    seen_var = 1 / ops.total(apart)
    seen = ops.total(apart * free["seen_starts"]) * seen_var
    start, second = near(ops, free["start_mean"], (prior["mu"], prior["sigma"] ** 2), (seen, seen_var))
    toward = ops.last(start) - walk[..., plan.panel.bounds[:-1]]
    anchors, third = near(ops, free["anchors"], (toward, start_var), (free["seen_anchors"], plan.anchor_var * ratio))
    levels = anchors[..., plan.panel.place] + walk
    found = {"levels": levels, "log_walk": log_walk, "log_noise": log_noise, "start_mean": start}
    return {**found, "density": (first, second, third)}


def log_factor(ops: Ops, spread: Any, z: Any) -> Any:
    """Return the log of how many times the common scale each campaign's own one is, shape (..., campaigns).

    It is ``spread * z`` (to 1 % up to a factor of 3), bent so as never to go beyond `LARGEST_FACTOR`. Without a bound
    the product of a spread and a z that are both far out allows any scale, whatever the prior of the common one: a
    prior of next to no drift would have a second mode of much drift, which chains find or miss by chance.
    """
    moved, reach = ops.last(spread) * z, float(np.log(LARGEST_FACTOR))
    return moved * ops.exp(-0.25 * ops.log1p((moved / reach) ** 4))


def model_of(plan: WalkPlan, priors: Mapping[str, Prior]) -> Any:
    """Return the `pymc.Model` of a plan; its data can be exchanged by their names in `WalkPlan.data`, after ``seen_``.

    With zero inflation the number of days of exactly 0 is binomial by campaign; the walk is that of the others.
    """
    pm, pt, ops = require("pymc", extra="cltv"), require("pytensor.tensor", extra="cltv"), pytensor_ops()
    count, panel = len(plan.bases), plan.panel
    with pm.Model() as model:
        free = {name: distribution(name, priors[name]) for name in (*SCALES, "freedom")}
        free |= {name: pm.Normal(name, shape=count) for name in ("walk_z", "day_z")}
        free |= {name: pm.Flat(name, shape=n, initval=np.zeros(n)) for name, n in _standardised(plan).items()}
        free["start_mean"] = pm.Flat("start_mean", initval=0.0)
        free |= {f"seen_{name}": pm.Data(f"seen_{name}", value) for name, value in plan.data.items()}
        found = levels_of(ops, free, plan, mean=priors["start_mean"], walked=_in_block(plan, pt))
        pm.Potential("whitening", sum(part.sum() for part in found["density"]))
        noise = pt.sqrt(pt.exp(2 * found["log_noise"])[panel.place] + panel.v)
        pm.StudentT("mean", nu=1 + free["freedom"], mu=found["levels"], sigma=noise, observed=free["seen_y"])
        if panel.zeros is not None:
            share = distribution("zero_share", priors["zero_share"], shape=count)
            pm.Binomial("zeros", n=free["seen_total"], p=share, observed=free["seen_zeros"])
    return model


def _standardised(plan: WalkPlan) -> dict[str, int]:
    return {"modes": len(plan.size), "anchors": len(plan.bases)}


def _in_block(plan: WalkPlan, pt: Any) -> Callable[[Any], Any]:
    """Return `walked` for PyTensor: one block of all bases, filled up with zeros, for a single product."""
    shapes = np.array([basis.shape for basis in plan.bases])
    block = np.zeros((len(shapes), *shapes.max(axis=0)))
    for c, basis in enumerate(plan.bases):
        block[c, : basis.shape[0], : basis.shape[1]] = basis
    row, mode = (np.concatenate([np.arange(many) for many in shapes[:, axis]]) for axis in (0, 1))

    def walked(modes: Any) -> Any:
        filled = pt.zeros((block.shape[0], block.shape[2]))[plan.campaign, mode].set(modes)
        return pt.matmul(block, filled[:, :, None])[plan.panel.place, row, 0]

    return walked


def one_by_one(plan: WalkPlan) -> Callable[[Floats], Floats]:
    """Return `walked` for NumPy, shape (draws, modes) to (draws, rows)."""
    ends = np.cumsum([basis.shape[1] for basis in plan.bases])

    def walked(modes: Floats) -> Floats:
        each = np.split(modes, ends[:-1], axis=-1)
        return np.concatenate([m @ basis.T for m, basis in zip(each, plan.bases, strict=True)], axis=-1)

    return walked


def in_units(plan: WalkPlan, sampled: Mapping[str, Floats], mean: Prior) -> dict[str, Floats]:
    """Return the draws of a panel's levels (draws, rows) and parameters, in units."""
    free = {**sampled, **{f"seen_{name}": value for name, value in plan.data.items()}}
    found = levels_of(NUMPY, free, plan, mean=mean, walked=one_by_one(plan))
    return {
        "levels": found["levels"],
        "walk": np.exp(found["log_walk"]),
        "day_noise": np.exp(found["log_noise"]),
        "start_mean": found["start_mean"],
        "freedom": 1 + sampled["freedom"],
        "zero_share": sampled.get("zero_share", np.zeros_like(sampled["walk_z"])),
        "start_scale": sampled["start_scale"],
        "walk_mean": sampled["walk"],
        "walk_spread": sampled["walk_spread"],
        "day_mean": sampled["day_noise"],
        "day_spread": sampled["day_spread"],
    }
