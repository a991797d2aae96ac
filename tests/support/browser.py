"""A real browser for tests of pages: where it is found, a fresh window for each visit, and what no page may do in it.

The pages come from `site`; Playwright's own words (`page.get_by_role`, `expect`) say what a person does and sees there.

    def test_the_day_names_its_routines(browser: Browser, company: Company) -> None:
        company.routine(title="Hourly look")
        page = browser.open("/", width=PHONE)
        expect(page.get_by_text("Hourly look")).to_be_visible()
        check_accessible(page)
        check_fits(page)

Such a test runs on SQLite unless it carries a mark of `databases`.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # a path, which is all we take
from playwright import sync_api as playwright

from routines.http.auth import SESSION_COOKIE
from support.calling import taken_as_running
from support.site import Site

BROWSER = "ROUTINES_TEST_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_BROWSER = (
    "There is no browser to test pages with: install one with `apt-get install chromium` or "
    f"`.venv/bin/playwright install chromium`, or set {BROWSER} to the path of a Chromium or Chrome"
)
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # whatever a page asks for, nothing leaves the machine
)
PHONE = 360
"""The width in CSS pixels of a small phone; a window of at most `PHONE_MAX` is one, with its viewport and touch."""
PHONE_MAX = 600
WIDE = 1400
HEIGHT = 900
MILLISECONDS_MAX = 20_000
"""For anything that happens in milliseconds unless the machine is very busy."""
FAULT = 500
ICON = "/favicon.ico"
"""What a browser asks for by itself if a page names no icon; that there is none is no fault of the page's."""
STICKING_OUT = """
    width => [...document.querySelectorAll("body *")]
        .filter(each => each.getBoundingClientRect().right > width + 0.5)
        .slice(0, 5)
        .map(each => `${each.cloneNode(false).outerHTML.slice(0, 120)} to ${each.getBoundingClientRect().right}`)
"""


def find_browser() -> str | None:
    """The browser on this machine; None if there is only what Playwright may have installed for itself."""
    if named := os.environ.get(BROWSER):
        assert shutil.which(named), f"{BROWSER} is {named!r}, which is no program; set it to a Chromium's path"
        return named
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched() -> Iterator[Chromium]:
    """A browser until the end of the block; without one the test is skipped, or fails if `CI` is set."""
    program = find_browser()
    playwright.expect.set_options(timeout=MILLISECONDS_MAX)
    with playwright.sync_playwright() as driver:
        if program is None and not Path(driver.chromium.executable_path).exists():
            if os.environ.get("CI"):
                pytest.fail(NO_BROWSER, pytrace=False)
            pytest.skip(NO_BROWSER)
        with _launch(driver, program) as started:
            loop = asyncio.get_running_loop()
            with taken_as_running(None):
                yield Chromium(started, loop)


class Chromium(NamedTuple):
    """A browser that has been started, and the event loop by which this thread drives it.

    Between its calls that loop stands, and Playwright leaves it marked as running, so that no other could run. Here
    it is marked only for a test in the browser.
    """

    started: playwright.Browser
    loop: asyncio.AbstractEventLoop

    @contextmanager
    def at(self, site: Site) -> Iterator[Browser]:
        """The browser before a site, until the end of the block."""
        with taken_as_running(self.loop):
            browser = Browser(self.started, site)
            try:
                yield browser
            finally:
                browser.close()


def _launch(driver: playwright.Playwright, program: str | None) -> playwright.Browser:
    def launch(*, sandboxed: bool) -> playwright.Browser:
        return driver.chromium.launch(executable_path=program, args=list(FLAGS), chromium_sandbox=sandboxed)

    if hasattr(os, "geteuid") and os.geteuid() == 0:  # Chromium refuses to sandbox what root starts
        return launch(sandboxed=False)
    try:
        return launch(sandboxed=True)
    except playwright.Error:  # many a container and distribution forbids it; the pages are our own
        return launch(sandboxed=False)


class Browser:
    """Opens the pages of a site, each time in a window that remembers nothing, and notes what went wrong there.

    A test fails at its end over each of these that it did not expect: an error or warning on the console, which is
    also where a violation of the Content-Security-Policy is told; a script that threw; a dialog; a reply of 500 or
    above; anything asked of another origin than the site's.
    """

    def __init__(self, started: playwright.Browser, site: Site) -> None:
        self.site = site
        self.complaints: list[str] = []
        self._started = started
        self._expected: list[str] = []
        self._windows: list[playwright.BrowserContext] = []

    def open(
        self,
        path: str = "/",
        *,
        javascript: bool = True,
        dark: bool = False,
        width: int = WIDE,
        zone: str = "UTC",
        locale: str = "en-GB",
        board_token: str | None = None,
    ) -> playwright.Page:
        """A page of the site in a new window; with a board token, of somebody who has signed in with that."""
        window = self._started.new_context(
            base_url=self.site.url,
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",  # nothing to wait for
            viewport={"width": width, "height": HEIGHT},
            is_mobile=width <= PHONE_MAX,
            has_touch=width <= PHONE_MAX,
            timezone_id=zone,
            locale=locale,
        )
        self._windows.append(window)
        window.set_default_timeout(MILLISECONDS_MAX)
        self._watch(window)
        if board_token is not None:
            cookie = self.site.session(board_token)
            window.add_cookies([{"name": SESSION_COOKIE, "value": cookie, "url": self.site.url}])
        page = window.new_page()
        page.goto(path)
        return page

    def expect_complaint(self, pattern: str) -> None:
        """What matches this is expected and must come: a page that is answered with 401 complains of that.

        A dialog that is expected (`confirm: Delete it`) is accepted.
        """
        self._expected.append(pattern)

    def close(self) -> None:
        """Close every window, and fail over what was complained of."""
        for window in self._windows:
            for page in window.pages:
                page.title()  # by its answer, all that was told before it is here
            window.close()
        unexpected = [each for each in self.complaints if not self._is_expected(each)]
        assert not unexpected, "In the browser:\n" + "\n".join(unexpected)
        missed = [each for each in self._expected if not any(re.search(each, told) for told in self.complaints)]
        assert not missed, f"The browser was expected to complain of {missed}"

    def _watch(self, window: playwright.BrowserContext) -> None:
        window.on("console", self._on_console)
        window.on("weberror", lambda thrown: self.complaints.append(f"script: {thrown.error}"))
        window.on("dialog", self._on_dialog)
        window.on("request", self._on_request)
        window.on("response", self._on_response)

    def _on_console(self, message: playwright.ConsoleMessage) -> None:
        asked = message.location["url"]
        if message.type in {"error", "warning", "assert"} and asked != f"{self.site.url}{ICON}":
            self.complaints.append(f"console: {message.text} ({asked})")

    def _on_dialog(self, dialog: playwright.Dialog) -> None:
        told = f"{dialog.type}: {dialog.message}"
        self.complaints.append(told)
        if self._is_expected(told):
            dialog.accept()
        else:
            dialog.dismiss()

    def _on_request(self, request: playwright.Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob", "about"} and f"{parts.scheme}://{parts.netloc}" != self.site.url:
            self.complaints.append(f"elsewhere: {request.method} {request.url}")

    def _on_response(self, response: playwright.Response) -> None:
        if response.status >= FAULT:
            self.complaints.append(f"fault: {response.status} to {response.request.method} {response.url}")

    def _is_expected(self, complaint: str) -> bool:
        return any(re.search(pattern, complaint) for pattern in self._expected)


def check_accessible(page: playwright.Page) -> None:
    """Fail unless axe-core finds nothing to say against a page as it now is; the page needs JavaScript."""
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    violations = [_violation(rule, node) for rule in found["violations"] for node in rule["nodes"]]
    assert not violations, f"{page.url} is not accessible:\n" + "\n".join(violations)


def check_fits(page: playwright.Page) -> None:
    """Fail if a page is wider than its window, so that one would have to scroll sideways."""
    viewport = page.viewport_size
    assert viewport is not None
    width = page.evaluate("document.scrollingElement.scrollWidth")
    if width > viewport["width"]:
        elements = "\n".join(page.evaluate(STICKING_OUT, viewport["width"]))
        pytest.fail(f"{page.url} is {width} pixels wide in a window of {viewport['width']}:\n{elements}")


def _violation(rule: dict[str, Any], node: dict[str, Any]) -> str:
    return f"{rule['id']} at {node['target']}: {rule['help']} ({rule['helpUrl']})\n  {node['html']}"
