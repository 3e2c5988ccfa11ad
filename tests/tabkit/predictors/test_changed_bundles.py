"""What is wrong with a bundle that a stranger changed, checksums made anew, is named: the field, and what came."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mutations import Mutated, sealed
from places import GOLDEN

from pipelines import lifetime_value, propensity, uplift
from pipelines.cli.views.inspect import inspect_view
from tabkit.bundle import MANIFEST, frame_bytes
from tabkit.encoding.table import saved
from tabkit.errors import BundleError, ScoringError, TabkitError
from tabkit.frames import collect
from tabkit.kinds import inspect

LOAD: dict[str, Callable[[Path], Any]] = {
    **dict.fromkeys(("churned", "claims", "segment", "neural"), propensity.load),
    **dict.fromkeys(("encoder", "ruled"), saved.load),
    "effects": uplift.load,
    "value": lifetime_value.load,
}
GONE = object()
Change = Callable[[pl.DataFrame], pl.DataFrame]


def put(data: Any, path: str, value: Any) -> None:
    """Put a value at a place such as ``sources.0.rows``; `GONE` removes what stands there."""
    *above, last = [int(step) if step.isdecimal() else step for step in path.split("/")]
    for step in above:
        data = data[step]
    if value is GONE:
        del data[last]
    else:
        data[last] = value


def changed(name: str, folder: Path, *, part: str = MANIFEST, path: str = "", to: Any = None) -> Path:
    """Write a golden bundle with one change: of a value in JSON, or with a function of a table."""
    manifest = json.loads((GOLDEN / name / MANIFEST).read_bytes())
    parts = {each: (GOLDEN / name / each).read_bytes() for each in manifest["parts"]}
    if part == MANIFEST:
        put(manifest, path, to)
    elif part.endswith(".json"):
        data = json.loads(parts[part])
        put(data, path, to)
        parts[part] = json.dumps(data).encode()
    else:
        parts[part] = frame_bytes(to(pl.read_parquet(io.BytesIO(parts[part]))))
    Mutated(sealed(manifest, parts), part, path).write(folder / name)
    return folder / name


MANIFESTS = [
    ("churned", "target/task", "multiclass", "target"),
    ("churned", "target/classes", ["no"], "classes"),
    ("churned", "target/name", 5, "name of a target is 5"),
    ("churned", "roles", [], "the roles is a list"),
    ("churned", "dtypes/customer", "Complex", "Complex"),
    ("churned", "metrics/scores/0/value", "good", "value of a score of the evaluation is 'good'"),
    ("churned", "metrics/gains/0/low", None, "low of a gain"),
    ("churned", "metrics/unit", "year", "unit of the evaluation is 'year'"),
    ("churned", "booster/objective", "regression", "the trees' classes"),
    ("churned", "booster/base_score", [0.1, 0.2], "base"),
    ("churned", "booster/base_score", ["x"], "base"),
    ("churned", "booster/base_score", [10**30], "base score"),
    ("churned", "booster/features/0", "wealth", "'wealth'"),
    ("neural", "target/classes", ["never", "some", "often"], "classes of the learner"),
    ("segment", "booster/classes", ["never", "some", "often"], "classes"),
    ("churned", "lineage/rows", "many", "rows of the lineage is 'many'"),
    ("churned", "lineage/strategy", GONE, "lineage does not say its strategy"),
    ("churned", "lineage/span", ["2020"], "span of the lineage"),
    ("churned", "config/encoding/exclude", [["x"]], "exclude of encoding of the config"),
    ("effects", "arms/labels", ["none"], "the arms are 'none'"),
    ("effects", "members", [], "0 members"),
    ("effects", "members/0/shares", [0.5], "shares of a member has 1 values; a list of 2"),
    ("effects", "members/0/learners/0/weights", ["much"], "weights of a learner holds 'much'"),
    ("effects", "members/0/learners/0/treated", ["post"], "other arms"),
    ("effects", "members/0/learners/0/outcomes", [[]], "outcomes of a learner"),
    ("effects", "members/0/learners/0/name", "z", "name of a learner is 'z'"),
    ("effects", "calibrations", [], "0 calibrations"),
    ("effects", "calibrations/0/slope", None, "slope of a calibration is null"),
    ("effects", "calibrations/0/method", "isotonic", "points of a calibration"),
    ("effects", "calibrations/0/average_se", -1, "average_se of a calibration is -1"),
    ("effects", "decision/words", ["surely"], "words of the decision"),
    ("effects", "decision/costs", [0, 0], "costs of the decision has 2 values"),
    ("value", "unit_days", 0, "unit_days of the manifest is 0"),
    ("value", "unit_days", 1e300, "unit_days of the manifest"),
    ("value", "model", "nbd", "nbd"),
    ("value", "parameters", ["r", "alpha"], "the parameters of bgnbd"),
    ("value", "design/spread", [0.0], "spread of a design holds 0.0"),
    ("value", "design/mean", [1.0, 2.0], "mean of a design has 2 values"),
    ("value", "design/covariates", ["height"], "'height'"),
    ("value", "widening/purchases/levels", [0.0, 1.0], "levels of a widening has 2 values; a list of 1,001"),
    ("value", "widening/purchases/levels/500", 1.0, "fall"),
    ("value", "widening/purchases/deviation", 1e9, "deviation of a widening"),
    ("value", "widening/purchases/counts", False, "whole numbers"),
    ("value", "roles/id", "nobody", "'nobody'"),
]


def short(value: object) -> str | None:
    """Name a case by what reads the same in each process."""
    return value[:30] if isinstance(value, str) else None


@pytest.mark.parametrize(("name", "path", "to", "said"), MANIFESTS, ids=short)
def test_a_manifest_that_cannot_be_is_named(name: str, path: str, to: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(TabkitError) as caught:
        LOAD[name](changed(name, tmp_path, path=path, to=to))
    assert said in caught.value.problem


STATES = [
    ("parts/0/source", "street", "source of a part of the encoder is 'street'"),
    ("parts/0/outputs", ["plan=basic"], "called ['plan=basic']"),
    ("parts/0/frozen/extra", ["more"], "plan is more"),
    ("parts/0/spec/rare", "few", "rare"),
    ("parts/11/scalars/low_characters", [], "low_characters of 'city' is a list"),
    ("parts/17/scalars/mass", GONE, "lack mass"),
    ("parts/12/frozen/width", 10**9, "width"),
    ("parts/14/frozen/keep", "yes", "keep"),
    ("parts/19/frozen/edges", [2.0, 1.0], "edges"),
    ("parts/17/frozen/scale", "wide", "scale"),
    ("sources/0/rows", -1, "rows of a source of the encoder is -1"),
    ("sources/0/nulls", 501, "nulls of a source of the encoder is 501"),
    ("sources/0/folds", 10**9, "folds of a source of the encoder"),
    ("sources/0/label", "rule", "source"),
    ("sources/2/dtypes", ["Date"], "calls"),
    ("sources/1/columns", ["plan"], "plan"),
    ("schema/0/dtype", "Int64", "'plan' as Int64"),
    ("schema/0", GONE, "'plan' as None"),
    ("aims/0/low", None, "low of an aim"),
    ("aims/0/target/task", "regression", "target"),
    ("roles/weight", 7, "weight of the encoder's roles is 7"),
    ("folds", 2.5, "folds of the encoder is 2.5"),
]


@pytest.mark.parametrize(("path", "to", "said"), STATES, ids=short)
def test_the_state_of_an_encoder_that_cannot_be_is_named(path: str, to: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(TabkitError) as caught:
        saved.load(changed("encoder", tmp_path, part="encoder.json", path=path, to=to))
    assert said in caught.value.problem


def filled(column: str, value: Any) -> Change:
    return lambda frame: frame.with_columns(pl.lit(value).cast(frame.schema[column]).alias(column))


LEVELS, VALUES, DRAWS, PEOPLE, SEEN = (
    "encoder/000-levels.parquet",
    "encoder/003-values.parquet",
    "purchases.parquet",
    "customers.parquet",
    "seen.parquet",
)
TABLES: list[tuple[str, str, Change, str]] = [
    ("encoder", LEVELS, filled("fold", 5), "'fold' of a table of levels of the encoder holds 5"),
    ("encoder", LEVELS, filled("rows", -1.0), "'rows' of a table of levels of the encoder holds -1"),
    ("encoder", LEVELS, filled("sum_0_0", float("nan")), "'sum_0_0'"),
    ("encoder", LEVELS, lambda f: f.drop("scatter_0_0"), "no column 'scatter_0_0'"),
    ("encoder", LEVELS, lambda f: f.drop("sum_0_0"), "no sums of target 0"),
    ("encoder", LEVELS, lambda f: f.drop("weight_0"), "sums of []"),
    ("encoder", LEVELS, lambda f: pl.concat([f, f]), "twice"),
    ("encoder", LEVELS, lambda f: f.with_columns(level=pl.col("fold")), "'level'"),
    ("encoder", VALUES, lambda f: f.reverse(), "do not rise"),
    ("encoder", VALUES, filled("rows", 0), "no rows"),
    ("churned", SEEN, lambda f: f.reverse(), "does not rise"),
    ("churned", SEEN, lambda f: f.with_columns(pl.col("hash").cast(pl.Float64)), "Float64"),
    ("churned", SEEN, lambda f: pl.concat([f] * 200), "rows; up to 65,536"),
    ("value", DRAWS, filled("r", -1.0), "'r' of a posterior holds -1"),
    ("value", DRAWS, filled("phi", 1.5), "'phi' of a posterior holds 1.5; numbers from"),
    ("value", DRAWS, filled("rate_coef[0]", 1e9), "'rate_coef[0]'"),
    ("value", DRAWS, lambda f: f.drop("kappa"), "no column 'kappa'"),
    ("value", DRAWS, lambda f: f.head(0), "0 draws"),
    ("value", DRAWS, lambda f: f.with_columns(more=1.0), "'more'"),
    ("value", PEOPLE, filled("T", None), "'T' of the customers holds null"),
    ("value", PEOPLE, filled("frequency", -1), "'frequency' of the customers holds -1"),
    (
        "value",
        PEOPLE,
        lambda f: f.with_columns(pl.col("recency").cast(pl.String)),
        "'recency' of the customers is String",
    ),
    ("value", PEOPLE, lambda f: f.drop("age"), "'age'"),
    ("value", PEOPLE, lambda f: f.head(0), "there are none"),
]


@pytest.mark.parametrize(("name", "part", "to", "said"), TABLES, ids=short)
def test_a_table_that_cannot_be_is_named(name: str, part: str, to: Change, said: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        LOAD[name](changed(name, tmp_path, part=part, to=to))
    assert said in caught.value.problem


def test_a_rate_that_would_be_gone_through_for_hours_is_refused(tmp_path: Path) -> None:
    model = lifetime_value.load(changed("value", tmp_path, part=DRAWS, to=filled("r", 1e9)))
    with pytest.raises(ScoringError, match="times in the horizon"):
        model.forecast(config={"horizon_days": 90, "draws": 5, "annual_discount": 0.1})


def test_a_forecast_that_is_no_number_is_refused(tmp_path: Path) -> None:
    money = changed("value", tmp_path, part="spend.parquet", to=filled("q", 1e-90))
    with pytest.raises(ScoringError, match="no finite number"):
        lifetime_value.load(money).forecast(config={"horizon_days": 90, "draws": 50})


def test_scores_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    model = propensity.load(changed("claims", tmp_path, path="booster/base_score", to=[800.0]))
    with pytest.raises(TabkitError, match=r"scores.*numbers.*'score'"):
        collect(model.score(GOLDEN / "rows.parquet"), what="the scores")


@pytest.mark.parametrize(
    ("name", "path", "to"),
    [
        ("churned", "metrics/verdict", 5),
        ("churned", "lineage/split", "moon"),
        ("value", "facts/parameters", 5),
        ("value", "facts/warnings", None),
        ("effects", "report/arms", [1]),
        ("effects", "report/rows", {"none": "x"}),
    ],
)
def test_what_a_bundle_tells_of_itself_is_shown_or_refused(name: str, path: str, to: Any, tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        inspect_view(inspect(changed(name, tmp_path, path=path, to=to)))
