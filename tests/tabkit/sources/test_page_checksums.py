"""Pages of Parquet files that are not what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tabkit import frames
from tabkit.errors import SourceError

pq: Any = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


def written(path: Path, **options: Any) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"id": np.arange(5_000), "spend": rng.normal(size=5_000), "plan": ["pro", None] * 2_500})
    pq.write_table(table.to_arrow(), path, row_group_size=2_000, data_page_size=4_096, **options)
    return table


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_whole_files_with_checksums_are_read(tmp_path: Path, compression: str, version: str) -> None:
    file = tmp_path / "a.parquet"
    table = written(file, compression=compression, data_page_version=version, write_page_checksum=True)
    assert frames.scan(file).collect().equals(table)


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_flipped_bit_is_found(tmp_path: Path, at: float, version: str) -> None:
    file = tmp_path / "a.parquet"
    written(file, compression="none", use_dictionary=False, data_page_version=version, write_page_checksum=True)
    data = bytearray(file.read_bytes())
    data[int(at * len(data))] ^= 4
    file.write_bytes(data)
    with pytest.raises(SourceError, match=r"a\.parquet' is damaged.*column '(id|spend)'") as caught:
        frames.scan(file)
    assert "copy the file again" in str(caught.value.advice)


def test_every_page_is_looked_at(tmp_path: Path) -> None:
    """A flip in any byte of any page is found, whatever the group of rows: as often as there are bytes of pages."""
    file = tmp_path / "a.parquet"
    written(file, compression="snappy", write_page_checksum=True)
    whole = file.read_bytes()
    rng = np.random.default_rng(1)
    found = 0
    for at in rng.integers(4, len(whole) * 9 // 10, 60):
        data = bytearray(whole)
        data[at] ^= 1 << int(rng.integers(8))
        file.write_bytes(data)
        try:
            frames.collect(frames.scan(file), what="it")
        except SourceError:
            found += 1
    assert found >= 57  # of the bytes between the pages, their headers, some change nothing that is read


def test_files_without_checksums_are_read_as_before(tmp_path: Path) -> None:
    table = written(tmp_path / "a.parquet")
    table.write_parquet(tmp_path / "b.parquet")
    assert frames.scan(tmp_path).collect().equals(pl.concat([table, table]))
