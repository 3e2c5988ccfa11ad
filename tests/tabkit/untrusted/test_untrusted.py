from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tabkit import bundle
from tabkit.errors import BundleError
from tabkit.untrusted import files as untrusted
from tabkit.untrusted.files import MOST_BYTES, file_bytes, json_data, parquet_frame
from tabkit.untrusted.unfolding import unfolded

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no pipes or devices in folders")


def parquet(frame: pl.DataFrame, **options: Any) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, **options)
    return buffer.getvalue()


def soon(call: Callable[[], object], *, seconds: float = 60) -> BaseException | None:
    """Return the error of a call that must not wait for anybody."""
    found: list[BaseException | None] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            found.append(error)
        else:
            found.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it waits for somebody"
    return found[0]


# Files


def pipe(path: Path) -> None:
    os.mkfifo(path)


def plug(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def device(path: Path) -> None:
    try:
        os.mknod(path, 0o20666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("no right to make devices here")


def link_out(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def link_in(path: Path) -> None:
    (path.parent / "other").write_bytes(b"1")
    path.symlink_to("other")


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


def folder(path: Path) -> None:
    path.mkdir()


def inside_of_a_link(path: Path) -> None:
    (path.parent / "real").mkdir()
    (path.parent / "real" / "x").write_bytes(b"1")
    path.symlink_to("real")


ODD = {
    pipe: "a pipe",
    plug: "a socket",
    device: "a device",
    link_out: "a link",
    link_in: "a link",
    link_to_nothing: "a link",
    folder: "a folder",
}


@posix
@pytest.mark.parametrize("make", ODD, ids=lambda make: make.__name__)
def test_only_plain_files_are_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "part")
    error = soon(lambda: file_bytes(tmp_path, "part"))
    assert isinstance(error, ValueError)
    assert ODD[make] in str(error)


@posix
@pytest.mark.parametrize("make", [*ODD, inside_of_a_link], ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", ["part", bundle.MANIFEST, bundle.CHECKSUM])
def test_a_bundle_with_something_else_for_a_file_is_refused(
    make: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    part = "part/x" if make is inside_of_a_link else "part"
    place = tmp_path / "model"
    bundle.write(place, kind="encoder", content={}, parts={part: b"1"})
    if name == "part" and make is inside_of_a_link:
        (place / part).unlink()
        (place / "part").rmdir()
    else:
        (place / (name if name != "part" else part)).unlink()
    make(place / name)
    error = soon(lambda: bundle.read(place))
    assert isinstance(error, BundleError)
    assert ODD.get(make, "a link") in error.problem
    assert error.advice


@posix
def test_the_bundle_itself_may_be_a_link(tmp_path: Path) -> None:
    bundle.write(tmp_path / "model", kind="encoder", content={}, parts={"deep/er/part": b"1"})
    (tmp_path / "latest").symlink_to("model")
    assert bundle.read(tmp_path / "latest").parts == {"deep/er/part": b"1"}


def test_no_file_is_larger_than_all_parts_may_be(tmp_path: Path) -> None:
    with open(tmp_path / "part", "wb") as file:
        file.truncate(MOST_BYTES + 1)  # it takes no room on the disk
    with pytest.raises(ValueError, match="bytes"):
        file_bytes(tmp_path, "part")


def test_the_parts_share_one_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle.write(tmp_path / "model", kind="encoder", content={}, parts={"a": b"1" * 60, "b": b"2" * 60})
    monkeypatch.setattr(bundle, "MOST_BYTES", 120)
    assert len(bundle.read(tmp_path / "model").parts) == 2
    monkeypatch.setattr(bundle, "MOST_BYTES", 119)
    with pytest.raises(BundleError, match=r"part 'b' .*59"):
        bundle.read(tmp_path / "model")


# JSON


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "1e999"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands twice"),
        (b"[" * 100_000, "too deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too deep"),
        (b"1" * 5000, "digits"),
        (b"\xff\xfe", "utf-8"),
        (b"{", "Expecting"),
    ],
)
def test_json_that_is_read_otherwise_elsewhere_is_refused(raw: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        json_data(raw)


def test_json_of_too_many_values_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "MOST_JSON_VALUES", 1000)
    assert json_data(json.dumps([0] * 999).encode())[-1] == 0
    with pytest.raises(ValueError, match="values"):
        json_data(json.dumps([[]] * 999).encode())


# Parquet


def test_a_table_comes_back_as_it_was() -> None:
    frame = pl.DataFrame({"a": [1.5, None], "b": ["x", "ü"], "c": [True, False], "d": [1, 2**60]})
    assert parquet_frame(parquet(frame)).equals(frame)
    assert parquet_frame(parquet(frame.head(0))).schema == frame.schema


@pytest.mark.parametrize("compression", ["zstd", "gzip", "snappy", "lz4", "uncompressed"])
def test_what_a_table_unfolds_to_is_known_before(compression: str) -> None:
    frame = pl.DataFrame({"a": [float(i) for i in range(50_000)], "b": ["y" * 100] * 49_999 + ["z"]})
    found = unfolded(parquet(frame, compression=compression, row_group_size=7_000, use_pyarrow=False))
    assert (found.rows, found.columns) == (50_000, 2)
    assert 8 * 50_000 <= found.nbytes < 12 * 50_000


def test_a_small_file_that_unfolds_to_gigabytes_is_refused() -> None:
    text = parquet(pl.DataFrame({"a": ["x" * 2**26]}), compression="zstd")
    assert len(text) < 2**17
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(untrusted, "MOST_BYTES", 2**25)
        with pytest.raises(ValueError, match="unfolds to 67,"):
            parquet_frame(text)


def test_rows_beyond_what_is_needed_are_refused() -> None:
    raw = parquet(pl.DataFrame({"a": pl.repeat(0, 200_000, eager=True, dtype=pl.Int8)}))
    assert len(raw) < 10_000
    assert parquet_frame(raw, most_rows=200_000).height == 200_000
    with pytest.raises(ValueError, match=r"200,000 rows; up to 65,536"):
        parquet_frame(raw, most_rows=65_536)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(untrusted, "MOST_CELLS", 100_000)
        with pytest.raises(ValueError, match=r"200,000 rows"):
            parquet_frame(raw)


def test_columns_in_columns_are_refused() -> None:
    for values in ([[1, 2]], [{"x": 1}]):
        with pytest.raises(ValueError, match="column 'a' is"):
            parquet_frame(parquet(pl.DataFrame({"a": values})))


def test_headers_of_any_bytes_are_no_other_error() -> None:
    raw = parquet(pl.DataFrame({"a": [1.5, None, 2.5], "b": ["x", "y", "x"]}))
    for at in range(len(raw)):
        for flip in (1, 16, 128):
            changed = raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :]
            try:
                unfolded(changed)
            except ValueError:
                continue
    for size in range(len(raw)):
        with pytest.raises(ValueError, match="it"):
            unfolded(raw[:size])


def test_parts_of_no_parquet_are_an_error_of_the_bundle() -> None:
    raw = parquet(pl.DataFrame({"a": [[1]]}))
    found = bundle.Bundle({}, {"a.parquet": raw, "b.parquet": b"PAR1" + raw, "c.json": b'{"a": NaN}'}, "")
    for ask, name in ((found.frame, "a.parquet"), (found.frame, "b.parquet"), (found.json, "c.json")):
        with pytest.raises(BundleError, match=rf"part '{name}'.*format"):
            ask(name)


# The manifest


@pytest.mark.parametrize(
    "change", [{"kind": 5}, {"kind": ["x"]}, {"created": None}, {"versions": []}, {"format": True}]
)
def test_a_manifest_that_says_something_else_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    bundle.write(tmp_path / "model", kind="encoder", content={}, parts={})
    manifest = json.loads((tmp_path / "model" / bundle.MANIFEST).read_bytes()) | change
    raw = json.dumps(manifest).encode()
    (tmp_path / "model" / bundle.MANIFEST).write_bytes(raw)
    line = f"{hashlib.sha256(raw).hexdigest()}  {bundle.MANIFEST}\n"
    (tmp_path / "model" / bundle.CHECKSUM).write_bytes(line.encode())
    with pytest.raises(BundleError, match=next(iter(change))):
        bundle.read(tmp_path / "model")


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MOST_BYTES", 100)
    with pytest.raises(BundleError, match="101 bytes; up to 100"):
        bundle.write(tmp_path / "model", kind="encoder", content={}, parts={"a": b"1" * 50, "b": b"2" * 51})
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(untrusted, "MOST_CELLS", 10)
    with pytest.raises(BundleError, match="11 rows; up to 10"):
        bundle.frame_bytes(pl.DataFrame({"a": range(11)}))
