"""BG/NBD and MBG/NBD: Poisson purchases, and a chance to leave after each of them.

Sources: Fader, Hardie and Lee (2005), "Counting your customers the easy way", Marketing Science 24(2), equations 6 to
10; Batislam, Denizel and Filiztekin (2007), "Empirical validation and comparison of models for customer base
analysis", International Journal of Research in Marketing 24(3).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabkit.cltv.models.buying import Buyers, leave_after_purchases, when_leaving_after_purchases
from tabkit.cltv.models.model import Floats, Model, Parameter, Values, by_level
from tabkit.cltv.models.ops import NUMPY, Ops
from tabkit.cltv.models.priors import Prior
from tabkit.cltv.models.quadrature import beta_mean

_HALF = Prior.of("half_cauchy", beta=1.0)
_PARAMETERS = (
    Parameter("r", _HALF),
    Parameter("alpha", _HALF, "time"),
    Parameter("phi", Prior.of("uniform", lower=0.0, upper=1.0), share=True),
    Parameter("kappa", _HALF),
)
_OTHER = ((("phi", "kappa"), (Parameter("a", _HALF), Parameter("b", _HALF))),)
_COVARIATES = {"rate": {"alpha": -1}, "leaving": {"a": 1, "b": 1}}


def _derived(values: Values) -> dict[str, Any]:
    """Return ``a`` and ``b`` from the mean ``phi`` and the size ``kappa`` of the chance to leave."""
    found = dict(values)
    if "phi" in found:
        found["a"], found["b"] = found["phi"] * found["kappa"], (1 - found["phi"]) * found["kappa"]
    return found


def _purchases(ops: Ops, values: Values, data: Values) -> Any:
    r, alpha = values["r"], values["alpha"]
    return by_level(lambda x: ops.gammaln(r + x), data, "frequency", [r]) - ops.gammaln(r) + r * ops.log(alpha)


def _later(ops: Ops, values: Values, data: Values) -> Any:
    """Return ``(r + x) log((alpha + T) / (alpha + t_x))``."""
    gone = (data["T"] - data["recency"]) / (values["alpha"] + data["recency"])
    return (values["r"] + data["frequency"]) * ops.log1p(gone)


def _ages(ops: Ops, values: Values, data: Values) -> tuple[Any, Any]:
    """Return ``-(r + x) log(alpha + T)``, and `_later` as a difference of logs that few rows differ in."""
    alpha, count = values["alpha"], values["r"] + data["frequency"]
    age, last = (by_level(lambda t: ops.log(alpha + t), data, name, [alpha]) for name in ("T", "recency"))
    return -count * age, count * (age - last)


def _loglik_bg(ops: Ops, values: Values, data: Values) -> Any:
    """Return equation 6 of Fader, Hardie and Lee, its two terms added in logs."""
    a, b, x = values["a"], values["b"], data["frequency"]
    odds = by_level(lambda x: ops.log(a) - ops.log(b + ops.maximum(x, 1) - 1), data, "frequency", [a, b])
    stays, later = _ages(ops, values, data)
    chance = by_level(lambda x: ops.betaln(a, b + x) - ops.betaln(a, b), data, "frequency", [a, b])
    left = ops.where(x > 0, ops.logaddexp(0.0, odds + later), 0.0)
    return _purchases(ops, values, data) + chance + stays + left


def _loglik_mbg(ops: Ops, values: Values, data: Values) -> Any:
    """Return the likelihood of Batislam, Denizel and Filiztekin: customers may leave at time 0 too."""
    a, b = values["a"], values["b"]
    odds = by_level(lambda x: ops.log(a) - ops.log(b + x), data, "frequency", [a, b])
    stays, later = _ages(ops, values, data)
    chance = by_level(lambda x: ops.betaln(a, b + x + 1) - ops.betaln(a, b), data, "frequency", [a, b])
    return _purchases(ops, values, data) + chance + stays + ops.logaddexp(0.0, odds + later)


def _odds(values: Values, data: Values, tail: Any) -> Any:
    return np.log(values["a"]) - np.log(tail) + _later(NUMPY, values, data)


def _alive_bg(values: Values, data: Values) -> Floats:
    x = data["frequency"]
    gone = _odds(values, data, values["b"] + np.maximum(x, 1) - 1)
    return np.asarray(np.where(x > 0, np.exp(-np.logaddexp(0.0, gone)), 1.0))


def _alive_mbg(values: Values, data: Values) -> Floats:
    return np.asarray(np.exp(-np.logaddexp(0.0, _odds(values, data, values["b"] + data["frequency"]))))


def _draw(values: Values, data: Values, rng: np.random.Generator, *, alive: Floats, more: int) -> Buyers:
    """Draw rates given that a customer is alive: then rate and chance to leave are independent."""
    shape = np.broadcast_shapes(np.shape(alive), np.shape(data["frequency"] + values["r"]))
    x = data["frequency"]
    still = rng.random(shape) < alive
    where = np.flatnonzero(still)

    def those(value: Any) -> Floats:
        return np.broadcast_to(value, shape).ravel()[where]

    rate, leaving = np.zeros(shape), np.zeros(shape)
    rate.reshape(-1)[where] = rng.standard_gamma(those(values["r"] + x)) / those(values["alpha"] + data["T"])
    leaving.reshape(-1)[where] = rng.beta(those(values["a"]), those(values["b"] + x + more))
    return Buyers(still, rate, leaving)


def _draw_bg(values: Values, data: Values, rng: np.random.Generator) -> Buyers:
    return _draw(values, data, rng, alive=_alive_bg(values, data), more=0)


def _draw_mbg(values: Values, data: Values, rng: np.random.Generator) -> Buyers:
    return _draw(values, data, rng, alive=_alive_mbg(values, data), more=1)


def _expected(values: Values, data: Values, span: float, *, more: int) -> Floats:
    """Return ``E[(1 - (1 + p t / (alpha + T))^-(r + x)) / p]`` over ``p ~ Beta(a, b + x)``.

    This is equation 10 without its pole at a = 1 and without a hypergeometric function.
    """
    k = np.asarray(values["r"] + data["frequency"])[..., None]
    z = np.asarray(span / (values["alpha"] + data["T"]))[..., None]
    shape = np.broadcast_shapes(k.shape[:-1], z.shape[:-1])
    a = np.broadcast_to(values["a"], shape)
    b = np.broadcast_to(values["b"] + data["frequency"] + more, shape)
    return beta_mean(lambda p: -np.expm1(-k * np.log1p(p * z)) / p, a, b)


def _expected_bg(values: Values, data: Values, span: float) -> Floats:
    return _expected(values, data, span, more=0)


def _expected_mbg(values: Values, data: Values, span: float) -> Floats:
    return _expected(values, data, span, more=1)


BGNBD = Model(
    name="bgnbd",
    title="BG/NBD",
    source="Fader, Hardie and Lee (2005), Marketing Science 24(2)",
    columns=("frequency", "recency", "T"),
    parameters=_PARAMETERS,
    other=_OTHER,
    derived=_derived,
    loglik=_loglik_bg,
    alive=_alive_bg,
    draw=_draw_bg,
    buy=leave_after_purchases,
    events=when_leaving_after_purchases,
    expected=_expected_bg,
    covariates=_COVARIATES,
)
MBGNBD = Model(
    name="mbgnbd",
    title="MBG/NBD",
    source="Batislam, Denizel and Filiztekin (2007), International Journal of Research in Marketing 24(3)",
    columns=("frequency", "recency", "T"),
    parameters=_PARAMETERS,
    other=_OTHER,
    derived=_derived,
    loglik=_loglik_mbg,
    alive=_alive_mbg,
    draw=_draw_mbg,
    buy=leave_after_purchases,
    events=when_leaving_after_purchases,
    expected=_expected_mbg,
)
