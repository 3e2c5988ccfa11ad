"""What a bundle says of its origin is checked, handed on to its children, and followed back through a folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tabkit import bundle
from tabkit.errors import BundleError
from tabkit.lineage import ancestors_of, descends, history, lineage_of

FIRST = {
    "strategy": "new",
    "source": "may.csv",
    "rows": 900,
    "span": ["2024-01-01", "2024-05-31"],
    "target_mean": 0.2,
    "split": "time",
    "rows_fit": 700,
    "hints": ["few rows"],
}


def saved(path: Path, lineage: Any, *, kind: str = "propensity") -> str:
    return bundle.write(path, kind=kind, content={"lineage": lineage}, parts={})


def family(folder: Path) -> list[str]:
    """Save a model, its child and its grandchild; return their checksums."""
    lineage, checksums = FIRST, []
    for name, rows in (("first", 900), ("second", 300), ("third", 100)):
        if checksums:
            lineage = descends(
                lineage, {"strategy": "refit", "source": f"{name}.csv", "rows": rows}, checksum=checksums[-1]
            )
        checksums.append(saved(folder / name, lineage))
    return checksums


def test_a_child_keeps_how_the_model_was_fitted_and_tells_of_its_ancestors() -> None:
    child = descends(FIRST, {"strategy": "refit", "source": "june.csv", "rows": 300}, checksum="a")
    assert (child["split"], child["rows_fit"], child["parent"]) == ("time", 700, "a")
    assert (child["strategy"], child["rows"]) == ("refit", 300)
    assert "hints" not in child
    assert "span" not in child  # that of other rows
    grandchild = descends(child, {"strategy": "extend", "source": "july.csv", "rows": 200}, checksum=None)
    newest, oldest = grandchild["ancestors"]
    assert (newest["checksum"], newest["strategy"], newest["rows"]) == (None, "refit", 300)  # never saved
    assert (oldest["checksum"], oldest["span"], oldest["target_mean"]) == ("a", FIRST["span"], 0.2)


@pytest.mark.parametrize("name", ["strategy", "source", "rows"])
def test_what_every_lineage_says_must_be_there(name: str) -> None:
    with pytest.raises(BundleError, match=name):
        lineage_of({"lineage": {key: value for key, value in FIRST.items() if key != name}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", -1),
        ("rows", 1.5),
        ("source", 7),
        ("span", ["2024-01-01"]),
        ("span", [1, 2]),
        ("target_mean", "high"),
        ("class_rows", {"yes": "many"}),
        ("update", []),
        ("hints", ["few rows", 3]),
        ("ancestors", {"a": 1}),
        ("ancestors", ["a"]),
    ],
)
def test_a_lineage_of_another_form_is_damaged_and_names_the_field(name: str, value: object) -> None:
    with pytest.raises(BundleError, match=name):
        lineage_of({"lineage": {**FIRST, name: value}})


@pytest.mark.parametrize("lineage", [None, [], "new"])
def test_a_lineage_that_is_no_table_is_damaged(lineage: object) -> None:
    with pytest.raises(BundleError, match="lineage"):
        lineage_of({"lineage": lineage})


def test_what_may_be_absent_may_be_null() -> None:
    given = {**FIRST, "span": None, "target_mean": None, "parent": None, "update": None}
    assert lineage_of({"lineage": given}) == given


def test_history_is_newest_first_with_the_model_itself_before_all(tmp_path: Path) -> None:
    first, second, third = family(tmp_path)
    told = history(tmp_path / "third", kinds=["propensity"])
    assert told["bundle"] == str(tmp_path / "third")
    assert [entry["checksum"] for entry in told["chain"]] == [third, second, first]
    assert [entry["rows"] for entry in told["chain"]] == [100, 300, 900]
    assert told["chain"][-1]["span"] == FIRST["span"]


def test_history_refuses_other_kinds_and_forms(tmp_path: Path) -> None:
    saved(tmp_path / "rules", FIRST, kind="rules")
    with pytest.raises(BundleError, match="rules"):
        history(tmp_path / "rules", kinds=["propensity"])
    for number, lineage in enumerate(({**FIRST, "ancestors": "a"}, {**FIRST, "ancestors": [{"rows": 1}]}, None)):
        saved(tmp_path / str(number), lineage)
        with pytest.raises(BundleError, match="lineage"):
            history(tmp_path / str(number), kinds=["propensity"])


def test_ancestors_are_read_from_the_folder_oldest_first(tmp_path: Path) -> None:
    family(tmp_path)
    (tmp_path / "a file").write_text("of something else")
    found = ancestors_of(tmp_path / "third", kinds=["propensity"], advice="")
    assert [manifest["lineage"]["rows"] for manifest in found.manifests] == [900, 300, 100]
    assert found.missing == 0


def test_ancestors_that_are_gone_are_counted(tmp_path: Path) -> None:
    family(tmp_path)
    shutil.rmtree(tmp_path / "second")
    found = ancestors_of(tmp_path / "third", kinds=["propensity"], advice="")
    assert [manifest["lineage"]["rows"] for manifest in found.manifests] == [900, 100]
    assert found.missing == 1


def test_a_lineage_that_names_its_parent_alone_is_followed_from_one_to_the_next(tmp_path: Path) -> None:
    checksum: str | None = None
    for rows in (900, 300, 100):
        lineage = {"strategy": "refit", "source": "x", "rows": rows, "parent": checksum}
        checksum = saved(tmp_path / str(rows), lineage)
    found = ancestors_of(tmp_path / "100", kinds=["propensity"], advice="")
    assert [manifest["lineage"]["rows"] for manifest in found.manifests] == [900, 300, 100]


def test_a_bundle_of_another_kind_has_no_ancestors(tmp_path: Path) -> None:
    saved(tmp_path / "rules", FIRST, kind="rules")
    with pytest.raises(BundleError, match=r"(?s)'rules'.*other command"):
        ancestors_of(tmp_path / "rules", kinds=["propensity"], advice="use the other command")
