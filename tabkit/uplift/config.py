"""Settings of an uplift model: fit, evaluation and updates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tabkit.boosting.config import BoostingConfig
from tabkit.config import Config
from tabkit.encoding.config import EncodingConfig

LearnerName = Literal["s", "t", "x", "r", "dr", "stack", "uplift_forest", "causal_forest"]


class UpliftUpdateConfig(Config):
    """How an uplift model is updated.

    Parameters
    ----------
    strategy
        ``auto`` tries all and keeps the model unless one is surely better; or the one to use. See
        `tabkit.uplift.updating.update`.
    """

    strategy: Literal["auto", "keep", "calibrate", "recalibrate", "refit", "extend", "retrain"] = "auto"


class OutcomeBoosting(BoostingConfig):
    """How models of outcomes and propensities are grown; see `BoostingConfig`."""

    num_leaves: int = Field(default=16, ge=2)


class EffectBoosting(BoostingConfig):
    """How models of effects are grown: small trees, since pseudo-outcomes are mostly noise."""

    num_leaves: int = Field(default=4, ge=2)
    min_data_in_leaf: int = Field(default=50, ge=1)
    lambda_l2: float = Field(default=20.0, ge=0, allow_inf_nan=False)


class UpliftConfig(Config):
    """How an uplift model is fitted and evaluated.

    Parameters
    ----------
    control
        The label of those who were not contacted.
    design
        ``randomised``: chance alone decided the arms, and each unit's propensity is its arm's share. ``observational``:
        propensities are learned from the features, and everything rests on these holding all that decided.
    shares
        Of the arms by plan; by default as counted. Only planned shares can be checked against the rows.
    strata
        A column within whose values chance decided, with other shares in each: a year, a region, a block. Propensities
        are then the shares counted there.
    positive
        The positive label of an outcome with two labels.
    outcome_type
        ``auto``: a boolean, 0 and 1, and two labels are binary; more than two whole numbers from 0 up to 100 are
        counts; all else is a number, an amount of 0 or 50 too. Effects are in the unit of the outcome, of a binary one
        shares.
    learner
        How effects are learned: the S, T, X, R or doubly robust learner, or ``stack``, which weighs all of them;
        ``uplift_forest`` and ``causal_forest`` are CausalML's. See `tabkit.uplift.learners.learners.fit`.
    engine
        ``tabkit``, or ``causalml`` to let CausalML's own classes run.
    members
        Into how many parts units are divided; as many models are fitted, each without one part.
    folds
        Of the cross-fitting inside each member.
    trim
        Of an observational design: units with a propensity below it, for any arm, are left out of effects and metrics.
    costs
        By arm, in the unit of the outcome: what it costs to give a unit that arm; at most what an effect can be.
    calibration
        How predictions are shrunk: ``linear``, ``isotonic`` or ``none``.
    placebos
        Columns known before contact, that no contact can have changed: the effect on them must be none. In an
        observational design they are no features.
    policy
        A column that holds an arm for each unit: a policy to compare with.
    allow_imbalance
        Go on although features differ between the arms of a randomised design beyond chance.
    holdout
        Share of the units that metrics are measured on: the newest ones with a time role, else drawn by chance, whole
        groups.
    final
        ``all``: once measured, members are fitted again on all units. ``evaluated``: the measured ones are saved.
    resamples
        How often units are drawn for intervals.
    level
        Of intervals.
    seed
        Decides every division by chance.
    encoding
        How columns become features.
    outcomes
        How models of outcomes and propensities are grown.
    effects
        How models of effects are grown.
    """

    control: str | None = None
    design: Literal["randomised", "observational"] | None = None
    shares: dict[str, float] | None = None
    strata: str | None = None
    positive: str | None = None
    outcome_type: Literal["auto", "binary", "count", "number"] = "auto"
    learner: LearnerName = "dr"
    engine: Literal["tabkit", "causalml"] = "tabkit"
    members: int = Field(default=5, ge=2, le=50)
    folds: int = Field(default=2, ge=2, le=20)
    trim: float = Field(default=0.05, ge=0, lt=0.5)
    costs: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)
    calibration: Literal["linear", "isotonic", "none"] = "linear"
    placebos: list[str] = Field(default_factory=list)
    policy: str | None = None
    allow_imbalance: bool = False
    holdout: float = Field(default=0.4, gt=0, lt=1)
    final: Literal["all", "evaluated"] = "all"
    resamples: int = Field(default=1000, ge=100, le=100_000)
    level: float = Field(default=0.95, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)
    encoding: EncodingConfig = Field(default_factory=EncodingConfig)
    outcomes: OutcomeBoosting = Field(default_factory=OutcomeBoosting)
    effects: EffectBoosting = Field(default_factory=EffectBoosting)

    @field_validator("positive", "control", mode="before")
    @classmethod
    def _as_label(cls, value: object) -> object:
        """Take TOML's true and numbers for the labels that such columns have."""
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if isinstance(value, int | float) else value
