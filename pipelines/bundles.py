"""Any bundle, opened by its kind, for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tabkit import kinds

if TYPE_CHECKING:
    from tabkit.cltv.model import CLTVModel
    from tabkit.encoding import FittedTable
    from tabkit.propensity.model import PropensityModel
    from tabkit.uplift.model import UpliftModel

__all__ = ["load"]


def load(path: str | Path) -> PropensityModel | UpliftModel | CLTVModel | FittedTable:
    """Open any bundle by what its manifest says it is; see `tabkit.kinds.load`.

    Examples
    --------
    >>> load("churn-model").score("customers.parquet")  # doctest: +SKIP
    """
    return kinds.load(path)  # type: ignore[no-any-return]  # the table of kinds holds places, not types
