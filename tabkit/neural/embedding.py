"""The last hidden layer as columns, for models that learn from them."""

from __future__ import annotations

import polars as pl

from tabkit.errors import ConfigError
from tabkit.neural.model import MLPModel


def embed(model: MLPModel, frame: pl.DataFrame, *, members: int = 1, num_threads: int = 0) -> pl.DataFrame:
    """Return the last hidden layer of a network for each row.

    Parameters
    ----------
    model
        A fitted network.
    frame
        Encoded rows, as for `MLPModel.predict`; columns are taken by name, null and NaN mean missing.
    members
        Of how many of the model's members: each has a layer of its own.
    num_threads
        0 takes torch's own number.

    Returns
    -------
    pl.DataFrame
        n rows of Float32, ``hidden_0, hidden_1, ...``: members * units columns, never null.

    Raises
    ------
    ConfigError
        If the model has fewer members.
    SchemaError, ScoringError
        See `MLPModel.raw`.

    Notes
    -----
    Rows that the network was fitted on have seen their own target: on them its layer looks better than it is on new
    rows. But also learned on other rows the layer is seldom worth its columns to trees that have the features
    themselves: on the tables of ``benchmarks/neural.py`` it cost LightGBM more than the standard error on
    breast_cancer and employee_salaries, and .011 to .019 of AUC on a fold of bank_additional; it surely helped nowhere
    (with 32 units diabetes gained a little more than the standard error). Compare before you keep it.
    """
    names = embed_names(model, members=members)
    layer = model.hidden(frame, members=members, num_threads=num_threads)
    return pl.DataFrame(layer, schema=dict.fromkeys(names, pl.Float32), orient="row")


def embed_names(model: MLPModel, *, members: int = 1) -> list[str]:
    """Return the names of the columns of `embed`; `ConfigError` if the model has fewer members."""
    most = model.shape["members"]
    if not 1 <= members <= most:
        raise ConfigError(f"members is {members}; the model has {most}", advice=f"ask for 1 to {most}")
    return [f"hidden_{k}" for k in range(members * model.shape["hidden"][-1])]
