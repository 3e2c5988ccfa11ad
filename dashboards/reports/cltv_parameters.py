"""The parameters of a model of customer value, with what each says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.inference.density import sampled
from tabkit.cltv.model import CLTVModel
from tabkit.cltv.models.priors import Prior
from tabkit.untrusted.manifest import building

LEVEL = 0.94  # of intervals on the page, as in the room

_RATE, _SCALE = "shape of the customers' purchase rates: the smaller, the more they differ", "scale of these rates"
_LEAVING = {
    "phi": "mean chance to leave",
    "kappa": "how alike these chances are: the smaller, the more they differ",
    "a": "first parameter of the Beta distribution of the chance to leave",
    "b": "its second parameter",
}
_DROPOUT = {"r": _RATE, "alpha": _SCALE, **_LEAVING}
_MEANINGS: dict[str, dict[str, str]] = {
    "bgnbd": _DROPOUT,
    "mbgnbd": _DROPOUT,
    "paretonbd": {
        "r": _RATE,
        "alpha": _SCALE,
        "s": "shape of the rates of leaving: the smaller, the more customers differ",
        "beta": "scale of the rates of leaving",
    },
    "bgbb": {
        **_LEAVING,
        "phi_buy": "mean chance to buy at an opportunity",
        "kappa_buy": "how alike these chances are: the smaller, the more they differ",
        "alpha": "first parameter of the Beta distribution of the chance to buy",
        "beta": "its second parameter",
        "gamma": "first parameter of the Beta distribution of the chance to leave",
        "delta": "its second parameter",
    },
    "sbg": _LEAVING,
}
_SPEND = {
    "p": "shape of single purchases: the larger, the more alike those of one customer",
    "q": "shape of the customers' mean spend: the larger, the more alike the customers",
    "v": "scale of the mean spend",
}


def parameters(model: CLTVModel) -> pl.DataFrame:
    """Return one row per parameter, those of the formulas too: ``parameter``, ``meaning``, ``mean``, ``low``, ``high``.

    The ends are the quantiles 0.03 and 0.97 of the draws; ``prior`` is in words, null where it follows from others.
    """
    rows = []
    for name, draws, prior in _single(model):
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        values = {"mean": float(draws.mean()), "low": float(low), "high": float(high)}
        words = None if prior is None else _words(prior.to_dict())
        rows.append(
            {"parameter": name, "meaning": _meaning(name, model.forecaster.model.name), **values, "prior": words}
        )
    types = {"parameter": pl.String, "meaning": pl.String, **dict.fromkeys(("mean", "low", "high"), pl.Float64)}
    return pl.DataFrame(rows, schema={**types, "prior": pl.String})


def _single(model: CLTVModel) -> Iterator[tuple[str, NDArray[np.float64], Prior | None]]:
    """Yield names, draws and priors: what was sampled, then what the model derives from it; then those of spend."""
    own, priors = model.forecaster, priors_of(model.facts)
    for posterior in (own.purchases, own.spending):
        if posterior is None:
            continue
        drawn = list(sampled(posterior, priors))
        yield from drawn
        if posterior is own.purchases:
            free = {p.name: posterior.draws[p.name] for p in posterior.parameters}
            for name, draws in own.model.derived(free).items():
                if name not in free:
                    yield name, np.asarray(draws), None


def priors_of(facts: Mapping[str, Any]) -> dict[str, Prior]:
    """Return the priors of a fit by the names of their parameters."""
    with building("what it tells of its priors"):
        return {name: Prior.from_dict(values) for name, values in facts["priors"].items()}


def _meaning(name: str, model: str) -> str | None:
    """Return what a parameter says, None for one without words.

    >>> _meaning("alpha_sigma", "bgnbd"), _meaning("rate: age", "bgnbd")
    ('how far groups differ in alpha', 'effect of age on rate, per standard deviation')
    """
    if name.endswith("_sigma"):
        return f"how far groups differ in {name.removesuffix('_sigma')}"
    effect, _, covariate = name.partition(": ")
    if covariate:
        return f"effect of {covariate} on {effect}, per standard deviation"
    return {**_MEANINGS.get(model, {}), **_SPEND}.get(name)


def _words(prior: Mapping[str, Any]) -> str:
    """Return a prior in words.

    >>> _words({"kind": "half_cauchy", "beta": 2.5}), _words({"kind": "uniform", "lower": 0.0, "upper": 1.0})
    ('half-Cauchy, beta 2.5', 'uniform, lower 0, upper 1')
    """
    name = str(prior["kind"]).replace("_", "-").replace("cauchy", "Cauchy")
    return ", ".join([name, *(f"{key} {value:.3g}" for key, value in prior.items() if key != "kind")])
