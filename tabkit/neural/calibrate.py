"""Calibration: one slope, and if wanted new intercepts, for the raw scores of a network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from tabkit.objective import LossSettings, Objective, base_score, inverse_link, loss

Floats = NDArray[np.float64]
_PRIOR = 0.3  # standard deviation of the log of the slope: a factor of 1.35 is usual
_FEWEST = 10  # rows of a class below which its intercept is not moved
_ROUNDS, _CLOSE = 60, 1e-9  # Newton's method needs about ten; a step this small gains nothing
_RANGE = 3.0  # of log slopes: from 1/20 to 20
_FAR = 700.0  # where exp ends


class CalibrationLine(NamedTuple):
    """``raw = intercept + slope * score``, the intercept of shape (outputs,)."""

    intercept: Floats
    slope: float


def temperature(raw: Floats, y: Floats, *, weight: Floats, offset: Floats) -> float:
    """Return what raw scores of classes are best divided by, by the log loss of held-out rows.

    Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks", section 4.2, with two changes.
    Intercepts are fitted beside it and thrown away: where classes are more frequent among the held-out rows than among
    those of the fit, that is no sign of too much or too little certainty. And the logarithm of the temperature has a
    prior, normal around 0 with a standard deviation of 0.3, so that a few held-out rows which happen to be told apart
    perfectly do not ask for certainty. With fewer than ten rows of a class it is 1.

    Parameters
    ----------
    raw
        Shape (n, outputs), without the offset: of one output the logit of the second of two classes.
    y
        Shape (n,): the index of the class.

    Examples
    --------
    >>> chance = np.random.default_rng(0)
    >>> logit = chance.normal(size=5000)
    >>> y = (chance.random(5000) < 1 / (1 + np.exp(-logit))).astype(float)
    >>> bool(1.8 < temperature(2 * logit[:, None], y, weight=np.ones(5000), offset=np.zeros(5000)) < 2.2)
    True
    """
    scores = raw if raw.shape[1] > 1 else np.hstack([np.zeros_like(raw), raw])
    own = y.astype(np.int64)
    if np.bincount(own[weight > 0], minlength=scores.shape[1]).min() < _FEWEST:
        return 1.0
    shift = offset[:, None] * (np.arange(scores.shape[1]) > 0 if raw.shape[1] == 1 else 1.0)
    one = np.eye(scores.shape[1])[own]
    mass, centred = weight / weight.mean(), scores - scores.mean(axis=0)

    def cost(x: Floats) -> tuple[float, Floats]:
        slope = np.exp(x[0])
        at = slope * centred + np.append(0.0, x[1:]) + shift
        norm = scipy.special.logsumexp(at, axis=1, keepdims=True)
        off = mass[:, None] * (np.exp(at - norm) - one)
        value = mass @ (norm[:, 0] - (at * one).sum(axis=1)) + 0.5 * (x[0] / _PRIOR) ** 2
        gradient = np.append(slope * (off * centred).sum() + x[0] / _PRIOR**2, off.sum(axis=0)[1:])
        return float(value) / len(y), gradient / len(y)

    middle = scores.mean(axis=0)
    start = np.append(0.0, (middle - middle[0])[1:])
    bounds = [(-_RANGE, _RANGE)] + [(None, None)] * (scores.shape[1] - 1)
    found = scipy.optimize.minimize(cost, start, method="L-BFGS-B", jac=True, bounds=bounds)
    return float(np.exp(-found.x[0])) if np.isfinite(found.fun) else 1.0


def intercepts(score: Floats, start: Floats, y: Floats, *, weight: Floats, offset: Floats) -> Floats:
    """Return the intercepts with which the mean probability of each class is its share of the rows.

    Parameters
    ----------
    score
        Shape (n, outputs): what is added to the intercepts.
    start
        Shape (outputs,): the intercepts to begin with.
    y
        Shape (n,): the index of the class.
    """
    outputs = len(start)
    codes = y.astype(np.int64)
    share = np.bincount(codes, weights=weight, minlength=max(outputs, 2)) / weight.sum()
    present, values = share > 0, np.asarray(start, dtype=np.float64)
    for _ in range(_ROUNDS):
        at = values + score + offset[:, None]
        p = inverse_link(_flat(at), "softmax" if outputs > 1 else "logit")
        mean = np.average(p, axis=0, weights=weight)
        if outputs == 1:
            if not present.all():
                return values
            step = scipy.special.logit(share[1]) - scipy.special.logit(np.clip(mean, 1e-12, 1 - 1e-12))
        else:
            step = np.where(present, np.log(np.where(present, share, 1.0)) - np.log(np.maximum(mean, 1e-300)), 0.0)
        values = values + step
        if np.abs(step).max() < _CLOSE:
            break
    return values


def line(
    score: Floats,
    start: CalibrationLine,
    y: Floats,
    *,
    weight: Floats,
    offset: Floats,
    config: LossSettings,
    objective: Objective,
) -> CalibrationLine:
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

    def unpacked(x: Floats) -> CalibrationLine:
        return CalibrationLine(first + spread * x[1:], start.slope * float(np.exp(x[0])))

    def mean_loss(x: Floats) -> float:
        at = unpacked(x)
        raw = at.intercept + at.slope * score + offset[:, None]
        raw = raw.clip(-_FAR, _FAR) if objective.link == "log" else raw
        return loss(y, inverse_link(_flat(raw), objective.link), weight=weight, config=config, objective=objective)

    begin = np.zeros(1 + score.shape[1])
    unit = mean_loss(begin) or 1.0  # a solver's tolerances are for numbers around 1
    bounds = [(-_RANGE, _RANGE)] + [(None, None)] * score.shape[1]
    found = scipy.optimize.minimize(lambda x: mean_loss(x) / unit, begin, method="L-BFGS-B", bounds=bounds)
    return unpacked(found.x if found.fun < 1 else begin)


def _flat(raw: Floats) -> Floats:
    return raw if raw.shape[1] > 1 else raw[:, 0]
