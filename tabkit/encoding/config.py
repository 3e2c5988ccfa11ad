"""Settings of the table encoder, as a file or the command line gives them; `specification` makes one of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tabkit.config import Config


class EncodingConfig(Config):
    """How columns become features; see `TableEncoder` for each.

    Parameters
    ----------
    exclude
        Columns that are no features, such as what is known only after the target.
    known
        Columns that are known before the target, however well they tell it: they are not asked about.
    default
        ``auto`` picks by type and number of levels; ``drop`` leaves out columns that are not in `columns`.
    columns
        Encoders by column: a table with ``kind`` and the encoder's parameters, or a list of such tables.
    crosses
        Columns that are crossed: tables with ``columns``, ``kind`` and the encoder's parameters.
    max_onehot
        Text with up to so many levels becomes a column of 0 and 1 for each.
    smoothing
        How many rows of the mean are added to each level; ``auto`` lets the levels' spread decide.
    folds
        Of the cross-fitting: a row of the fit is encoded by the others.
    past_only
        In `train`, with a time role: encode each row by earlier ones only, the oldest ones by nothing (null). `encode`
        always does.
    infinite
        Whether infinite numbers are an error or stand for nothing.
    """

    exclude: list[str] = Field(default_factory=list)
    known: list[str] = Field(default_factory=list)
    default: Literal["auto", "drop"] = "auto"
    columns: dict[str, dict[str, Any] | list[dict[str, Any]]] = Field(default_factory=dict)
    crosses: list[dict[str, Any]] = Field(default_factory=list)
    max_onehot: int = Field(default=10, ge=0)
    smoothing: Annotated[float, Field(ge=0, allow_inf_nan=False)] | Literal["auto"] = "auto"
    folds: int = Field(default=5, ge=2)
    past_only: bool = False
    infinite: Literal["error", "null"] = "error"
