"""Settings of a network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tabkit.config import Config, ObjectiveName

Activation = Literal["silu", "relu", "gelu", "sigmoid"]
Device = Literal["auto", "cpu", "cuda", "mps"]


class MLPConfig(Config):
    """How a network is built and trained; the defaults are meant to be left alone.

    Parameters
    ----------
    objective
        What is minimised; ``auto`` follows the target's task. `poisson`, `gamma` and `tweedie` have a log link and take
        exposure.
    hidden
        Units of each hidden layer of each member.
    members
        Networks that are trained side by side, each from its own start; their mean score is the score.
    activation
        Between the layers.
    dropout
        Share of the units that are left out at each training step; it fades out along the schedule.
    numeric_embedding
        ``piecewise`` adds to each number how far it has come through each of `bins` bins of its quantiles.
    bins
        Of the piecewise embedding.
    embedding_size
        Of a categorical feature's levels; with up to this many they begin as one-hot vectors.
    rare
        Levels with fewer rows than this share the row of the unknown.
    masked
        Share of the levels that are taken for unknown at each training step, so that the unknown is trained too.
    batch_size
        Rows of one step; ``auto`` grows with the rows, from 16 to 1,024. A size above the rows of the fit takes all.
    learning_rate
        Of AdamW, at the top of the schedule.
    weight_decay
        Of AdamW.
    warmup
        Share of the steps over which the rate rises; then it falls along half a cosine.
    max_epochs
        The most passes over the rows; the schedule ends there.
    patience
        Passes without a better held-out loss after which training stops; 0 goes on to the end. The best weights are
        restored in any case.
    averaging
        The weights that are judged and kept are moving averages of those of about so many last passes; 0 takes the
        weights themselves.
    clip_norm
        Gradients longer than this are shortened; 0 leaves them.
    label_smoothing
        Share of a class's probability that is spread over all classes in training, by their shares of the rows.
    class_weight
        ``balanced`` lets each class weigh the same in training. Its effect on the scores is taken out again, so that
        they stay probabilities.
    calibrate
        Whether scores of classes are divided by a temperature found on the held-out rows, and predictions of counts and
        amounts multiplied so that their sum over the rows of the fit is that of the target.
    device
        ``auto`` takes a GPU where there is one.
    num_threads
        0 takes all cores. Weights are the same for the same seed, device, number of threads and version of torch.
    quantile
        The level of the quantile objective.
    tweedie_power
        The variance power of the Tweedie objective.
    seed
        Decides first weights, the order of rows and what is masked.
    """

    objective: ObjectiveName | Literal["auto"] = "auto"
    hidden: list[Annotated[int, Field(ge=1, le=16_384)]] = Field(default=[128, 128], min_length=1, max_length=16)
    members: int = Field(default=4, ge=1, le=64)
    activation: Activation = "silu"
    dropout: float = Field(default=0.15, ge=0, lt=1)
    numeric_embedding: Literal["none", "piecewise"] = "none"
    bins: int = Field(default=16, ge=2, le=256)
    embedding_size: int = Field(default=8, ge=1, le=512)
    rare: int = Field(default=3, ge=1)
    masked: float = Field(default=0.02, ge=0, lt=1)
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    learning_rate: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(default=0.02, ge=0, allow_inf_nan=False)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    max_epochs: int = Field(default=100, ge=1)
    patience: int = Field(default=20, ge=0)
    averaging: float = Field(default=3.0, ge=0, allow_inf_nan=False)
    clip_norm: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    label_smoothing: float = Field(default=0.05, ge=0, lt=1)
    class_weight: Literal["none", "balanced"] = "none"
    calibrate: bool = True
    quantile: float = Field(default=0.5, gt=0, lt=1)
    tweedie_power: float = Field(default=1.5, ge=1, lt=2)
    device: Device = "auto"
    num_threads: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
