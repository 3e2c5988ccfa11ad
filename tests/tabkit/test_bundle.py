from __future__ import annotations

import hashlib
import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabkit import bundle
from tabkit.bundle import CHECKSUM, FORMAT, MANIFEST
from tabkit.errors import BundleError

FRAME = pl.DataFrame({"level": ["a", "ü", None], "mean": [0.5, -1.0, float("nan")]})
PARTS = {
    "state.json": bundle.json_bytes({"a": [1, 2.5, None, "ü"]}),
    "booster.txt": "tree\nversion=v4 ü\n".encode(),
    "encoder/000-levels.parquet": bundle.frame_bytes(FRAME),
    "empty": b"",
}
CONTENT = {"roles": {"target": "y"}, "metrics": {"auc": 0.75, "brier": None}}


@pytest.fixture
def path(tmp_path) -> Path:
    save(tmp_path / "model")
    return tmp_path / "model"


def save(path: Path, *, parts=PARTS, content=CONTENT, kind="propensity", overwrite=False) -> str:
    return bundle.write(path, kind=kind, content=content, parts=parts, overwrite=overwrite)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def remade(path: Path, **changes) -> None:
    """Change the manifest and make its checksum right again."""
    manifest = {**json.loads((path / MANIFEST).read_bytes()), **changes}
    raw = json.dumps({key: value for key, value in manifest.items() if value is not ...}).encode()
    (path / MANIFEST).write_bytes(raw)
    (path / CHECKSUM).write_text(f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n", encoding="ascii", newline="\n")


def refused(path: Path, *, match: str, **options) -> BundleError:
    with pytest.raises(BundleError, match=match) as caught:
        bundle.read(path, **options)
    assert caught.value.advice
    return caught.value


# Round trip


def test_a_bundle_comes_back_as_it_was(path):
    found = bundle.read(path, kinds=["cltv", "propensity"])
    assert found.parts == PARTS
    assert found.json("state.json") == {"a": [1, 2.5, None, "ü"]}
    assert found.text("booster.txt") == "tree\nversion=v4 ü\n"
    assert found.frame("encoder/000-levels.parquet").equals(FRAME)
    assert {key: found.manifest[key] for key in CONTENT} == CONTENT


def test_the_manifest_says_what_it_is_and_where_it_comes_from(path):
    manifest = bundle.read(str(path), kinds="propensity").manifest
    assert (manifest["format"], manifest["kind"]) == (FORMAT, "propensity")
    age = datetime.now(UTC) - datetime.fromisoformat(manifest["created"])
    assert timedelta(-1) < age < timedelta(minutes=10)
    assert manifest["versions"] == bundle.versions()
    assert {"python", "polars", "lightgbm", "numpy", "scikit-learn"} <= set(manifest["versions"])
    assert set(manifest["parts"]) == set(PARTS)


def test_the_checksum_can_be_checked_by_hand(path):
    found = bundle.read(path)
    raw = (path / MANIFEST).read_bytes()
    assert found.checksum == hashlib.sha256(raw).hexdigest()
    assert (path / CHECKSUM).read_text() == f"{found.checksum}  {MANIFEST}\n"  # sha256sum -c reads this
    for name, sha in found.manifest["parts"].items():
        assert hashlib.sha256((path / name).read_bytes()).hexdigest() == sha


def test_writing_names_the_bundle_as_reading_does(tmp_path):
    assert save(tmp_path / "a" / "b") == bundle.read(tmp_path / "a" / "b").checksum


names = st.text(st.characters(codec="ascii", exclude_characters="\0/\\:"), min_size=1, max_size=9).filter(
    lambda name: name not in {".", "..", MANIFEST, CHECKSUM}
)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, st.binary(max_size=50), max_size=3))
def test_any_parts_come_back(parts):
    with tempfile.TemporaryDirectory() as place:
        save(Path(place) / "model", parts=parts)
        assert bundle.read(Path(place) / "model").parts == parts


# Damage


@pytest.mark.parametrize("name", [*PARTS, MANIFEST, CHECKSUM])
def test_no_changed_byte_goes_unseen(path, name):
    whole = (path / name).read_bytes()
    positions = range(len(whole)) if len(whole) < 1000 else range(0, len(whole), len(whole) // 200)
    for position in positions:
        for flip in (0x01, 0x20, 0x80):
            damaged = bytearray(whole)
            damaged[position] ^= flip
            (path / name).write_bytes(damaged)
            with pytest.raises(BundleError):
                bundle.read(path)
    (path / name).write_bytes(whole)
    bundle.read(path)


@pytest.mark.parametrize("name", [*PARTS, MANIFEST, CHECKSUM])
@pytest.mark.parametrize("change", [lambda data: data + b"\n", lambda data: data[:-1] or b"x", lambda data: b"\xff"])
def test_no_part_may_grow_or_shrink(path, name, change):
    (path / name).write_bytes(change((path / name).read_bytes()))
    assert "restore" in refused(path, match="damaged|checksum").advice


@pytest.mark.parametrize("name", [*PARTS, CHECKSUM])
def test_a_missing_part_is_named(path, name):
    (path / name).unlink()
    refused(path, match=rf"part '{name}'.*read .no")


def test_two_parts_may_not_change_places(path):
    data = (path / "state.json").read_bytes(), (path / "booster.txt").read_bytes()
    (path / "booster.txt").write_bytes(data[0])
    (path / "state.json").write_bytes(data[1])
    refused(path, match="'state.json' of .* is damaged")


def test_what_is_no_bundle_is_refused(path, tmp_path):
    refused(tmp_path / "gone", match="gone': it does not exist")
    refused(path / "state.json", match=r"bundle.*state.json'.*bundle")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", match=r"empty'.*bundle.*manifest.json")
    refused(Path("a\0b"), match="null byte")


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"\xff\xfe{}", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"5", "not a tabkit manifest"),
        (b"[]", "not a tabkit manifest"),
        (b'{"name": "a web page"}', "not a tabkit manifest"),
        (b'{"format": 1}', "names no parts"),
        (b'{"format": 1, "parts": []}', "names no parts"),
    ],
)
def test_what_is_no_manifest_is_refused(path, raw, match):
    (path / MANIFEST).write_bytes(raw)
    refused(path, match=match)


@pytest.mark.parametrize("found", [2, 99])
def test_a_newer_format_asks_for_an_upgrade(path, found):
    remade(path, format=found, parts=...)
    assert "upgrade tabkit-ml" in refused(path, match=rf"bundle format {found}.*1").advice


@pytest.mark.parametrize("found", [0, -1, "1", None, [1]])
def test_an_unknown_format_asks_for_a_new_training(path, found):
    remade(path, format=found)
    assert "train again" in refused(path, match="has bundle format").advice


def test_another_kind_is_refused(path):
    refused(path, match=r"'propensity'; uplift.*expected", kinds=["uplift", "cltv"])
    refused(path, match="'propensity'; propens was expected", kinds="propens")
    remade(path, kind=...)
    refused(path, match="kind None", kinds=["propensity"])
    assert bundle.read(path).parts == PARTS


ESCAPES = [
    "../x",
    "/etc/passwd",
    "a/../../x",
    "..",
    ".",
    "",
    "a//b",
    "./a",
    "a/",
    "C:/x",
    "a\\b",
    "a\0b",
    MANIFEST,
    CHECKSUM,
]


@pytest.mark.parametrize("name", ESCAPES)
def test_names_that_lead_elsewhere_are_refused(path, tmp_path, name):
    before = files(tmp_path)
    with pytest.raises(BundleError, match=r"name.*part"):
        save(tmp_path / "other", parts={"good": b"", name: b"bad"})
    assert files(tmp_path) == before
    remade(path, parts={name: hashlib.sha256(b"").hexdigest()})
    refused(path, match=r"name.*part")


@pytest.mark.parametrize("sha", [None, 5, "", "A" * 64, [], {}])
def test_checksums_that_are_none_match_nothing(path, sha):
    remade(path, parts={"empty": sha})
    refused(path, match="'empty' of .* is damaged")


def test_a_part_that_is_asked_for_in_vain_is_named(path):
    found = bundle.read(path)
    for ask in (found.json, found.text, found.frame):
        with pytest.raises(BundleError, match=r"bundle.*part 'nope'"):
            ask("nope")
    for ask, name in ((found.json, "booster.txt"), (found.frame, "booster.txt"), (found.frame, "empty")):
        with pytest.raises(BundleError, match=rf"part '{name}'.*format"):
            ask(name)
    with pytest.raises(BundleError, match="is not of the format"):
        found.text("encoder/000-levels.parquet")


# Writing


def test_an_existing_bundle_is_replaced_on_demand_alone(path):
    before = files(path)
    with pytest.raises(BundleError, match="exists already") as caught:
        save(path, parts={"new": b"1"})
    assert "--overwrite" in caught.value.advice
    assert files(path) == before
    save(path, parts={"new": b"1"}, overwrite=True)
    assert bundle.read(path).parts == {"new": b"1"}
    assert sorted(files(path)) == [MANIFEST, CHECKSUM, "new"]
    assert [p.name for p in path.parent.iterdir()] == ["model"]


def test_a_damaged_bundle_can_be_replaced(path):
    (path / MANIFEST).write_bytes(b"{")
    save(path, overwrite=True)
    assert bundle.read(path).parts == PARTS


def test_an_empty_folder_can_be_replaced(tmp_path):
    (tmp_path / "model").mkdir()
    save(tmp_path / "model", overwrite=True)
    assert bundle.read(tmp_path / "model").parts == PARTS


@pytest.mark.parametrize(
    "strangers",
    [
        {"notes.txt": b"mine"},
        {MANIFEST: b'{"name": "a web page"}', "index.html": b""},
        {"deep/er/file": b""},
        {CHECKSUM: b""},
    ],
)
def test_a_folder_that_is_no_bundle_is_never_replaced(tmp_path, strangers):
    for name, data in strangers.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(data)
    for refuse in (save, bundle.check_place):
        with pytest.raises(BundleError, match="exists and is no bundle"):
            refuse(tmp_path / "model", overwrite=True)
    assert files(tmp_path / "model") == strangers


@pytest.mark.parametrize("name", ["scores.parquet", "encoder/mine.parquet", ".git/config"])
def test_files_beside_the_parts_are_never_deleted(path, name):
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_bytes(b"mine")
    before = files(path)
    for refuse in (save, bundle.check_place):
        with pytest.raises(BundleError, match=rf"holds.*bundle.*{name}"):
            refuse(path, overwrite=True)
    assert files(path) == before
    assert bundle.read(path).parts == PARTS


def test_hidden_files_of_the_system_are_no_hindrance(path):
    (path / ".DS_Store").write_bytes(b"")
    checksum = save(path, overwrite=True)
    assert bundle.read(path).checksum == checksum


def test_a_file_is_never_replaced(tmp_path):
    (tmp_path / "model").write_bytes(b"mine")
    with pytest.raises(BundleError, match=r"file, where a folder"):
        save(tmp_path / "model", overwrite=True)
    assert (tmp_path / "model").read_bytes() == b"mine"


def test_of_a_link_the_link_alone_is_replaced(path, tmp_path):
    before = files(path)
    os.symlink(path, tmp_path / "latest", target_is_directory=True)
    assert bundle.read(tmp_path / "latest").parts == PARTS
    save(tmp_path / "latest", parts={"new": b"1"}, overwrite=True)
    assert files(path) == before
    assert bundle.read(tmp_path / "latest").parts == {"new": b"1"}


def test_a_place_without_the_right_to_write_is_refused(unprivileged):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        save(place / "model")
        before = files(place)
        place.chmod(0o555)
        with unprivileged():
            for target in (place / "new", place / "a" / "new"):
                for refuse in (save, bundle.check_place):
                    with pytest.raises(BundleError, match=r"folder.*write"):
                        refuse(target, overwrite=False)
            with pytest.raises(BundleError, match=r"folder.*write"):
                save(place / "model", overwrite=True)
            assert bundle.read(place / "model").parts == PARTS
        place.chmod(0o755)
        assert files(place) == before


def test_a_bundle_that_may_not_be_read_is_refused(unprivileged):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        save(place / "model")
        place.chmod(0o755)
        (place / "model" / "state.json").chmod(0)
        with unprivileged():
            refused(place / "model", match=r"part 'state.json'.*read \(permission denied\)")
        (place / "model" / MANIFEST).chmod(0)
        with unprivileged():
            refused(place / "model", match=r"manifest.json.*read \(permission denied\)")


def test_a_place_is_checked_before_the_work(path, tmp_path):
    bundle.check_place(tmp_path / "new" / "deep", overwrite=False)
    bundle.check_place(path, overwrite=True)
    bundle.check_place("relative", overwrite=False)
    with pytest.raises(BundleError, match="exists already"):
        bundle.check_place(path, overwrite=False)
    with pytest.raises(BundleError, match=r"inside.*bundle"):
        bundle.check_place(path / "inner" / "new", overwrite=False)
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match=r"folder.*write"):
        bundle.check_place(tmp_path / "file" / "new", overwrite=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "model"]


@pytest.mark.parametrize("key", ["format", "kind", "created", "versions", "parts"])
def test_content_cannot_pose_as_the_manifest(tmp_path, key):
    with pytest.raises(BundleError, match=f"the manifest writes {key} itself"):
        save(tmp_path / "model", content={key: 1})
    assert list(tmp_path.iterdir()) == []


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ({"a": [1, {"b": float("nan")}]}, "nan at a.1.b"),
        ([float("-inf")], "-inf at 0"),
        (np.int64(1), r"np.int64\(1\) at the top"),
        ({"a": {1, 2}}, "at a"),
        ({"a": datetime(2020, 1, 1)}, "datetime.* at a"),
        ({("a", "b"): 1}, "keys must be"),
        (CIRCLE, "holds itself"),
        ("\ud800", "surrogates"),
    ],
)
def test_what_json_has_no_word_for_is_refused(tmp_path, data, match):
    with pytest.raises(BundleError, match=match) as caught:
        bundle.json_bytes(data)
    assert caught.value.advice
    with pytest.raises(BundleError, match="cannot be saved as JSON"):
        save(tmp_path / "model", content={"metrics": data})
    assert list(tmp_path.iterdir()) == []


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(json_data)
def test_plain_data_survives_json(data):
    assert json.loads(bundle.json_bytes(data)) == data


def test_frames_keep_their_types_in_a_part():
    frame = pl.DataFrame({"c": ["a", "b"], "e": ["x", None], "d": [1.5, None]}).with_columns(
        pl.col("c").cast(pl.Categorical), pl.col("e").cast(pl.Enum(["y", "x"])), pl.col("d").cast(pl.Decimal(10, 2))
    )
    found = bundle.Bundle({}, {"f": bundle.frame_bytes(frame)}, "").frame("f")
    assert found.schema == frame.schema
    assert found.rows() == frame.rows()
