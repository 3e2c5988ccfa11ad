from html.parser import HTMLParser

import pytest

from dashboards.kit.html import POLICY, Markup, clean, escape, figure, page, table, tag

HOSTILE = "<script>alert(1)</script>\"'&"


class Reader(HTMLParser):
    """Collects what a browser would see as elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_escaped_text_reads_as_it_was():
    read = Reader(tag("p", escape(HOSTILE), aria_label=HOSTILE))
    assert read.tags == ["p"]
    assert read.text == HOSTILE
    assert read.attributes == [("aria-label", HOSTILE)]


@pytest.mark.parametrize("code", [0x00, 0x0B, 0x1F, 0x85, 0xD800, 0xFFFF])
def test_characters_that_xml_forbids_are_replaced(code):
    assert clean(f"a{chr(code)}b") == "a\ufffdb"


def test_tabs_and_other_scripts_stay():
    assert clean("a\tb\n日本 🙂") == "a\tb\n日本 🙂"


def test_table_names_its_rows_and_columns():
    html = table([escape("Metric"), escape("m")], [[escape("AUC"), escape(HOSTILE)]], kind="scores")
    assert '<th scope="col">m</th>' in html
    assert '<th scope="row">AUC</th>' in html
    assert Reader(html).text.endswith(HOSTILE)


def test_table_without_a_head():
    assert "<thead>" not in table([], [[escape("a"), escape("b")]], kind="facts")


def test_figure_has_a_label_and_a_caption():
    html = figure(Markup("<svg/>"), title=HOSTILE, label=HOSTILE, caption=HOSTILE)
    assert Reader(html).tags == ["figure", "h2", "div", "svg", "figcaption"]
    assert ("role", "img") in Reader(html).attributes


def test_page_forbids_scripts_and_requests():
    html = page(HOSTILE, tag("h1", escape(HOSTILE)))
    assert "script" not in Reader(html).tags
    assert ("content", POLICY) in Reader(html).attributes
    assert "default-src 'none'" in POLICY
    assert "script-src" not in POLICY
    assert html.index("Content-Security-Policy") < html.index("<title>")
