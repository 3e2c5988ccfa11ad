"""Parts that are merged equal one fit, and updates move nothing."""

from __future__ import annotations

import datetime as dt
from functools import reduce

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

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
from tabkit.encoding.table import saved
from tabkit.errors import ConfigError, FitError, SchemaError, TabkitError
from tabkit.target import TargetColumn, infer

patient = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
TASKS = {
    "binary": TargetColumn("y", "binary", ("0", "1")),
    "multiclass": TargetColumn("y", "multiclass", ("0", "1", "2")),
    "regression": TargetColumn("y", "regression"),
}
FOLDS = 2


def _encoder(task="binary", **options):
    """Every encoder at once."""
    by_class = [] if task == "regression" else [WeightOfEvidence()]
    text = [
        OneHot(rare=3),
        Target(),
        LogTarget(form="signed" if task == "regression" else "auto", smoothing=2.0),
        *by_class,
        Ordinal(),
        Frequency(),
        Codes(),
        LeaveOneOut(smoothing="auto"),
        OrderedTarget(),
        TextLength(),
        MinHash(components=2),
        NGramHash(width=4),
    ]
    numbers = [QuantileBins(bins=3), StandardScale(), RobustScale(), Numeric()]
    columns = {
        "text": text,
        "price": [*numbers, Target(rare=2, unseen="other")],
        "flag": [Numeric(), Target(smoothing=0)],
        "span": [DurationParts(), RobustScale()],
        "clock": [DurationParts(cyclic=True), QuantileBins(bins=2)],
        "day": [DateParts(parts=("year", "month", "days")), Target()],
        "when": DateParts(cyclic=True),
        "row": Numeric(keep=True),
        ("text", "flag"): [Target(), OneHot(rare=0.1)],
    }
    return TableEncoder(columns={**columns, **options.pop("columns", {})}, folds=FOLDS, max_onehot=3, **options)


def _table(rows=60, seed=0, task="binary", levels=6, nulls=0.2):
    rng = np.random.default_rng(seed)
    pick = rng.integers(0, levels, rows)
    frame = pl.DataFrame(
        {
            "text": pl.Series(pick).replace_strict(
                dict(enumerate(["a", "b b", "", "ä1", "C", "nil"])), return_dtype=pl.String
            ),
            "auto": pl.Series(rng.integers(0, levels, rows)).cast(pl.String),
            "price": pl.Series(rng.integers(-3, 4, rows) / 4),
            "flag": rng.random(rows) < 0.5,
            "span": pl.Series(rng.integers(-(10**6), 10**6, rows) * 1000).cast(pl.Duration("ms")),
            "clock": pl.Series(rng.integers(0, 86_400, rows) * 10**9).cast(pl.Time),
            "day": pl.Series(rng.integers(-400, 400, rows).astype(np.int32)).cast(pl.Date),
            "when": pl.Series(rng.integers(-(10**9), 10**9, rows) * 10**6)
            .cast(pl.Datetime("us"))
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone("Europe/Berlin"),
            "key": [f"id {i}" for i in range(rows)],
            "row": np.arange(rows),
        }
    )
    frame = frame.with_columns(
        pl.when(pl.Series(rng.random(rows) >= nulls)).then(pl.col(name)) for name in frame.columns if name != "row"
    )
    y = rng.normal(pick, 1).round(2) if task == "regression" else rng.integers(0, 2 if task == "binary" else 3, rows)
    return frame.with_columns(y=pl.Series(y), w=pl.Series(rng.choice([0.0, 0.5, 1.0, 3.0], rows)))


def _close(found, expected, frame):
    """The same features with the same values, chosen for the same reasons."""
    assert found.outputs == expected.outputs
    features = found.transform(frame), expected.transform(frame)
    assert_frame_equal(*features, check_exact=False, rel_tol=1e-9, abs_tol=1e-9)
    columns = ["column", "encoder", "levels", "outputs"]
    assert_frame_equal(found.plan().select(columns), expected.plan().select(columns))
    assert found.schema == expected.schema
    assert found.aims == expected.aims


def _same_statistics(found, expected):
    for name, source in expected.sources.items():
        mine = found.sources[name]
        assert (mine.rows, mine.nulls) == (source.rows, source.nulls)
        for theirs, ours in ((source.to_dict()["frames"], mine.to_dict()["frames"]),):
            assert ours.keys() == theirs.keys()
            for key, frame in theirs.items():
                assert_frame_equal(ours[key], frame, check_dtypes=False, check_exact=False, rel_tol=1e-9, abs_tol=1e-9)


# Merge


@pytest.mark.slow
@patient
@given(
    rows=st.integers(12, 60),
    seed=st.integers(0, 10**6),
    parts=st.integers(2, 4),
    task=st.sampled_from(list(TASKS)),
    levels=st.integers(1, 6),
    nulls=st.sampled_from([0.0, 0.2, 0.9]),
    weight=st.sampled_from([None, "w"]),
)
def test_any_parts_merged_equal_one_fit(rows, seed, parts, task, levels, nulls, weight):
    frame = _table(rows, seed, task, levels, nulls)
    rng = np.random.default_rng(seed)
    part, fold = rng.integers(0, parts, rows), rng.integers(0, FOLDS, rows)
    inside = [part == k for k in range(parts) if (part == k).any()]
    assume(all(len(set(fold[rows_in])) == FOLDS for rows_in in inside))
    assume(weight is None or all(frame.filter(rows_in)["w"].sum() > 0 for rows_in in inside))
    options = {"target": TASKS[task], "weight": weight, "exclude": [] if weight else ["w"]}
    fitted = [_encoder(task).fit(frame.filter(p), folds=fold[p], **options) for p in inside]
    whole = _encoder(task).fit(frame, folds=fold, **options)
    merged = reduce(FittedTable.merge, fitted)
    new = pl.concat([frame, _table(20, seed + 1, task)])
    _close(merged, whole, new)
    _same_statistics(merged, whole)
    _close(reduce(lambda later, former: former.merge(later), reversed(fitted)), whole, new)


@pytest.mark.parametrize("task", list(TASKS))
def test_merging_is_associative_and_commutes(task):
    a, b, c = (_encoder(task).fit(_table(40, s, task), target=TASKS[task], exclude=["w"]) for s in range(3))
    new = _table(50, 9, task)
    _close(a.merge(b).merge(c), a.merge(b.merge(c)), new)
    _close(c.merge(a).merge(b), a.merge(b).merge(c), new)


@pytest.mark.parametrize("name", ["text", "auto", "price", "flag", "span", "clock", "day", "when", "key"])
def test_a_part_may_be_constant_or_null_in_a_column(name):
    frame, value = _table(90), pl.col(name)
    odd = [value.drop_nulls().first(), pl.lit(None, dtype=frame.schema[name])]
    parts = [frame[:30], *(frame[30 * i :][:30].with_columns(e.alias(name)) for i, e in enumerate(odd, start=1))]
    fits = [_encoder().fit(part, target=TASKS["binary"], exclude=["w"]) for part in parts]
    whole = _encoder().fit(pl.concat(parts), target=TASKS["binary"], exclude=["w"])
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        _close(reduce(FittedTable.merge, [fits[i] for i in order]), whole, frame)


def test_choices_are_made_anew_from_all_rows():
    halves = [pl.DataFrame({"t": [f"{half} {i // 2}" for i in range(6)], "x": range(6)}) for half in "ab"]
    spec = TableEncoder(folds=2, max_onehot=5)
    few = [spec.fit(half) for half in halves]
    assert [fit.plan()["encoder"][0] for fit in few] == ["onehot", "onehot"]
    assert few[0].merge(few[1]).plan()["encoder"][0] == "frequency"


def test_an_order_by_the_target_is_that_of_all_rows():
    frame = pl.DataFrame({"t": ["c", "a", "b"] * 20, "y": [3.0, 1.0, 2.0] * 20})
    frame = frame.with_columns(pl.when(pl.int_range(60) < 30).then(-pl.col("y")).otherwise(4 * pl.col("y")).alias("y"))
    spec = TableEncoder(folds=2, columns={"t": Ordinal(order="target")})
    fits = [spec.fit(part, target=TASKS["regression"]) for part in (frame[:30], frame[30:])]
    places = [fit.transform(frame[:3]).to_series().to_list() for fit in (*fits, fits[0].merge(fits[1]))]
    assert places == [[0, 2, 1], [2, 0, 1], [2, 0, 1]]


def test_several_targets_and_arms_are_merged():
    frame = _table(80).with_columns(z=pl.col("row") * 0.5, arm=pl.Series(["A", "B"] * 40))
    spec = TableEncoder(folds=2, columns={"text": Target()})
    options = {"target": [TASKS["binary"], TargetColumn("z", "regression")], "arms": "arm"}
    parts = [spec.fit(part, **options) for part in (frame[:30], frame[30:])]
    _close(parts[0].merge(parts[1]), spec.fit(frame, **options), frame)


@pytest.mark.parametrize(
    ("other", "options", "said"),
    [
        ({"columns": {"text": Target(smoothing=1.0)}}, {}, r"columns or encoders differ \('text'\)"),
        ({"columns": {"text": [OneHot(), Target()]}}, {}, r"columns or encoders differ \('text'\)"),
        ({"columns": {("text", "flag"): Target()}}, {}, "'text x flag'"),
        ({"folds": 3}, {}, r"folds, weight.*differ"),
        ({}, {"weight": "w", "exclude": []}, r"folds, weight.*differ"),
        ({}, {"exclude": ["w", "key"]}, r"columns or encoders differ \('key'\)"),
        ({}, {"target": TargetColumn("y", "multiclass", ("0", "1", "2"))}, r"targets differ: \['y'\] and \['y'\]"),
        ({}, {"target": TargetColumn("price", "regression"), "exclude": ["w"]}, "price"),
    ],
)
def test_what_cannot_be_merged_is_named(other, options, said):
    frame = _table(40, nulls=0)
    options = {"target": TASKS["binary"], "exclude": ["w"], **options}
    mine = TableEncoder(folds=2, columns={"text": Target()}).fit(frame, target=TASKS["binary"], exclude=["w"])
    theirs = TableEncoder(**{"folds": 2, "columns": {"text": Target()}, **other}).fit(frame, **options)
    for a, b in ((mine, theirs), (theirs, mine)):
        with pytest.raises(FitError, match=said) as caught:
            a.merge(b)
        assert "tabkit.target.infer" in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pl.Datetime("us"), pl.Datetime("us", "UTC")),
        (pl.Datetime("us", "UTC"), pl.Datetime("us", "Asia/Tokyo")),
        (pl.Date(), pl.Datetime("us")),
    ],
)
def test_times_of_different_zones_are_not_merged(first, second):
    spec, days = (
        TableEncoder(folds=2, columns={"t": DateParts()}),
        pl.Series("t", [dt.datetime(2024, 1, i) for i in (1, 2, 3)]),
    )
    fits = []
    for dtype in (first, second):
        zone = getattr(dtype, "time_zone", None)
        column = days.dt.replace_time_zone(zone) if zone else days.cast(dtype)
        fits.append(spec.fit(column.to_frame()))
    with pytest.raises(FitError, match=r"'t' \(Date.*'t' \(Date.*other"):
        fits[0].merge(fits[1])


def test_units_and_widths_may_differ_between_parts():
    first, second = _table(40, 1), _table(40, 2)
    wide = second.with_columns(
        pl.col("price").cast(pl.Float32), pl.col("span").cast(pl.Duration("us")), pl.col("text").cast(pl.Categorical)
    )
    narrow, other = (_encoder().fit(part, target=TASKS["binary"], exclude=["w"]) for part in (second, wide))
    mine = _encoder().fit(first, target=TASKS["binary"], exclude=["w"])
    _close(mine.merge(other), mine.merge(narrow), first)


# Update


@pytest.mark.parametrize("task", list(TASKS))
def test_an_update_without_decay_equals_a_merge_for_what_levels_mean(task):
    columns = {"text": [Target(), LogTarget(form="auto" if task != "regression" else "signed"), Frequency()]}
    columns["auto"] = [LeaveOneOut(), OrderedTarget()]
    spec = TableEncoder(default="drop", columns=columns, folds=2)
    old, new = (_table(50, seed, task, levels) for seed, levels in ((0, 3), (1, 6)))
    fits = [spec.fit(part, target=TASKS[task], weight="w") for part in (old, new)]
    updated = fits[0].update(new)
    _close(updated, fits[0].merge(fits[1]), pl.concat([old, new]))


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("decay", [0.5, 0.99, 1.0])
def test_decay_counts_old_rows_as_if_their_weights_were_smaller(task, decay):
    old, new = (_table(60, seed, task) for seed in (0, 1))
    spec = TableEncoder(default="drop", columns={"text": Target(), "auto": Target(smoothing=3.0)}, folds=2)
    updated = spec.fit(old, target=TASKS[task], weight="w").update(new, decay=decay)
    both = pl.concat([old.with_columns(pl.col("w") * decay), new])
    expected = spec.fit(both, target=TASKS[task], weight="w")
    assert_frame_equal(updated.transform(both), expected.transform(both), rel_tol=1e-9)
    twice = updated.update(new, decay=decay)
    thrice = pl.concat([old.with_columns(pl.col("w") * decay**2), new.with_columns(pl.col("w") * decay), new])
    expected = spec.fit(thrice, target=TASKS[task], weight="w")
    assert_frame_equal(twice.transform(both), expected.transform(both), rel_tol=1e-9)


@pytest.mark.slow
@patient
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 40),
    task=st.sampled_from(list(TASKS)),
    decay=st.sampled_from([0.3, 1.0]),
)
def test_features_keep_their_names_and_order_and_what_has_no_level_its_values(seed, rows, task, decay):
    fitted = _encoder(task).fit(_table(40, seed, task, levels=3), target=TASKS[task], exclude=["w"])
    new = _table(rows, seed + 1, task, nulls=0.5)
    updated = fitted.update(new, decay=decay)
    assert updated.outputs == fitted.outputs
    assert updated.schema.names() == fitted.schema.names()
    assert updated.plan()["encoder"].to_list() == fitted.plan()["encoder"].to_list()
    fixed = [
        name
        for part in fitted.parts
        for name in part.encoder.outputs
        if "levels" not in part.encoder.spec.needs or part.encoder.kind in ("codes", "onehot")
    ]
    before, after = (f.transform(new) for f in (fitted, updated))
    moved = [name for name in fixed if name != "text code"]
    assert_frame_equal(after.select(moved), before.select(moved), check_exact=True)
    if "text code" in fixed:
        known = before["text code"].is_not_null()
        assert after.filter(known)["text code"].to_list() == before.filter(known)["text code"].to_list()


def test_new_levels_get_new_codes_and_places_behind_and_no_column_of_their_own():
    old = pl.DataFrame({"t": ["b", "d", "d", "b", "b"], "x": range(5)})
    new = pl.DataFrame({"t": ["c", "a", "d", "d", "d", "d"], "x": range(6)})
    spec = TableEncoder(folds=2, columns={"t": [Codes(), Ordinal(), OneHot(), Frequency()]})
    updated = spec.fit(old).update(new)
    rows = updated.transform(pl.DataFrame({"t": ["b", "d", "a", "c", "z", None], "x": [0] * 6})).drop("x")
    assert rows.columns == ["t code", "t rank", "t=b", "t=d", "t count"]
    assert rows.rows() == [
        (0, 0, 1, 0, 3),
        (1, 1, 0, 1, 6),
        (2, 2, 0, 0, 1),
        (3, 3, 0, 0, 1),
        (None, None, 0, 0, 0),
        (None, None, 0, 0, 0),
    ]
    again = updated.update(pl.DataFrame({"t": ["Z", "b"], "x": [0, 1]}))
    assert again.transform(pl.DataFrame({"t": ["Z", "c"], "x": [0, 0]})).drop("x").rows()[0] == (4, 4, 0, 0, 1)
    assert again.transform(pl.DataFrame({"t": ["Z", "c"], "x": [0, 0]})).drop("x").rows()[1] == (3, 3, 0, 0, 1)


def test_one_hot_counts_new_levels_as_other_if_there_is_one():
    old = pl.DataFrame({"t": ["a"] * 5 + ["b"] * 5 + ["r"]})
    updated = TableEncoder(folds=2, columns={"t": OneHot(rare=2)}).fit(old).update(pl.DataFrame({"t": ["n"] * 9}))
    rows = updated.transform(pl.DataFrame({"t": ["a", "r", "n", "never"]}))
    assert rows.columns == ["t=a", "t=b", "t is other"]
    assert rows["t is other"].to_list() == [0, 1, 1, 1]


def test_columns_that_were_left_out_stay_out_and_need_not_be_there():
    old = pl.DataFrame({"key": [f"id {i}" for i in range(20)], "same": ["a"] * 20, "x": range(20)})
    fitted = TableEncoder(folds=2).fit(old)
    for new in (pl.DataFrame({"x": [1]}), pl.DataFrame({"key": ["id 1"], "same": ["b"], "x": [1]})):
        assert fitted.update(new).outputs == ("x",)
    with pytest.raises(FitError, match="'key', 'same'"):
        fitted.update(old).merge(fitted)


def test_updated_tables_can_be_merged():
    frames = [_table(40, seed).drop("key") for seed in range(4)]
    spec = _encoder()
    a, b = (spec.fit(f, target=TASKS["binary"], exclude=["w"]).update(g) for f, g in (frames[:2], frames[2:]))
    whole = spec.fit(pl.concat(frames), target=TASKS["binary"], exclude=["w"])
    _close(a.merge(b), whole, pl.concat(frames))


@pytest.mark.parametrize("task", list(TASKS))
def test_a_table_travels_between_updates(task, tmp_path):
    frames = [_table(40, seed, task, levels) for seed, levels in ((0, 3), (1, 6), (2, 6))]
    fitted = _encoder(task).fit(frames[0], target=TASKS[task], weight="w")
    at_once = fitted.update(frames[1], decay=0.5).update(frames[2], decay=0.5)
    travelled = FittedTable.from_dict(fitted.to_dict()).update(frames[1], decay=0.5)
    saved.save(travelled, tmp_path / "encoder")
    travelled = saved.load(tmp_path / "encoder").update(frames[2], decay=0.5)
    _close(travelled, at_once, pl.concat(frames))
    _same_statistics(travelled, at_once)
    assert_frame_equal(travelled.transform(frames[0]), at_once.transform(frames[0]), check_exact=True)


def test_the_old_table_is_not_changed():
    old, new = _table(40, 0, levels=3), _table(40, 1)
    fitted = _encoder().fit(old, target=TASKS["binary"], exclude=["w"])
    before, state = fitted.transform(new), str(fitted.to_dict())
    updated, merged = fitted.update(new, decay=0.5), fitted.merge(fitted)
    assert not updated.transform(new).equals(before)
    assert not merged.transform(new).equals(before)
    assert_frame_equal(fitted.transform(new), before, check_exact=True)
    assert str(fitted.to_dict()) == state


def test_a_single_new_row_is_enough():
    fitted = TableEncoder(folds=5, columns={"text": Target(smoothing=0)}).fit(
        _table(40, nulls=0).select("text", "row", "y"), target=TASKS["binary"]
    )
    new = pl.DataFrame({"text": ["never"], "row": [1], "y": [1]})
    assert fitted.update(new).transform(new)["text by target"].to_list() == [1.0]


def test_lazy_rows_update_like_eager_ones():
    old, new = _table(40, 0, levels=3), _table(40, 1)
    fitted = _encoder().fit(old, target=TASKS["binary"], exclude=["w"])
    assert_frame_equal(fitted.update(new.lazy()).transform(new), fitted.update(new).transform(new))


def test_an_update_reads_other_types_on_demand():
    old, new = _table(40, 0, nulls=0), _table(40, 1, nulls=0)
    fitted = _encoder().fit(old, target=TASKS["binary"], exclude=["w"])
    text = new.with_columns(pl.col("price", "day").cast(pl.String))
    assert_frame_equal(fitted.update(text, coerce=True).transform(new), fitted.update(new).transform(new))
    with pytest.raises(SchemaError, match=r"'price'.*Float64.*String"):
        fitted.update(text)
    with pytest.raises(TabkitError, match="cheap"):
        fitted.update(text.with_columns(price=pl.lit("cheap")), coerce=True)


def test_arms_are_updated_by_their_own_rows():
    old = pl.DataFrame({"t": ["a", "b"] * 10, "arm": ["A", "A", "B", "B"] * 5, "y": [0.0, 1.0, 2.0, 3.0] * 5})
    new = pl.DataFrame({"t": ["a"], "arm": ["B"], "y": [100.0]})
    spec = TableEncoder(folds=2, columns={"t": Target(smoothing=0)})
    fitted = spec.fit(old, target=TASKS["regression"], arms="arm")
    assert fitted.transform(old[:1]).row(0) == (0.0, 2.0)
    assert fitted.update(new).transform(old[:1]).row(0) == pytest.approx((0.0, (2.0 * 5 + 100) / 6))


def test_new_rows_of_a_table_with_time_come_last():
    old = pl.DataFrame({"t": ["a", "b"] * 10, "at": range(20), "y": [0, 1] * 10})
    fitted = TableEncoder(folds=4, columns={"t": Target()}).fit(old, target=TASKS["binary"], time="at")
    rows = fitted.update(old.with_columns(pl.col("at") + 100)).sources["t"].levels.rows
    np.testing.assert_array_equal(rows.sum(axis=0), [5, 5, 5, 25])


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (pl.lit(7).alias("y"), FitError, r"classes.*fit: '7'"),
        (pl.lit(None, dtype=pl.Int64).alias("y"), FitError, "null"),
        (pl.lit("C").alias("arm"), FitError, r"arms.*know: 'C'"),
        (pl.lit(None, dtype=pl.String).alias("arm"), FitError, "the arm is null"),
        (pl.lit(-1.0).alias("w"), FitError, r"weight 'w'.*NaN.*negative"),
        (pl.lit(float("inf")).alias("price"), FitError, "infinite values in 'price'"),
        (pl.lit(1).alias("text"), SchemaError, r"'text'.*String.*Int32"),
    ],
)
def test_rows_that_do_not_suit_are_refused(change, error, said):
    frame = _table(40).with_columns(arm=pl.Series(["A", "B"] * 20))
    spec = TableEncoder(default="drop", columns={"text": Target(), "price": Numeric()}, folds=2)
    fitted = spec.fit(frame, target=TASKS["binary"], weight="w", arms="arm")
    with pytest.raises(error, match=said):
        fitted.update(frame.with_columns(change))


@pytest.mark.parametrize("name", ["text", "y", "w"])
def test_an_update_needs_the_columns_of_the_fit(name):
    frame = _table(40)
    fitted = TableEncoder(default="drop", columns={"text": Target()}, folds=2).fit(
        frame, target=TASKS["binary"], weight="w"
    )
    with pytest.raises(SchemaError, match=f"missing columns: '{name}'"):
        fitted.update(frame.drop(name))


def test_an_update_without_rows_is_refused():
    frame = _table(40)
    with pytest.raises(FitError, match="no rows"):
        _encoder().fit(frame, target=TASKS["binary"]).update(frame.clear())


@pytest.mark.parametrize("decay", [0, -0.5, 1.5, float("nan")])
def test_impossible_decay_is_refused(decay):
    frame = _table(40)
    with pytest.raises(ConfigError, match="decay"):
        _encoder().fit(frame, target=TASKS["binary"]).update(frame, decay=decay)


@pytest.mark.parametrize("how", ["slim", "updated"])
def test_parts_that_forgot_what_they_left_out_can_be_merged(how):
    frame = pl.DataFrame({"s": ["a", "b"] * 10, "id": [f"i{i}" for i in range(20)], "y": [0, 1, 1, 0] * 5})
    spec, y = TableEncoder(folds=2, max_onehot=3), infer(frame, "y")
    parts = [spec.fit(frame[:12], target=y), spec.fit(frame[12:], target=y)]
    parts = [part.slim() if how == "slim" else part.update(frame[:4]) for part in parts]
    merged = parts[0].merge(parts[1])
    assert merged.outputs == ("s=a", "s=b")
    assert merged.sources["s"].rows == sum(part.sources["s"].rows for part in parts)
    with pytest.raises(FitError, match=r"statistics of 'id'.*one alone"):
        parts[0].merge(spec.fit(frame[12:], target=y))


def test_a_number_of_rows_that_is_rare_stays_rare_while_rows_age():
    frame = pl.DataFrame({"t": ["a"] * 20 + ["b"] * 20 + ["c"] * 3, "y": [1] * 20 + [0] * 20 + [1, 0, 1]})
    fitted = TableEncoder(columns={"t": Target(rare=15, smoothing=0)}).fit(frame, target="y")
    aged = fitted
    for _ in range(8):
        aged = aged.update(pl.DataFrame({"t": ["a", "b"], "y": [1, 0]}), decay=0.7)
    levels = pl.DataFrame({"t": ["a", "b"]})
    assert aged.transform(levels).equals(fitted.transform(levels))
