import numpy as np
import polars as pl
import pytest

from tabkit.encoding.encoders.circle import circle, circle_sql


def test_values_a_period_apart_fall_together_and_null_stays_null():
    frame = pl.DataFrame({"v": [1, 13, -11, None]}).select(**circle(pl.col("v"), 12, 1))
    assert frame["cos"].to_list() == pytest.approx([1, 1, 1, None])
    assert frame["sin"].to_list() == pytest.approx([0, 0, 0, None], abs=1e-12)


def test_neighbours_are_equally_far_apart_all_the_way_round():
    points = pl.DataFrame({"v": range(7)}).select(**circle(pl.col("v"), 7, 0)).to_numpy()
    far = np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1)
    np.testing.assert_allclose(far, 2 * np.sin(np.pi / 7))


def test_the_statement_says_the_same():
    duckdb = pytest.importorskip("duckdb")
    expected = pl.select(**circle(pl.lit(5), 12, 1)).row(0)
    assert duckdb.sql(f"SELECT {', '.join(circle_sql('5', 12, 1))}").fetchall()[0] == pytest.approx(expected)
