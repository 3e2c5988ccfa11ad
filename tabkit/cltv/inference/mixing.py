"""Convergence of a sampler's chains: what is measured, what is reported, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit.cltv.limits import FEWEST_EFFECTIVE
from tabkit.errors import FitError
from tabkit.extras import require

Floats = NDArray[np.float64]

WORST_R_HAT = 1.1
"""Refused above: chains differ by as much as Gelman and Rubin (1992) still let pass; they have not met."""
MOST_DIVERGENT = 0.03
"""Share of draws, refused above: as many as lie beyond an end of the intervals shown, which are of 94 %."""
GOOD_R_HAT = 1.02
"""Told above. Vehtari et al. (2021) ask for 1.01 of one number; this is the largest of hundreds, which chains that are
alike bring above 1.01 by chance."""
GOOD_EFFECTIVE = 400
"""Told below: Vehtari et al. (2021) ask for 50 of each half of four chains, or R-hat itself is a rough number."""
GOOD_DIVERGENT = 0.001
"""Share of draws, told above: a thirtieth of what lies beyond an end of an interval."""

_ADVICE = (
    "draw and tune for longer; if that does not help, give priors that suit the data (one far from them, or a scale "
    "next to 0, can leave two answers), or leave out what says next to nothing"
)


def mixing(posterior: Mapping[str, Floats], *, divergences: int) -> dict[str, float]:
    """Return how well chains mixed.

    Parameters
    ----------
    posterior
        Draws by name, shape (chains, draws, ...). One chain is compared with itself, half by half.
    divergences
        How many of all draws.

    Returns
    -------
    dict
        ``divergences``, ``divergent`` (their share of the draws), ``r_hat`` (the largest) and ``ess`` (the smallest).
    """
    arviz = require("arviz", extra="cltv")
    columns = []
    for value in posterior.values():
        flat = value.reshape(*value.shape[:2], -1)
        both = flat if len(flat) > 1 else flat[:, : flat.shape[1] // 2 * 2].reshape(2, -1, flat.shape[2])
        columns += [both[..., k] for k in range(both.shape[-1]) if not _constant(both[..., k])]
    total = int(np.prod(next(iter(posterior.values())).shape[:2]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numbers that are not finite: R-hat is NaN, which is refused
        r_hat = max(_bad(float(arviz.rhat(column)), np.inf) for column in columns)
        ess = min(_bad(float(arviz.ess(column)), 0.0) for column in columns)
    return {"divergences": float(divergences), "divergent": divergences / total, "r_hat": r_hat, "ess": ess}


def _constant(draws: Floats) -> bool:
    """Whether all draws of all chains are one number, such as a share that is rounded to 1: nothing is to be mixed."""
    return bool(np.isfinite(draws).all() and (draws == draws.flat[0]).all())


def _bad(value: float, instead: float) -> float:
    """Return `value`, or what is worse than any where it is NaN: comparisons with NaN would pass it over."""
    return value if np.isfinite(value) else instead


def refuse(found: Mapping[str, float]) -> None:
    """Raise `FitError` if the draws did not converge: means and intervals would be wrong, not only rough."""
    problems = []
    if found["r_hat"] > WORST_R_HAT:
        problems.append(f"R-hat is {found['r_hat']:.2f}, above {WORST_R_HAT:g}: chains found different answers")
    if found["ess"] < FEWEST_EFFECTIVE:
        problems.append(f"{found['ess']:.0f} effective draws, below {FEWEST_EFFECTIVE}")
    if found["divergent"] > MOST_DIVERGENT:
        problems.append(
            f"{found['divergent']:.1%} of draws diverged, above {MOST_DIVERGENT:.0%}: places that belong to the answer "
            "were missed"
        )
    if problems:
        raise FitError(f"the sampler did not find the posterior: {'; '.join(problems)}", advice=_ADVICE)


def doubts(found: Mapping[str, float | None]) -> tuple[str, ...]:
    """Return the warnings that belong beside every number from doubtful draws.

    Parameters
    ----------
    found
        As `mixing` makes it; diagnostics of Laplace's approximation leave no doubt of this kind.

    Examples
    --------
    >>> doubts({"divergences": 1.0, "divergent": 0.0002, "r_hat": 1.004, "ess": 900.0})
    ()
    >>> doubts({"divergences": 9.0, "divergent": 0.009, "r_hat": 1.004, "ess": 900.0})[0][:39]
    '9 divergences (0.9% of draws): the samp'
    """
    told = []
    share, r_hat, ess = found.get("divergent"), found.get("r_hat"), found.get("ess")
    if share is not None and share > GOOD_DIVERGENT:
        told.append(
            f"{found['divergences']:,.0f} divergences ({share:.1%} of draws): the sampler missed a narrow place, so "
            "that intervals may be too short; tune for longer, or give stronger priors."
        )
    if r_hat is not None and r_hat > GOOD_R_HAT:
        told.append(f"R-hat is {r_hat:.3f}, above {GOOD_R_HAT:g}: the chains do not agree yet; draw more.")
    if r_hat is not None and ess is not None and ess < GOOD_EFFECTIVE:
        told.append(f"{ess:.0f} effective draws, below {GOOD_EFFECTIVE}: ends of intervals are rough; draw more.")
    return tuple(told)


def doubts_of_fit(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return `doubts` of a fitted model of customers: of its purchases, and of its spend where it knows amounts.

    Parameters
    ----------
    facts
        ``diagnostics``, and ``spend`` (None without amounts) with its own.
    """
    spend = facts.get("spend") or {}
    parts = {"Purchases": facts.get("diagnostics"), "Spend": spend.get("diagnostics")}
    return tuple(f"{name}: {told}" for name, found in parts.items() for told in doubts(found or {}))
