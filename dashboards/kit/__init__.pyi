from .blocks import facts, footer, header, notes, pairs
from .html import Markup, clean, escape, figure, join, page, table, tag
from .outputs import check_page, check_table

__all__ = [
    "Markup",
    "check_page",
    "check_table",
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
