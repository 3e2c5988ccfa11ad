"""A library that is missing is named with the extra that brings it; a fault of ours is not taken for one."""

import importlib.util
import subprocess
import sys
import warnings

import pytest

from tabkit import extras


@pytest.mark.parametrize("extra", ["cltv", "dashboards", "neural", "uplift"])
def test_what_is_missing_and_what_installs_it_are_named(extra: extras.Name) -> None:
    with pytest.raises(ImportError, match=rf"no_such_thing.*pip install 'tabkit-ml\[{extra}\]'") as caught:
        extras.require("no_such_thing.part", extra=extra)
    assert caught.value.name == "no_such_thing"


def test_what_a_library_itself_lacks_is_named(tmp_path, monkeypatch):
    (tmp_path / "outer_of_two.py").write_text("import inner_of_two")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"needs inner_of_two.*tabkit-ml\[neural\]"):
        extras.require("outer_of_two", extra="neural")


def test_a_module_of_tabkit_that_is_not_there_is_a_fault():
    with pytest.raises(ImportError) as caught:
        extras.require("tabkit.no_such_module", extra="neural")
    assert "pip install" not in str(caught.value)


def test_notices_of_an_import_are_kept_from_users(tmp_path, monkeypatch):
    (tmp_path / "talkative_one.py").write_text("import warnings; warnings.warn('soon gone', FutureWarning)")
    monkeypatch.syspath_prepend(tmp_path)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        extras.require("talkative_one", extra="cltv")
    assert heard == []


def test_later_imports_on_use_alone():
    code = "import sys; from tabkit.extras import Later; c = Later('colorsys', extra='cltv'); a = 'colorsys' in "
    code += "sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print(a, c.ONE_THIRD)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("False 0.333")


@pytest.mark.parametrize("missing", ["altair", "vl_convert"])
def test_drawing_needs_both_libraries(missing, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else object())
    assert not extras.can_draw()
    with pytest.raises(ImportError, match=rf"{missing}.*tabkit-ml\[dashboards\]"):
        extras.check_drawing()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert extras.can_draw()
    extras.check_drawing()
