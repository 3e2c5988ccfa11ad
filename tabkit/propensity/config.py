"""Settings of the jobs: what a TOML file, `--set` and the arguments fill."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, field_validator, model_validator

from tabkit.boosting.config import BoostingConfig
from tabkit.config import Config
from tabkit.encoding.config import EncodingConfig
from tabkit.neural.config import MLPConfig
from tabkit.rules.features import GivenRules, understood

Rules = Annotated[
    GivenRules,
    PlainValidator(understood),
    PlainSerializer(lambda rules: rules if isinstance(rules, str) else [rule.text() for rule in rules]),
]


def label(value: object) -> object:
    """Take TOML's true for the label that a boolean target has."""
    return str(value).lower() if isinstance(value, bool) else value


ModelName = Literal["lightgbm", "mlp"]
_SHARED = ("objective", "quantile", "tweedie_power")


class SplitConfig(Config):
    """Which rows are kept out of the fit.

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


class TrainConfig(Config):
    """Everything that `train` can be told.

    Parameters
    ----------
    source, output
        Where rows are read from and the bundle is written to; the command line's arguments come before.
    roles
        Column by role.
    model
        What learns: ``lightgbm``, boosted trees, or ``mlp``, a small network (extra `neural`).
    compare
        Fit the other one too, and measure it on the same rows. Without an output nothing is saved.
    curve
        A picture of the network's learning curve to write.
    rules
        Sets of rows that become features of 0 and 1 beside all others: a file of rules, or a list of them.
    positive
        The positive label of a binary target, as text.
    drop_null_target
        Leave out rows without a target instead of refusing them.
    final
        ``all``: once measured, the saved model is fitted again on all rows, with the number of trees (or epochs)
        found. ``evaluated``: the saved model is the measured one, which never saw the held-out rows.
    resamples, level
        Of the bootstrap intervals.
    seed
        Decides splits, folds and resamples.
    boosting, neural
        Of each learner. Objective, quantile and variance power are those of `boosting`, whatever learns.
    """

    source: str | list[str] | None = None
    output: str | None = None
    roles: dict[str, str] = Field(default_factory=dict)
    model: ModelName = "lightgbm"
    compare: bool = False
    curve: str | None = None
    rules: Rules = ()
    positive: str | None = None
    drop_null_target: bool = False
    final: Literal["all", "evaluated"] = "all"
    resamples: int = Field(default=200, ge=20, le=100_000)
    level: float = Field(default=0.95, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)
    split: SplitConfig = Field(default_factory=SplitConfig)
    encoding: EncodingConfig = Field(default_factory=EncodingConfig)
    boosting: BoostingConfig = Field(default_factory=BoostingConfig)
    neural: MLPConfig = Field(default_factory=MLPConfig)

    _label = field_validator("positive", mode="before")(label)

    @model_validator(mode="after")
    def _one_objective(self) -> TrainConfig:
        for name in _SHARED:
            value = getattr(self.neural, name)
            if value not in (MLPConfig.model_fields[name].default, getattr(self.boosting, name)):
                raise ValueError(f"neural.{name} is {value!r}: set boosting.{name}, which holds for every model")
        if self.model == "mlp" and self.boosting.monotone:
            raise ValueError("boosting.monotone is of trees: a network cannot promise it")
        return self

    def network(self) -> MLPConfig:
        """Return the settings of the network, with the objective of the job."""
        return self.neural.model_copy(update={name: getattr(self.boosting, name) for name in _SHARED})


class WorthBoosting(BoostingConfig):
    """How trees are grown where only a difference is of interest: fewer, larger steps."""

    learning_rate: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    max_trees: int = Field(default=200, ge=1)
    early_stopping_rounds: int = Field(default=25, ge=0)


class WorthConfig(Config):
    """Everything that `worth` can be told: see `TrainConfig` for what is not explained here.

    Parameters
    ----------
    rules
        What is compared with and without: a file of rules, or a list of them.
    holdout
        A column of true (or 1) for the rows that the author of the rules never saw; it is no feature.
    folds, repeats
        In how many parts the judging rows are divided, and how often anew; along time they are divided once.
    early_stopping
        Share of the rows of each fit that decides how many trees are grown.
    """

    source: str | list[str] | None = None
    roles: dict[str, str] = Field(default_factory=dict)
    rules: Rules = ()
    holdout: str | None = None
    positive: str | None = None
    drop_null_target: bool = False
    folds: int = Field(default=5, ge=2, le=50)
    repeats: int = Field(default=1, ge=1, le=50)
    early_stopping: float = Field(default=0.15, gt=0, lt=1)
    resamples: int = Field(default=200, ge=20, le=100_000)
    level: float = Field(default=0.95, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)
    encoding: EncodingConfig = Field(default_factory=EncodingConfig)
    boosting: WorthBoosting = Field(default_factory=WorthBoosting)

    _label = field_validator("positive", mode="before")(label)

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


class EncodeConfig(Config):
    """Everything that `encode` can be told.

    Parameters
    ----------
    source, output
        Where rows are read from, and the file that features are written to.
    save, encoder
        The bundle that the fitted encoder is written to, or the one whose encoder new rows are encoded with.
    roles
        Column by role; they are carried along.
    rules
        Sets of rows that become features of 0 and 1 beside all others: a file of rules, or a list of them.
    drop_null_target
        Leave out rows without a target instead of refusing them.
    seed
        Decides folds.
    """

    source: str | list[str] | None = None
    output: str | None = None
    save: str | None = None
    encoder: str | None = None
    roles: dict[str, str] = Field(default_factory=dict)
    rules: Rules = ()
    drop_null_target: bool = False
    seed: int = Field(default=0, ge=0)
    encoding: EncodingConfig = Field(default_factory=EncodingConfig)


Strategy = Literal[
    "auto", "keep", "recalibrate", "refit", "extend", "refit_extend", "fine_tune", "fine_tune_all", "retrain"
]


class UpdateConfig(Config):
    """Everything that `update` can be told.

    Parameters
    ----------
    bundle, source, output
        The model, the new rows, and the bundle to write.
    reference
        Older rows that a retraining may use beside the new ones.
    strategy
        ``auto`` tries all and chooses; or the one to use. Of trees: ``keep``, ``recalibrate``, ``refit``, ``extend``,
        ``refit_extend``, ``retrain``; of a network: ``keep``, ``recalibrate``, ``fine_tune``, ``fine_tune_all``,
        ``retrain``.
    freeze
        Of ``fine_tune``: what of a network stays as it is, see `tabkit.neural.fine_tune`; ``hidden`` by default.
        Given, it asks for ``fine_tune``.
    decay
        Of ``refit``: how much of the old leaves stays, from 0 to 1; without it the best of some mixtures is taken.
    encoder_decay
        How much each old row counts in the encoders' statistics, once there are new ones.
    learning_rate
        Of ``extend`` (by default the model's) and of fine-tuning (by default a fifth of the model's).
    extend_trees, most_trees
        Of ``extend``: the most rounds to add, and the most in all.
    half_life_days
        Of ``retrain``: how much older than the newest row one is that counts half (in the unit of time where that is a
        number); without it all rows count alike.
    judge, blocks
        The share of the new rows, the newest, that candidates are judged on, and in how many blocks of time: for each
        block candidates are made from all new rows before it.
    fewest_rows
        Fewer new rows than this are refused.
    report
        An HTML file that says what was tried, in a table and a picture.
    drop_null_target
        Leave out rows without a target instead of refusing them.
    num_threads
        Of LightGBM or torch; by default as in training.
    """

    bundle: str | None = None
    source: str | list[str] | None = None
    output: str | None = None
    reference: str | list[str] | None = None
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
    report: str | None = None
    num_threads: int | None = Field(default=None, ge=0)
    drop_null_target: bool = False


class LifetimeConfig(Config):
    """How a model of customer value is fitted.

    Parameters
    ----------
    source, output
        Transactions, and the bundle to write.
    customer, date, amount
        Columns of the transactions; without amounts there is no value, only purchases.
    summary
        The source is a summary already: one row per customer with the model's columns.
    model
        Of purchases: ``bgnbd``, ``mbgnbd``, ``paretonbd``; in whole periods ``bgbb``; of contracts ``sbg``.
    unit, end, resolution, merge, refunds, zeros
        See `tabkit.cltv.summary.summarise`.
    covariates, group
        Columns that are known at the first purchase: numbers, and what parameters are partially pooled over.
    inference
        ``laplace``, checked and replaced by ``nuts`` where it is not good enough, or ``nuts``.
    priors
        By parameter: a table with ``kind`` and the distribution's parameters, in place of the default.
    draws, tune, chains, seed
        Of the posterior.
    fewest_repeats
        With fewer repeat buyers than this nothing is fitted.
    """

    source: str | list[str] | None = None
    output: str | None = None
    customer: str | None = None
    date: str | None = None
    amount: str | None = None
    summary: bool = False
    model: Literal["bgnbd", "mbgnbd", "paretonbd", "bgbb", "sbg"] = "bgnbd"
    unit: Literal["day", "week", "year"] = "week"
    end: datetime.date | None = None
    resolution: Literal["day", "week"] = "day"
    merge: bool = True
    refunds: Literal["drop", "net"] = "drop"
    zeros: Literal["count", "drop"] = "count"
    covariates: list[str] = Field(default_factory=list)
    group: str | None = None
    inference: Literal["laplace", "nuts"] = "laplace"
    priors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    draws: int = Field(default=4000, ge=100, le=100_000)
    tune: int = Field(default=1000, ge=100)
    chains: int = Field(default=4, ge=2, le=64)
    seed: int = Field(default=0, ge=0)
    fewest_repeats: int = Field(default=10, ge=2)


class LifetimeFitConfig(LifetimeConfig):
    """Everything that `cltv fit` can be told: how to fit, and what else to do on the way.

    Parameters
    ----------
    widen_origins, widen_days
        Backtest first, from so many origins and over so many days, and let forecasts be widened as it teaches; 0 for
        not at all.
    report
        A page to write.
    """

    widen_origins: int = Field(default=0, ge=0, le=100)
    widen_days: int = Field(default=90, ge=1)
    report: str | None = None


class BacktestConfig(LifetimeConfig):
    """Everything that `cltv backtest` can be told: how to fit, and what to forecast from when.

    Parameters
    ----------
    horizon_days, origins
        How far each forecast reaches, and how many are made again; see `tabkit.cltv.backtesting.origins.plan_of`.
    widen
        Learn from earlier origins how far intervals are to be widened, and score that too.
    predictive_draws
        Of each customer.
    report
        A page to write.
    """

    horizon_days: int = Field(default=90, ge=1)
    origins: int = Field(default=4, ge=1, le=100)
    widen: bool = True
    predictive_draws: int = Field(default=1000, ge=2, le=100_000)
    report: str | None = None


class ForecastConfig(Config):
    """Everything that `cltv forecast` can be told.

    Parameters
    ----------
    bundle, output
        The fitted model, and the file to write.
    horizon_days
        For how long after the end of the observation.
    quantiles
        Levels between 0 and 1.
    annual_discount
        What money loses in a year: 0.1 makes 1 in a year worth 1 / 1.1 now.
    draws
        Predictive draws of each customer.
    by
        A column of the summary that totals are given by.
    widen
        Widen intervals as far as earlier forecasts taught, where the model was fitted with `widen_origins`.
    seed
        Decides the draws.
    """

    bundle: str | None = None
    output: str | None = None
    horizon_days: float = Field(default=365.0, gt=0)
    quantiles: list[float] = Field(default_factory=lambda: [0.03, 0.5, 0.97])
    annual_discount: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    draws: int = Field(default=1000, ge=1, le=100_000)
    by: str | None = None
    widen: bool = True
    seed: int = Field(default=0, ge=0)


class CampaignConfig(Config):
    """Everything that `cltv campaigns` can be told.

    Parameters
    ----------
    bundle, source, output
        The fitted model, the acquired users (one row each), and the table to write.
    customer, campaign, cost
        Columns of the users; the customer is called as in the model unless said otherwise. Without cost there is no
        decision, only values.
    volume
        A table of users by bid: ``bid``, ``users``, and ``campaign`` where curves differ.
    horizon_days
        The age up to which a user's value is counted.
    ahead_days
        The days whose users are decided on.
    fewest_users
        Consecutive days are put together until they have so many; see `tabkit.cltv.campaigns.daily.together`.
    margin
        The share of what is paid that remains.
    confidence
        Of the safe bid.
    likelihood
        Of a day's mean: ``student_t``, or ``zero_inflated`` where days may be worth exactly 0.
    draws, seed
        Of the random walks.
    report
        A page to write.
    """

    bundle: str | None = None
    source: str | list[str] | None = None
    output: str | None = None
    customer: str | None = None
    campaign: str | None = None
    cost: str | None = None
    volume: str | None = None
    horizon_days: int = Field(default=365, ge=1, le=36_525)
    ahead_days: int = Field(default=30, ge=1, le=3_653)
    fewest_users: int = Field(default=30, ge=1)
    margin: float = Field(default=1.0, gt=0, le=1)
    confidence: float = Field(default=0.9, gt=0, lt=1)
    likelihood: Literal["student_t", "zero_inflated"] = "student_t"
    draws: int = Field(default=4000, ge=100, le=100_000)
    seed: int = Field(default=0, ge=0)
    report: str | None = None


class ScoreConfig(Config):
    """Everything that `score` can be told.

    Parameters
    ----------
    contributions
        How many of the largest reasons are written beside each score.
    keep
        Further columns that are carried through beside the id.
    """

    bundle: str | None = None
    source: str | list[str] | None = None
    output: str | None = None
    contributions: int = Field(default=0, ge=0)
    keep: list[str] = Field(default_factory=list)
