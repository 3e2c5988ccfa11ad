"""PyMC and PyTensor, imported on first use; forecasts do not need them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tabkit.cltv.models.ops import Ops
from tabkit.extras import require


@contextmanager
def quiet() -> Iterator[None]:
    """Silence notices of the libraries while they compile.

    A rewrite that fails is left out, which changes no number; PyTensor logs it with a traceback.
    """
    rewriting = logging.getLogger("pytensor.graph.rewriting.basic")
    before = rewriting.level
    rewriting.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        rewriting.setLevel(before)


def compiling() -> dict[str, Any]:
    """Return how functions are compiled: as PyTensor does by default, but by Numba where there is no C++ compiler."""
    return {} if require("pytensor", extra="cltv").config.cxx else {"mode": "NUMBA"}


def pytensor_ops() -> Ops:
    """Return the functions of `Ops` as PyTensor has them."""
    pt = require("pytensor.tensor", extra="cltv")
    return Ops(
        log=pt.log,
        log1p=pt.log1p,
        exp=pt.exp,
        expm1=pt.expm1,
        gammaln=pt.gammaln,
        logaddexp=pt.logaddexp,
        maximum=pt.maximum,
        where=pt.switch,
        last=lambda x: pt.expand_dims(pt.as_tensor_variable(x), -1) if not isinstance(x, np.ndarray) else x[..., None],
        total=lambda x: pt.sum(x, axis=-1),
        logsumexp=lambda x: pt.logsumexp(x, axis=-1),
    )
