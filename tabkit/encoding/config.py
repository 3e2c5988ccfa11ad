"""Settings of the table encoder, as a file or the command line gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tabkit.config import Config
from tabkit.encoding.table import TableEncoder


class EncodingConfig(Config):
    """How columns become features; see `TableEncoder` for each.

    Parameters
    ----------
    exclude
        Columns that are no features, such as what is known only after the target.
    """

    exclude: list[str] = Field(default_factory=list)
    max_onehot: int = Field(default=10, ge=0)
    smoothing: Annotated[float, Field(ge=0, allow_inf_nan=False)] | Literal["auto"] = "auto"
    folds: int = Field(default=5, ge=2)
    infinite: Literal["error", "null"] = "error"

    def encoder(self, *, seed: int) -> TableEncoder:
        """Return the specification."""
        return TableEncoder(
            max_onehot=self.max_onehot,
            smoothing=self.smoothing,
            folds=self.folds,
            infinite=self.infinite,
            seed=seed,
        )
