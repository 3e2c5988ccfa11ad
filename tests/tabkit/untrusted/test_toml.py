import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabkit.config import build, override
from tabkit.config import read as read_settings
from tabkit.errors import ConfigError, SourceError
from tabkit.propensity.config import TrainConfig
from tabkit.rules import read as read_rules
from tabkit.untrusted.toml import DEEPEST, MOST_MEGABYTES
from tabkit.untrusted.toml import value as value_of

READERS = [(read_settings, ConfigError), (read_rules, SourceError)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("1e3", 1000.0),
        ("true", True),
        ("True", "True"),
        ("poisson", "poisson"),
        ("two words", "two words"),
        ("'7'", "7"),
        ('"a=b"', "a=b"),
        ("a=b=c", "a=b=c"),
        ("[1, 'x']", [1, "x"]),
        ("[1,", "[1,"),
        ("{a.b = 1}", {"a": {"b": 1}}),
        ("", ""),
        ("#", "#"),
        ("1\nother = 2", "1\nother = 2"),
        ("data/*.csv", "data/*.csv"),
        ("C:\\data", "C:\\data"),
    ],
)
def test_values_are_toml_or_text(text, value):
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_some_value(text):
    assert isinstance(value_of(text), str | int | float | bool | list | dict | datetime.date | datetime.time)


@settings(deadline=None)
@given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_and_booleans_are_read_back(value):
    assert value_of(str(value).lower()) == value


@pytest.mark.parametrize(("reader", "kind"), READERS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x = " + "[" * 5_000 + "]" * 5_000, "deep"),
        ("x = " + "{a = " * 5_000 + "1" + "}" * 5_000, "deep"),
        (".".join("a" * 5_000) + " = 1", "deep"),
        ("[" + ".".join("a" * 5_000) + "]", "deep"),
        ("x = " + "9" * 5_000, "not TOML"),
        ('x = "' + "a" * (MOST_MEGABYTES * 2**20) + '"', "MiB"),
    ],
    ids=["lists", "tables", "dots", "header", "digits", "size"],
)
def test_every_reader_bounds_what_it_reads(tmp_path: Path, reader, kind, content, said):
    file = tmp_path / "hostile.toml"
    file.write_text(content)
    with pytest.raises(kind, match=said) as caught:
        reader(file)
    assert "hostile.toml" in caught.value.problem
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(("reader", "kind"), READERS)
def test_every_reader_takes_the_mark_that_editors_put_in_front(tmp_path: Path, reader, kind):
    file = tmp_path / "marked.toml"
    file.write_bytes(b"\xef\xbb\xbfrules = []\n")
    assert reader(file)


@pytest.mark.parametrize("line", ["k{0} = {0}\n", "[k{0}]\na = 1\n"])
def test_of_many_unknown_keys_a_few_are_told(tmp_path: Path, line: str):
    file = tmp_path / "other.toml"
    file.write_text("".join(map(line.format, range(3_000))))
    with pytest.raises(ConfigError, match=r"k0.*3,000") as refused:
        build(TrainConfig, read_settings(file))
    with pytest.raises(ConfigError, match=r"k0.*2995 more") as caught:
        read_rules(file)
    assert max(len(str(refused.value)), len(str(caught.value))) < 5_000


def test_values_and_keys_of_assignments_are_bounded_too():
    with pytest.raises(ConfigError, match="deep"):
        override({}, ["x=" + "[" * 5_000 + "]" * 5_000])
    with pytest.raises(ConfigError, match="not an assignment"):
        override({}, [".".join("a" * (DEEPEST + 1)) + "=1"])
    assert override({}, ["x=" + "9" * 5_000]) == {"x": "9" * 5_000}
    assert override({}, ["x=[[[1]]]"]) == {"x": [[[1]]]}
