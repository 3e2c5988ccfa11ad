"""Weakly identified parameters: the posterior is very wide, or hardly differs from the prior."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabkit.cltv.inference.density import sampled
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models.model import Model
from tabkit.cltv.models.priors import Prior

# In the prior's own quantiles a posterior that learned nothing is as wide as the prior: 1. From here on it took off
# less than a fifth.
_STILL_PRIOR = 0.8
_UNIFORM = 12**-0.5  # the standard deviation of a uniform variable: of the prior's own CDF values

_LEAVING = "how likely customers are to leave is hardly known; forecasts far ahead lean on the prior"
_LEAVERS = (
    "how far customers differ in the chance to leave is hardly known; who is still a customer, and forecasts far "
    "ahead, lean on the prior"
)
_BUYING = "how often customers buy is hardly known; forecasts of single customers lean on the prior"
_SPENDING = "what customers spend is hardly known; the value of single customers leans on the prior"
_RATES = {"r": _BUYING, "alpha": _BUYING}
_ROLES: Mapping[str, Mapping[str, str]] = {
    "bgnbd": {**_RATES, "phi": _LEAVING},
    "mbgnbd": {**_RATES, "phi": _LEAVING},
    "paretonbd": {**_RATES, "s": _LEAVING},
    "bgbb": {**dict.fromkeys(("phi_buy", "kappa_buy", "alpha", "beta"), _BUYING), "phi": _LEAVING},
    "sbg": {"phi": _LEAVING},
}


@dataclass(frozen=True, slots=True)
class Vague:
    """A weakly identified parameter.

    Parameters
    ----------
    name, mean, sd
        Of its posterior.
    still_prior
        Its posterior hardly differs from its prior; otherwise its standard deviation is above its mean.
    means
        What that says of forecasts.
    """

    name: str
    mean: float
    sd: float
    still_prior: bool
    means: str


def vague(posterior: Posterior, priors: Mapping[str, Prior], model: Model | None) -> list[Vague]:
    """Return the weakly identified parameters of purchases, or without a model of spend.

    A positive parameter, or a share, is vague if its standard deviation exceeds its mean. Any that was sampled is vague
    if the posterior hardly differs from the prior: in quantiles of the prior, in which that is uniform, it keeps four
    fifths of its width. Scales of groups are left out: next to nothing is what they are where groups are alike.

    Examples
    --------
    >>> from tabkit.cltv.inference.design import Design
    >>> wide = np.random.default_rng(0).standard_cauchy(4000)
    >>> posterior = Posterior({"p": np.abs(wide), "q": 3 + 0.1 * np.tanh(wide)}, (), Design())
    >>> priors = {name: Prior.of("half_cauchy", beta=1.0) for name in ("p", "q")}
    >>> [one.name for one in vague(posterior, priors, None)]
    ['p']
    """
    return [
        Vague(name, float(draws.mean()), float(draws.std(ddof=1)), _is_still(draws, prior), _means(name, model))
        for name, draws, prior in _drawn(posterior, priors, model)
        if _is_still(draws, prior) or (": " not in name and draws.std(ddof=1) > draws.mean())
    ]


def sentences(found: Sequence[Vague]) -> Iterator[str]:
    """Yield one sentence for each quantity that forecasts hardly know.

    >>> next(sentences([Vague("v", 5.0, 51.0, False, "spend is hardly known")]))
    'The data hardly tell v (5 ± 51): spend is hardly known.'
    """
    for means in dict.fromkeys(one.means for one in found):
        those = [one for one in found if one.means == means]
        named = [f"{v.name} ({v.mean:.2g} ± {v.sd:.2g}{', as its prior' if v.still_prior else ''})" for v in those]
        yield f"The data hardly tell {', '.join(named)}: {means}."


def _drawn(
    posterior: Posterior, priors: Mapping[str, Prior], model: Model | None
) -> Iterator[tuple[str, Any, Prior | None]]:
    """Yield what was sampled with its prior, then what the formulas make of it."""
    for name, draws, prior in sampled(posterior, priors):
        if not name.endswith("_sigma"):
            yield name, draws, prior
    if model is not None:
        free = {p.name: posterior.draws[p.name] for p in posterior.parameters}
        for name, draws in model.derived(free).items():
            if name not in free:
                yield name, np.asarray(draws), None


def _is_still(draws: Any, prior: Prior | None) -> bool:
    """Say whether a posterior is nearly as wide as its prior, in the prior's quantiles."""
    return prior is not None and float(np.std(prior.frozen().cdf(draws)) / _UNIFORM) > _STILL_PRIOR


def _means(name: str, model: Model | None) -> str:
    if ": " in name:
        effect, _, covariate = name.partition(": ")
        return f"the effect of {covariate} on {effect} is hardly known"
    return _SPENDING if model is None else _ROLES[model.name].get(name, _LEAVERS)
