"""What holds for all tests: folders that mirror the sources, and assertions on words and numbers, not on sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from places import ROOT

TESTS = ROOT / "tests"
# More words are a sentence, and a better one would cost an edit here. Numbers do not count: they are what is asserted.
MOST_WORDS = 5


def words(text: str) -> list[str]:
    """Return the words of a pattern or text: what stands between spaces, line breaks and gaps, and has a letter."""
    parts = re.sub(r"\.[*+]|\\n|\(\?s\)", " ", text).split()
    return [part for part in parts if re.search(r"[A-Za-z]", part)]


def asserted(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of each `match=` and of each `assert "text" in ...`; `{}` stands for what is put in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "match":
            text = text_of(node.value)
        elif (
            isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and isinstance(node.test.ops[0], ast.In)
        ):
            text = text_of(node.test.left)
        else:
            continue
        if text is not None:
            yield node.lineno, text


def text_of(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{x}" for part in node.values)
    return None


def test_words_are_counted_without_numbers_and_gaps() -> None:
    assert words(r"(?s)lacks 'a'.*\n.*3 of 4 rows \(75 %\)") == ["lacks", "'a'", "of", "rows"]
    code = 'with raises(E, match=rf"{name} is bad"): pass\nassert "one two" in said\nassert x in y'
    assert sorted(asserted(ast.parse(code))) == [(1, "{x} is bad"), (2, "one two")]


def test_no_assertion_holds_a_sentence() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for line, text in asserted(ast.parse(path.read_text(encoding="utf-8")))
        if len(words(text)) > MOST_WORDS
    ]
    assert not long, "\n".join(["assert the words and numbers that tell this error from others:", *long])


@pytest.mark.parametrize("package", ["tabkit", "dashboards", "pipelines"])
def test_folders_of_tests_mirror_the_sources(package: str) -> None:
    folders = {path.parent.relative_to(TESTS) for path in (TESTS / package).rglob("test_*.py")}
    assert folders
    assert not {str(folder) for folder in folders if not (ROOT / folder).is_dir()}


def test_names_of_test_files_are_unique() -> None:
    """Helpers and reports name a test by its file alone."""
    names = [path.name for path in TESTS.rglob("test_*.py")]
    assert not {name for name in names if names.count(name) > 1}
