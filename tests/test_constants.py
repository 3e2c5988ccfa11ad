"""Each number that a module is named by has its reason beside it: a comment, or a docstring below it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest
from places import ROOT

CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]*")
DIRECTIVE = re.compile(r"#\s*(noqa|type:|fmt:|pragma)")
PACKAGES = ("tabkit", "dashboards", "pipelines")


def is_number(node: ast.expr) -> bool:
    """Return whether an expression is a number, or a tuple of numbers."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
        case ast.Tuple(elts=elements):
            return bool(elements) and all(map(is_number, elements))
    return False


def unexplained(source: str) -> list[str]:
    """Return the numeric constants of a module without a comment or a docstring."""
    body, found = ast.parse(source).body, []
    comments = {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and not DIRECTIVE.match(token.string)
    }
    for node, after in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                names = [part.id for part in ast.walk(target) if isinstance(part, ast.Name)]
            case _:
                continue
        if not is_number(value) or not all(map(CONSTANT.fullmatch, names)):
            continue
        match after:
            case ast.Expr(value=ast.Constant(value=str())):
                continue
        if comments.isdisjoint(range(node.lineno - 1, (node.end_lineno or node.lineno) + 1)):
            found += names
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_numbers_have_their_reasons_beside_them(package: str) -> None:
    files = {path: path.read_text(encoding="utf-8") for path in sorted(Path(ROOT, package).rglob("*.py"))}
    assert files
    assert {str(path.relative_to(ROOT)): names for path, text in files.items() if (names := unexplained(text))} == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("LEAST = 3", ["LEAST"]),
        ("_A, _B = 1, -2.5", ["_A", "_B"]),
        ("SIZE: int = 2**10  # noqa: X", ["SIZE"]),
        ("LEAST = 3  # fewer are noise", []),
        ("# fewer are noise\nLEAST = 3", []),
        ('LEAST = 3\n"""Fewer are noise."""', []),
        ("names = 3\nNAMES = ('a',)\nON = True", []),
    ],
)
def test_what_counts_as_a_number_with_a_reason(source: str, expected: list[str]) -> None:
    assert unexplained(source) == expected
