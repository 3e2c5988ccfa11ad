"""The axes along which random walks of campaigns are sampled, from rough estimates of their scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from tabkit.cltv.campaigns.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LONG = 8  # days from which a campaign's own scales are estimated
_MIDDLE = (0.05, 0.2)  # of the wide prior of those estimates: walk and day noise, in units
_BOUNDS = [(-12.0, 6.0), (-9.0, 6.0)]  # of their logs


@dataclass(frozen=True, slots=True, eq=False)
class WalkPlan:
    """How the walks of a panel are sampled: along axes on which a day's noise and the walk are both independent.

    Of campaign c at plug-in scales, with R the noise and K the covariance of the walk around its weighted mean,
    R^-1/2 K R^-1/2 = U diag(size) U' : the walk is R^1/2 U m with m_k ~ N(0, size_k) and data m_hat_k ~ N(m_k, 1).

    Parameters
    ----------
    panel
        The data.
    bases
        By campaign R^1/2 U, shape (days, days - 1).
    size, campaign
        Shape (modes,): the variance of each, and whose it is.
    data
        What hangs on the daily means: ``y``, ``modes`` (m_hat), ``anchors`` (weighted means, of variance
        `anchor_var`) and ``starts`` (estimates of the first level, of variance `start_var`); with zero inflation
        ``zeros`` and ``total`` of the panel.
    walk, day_noise
        Plug-in scales, shape (campaigns,): the standard deviations of a step and of a day.
    user_var
        What users add to the variance of the middle day.
    """

    panel: Panel
    bases: tuple[Floats, ...]
    size: Floats
    campaign: Ints
    data: Mapping[str, NDArray[Any]]
    anchor_var: Floats
    start_var: Floats
    walk: Floats
    day_noise: Floats
    user_var: Floats

    @property
    def noise(self) -> Floats:
        """Variance of the middle day's mean."""
        return self.day_noise**2 + self.user_var


def plan_of(panel: Panel, *, scales: Floats | None = None) -> WalkPlan:
    """Find the axes, at `scales` (shape (campaigns, 2): walk and day noise) or quick estimates of them."""
    parts = panel.parts()
    scales = rough_scales(panel) if scales is None else scales
    axes = [_axes(panel.day[part], panel.v[part], *scale) for part, scale in zip(parts, scales, strict=True)]
    return WalkPlan(
        panel=panel,
        bases=tuple(axis.basis for axis in axes),
        size=np.concatenate([axis.size for axis in axes]),
        campaign=np.repeat(np.arange(len(axes)), [len(axis.size) for axis in axes]),
        data=_seen(panel, axes),
        anchor_var=np.array([axis.anchor_var for axis in axes]),
        start_var=np.array([axis.start_var for axis in axes]),
        walk=scales[:, 0],
        day_noise=scales[:, 1],
        user_var=np.array([np.median(panel.v[part]) for part in parts]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Axes:
    """Those of one campaign, and the weights that turn its daily means into data along them."""

    basis: Floats
    size: Floats
    noise: Floats
    to_modes: Floats
    to_anchor: Floats
    to_start: Floats
    anchor_var: float
    start_var: float


def _axes(day: Floats, v: Floats, walk: float, day_noise: float) -> _Axes:
    noise = day_noise**2 + v
    root, weight = np.sqrt(noise), (1 / noise) / np.sum(1 / noise)
    covariance = np.minimum.outer(day - day[0], day - day[0]) * walk**2
    centre = np.eye(len(day)) - weight
    # The smallest size is 0, of the weighted mean, which is no mode.
    size, axes = np.linalg.eigh(centre @ covariance @ centre.T / np.outer(root, root))
    size, axes = np.maximum(size[:0:-1], 1e-12), axes[:, :0:-1]
    precision = np.linalg.inv(covariance + np.diag(noise)).sum(axis=0)
    return _Axes(
        basis=axes * root[:, None],
        size=size,
        noise=noise,
        to_modes=axes.T / root @ centre,
        to_anchor=weight,
        to_start=precision / precision.sum(),
        anchor_var=float(1 / np.sum(1 / noise)),
        start_var=float(1 / precision.sum()),
    )


def _seen(panel: Panel, axes: Sequence[_Axes]) -> dict[str, NDArray[Any]]:
    """Return what the daily means say along the axes; days that stand far out are drawn in, for this alone."""
    own = zip(axes, panel.parts(), strict=True)
    both = [(axis, _calm(panel.y[part], float(np.sqrt(np.median(axis.noise))))) for axis, part in own]
    counts = {} if panel.zeros is None else {"zeros": panel.zeros, "total": panel.total}
    return {
        **counts,
        "y": panel.y,
        "modes": np.concatenate([axis.to_modes @ values for axis, values in both]),
        "anchors": np.array([axis.to_anchor @ values for axis, values in both]),
        "starts": np.array([axis.to_start @ values for axis, values in both]),
    }


def _calm(y: Floats, noise: float) -> Floats:
    middle = np.median(y)
    reach = 4 * (1.48 * np.median(np.abs(y - middle)) + noise)
    return np.asarray(np.clip(y, middle - reach, middle + reach))


def rough_scales(panel: Panel) -> Floats:
    """Return estimates of walk and day noise, shape (campaigns, 2); those of short ones are the middle of the others.

    They only place the axes: the draws do not hang on them.
    """
    parts = panel.parts()
    longest = max(part.stop - part.start for part in parts)
    found = np.full((len(parts), 2), np.nan)
    for k, part in enumerate(parts):
        if part.stop - part.start >= min(_LONG, longest):
            found[k] = _scales(panel.day[part], panel.y[part], panel.v[part])
    return np.where(np.isnan(found), np.nanmedian(found, axis=0), found)


def _scales(day: Floats, y: Floats, v: Floats) -> Floats:
    """Maximise the Gaussian likelihood of a walk with noise, under a wide prior."""
    covariance, calm = np.minimum.outer(day - day[0], day - day[0]), _calm(y, float(np.sqrt(np.median(v))))
    middle = np.log(_MIDDLE)

    def loss(x: Floats) -> float:
        root = np.linalg.cholesky(np.exp(2 * x[0]) * covariance + np.diag(np.exp(2 * x[1]) + v))
        one, seen = np.linalg.solve(root, np.column_stack([np.ones_like(calm), calm])).T
        rest = seen - one * (one @ seen) / (one @ one)
        wide = 0.5 * np.sum((x - middle) ** 2) / 1.5**2
        return float(np.log(np.diag(root)).sum() + 0.5 * np.log(one @ one) + 0.5 * rest @ rest + wide)

    options = {"xatol": 0.05, "fatol": 0.05, "maxfev": 80}
    found = scipy.optimize.minimize(loss, middle, method="Nelder-Mead", options=options, bounds=_BOUNDS)
    return np.asarray(np.exp(found.x))
