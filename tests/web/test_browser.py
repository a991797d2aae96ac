"""The pages in a real browser, and that the browser tells of whatever a page must not do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from httpx2 import post
from playwright.sync_api import expect
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from routines.core.access import AuthMode
from support.browser import PHONE, WIDE, Browser, Chromium, check_accessible, check_fits
from support.clock import MINUTE, RunningClock
from support.databases import on_postgres
from support.service import Company, Place, Service, ok
from support.site import Site, serving

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"
STRICT = "default-src 'none'; script-src 'self'; img-src 'self'"
UNWANTED = {
    "warning": ("console.warn('careful')", "", r"console: careful \(http://127.0.0.1:\d+/trial.js\)"),
    "error": ("console.error('broken')", "", "console: broken"),
    "thrown": ("throw new Error('bad luck')", "", "script: bad luck"),
    "rejected": ("Promise.reject(new Error('bad luck'))", "", "script: bad luck"),
    "dialog": ("alert(1)", "", "alert: 1"),
    "fault": ("", "<img alt='' src=/fault>", r"fault: 500 to GET http://127.0.0.1:\d+/fault"),
    "missing": ("", "<img alt='' src=/nothing>", "console: .* 404 .*/nothing"),
    "inline script": ("", "<script>window.done = 1</script>", "console: .*Content Security Policy"),
    "inline style": ("", "<p style='color: red'>", "console: .*Content Security Policy"),
    "elsewhere": ("", "<img alt='' src=http://example.com/a>", "elsewhere: GET http://example.com/a"),
}
"""A page's script, its body, and what the browser is to say of it."""


@pytest.fixture
def guarded(place: Place) -> Iterator[Site]:
    service = Service(place, RunningClock(), auth=AuthMode.AUTHENTICATED)
    with serving(service) as served:
        yield served
    service.close()


@pytest.fixture
def trial(site: Site) -> Callable[..., None]:
    """Puts a page of the test's own at `/trial`."""

    def put(script: str = "", body: str = "", policy: str = STRICT) -> None:
        page = f"<!doctype html><html lang=en><title>Trial</title><main><h1>Trial</h1>{body}</main>"

        def show(_: Request) -> Response:
            page_with_script = f"{page}<script src=/trial.js></script>"
            return Response(page_with_script, media_type="text/html", headers={"Content-Security-Policy": policy})

        site.service.server.app.router.routes[:0] = [
            Route("/trial", show),
            Route("/trial.js", lambda _: Response(script, media_type="text/javascript")),
            Route("/fault", lambda _: PlainTextResponse("", 500)),
        ]

    return put


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_day_and_sign_in_are_accessible_and_fit(browser: Browser, company: Company, *, width: int, dark: bool) -> None:
    routine = company.routine(title=HOSTILE, triggers=[{"kind": "schedule", "cronExpression": "0 * * * *"}])
    ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    page = browser.open("/", width=width, dark=dark)
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    check_accessible(page)
    check_fits(page)
    page.goto("/login")
    check_accessible(page)
    check_fits(page)


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
def test_one_signs_in_and_out_with_scripts_or_without(chromium: Chromium, guarded: Site, *, javascript: bool) -> None:
    with chromium.at(guarded) as browser:
        page = browser.open("/", javascript=javascript)
        expect(page).to_have_url(re.compile("/login"))
        page.locator("[name=token]").fill(guarded.service.board_token("Grace"))
        page.get_by_role("button", name="Sign in").click()
        expect(page).not_to_have_url(re.compile("/login"))
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(re.compile("/login"))


def test_a_window_may_be_of_somebody_who_has_signed_in(chromium: Chromium, guarded: Site) -> None:
    with chromium.at(guarded) as browser:
        expect(browser.open("/", board_token=guarded.service.board_token("Grace"))).not_to_have_url(
            re.compile("/login")
        )
        expect(browser.open("/")).to_have_url(re.compile("/login"))  # windows share nothing


@on_postgres
def test_the_day_shows_what_was_fired_meanwhile(browser: Browser, company: Company, service: Service) -> None:
    company.routine(title="Look each minute", triggers=[{"kind": "schedule", "cronExpression": "* * * * *"}])
    page = browser.open("/")
    expect(page.get_by_text("no runs yet")).to_be_visible()
    service.tick(MINUTE)
    page.reload()
    expect(page.get_by_role("list", name="Last 1 run: 1 open")).to_be_visible()


@pytest.mark.parametrize("unwanted", UNWANTED)
def test_what_no_page_may_do_fails_the_test(
    chromium: Chromium, site: Site, trial: Callable[..., None], unwanted: str
) -> None:
    script, body, told = UNWANTED[unwanted]
    trial(script, body, "" if unwanted == "elsewhere" else STRICT)
    with pytest.raises(AssertionError, match=told), chromium.at(site) as browser:
        browser.open("/trial")


def test_what_is_expected_does_not_fail_the_test_but_its_absence_does(
    chromium: Chromium, site: Site, trial: Callable[..., None]
) -> None:
    trial("if (confirm('Sure?')) console.error('done')")
    with chromium.at(site) as browser:
        browser.expect_complaint(r"confirm: Sure\?")
        browser.expect_complaint("console: done")
        browser.open("/trial")
    with pytest.raises(AssertionError, match="expected to complain"), chromium.at(site) as browser:
        browser.expect_complaint("something else")


def test_a_page_that_is_not_accessible_is_found(browser: Browser, trial: Callable[..., None]) -> None:
    trial(body="<img src=data:,>", policy="")
    with pytest.raises(AssertionError, match=r"image-alt at \['img'\]: Images must have alternative text"):
        check_accessible(browser.open("/trial"))


@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_a_page_that_is_too_wide_is_found(browser: Browser, trial: Callable[..., None], width: int) -> None:
    trial(body="<meta name=viewport content='width=device-width'><table width=2000><td>wide</table>", policy="")
    with pytest.raises(pytest.fail.Exception, match='<table width="2000">'):
        check_fits(browser.open("/trial", width=width))


def test_the_windows_settings_reach_the_page(browser: Browser, trial: Callable[..., None]) -> None:
    trial()
    page = browser.open("/trial", dark=True, width=PHONE, zone="America/St_Johns", locale="de-DE")
    seen = page.evaluate(
        "[Intl.DateTimeFormat().resolvedOptions().timeZone, navigator.language,"
        " matchMedia('(prefers-color-scheme: dark)').matches, screen.width]"
    )
    assert seen == ["America/St_Johns", "de-DE", True, PHONE]


def test_other_tests_of_this_process_go_on_beside_a_browser(browser: Browser, site: Site) -> None:
    browser.open("/")
    assert ok(site.service.board.get("/companies")) == []
    assert post(f"{site.url}/api/companies", json={"name": "Acme"}).status_code == 201
    browser.open("/")
