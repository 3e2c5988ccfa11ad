import numpy as np
import pytest

from tabkit.sketch import RowSample


def keys(start: int, stop: int) -> list[str]:
    return [f"row {i}" for i in range(start, stop)]


@pytest.mark.parametrize("rows", [100, 50_000])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 1.0])
def test_the_share_of_known_rows_is_found(rows: int, share: float) -> None:
    known = int(rows * share)
    found = RowSample.of(keys(0, rows)).overlap(keys(rows - known, 2 * rows - known))
    # small tables are kept whole, of large ones some 4,096 rows of the new table are looked at
    assert found == pytest.approx(share, abs=0 if rows <= 4096 else 4 * 0.5 / np.sqrt(4096))


@pytest.mark.parametrize(("first", "second"), [(100, 200), (90_000, 300), (300, 90_000), (50_000, 60_000)])
def test_a_merge_is_the_sketch_of_all_rows(first: int, second: int) -> None:
    merged = RowSample.of(keys(0, first)).merge(RowSample.of(keys(first, first + second)))
    whole = RowSample.of(keys(0, first + second))
    assert merged.complete == whole.complete
    shorter = min(len(merged.hashes), len(whole.hashes))
    np.testing.assert_array_equal(merged.hashes[:shorter], whole.hashes[:shorter])
    assert shorter > 50


def test_it_travels_as_a_frame() -> None:
    sketch = RowSample.of(keys(0, 100_000))
    again = RowSample.from_frame(sketch.to_frame())
    assert again.overlap(keys(50_000, 150_000)) == sketch.overlap(keys(50_000, 150_000))
    assert again.complete is False


def test_hashes_are_those_of_every_version() -> None:
    assert RowSample.of(["a", "b"]).hashes.tolist() == sorted(RowSample.of(["b", "a"]).hashes.tolist())
    assert RowSample.of(["a"]).hashes.tolist() == [4681665781835383343]


def test_no_rows_are_known_to_nobody() -> None:
    assert RowSample.of([]).overlap(keys(0, 3)) == 0.0
    assert RowSample.of(keys(0, 3)).overlap([]) == 0.0
