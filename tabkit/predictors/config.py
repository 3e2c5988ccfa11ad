"""Settings of what predicts: which learner, the encoding before it, and how each learner is fitted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tabkit import predictors
from tabkit.boosting.config import BoostingConfig
from tabkit.config import Config
from tabkit.encoding.config import EncodingConfig
from tabkit.neural.config import MLPConfig
from tabkit.predictors.linear_config import LinearConfig
from tabkit.rules.given import Rules

ModelName = Literal["lightgbm", "mlp", "linear"]
_SHARED = ("objective", "quantile", "tweedie_power")


class EncodeConfig(Config):
    """How a table becomes features for models of other libraries.

    Parameters
    ----------
    rules
        Sets of rows that become features of 0 and 1 beside all others: a file of rules, or a list of them.
    drop_null_target
        Leave out rows without a target instead of refusing them.
    seed
        Decides folds.
    encoding
        How columns become features.
    """

    rules: Rules = ()
    drop_null_target: bool = False
    seed: int = Field(default=0, ge=0)
    encoding: EncodingConfig = Field(default_factory=EncodingConfig)


class PredictorConfig(Config):
    """How features are made, and how what predicts is fitted to them.

    Parameters
    ----------
    model
        What learns: ``lightgbm``, boosted trees; ``mlp``, a small network (extra `neural`); or ``linear``, a logistic
        regression, ridge or a log-linear model.
    rules
        Sets of rows that become features of 0 and 1 beside all others: a file of rules, or a list of them.
    seed
        Decides splits, folds and resamples.
    encoding
        How columns become features.
    boosting
        Of trees. Objective, quantile and variance power are those of every learner.
    neural
        Of the network.
    linear
        Of the linear model.
    """

    model: ModelName = "lightgbm"
    rules: Rules = ()
    seed: int = Field(default=0, ge=0)
    encoding: EncodingConfig = Field(default_factory=EncodingConfig)
    boosting: BoostingConfig = Field(default_factory=BoostingConfig)
    neural: MLPConfig = Field(default_factory=MLPConfig)
    linear: LinearConfig = Field(default_factory=LinearConfig)

    @model_validator(mode="after")
    def _one_objective(self) -> PredictorConfig:
        for name in _SHARED:
            value = getattr(self.neural, name)
            if value not in (MLPConfig.model_fields[name].default, getattr(self.boosting, name)):
                raise ValueError(f"neural.{name} is {value!r}: set boosting.{name}, which holds for every model")
        if self.boosting.monotone and not (learner := predictors.LEARNERS[self.model]).keeps_monotone:
            raise ValueError(f"boosting.monotone is of trees: {learner.noun} cannot promise it")
        return self

    def network(self) -> MLPConfig:
        """Return the settings of the network, with the objective of the job."""
        return self.neural.model_copy(update={name: getattr(self.boosting, name) for name in _SHARED})
