"""Home and the first run in a real browser: from nothing to a completed run, and from a failed run to why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import monotonic

import pytest
from playwright.sync_api import Locator, Page, expect

from support.browser import MILLISECONDS_MAX, PHONE, WIDE, Browser, Chromium, check_accessible, check_fits
from support.clock import HOUR
from support.hostile import HOSTILE
from support.process import ServerProcess
from support.service import Company, Service, ok

HOURLY = [{"kind": "schedule", "cronExpression": "0 * * * *"}]
SIZES = pytest.mark.parametrize(("width", "dark"), [(PHONE, True), (WIDE, False)], ids=["phone, dark", "wide, light"])


class RealSite:
    """A server in a process of its own, as a browser needs to know it: its agents are started."""

    def __init__(self, server: ServerProcess) -> None:
        self.url = server.url

    def session(self, board_token: str) -> str:
        """Nobody signs in there."""
        raise NotImplementedError


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSite]:
    folder = tmp_path_factory.mktemp("first-run") / "data"
    folder.mkdir()
    server = ServerProcess(folder)
    try:
        server.wait_until_up()
        yield RealSite(server)
        assert server.terminate() == 0
    finally:
        server.kill()


def appears(page: Page, wanted: Locator, *, javascript: bool) -> None:
    """It comes by itself where scripts run; elsewhere when somebody loads the page again."""
    deadline = monotonic() + MILLISECONDS_MAX / 1000
    while not javascript and not wanted.is_visible() and monotonic() < deadline:
        page.reload()
    expect(wanted).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_from_nothing_to_the_first_completed_run(chromium: Chromium, at_work: RealSite, *, javascript: bool) -> None:
    with chromium.at(at_work) as browser:
        page = browser.open("/" if javascript else "/welcome", javascript=javascript)
        expect(page.get_by_role("heading", name="What a routine is")).to_be_visible()
        page.get_by_role("textbox", name="Company").fill(f"Lantern Books {javascript}")
        page.get_by_role("textbox", name="Routine").fill("Say good morning")
        page.get_by_role("button", name="Make all of it").click()
        expect(page.get_by_role("status")).to_contain_text("Say good morning was made. Press Run now")
        page.get_by_role("button", name="Run now").click()
        appears(page, page.get_by_text("completed", exact=True).first, javascript=javascript)
        page.get_by_role("link", name="Routines", exact=True).last.click()
        expect(page.get_by_role("list", name="Last 1 run: 1 completed")).to_be_visible()
        expect(page.get_by_text("Everything ran: 1 other fire")).to_be_visible()


def test_a_mistake_in_the_first_run_is_shown_beside_its_field(browser: Browser) -> None:
    page = browser.open("/welcome")
    page.get_by_label("Or by a cron expression").fill("61 * * * *")
    browser.expect_complaint("status of 400")
    page.get_by_role("button", name="Make all of it").click()
    expect(page.get_by_label("Or by a cron expression")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Or by a cron expression")).to_have_value("61 * * * *")
    check_accessible(page)


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_a_failed_run_is_found_in_two_clicks(
    browser: Browser, company: Company, service: Service, *, javascript: bool
) -> None:
    routine = company.routine(title="Broken links", triggers=HOURLY)
    service.tick(HOUR)
    company.close(company.issues(routine["id"])[0]["id"], "cancelled")
    page = browser.open("/", javascript=javascript)
    expect(page.get_by_text("1 run failed since")).to_be_visible()
    page.get_by_role("region", name="The last 24 hours").get_by_role("link", name="Broken links").first.click()
    expect(page).to_have_url(re.compile(f"/routines/{routine['id']}/runs/"))
    expect(page.get_by_text("Execution issue moved to cancelled").first).to_be_visible()


def test_all_that_are_shown_are_ticked_paused_and_resumed(browser: Browser, company: Company) -> None:
    for number in range(3):
        company.routine(title=f"Part {number}")
    page = browser.open("/")
    page.get_by_label("All on this page").check()
    expect(page.get_by_label("Part 2", exact=True)).to_be_checked()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_have_text("3 routines were paused.")
    page.get_by_label("Words").fill("Part 1")
    page.get_by_role("button", name="Show").click()
    page.get_by_label("Part 1", exact=True).check()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status")).to_have_text("1 routine was resumed.")
    expect(page.get_by_label("Words")).to_have_value("Part 1")


@SIZES
def test_home_and_the_first_run_are_accessible_and_fit(
    browser: Browser, company: Company, service: Service, *, width: int, dark: bool
) -> None:
    for text in (*HOSTILE, "W" * 200):
        routine = company.routine(title=text, triggers=HOURLY)
        ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
        company.close(company.issues(routine["id"])[0]["id"], "cancelled")
    service.tick(5 * HOUR)
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    page = browser.open("/", width=width, dark=dark, zone="Europe/Berlin")
    expect(page.get_by_text(HOSTILE[0]).first).to_be_visible()
    check_accessible(page)
    check_fits(page)
    page.goto("/welcome")
    check_accessible(page)
    check_fits(page)
