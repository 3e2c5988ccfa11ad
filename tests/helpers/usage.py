"""What users do with a bundle: look into it, load it, score with it."""

import contextlib
import io
from pathlib import Path

import polars as pl
from mutations import mutated
from rich.console import Console

from pipelines import lifetime_value, propensity, uplift
from pipelines.cli.views.inspect import inspect_view
from tabkit import lineage
from tabkit.boosting import BoostedModel
from tabkit.encoding.table import saved
from tabkit.errors import BundleError
from tabkit.kinds import inspect

__all__ = ["mutated", "use", "warm"]
FORECAST = {"horizon_days": 90, "draws": 20, "annual_discount": 0.1}
_BUNDLES = {"propensity": ("churned", "neural"), "encoder": ("encoder",), "uplift": ("effects",), "cltv": ("value",)}


def warm(golden: Path) -> None:
    """Use every kind once, so that all libraries are loaded."""
    for kind, names in _BUNDLES.items():
        for name in names:
            assert not use(kind, golden / name, golden)


def _shown(folder: Path) -> None:
    """Look into a bundle as the command does."""
    Console(file=io.StringIO(), width=100).print(inspect_view(inspect(folder)))


def use(kind: str, folder: Path, golden: Path) -> str:
    """Use a bundle in every way, and return what is wrong with its scores; empty if nothing is."""
    if kind == "uplift":
        _shown(folder)
        model = uplift.load(folder)
        rows = golden / "effects_rows.parquet"
        return _wrong(model.score(rows).collect(), golden / "effects_rows.parquet", model.outputs())
    rows = golden / "rows.parquet"
    if kind == "encoder":
        _shown(folder)
        encoder = saved.load(folder)
        found = encoder.transform_with_rates(pl.read_parquet(rows))
        return _wrong(found.features, rows, dict.fromkeys(encoder.outputs), nulls=True)
    if kind == "cltv":
        _shown(folder)
        return _forecast(folder)
    with contextlib.suppress(BundleError):  # a lineage that cannot be told hinders no scores
        lineage.history(folder, kinds=["propensity"])
    _shown(folder)
    scorer = propensity.load(folder)
    reasons = 2 if isinstance(scorer.predictor, BoostedModel) else 0
    return _wrong(scorer.score(rows, contributions=reasons).collect(), rows, scorer.outputs(contributions=reasons))


def _forecast(folder: Path) -> str:
    model = lifetime_value.load(folder)
    everyone, totals = model.forecast(config=FORECAST)
    numbers = [name for name, dtype in everyone.schema.items() if dtype.is_float() and name != model.customer]
    names = dict.fromkeys([model.customer, "purchases_mean", "p_alive"])
    return _missing(everyone, model.customers.height, names) or _infinite(everyone.select(numbers)) or _infinite(totals)


def _wrong(found: pl.DataFrame, rows: Path, outputs: dict[str, object], *, nulls: bool = False) -> str:
    height = pl.scan_parquet(rows).select(pl.len()).collect().item()
    return _missing(found, height, outputs) or _infinite(found.select(list(outputs)), nulls=nulls)


def _missing(found: pl.DataFrame, height: int, names: dict[str, object]) -> str:
    missing = [name for name in names if name not in found.columns]
    if missing or found.height != height:
        return f"{found.height} rows for {height}, without {missing}"
    return ""


def _infinite(found: pl.DataFrame, *, nulls: bool = False) -> str:
    for name, dtype in found.schema.items():
        wild = int((~found[name].is_finite().fill_null(nulls)).sum()) if dtype.is_float() else 0
        if wild:
            return f"{wild} numbers in {name!r} are not finite"
    return ""
