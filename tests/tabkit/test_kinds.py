"""Any bundle opens by its kind; what each kind can do stands where the table of kinds says."""

import inspect
import json
import shutil
from pathlib import Path

import pytest
from hostile import KINDS as GOLDEN_KINDS
from places import GOLDEN

import pipelines
from tabkit import bundle, kinds
from tabkit.encoding import FittedTable
from tabkit.errors import BundleError
from tabkit.fitted_model import FittedModel

CLASSES = {"propensity": "PropensityModel", "uplift": "UpliftModel", "cltv": "CLTVModel", "encoder": "FittedTable"}


@pytest.mark.parametrize("name", GOLDEN_KINDS)
def test_a_bundle_opens_as_what_it_is(name: str) -> None:
    found = pipelines.load(GOLDEN / name)
    assert type(found).__name__ == CLASSES[GOLDEN_KINDS[name]]
    if isinstance(found, FittedModel):
        assert found.kind == GOLDEN_KINDS[name]
        assert found.checksum == (GOLDEN / name / "manifest.sha256").read_text().split()[0]
    else:
        assert isinstance(found, FittedTable)


def test_what_is_no_bundle_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    for name in (None, 5, b"bytes", ["a", "b"]):
        with pytest.raises(BundleError, match="is no path"):
            kinds.load(name)  # type: ignore[arg-type]
    for name, words in (("nowhere", "does not exist"), ("empty", "is no bundle"), ("rows.csv", "is a file")):
        with pytest.raises(BundleError, match=words):
            kinds.load(tmp_path / name)
    shutil.copytree(GOLDEN / "churned", tmp_path / "changed")
    manifest = tmp_path / "changed" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "kind": "oracle"}))
    with pytest.raises(BundleError, match="checksum"):
        kinds.load(tmp_path / "changed")


def test_a_kind_from_elsewhere_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    bundle.write(tmp_path / "odd", kind="oracle", content={}, parts={})
    with pytest.raises(BundleError, match=r"'oracle'.*uplift.*cltv.*encoder"):
        kinds.load(tmp_path / "odd")


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_place_holds_what_it_shall(kind: str) -> None:
    own = kinds.KINDS[kind]
    assert next(iter(inspect.signature(kinds.at(own.reader)).parameters)) == "found"
    if own.update is not None:
        assert list(inspect.signature(kinds.at(own.update)).parameters)[:2] == ["model", "source"]
    if own.page is not None:
        assert list(inspect.signature(kinds.at(own.page)).parameters)[:5] == [
            *("model", "path", "source", "title", "overwrite")
        ]
