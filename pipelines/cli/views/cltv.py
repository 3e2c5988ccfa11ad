"""What the `tabkit cltv` commands show on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.cli.views.kit import notes, visible_line
from tabkit.cltv.interval_record import told_once
from tabkit.wording import amount_decimals, between, chance, figures, number, share, with_interval

_HALF_WIDTH = 1.88  # standard deviations: about the interval of 94% that pages show, so that means read alike


def fit_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `cltv fit` has to say: parameters, how they were drawn, and what to mind."""
    lines: list[RenderableType] = [
        Text(_customers(result)),
        *notes(result["warnings"]),
        Text(),
        _parameters(result),
        Text(_drawn(result, "Purchases")),
    ]
    if result["spend"]:
        lines.append(Text(_drawn(result["spend"], "Spend")))
    lines.append(Text(f"Saved {result['bundle']}, {result['seconds']:.1f} s", "bold"))
    lines += _page(result)
    refused = [f"{count:,} {reason}" for reason, count in result["refused"].items()]
    if refused:
        lines.append(Text(f"Rows left out: {', '.join(refused)}"))
    return Group(*lines)


def forecast_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `cltv forecast` has to say: the sums with their intervals, and how far to believe these."""
    rows: Sequence[Mapping[str, Any]] = result["totals"]
    kinds = [kind for kind in ("purchases", "value") if f"{kind}_mean" in rows[0]]
    table = _table((*(["group"] if len(rows) > 1 else []), "customers", *kinds), left="group")
    for row in rows:
        cells = [_sum(row, kind) for kind in kinds]
        table.add_row(*([visible_line(row["group"])] if len(rows) > 1 else []), f"{row['customers']:,}", *cells)
    head = f"Forecast of {result['rows']:,} customers for {result['horizon_days']:g} days; together they bring:"
    wrote = f"Wrote {result['output']}, {result['seconds']:.1f} s"
    lines: list[RenderableType] = [
        Text(head),
        *notes(result["warnings"]),
        Text(),
        table,
        *_tested(result["intervals"]),
    ]
    lines += [Text(), Text(wrote, "bold")]
    if result["widened"]:
        learned = result["widened"]["horizon_days"]
        other = "" if learned == result["horizon_days"] else f", which looked {learned:g} days ahead"
        lines.append(
            Text(f"Intervals are widened as the model's own backtest taught{other} (--no-widen leaves it out).")
        )
    return Group(*lines)


def backtest_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `cltv backtest` has to say: by origin the errors beside simple forecasts, and what intervals held."""
    lines: list[RenderableType] = []
    for kind in ("purchases", "value"):
        if all(origin[kind] for origin in result["origins"]):
            head = f"{kind.capitalize()} of {result['horizon_days']} days, from {len(result['origins'])} origins"
            lines += [Text(head, "bold"), _errors(result["origins"], kind), Text()]
            lines += [_held(result["origins"], kind), Text()]
    lines += [Text(result["verdict"], "bold"), *_page(result)]
    return Group(*lines, *notes(result["notes"]))


def campaigns_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `cltv campaigns` has to say: per campaign value, cost, the chance to gain, payback and bids."""
    rows: Sequence[Mapping[str, Any]] = result["campaigns"]
    bids = {"even": "break_even", "safe": "safe", **({"best": "bid"} if any(row["bid"] for row in rows) else {})}
    costs = ("cost", *bids.values())
    table = _table(("campaign", "users", "worth (94%)", "cost", "P(gain)", "paid back", *bids), left="campaign")
    amounts = [row[name] for row in rows for name in ("value_mean", "value_low", "value_high", "cost", "bid")]
    decimals = amount_decimals(amounts)
    for row in rows:
        worth = with_interval(row["value_mean"], row["value_low"], row["value_high"], decimals=decimals)
        cost, *bid = ("" if row[name] is None else number(row[name], decimals=decimals) for name in costs)
        above = "" if row["p_above"] is None else chance(row["p_above"])
        table.add_row(visible_line(row["campaign"]), f"{row['users']:,}", worth, cost, above, _payback(row), *bid)
    head = (
        f"What a user acquired from {result['days'][0]} to {result['days'][-1]} is worth by the age of "
        f"{result['horizon_days']} days, at a margin of {result['margin']:g}:"
    )
    refused = [f"{count:,} {reason}" for reason, count in result["refused"].items()]
    even = f"Bids: even breaks even on average; safe makes no loss with a probability of {result['confidence']:.0%}"
    best = "; best has the highest expected profit." if "best" in bids else "."
    lines: list[RenderableType] = [
        *(Text(f"Doubtful: {doubt}", "bold red") for doubt in result["doubts"]),
        Text(head),
        Text(),
        table,
        Text(),
        Text(even + best),
        Text(result["verdict"], "bold"),
    ]
    if result["output"]:
        lines.append(Text(f"Wrote {result['output']}", "bold"))
    lines += _page(result)
    if refused:
        lines.append(Text(f"Users left out: {', '.join(refused)}"))
    return Group(*lines, *notes(result["notes"]))


def _page(result: Mapping[str, Any]) -> list[Text]:
    return [Text(f"Pictures: {result['page']}")] if result["page"] else []


def _payback(row: Mapping[str, Any]) -> str:
    if row["cost"] is None:
        return ""
    return "not in time" if row["payback_days"] is None else f"day {row['payback_days']:,.0f}"


def _errors(origins: Sequence[Mapping[str, Any]], kind: str) -> Table:
    """Return mean absolute errors: of the model's mean and median, and of each simple forecast."""
    names = {"zero": "zero", "historical_rate": "rate", "lightgbm": "LightGBM"}
    table = _table(("origin", "customers", "mean", "median", *names.values()))
    for origin in origins:
        found = origin[kind]
        simple = [found["baselines"].get(name) for name in names]
        errors = [found["mae_mean"], found["mae_median"], *(point and point["mae"] for point in simple)]
        cells = ["" if error is None else number(error) for error in errors]
        table.add_row(origin["origin"], f"{origin['customers']:,}", *cells)
    return table


def _held(origins: Sequence[Mapping[str, Any]], kind: str) -> Table:
    """Return the shares of customers inside of their intervals, and the sum beside its own."""
    levels = [part["level"] for part in origins[0][kind]["coverage"]]
    table = _table(
        ("origin", *(f"in {level:.0%}" for level in levels), "sum", f"in {levels[-1]:.0%} (!: no)", "widened")
    )
    for origin in origins:
        found = origin[kind]
        cells = [share(part["share"], decimals=1) for part in found["coverage"]]
        wide = found["widened"]
        more = "" if wide is None else _interval(wide["total"]["intervals"][-1])
        plain = _interval(found["total"]["intervals"][-1])
        table.add_row(origin["origin"], *cells, f"{found['total']['actual']:,.0f}", plain, more)
    return table


def _interval(found: Mapping[str, Any]) -> str:
    ends = between(*(number(found[end], decimals=0) for end in ("low", "high")))
    return f"{ends}{'' if found['holds'] else ' !'}"


def _table(names: Sequence[str], *, left: str = "origin") -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, justify="left" if name == left else "right")
    return table


def _sum(row: Mapping[str, Any], kind: str) -> str:
    """Return mean and median with the outermost quantiles: ``1,664, median 1,660 (q03 1,481 to q97 1,851)``."""
    levels = [name for name in row if name.startswith(f"{kind}_q")]
    middle = f"{kind}_q50"
    both = f"{row[f'{kind}_mean']:,.0f}" + (f", median {row[middle]:,.0f}" if middle in row else "")
    low, high = levels[0], levels[-1]
    if low == high:
        return both
    names = [name.removeprefix(f"{kind}_") for name in (low, high)]
    return f"{both} ({names[0]} {row[low]:,.0f} to {names[1]} {row[high]:,.0f})"


def _tested(intervals: Mapping[str, Mapping[str, Any]]) -> list[Text]:
    """Return what is known of the intervals of totals; in yellow where that is nothing good."""
    good = {kind: found["of"] and not found["too_narrow"] for kind, found in intervals.items()}
    said = told_once({kind: found["said"] for kind, found in intervals.items()})
    return [Text(words, "" if good[kinds[0]] else "yellow") for words, kinds in said.items()]


def _customers(result: Mapping[str, Any]) -> str:
    seen = f"{result['rows']:,} customers ({result['unique_rows']:,} distinct)"
    if not result["transactions"]:
        return seen
    return f"{result['transactions']:,} purchases of {seen}, {result['start']} to {result['end']}"


def _parameters(result: Mapping[str, Any]) -> Table:
    table = _table(("parameter", "mean", "sd"), left="parameter")
    for name, value in result["parameters"].items():
        mean, sd = value["mean"], value["sd"]
        shown = figures(mean, mean - _HALF_WIDTH * sd, mean + _HALF_WIDTH * sd)[0]
        table.add_row(visible_line(name), shown, number(sd, digits=2))
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
