"""What a fitted model of encoded features must offer, and what its learner says of it to all who use it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

import polars as pl

from tabkit.boosting.config import BoostingConfig
from tabkit.bundle import Bundle
from tabkit.encoding.config import EncodingConfig
from tabkit.errors import ConfigError
from tabkit.fitted_model import BundleParts
from tabkit.neural.config import MLPConfig
from tabkit.objective import Objective
from tabkit.progress import Progress
from tabkit.rows import Floats, Rows
from tabkit.rules.given import GivenRules

Strategy = Literal["keep", "recalibrate", "refit", "extend", "refit_extend", "fine_tune", "fine_tune_all", "retrain"]
"""The ways to bring a model up to date; a learner names those that suit it."""


class Predictor(Protocol):
    """A fitted model: from encoded features to predictions. Which learner it is of, `learner` says."""

    learner: ClassVar[str]
    """The name of its learner in the registry."""

    @property
    def objective(self) -> str:
        """The name of the objective it was fitted by."""

    @property
    def kind(self) -> Objective:
        """The objective with its link."""

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names, in the order of the fit."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels of a classification."""

    @property
    def base_score(self) -> tuple[float, ...]:
        """One number, or one per class, on the raw scale: what the features' effects are added to."""

    @property
    def held_out_loss(self) -> float | None:
        """Of the objective, on the rows that ended the fit; None without such rows."""

    @property
    def base_loss(self) -> float | None:
        """The same with the best constant alone."""

    def raw(self, features: pl.DataFrame, *, offset: Floats | None = None, num_threads: int = 0) -> Floats:
        """Return raw scores, shape (n,), or (n, classes) for several classes."""

    def predict(self, features: pl.DataFrame, *, offset: Floats | None = None, num_threads: int = 0) -> Floats:
        """Return predictions on the target's scale, of the same shape."""


class FitSettings(Protocol):
    """What encoders and learners read of the settings of a training."""

    @property
    def seed(self) -> int:
        """Of folds and fits."""

    @property
    def rules(self) -> GivenRules:
        """Sets of rows that become features."""

    @property
    def encoding(self) -> EncodingConfig:
        """How columns become features."""

    @property
    def boosting(self) -> BoostingConfig:
        """Of trees; objective, quantile and variance power are those of every learner."""

    @property
    def neural(self) -> MLPConfig:
        """Of the network."""

    def network(self) -> MLPConfig:
        """Return the settings of the network, with the objective of the job."""


P = TypeVar("P", bound=Predictor)


class Learner(ABC, Generic[P]):
    """A way to learn: how its models are fitted, saved, updated and spoken of.

    A learner is one file in this folder with a subclass of this, and a line in the registry. What is not abstract has
    an answer for learners that have nothing to say to it.
    """

    name: ClassVar[str]
    """In settings: ``--model NAME``."""
    section: ClassVar[str]
    """The field of the settings that is its own."""
    title: ClassVar[str]
    """In tables."""
    subject: ClassVar[str]
    """In a sentence: ``the MLP``."""
    noun: ClassVar[str]
    """Of one model: ``boosted trees``, ``a network``."""
    unit: ClassVar[str]
    """What `extent` counts."""
    nothing: ClassVar[str]
    """How a sentence begins that says that `extent` is 0: ``No tree``."""
    part: ClassVar[str]
    """The part of a bundle that only its models have."""
    updates: ClassVar[tuple[Strategy, ...]]
    """The strategies that suit its models, the cheapest first."""
    embeds: ClassVar[bool] = False
    """Whether text shall reach it as codes that it embeds, not as numbers."""
    explains: ClassVar[bool] = False
    """Whether its models tell what each feature contributes to a score."""
    keeps_monotone: ClassVar[bool] = False
    """Whether its models keep what ``boosting.monotone`` promises."""
    has_curve: ClassVar[bool] = False
    """Whether a learning curve can be drawn of its fit."""
    shown_by: ClassVar[str] = ""
    """What `importance` measures, in words; empty where there is none."""

    def own(self, settings: FitSettings) -> Any:
        """Return the settings that are its own."""
        return getattr(settings, self.section)

    def check_there(self, settings: FitSettings) -> None:
        """Raise before any work if it cannot run here, or not with these settings.

        Raises
        ------
        ImportError
            If it needs an extra that is not installed.
        ConfigError
            If it is told to use what is not there, or cannot keep what the settings promise.
        """

    @abstractmethod
    def fit(
        self, rows: Rows, stop: Rows | None, *, settings: FitSettings, classes: Sequence[str], progress: Progress
    ) -> P:
        """Fit until the loss of the rows that stop it no longer falls; without such rows as far as settings say."""

    @abstractmethod
    def fit_again(
        self, measured: P, rows: Rows, *, settings: FitSettings, classes: Sequence[str], progress: Progress
    ) -> P:
        """Fit on other rows, nothing held out, as far as `measured` went."""

    def threads(self, settings: FitSettings) -> int:
        """Return how many threads predicting may take; 0 for all cores."""
        return settings.boosting.num_threads

    @abstractmethod
    def extent(self, model: P) -> int:
        """Return how much was fitted, in `unit`; 0 if nothing beat the base score."""

    def ready(self, model: P) -> None:
        """Read what is read late now, before several threads ask for it."""

    def sizes(self, model: P) -> dict[str, int]:
        """Return what a model is made of, as counts."""
        return {self.unit: self.extent(model), "features": len(model.features)}

    def constant(self, model: P) -> tuple[float, ...]:
        """Return the raw score of the best constant on the rows of the fit."""
        return model.base_score

    @abstractmethod
    def to_parts(self, model: P) -> BundleParts:
        """Return a model as a bundle keeps it."""

    @abstractmethod
    def from_parts(self, found: Bundle) -> P:
        """Rebuild a model of a bundle; `BundleError` if it cannot be one."""

    @abstractmethod
    def recalibrate(self, model: P, rows: Rows, *, settings: FitSettings) -> P:
        """Move intercept and slope to suit new rows."""

    def refusal(self, model: P, strategy: str) -> str | None:
        """Return why this very model cannot be updated by a strategy of its learner; None if it can."""
        return None

    def reasons(self, model: P, features: pl.DataFrame, *, largest: int, source_of: Mapping[str, str]) -> pl.DataFrame:
        """Return the largest contributions of each row; see `tabkit.boosting.reasons`. Only if it `explains`."""
        raise self.unexplained()

    def unexplained(self) -> ConfigError:
        """Return the error that its models tell no contributions."""
        return ConfigError(
            f"contributions are of trees and linear models: {self.noun} has none to give",
            advice="score without them, or train a model of trees beside it for its reasons",
        )

    def importance(self, model: P) -> pl.DataFrame | None:
        """Return ``feature`` and ``gain`` (zero or more; what it is, `shown_by` says), the largest first."""
        return None

    def inside(self, model: P) -> dict[str, Any]:
        """Return what `inspect` shows of a model, as plain data: ``importance`` at least."""
        return {"importance": []}

    def measured(self, model: P) -> dict[str, Any]:
        """Return what the lineage keeps of the measured model beside extent, base score and losses."""
        return {}

    def warnings(self, model: P, settings: FitSettings) -> list[str]:
        """Say what of a fit did not end as it should."""
        return []

    def broke_off(self, model: P) -> str | None:
        """Return why a fit broke off, and what to do; None if it did not."""
        return None

    def hidden_names(self, model: P, *, members: int) -> list[str]:
        """Return the names of the columns of the hidden layer; `ConfigError` if it has none."""
        raise ConfigError(f"there is no hidden layer in {self.noun}", advice="train with model = 'mlp'")

    def hidden(self, model: P, features: pl.DataFrame, *, members: int) -> pl.DataFrame:
        """Return the hidden layer of each row."""
        raise ConfigError(f"there is no hidden layer in {self.noun}", advice="train with model = 'mlp'")
