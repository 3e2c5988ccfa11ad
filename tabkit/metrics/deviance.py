"""Deviances of the Tweedie family: of counts, of positive amounts, of amounts with many zeros."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from tabkit.errors import ConfigError, FitError
from tabkit.metrics.inputs import Floats, check_pair
from tabkit.metrics.prepared import Prepared, mean_of, metric

_NEAR = 0.01
"""Relative distance of target and mean below which a series is exact to the last digits, and differences are not."""
_TERMS = 10  # of a series that is used only where its tenth term is below rounding


@metric
def poisson_deviance(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    r"""Return the mean Poisson deviance, `tweedie_deviance` of power 1.

    .. math:: 2 [y \log(y / \mu) - y + \mu]

    (McCullagh and Nelder 1989, section 2.3.) Targets must be non-negative, predictions positive. Other
    parameters and errors are those of `tweedie_deviance`.

    Examples
    --------
    >>> poisson_deviance([0, 0], [1, 2])
    3.0
    """
    return tweedie_deviance.prepare(y_true, y_pred, power=1)


@metric
def gamma_deviance(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    r"""Return the mean gamma deviance, `tweedie_deviance` of power 2.

    .. math:: 2 [\log(\mu / y) + y / \mu - 1]

    (McCullagh and Nelder 1989, section 2.3.) Targets and predictions must be positive. It does not change
    with the unit of the amount. Other parameters and errors are those of `tweedie_deviance`.

    Examples
    --------
    >>> gamma_deviance([5, 7], [5, 7])
    0.0
    """
    return tweedie_deviance.prepare(y_true, y_pred, power=2)


@metric
def tweedie_deviance(y_true: ArrayLike, y_pred: ArrayLike, *, power: float = 1.5) -> Prepared:
    r"""Return the mean deviance of the family whose variance is the mean to a power.

    .. math::
        2 \left[\frac{\max(y, 0)^{2-p}}{(1-p)(2-p)} - \frac{y \mu^{1-p}}{1-p}
        + \frac{\mu^{2-p}}{2-p}\right]

    (Jorgensen 1987; its limits at powers 1 and 2), and the squared error at power 0.

    Parameters
    ----------
    y_true, y_pred
        Targets and predicted means, shape (n,). Below power 0, predictions must be positive; from 1 to
        below 2, also targets non-negative; from 2, both positive.
    power
        0 normal, 1 Poisson, between 1 and 2 amounts with zeros, 2 gamma, 3 inverse Gaussian. No such
        family exists strictly between 0 and 1.
    weight
        Non-negative weights, shape (n,); None weighs rows equally.

    Raises
    ------
    FitError
        When an input is unusable or outside the domain of the family.
    ConfigError
        When `power` belongs to no family.

    Examples
    --------
    >>> tweedie_deviance([0, 0], [1, 4], power=1.5)
    6.0
    """
    check_power(power)
    y, mean = check_pair(y_true, y_pred)
    _check_domain(y, mean, power=power)
    return mean_of(_deviances(y, mean, power=float(power)))


def check_power(power: float) -> float:
    """Return `power` when a Tweedie family has it, else raise ConfigError."""
    if not math.isfinite(power) or 0 < power < 1:
        raise ConfigError(
            f"power must be a finite number outside (0, 1), where no Tweedie family exists; got {power!r}",
            advice="use between 1 and 2 for amounts with many zeros; 1.5 is a common start",
        )
    return power


def _deviances(y: Floats, mean: Floats, *, power: float) -> Floats:
    if power == 0:
        return (y - mean) ** 2
    with np.errstate(over="ignore"):  # far away is far away
        off = (y - mean) / mean
    near = np.abs(off) < _NEAR
    found = np.empty_like(y)
    found[near] = mean[near] ** (2 - power) * _series(off[near], power=power)
    found[~near] = _far_deviances(y[~near], mean[~near], power=power)
    return found


def _series(off: Floats, *, power: float) -> Floats:
    """Return the deviance at a mean of one of targets next to it, ``1 + off``: its terms would cancel each other.

    With ``q = 2 - power`` it is ``2 ((1 + off)^q - 1 - q off) / (q (q - 1))``, the binomial series from its second
    power on; so written it holds at q = 1 (Poisson) and q = 0 (gamma) too.
    """
    term = off**2
    found = term.copy()
    for k in range(3, _TERMS):
        term = term * off * (3 - power - k) / k
        found += term
    return found


def _far_deviances(y: Floats, mean: Floats, *, power: float) -> Floats:
    if power == 1:
        # y log y is 0 at y = 0.
        ratio = np.divide(y, mean, out=np.ones_like(y), where=y > 0)
        return 2 * (y * np.log(ratio) - y + mean)
    if power == 2:
        return 2 * (np.log(mean / y) + y / mean - 1)
    p = power
    saturated = np.maximum(y, 0.0) ** (2 - p) / ((1 - p) * (2 - p))
    return np.asarray(2 * (saturated - y * mean ** (1 - p) / (1 - p) + mean ** (2 - p) / (2 - p)))


def _check_domain(y: Floats, mean: Floats, *, power: float) -> None:
    if power == 0:
        return
    if mean.min() <= 0:
        raise FitError(
            f"a deviance of power {power:g} needs positive predictions, got a least one of {mean.min():g}",
            advice="predict on the scale of the mean (after the log link), or clip predictions from below",
        )
    if power >= 2 and y.min() <= 0:
        raise FitError(
            f"a deviance of power {power:g} needs positive targets, got a least one of {y.min():g}",
            advice="drop rows without an amount, or use a Tweedie power between 1 and 2",
        )
    if power >= 1 and y.min() < 0:
        raise FitError(
            f"a deviance of power {power:g} needs non-negative targets, got a least one of {y.min():g}",
            advice="drop or correct negative amounts (refunds?), or use rmse",
        )
