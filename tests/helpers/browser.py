"""A real Chromium for tests of pages: what a person does with it, and what it says, asks for and shows.

No name but those of this machine resolves in it, so that no request leaves; the attempt is still seen.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains

SCREENSHOTS = Path(__file__).parents[2] / "out" / "screenshots"
SMALL, LARGE = (1280, 900), (1920, 1080)

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # which containers do not allow
    "--disable-dev-shm-usage",  # which is small in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--lang=en-US",
    "--force-color-profile=srgb",
)
_CLIPBOARD = ["clipboardReadWrite", "clipboardSanitizedWrite"]
_WATCH = """(() => {
  const look = () => {
    let seen = false;
    try { seen = Boolean(%s); } catch (error) { /* not there yet */ }
    if (!seen) { setTimeout(look, 4); return; }
    requestAnimationFrame(() => setTimeout(() => { window.seenByTest = performance.now(); }));
  };
  look();
})()"""

Point = tuple[float, float]


@dataclass(frozen=True)
class Message:
    """A line of the console; `source` is javascript for exceptions, security for what a policy forbids, and others."""

    level: str
    source: str
    text: str


class Browser:
    """One page in one window; points are in CSS pixels from its upper left corner."""

    def __init__(self, driver: webdriver.Chrome, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads
        self._messages: list[Message] = []
        self._requests: list[str] = []

    def open(self, target: str | Path) -> None:
        """Open a file or an address, and wait until it has loaded."""
        self.driver.get(target.resolve().as_uri() if isinstance(target, Path) else target)

    def time_to(self, target: str | Path, condition: str, *, seconds: float = 60) -> float:
        """Open a page, and return the seconds from the start until an expression holds and its frame is painted."""
        source = {"source": _WATCH % condition}
        watcher = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
        try:
            self.open(target)
            self.wait("window.seenByTest !== undefined", seconds=seconds)
        finally:
            self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", watcher)
        return float(self.run("return window.seenByTest")) / 1000

    def size(self, width: int, height: int) -> None:
        """Give the page, not the window around it, a size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    # Reading

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page, whatever its policy; a promise that it returns is waited for."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition: str, *, seconds: float = 10) -> None:
        """Wait until an expression holds."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"not within {seconds} s: {condition}; the console: {self.messages()}"
            time.sleep(0.01)

    def centre(self, selector: str) -> Point:
        """Return the middle of an element."""
        box = self.run(
            "const b = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]",
            selector,
        )
        return box[0], box[1]

    def messages(self) -> list[Message]:
        """Return all that the console has said since the start."""
        for entry in self.driver.get_log("browser"):
            self._messages.append(Message(entry["level"], entry["source"], entry["message"]))
        return list(self._messages)

    def problems(self) -> list[Message]:
        """Return errors and warnings of the console, exceptions that nobody caught and refused promises included."""
        return [message for message in self.messages() if message.level in ("SEVERE", "WARNING")]

    def exceptions(self) -> list[Message]:
        """Return exceptions that nobody caught and refused promises."""
        return [message for message in self.messages() if message.source == "javascript" and "Uncaught" in message.text]

    def requests(self) -> list[str]:
        """Return the addresses that the page has asked for since the start, those that were refused included."""
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                self._requests.append(event["params"]["request"]["url"])
            if event["method"] == "Network.webSocketCreated":
                self._requests.append(event["params"]["url"])
        return list(self._requests)

    def requests_outside(self, own: str | None = None) -> list[str]:
        """Return the requests that were not for files, for the page itself or for its own server."""
        server = own and own.split("?")[0].rstrip("/") + "/"
        inside = ("file:", "data:", "blob:", "about:") + ((server,) if server else ())
        return [address for address in self.requests() if not address.startswith(inside)]

    def screenshot(self, name: str, *, whole: bool = False) -> Path:
        """Save what is seen, or the whole page, as a picture that CI keeps."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        wanted = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            wanted["clip"] = {**size, "scale": 1}
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", wanted)["data"]
        path = SCREENSHOTS / f"{name}.png"
        path.write_bytes(base64.b64decode(picture))
        return path

    # Doing

    def mouse(self, kind: str, point: Point, *, held: bool = False) -> None:
        """Send one event of the mouse: mouseMoved, mousePressed or mouseReleased."""
        event: dict[str, Any] = {"type": kind, "x": point[0], "y": point[1], "buttons": int(held)}
        if kind != "mouseMoved":
            event |= {"button": "left", "clickCount": 1}
        elif held:
            event["button"] = "left"
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def drag(self, start: Point, end: Point, *, steps: int = 10, pause_seconds: float = 0.01) -> None:
        """Press the mouse, move it on a straight line, let it go."""
        self.mouse("mouseMoved", start)
        self.mouse("mousePressed", start, held=True)
        for step in range(1, steps + 1):
            part = step / steps
            point = (start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1]))
            self.mouse("mouseMoved", point, held=True)
            time.sleep(pause_seconds)
        self.mouse("mouseReleased", end)

    def click(self, at: str | Point) -> None:
        """Click on a point, or into the middle of the element that a selector finds."""
        point = self.centre(at) if isinstance(at, str) else at
        self.mouse("mouseMoved", point)
        self.mouse("mousePressed", point, held=True)
        self.mouse("mouseReleased", point)

    def press(self, *keys: str, held: Sequence[str] = ()) -> None:
        """Press keys one after the other where the focus is, while others are held."""
        chain = ActionChains(self.driver, duration=0)
        for key in held:
            chain.key_down(key)
        chain.send_keys(*keys)
        for key in reversed(held):
            chain.key_up(key)
        chain.perform()

    def allow_clipboard(self) -> None:
        """Let pages write to the clipboard and read it without asking."""
        self.driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": _CLIPBOARD})

    def clipboard(self) -> str:
        """Return the text in the clipboard."""
        self.allow_clipboard()
        return str(self.run("return navigator.clipboard.readText()"))


def missing() -> str | None:
    """Say what is not there to run a browser with, if anything."""
    if not _browser():
        return "no Chromium or Chrome is installed (apt-get install chromium chromium-driver)"
    if not shutil.which("chromedriver"):
        return "chromedriver is not installed (apt-get install chromium-driver)"
    return None


@contextmanager
def started(size: tuple[int, int] = SMALL) -> Iterator[Browser]:
    """Start a browser without a past, and leave nothing of it behind."""
    with tempfile.TemporaryDirectory(prefix="tabkit-browser-", ignore_cleanup_errors=True) as folder:
        downloads = Path(folder) / "downloads"
        downloads.mkdir()
        driver = _driver(Path(folder) / "profile", size)
        try:
            browser = Browser(driver, downloads)
            browser.size(*size)
            behaviour = {"behavior": "allow", "downloadPath": str(downloads)}
            driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
            browser.open("about:blank")
            driver.get_log("performance")  # what the browser loaded for its own first page is not of interest
            driver.get_log("browser")
            yield browser
        finally:
            driver.quit()


def _browser() -> str | None:
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def _driver(profile: Path, size: tuple[int, int]) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = _browser() or ""
    for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        # Nothing is to be downloaded or told to anybody, nor is the driver to be sought behind a proxy.
        for name, value in {"SE_OFFLINE": "true", "SE_AVOID_STATS": "true", "no_proxy": "localhost,127.0.0.1"}.items():
            patch.setenv(name, value)
        return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver"), env=dict(os.environ)))
