from pathlib import Path

import pytest

from tabkit.errors import SourceError
from tabkit.frames import collect, scan

ROW = '{"a": 1, "b": "x"}\n'


@pytest.mark.parametrize(
    "line", ['{"a": 3, "b": "cut', '{"a": 3', "[1]", "no json", '{"a": 1}{"a": 2}', '{"a": "\0"}', "\0\0"]
)
@pytest.mark.parametrize("after", ["", "\n", "\n" + ROW])
def test_a_line_that_is_no_object_is_named(tmp_path, monkeypatch, line, after):
    monkeypatch.chdir(tmp_path)
    Path("x.ndjson").write_text(ROW + "\n" + ROW + line + after)
    with pytest.raises(SourceError, match=r"'x\.ndjson'.*line 4.*object") as caught:
        collect(scan("x.ndjson").select("a"), what="'x.ndjson'")
    assert "was cut" in caught.value.advice


def test_keys_may_be_missing_and_lines_blank(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("x.ndjson").write_text(ROW + '\n{"a": 2}\n  \n{}\n\n')
    assert collect(scan("x.ndjson"), what="x").rows() == [(1, "x"), (2, None), (None, None)]


@pytest.mark.parametrize("line", ["3", "null"])
def test_a_line_of_a_single_value_is_refused_by_its_content(tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    Path("x.ndjson").write_text(ROW + line + "\n" + ROW)
    with pytest.raises(SourceError, match=r"'x\.ndjson'.*JSON object"):
        collect(scan("x.ndjson").select("a"), what="'x.ndjson'")
