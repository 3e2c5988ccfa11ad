from __future__ import annotations

import datetime as dt
import hashlib
import json

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit import bundle
from tabkit.bundle import CHECKSUM, MANIFEST
from tabkit.encoding import (
    Codes,
    DateParts,
    DurationParts,
    FittedTable,
    Frequency,
    LeaveOneOut,
    LogTarget,
    MinHash,
    NGramHash,
    Numeric,
    OneHot,
    OrderedTarget,
    Ordinal,
    QuantileBins,
    RobustScale,
    StandardScale,
    TableEncoder,
    Target,
    TextLength,
    WeightOfEvidence,
)
from tabkit.encoding.auto import AutoText
from tabkit.encoding.table import saved
from tabkit.errors import BundleError, SchemaError, TabkitError
from tabkit.target import TargetColumn

N = 120
RNG = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "text": pl.Series(RNG.choice(["a", "b b", "", "ü\x00\x1f", "null"], N)).set(
            pl.Series(RNG.random(N) < 0.1), None
        ),
        "number": RNG.normal(size=N).round(1),
        "span": [dt.timedelta(seconds=int(s)) for s in RNG.integers(-(10**6), 10**6, N)],
        "when": pl.Series(
            [dt.datetime(2024, 1, 1) + dt.timedelta(hours=int(h)) for h in RNG.integers(0, 9999, N)]
        ).dt.replace_time_zone("UTC"),
        "same": ["x"] * N,
        "row": range(N),
        "y": RNG.integers(0, 2, N),
    }
)
NEW = pl.concat([FRAME, FRAME.head(2).with_columns(text=pl.Series(["never", None]))])
BY_COLUMN = {
    "text": [
        *(AutoText(), AutoText(max_onehot=0), Codes(), Frequency(form="share"), LeaveOneOut(), LogTarget(), MinHash()),
        *(NGramHash(), OneHot(rare=25), OneHot(null="null", unseen="null"), OrderedTarget(), Ordinal()),
        *(Ordinal(order="target", rare=25), Ordinal(order=("b b", "a")), Target(), TextLength(), WeightOfEvidence()),
        Target(rare=0.2, unseen="other", null="other", smoothing=3.0),
    ],
    "number": [Numeric(), QuantileBins(), QuantileBins(bins=2), RobustScale(), StandardScale(), Target()],
    "span": [DurationParts(), DurationParts(cyclic=True, parts=("hours",))],
    "when": [DateParts(), DateParts(cyclic=True), DateParts(parts=("days", "week"))],
    ("text", "number"): [Target()],
    "same": [Target()],
}
ENCODERS = [(column, spec) for column, specs in BY_COLUMN.items() for spec in specs]
TASKS = {
    "binary": (TargetColumn("y", "binary", ("0", "1")), pl.col("y")),
    "multiclass": (TargetColumn("y", "multiclass", ("0", "1", "2")), pl.col("row") % 3),
    "regression": (TargetColumn("y", "regression"), pl.col("number").exp()),
    "none": (None, pl.col("y")),
}


def _fit(columns=(), task="binary"):
    target, y = TASKS[task]
    return TableEncoder(folds=2, columns=dict(columns)).fit(
        FRAME.with_columns(y.alias("y")), target=target, exclude=[] if target else ["y"]
    )


def _assert_same(again, fitted):
    assert_frame_equal(again.transform(NEW), fitted.transform(NEW), check_exact=True)
    columns = ["column", "encoder", "levels", "outputs"]
    assert_frame_equal(again.plan().select(columns), fitted.plan().select(columns))
    assert (again.schema, again.aims, again.roles, again.folds) == (
        fitted.schema,
        fitted.aims,
        fitted.roles,
        fitted.folds,
    )
    assert again.specs == fitted.specs
    assert again.source_of == fitted.source_of


def _remade(path, name: str, change) -> None:
    """Change a part of a bundle, and make all its checksums right again."""
    part = change((path / name).read_bytes())
    (path / name).write_bytes(part)
    facts = json.loads((path / MANIFEST).read_bytes())
    facts["parts"][name] = hashlib.sha256(part).hexdigest()
    raw = json.dumps(facts).encode()
    (path / MANIFEST).write_bytes(raw)
    (path / CHECKSUM).write_text(f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n", encoding="ascii", newline="\n")


@pytest.mark.parametrize(("column", "encoder"), ENCODERS, ids=lambda value: getattr(value, "kind", str(value)))
def test_every_encoder_is_plain_data_and_comes_back_the_same(column, encoder, tmp_path):
    fitted = _fit({column: encoder})
    state = fitted.to_dict()
    frames = [source.pop("frames") for source in state["sources"]]
    state = json.loads(json.dumps(state, allow_nan=False))
    for source, held in zip(state["sources"], frames, strict=True):
        source["frames"] = held
    _assert_same(FittedTable.from_dict(state), fitted)
    saved.save(fitted, tmp_path / "encoder")
    _assert_same(saved.load(tmp_path / "encoder"), fitted)


@pytest.mark.parametrize("task", list(TASKS))
def test_every_task_comes_back_the_same(task, tmp_path):
    columns = {
        "text": [Frequency()] if task == "none" else [Target(), LogTarget(), LeaveOneOut(), Ordinal(order="target")]
    }
    fitted = _fit(columns, task)
    saved.save(fitted, tmp_path / "encoder")
    again = saved.load(tmp_path / "encoder")
    _assert_same(again, fitted)
    _assert_same(again.slim(), fitted)
    assert_frame_equal(again.merge(fitted).transform(NEW), fitted.merge(fitted).transform(NEW), check_exact=True)


def test_the_same_table_makes_the_same_parts_before_and_after_its_travel(tmp_path):
    fitted = _fit({"text": [Target(), OneHot()], ("text", "number"): Target()})
    saved.save(fitted, tmp_path / "encoder")
    for again in (fitted, FittedTable.from_dict(fitted.to_dict()), saved.load(tmp_path / "encoder")):
        assert saved.to_parts(again) == saved.to_parts(fitted)


def test_the_manifest_says_which_columns_are_needed(tmp_path):
    fitted = _fit()
    saved.save(fitted, tmp_path / "encoder", content={"note": "weekly"})
    found = bundle.read(tmp_path / "encoder", kinds=saved.KIND)
    assert found.manifest["schema"] == fitted.schema.to_list()
    assert found.manifest["note"] == "weekly"


def test_a_bundle_is_not_overwritten_by_chance(tmp_path):
    saved.save(_fit(), tmp_path / "encoder")
    with pytest.raises(BundleError):
        saved.save(_fit(), tmp_path / "encoder")
    saved.save(_fit({"text": Target()}), tmp_path / "encoder", overwrite=True)
    assert "text by target" in saved.load(tmp_path / "encoder").outputs


@pytest.mark.parametrize("name", ["encoder.json", "encoder/000-levels.parquet", MANIFEST, CHECKSUM])
@pytest.mark.parametrize("how", ["changed", "cut", "missing"])
def test_tampering_is_refused(tmp_path, name, how):
    saved.save(_fit({"text": Target()}), tmp_path / "encoder")
    part = tmp_path / "encoder" / name
    raw = part.read_bytes()
    if how == "missing":
        part.unlink()
    else:
        part.write_bytes(raw[:-7] if how == "cut" else raw.replace(raw[5:6], bytes([raw[5] ^ 1]), 1))
    with pytest.raises(BundleError):
        saved.load(tmp_path / "encoder")


def test_another_kind_of_bundle_is_refused(tmp_path):
    bundle.write(tmp_path / "other", kind="propensity", content={}, parts=saved.to_parts(_fit()))
    with pytest.raises(BundleError, match="propensity"):
        saved.load(tmp_path / "other")


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ('"kind": "target"', '"kind": "embedding"', SchemaError, "unknown encoder 'embedding'"),
        ('"outputs"', '"features"', BundleError, "tabkit expects"),
        ('"folds": 2', '"folds": "two"', BundleError, "tabkit expects"),
        ('"text by target"', '"text by goal"', SchemaError, "were called"),
        ('"text"', '"words"', TabkitError, "words|text"),
        ("{", "[", BundleError, "not of the format"),
    ],
)
def test_a_whole_bundle_of_a_strange_encoder_is_refused(tmp_path, old, new, error, said):
    saved.save(_fit({"text": Target()}), tmp_path / "encoder")
    _remade(
        tmp_path / "encoder",
        "encoder.json",
        lambda raw: raw.replace(old.encode(), new.encode(), 1 if old == '"text"' else -1),
    )
    with pytest.raises(error, match=said):
        saved.load(tmp_path / "encoder")


@pytest.mark.parametrize(
    "strange",
    [
        pl.DataFrame({"level": ["a"]}),
        pl.DataFrame({"level": ["a"], "fold": [7], "rows": [1.0]}),
        pl.DataFrame({"level": [1], "fold": [0], "rows": [1.0]}),
    ],
    ids=["columns", "fold", "type"],
)
def test_statistics_of_a_strange_shape_are_refused(tmp_path, strange):
    saved.save(_fit({"text": Target()}), tmp_path / "encoder")
    _remade(tmp_path / "encoder", "encoder/000-levels.parquet", lambda _: bundle.frame_bytes(strange))
    with pytest.raises(TabkitError, match="tabkit expects"):
        saved.load(tmp_path / "encoder")
