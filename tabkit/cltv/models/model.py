"""The protocol of a customer model: its parameters, its likelihood, and its simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tabkit.cltv.models.buying import Bought, Buyers, Events
from tabkit.cltv.models.ops import Ops
from tabkit.cltv.models.priors import Prior

Floats = NDArray[np.float64]
Values = Mapping[str, Any]
"""Parameters by name; each a number or an array that broadcasts with the data."""

Dimension = Literal["none", "time", "amount"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A free parameter of a model.

    Parameters
    ----------
    name
        As in the paper.
    prior
        By default; of a parameter with a dimension in units of the data's mean age or mean spend, so that results
        do not depend on the unit of time or the currency.
    dimension
        What it is measured in.
    share
        It lies between 0 and 1; others are positive.
    """

    name: str
    prior: Prior
    dimension: Dimension = "none"
    share: bool = False


LEVELS = "(levels)"
"""Under this name data may hold, by column, its distinct numbers and the place of each row's own among them."""


def by_level(function: Callable[[Any], Any], data: Values, column: str, values: Sequence[Any]) -> Any:
    """Return ``function(data[column])``, computed once for each distinct number where the parameters allow it.

    Of a hundred thousand distinct customers there are some tens of frequencies and some hundreds of ages: what hangs
    on one of them alone is computed that often, and then handed to the rows.

    Parameters
    ----------
    data
        With `LEVELS`, or without.
    values
        The parameters in the function. If one of them has a number of its own for each row, rows are not shared.

    Examples
    --------
    >>> rows = {"x": np.array([4.0, 9.0, 4.0]), LEVELS: {"x": (np.array([4.0, 9.0]), np.array([0, 1, 0]))}}
    >>> by_level(np.sqrt, rows, "x", []).tolist(), by_level(np.sqrt, {"x": rows["x"]}, "x", []).tolist()
    ([2.0, 3.0, 2.0], [2.0, 3.0, 2.0])
    """
    levels, place = data.get(LEVELS, {}).get(column, (None, None))
    if levels is None or any(getattr(value, "ndim", 0) for value in values):
        return function(data[column])
    return function(levels)[place]


@dataclass(frozen=True, slots=True)
class Model:
    """A model of customers.

    Parameters
    ----------
    name
        As it is chosen: ``bgnbd`` and so on.
    title, source
        Its name in words, and the paper.
    columns
        What the likelihood needs of a customer.
    parameters
        Its free parameters.
    other
        Parameters that may be given priors in place of some: those they replace, and themselves.
    derived
        Free parameters to those of the formulas.
    loglik
        The log-likelihood of each row: ``loglik(ops, values, data)``.
    alive
        The probability to be a customer still: ``alive(values, data)``.
    draw
        Hidden rates given the data: ``draw(values, data, rng)``; data broadcast with values.
    buy, events
        Simulate a span of time: how many purchases, or each with its time.
    expected
        The mean number of purchases of a customer who is alive, in closed form or by quadrature.
    discrete
        Time runs in whole opportunities.
    covariates
        By what a covariate may act on: the parameters that it multiplies, with the sign of its effect.
    """

    name: str
    title: str
    source: str
    columns: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    loglik: Callable[[Ops, Values, Values], Any]
    alive: Callable[[Values, Values], Floats]
    draw: Callable[[Values, Values, np.random.Generator], Buyers]
    buy: Callable[[Buyers, float, np.random.Generator], Bought]
    events: Callable[[Buyers, float, np.random.Generator], Iterator[Events]]
    expected: Callable[[Values, Values, float], Floats]
    derived: Callable[[Values], dict[str, Any]] = dict
    other: tuple[tuple[tuple[str, ...], tuple[Parameter, ...]], ...] = ()
    discrete: bool = False
    covariates: Mapping[str, Mapping[str, int]] | None = None
