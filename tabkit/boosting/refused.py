"""LightGBM parameters that users may pass on, and why the others are refused."""

from __future__ import annotations

SETTINGS = {
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

DECIDED = {
    "scores would no longer be probabilities: weigh rows by the role weight, or take a lower threshold of the score": (
        "scale_pos_weight is_unbalance unbalance unbalanced_sets pos_bagging_fraction pos_bagging pos_sub_row "
        "pos_subsample neg_bagging_fraction neg_bagging neg_sub_row neg_subsample"
    ),
    "the loss follows from the objective": "metric metrics metric_types is_provide_training_metric training_metric "
    "is_training_metric train_metric first_metric_only metric_freq output_freq",
    "the setting early_stopping_rounds alone ends the growth": "early_stopping_min_delta",
    "the base score stands outside the trees": "boost_from_average",
    "the link, or the target, would be another": "sigmoid reg_sqrt",
    "it follows from the target": "num_class num_classes",
    "it belongs to an objective that is not offered here": (
        "fair_c label_gain auc_mu_weights eval_at map_at ndcg_at map_eval_at ndcg_eval_at multi_error_top_k "
        "objective_seed bagging_by_query lambdarank_norm lambdarank_position_bias_regularization "
        "lambdarank_truncation_level"
    ),
    "encoded features are numbers": "categorical_feature cat_feature categorical_column cat_column "
    "categorical_features",
    "it takes features by their place, which the encoder decides": (
        "interaction_constraints max_bin_by_feature feature_contri fc fp feature_contrib feature_penalty "
        "cegb_penalty_feature_coupled cegb_penalty_feature_lazy"
    ),
    "LightGBM prints nothing here": "verbosity verbose",
    "scores are always those of all trees": (
        "predict_contrib contrib is_predict_contrib predict_leaf_index leaf_index is_predict_leaf_index "
        "predict_raw_score raw_score predict_rawscore is_predict_raw_score predict_disable_shape_check "
        "num_iteration_predict start_iteration_predict pred_early_stop pred_early_stop_freq pred_early_stop_margin"
    ),
    "an update has a setting of its own, decay": "refit_decay_rate",
    "rows, weights and models are not read from or written to files here": (
        "task task_type config config_file "
        "data train train_data train_data_file data_filename valid test valid_data valid_data_file test_data "
        "test_data_file valid_filenames input_model model_input model_in output_model model_output model_out "
        "snapshot_freq save_period save_binary is_save_binary is_save_binary_file label_column label weight_column "
        "weight group_column group group_id query_column query query_id ignore_column ignore_feature blacklist "
        "forcedsplits_filename fs forced_splits forced_splits_file forced_splits_filename forcedbins_filename "
        "output_result name_pred pred_name predict_name predict_result prediction_name prediction_result "
        "convert_model convert_model_file convert_model_language header has_header two_round two_round_loading "
        "use_two_round_loading parser_config_file precise_float_parser"
    ),
    "trees are grown on this machine alone": (
        "machines nodes workers machine_list_filename mlist machine_list machine_list_file num_machines num_machine "
        "local_listen_port port local_port time_out tree_learner tree tree_type tree_learner_type top_k topk "
        "pre_partition is_pre_partition"
    ),
}
"""By reason, what is no setting at all, aliases included."""

PASSED_ON = frozenset(
    {
        "bagging_fraction",
        "bagging_freq",
        "bagging_seed",
        "bin_construct_sample_cnt",
        "boosting",
        "cat_l2",
        "cat_smooth",
        "cegb_penalty_split",
        "cegb_tradeoff",
        "data_random_seed",
        "data_sample_strategy",
        "deterministic",
        "device_type",
        "drop_rate",
        "drop_seed",
        "enable_bundle",
        "extra_seed",
        "extra_trees",
        "feature_fraction_bynode",
        "feature_fraction_seed",
        "feature_pre_filter",
        "force_col_wise",
        "force_row_wise",
        "gpu_device_id",
        "gpu_device_id_list",
        "gpu_platform_id",
        "gpu_use_dp",
        "histogram_pool_size",
        "is_enable_sparse",
        "lambda_l1",
        "linear_lambda",
        "linear_tree",
        "max_bin",
        "max_cat_threshold",
        "max_cat_to_onehot",
        "max_delta_step",
        "max_depth",
        "max_drop",
        "min_data_in_bin",
        "min_data_per_group",
        "min_gain_to_split",
        "min_sum_hessian_in_leaf",
        "monotone_constraints_method",
        "monotone_penalty",
        "num_gpu",
        "num_grad_quant_bins",
        "other_rate",
        "path_smooth",
        "poisson_max_delta_step",
        "quant_train_renew_leaf",
        "saved_feature_importance_type",
        "skip_drop",
        "stochastic_rounding",
        "top_rate",
        "uniform_drop",
        "use_missing",
        "use_quantized_grad",
        "xgboost_dart_mode",
        "zero_as_missing",
    }
)
"""Main names of what shapes trees and leaves what a score means: handed on. All else is refused, new names too."""

GIVEN = PASSED_ON | {
    "alpha",
    "boost_from_average",
    "feature_fraction",
    "lambda_l2",
    "learning_rate",
    "metric",
    "min_data_in_leaf",
    "monotone_constraints",
    "num_class",
    "num_leaves",
    "num_threads",
    "objective",
    "seed",
    "tweedie_variance_power",
    "verbosity",
}
"""Main names of all that a fit gives to LightGBM: what is handed on, and what settings and tabkit decide."""

REFUSED = {name: f"it is the setting {ours!r} here" for ours, names in SETTINGS.items() for name in names.split()}
REFUSED |= {name: reason for reason, names in DECIDED.items() for name in names.split()}
"""By every name of a parameter that is refused, why."""
