"""The browser that tests drive sees, hears and does what it claims."""

import os
import shutil
import struct
import time
from pathlib import Path

import browser as harness
import pytest
from browser import LARGE, SMALL
from selenium.webdriver.common.keys import Keys

from dashboards.server.server import Site, running

SCRIPT = """
const seen = []; window.seen = seen;
for (const kind of ["mousedown", "mousemove", "mouseup", "click", "keydown"])
  document.addEventListener(kind, e => seen.push([kind, e.key ?? [e.clientX, e.clientY], e.buttons ?? e.ctrlKey]));
"""


@pytest.fixture(scope="module")
def shared(start_browser):
    with start_browser() as browser:
        yield browser


@pytest.fixture
def opened(shared, tmp_path):
    """Opens a page made of a script and a body."""

    def make(script="", body=""):
        (tmp_path / "page.html").write_text(f"<!doctype html><title>t</title>{body}<script>{script}</script>")
        shared.open(tmp_path / "page.html")
        return shared

    return make


def test_what_the_console_says_is_heard(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        "<!doctype html><meta http-equiv=Content-Security-Policy content=\"img-src 'none'\">"
        "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='><script>console.log('quiet'); console.warn('hm');"
        "console.error('bad'); Promise.reject(new Error('broken promise')); throw new Error('thrown')</script>"
    )
    browser.open(page)
    assert [m.source for m in browser.problems()].count("security") == 1
    spoken = [(m.level, m.text.split(" ", 2)[2]) for m in browser.problems() if m.source == "console-api"]
    assert spoken == [("WARNING", '"hm"'), ("SEVERE", '"bad"')]
    assert sorted(m.text.split("Error: ")[1] for m in browser.exceptions()) == ["broken promise", "thrown"]
    assert any("quiet" in m.text for m in browser.messages())
    assert browser.problems() == browser.problems()


def test_a_quiet_page_is_quiet(browser, tmp_path):
    (tmp_path / "page.html").write_text(
        "<!doctype html><title>t</title><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>"
    )
    browser.open(tmp_path / "page.html")
    assert browser.problems() == []
    assert browser.requests()[0] == (tmp_path / "page.html").as_uri()
    assert browser.requests_outside() == []


def test_requests_that_would_leave_are_seen_and_do_not_leave(browser, tmp_path):
    (tmp_path / "page.html").write_text(
        "<!doctype html><link rel=stylesheet href='http://example.invalid/a.css'><img src='http://192.0.2.1/b.png'>"
        "<script>fetch('http://localhost:1/c').catch(() => new WebSocket('ws://example.invalid/d'))</script>"
    )
    browser.open(tmp_path / "page.html")
    wanted = {
        "http://example.invalid/a.css",
        "http://localhost:1/c",
        "http://192.0.2.1/b.png",
        "ws://example.invalid/d",
    }
    browser.wait("performance.now() > 100")
    assert wanted <= set(browser.requests_outside()), browser.requests()
    assert len([m for m in browser.problems() if "ERR_NAME_NOT_RESOLVED" in m.text]) == 3


def test_a_server_of_our_own_is_inside(browser):
    script = (
        "fetch('/api/add', {method: 'POST', headers: {'Content-Type': 'application/json', 'X-Tabkit-Token': '%s'}, "
    )
    script += "body: '{\"a\": 2}'}).then(r => r.json()).then(r => { document.title = r.sum; })"
    site = Site(
        page=lambda token: f"<!doctype html><title></title><script>{script % token}</script>",
        policy="default-src 'none'; script-src 'unsafe-inline'; connect-src 'self'",
        answers={"add": lambda given: {"sum": given["a"] + 1}},
    )
    with running(site) as url:
        browser.open(url)
        browser.wait("document.title === '3'")
        browser.run("fetch('/api/none', {method: 'POST'}).then(() => { document.title = 'answered'; })")
        browser.wait("document.title === 'answered'")
        assert browser.requests_outside(url) == []
        assert len(browser.requests_outside()) >= 3
        assert [m.text.split(" - ")[1] for m in browser.problems()] == [
            "Failed to load resource: the server responded with a status of 404 (Not Found)"
        ]


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_the_page_has_the_size_that_was_asked_for(opened, size):
    page = opened()
    page.size(*size)
    assert page.run("return [innerWidth, innerHeight, devicePixelRatio]") == [*size, 1]


def test_screenshots_are_pictures(opened, monkeypatch, tmp_path):
    monkeypatch.setattr(harness, "SCREENSHOTS", tmp_path / "out" / "screenshots")
    page = opened(body="<body style='margin: 0; background: #0072b2'><div style='height: 2000px'></div>")
    page.size(*SMALL)
    assert dimensions(page.screenshot("seen")) == SMALL
    width, height = dimensions(page.screenshot("whole", whole=True))
    assert (width, height) in {(1280, 2000), (1265, 2000)}  # with or without a bar to scroll by


def dimensions(picture):
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


def test_screenshots_go_where_git_does_not_look():
    root = Path(__file__).parents[2]
    assert harness.SCREENSHOTS.relative_to(root) == Path("out/screenshots")
    assert "/out/" in (root / ".gitignore").read_text().split()


def test_a_drag_is_seen_step_by_step(opened):
    page = opened(SCRIPT, "<div style='height: 500px'></div>")
    page.drag((100, 50), (200, 250), steps=5)
    seen = page.run("return seen")
    assert seen[:2] == [["mousemove", [100, 50], 0], ["mousedown", [100, 50], 1]]
    moves = [[100 + 20 * step, 50 + 40 * step] for step in range(1, 6)]
    assert [event for event in seen[2:] if event[0] == "mousemove"] == [["mousemove", point, 1] for point in moves]
    assert ["mouseup", [200, 250], 0] in seen


def test_a_click_and_keys_arrive(opened):
    page = opened(SCRIPT, "<input id=name style='margin: 40px'>")
    page.click("#name")
    page.press("a", "B", Keys.TAB)
    page.press("c", held=[Keys.CONTROL])
    assert page.run("return document.querySelector('#name').value") == "aB"
    assert [event[1] for event in page.run("return seen") if event[0] == "keydown"] == [
        "a", "B", "Tab", "Control", "c",
    ]  # fmt: skip
    assert [event for event in page.run("return seen") if event[1] == "c"] == [["keydown", "c", True]]


def test_what_a_page_copies_can_be_read(opened):
    page = opened(
        "document.querySelector('#copy').onclick = () => navigator.clipboard.writeText('age >= 40 ü')",
        "<button id=copy>Copy</button>",
    )
    page.allow_clipboard()
    page.click("#copy")
    assert page.clipboard() == "age >= 40 ü"


def test_what_a_page_offers_to_save_arrives(browser, tmp_path):
    (tmp_path / "page.html").write_text("<!doctype html><a id=save download=rule.json href='data:,saved'>Save</a>")
    browser.open(tmp_path / "page.html")
    browser.click("#save")
    end = time.monotonic() + 10
    while not (browser.downloads / "rule.json").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert (browser.downloads / "rule.json").read_text() == "saved"


def test_time_counts_from_the_start_of_the_page(shared, tmp_path):
    (tmp_path / "slow.html").write_text(
        "<!doctype html><meta http-equiv=Content-Security-Policy content=\"script-src 'sha256-x' 'unsafe-inline'\">"
        "<script>const end = performance.now() + 300; while (performance.now() < end);</script><p id=first>"
    )
    assert 0.3 <= shared.time_to(tmp_path / "slow.html", "document.querySelector('#first')") < 3
    assert shared.time_to(tmp_path / "slow.html", "document.querySelector('#first')") >= 0.3
    shared.open(tmp_path / "slow.html")
    assert shared.run("return window.seenByTest === undefined")


def test_waiting_in_vain_says_what_for(opened):
    with pytest.raises(AssertionError, match=r"not within 0\.05 s: 1 > 2"):
        opened().wait("1 > 2", seconds=0.05)


def test_two_browsers_share_nothing(start_browser, tmp_path):
    (tmp_path / "page.html").write_text("<!doctype html><script>localStorage.been = localStorage.been ? 2 : 1</script>")
    for _ in range(2):
        with start_browser(size=LARGE) as browser:
            browser.open(tmp_path / "page.html")
            assert browser.run("return localStorage.been") == "1"


@pytest.mark.parametrize("gone", ["chrom", "chromedriver"])
def test_where_there_is_no_browser_the_reason_is_said(monkeypatch, gone):
    monkeypatch.setattr(shutil, "which", lambda name: None if name.startswith(gone) or "google" in name else f"/{name}")
    assert "is installed (apt-get" in harness.missing() or "is not installed (apt-get" in harness.missing()


def test_the_environment_stays_as_it_was(shared):
    assert "SE_OFFLINE" not in os.environ
