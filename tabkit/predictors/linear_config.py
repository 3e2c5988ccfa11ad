"""Settings of a linear model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tabkit.config import Config


class LinearConfig(Config):
    """How a linear model is fitted.

    Parameters
    ----------
    penalty
        What large coefficients cost, in units of rows: more draws them further towards 0. ``auto`` takes, of 0.1, 1,
        10 and so on up to 10,000, the one with which the early-stopping rows lose least.
    """

    penalty: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["auto"] = "auto"
