from .blocks import facts, footer, header, notes, pairs
from .html import Markup, clean, escape, figure, join, page, table, tag
from .outputs import check_page

__all__ = [
    "Markup",
    "check_page",
    "clean",
    "escape",
    "facts",
    "figure",
    "footer",
    "header",
    "join",
    "notes",
    "page",
    "pairs",
    "table",
    "tag",
]
