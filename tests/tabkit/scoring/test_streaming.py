import threading
import time
from collections.abc import Callable
from datetime import date, datetime

import polars as pl
import pytest

from tabkit.errors import SchemaError, ScoringError
from tabkit.schema import Column, Schema
from tabkit.scoring import Scorer, Tally, stream


def double(features: pl.DataFrame, exposure: pl.Series | None) -> pl.DataFrame:
    score = features["x"] * 2.0
    return pl.DataFrame({"score": score if exposure is None else score * exposure})


def scorer(predict: Callable = double, *, exposure: str | None = None, rows_at_once: int = 16_384) -> Scorer:
    return Scorer(
        schema=Schema((Column("x", "Float64"), Column("level", "String"))),
        encode=[pl.col("x").cast(pl.Float64), (pl.col("level") == "a").cast(pl.UInt8).alias("level=a")],
        predict=predict,
        outputs={"score": pl.Float64()},
        unseen={"level": ~pl.col("level").is_in(["a", "b"])},
        exposure=exposure,
        rows_at_once=rows_at_once,
    )


def frame(rows: int = 10) -> pl.DataFrame:
    return pl.DataFrame({"x": [float(i) for i in range(rows)], "level": ["a", "b"] * (rows // 2) + ["a"] * (rows % 2)})


def test_scores_follow_the_kept_columns_in_the_order_of_the_rows() -> None:
    rows = frame().with_columns(name=pl.int_range(10).cast(pl.String))
    scores = stream(rows.lazy(), scorer(), keep=["name"]).collect()
    assert scores.columns == ["name", "score"]
    assert scores["name"].to_list() == [str(i) for i in range(10)]
    assert scores["score"].to_list() == [2.0 * i for i in range(10)]


def test_without_kept_columns_there_are_scores_alone() -> None:
    assert stream(frame().lazy(), scorer()).collect().columns == ["score"]


def test_the_schema_is_known_before_the_stream_runs() -> None:
    rows = frame().with_columns(day=pl.lit(date(2024, 1, 1)))
    lazy = stream(rows.lazy(), scorer(), keep=["day"])
    assert lazy.collect_schema() == lazy.collect().schema == {"day": pl.Date, "score": pl.Float64}


def test_an_empty_frame_gives_empty_columns_of_the_right_types() -> None:
    scores = stream(frame(0).with_columns(name=pl.lit("")).lazy(), scorer(), keep=["name"]).collect()
    assert scores.is_empty()
    assert scores.schema == {"name": pl.String, "score": pl.Float64}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (lambda s: s.select("score"), 10),
        (lambda s: s.filter(pl.col("score") > 9), 5),
        (lambda s: s.filter(pl.col("name") == "3"), 1),
        (lambda s: s.head(3), 3),
        (lambda s: s.tail(3), 3),
        (lambda s: s.with_columns(twice=pl.col("score") * 2).select("twice"), 10),
        (lambda s: s.sort("score", descending=True), 10),
    ],
)
def test_a_user_can_go_on_with_the_query(query: Callable, expected: int) -> None:
    rows = frame().with_columns(name=pl.int_range(10).cast(pl.String))
    assert query(stream(rows.lazy(), scorer(), keep=["name"])).collect().height == expected


def test_kept_columns_are_carried_unchanged_though_the_encoder_sees_them_aligned() -> None:
    fitted = Scorer(
        schema=Schema((Column("day", "Date"), Column("level", "String"))),
        encode=[pl.col("day").dt.day().alias("x"), pl.col("level").str.len_chars().alias("n")],
        predict=double,
        outputs={"score": pl.Float64()},
    )
    rows = pl.DataFrame(
        {"day": [datetime(2024, 1, 5, 12), None], "level": ["a", "b"]}, schema_overrides={"level": pl.Categorical}
    )
    scores = stream(rows.lazy(), fitted, keep=["level", "day"]).collect()
    assert scores.select("level", "day").equals(rows.select("level", "day"))
    assert scores["score"].to_list() == [10.0, None]


def test_columns_may_bear_the_names_that_the_stream_uses_itself() -> None:
    names = ["kept 0", "exposure", "feature x", "unseen 0"]
    fitted = Scorer(
        schema=Schema(tuple(Column(name, "Float64") for name in names)),
        encode=[pl.sum_horizontal(names).alias("x")],
        predict=double,
        outputs={"score": pl.Float64()},
        exposure="months",
    )
    rows = pl.DataFrame({name: [1.0] for name in names} | {"months": [3], "who": ["me"]})
    assert stream(rows.lazy(), fitted, keep=["who"]).collect().row(0) == ("me", 24.0)


def test_missing_columns_fail_at_once_and_all_together() -> None:
    with pytest.raises(SchemaError, match="'who', 'x', 'level'"):
        stream(pl.LazyFrame({"y": [1]}), scorer(), keep=["who"])


def test_a_kept_column_may_not_be_called_like_an_output() -> None:
    with pytest.raises(ScoringError, match="called like outputs: 'score'"):
        stream(frame().with_columns(score=1).lazy(), scorer(), keep=["score"])


def test_infinite_numbers_are_refused_by_name() -> None:
    rows = frame().with_columns(x=pl.lit(float("-inf")))
    with pytest.raises(ScoringError, match="infinite values in 'x'"):
        stream(rows.lazy(), scorer()).collect()


def test_exposure_is_handed_over_as_a_number() -> None:
    rows = frame().with_columns(months=pl.lit(3, dtype=pl.Int8))
    assert stream(rows.lazy(), scorer(exposure="months")).collect()["score"].to_list() == [6.0 * i for i in range(10)]


@pytest.mark.parametrize("value", [None, 0.0, -1.0, float("inf"), float("nan")])
def test_an_impossible_exposure_is_refused(value: float | None) -> None:
    rows = frame().with_columns(months=pl.Series([1.0] * 9 + [value]))
    with pytest.raises(ScoringError, match=r"exposure 'months'.*negative"):
        stream(rows.lazy(), scorer(exposure="months")).collect()


def test_an_exposure_that_became_text_fails_at_once() -> None:
    with pytest.raises(SchemaError, match=r"'months'.*String"):
        stream(frame().with_columns(months=pl.lit("3")).lazy(), scorer(exposure="months"))


def test_the_tally_counts_rows_and_unseen_levels() -> None:
    seen: list[float] = []
    tally = Tally(advance=seen.append)
    rows = pl.DataFrame({"x": [1.0] * 5, "level": ["a", "new", None, "other", "b"]})
    stream(rows.lazy(), scorer(rows_at_once=2), tally=tally).collect()
    assert (tally.rows, dict(tally.unseen)) == (5, {"level": 2})
    assert sum(seen) == 5


def test_predict_never_gets_more_rows_than_it_asked_for() -> None:
    sizes: list[int] = []

    def spy(features: pl.DataFrame, exposure: pl.Series | None) -> pl.DataFrame:
        sizes.append(features.height)
        return double(features, exposure)

    scores = stream(frame(1000).lazy(), scorer(spy, rows_at_once=64)).collect()
    assert max(sizes) == 64
    assert scores["score"].to_list() == [2.0 * i for i in range(1000)]


def test_outputs_are_taken_by_name() -> None:
    def shuffled(features: pl.DataFrame, _: pl.Series | None) -> pl.DataFrame:
        return pl.DataFrame({"extra": [0] * features.height, "score": features["x"]})

    assert stream(frame().lazy(), scorer(shuffled)).collect().columns == ["score"]


def test_a_stopped_tally_ends_the_stream() -> None:
    tally = Tally()
    begun = threading.Event()

    def slow(features: pl.DataFrame, exposure: pl.Series | None) -> pl.DataFrame:
        begun.set()
        time.sleep(0.02)
        return double(features, exposure)

    def stop() -> None:
        begun.wait()
        tally.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(ScoringError, match="stopped"):
        stream(frame(10_000).lazy(), scorer(slow, rows_at_once=10), tally=tally).collect()
    stopper.join()
    assert tally.rows < 10_000


def test_an_error_inside_predict_arrives_as_it_is() -> None:
    def broken(features: pl.DataFrame, exposure: pl.Series | None) -> pl.DataFrame:
        raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        stream(frame().lazy(), scorer(broken)).collect()
