"""Nothing that is not ours is replaced unasked, and inputs, bundles and folders never."""

import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tabkit import bundle
from tabkit.destination import Kind, bundle_above, check, refuse_inputs
from tabkit.errors import BundleError, ConfigError

PAGE = Kind("page", ConfigError, ours=lambda path: path.read_bytes() == b"ours")
RULES = Kind("file of rules", ConfigError)
MODEL = Kind("bundle", BundleError, folder=True)


def refused(path: Path, *words: str, kind: Kind = PAGE, **how: object) -> str:
    with pytest.raises(kind.error) as caught:
        check(path, kind, **how)  # type: ignore[arg-type]
    assert caught.value.advice
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    bundle.write(tmp_path / "model", kind="a", content={}, parts={"part": b"1"})
    return tmp_path / "model"


def test_a_free_place_and_an_earlier_output_are_taken(tmp_path: Path) -> None:
    check(tmp_path / "deep" / "er" / "new.html", PAGE)
    (tmp_path / "old.html").write_bytes(b"ours")
    check(tmp_path / "old.html", PAGE)
    (tmp_path / "link.html").symlink_to(tmp_path / "old.html")
    check(tmp_path / "link.html", PAGE)
    assert (tmp_path / "old.html").read_bytes() == b"ours"
    assert not (tmp_path / "deep").exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "an empty file"),
        (b"a;b\n1;2\n", "a file that begins 'a;b'"),
        ("ä,b\n".encode("latin-1"), "a file of 4 bytes"),
        ("a,b\n".encode("utf-16"), "a file of 10 bytes"),
        (b"x" * 3000, "a file that begins 'xxx"),
    ],
)
def test_what_is_not_ours_is_said_and_replaced_on_demand_alone(tmp_path: Path, data: bytes, said: str) -> None:
    place = tmp_path / "page.html"
    place.write_bytes(data)
    message = refused(place, "page.html' exists already", said, "an earlier page", "--overwrite")
    assert len(message) < 400 + len(str(place))
    check(place, PAGE, overwrite=True)
    assert place.read_bytes() == data


def test_what_people_keep_is_never_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_bytes(b"ours")
    refused(tmp_path / "rules.toml", "where nothing was expected", kind=RULES)
    check(tmp_path / "rules.toml", RULES, overwrite=True)


def test_a_link_that_leads_nowhere_may_be_somebodys(tmp_path: Path) -> None:
    (tmp_path / "page.html").symlink_to(tmp_path / "disk" / "page.html")
    refused(tmp_path / "page.html", "a link that leads nowhere")
    check(tmp_path / "page.html", PAGE, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_folders_files_and_pipes_do_not_take_each_others_place(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"ours")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    refused(tmp_path / "folder", "folder, where a file", overwrite=overwrite)
    refused(tmp_path / "file", "file, where a folder", kind=MODEL, overwrite=overwrite)
    for place in (tmp_path / "pipe", tmp_path / "link", Path(os.devnull)):
        for kind in (PAGE, MODEL):
            refused(place, "pipe, a device", kind=kind, overwrite=overwrite)


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_input_is_never_replaced_under_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    source = tmp_path / "rows.csv"
    source.write_bytes(b"ours")
    (tmp_path / "link.csv").symlink_to(source)
    os.link(source, tmp_path / "hard.csv")
    (tmp_path / "side").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    for name in ("rows.csv", "link.csv", "hard.csv", "./side/rows.csv", "side/../rows.csv"):
        for given in (source, "rows.csv", "link.csv"):
            refused(
                Path(name), "would replace its own source", inputs=["s3://rows.csv", "gone", given], overwrite=overwrite
            )
    with pytest.raises(ConfigError, match=r"replace.*source 'rows\.csv'"):
        refuse_inputs("hard.csv", ["rows.csv"], error=ConfigError)
    check("other.csv", PAGE, inputs=["rows.csv", "*.csv"], overwrite=overwrite)


def test_a_folder_that_holds_an_input_is_not_replaced(model: Path) -> None:
    for given in (model, model / "part", model.parent / "side" / "model"):
        (model.parent / "side").unlink(missing_ok=True)
        (model.parent / "side").symlink_to(model.parent, target_is_directory=True)
        refused(model, "would replace its own source", kind=MODEL, overwrite=True, inputs=[given])
    (model.parent / "latest").symlink_to(model, target_is_directory=True)
    refused(model.parent / "latest", "a bundle is never changed", kind=MODEL, overwrite=True, inputs=[model])
    check(model, MODEL, overwrite=True, inputs=[model.parent / "elsewhere"])


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_grows_inside_of_a_bundle(model: Path, overwrite: bool) -> None:
    (model.parent / "link").symlink_to(model, target_is_directory=True)
    for place in (model / "page.html", model / "deep" / "page.html", model.parent / "link" / "page.html"):
        refused(place, "inside of a bundle", overwrite=overwrite)
    new = model.parent / "new"
    for place in (new, new / "page.html", model.parent / "x" / ".." / "new" / "page.html"):
        refused(place, "inside of a bundle", outside=[new], overwrite=overwrite)
    check(model / ".." / "page.html", PAGE, outside=[new], overwrite=overwrite)
    assert bundle_above(model) is None


def test_a_place_that_cannot_be_written_to_is_refused(
    tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / "page.html", "file' is no folder")
    refused(tmp_path / "a\0b", "null byte")
    with tempfile.TemporaryDirectory() as name:
        closed = Path(name)
        (closed / "page.html").write_bytes(b"theirs")
        closed.chmod(0o555)
        with unprivileged():
            refused(closed / "page.html", "no folder that you", overwrite=True)
        closed.chmod(0o311)
        (closed / "page.html").chmod(0)
        with unprivileged():
            refused(closed / "page.html")
        closed.chmod(0o755)
