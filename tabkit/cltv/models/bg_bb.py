"""Discrete-time models: BG/BB, with a chance to buy in each period, and the shifted beta-geometric of contracts.

Sources: Fader, Hardie and Shang (2010), "Customer-base analysis in a discrete-time noncontractual setting", Marketing
Science 29(6), equation 3; Fader and Hardie (2007), "How to project customer retention", Journal of Interactive
Marketing 21(1), equations 5 and 6.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabkit.cltv.models.buying import Buyers, leave_between_opportunities, when_leaving_between_opportunities
from tabkit.cltv.models.model import Floats, Model, Parameter, Values
from tabkit.cltv.models.ops import NUMPY, Ops
from tabkit.cltv.models.priors import Prior

_HALF = Prior.of("half_cauchy", beta=1.0)
_SHARE = Prior.of("uniform", lower=0.0, upper=1.0)
_ZERO = -1e300  # the log of an impossible event, finite so that gradients stay so
_FORMULA, _COLUMNS = ("alpha", "beta", "gamma", "delta"), ("frequency", "recency", "T")
_CELLS = 4_000_000  # cells in memory at a time: 32 megabytes


def _derived_bgbb(values: Values) -> dict[str, Any]:
    """Return the two beta distributions of each mean and size."""
    found = dict(values)
    if "phi_buy" in found:
        found["alpha"] = found["phi_buy"] * found["kappa_buy"]
        found["beta"] = (1 - found["phi_buy"]) * found["kappa_buy"]
    if "phi" in found:
        found["gamma"], found["delta"] = found["phi"] * found["kappa"], (1 - found["phi"]) * found["kappa"]
    return found


def _left_at(ops: Ops, values: Values, data: Values) -> Any:
    """Return, over a last axis, the log of each way to have left after the last purchase; equation 3's sum."""
    alpha, beta, gamma, delta = (values[name] for name in ("alpha", "beta", "gamma", "delta"))
    x, last, n = (ops.last(data[name]) for name in ("frequency", "recency", "T"))
    step = np.arange(int(data["periods"]))
    there = step < n - last
    held = ops.where(there, step, 0)
    bought = ops.betaln(ops.last(alpha) + x, ops.last(beta) + last - x + held)
    left = ops.betaln(ops.last(gamma) + 1, ops.last(delta) + last + held)
    return ops.where(there, bought + left, _ZERO)


def _stays(ops: Ops, values: Values, data: Values) -> Any:
    x, n = data["frequency"], data["T"]
    bought = ops.betaln(values["alpha"] + x, values["beta"] + n - x)
    return bought + ops.betaln(values["gamma"], values["delta"] + n)


def _ways(ops: Ops, values: Values, data: Values) -> Any:
    """Return the log of all ways to have left, over that to be there still."""
    stays = _stays(ops, values, data)
    return ops.logsumexp(_left_at(ops, values, data)) - stays


def _loglik_bgbb(ops: Ops, values: Values, data: Values) -> Any:
    """Return the log of equation 3."""
    all_ways = _stays(ops, values, data) + ops.logaddexp(0.0, _ways(ops, values, data))
    return all_ways - ops.betaln(values["alpha"], values["beta"]) - ops.betaln(values["gamma"], values["delta"])


def _alive_bgbb(values: Values, data: Values) -> Floats:
    """Return the chance to be there still, some rows at a time: each cell has as many ways to have left as periods."""
    rows = [data[name] for name in _COLUMNS]
    shape = np.broadcast_shapes(*map(np.shape, rows), *(np.shape(values[name]) for name in _FORMULA))
    if len(shape) < 2:
        return np.asarray(np.exp(-np.logaddexp(0.0, _ways(NUMPY, values, data))))
    size = max(1, _CELLS // (int(data["periods"]) * int(np.prod(shape[1:]))))
    found = np.empty(shape)
    for start in range(0, shape[0], size):
        part = slice(start, start + size)
        inner, these = (
            {name: given[name][part] if np.shape(given[name])[:1] == shape[:1] else given[name] for name in names}
            for given, names in ((values, _FORMULA), (data, _COLUMNS))
        )
        ways = _ways(NUMPY, inner, {**these, "periods": data["periods"]})
        found[part] = np.exp(-np.logaddexp(0.0, ways))
    return found


def _draw_bgbb(values: Values, data: Values, rng: np.random.Generator) -> Buyers:
    alive = _alive_bgbb(values, data)
    x, n = data["frequency"], data["T"]
    rate = rng.beta(*np.broadcast_arrays(values["alpha"] + x, values["beta"] + n - x, alive)[:2])
    leaving = rng.beta(*np.broadcast_arrays(values["gamma"], values["delta"] + n, alive)[:2])
    return Buyers(rng.random(alive.shape) < alive, rate, leaving)


def _expected_bgbb(values: Values, data: Values, span: float) -> Floats:
    x, n = data["frequency"], data["T"]
    buys = (values["alpha"] + x) / (values["alpha"] + values["beta"] + n)
    return np.asarray(buys * _survivals(values["gamma"], values["delta"] + n, int(span)))


def _survivals(a: Any, b: Any, periods: int) -> Floats:
    """Return the expected number of the next periods that a customer lives through."""
    a, b = np.expand_dims(a, -1), np.expand_dims(b, -1)
    ahead = np.arange(1, periods + 1)
    return np.asarray(np.exp(NUMPY.betaln(a, b + ahead) - NUMPY.betaln(a, b)).sum(axis=-1))


def _derived_sbg(values: Values) -> dict[str, Any]:
    found = dict(values)
    if "phi" in found:
        found["a"], found["b"] = found["phi"] * found["kappa"], (1 - found["phi"]) * found["kappa"]
    return found


def _loglik_sbg(ops: Ops, values: Values, data: Values) -> Any:
    """Return equation 5 for those who left in period T, and equation 6 for those who stayed through it."""
    a, b, age, left = values["a"], values["b"], data["T"], data["churned"]
    return ops.betaln(a + left, b + age - left) - ops.betaln(a, b)


def _alive_sbg(values: Values, data: Values) -> Floats:
    shape = np.broadcast_shapes(np.shape(values["a"]), np.shape(data["churned"]))
    return np.broadcast_to(1.0 - np.asarray(data["churned"], float), shape)


def _draw_sbg(values: Values, data: Values, rng: np.random.Generator) -> Buyers:
    alive = _alive_sbg(values, data)
    leaving = rng.beta(*np.broadcast_arrays(values["a"], values["b"] + data["T"], alive)[:2])
    return Buyers(alive > 0, np.ones(alive.shape), leaving)


def _expected_sbg(values: Values, data: Values, span: float) -> Floats:
    return _survivals(values["a"], values["b"] + data["T"], int(span))


BGBB = Model(
    name="bgbb",
    title="BG/BB",
    source="Fader, Hardie and Shang (2010), Marketing Science 29(6)",
    columns=("frequency", "recency", "T"),
    parameters=(
        Parameter("phi_buy", _SHARE, share=True),
        Parameter("kappa_buy", _HALF),
        Parameter("phi", _SHARE, share=True),
        Parameter("kappa", _HALF),
    ),
    other=(
        (("phi_buy", "kappa_buy"), (Parameter("alpha", _HALF), Parameter("beta", _HALF))),
        (("phi", "kappa"), (Parameter("gamma", _HALF), Parameter("delta", _HALF))),
    ),
    derived=_derived_bgbb,
    loglik=_loglik_bgbb,
    alive=_alive_bgbb,
    draw=_draw_bgbb,
    buy=leave_between_opportunities,
    events=when_leaving_between_opportunities,
    expected=_expected_bgbb,
    discrete=True,
)
SBG = Model(
    name="sbg",
    title="shifted beta-geometric",
    source="Fader and Hardie (2007), Journal of Interactive Marketing 21(1)",
    columns=("T", "churned"),
    parameters=(Parameter("phi", _SHARE, share=True), Parameter("kappa", _HALF)),
    other=((("phi", "kappa"), (Parameter("a", _HALF), Parameter("b", _HALF))),),
    derived=_derived_sbg,
    loglik=_loglik_sbg,
    alive=_alive_sbg,
    draw=_draw_sbg,
    buy=leave_between_opportunities,
    events=when_leaving_between_opportunities,
    expected=_expected_sbg,
    discrete=True,
)
