"""What the `tabkit cltv` commands show on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


def fit_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `cltv fit` has to say: parameters, how they were drawn, and what to mind."""
    lines: list[RenderableType] = [
        Text(_customers(result)),
        Text(),
        _parameters(result),
        Text(_drawn(result, "Purchases")),
    ]
    if result["spend"]:
        lines.append(Text(_drawn(result["spend"], "Spend")))
    lines.append(Text(f"Saved {result['bundle']}, {result['seconds']:.1f} s", "bold"))
    refused = [f"{count:,} {reason}" for reason, count in result["refused"].items()]
    if refused:
        lines.append(Text(f"Rows left out: {', '.join(refused)}"))
    lines += [Text(f"Note: {warning}", "yellow") for warning in result["warnings"]]
    return Group(*lines)


def forecast_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `cltv forecast` has to say: the sums, with the intervals of sums."""
    rows: Sequence[Mapping[str, Any]] = result["totals"]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    kinds = [kind for kind in ("purchases", "value") if f"{kind}_mean" in rows[0]]
    for name in (*(["group"] if len(rows) > 1 else []), "customers", *kinds):
        table.add_column(name, justify="left" if name == "group" else "right")
    for row in rows:
        cells = [_sum(row, kind) for kind in kinds]
        table.add_row(*([row["group"]] if len(rows) > 1 else []), f"{row['customers']:,}", *cells)
    head = f"Forecast of {result['rows']:,} customers for {result['horizon_days']:g} days; together they bring:"
    wrote = f"Wrote {result['output']}, {result['seconds']:.1f} s"
    return Group(Text(head), Text(), table, Text(), Text(wrote, "bold"))


def _sum(row: Mapping[str, Any], kind: str) -> str:
    """Return a mean with its outermost quantiles, such as ``1,664 (q03 1,481 to q97 1,851)``."""
    levels = [name for name in row if name.startswith(f"{kind}_q")]
    if len(levels) < 2:
        return f"{row[f'{kind}_mean']:,.0f}"
    low, high = levels[0], levels[-1]
    names = [name.removeprefix(f"{kind}_") for name in (low, high)]
    return f"{row[f'{kind}_mean']:,.0f} ({names[0]} {row[low]:,.0f} to {names[1]} {row[high]:,.0f})"


def _customers(result: Mapping[str, Any]) -> str:
    seen = f"{result['rows']:,} customers ({result['unique_rows']:,} distinct)"
    if not result["transactions"]:
        return seen
    return f"{result['transactions']:,} purchases of {seen}, {result['start']} to {result['end']}"


def _parameters(result: Mapping[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("parameter")
    table.add_column("mean", justify="right")
    table.add_column("sd", justify="right")
    for name, value in result["parameters"].items():
        table.add_row(name, f"{value['mean']:.4g}", f"{value['sd']:.2g}")
    return table


def _drawn(found: Mapping[str, Any], what: str) -> str:
    values = found["diagnostics"]
    if found["inference"] == "laplace":
        k_hat = "no tail" if values["k_hat"] is None else f"{values['k_hat']:.2f}"
        return f"{what}: Laplace, resampled; k-hat {k_hat} (up to 0.7 is good), {values['ess']:,.0f} effective draws"
    return (
        f"{what}: NUTS; {values['divergences']:.0f} divergences, R-hat up to {values['r_hat']:.3f}, "
        f"at least {values['ess']:,.0f} effective draws"
    )
