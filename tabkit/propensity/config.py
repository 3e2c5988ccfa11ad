"""Settings of a propensity model: fit, evaluation and updates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tabkit.boosting.config import BoostingConfig
from tabkit.config import Config
from tabkit.encoding.config import EncodingConfig
from tabkit.predictors.config import PredictorConfig

__all__ = ["SplitConfig", "TrainConfig", "UpdateConfig", "WorthConfig"]


def label(value: object) -> object:
    """Convert TOML's true and false to the labels of a boolean target."""
    return str(value).lower() if isinstance(value, bool) else value


Label = Annotated[str | None, BeforeValidator(label)]


class SplitConfig(Config):
    """Which rows are held out.

    Parameters
    ----------
    holdout
        Share of the rows that the reported metrics are measured on: the newest ones with a time role,
        else drawn by chance, whole groups or stratified by class.
    early_stopping
        Share of the other rows that decides how many trees are grown; chosen the same way.
    """

    holdout: float = Field(default=0.2, gt=0, lt=1)
    early_stopping: float = Field(default=0.15, gt=0, lt=1)


class TrainConfig(PredictorConfig):
    """How a propensity model is fitted and measured.

    Parameters
    ----------
    compare
        Fit the other learners too, and measure them on the same rows. Without an output nothing is saved.
    positive
        The positive label of a binary target, as text.
    drop_null_target
        Leave out rows without a target instead of refusing them.
    final
        ``all``: once measured, the saved model is fitted again on all rows, with the number of trees (or epochs)
        found. ``evaluated``: the saved model is the measured one, which never saw the held-out rows.
    resamples
        How often rows are drawn for the bootstrap intervals.
    level
        Of the intervals.
    split
        Which rows are kept out of the fit.
    """

    compare: bool = False
    positive: Label = None
    drop_null_target: bool = False
    final: Literal["all", "evaluated"] = "all"
    resamples: int = Field(default=200, ge=20, le=100_000)
    level: float = Field(default=0.95, gt=0, lt=1)
    split: SplitConfig = Field(default_factory=SplitConfig)


class WorthBoosting(BoostingConfig):
    """How trees are grown in an ablation, where only differences matter: fewer trees, larger steps."""

    learning_rate: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    max_trees: int = Field(default=200, ge=1)
    early_stopping_rounds: int = Field(default=25, ge=0)


class WorthConfig(Config):
    """How models with and without rules are compared; see `TrainConfig` for settings that both share.

    Parameters
    ----------
    holdout
        A column of true (or 1) for the rows that the author of the rules never saw; it is no feature.
    positive
        The positive label of a binary target, as text.
    drop_null_target
        Leave out rows without a target instead of refusing them.
    folds
        In how many parts the judging rows are divided.
    repeats
        How often they are divided anew; along time they are divided once.
    early_stopping
        Share of the rows of each fit that decides how many trees are grown.
    resamples
        How often rows are drawn for the bootstrap intervals.
    level
        Of the intervals.
    seed
        Decides folds and resamples.
    encoding
        How columns become features.
    boosting
        How trees are grown.
    """

    holdout: str | None = None
    positive: Label = None
    drop_null_target: bool = False
    folds: int = Field(default=5, ge=2, le=50)
    repeats: int = Field(default=1, ge=1, le=50)
    early_stopping: float = Field(default=0.15, gt=0, lt=1)
    resamples: int = Field(default=200, ge=20, le=100_000)
    level: float = Field(default=0.95, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)
    encoding: EncodingConfig = Field(default_factory=EncodingConfig)
    boosting: WorthBoosting = Field(default_factory=WorthBoosting)

    def training(self) -> TrainConfig:
        """Return the settings of each fit."""
        return TrainConfig(
            positive=self.positive,
            resamples=self.resamples,
            level=self.level,
            seed=self.seed,
            split=SplitConfig(early_stopping=self.early_stopping),
            encoding=self.encoding,
            boosting=BoostingConfig(**self.boosting.model_dump()),
        )


Strategy = Literal[
    "auto", "keep", "recalibrate", "refit", "extend", "refit_extend", "fine_tune", "fine_tune_all", "retrain"
]


class UpdateConfig(Config):
    """How a propensity model is updated.

    Parameters
    ----------
    strategy
        ``auto`` tries all and chooses; or the one to use. Of trees: ``keep``, ``recalibrate``, ``refit``, ``extend``,
        ``refit_extend``, ``retrain``; of a network: ``keep``, ``recalibrate``, ``fine_tune``, ``fine_tune_all``,
        ``retrain``.
    freeze
        Of ``fine_tune``, which it asks for: ``hidden`` trains the head alone and is the default, ``none`` all, a
        number what lies behind so many layers. See `tabkit.neural.fine_tune`.
    decay
        Of ``refit``: how much of the old leaves stays, from 0 to 1; without it the best of some mixtures is taken.
    encoder_decay
        How much each old row counts in the encoders' statistics, once there are new ones.
    learning_rate
        Of ``extend`` (by default the model's) and of fine-tuning (by default a fifth of the model's).
    extend_trees
        Of ``extend``: the most rounds to add.
    most_trees
        Of ``extend``: the most rounds in all.
    half_life_days
        Of ``retrain``: how much older than the newest row one is that counts half (in the unit of time where that is a
        number); without it all rows count alike.
    judge
        The share of the new rows, the newest, that candidates are judged on.
    blocks
        In how many blocks of time they are judged: for each block candidates are made from all new rows before it.
    fewest_rows
        Fewer new rows than this are refused.
    num_threads
        Of LightGBM or torch; by default as in training.
    drop_null_target
        Leave out rows without a target instead of refusing them.
    """

    strategy: Strategy = "auto"
    freeze: Annotated[int, Field(ge=0)] | Literal["hidden", "none"] | None = None
    decay: float | None = Field(default=None, ge=0, le=1)
    encoder_decay: float = Field(default=1.0, gt=0, le=1)
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    extend_trees: int = Field(default=200, ge=1)
    most_trees: int = Field(default=5_000, ge=1)
    half_life_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    judge: float = Field(default=0.4, gt=0, lt=1)
    blocks: int = Field(default=2, ge=1, le=20)
    fewest_rows: int = Field(default=200, ge=20)
    num_threads: int | None = Field(default=None, ge=0)
    drop_null_target: bool = False
