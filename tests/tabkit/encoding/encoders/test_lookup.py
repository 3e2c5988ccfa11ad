from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tabkit.encoding import (
    Codes,
    FittedTable,
    Frequency,
    LeaveOneOut,
    LevelEncoder,
    LogTarget,
    OneHot,
    OrderedTarget,
    Ordinal,
    TableEncoder,
    Target,
    WeightOfEvidence,
)
from tabkit.encoding.registry import ENCODERS
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.frames import scan
from tabkit.metrics import auc
from tabkit.target import TargetColumn

patient = settings(
    deadline=None, max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
BY_TARGET = [
    Target(),
    LogTarget(form="signed"),
    WeightOfEvidence(),
    Ordinal(order="target"),
    LeaveOneOut(smoothing=2),
    OrderedTarget(),
]
WITHOUT_TARGET = [Frequency(), Ordinal(), Codes(), OneHot()]
TARGETS = {
    "binary": TargetColumn("y", "binary", ("0", "1")),
    "multiclass": TargetColumn("y", "multiclass", ("0", "1", "2")),
    "regression": TargetColumn("y", "regression"),
}
N = 60


def _kind(spec):
    return spec.kind


def _encode(frame, encoders, target="y", **options):
    columns = {"t": list(encoders)} if not isinstance(encoders, dict) else encoders
    return TableEncoder(default="drop", columns=columns, folds=options.pop("number", 3)).fit_transform(
        frame, target=target, **options
    )


def _suited(task, *, without=()):
    return [
        spec for spec in BY_TARGET if not (task == "regression" and spec.kind == "woe") and spec.kind not in without
    ]


def _table(task="binary", rows=N, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(5, 2, rows) if task == "regression" else rng.integers(0, 2 if task == "binary" else 3, rows)
    return pl.DataFrame(
        {
            "t": rng.choice([*"abcde", None], rows).tolist(),
            "spread": np.arange(rows) % 2,
            "house": rng.integers(0, 12, rows),
            "when": rng.integers(0, 15, rows),
            "y": y,
        }
    )


def _moved(first, second, rows):
    pairs = ((name, first[name].to_numpy()[rows], second[name].to_numpy()[rows]) for name in first.columns)
    return [name for name, one, other in pairs if not np.allclose(one, other, rtol=0, atol=1e-9, equal_nan=True)]


def test_these_tests_know_every_encoder_of_levels():
    kinds = {kind for kind, spec in ENCODERS.items() if issubclass(spec, LevelEncoder)}
    assert kinds == {spec.kind for spec in BY_TARGET + WITHOUT_TARGET}
    assert all(spec.uses_target for spec in BY_TARGET)
    assert not any(spec.uses_target for spec in WITHOUT_TARGET)


# No leaks

BY_ROW = ["leave_one_out", "ordered_target"]


@pytest.mark.parametrize("mode", ["random", "groups", "time", "given"])
@pytest.mark.parametrize("task", TARGETS)
def test_a_rows_own_target_has_no_part_in_its_own_features(task, mode):
    frame = _table(task)
    options = {
        "random": {},
        "groups": {"groups": "house"},
        "time": {"time": "when"},
        "given": {"folds": np.arange(N) % 4},
    }[mode]
    # random folds are even within the classes of the first target: they alone look at it
    first = [TargetColumn("spread", "binary", ("0", "1"))] if mode == "random" and task != "regression" else []
    encoders = _suited(
        task, without=[*(["leave_one_out"] * (mode in ("time", "groups"))), *(BY_ROW * (mode == "groups"))]
    )
    before = _encode(frame, encoders, [*first, TARGETS[task]], **options).features
    others_moved = set()
    for row in (0, 7, 31, N - 1):
        y = frame["y"].to_list()
        y[row] = y[row] * 3 + 1 if task == "regression" else (y[row] + 1) % len(TARGETS[task].classes)
        after = _encode(frame.with_columns(y=pl.Series(y)), encoders, [*first, TARGETS[task]], **options).features
        assert _moved(before, after, [row]) == []
        others_moved |= set(_moved(before, after, np.delete(np.arange(N), row)))
    assert {name for name in before.columns if "spread" not in name} - {"t rank"} <= others_moved


@pytest.mark.parametrize("spec", [LeaveOneOut(), OrderedTarget()], ids=_kind)
def test_encoders_by_single_rows_refuse_groups(spec):
    with pytest.raises(ConfigError, match="groups were given"):
        _encode(_table(), [spec], TARGETS["binary"], groups="house")


def test_with_a_time_groups_are_not_looked_at():
    frame = _table()
    assert _encode(frame, [OrderedTarget()], time="when", groups="house").features.equals(
        _encode(frame, [OrderedTarget()], time="when").features
    )


@pytest.mark.parametrize("spec", [s for s in BY_TARGET if s.kind not in BY_ROW], ids=_kind)
def test_no_row_is_encoded_by_others_of_its_group(spec):
    frame = _table()
    before = _encode(frame, [spec], TARGETS["binary"], groups="house").features
    for house in range(4):
        inside = pl.col("house") == house
        changed = frame.with_columns(y=pl.when(inside).then(1 - pl.col("y")).otherwise("y"))
        after = _encode(changed, [spec], TARGETS["binary"], groups="house").features
        assert _moved(before, after, np.flatnonzero(frame["house"].to_numpy() == house)) == []


@pytest.mark.parametrize("task", TARGETS)
def test_later_targets_never_change_earlier_rows_and_the_first_block_has_no_past(task):
    frame = _table(task).sample(fraction=1, shuffle=True, seed=1)
    encoders = _suited(task, without=["leave_one_out"])
    before = _encode(frame, encoders, TARGETS[task], time="when").features
    for cut in range(1, 15):
        later = pl.col("when") >= cut
        new = pl.col("y") + 9 if task == "regression" else (pl.col("y") + 1) % len(TARGETS[task].classes)
        changed = frame.with_columns(y=pl.when(later).then(new).otherwise("y"))
        after = _encode(changed, encoders, TARGETS[task], time="when").features
        # a row of the cut's own time is not changed by its equals either: by block, or by rank
        earlier = np.flatnonzero(frame["when"].to_numpy() <= cut)
        assert _moved(before, after, earlier) == []
    oldest = before.filter(frame["when"] == frame["when"].min())
    assert oldest.null_count().row(0) == (oldest.height,) * oldest.width


@pytest.mark.parametrize("spec", [s for s in BY_TARGET if s.kind != "leave_one_out"], ids=_kind)
def test_a_level_per_row_never_predicts_the_target(spec):
    rng = np.random.default_rng(2)
    n = 4000
    y = rng.integers(0, 2, n)
    frame = pl.DataFrame({"t": [f"row {i}" for i in rng.permutation(n)], "y": y})
    feature = _encode(frame, [spec], number=5).features.to_series().fill_null(0).to_numpy()
    assert abs(auc(y, feature) - 0.5) < 0.03


def test_leave_one_out_of_a_level_per_row_gives_the_target_away_as_its_docstring_says():
    frame = pl.DataFrame({"t": [f"row {i}" for i in range(100)], "y": np.arange(100) % 2})
    assert auc(frame["y"].to_numpy(), _encode(frame, [LeaveOneOut()]).features.to_series().to_numpy()) == 0


def test_leave_one_out_is_refused_where_time_is_given():
    with pytest.raises(ConfigError, match=r"looks.*times") as caught:
        _encode(_table(), [LeaveOneOut()], time="when")
    assert "OrderedTarget()" in str(caught.value)


# What does not matter


@patient
@given(data=st.data(), task=st.sampled_from(list(TARGETS)))
def test_the_order_of_the_rows_does_not_matter(data, task):
    frame, folds = _table(task, seed=data.draw(st.integers(0, 99))), np.arange(N) % 3
    order = np.array(data.draw(st.permutations(range(N))))
    for way, without in (("time", "leave_one_out"), ("folds", "ordered_target")):
        encoders = _suited(task, without=[without]) + (WITHOUT_TARGET[:3] if task != "regression" else [])
        encoders = [spec for spec in encoders if spec != Ordinal()]
        given = [{"time": "when"}] * 2 if way == "time" else [{"folds": folds}, {"folds": folds[order]}]
        plain = _encode(frame, encoders, TARGETS[task], **given[0])
        mixed = _encode(frame[order], encoders, TARGETS[task], **given[1])
        assert_frame_equal(mixed.features, plain.features[order], rel_tol=1e-9, abs_tol=1e-9)
        assert_frame_equal(mixed.encoder.transform(frame), plain.encoder.transform(frame), rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize("task", TARGETS)
def test_what_the_levels_are_called_does_not_matter_if_their_order_stays(task):
    frame = _table(task)
    renamed = frame.with_columns(pl.col("t").replace({"a": "10", "b": "ä b", "c": "é\n", "d": "日本", "e": "🙂"}))
    assert renamed["t"].unique().sort().len() == 6
    for encoders in (_suited(task), [Ordinal(), Frequency(), Codes(), OneHot()]):
        plain, other = (_encode(table, encoders, TARGETS[task], folds=np.arange(N) % 3) for table in (frame, renamed))
        # the same order: digits before letters before accents before other scripts
        assert [list(row) for row in other.features.rows()] == [list(row) for row in plain.features.rows()]


@patient
@given(
    shift=st.floats(-1e3, 1e3),
    scale=st.floats(1e-3, 1e3),
    smoothing=st.sampled_from(["auto", 3.0]),
    seed=st.integers(0),
)
def test_means_move_with_the_target(shift, scale, smoothing, seed):
    frame = _table("regression", seed=seed)
    encoders = [Target(smoothing=smoothing), LeaveOneOut(smoothing=smoothing), OrderedTarget(smoothing=2)]
    moved = frame.with_columns(y=pl.col("y") * scale + shift)
    plain, other = (_encode(table, encoders, TARGETS["regression"], folds=np.arange(N) % 3) for table in (frame, moved))
    for one, two in (
        (plain.features, other.features),
        (plain.encoder.transform(frame), other.encoder.transform(frame)),
    ):
        expected = one.select(pl.all() * scale + shift)
        assert_frame_equal(two, expected, rel_tol=1e-7, abs_tol=1e-7 * max(scale, 1))


@patient
@given(data=st.data(), task=st.sampled_from(["binary", "multiclass"]))
def test_a_row_twice_is_a_row_of_weight_two(data, task):
    frame = _table(task, seed=data.draw(st.integers(0, 99)))
    twice = np.array(data.draw(st.lists(st.booleans(), min_size=N, max_size=N)))
    rows = np.repeat(np.arange(N), 1 + twice)
    # the twin of a row left out stays, that of an earlier row is earlier; one row, whatever its weight, is no evidence
    encoders = [spec for spec in BY_TARGET if spec.kind not in ("leave_one_out", "ordered_target", "woe")]
    weighted = _encode(
        frame.with_columns(w=pl.Series(1 + twice)), encoders, TARGETS[task], weight="w", folds=np.arange(N) % 3
    )
    repeated = _encode(frame[rows], encoders, TARGETS[task], folds=(np.arange(N) % 3)[rows])
    assert_frame_equal(weighted.features[rows], repeated.features, rel_tol=1e-9, abs_tol=1e-9)
    new = _encode(
        frame.with_columns(w=pl.Series(1 + twice)), BY_TARGET, TARGETS[task], weight="w", folds=np.arange(N) % 3
    ).encoder.transform(frame)
    every = _encode(frame[rows], BY_TARGET, TARGETS[task], folds=(np.arange(N) % 3)[rows]).encoder.transform(frame)
    assert_frame_equal(new, every, rel_tol=1e-9, abs_tol=1e-9)


def test_the_order_of_the_columns_does_not_matter():
    frame = _table().with_columns(u=pl.col("t").reverse())
    columns = {name: [Target(), Frequency(), OneHot()] for name in ("t", "u")}
    plain = _encode(frame, columns, groups="house")
    other = _encode(frame.select(reversed(frame.columns)), columns, groups="house")
    assert_frame_equal(other.features.select(plain.features.columns), plain.features, check_exact=True)


def test_a_pandas_frame_whose_index_repeats_is_a_table_like_others():
    pd = pytest.importorskip("pandas")
    frame = _table()
    index = pd.Index(np.arange(N) % 2)
    same = scan(pd.DataFrame(frame.to_dict(as_series=False), index=index))
    plain, other = (_encode(table, _suited("binary", without=BY_ROW), groups="house") for table in (frame, same))
    assert_frame_equal(other.features.collect(), plain.features, check_exact=True)


# Rare levels, null and the unseen

# a: 3 of 4 positive, b: 1 of 4, the rare c and d: 2 of 2, null: 1 of 2; 7 of all 12
RARE = pl.DataFrame({"t": [*"aaaabbbb", "c", "d", None, None], "y": [1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0]})
P = 7 / 12
GUARDED = (2 + P) / 3


def _odds(p):
    return np.log(p / (1 - p))


EXPECTED = {
    Target(smoothing=0, rare=2): {"a": 0.75, "other": 1.0, "level": 0.5, "prior": P},
    LogTarget(smoothing=0, rare=2): {"a": _odds(0.75), "other": _odds(GUARDED), "level": 0.0, "prior": _odds(P)},
    WeightOfEvidence(rare=2): {
        "a": np.log((4 / 9) / (2 / 7)),
        "other": np.log((3 / 9) / (1 / 7)),
        "level": np.log((2 / 9) / (2 / 7)),
        "prior": 0.0,
    },
    Frequency(rare=2): {"a": 4, "other": 2, "level": 2, "prior": 0},
    Frequency(rare=2, form="share"): {"a": 4 / 12, "other": 2 / 12, "level": 2 / 12, "prior": 0},
    Ordinal(rare=2): {"a": 0, "other": 2, "prior": None},
    Ordinal(rare=2, order="target"): {"a": 1, "other": 2, "prior": None},
    Ordinal(rare=2, order=("b", "x", "a")): {"a": 2, "other": 3, "prior": None},
    LeaveOneOut(): {"a": 0.75, "level": 0.5, "prior": P, "c": 1.0},
    OrderedTarget(smoothing=2): {"a": (3 + 2 * P) / 6, "level": (1 + 2 * P) / 4, "prior": P, "c": (1 + 2 * P) / 3},
    Codes(): {"a": 0, "prior": None, "c": 2},
}
CHOICES = [
    (spec, unseen, null)
    for spec, known in EXPECTED.items()
    for unseen in ("prior", "null", "other")
    for null in ("level", "prior", "null", "other")
    if null in {**known, "null": None}
    if unseen in {**known, "null": None}
    if not (spec.kind in ("leave_one_out", "ordered_target") and "prior" in (null,))
]


def _ways(encoder, new):
    """Every way in which rows can be encoded."""
    yield encoder.transform(new)
    yield encoder.transform(new.lazy()).collect()
    yield encoder.transform(new.lazy()).collect(engine="streaming")
    yield encoder.transform_with_rates(new).features
    yield encoder.transform_with_rates(new.lazy()).features.collect(engine="streaming")
    yield FittedTable.from_dict(encoder.to_dict()).transform(new)


@pytest.mark.parametrize(
    ("spec", "unseen", "null"), CHOICES, ids=[f"{s.kind} {i} {u} {n}" for i, (s, u, n) in enumerate(CHOICES)]
)
def test_null_rare_and_unseen_get_what_was_chosen(spec, unseen, null):
    known = {"null": None, **EXPECTED[spec]}
    encoder = _encode(RARE, [replace(spec, unseen=unseen, null=null)], folds=np.arange(12) % 2).encoder
    new = pl.DataFrame({"t": ["new", None, "a", "c"]})
    expected = [known[unseen], known[null], known["a"], known.get("c", known.get("other"))]
    for found in _ways(encoder, new):
        values = found.to_series()
        assert [value is None for value in values] == [value is None for value in expected]
        assert [v for v in values if v is not None] == pytest.approx([v for v in expected if v is not None])


ANY = [*EXPECTED, OneHot(rare=2)]


@pytest.mark.parametrize("spec", ANY, ids=[f"{spec.kind} {i}" for i, spec in enumerate(ANY)])
@pytest.mark.parametrize("column", ["t", "number"])
def test_unseen_levels_are_refused_if_that_was_chosen(spec, column):
    codes = pl.col("t").replace_strict({"a": 1, "b": 2, "c": 3, "d": 4}, default=None, return_dtype=pl.Int64)
    frame = RARE.with_columns(number=codes)
    order = {"order": (2, 9, 1)} if column == "number" and isinstance(getattr(spec, "order", ""), tuple) else {}
    encoder = _encode(frame, {column: replace(spec, unseen="error", **order)}, folds=np.arange(12) % 2).encoder
    new = frame[:1].with_columns(t=pl.lit("new"), number=pl.lit(99))
    assert encoder.transform(frame).height == 12
    _assert_refused(encoder, new, f"'{column}' has levels.*in 1 rows or more.*refuse")
    shares = encoder.transform_with_rates(new.lazy()).rates.collect()
    assert shares["unseen"].to_list() == [1.0]


@pytest.mark.parametrize("spec", ANY, ids=[f"{spec.kind} {i}" for i, spec in enumerate(ANY)])
def test_null_is_refused_if_that_was_chosen_at_the_fit_and_later(spec):
    spec = replace(spec, null="error")
    with pytest.raises(FitError, match=r"null in 2 rows.*refuse") as caught:
        _encode(RARE, [spec], folds=np.arange(12) % 2)
    assert "null='level'" in str(caught.value)
    encoder = _encode(RARE[:10], [spec], folds=np.arange(10) % 2).encoder
    _assert_refused(encoder, RARE, "'t' is null in 2 rows or more.*refuse")


def _assert_refused(encoder, new, said):
    ways = [
        lambda: encoder.transform(new),
        lambda: encoder.transform(pl.concat([new] * 1001)),
        lambda: encoder.transform(new.lazy()).collect(),
        lambda: encoder.transform(new.lazy()).collect(engine="streaming"),
        lambda: encoder.transform_with_rates(new),
        encoder.transform_with_rates(new.lazy()).features.collect,
        lambda: FittedTable.from_dict(encoder.to_dict()).transform(new),
    ]
    for number, way in enumerate(ways):
        with pytest.raises(
            SchemaError, match=re.sub(r"in \d ", r"in [\\d,]+ ", said) if number == 1 else said
        ) as caught:
            way()
        assert "rows, or fit" in str(caught.value)


@pytest.mark.parametrize("spec", BY_TARGET, ids=_kind)
def test_null_that_is_no_level_has_no_value_among_the_rows_of_the_fit_either(spec):
    features = _encode(RARE, [replace(spec, null="null")], folds=np.arange(12) % 2).features
    assert features.to_series().is_null().to_list()[-2:] == [True, True]


@pytest.mark.parametrize("rare", [2, 0.1, 1.5])
def test_rare_is_a_number_of_rows_or_a_share(rare):
    encoder = _encode(RARE, [Frequency(rare=rare)], folds=np.arange(12) % 2).encoder
    assert encoder.transform(pl.DataFrame({"t": [*"abcd"]})).to_series().to_list() == [4, 4, 2, 2]


@pytest.mark.parametrize(
    "spec",
    [
        Target(),
        LogTarget(),
        WeightOfEvidence(),
        Frequency(),
        Frequency(form="share"),
        Ordinal(),
        Ordinal(order="target"),
    ],
    ids=lambda spec: f"{spec.kind} {getattr(spec, 'form', '')}{getattr(spec, 'order', '')}",
)
def test_rare_levels_are_encoded_as_if_they_had_one_name(spec):
    frame = _table(rows=200).with_columns(t=pl.Series(np.random.default_rng(3).geometric(0.2, 200)).cast(pl.String))
    often = frame["t"].value_counts().filter(pl.col("count") >= 12)["t"].to_list()
    # behind all others in the order, as rare levels are
    one = frame.with_columns(t=pl.when(pl.col("t").is_in(often)).then("t").otherwise(pl.lit("~")))
    folds = np.arange(200) % 3
    found = _encode(frame, [replace(spec, rare=12)], folds=folds)
    same = _encode(one, [spec], folds=folds)
    if spec.kind == "ordinal":  # the place behind the last is theirs
        kept = frame["t"].is_in(often)
        places = [fit.encoder.transform(table).to_series() for fit, table in ((found, frame), (same, one))]
        assert places[0].filter(~kept).unique().to_list() == [len(often)]
        assert places[0].filter(kept).rank("dense").equals(places[1].filter(kept).rank("dense"))
        return
    assert_frame_equal(found.features, same.features, rel_tol=1e-9)
    assert_frame_equal(found.encoder.transform(frame), same.encoder.transform(one), rel_tol=1e-9)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rare": -1}, "rare is -1"),
        ({"rare": np.nan}, "rare is nan"),
        ({"rare": np.inf}, "rare is inf"),
        ({"rare": "few"}, "rare is 'few'"),
        ({"rare": None}, "rare is None"),
        ({"rare": True}, "rare is True"),
        ({"unseen": "level"}, "unseen is 'level'"),
        ({"null": "drop"}, r"level, prior.*error"),
    ],
)
@pytest.mark.parametrize("spec", [Target, Frequency, OneHot])
def test_choices_that_there_are_not_are_refused(spec, options, said):
    with pytest.raises(ConfigError, match=said):
        spec(**options)


@pytest.mark.parametrize("spec", [LeaveOneOut, OrderedTarget])
@pytest.mark.parametrize("options", [{"rare": 2}, {"unseen": "other"}, {"null": "other"}, {"null": "prior"}])
def test_encoders_by_single_rows_put_no_levels_together(spec, options):
    with pytest.raises(ConfigError, match="keeps every level apart"):
        spec(**options)


@pytest.mark.parametrize("spec", BY_TARGET, ids=_kind)
def test_encoding_by_a_target_needs_one(spec):
    with pytest.raises(ConfigError, match="target, but there is none") as caught:
        TableEncoder(default="drop", columns={"t": spec}).fit(RARE)
    assert "Frequency, Ordinal or OneHot" in str(caught.value)


@pytest.mark.parametrize("spec", WITHOUT_TARGET, ids=_kind)
def test_other_encoders_need_no_target_and_do_not_look_at_one(spec):
    encoder = TableEncoder(default="drop", columns={"t": spec}).fit_transform(RARE.drop("y"))
    assert_frame_equal(encoder.features, _encode(RARE, [spec]).features)
    assert_frame_equal(encoder.features, encoder.encoder.transform(RARE))


@pytest.mark.parametrize("spec", BY_TARGET + WITHOUT_TARGET, ids=_kind)
@pytest.mark.parametrize(("values", "why"), [(["a"] * 12, "constant ('a')"), ([None] * 12, "all null")])
def test_levels_that_tell_nothing_are_left_out(spec, values, why):
    frame = RARE.with_columns(u=pl.Series(values, dtype=pl.String))
    encoder = _encode(frame, {"u": spec, "t": Frequency()}).encoder
    assert encoder.outputs == ("t count",)
    assert why in encoder.plan()["why"].to_list()


@pytest.mark.parametrize("spec", BY_TARGET + WITHOUT_TARGET, ids=_kind)
def test_an_empty_frame_gives_an_empty_one(spec):
    encoder = _encode(RARE, [spec]).encoder
    full = encoder.transform(RARE)
    for empty in _ways(encoder, RARE.clear()):
        assert empty.shape == (0, full.width)
        assert empty.schema == full.schema


@pytest.mark.parametrize("unseen", ["prior", "null", "other"])
def test_a_level_of_one_fold_alone_is_unseen_to_its_own_rows(unseen):
    frame = pl.DataFrame({"t": ["a", "b"] * 6 + ["solo", "c"], "y": [0, 1, 1, 0] * 3 + [1, 1]})
    folds = np.array([0, 1, 2] * 4 + [0, 1])
    spec = Target(smoothing=0, unseen=unseen, rare=1)
    found = TableEncoder(columns={"t": spec}).fit_transform(frame, target="y", folds=folds)
    new = found.encoder.transform(pl.DataFrame({"t": ["never"]})).item()
    own = found.features.to_series()[12]
    assert (own is None) == (new is None)
    assert own is None or own == pytest.approx(frame.filter(folds != 0)["y"].mean())


def test_as_many_folds_as_rows_are_summed_once_each():
    n = 1500
    frame = pl.DataFrame({"t": [f"l{i % 500}" for i in range(n)], "y": np.random.default_rng(0).normal(size=n)})
    folds = np.arange(n)
    fine = TableEncoder(columns={"t": Target(smoothing=0)}).fit_transform(frame, target="y", folds=folds).features
    others = frame.select((pl.col("y").sum().over("t") - pl.col("y")) / 2).to_series()
    np.testing.assert_allclose(fine.to_series(), others, rtol=1e-9)
