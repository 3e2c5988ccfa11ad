"""Settings of a boosted model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from tabkit.boosting.refused import REFUSED
from tabkit.config import Config, ObjectiveName


class BoostingConfig(Config):
    """How trees are grown; names are LightGBM's unless they say more here.

    Parameters
    ----------
    objective
        What is minimised; ``auto`` follows the target's task. `poisson` for counts, `gamma` for positive
        amounts, `tweedie` for amounts with many zeros: these have a log link and take exposure.
    learning_rate
        How much of each tree is taken.
    num_leaves
        The most leaves of a tree.
    min_data_in_leaf
        The fewest rows of a leaf.
    feature_fraction
        Share of the features that each tree may use.
    lambda_l2
        How strongly values of leaves are drawn towards none.
    max_trees
        The most boosting rounds; early stopping usually ends before.
    early_stopping_rounds
        Rounds without a better held-out loss after which growing stops; 0 grows all `max_trees`.
    quantile
        The level of the quantile objective, between 0 and 1.
    tweedie_power
        The variance power of the Tweedie objective, from 1 to below 2.
    monotone
        By feature: 1 if the prediction may only rise with it, -1 if only fall. Not with `quantile`.
    seed
        Decides which features a tree may use.
    num_threads
        0 takes all cores. Results are the same for the same seed and number of threads.
    params
        Further LightGBM parameters under any of their names, handed on as they are. Those that have a setting
        here, that tabkit decides, or that change what a score means (``scale_pos_weight``), are refused: see
        `tabkit.boosting.refused`.
    """

    objective: ObjectiveName | Literal["auto"] = "auto"
    learning_rate: float = Field(default=0.05, gt=0, allow_inf_nan=False)
    num_leaves: int = Field(default=31, ge=2)
    min_data_in_leaf: int = Field(default=20, ge=1)
    feature_fraction: float = Field(default=0.8, gt=0, le=1)
    lambda_l2: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    max_trees: int = Field(default=1000, ge=1)
    early_stopping_rounds: int = Field(default=50, ge=0)
    quantile: float = Field(default=0.5, gt=0, lt=1)
    tweedie_power: float = Field(default=1.5, ge=1, lt=2)
    monotone: dict[str, Literal[-1, 0, 1]] = Field(default_factory=dict)
    seed: int = Field(default=0, ge=0)
    num_threads: int = Field(default=0, ge=0)
    params: dict[str, Any] = Field(default_factory=dict)

    @field_validator("params")
    @classmethod
    def _not_ours(cls, params: dict[str, Any]) -> dict[str, Any]:
        refused = [f"{name!r}: {REFUSED[name]}" for name in params if name in REFUSED]
        if refused:
            raise ValueError(f"not to be given as LightGBM parameters: {'; '.join(refused)}")
        return params
