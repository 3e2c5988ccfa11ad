"""Pareto/NBD: Poisson purchases over an exponential lifetime.

Sources: Schmittlein, Morrison and Colombo (1987), "Counting your customers", Management Science 33(1); Fader and
Hardie (2005), "A note on deriving the Pareto/NBD model and related expressions".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabkit.cltv.models.buying import Buyers, leave_at_any_time, when_leaving_at_any_time
from tabkit.cltv.models.model import Floats, Model, Parameter, Values
from tabkit.cltv.models.ops import NUMPY, Ops
from tabkit.cltv.models.priors import Prior
from tabkit.cltv.models.quadrature import NODES, WEIGHTS

_HALF = Prior.of("half_cauchy", beta=1.0)
_SOONEST = 1e-12  # keeps the span off zero, where the integrand has a pole
_CELLS = 4096  # integrals at a time: their nodes fit into a processor's cache


def _died(ops: Ops, values: Values, data: Values) -> Any:
    """Return the log of the chance to have died since the last purchase, over that to live still, given the rates.

    It is ``s (alpha + T)^(r + x) (beta + T)^s`` times the integral over ``y`` from ``t_x`` to ``T`` of
    ``(alpha + y)^-(r + x) (beta + y)^-(s + 1)``, for which the papers have hypergeometric functions that overflow.
    With ``y = t_x + c (exp(v) - 1)``, where ``c`` is how fast the integrand falls at first, it is smooth in ``v``
    at the scale of 1 whatever the parameters: 32 Gauss-Legendre nodes give ten digits.
    """
    near, far = values["alpha"] + data["recency"], values["beta"] + data["recency"]
    n, m = values["r"] + data["frequency"], values["s"] + 1
    span = ops.maximum(data["T"] - data["recency"], _SOONEST)
    c = 1 / (n / near + m / far)
    width = ops.log1p(span / c)
    v = ops.last(width) * NODES
    y = ops.last(c) * ops.expm1(v)
    power = v - ops.last(n) * ops.log1p(y / ops.last(near)) - ops.last(m) * ops.log1p(y / ops.last(far))
    whole = ops.log(c * width * ops.total(WEIGHTS * ops.exp(power)))
    return ops.log(values["s"]) + n * ops.log1p(span / near) + (m - 1) * ops.log1p(span / far) - ops.log(far) + whole


def _loglik(ops: Ops, values: Values, data: Values) -> Any:
    r, alpha, s, beta = (values[name] for name in ("r", "alpha", "s", "beta"))
    x, age = data["frequency"], data["T"]
    bought = ops.gammaln(r + x) - ops.gammaln(r) + r * ops.log(alpha) - (r + x) * ops.log(alpha + age)
    lives = -s * ops.log1p(age / beta)
    return bought + lives + ops.logaddexp(0.0, _died(ops, values, data))


def _alive(values: Values, data: Values) -> Floats:
    """Return the chance to live still, some cells at a time: the quadrature's nodes shall fit the processor's cache."""
    names = [*(f"value {name}" for name in values), *(f"data {name}" for name in ("frequency", "recency", "T"))]
    given = [*values.values(), *(data[name] for name in ("frequency", "recency", "T"))]
    shape = np.broadcast_shapes(*map(np.shape, given))
    flat = dict(zip(names, (np.broadcast_to(value, shape).reshape(-1) for value in given), strict=True))
    found = np.empty(int(np.prod(shape)))
    for start in range(0, found.size, _CELLS):
        part = {name: value[start : start + _CELLS] for name, value in flat.items()}
        inner, rows = (
            {n.split(" ")[1]: v for n, v in part.items() if n.startswith(kind)} for kind in ("value", "data")
        )
        found[start : start + _CELLS] = np.exp(-np.logaddexp(0.0, _died(NUMPY, inner, rows)))
    return found.reshape(shape)


def _draw(values: Values, data: Values, rng: np.random.Generator) -> Buyers:
    """Draw rates given that a customer is alive: then both are Gamma, and independent."""
    alive = _alive(values, data)
    still = rng.random(alive.shape) < alive
    where = np.flatnonzero(still)

    def those(value: Any) -> Floats:
        return np.broadcast_to(value, alive.shape).ravel()[where]

    rate, leaving = np.zeros(alive.shape), np.zeros(alive.shape)
    rate.reshape(-1)[where] = rng.standard_gamma(those(values["r"] + data["frequency"])) / those(
        values["alpha"] + data["T"]
    )
    leaving.reshape(-1)[where] = rng.standard_gamma(those(values["s"])) / those(values["beta"] + data["T"])
    return Buyers(still, rate, leaving)


def _expected(values: Values, data: Values, span: float) -> Floats:
    """Return the mean number of purchases of a customer who is alive, without the pole at s = 1."""
    later = values["beta"] + data["T"]
    length = np.log1p(span / later)
    less = values["s"] - 1
    close = np.abs(less) < 1e-9
    safe = np.where(close, 1.0, less)
    lived = np.where(close, length, -np.expm1(-safe * length) / safe)
    return np.asarray((values["r"] + data["frequency"]) / (values["alpha"] + data["T"]) * later * lived)


PARETONBD = Model(
    name="paretonbd",
    title="Pareto/NBD",
    source="Schmittlein, Morrison and Colombo (1987), Management Science 33(1)",
    columns=("frequency", "recency", "T"),
    parameters=(
        Parameter("r", _HALF),
        Parameter("alpha", _HALF, "time"),
        Parameter("s", _HALF),
        Parameter("beta", _HALF, "time"),
    ),
    loglik=_loglik,
    alive=_alive,
    draw=_draw,
    buy=leave_at_any_time,
    events=when_leaving_at_any_time,
    expected=_expected,
    covariates={"rate": {"alpha": -1}, "leaving": {"beta": -1}},
)
