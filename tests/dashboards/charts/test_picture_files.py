"""Charts as files: they bear a mark, and take the place of none but an earlier one."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from dashboards.charts.cltv import pit_histogram
from dashboards.charts.picture_files import save
from tabkit import marks
from tabkit.errors import ConfigError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def test_pictures_bear_a_mark_that_viewers_pass_over(tmp_path: Path) -> None:
    ours = marks.picture("chart").ours
    assert ours is not None
    chart = pit_histogram([5, 6, 5])
    for name in ("a.png", "a.svg", "a.html"):
        save(chart, tmp_path / name)
        assert ours(tmp_path / name)
        save(chart, tmp_path / name)
    assert ET.parse(tmp_path / "a.svg").getroot()[0].text == "tabkit chart"
    data = (tmp_path / "a.png").read_bytes()
    assert re.findall(rb"IHDR|pHYs|tEXt|IEND", data) == [b"IHDR", b"tEXt", b"pHYs", b"IEND"]
    bare = data.replace(marks.png(SIGNATURE + bytes(25), "chart")[33:], b"")
    (tmp_path / "a.png").write_bytes(bare)
    assert len(bare) < len(data)
    assert not ours(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.html"])
def test_a_picture_of_others_stays(tmp_path: Path, name: str) -> None:
    theirs = {"a.png": SIGNATURE + b"theirs", "a.svg": b"<svg width='1'/>", "a.html": b"<!DOCTYPE html><p>mine"}[name]
    (tmp_path / name).write_bytes(theirs)
    with pytest.raises(ConfigError, match="earlier picture"):
        save(pit_histogram([5, 6, 5]), tmp_path / name)
    assert (tmp_path / name).read_bytes() == theirs
    save(pit_histogram([5, 6, 5]), tmp_path / name, overwrite=True)
    assert (tmp_path / name).read_bytes() != theirs
