"""Settings to LightGBM's parameters: by name, known ones only, constraints in the order of the features."""

from __future__ import annotations

import difflib
from functools import cache
from typing import TYPE_CHECKING, Any

from tabkit import threads
from tabkit.boosting.config import BoostingConfig
from tabkit.boosting.refused import PASSED_ON, REFUSED
from tabkit.errors import ConfigError
from tabkit.extras import Later
from tabkit.objective import Objective

if TYPE_CHECKING:
    import lightgbm as lgb
else:
    lgb = Later("lightgbm")


def parameters(config: BoostingConfig, objective: Objective, *, names: tuple[str, ...], outputs: int) -> dict[str, Any]:
    """Return LightGBM's parameters of a fit.

    Parameters
    ----------
    config
        The settings.
    objective
        What is minimised.
    names
        The features in the order of the data.
    outputs
        Trees per boosting round: the number of classes of a multiclass model, else 1.

    Raises
    ------
    ConfigError
        If a monotone constraint names an unknown feature or meets the quantile objective, or a further
        parameter is unknown to LightGBM, which would ignore it in silence, or cannot work here.
    """
    further = _canonical(config.params)
    if further.get("boosting") in ("rf", "random_forest"):
        raise ConfigError(
            "boosting 'rf' cannot start from a base score", advice="choose gbdt, dart or no boosting parameter at all"
        )
    params: dict[str, Any] = {
        "objective": objective.name,
        "metric": objective.metric,
        "boost_from_average": False,
        "learning_rate": config.learning_rate,
        "num_leaves": config.num_leaves,
        "min_data_in_leaf": config.min_data_in_leaf,
        "feature_fraction": config.feature_fraction,
        "lambda_l2": config.lambda_l2,
        "seed": config.seed,
        "num_threads": threads.count(config.num_threads),
        "deterministic": True,
        "force_row_wise": not further.get("force_col_wise", False),
        "verbosity": -1,
    }
    extra: dict[str, dict[str, Any]] = {
        "multiclass": {"num_class": outputs},
        "tweedie": {"tweedie_variance_power": config.tweedie_power},
        "quantile": {"alpha": config.quantile},
    }
    return {**params, **extra.get(objective.name, {}), **_constraints(config, objective, names), **further}


def _constraints(config: BoostingConfig, objective: Objective, names: tuple[str, ...]) -> dict[str, list[int]]:
    unknown = sorted(set(config.monotone) - set(names))
    if unknown:
        raise ConfigError(
            f"monotone constraints on features that are not there: {', '.join(map(repr, unknown))}",
            advice=f"the features are {', '.join(map(repr, names[:40]))}",
        )
    if not any(config.monotone.values()):
        return {}
    if objective.name == "quantile":
        raise ConfigError(
            "the quantile objective takes no monotone constraints: it sets its leaves anew after each tree",
            advice="drop the constraints, or choose another objective",
        )
    return {"monotone_constraints": [config.monotone.get(name, 0) for name in names]}


def _canonical(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters under their main names: LightGBM ignores an alias beside the name it stands for."""
    aliases = _aliases()
    unknown = [name for name in params if name not in aliases]
    if unknown:
        offered = [alias for alias, main in aliases.items() if main in PASSED_ON]
        close = difflib.get_close_matches(unknown[0], offered, n=1)
        raise ConfigError(
            f"unknown LightGBM parameters: {', '.join(map(repr, unknown))}",
            advice=f"did you mean {close[0]!r}?" if close else "see LightGBM's documentation for their names",
        )
    result: dict[str, Any] = {}
    for name, value in params.items():
        if aliases[name] in result:
            raise ConfigError(f"LightGBM parameter {aliases[name]!r} is given twice, once as {name!r}")
        result[aliases[name]] = value
    refused = sorted(set(result) - PASSED_ON)
    if refused:
        why = REFUSED.get(refused[0], "tabkit does not know what it does to scores")
        raise ConfigError(f"LightGBM parameter {refused[0]!r} is not handed on: {why}", advice="leave it out")
    return result


@cache
def _aliases() -> dict[str, str]:
    """Return the main name of every name that LightGBM knows."""
    table = lgb.basic._ConfigAliases._get_all_param_aliases()
    return {alias: name for name, aliases in table.items() for alias in (name, *aliases)}
