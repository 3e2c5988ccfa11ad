"""Customer value on real purchases: who bought CDs at CDNOW in 1997 and 1998, and what was to be expected of them.

The log holds the purchases of 2,357 customers, a tenth of those who bought first in early 1997. It comes with the
package `lifetimes` (extra `examples`; its data file is read, its code is not imported). The model sees the first 39
weeks, and the next 39 judge it. Run it with: python examples/cdnow.py [PAGE.html]; the page has the pictures.
"""

from __future__ import annotations

import datetime
import importlib.util
import sys
from pathlib import Path

import polars as pl

from dashboards.reports.cltv import write_fit_page
from pipelines import lifetime_value
from tabkit.cltv.holdout import split
from tabkit.errors import SourceError

END, HORIZON_DAYS = datetime.date(1997, 9, 30), 273


def main(page: Path | None = None) -> None:
    """Fit, forecast, and print what came of it; with a page, draw it too."""
    log = purchases()
    columns = {"customer": "customer_id", "date": "date", "amount": "amount"}
    later = split(log, **columns, calibration_end=END).outcome
    config = {**columns, "end": END}
    model = lifetime_value.fit(log, config=config)
    if page is not None:
        write_fit_page(model, page, source=log, config=config)
    facts = model.facts
    print(f"{facts['rows']:,} customers, {facts['unique_rows']:,} of them distinct; k-hat {facts['k_hat']:.2f}")
    for name in ("r", "alpha", "a", "b", "p", "q", "v"):
        print(f"  {name:6}{facts['parameters'][name]['mean']:8.3f} +- {facts['parameters'][name]['sd']:.3f}")
    for warning in facts["warnings"]:
        print(f"  note: {warning}")

    everyone, together = model.forecast(config={"horizon_days": HORIZON_DAYS})
    both = everyone.join(later, on="customer_id")
    inside = pl.col("purchases").is_between(pl.col("purchases_q03"), pl.col("purchases_q97")).mean()
    error = (pl.col("purchases") - pl.col("purchases_mean")).abs().mean()
    print(f"\nThe next {HORIZON_DAYS} days:")
    print(f"  inside the 94 % interval: {both.select(inside).item():.1%} of the customers")
    print(f"  mean absolute error: {both.select(error).item():.3f}; if nobody bought: {later['purchases'].mean():.3f}")
    row = together.row(0, named=True)
    for kind, actual in (("purchases", later["purchases"].sum()), ("value", later["value"].sum())):
        low, high = row[f"{kind}_q03"], row[f"{kind}_q97"]
        print(f"  {kind} of all: {row[f'{kind}_mean']:,.0f} ({low:,.0f} to {high:,.0f}); it was {actual:,.0f}")
    print("\nThe best customers:")
    shown = ["customer_id", "purchases_mean", "value_mean", "value_q03", "value_q97", "p_alive"]
    with pl.Config(tbl_width_chars=100, float_precision=2):
        print(everyone.sort("value_mean", descending=True).head(5).select(shown))


def purchases() -> pl.DataFrame:
    """Return one row per purchase: customer, day, dollars."""
    found = importlib.util.find_spec("lifetimes")
    if found is None or not found.submodule_search_locations:
        raise SourceError("the package lifetimes is not installed", advice="pip install 'tabkit-ml[examples]'")
    text = (Path(found.submodule_search_locations[0]) / "datasets" / "CDNOW_sample.txt").read_text(encoding="utf-8")
    rows = [line.split() for line in text.splitlines()]
    raw = pl.DataFrame(
        {"customer_id": [r[1] for r in rows], "date": [r[2] for r in rows], "amount": [r[4] for r in rows]}
    )
    return raw.with_columns(pl.col("date").str.to_date("%Y%m%d"), pl.col("amount").cast(pl.Float64))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
