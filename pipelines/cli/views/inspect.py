"""What `tabkit inspect` shows on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.cli.views.kit import notes, plain_table, titled, unit_note, visible_line
from pipelines.cli.views.propensity import classes_of, final_note, scores_table
from pipelines.cli.views.uplift import summary_lines
from tabkit.cltv.interval_record import interval_record
from tabkit.predictors.config import ModelName
from tabkit.predictors.registry import LEARNERS, made_of
from tabkit.untrusted.manifest import building

_TOP = 15  # rows that a terminal shows without scrolling


def inspect_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `inspect` has to say of a bundle of any kind."""
    views = {"propensity": _model_view, "encoder": _encoder_view, "cltv": _lifetime_view, "uplift": _uplift_view}
    with building("what it tells of itself"):
        return views[result["kind"]](result)


def _model_view(result: Mapping[str, Any]) -> RenderableType:
    return Group(
        _model_facts(result),
        Text(),
        _plan_table(result),
        scores_table(result["metrics"]),
        Text(result["metrics"]["verdict"], "bold"),
        *unit_note(result["metrics"]),
        _made_note(result),
        *notes(result["lineage"]["hints"]),
        *([Text(), _importance_table(result["importance"], result["model"])] if result["importance"] else []),
    )


def _model_facts(result: Mapping[str, Any]) -> Table:
    target, lineage, sizes = result["target"], result["lineage"], result["sizes"]
    facts = {
        **_bundle_facts(result),
        "target": f"{target['name']} ({target['task']}{classes_of(target)})",
        "objective": result["objective"],
        "roles": ", ".join(f"{role} {column}" for role, column in result["roles"].items()),
        "rows": f"{lineage['rows']:,} from {lineage['source']}",
        "span": " to ".join(lineage["span"]) if lineage["span"] else "no time role",
        "held out": {
            "time": "the newest rows",
            "group": f"whole groups of {result['roles'].get('group')}, by chance",
            "class": "by chance, the same share of each class",
            "chance": "by chance",
        }[lineage["split"]],
        "lineage": f"{lineage['strategy']}, parent {lineage['parent'] or 'none'}",
        **({"network": _network(result["network"])} if "network" in result else {}),
        **({"penalty": f"{result['penalty']:,.6g}"} if "penalty" in result else {}),
        "sizes": f"{made_of(sizes)}, {sizes['levels']:,} levels, {_size(result)}",
        "versions": _versions(result),
    }
    return _grid(facts)


def _network(told: Mapping[str, Any]) -> str:
    """Return what a network is made of as text.

    >>> _network({"members": 4, "hidden": [128, 64], "activation": "silu", "temperature": 1.08, "stopped": None})
    '4 members of 128 and 64 units (silu), temperature 1.08'
    """
    units = " and ".join(map(str, told["hidden"]))
    members = "1 member" if told["members"] == 1 else f"{told['members']} members"
    broke = f"; {told['stopped']}" if told["stopped"] else ""
    return f"{members} of {units} units ({told['activation']}), temperature {told['temperature']:.3g}{broke}"


def _encoder_view(result: Mapping[str, Any]) -> RenderableType:
    sizes = result["sizes"]
    facts = {
        **_bundle_facts(result),
        "sizes": f"{sizes['features']} features, {sizes['levels']:,} levels, {_size(result)}",
        "versions": _versions(result),
    }
    return Group(_grid(facts), Text(), _plan_table(result))


def _lifetime_view(result: Mapping[str, Any]) -> RenderableType:
    sizes, facts = result["sizes"], result["facts"]
    seen = f"{facts['start']} to {facts['end']}" if facts.get("start") else "a summary"
    shown = {
        **_bundle_facts(result),
        "model": f"{result['title']}, times in units of {result['unit_days']:g} days",
        "customers": f"{sizes['customers']:,} ({result['roles']['id']}), {seen}",
        "draws": f"{sizes['draws']:,} by {facts['inference']}",
        "widened": _widened(result),
        **_tested(result),
        "sizes": _size(result),
        "versions": _versions(result),
    }
    table = plain_table("parameter", "mean", "sd", "prior", left=["parameter", "prior"])
    for name, value in result["parameters"].items():
        prior = result["priors"].get(name)
        told = "" if prior is None else _prior(prior)
        table.add_row(visible_line(name), f"{value['mean']:.4g}", f"{value['sd']:.2g}", told)
    return Group(_grid(shown), Text(), titled("Parameters", table), *notes(facts["warnings"]))


def _uplift_view(result: Mapping[str, Any]) -> RenderableType:
    lineage, sizes = result["lineage"], result["sizes"]
    shown = {
        **_bundle_facts(result),
        "outcome": f"{result['outcome']} ({result['outcome_kind']})",
        "design": f"{result['design']}, control {result['control']}",
        "roles": ", ".join(f"{role} {column}" for role, column in result["roles"].items()),
        "rows": f"{lineage['rows']:,} from {lineage['source']}, {lineage['rows_holdout']:,} held out",
        "learner": f"{result['learner']}, {sizes['members']} members, {sizes['features']} features",
        "sizes": f"{_size(result)}, {sizes['models']} boosted models",
        "versions": _versions(result),
    }
    return Group(_grid(shown), Text(), *summary_lines(result))


def _prior(prior: Mapping[str, Any]) -> str:
    """Return a prior as text.

    >>> _prior({"kind": "half_cauchy", "beta": 1.0})
    'half_cauchy(beta=1)'
    """
    return f"{prior['kind']}({', '.join(f'{k}={v:g}' for k, v in prior.items() if k != 'kind')})"


def _widened(result: Mapping[str, Any]) -> str:
    learned = result["facts"].get("widened")
    if not result["widening"] or learned is None:
        return "no"
    told = [f"{kind} {found['deviation']:.1%}" for kind, found in result["widening"].items()]
    return f"as {learned['horizon_days']:g} days of backtests taught; unknown deviation of totals: {', '.join(told)}"


def _tested(result: Mapping[str, Any]) -> dict[str, str]:
    kinds = ("purchases", *(["value"] if result["facts"].get("spend") else []))
    found = [interval_record(result["facts"], kind=kind, widened=kind in result["widening"]) for kind in kinds]
    return {f"total {one.kind}": one.short() for one in found}


def _bundle_facts(result: Mapping[str, Any]) -> dict[str, str]:
    return {
        "bundle": result["bundle"],
        "kind": f"{result['kind']} (format {result['format']}, made {result['created']})",
        "checksum": result["checksum"],
    }


def _size(result: Mapping[str, Any]) -> str:
    return f"{result['sizes']['bytes'] / 1024:,.0f} KiB"


def _versions(result: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in result["versions"].items())


def _grid(facts: Mapping[str, str]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        grid.add_row(Text(name, "bold"), visible_line(value))
    return grid


def _plan_table(result: Mapping[str, Any]) -> RenderableType:
    columns = {column["name"]: column for column in result["schema"]}
    table = plain_table()
    table.add_column("column", overflow="fold", min_width=12)
    table.add_column("type", overflow="fold")
    table.add_column("encoder", no_wrap=True)
    table.add_column("features", justify="right", no_wrap=True)
    table.add_column("nulls", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold", min_width=20)
    for row in result["plan"]:
        column = columns.get(row["column"], {"dtype": "", "nulls": None})
        nulls = "" if column["nulls"] is None else f"{column['nulls']:,}"
        cells = (row["column"], column["dtype"], row["encoder"], str(row["outputs"]), nulls, row["why"])
        table.add_row(*map(visible_line, cells))
    return titled("Columns", table)


def _importance_table(rows: Sequence[Mapping[str, Any]], model: ModelName) -> RenderableType:
    table = plain_table()
    table.add_column("feature", overflow="fold")
    table.add_column(f"share of {LEARNERS[model].shown_by}", justify="right", no_wrap=True)
    last = list(rows[0])[-1]
    table.add_column(last, justify="right", no_wrap=True)
    for row in rows[:_TOP]:
        own = "" if row[last] is None else f"{row[last]:,.6g}"
        table.add_row(visible_line(row["feature"]), f"{row['share']:.1%}", own)
    return titled(f"Importance (the {min(_TOP, len(rows))} largest of {len(rows)} features)", table)


def _made_note(result: Mapping[str, Any]) -> Text:
    """Say which rows the saved model was made from, and which the metrics were taken on."""
    strategy = result["lineage"]["strategy"]
    if strategy == "train":
        return final_note(result["config"]["final"])
    if strategy == "keep":
        return Text("The model was kept as it was; the metrics are on the newest of the rows that were new then.")
    return Text(
        f"The saved model was made from its parent ({strategy}) with all new rows; the metrics are those of its twin "
        "that never saw the newest of them."
    )
