"""Gamma-Gamma: what a customer spends at each purchase.

Source: Fader, Hardie and Lee (2005), "RFM and CLV: using iso-value curves for customer base analysis", Journal of
Marketing Research 42(4); Fader and Hardie (2013), "The gamma-gamma model of monetary value", equation 1a.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabkit.cltv.models.model import Floats, Parameter, Values, by_level
from tabkit.cltv.models.ops import Ops
from tabkit.cltv.models.priors import Prior

COVARIATES = {"spend": {"v": 1}}
_WIDE = Prior.of("half_cauchy", beta=5.0)
PARAMETERS = (
    Parameter("p", _WIDE),
    Parameter("q", _WIDE),
    Parameter("v", Prior.of("half_cauchy", beta=1.0), "amount"),
)


def loglik(ops: Ops, values: Values, data: Values) -> Any:
    """Return the log-likelihood of mean spends ``m`` over ``x`` purchases each: ``m ~ Gamma(p x, nu x)``.

    Parameters
    ----------
    data
        ``frequency`` (1 or more) and ``monetary_value`` (positive): repeat buyers alone have something to say.
    """
    p, q, v = values["p"], values["q"], values["v"]
    x, mean = data["frequency"], data["monetary_value"]
    several = by_level(lambda x: -ops.betaln(p * x, q), data, "frequency", [p, q])
    return several - np.log(mean) - q * ops.log1p(x * mean / v) - p * x * ops.log1p(v / (x * mean))


def expected(values: Values, data: Values) -> Floats:
    """Return the mean spend of each future purchase; infinite where ``q + p x`` is 1 or less."""
    x, mean = data["frequency"], _mean(data)
    shape = values["q"] + values["p"] * x - 1
    sure = np.where(shape > 0, shape, 1.0)
    return np.asarray(np.where(shape > 0, values["p"] * (values["v"] + x * mean) / sure, np.inf))


def draw(values: Values, data: Values, rng: np.random.Generator) -> Floats:
    """Draw each customer's rate ``nu``; a purchase is worth ``Gamma(p, nu)``."""
    x, mean = data["frequency"], _mean(data)
    shape, rate = np.broadcast_arrays(values["q"] + values["p"] * x, values["v"] + x * mean)
    return np.asarray(rng.standard_gamma(shape) / rate)


def spend(values: Values, rate: Floats, purchases: Any, rng: np.random.Generator) -> Floats:
    """Draw what a number of purchases is worth together: ``Gamma(p n, nu)``, zero for none."""
    shape = np.broadcast_to(values["p"] * purchases, np.shape(rate))
    return np.asarray(np.where(shape > 0, rng.standard_gamma(np.maximum(shape, 1e-300)) / rate, 0.0))


def _mean(data: Values) -> Floats:
    """Return mean spends; those without a repeat purchase, whose mean is null, count for nothing."""
    return np.where(np.asarray(data["frequency"]) > 0, np.nan_to_num(data["monetary_value"]), 0.0)
