"""PyMC and PyTensor, imported when they are first used: forecasts do without them."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tabkit.cltv.models.ops import Ops


def library(name: str) -> Any:
    """Import a library of the `cltv` extra, without the notices that it prints of its own future.

    Raises
    ------
    ImportError
        If it is not installed; it says how to install it.
    """
    try:
        with quiet():
            return importlib.import_module(name)
    except ImportError as error:
        problem = f"fitting customer value needs {name}, which is not installed: pip install 'tabkit-ml[cltv]'"
        raise ImportError(problem, name=name) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the libraries say while they compile: of linear algebra that is not used, of rewrites left out.

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
    return {} if library("pytensor").config.cxx else {"mode": "NUMBA"}


def pytensor_ops() -> Ops:
    """Return the functions of `Ops` as PyTensor has them."""
    pt = library("pytensor.tensor")
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
