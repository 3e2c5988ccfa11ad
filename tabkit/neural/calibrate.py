"""Calibration: one slope, and if wanted new intercepts, for the raw scores of a network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from tabkit.objective import LossSettings, Objective, base_score, inverse_link, loss

Floats = NDArray[np.float64]
_PRIOR = 0.3
_RANGE = 3.0  # of log slopes: from 1/20 to 20
_FAR = 700.0  # where exp ends


class Line(NamedTuple):
    """``raw = intercept + slope * score``, the intercept of shape (outputs,)."""

    intercept: Floats
    slope: float


def temperature(raw: Floats, y: Floats, *, weight: Floats, offset: Floats) -> float:
    """Return what raw scores of classes are best divided by, by the log loss of held-out rows.

    Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks", section 4.2, with a prior: the
    logarithm of the temperature is normal around 0 with a standard deviation of 0.3, so that a few held-out rows which
    happen to be told apart perfectly do not ask for certainty.

    Parameters
    ----------
    raw
        Shape (n, outputs), without the offset: of one output the logit of the second of two classes.
    y
        Shape (n,): the index of the class.

    Examples
    --------
    >>> y = np.array([0.0, 1.0, 1.0, 1.0] * 500)  # the logit of three quarters is 1.1
    >>> right = temperature(np.full((2000, 1), 2.2), y, weight=np.ones(2000), offset=np.zeros(2000))
    >>> round(right, 1)
    2.0
    """
    scores = raw if raw.shape[1] > 1 else np.hstack([np.zeros_like(raw), raw])
    shift = offset[:, None] * (np.arange(scores.shape[1]) > 0 if raw.shape[1] == 1 else 1.0)
    own = y.astype(np.int64)[:, None]
    mass = weight / weight.mean()

    def cost(log_slope: Floats) -> float:
        at = scores * np.exp(log_slope[0]) + shift
        losses = logsumexp(at, axis=1) - np.take_along_axis(at, own, axis=1)[:, 0]
        return float(mass @ losses + 0.5 * (log_slope[0] / _PRIOR) ** 2) / len(y)

    found = minimize(cost, np.zeros(1), method="L-BFGS-B", bounds=[(-_RANGE, _RANGE)])
    return float(np.exp(-found.x[0])) if found.fun < cost(np.zeros(1)) else 1.0


def line(
    score: Floats,
    start: Line,
    y: Floats,
    *,
    weight: Floats,
    offset: Floats,
    config: LossSettings,
    objective: Objective,
) -> Line:
    """Return the intercepts and the slope that suit new rows best, from those that are there.

    Parameters
    ----------
    score
        Shape (n, outputs): what the network adds, before slope and intercept.
    """
    spread = float((score * start.slope).std()) or start.slope
    first = start.intercept
    if objective.link != "softmax":  # the best intercept for the slope that is there has a formula
        fixed = offset + start.slope * score[:, 0]
        first = base_score(y, weight=weight, offset=fixed, config=config, objective=objective)

    def unpacked(x: Floats) -> Line:
        return Line(first + spread * x[1:], start.slope * float(np.exp(x[0])))

    def mean_loss(x: Floats) -> float:
        at = unpacked(x)
        raw = at.intercept + at.slope * score + offset[:, None]
        raw = raw.clip(-_FAR, _FAR) if objective.link == "log" else raw
        return loss(y, inverse_link(_flat(raw), objective.link), weight=weight, config=config, objective=objective)

    begin = np.zeros(1 + score.shape[1])
    unit = mean_loss(begin) or 1.0  # a solver's tolerances are for numbers around 1
    bounds = [(-_RANGE, _RANGE)] + [(None, None)] * score.shape[1]
    found = minimize(lambda x: mean_loss(x) / unit, begin, method="L-BFGS-B", bounds=bounds)
    return unpacked(found.x if found.fun < 1 else begin)


def _flat(raw: Floats) -> Floats:
    return raw if raw.shape[1] > 1 else raw[:, 0]
