"""Settings of a boosted model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from tabkit.config import Config
from tabkit.objective import ObjectiveName

_SETTINGS = {
    "objective": "objective objective_type app application loss",
    "learning_rate": "learning_rate shrinkage_rate eta",
    "num_leaves": "num_leaves num_leaf max_leaves max_leaf max_leaf_nodes",
    "min_data_in_leaf": "min_data_in_leaf min_data_per_leaf min_data min_child_samples min_samples_leaf",
    "feature_fraction": "feature_fraction sub_feature colsample_bytree",
    "lambda_l2": "lambda_l2 reg_lambda lambda l2_regularization",
    "max_trees": "num_iterations num_iteration n_iter num_tree num_trees num_round num_rounds nrounds "
    "num_boost_round n_estimators max_iter",
    "early_stopping_rounds": "early_stopping_round early_stopping_rounds early_stopping n_iter_no_change",
    "quantile": "alpha",
    "tweedie_power": "tweedie_variance_power",
    "monotone": "monotone_constraints mc monotone_constraint monotonic_cst",
    "seed": "seed random_seed random_state",
    "num_threads": "num_threads num_thread nthread nthreads n_jobs",
}
"""By our setting, what LightGBM calls it, aliases included."""

_DECIDED = {
    "the loss follows from the objective": "metric metrics metric_types is_provide_training_metric training_metric "
    "is_training_metric train_metric",
    "the base score stands outside the trees": "boost_from_average",
    "the link would be another": "sigmoid reg_sqrt",
    "it follows from the target": "num_class num_classes",
    "encoded features are numbers": "categorical_feature cat_feature categorical_column cat_column "
    "categorical_features",
    "LightGBM prints nothing here": "verbosity verbose",
    "rows, weights and models are not read from or written to files here": "task task_type config config_file "
    "data train train_data train_data_file data_filename valid test valid_data valid_data_file test_data "
    "test_data_file valid_filenames input_model model_input model_in output_model model_output model_out "
    "snapshot_freq save_period save_binary is_save_binary is_save_binary_file label_column label weight_column "
    "weight group_column group group_id query_column query query_id ignore_column ignore_feature blacklist",
}
"""By reason, what is no setting at all."""

_REFUSED = {name: f"it is the setting {ours!r} here" for ours, names in _SETTINGS.items() for name in names.split()}
_REFUSED |= {name: reason for reason, names in _DECIDED.items() for name in names.split()}


class BoostingConfig(Config):
    """How trees are grown; names are LightGBM's unless they say more here.

    Parameters
    ----------
    objective
        What is minimised; ``auto`` follows the target's task. `poisson` for counts, `gamma` for positive
        amounts, `tweedie` for amounts with many zeros: these have a log link and take exposure.
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
    num_threads
        0 takes all cores. Results are the same for the same seed and number of threads.
    params
        Further LightGBM parameters under any of their names, handed on as they are. Those that have a setting
        here, or that tabkit decides, are refused.
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
        refused = [f"{name!r}: {_REFUSED[name]}" for name in params if name in _REFUSED]
        if refused:
            raise ValueError(f"not to be given as LightGBM parameters: {'; '.join(refused)}")
        return params
