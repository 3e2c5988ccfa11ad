"""Checks that the parts of a saved propensity model fit each other; any of them may have been edited."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tabkit.bundle import Bundle
from tabkit.fingerprint import SIZE as SKETCHED
from tabkit.fingerprint import RowSample
from tabkit.objective import OBJECTIVES
from tabkit.predictors.protocol import Predictor
from tabkit.predictors.registry import learner_of
from tabkit.schema import parse_dtype
from tabkit.target import TargetColumn
from tabkit.untrusted.manifest import LARGEST, NamedTable, damaged, is_number, is_whole, shown

SEEN = "seen.parquet"
_FEW = 20  # names that fit into a message


def check_predictor(predictor: Predictor, *, target: TargetColumn, features: Collection[str]) -> None:
    """Refuse a predictor of something else than the target, or from other features.

    Raises
    ------
    BundleError
        Saying what does not fit.
    """
    tasks = {"binary": ("binary",), "multiclass": ("multiclass",)}
    expected = tasks.get(target.task, tuple(name for name in OBJECTIVES if name not in ("binary", "multiclass")))
    if predictor.objective not in expected:
        raise damaged(f"the objective is {predictor.objective!r}, and the target {target.name!r} is {target.task}")
    if target.task == "multiclass" and tuple(predictor.classes) != target.classes:
        raise damaged(f"the classes of the learner are not those of the target {target.name!r}")
    outputs = len(target.classes) if target.task == "multiclass" else 1
    check_scores(predictor, outputs=outputs, features=features)


def check_scores(predictor: Predictor, *, outputs: int, features: Collection[str]) -> None:
    """Refuse base scores that are no finite numbers, one for each output, and features that nobody makes.

    Raises
    ------
    BundleError
        Saying what does not fit.
    """
    scores = predictor.base_score
    if len(scores) != outputs or not all(map(is_number(), scores)):
        raise damaged(f"the base score is {shown(list(scores))}; {outputs} finite numbers were expected")
    extent, unit = learner_of(predictor).extent(predictor), learner_of(predictor).unit
    if not is_whole(high=10**9)(extent):
        raise damaged(f"the learner has {shown(extent)} {unit}; a whole number was expected")
    names = predictor.features
    unknown = [name for name in names if not isinstance(name, str) or name not in features]
    if unknown or len(set(names)) < len(names):
        listed = ", ".join(map(shown, unknown[:_FEW])) or "some twice"
        raise damaged(f"the learner takes features that the encoder does not make: {listed}")


def check_known(lineage: Mapping[str, Any], target: TargetColumn) -> None:
    """Refuse a memory of the rows of the fit that updates could not compare new rows with.

    Raises
    ------
    BundleError
        Naming the field.
    """
    training = NamedTable(lineage.get("known") or {}, "what is known of the rows")
    if not training.values:
        return
    training.whole("rows")
    training.maybe(training.whole, "lots")
    if not {"span", "ends"} <= set(training.values) or ("span" in training) != ("ends" in training):
        raise damaged("what is known of the rows tells their span without its ends, or the other way round")
    training.maybe(lambda name: training.texts(name, size=2), "span")
    training.maybe(lambda name: training.numbers(name, size=2), "ends")
    high = 1.0 if target.classes else LARGEST
    levels = target.classes or ("mean", "spread")
    for name in ("level", "errors"):
        if name not in training:
            continue
        table = training.table(name).only(levels)
        for each in table.values:
            table.number(each, low=-LARGEST if each == "mean" else 0.0, high=high)
    if "level" in training and not target.classes and (table := training.table("level")).values:
        table.number("spread", low=0)


def config_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the fit, of which columns that were left out are read again.

    Raises
    ------
    BundleError
        If these are no names.
    """
    given = NamedTable(manifest["config"], "the config")
    if "encoding" in given and "exclude" in (encoding := given.table("encoding")):
        encoding.texts("exclude")
    if "placebos" in given:
        given.texts("placebos")
    for name, part in given.values.items():
        if isinstance(part, Mapping) and part.get("params") is not None:
            given.table(name).mapping("params")
    return dict(given.values)


def dtypes_of(values: object) -> dict[str, str]:
    """Return the types of the role columns as they are written, once it is sure that each is one.

    Raises
    ------
    TabkitError
        Naming what is none.
    """
    given = NamedTable(values, "the types of the roles")
    for name in given.values:
        parse_dtype(given.text(name))
    return dict(given.values)


def sketch_of(found: Bundle) -> RowSample | None:
    """Return the sample of the rows of the fit, None if there is none; `BundleError` if it cannot be one."""
    if SEEN not in found.parts:
        return None
    return RowSample.from_frame(found.frame(SEEN, most_rows=SKETCHED))
