from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from polars.io.plugins import register_io_source
from polars.testing import assert_frame_equal

from tabkit.encoding import AutoText, DateParts, Drop, Encoded, FittedTable, Numeric, OneHot, TableEncoder, Target
from tabkit.errors import ConfigError, FitError, SchemaError, TabkitError
from tabkit.splits import kfold
from tabkit.target import TargetColumn

N = 300


def _table(seed: int = 0, rows: int = N) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    few, many = rng.integers(0, 3, rows), rng.integers(0, 20, rows)
    return pl.DataFrame(
        {
            "few": pl.Series(few).cast(pl.String).replace("2", None),
            "many": pl.Series(many).cast(pl.String),
            "number": rng.normal(size=rows),
            "count": pl.Series(rng.integers(0, 9, rows)).replace(8, None),
            "flag": pl.Series(few == 1),
            "price": pl.Series([Decimal(int(c)) / 4 for c in many]),
            "day": [dt.date(2024, 1, 1) + dt.timedelta(int(d)) for d in rng.integers(0, 400, rows)],
            "when": pl.Series(
                [dt.datetime(2024, 1, 1) + dt.timedelta(hours=int(h)) for h in many]
            ).dt.replace_time_zone("UTC"),
            "none": pl.Series([None] * rows, dtype=pl.Null),
            "y": (rng.random(rows) < 0.2 + 0.02 * many).astype(int),
        }
    )


class CountedSource:
    """A lazy frame that counts how often it is read, and remembers the columns that were asked for."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self.columns: list[list[str]] = []

    def lazy(self) -> pl.LazyFrame:
        return register_io_source(self._read, schema=self.frame.schema)

    def _read(self, with_columns, predicate, n_rows, batch_size):
        self.columns.append(list(with_columns) if with_columns is not None else self.frame.columns)
        frame = self.frame if with_columns is None else self.frame.select(with_columns)
        frame = frame if predicate is None else frame.filter(predicate)
        yield from frame.head(n_rows if n_rows is not None else frame.height).iter_slices(50)


# Shape: rows, order, laziness


def test_features_are_numbers_in_the_order_of_the_rows():
    frame = _table()
    encoder, features = TableEncoder().fit_transform(frame, target="y")
    assert features.height == N
    assert tuple(features.columns) == encoder.outputs
    assert all(dtype.is_numeric() for dtype in features.dtypes)
    assert features["number"].to_list() == frame["number"].to_list()
    assert encoder.transform(frame)["number"].to_list() == frame["number"].to_list()


def test_lazy_in_lazy_out_with_the_values_of_eager_and_of_a_stream():
    frame = _table()
    eager = TableEncoder().fit_transform(frame, target="y")
    lazy = TableEncoder().fit_transform(frame.lazy(), target="y")
    assert isinstance(lazy, Encoded)
    assert isinstance(lazy.features, pl.LazyFrame)
    assert isinstance(eager.features, pl.DataFrame)
    for engine in ("in-memory", "streaming"):
        assert_frame_equal(lazy.features.collect(engine=engine), eager.features, check_exact=True)
        new = lazy.encoder.transform(frame.lazy())
        assert isinstance(new, pl.LazyFrame)
        assert_frame_equal(new.collect(engine=engine), eager.encoder.transform(frame), check_exact=True)


def test_fit_gives_the_encoder_of_fit_transform():
    frame = _table()
    fitted = TableEncoder().fit(frame, target="y")
    assert_frame_equal(
        fitted.transform(frame), TableEncoder().fit_transform(frame, target="y").encoder.transform(frame)
    )


def test_the_input_is_not_changed():
    frame = _table()
    before = frame.clone()
    encoder, _ = TableEncoder().fit_transform(frame, target="y")
    encoder.transform(frame)
    assert_frame_equal(frame, before)


def test_the_same_seed_gives_the_same_bits_and_another_one_other_folds():
    frame = _table(rows=5000).with_columns(y=pl.col("number") * 1000 + pl.col("many").cast(pl.Int32))
    first, second, other = (TableEncoder(seed=seed).fit_transform(frame, target="y").features for seed in (0, 0, 1))
    assert_frame_equal(first, second, check_exact=True)
    assert not first["many by target"].equals(other["many by target"])


@pytest.mark.parametrize("lazily", [False, True])
def test_an_empty_frame_is_encoded_to_an_empty_frame(lazily):
    frame = _table()
    encoder = TableEncoder().fit(frame, target="y")
    empty = encoder.transform(frame.clear().lazy()).collect() if lazily else encoder.transform(frame.clear())
    assert empty.shape == (0, len(encoder.outputs))
    assert empty.schema == encoder.transform(frame).schema


@pytest.mark.parametrize("rows", [1, 999, 1000, 1001, 5000])
def test_few_rows_many_rows_lazy_ones_and_streams_are_encoded_alike(rows):
    encoder = TableEncoder(columns={"many": [Target(), OneHot(rare=2)], ("few", "many"): Target()}).fit(
        _table(), target="y"
    )
    new = _table(seed=1, rows=rows)
    eager = encoder.transform(new)
    for engine in ("in-memory", "streaming"):
        assert_frame_equal(encoder.transform(new.lazy()).collect(engine=engine), eager, check_exact=True)
    assert_frame_equal(new.select(encoder.to_exprs()), eager, check_exact=True)
    parts = [encoder.transform(part) for part in new.iter_slices(700)]
    assert_frame_equal(pl.concat(parts), eager, check_exact=True)


def test_a_file_is_written_in_the_order_of_the_rows(tmp_path):
    new = _table(seed=1, rows=50_000)
    new.write_parquet(tmp_path / "in.parquet", row_group_size=3000)
    encoder = TableEncoder().fit(_table(), target="y")
    encoder.transform(pl.scan_parquet(tmp_path / "in.parquet")).sink_parquet(tmp_path / "out.parquet")
    assert_frame_equal(pl.read_parquet(tmp_path / "out.parquet"), encoder.transform(new), check_exact=True)


def test_one_row_is_encoded_like_many():
    frame = _table()
    encoder = TableEncoder().fit(frame, target="y")
    rows = pl.concat([encoder.transform(frame[i : i + 1]) for i in range(20)])
    assert_frame_equal(rows, encoder.transform(frame[:20]))


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_files_in_parts_are_encoded_like_the_frame(tmp_path, ending):
    frame = _table(rows=2000).select("few", "many", "number", "count", "flag", "y")
    for i, part in enumerate(frame.iter_slices(600)):
        getattr(part, f"write_{ending}")(tmp_path / f"{i}.{ending}")
    types = {} if ending == "parquet" else {"schema_overrides": frame.schema}
    lazy = getattr(pl, f"scan_{ending}")(tmp_path / f"*.{ending}", **types)
    found = TableEncoder().fit_transform(lazy, target="y")
    expected = TableEncoder().fit_transform(frame, target="y")
    assert_frame_equal(found.features.collect(), expected.features, check_exact=True)
    assert_frame_equal(found.encoder.transform(frame), expected.encoder.transform(frame), check_exact=True)


# Passes over the source


def test_the_source_is_read_a_few_times_however_many_columns_there_are():
    wide = pl.concat([_table().drop("y").rename(lambda n, k=k: f"{n} {k}") for k in range(6)], how="horizontal")
    counts = []
    for frame in (_table(), wide.with_columns(_table()["y"])):
        source = CountedSource(frame)
        encoder, features = TableEncoder().fit_transform(source.lazy(), target="y")
        counts.append(len(source.columns))
        features.collect(engine="streaming")
        assert len(source.columns) == counts[-1] + 1
        encoder.transform(source.lazy()).collect()
        assert len(source.columns) == counts[-1] + 2
    # two looks at the target's column alone, one at the rows
    assert counts == [3, 3]


def test_a_target_that_is_understood_needs_one_pass():
    source = CountedSource(_table())
    TableEncoder().fit(source.lazy(), target=TargetColumn("y", "binary", ("0", "1")))
    assert len(source.columns) == 1


def test_columns_that_are_left_out_are_not_read():
    source = CountedSource(_table())
    TableEncoder().fit(source.lazy(), target="y", exclude=["few", "many"])
    assert {name for columns in source.columns for name in columns} == {*_table().columns} - {"few", "many"}


# What becomes of new data


def test_new_rows_are_checked_by_name_and_order_is_not_trusted():
    frame = _table()
    encoder = TableEncoder().fit(frame, target="y")
    shuffled = frame.select(reversed(frame.columns)).with_columns(extra=pl.lit("ignored"))
    assert_frame_equal(encoder.transform(shuffled), encoder.transform(frame))


def test_missing_and_retyped_columns_are_all_named_at_once():
    frame = _table()
    encoder = TableEncoder().fit(frame, target="y")
    broken = frame.drop("few", "day").with_columns(pl.col("number").cast(pl.String), pl.col("many").cast(pl.Int32))
    with pytest.raises(SchemaError) as caught:
        encoder.transform(broken)
    for part in ("'few'", "'day'", "'number' was Float64", "now String", "'many' was String", "now Int32"):
        assert part in str(caught.value)


def test_columns_that_were_left_out_are_not_needed():
    frame = _table()
    encoder = TableEncoder().fit(frame, target="y")
    assert_frame_equal(encoder.transform(frame.drop("none", "y")), encoder.transform(frame))


def test_types_may_change_within_their_family():
    frame = _table()
    encoder = TableEncoder().fit(frame, target="y")
    relatives = frame.with_columns(
        pl.col("many").cast(pl.Categorical),
        pl.col("few").cast(pl.Enum(["1", "0"])),
        pl.col("count").cast(pl.Float32),
        pl.col("price").cast(pl.Float64),
        pl.col("day").cast(pl.Datetime("ms")),
        pl.col("when").dt.convert_time_zone("Asia/Tokyo"),
    )
    assert_frame_equal(encoder.transform(relatives), encoder.transform(frame))


def test_text_is_read_as_the_type_of_the_fit_on_demand():
    frame = _table()
    encoder = TableEncoder().fit(frame, target="y")
    text = frame.with_columns(pl.col("number", "count", "flag", "price", "day", "when").cast(pl.String))
    text = text.with_columns((" " + pl.col("day") + " ").alias("day"), pl.col("many").cast(pl.Float64))
    expected = encoder.transform(frame)
    assert_frame_equal(encoder.transform(text, coerce=True), expected)
    assert_frame_equal(encoder.transform(text.lazy(), coerce=True).collect(engine="streaming"), expected)
    assert_frame_equal(encoder.transform_with_rates(text, coerce=True).features, expected)
    with pytest.raises(SchemaError, match=r"'number'.*Float64.*String"):
        encoder.transform(text)


@pytest.mark.parametrize("rows", [3, 3000])
@pytest.mark.parametrize(
    ("name", "value"), [("number", "1,5"), ("day", "31/01/2024"), ("flag", "maybe"), ("when", "noon")]
)
def test_text_that_cannot_be_read_is_named_and_never_null(name, value, rows):
    encoder = TableEncoder().fit(_table(), target="y")
    frame = _table(rows=rows).with_columns(pl.lit(value).alias(name))
    for call in (encoder.transform, encoder.transform_with_rates):
        with pytest.raises(SchemaError, match=value):
            call(frame, coerce=True)
    with pytest.raises(pl.exceptions.PolarsError, match=value):
        encoder.transform(frame.lazy(), coerce=True).collect()


@pytest.mark.parametrize("name", ["few", "many", "number", "flag", "price", "day", "when"])
def test_a_column_may_be_all_null_one_day(name):
    frame = _table()
    encoder = TableEncoder().fit(frame, target="y")
    null = encoder.transform(frame.with_columns(pl.lit(None).alias(name)))
    typed = encoder.transform(frame.with_columns(pl.lit(None, dtype=frame.schema[name]).alias(name)))
    assert_frame_equal(null, typed)


# Travel


def test_it_travels_as_plain_data_and_frames():
    frame = _table()
    encoder = TableEncoder().fit(frame, target="y")
    state = encoder.to_dict()
    frames = [item.pop("frames") for item in state["sources"]]
    state = json.loads(json.dumps(state, allow_nan=False))
    for item, held in zip(state["sources"], frames, strict=True):
        assert all(isinstance(inner, pl.DataFrame) for inner in held.values())
        item["frames"] = held
    again = FittedTable.from_dict(state)
    assert_frame_equal(again.transform(frame), encoder.transform(frame), check_exact=True)
    assert again.schema == encoder.schema
    assert again.plan().equals(encoder.plan())


def test_a_saved_encoder_of_an_unknown_kind_is_refused():
    state = TableEncoder().fit(_table(), target="y").to_dict()
    state["parts"][0]["frozen"]["kind"] = "hashing"
    with pytest.raises(SchemaError, match="unknown encoder 'hashing'"):
        FittedTable.from_dict(state)


# Names


ODD = ["", " ", "a b", 'q"u\'o', "{j}[s]:,", "é\n", "fold", "fold_", "level", "weight", "rows", "sum_0", "feature x",
       "unseen 0", "keep 0", "len", "literal", "y by target", "^", "a$", "text many", "0", "y 0", "made 0",
       "code of many", "code of few", "null many", "value", "nothing", "time role"]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_column_names_are_only_names(name):
    plain = _table().select("many", "number", "day", "few", "y")
    for renamed in ("many", "number", "day", "few"):
        frame = plain.rename({renamed: name})
        encoder, features = TableEncoder().fit_transform(frame, target="y")
        expected = TableEncoder().fit_transform(plain, target="y")
        assert features.columns == [c.replace(renamed, name, 1) for c in expected.features.columns]
        assert features.rows() == expected.features.rows()
        again = FittedTable.from_dict(encoder.to_dict())
        assert again.transform(frame).rows() == expected.encoder.transform(plain).rows()


@pytest.mark.parametrize("name", ["level", "fold", "rows", "weight", "sum_0", "text many", "y", "0", "y 0", "nothing"])
def test_odd_names_of_target_and_weight_too(name):
    plain = _table().select("many", "number", "y", w=pl.col("number").abs())
    expected = TableEncoder().fit_transform(plain, target="y", weight="w").features
    as_target = plain.rename({"y": name})
    assert_frame_equal(TableEncoder().fit_transform(as_target, target=name, weight="w").features, expected)
    as_weight = plain.rename({"w": name if name != "y" else "v"})
    assert_frame_equal(
        TableEncoder().fit_transform(as_weight, target="y", weight=as_weight.columns[3]).features, expected
    )


@pytest.mark.parametrize("name", ["*", "^num.*$", "^.*$"])
def test_names_that_polars_reads_as_patterns_are_refused(name):
    frame = _table().with_columns(pl.lit(1).alias("other")).rename({"count": name})
    with pytest.raises(SchemaError, match="patterns") as caught:
        TableEncoder().fit(frame, target="y")
    assert "rename" in str(caught.value)
    assert TableEncoder().fit(frame, target="y", exclude=[name]).outputs


def test_two_columns_that_would_make_one_feature_are_named():
    frame = _table().select("few", "number", "y").rename({"number": "few=0"})
    with pytest.raises(FitError, match=r"'few=0' \(from.*'few'.*numeric.*'few=0'\)"):
        TableEncoder().fit(frame, target="y")


# Settings and their errors


def test_columns_can_have_encoders_of_their_own():
    frame = _table()
    encoder = TableEncoder(columns={"few": Target(smoothing=0), "many": OneHot()}).fit(frame, target="y")
    plan = dict(encoder.plan().select("column", "encoder").rows())
    assert (plan["few"], plan["many"], plan["number"]) == ("target", "onehot", "numeric")


def test_the_default_can_be_to_leave_columns_out():
    frame = _table().with_columns(nested=pl.lit([1]))
    encoder = TableEncoder(default="drop", columns={"number": Numeric()}).fit(frame, target="y")
    assert encoder.outputs == ("number",)
    assert encoder.schema.names() == ("number",)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"when": Target()}, ["Target does not take 'when'", "(Datetime[us, UTC])", "cast it to String"]),
        ({"many": Numeric()}, ["not take 'many' (String)", "boolean, duration, number, time"]),
        ({"absent": Numeric(), "also": OneHot()}, ["no features: 'absent', 'also'"]),
        ({"y": Numeric()}, ["no features: 'y'"]),
    ],
)
def test_encoders_for_the_wrong_columns_are_refused(columns, said):
    with pytest.raises(ConfigError) as caught:
        TableEncoder(columns=columns).fit(_table(), target="y")
    assert all(part in str(caught.value) for part in said)


def test_an_own_encoder_of_a_column_without_values_is_no_error():
    frame = _table()
    encoder = TableEncoder(columns={"none": OneHot()}).fit(frame, target="y")
    assert dict(encoder.plan().select("column", "why").rows())["none"] == "all null"


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([[1]] * N, pl.List(pl.Int64)), ([{"a": 1}] * N, pl.Struct({"a": pl.Int64})), ([b"a"] * N, pl.Binary)],
    ids=["list", "struct", "binary"],
)
def test_nested_columns_are_refused_all_at_once_with_advice(values, dtype):
    frame = _table().with_columns(first=pl.Series(values, dtype=dtype), second=pl.Series(values, dtype=dtype))
    with pytest.raises(SchemaError, match=r"'first' \(.*\), 'second' \(") as caught:
        TableEncoder().fit(frame, target="y")
    assert "explode" in str(caught.value)
    assert TableEncoder().fit(frame, target="y", exclude=["first", "second"]).outputs


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"target": "absent"}, SchemaError, "no target column 'absent'"),
        ({"target": TargetColumn("absent", "regression")}, SchemaError, "'absent'"),
        ({"exclude": ["typo", "few"]}, SchemaError, "not there: 'typo'"),
        ({"weight": "typo"}, SchemaError, "not there: 'typo'"),
        ({"weight": "many"}, SchemaError, "weight 'many' is String"),
        ({"weight": "count"}, FitError, r"weight 'count'.*NaN.*negative"),
        ({"weight": "number"}, FitError, r"weight 'number'.*NaN.*negative"),
        ({"weight": "zero"}, FitError, r"weight 'zero'.*every"),
        ({"target": TargetColumn("count", "regression")}, FitError, r"target 'count'.*null, NaN"),
        ({"exclude": [*_table().columns[:-1], "zero"]}, FitError, r"column.*left.*learn"),
    ],
)
def test_impossible_requests_are_refused(options, error, said):
    frame = _table().with_columns(zero=pl.lit(0.0))
    with pytest.raises(error, match=said):
        TableEncoder().fit(frame, **{"target": "y", **options})


def test_a_table_without_anything_to_learn_says_why_column_by_column():
    frame = pl.DataFrame({"a": [1, 1, 1, 1], "b": [None] * 4, "y": [0, 1, 0, 1]})
    with pytest.raises(FitError, match=r"a: constant \(1\); b: all null"):
        TableEncoder(folds=2).fit(frame, target="y")


@pytest.mark.parametrize("target", ["y", TargetColumn("y", "binary", ("0", "1")), TargetColumn("y", "regression")])
def test_a_table_without_rows_is_refused(target):
    with pytest.raises(FitError, match="no rows"):
        TableEncoder().fit(_table().clear(), target=target)


# Folds


def test_given_folds_are_used_and_gaps_in_their_numbers_do_not_matter():
    frame = _table()
    folds = kfold(N, folds=3, seed=9)
    expected = TableEncoder().fit_transform(frame, target="y", folds=folds).features
    gaps = np.array([4, 70, 900])[folds]
    encoder, features = TableEncoder().fit_transform(frame, target="y", folds=gaps)
    assert_frame_equal(features, expected)
    assert encoder.to_dict()["folds"] == 3
    assert {item["folds"] for item in encoder.to_dict()["sources"]} == {3, None}


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_own_folds_have_each_class_alike(task):
    labels = {"binary": ["no"] * 980 + ["yes"] * 20, "multiclass": ["a"] * 970 + ["b"] * 20 + ["c"] * 10}[task]
    frame = pl.DataFrame({"t": [f"l{i % 20}" for i in range(1000)], "y": labels})
    encoder = TableEncoder(folds=5).fit(frame, target="y")
    counts = encoder.to_dict()["sources"][0]["frames"]["levels"].group_by("fold").agg(pl.col("^sum_.*$").sum())
    assert counts.height == 5
    assert counts["sum_0_1" if task == "multiclass" else "sum_0_0"].to_list() == [4.0] * 5


@pytest.mark.parametrize(
    "folds",
    [
        np.zeros(N - 1, dtype=int),
        np.zeros((N, 1), dtype=int),
        np.arange(N) - 1,
        np.arange(N) / 2,
        np.zeros(N, dtype=int),
    ],
    ids=["too few", "two axes", "negative", "fractions", "one fold"],
)
def test_given_folds_that_do_not_suit_are_refused(folds):
    with pytest.raises(ConfigError, match="folds"):
        TableEncoder().fit_transform(_table(), target="y", folds=folds)


def test_more_folds_than_rows_are_refused_where_rows_are_encoded_by_them():
    with pytest.raises(ConfigError, match="folds"):
        TableEncoder(folds=40).fit_transform(_table(rows=30), target="y")
    assert TableEncoder(folds=40).fit(_table(rows=30), target="y").encoders


def test_every_error_is_one_of_ours():
    for broken in (_table().with_columns(y=pl.lit(1)), _table().with_columns(y=pl.lit(None)), _table()[:1]):
        with pytest.raises(TabkitError):
            TableEncoder().fit(broken, target="y")


def test_a_nested_column_can_be_left_out_by_choice():
    frame = pl.DataFrame({"x": [1, 2, 3, 4], "tags": [["a"], [], None, ["b"]], "y": [0, 1, 0, 1]})
    fitted = TableEncoder(columns={"tags": Drop()}, folds=2).fit(frame, target="y")
    assert fitted.outputs == ("x",)
    assert FittedTable.from_dict(fitted.to_dict()).transform(frame).equals(fitted.transform(frame))


@pytest.mark.parametrize("maker", ["group_by", "join", "unique", "sort"])
def test_a_lazy_frame_without_an_order_of_its_own_is_encoded_row_by_row(maker):
    n = 50_000
    s = pl.Series(np.arange(n) % 50).cast(pl.String)
    frame = pl.DataFrame({"k": np.arange(n), "s": s}).with_columns(y=pl.col("s").cast(pl.Float64))
    frame = frame.with_columns(x=pl.col("y"))
    lazy = {
        "group_by": lambda: frame.lazy().group_by("k").agg(pl.all().first()),
        "join": lambda: frame.lazy().join(frame.lazy().select("k"), on="k"),
        "unique": lambda: frame.lazy().unique("k"),
        "sort": lambda: frame.lazy().sort("s"),
    }[maker]()
    encoder = TableEncoder(columns={"s": Target(smoothing=0)})
    features = encoder.fit_transform(lazy.drop("k"), target="y").features.collect()
    np.testing.assert_allclose(features["s by target"], features["x"], atol=1e-9)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({1: Target()}, "encoders are given for 1"),
        ({("a", "b x c"): Target(), ("a x b", "c"): Target()}, r"'a.*b.*c'"),
    ],
)
def test_keys_that_are_no_names_or_meet_are_refused(columns, said):
    frame = pl.DataFrame({"a": ["x", "y"], "b x c": ["x", "y"], "a x b": ["x", "y"], "c": ["x", "y"], "y": [0, 1]})
    with pytest.raises(ConfigError, match=said):
        TableEncoder(columns=columns, folds=2).fit(pl.concat([frame] * 2), target="y")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Numeric(infinite="nul"),
        lambda: Numeric(keep="no"),
        lambda: DateParts(cyclic="false"),
        lambda: AutoText(max_onehot=-3),
        lambda: AutoText(smoothing="zzz"),
        lambda: TableEncoder(max_onehot="10"),
    ],
)
def test_misspelt_parameters_are_refused(wrong):
    with pytest.raises(ConfigError):
        wrong()


def test_it_says_how_large_it_is_and_not_every_level():
    frame = pl.DataFrame({"s": [f"l{i}" for i in range(2000)] * 2, "y": [0, 1] * 2000})
    assert repr(TableEncoder().fit(frame, target="y")) == "FittedTable(1 features of 1 columns; see plan())"
