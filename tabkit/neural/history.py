"""The losses of a training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Epoch:
    """The losses of one epoch.

    Parameters
    ----------
    loss
        What was minimised, its mean over the steps: with dropout, label smoothing and class weights.
    held_out_loss
        The objective's loss on the held-out rows after the pass; None without such rows.
    learning_rate
        At the last step.
    """

    loss: float
    held_out_loss: float | None
    learning_rate: float


def history_frame(epochs: Sequence[Epoch]) -> pl.DataFrame:
    """Return one row per pass: epoch (from 1), loss, held_out_loss, learning_rate.

    >>> history_frame([Epoch(0.7, 0.69, 0.002)]).row(0)
    (1, 0.7, 0.69, 0.002)
    """
    rows = [(k + 1, e.loss, e.held_out_loss, e.learning_rate) for k, e in enumerate(epochs)]
    schema = {"epoch": pl.Int64, "loss": pl.Float64, "held_out_loss": pl.Float64, "learning_rate": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")
