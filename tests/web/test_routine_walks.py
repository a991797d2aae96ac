"""The pages of a routine in a real browser: what an operator does there, and what somebody else sees at once."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from routines.storage.database import Notices, ignore
from support.browser import PHONE, WIDE, Browser, Chromium, check_accessible, check_fits
from support.clock import HOUR, RunningClock
from support.hostile import ALL_AT_ONCE, HOSTILE
from support.service import Company, Place, Service, ok
from support.site import serving

EVERY_HOUR = {"kind": "schedule", "cronExpression": "0 * * * *", "timezone": "America/New_York", "label": "hourly"}
WEBHOOK = {"kind": "webhook", "label": "GitHub", "signingMode": "github_hmac"}


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_a_webhook_is_tried_and_its_secret_rotated(browser: Browser, company: Company, *, javascript: bool) -> None:
    routine = company.routine(title="Review", triggers=[WEBHOOK])
    page = browser.open(f"/routines/{routine['id']}", javascript=javascript)
    card = page.get_by_role("region", name="GitHub webhook")
    card.get_by_text("Send a test delivery").click()
    card.get_by_label("Payload").fill("{")
    card.get_by_role("button", name="Send the test delivery").click()
    expect(card.get_by_text("Answered with 400")).to_be_visible()
    expect(card.get_by_label("Payload")).to_have_value("{")
    card.get_by_label("Payload").fill('{"number": 7}')
    browser.expect_complaint("status of 400")
    card.get_by_role("button", name="Send the test delivery").click()
    expect(page.get_by_role("status")).to_contain_text("answered with 202")
    expect(page.get_by_text('"number": 7')).to_be_visible()
    page.get_by_role("link", name="Review").first.click()
    card.get_by_text("Recent deliveries").click()
    expect(card.get_by_text("accepted")).to_be_visible()
    expect(card.get_by_text("unreadable")).to_be_visible()
    card.get_by_text("Rotate…").click()
    card.get_by_role("button", name="Rotate the secret").click()
    expect(page.get_by_role("heading", name="GitHub: its secret, shown this once")).to_be_visible()
    if javascript:
        check_accessible(page)


def test_a_pause_over_a_slot_makes_up_for_nothing(browser: Browser, company: Company, service: Service) -> None:
    routine = company.routine(triggers=[EVERY_HOUR])
    page = browser.open(f"/routines/{routine['id']}")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("nothing is made up for afterwards")).to_be_visible()
    service.tick(3 * HOUR)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status")).to_contain_text("For the time in between nothing fires")
    service.tick()
    page.reload()
    expect(page.get_by_text("It has not run yet")).to_be_visible()
    expect(page.get_by_text("Mon 2 Mar 16:00").first).to_be_visible()
    service.tick(HOUR)
    page.reload()
    expect(page.get_by_role("region", name="Runs").get_by_role("row")).to_have_count(2)


def test_somebody_else_sees_a_run_as_it_happens(chromium: Chromium, place: Place) -> None:
    service = Service(place, RunningClock())
    service.server.database.watch(Notices(lambda _: None, ignore, service.server.events.notice))
    company = service.company()
    routine = company.routine()
    with serving(service) as site:
        with chromium.at(site) as browser:
            watching = browser.open(f"/routines/{routine['id']}")
            expect(watching.get_by_text("live", exact=True)).to_be_visible()
            acting = browser.open(f"/routines/{routine['id']}")
            acting.get_by_role("button", name="Run now").click()
            expect(watching.get_by_role("region", name="Runs").get_by_text("ACME-1")).to_be_visible()
        service.server.events.leave_off()
    service.close()


def test_deleting_asks_once_more_while_an_issue_is_open(browser: Browser, company: Company) -> None:
    routine = company.routine(title="Busy")
    ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    page = browser.open(f"/routines/{routine['id']}", javascript=False)
    page.get_by_text("Archive or delete…").click()
    page.get_by_role("button", name="Delete this routine").click()
    browser.expect_complaint("status of 409")
    expect(page.get_by_role("alert")).to_contain_text("Execution issue ACME-1 is open")
    page.get_by_role("link", name="Keep it").click()
    expect(page.get_by_role("heading", name="Busy")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(PHONE, True), (WIDE, False)], ids=["phone, dark", "wide, light"])
def test_the_pages_of_a_routine_are_accessible_and_fit(
    browser: Browser, company: Company, service: Service, *, width: int, dark: bool
) -> None:
    hostile = {"title": HOSTILE[0] * 8, "description": ALL_AT_ONCE}
    labels = ({**EVERY_HOUR, "label": HOSTILE[2] * 4}, {**WEBHOOK, "label": "W" * 120}, {"kind": "api"})
    routine = company.routine(**hostile, triggers=list(labels))
    service.tick(5 * HOUR)
    run = ok(company.board.post(f"/routines/{routine['id']}/run", {"payload": {"a": ALL_AT_ONCE}}), 202)
    own = f"/routines/{routine['id']}"
    page = browser.open(own, width=width, dark=dark, zone="Europe/Berlin")
    for path in (own, f"{own}/runs", f"{own}/runs/{run['id']}", f"/triggers/{routine['triggers'][1]['id']}/deliveries"):
        page.goto(path)
        for each in page.locator("details").all():
            each.evaluate("each => { each.open = true; }")
        check_accessible(page)
        check_fits(page)
