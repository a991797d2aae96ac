"""The editor in a real browser: from its fields to the minute it fires, with scripts and without."""

from __future__ import annotations

from datetime import datetime

import pytest
from playwright.sync_api import Page, expect

from support.browser import PHONE, WIDE, Browser, check_accessible, check_fits
from support.clock import SECOND
from support.hostile import ALL_AT_ONCE
from support.schedules import schedule
from support.service import Company, Service

WORDS = "At 12:07"
FIRST_FIRE = "Mon 2 Mar 12:07"


def previewed(page: Page) -> str:
    """The instant of the first fire that the preview tells, once it tells what was asked for."""
    expect(page.locator("#preview-words")).to_contain_text(WORDS)
    first = page.get_by_role("table", name="The next 10 fires").locator("tbody time").first
    expect(first).to_have_text(FIRST_FIRE)
    return str(first.get_attribute("datetime"))


def test_from_the_editor_to_the_minute_it_fires(browser: Browser, company: Company, service: Service) -> None:
    page = browser.open(f"/companies/{company.id}/routines/new", zone="America/New_York")
    page.get_by_label("Title").fill("Look around")
    page.get_by_label("Agent").select_option("Ada")
    expect(page.get_by_label("Project")).to_have_value(company.project_id)
    expect(page.get_by_label("Time zone")).to_have_value("America/New_York")
    page.get_by_label("Cron", exact=True).check()
    page.get_by_label("Cron expression").fill("7 12 * * * *")
    expect(page.locator("#cronExpression-fault")).to_contain_text("takes five fields")
    check_accessible(page)
    page.get_by_label("Daily").check()
    page.get_by_label("At", exact=True).fill("12:07")
    expect(page.locator("#cronExpression-fault")).to_be_empty()
    at = previewed(page)
    page.get_by_label("skip if active").check()
    page.get_by_role("button", name="Make the routine").click()
    expect(page.get_by_role("status")).to_contain_text("The routine Look around was made.")
    fires_at(page, service, company, at)


def test_from_the_editor_to_the_minute_it_fires_without_script(
    browser: Browser, company: Company, service: Service
) -> None:
    page = browser.open(f"/companies/{company.id}/routines/new", javascript=False)
    page.get_by_label("Title").fill("Look around")
    page.get_by_label("Agent").select_option("Ada")
    page.get_by_label("Daily").check()
    page.get_by_label("At", exact=True).fill("12:07")
    page.get_by_label("Time zone").fill("America/New_York")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_label("Title")).to_have_value("Look around")
    at = previewed(page)
    page.get_by_label("Title").press("Enter")  # makes the routine, though the preview's button comes first
    expect(page.get_by_role("status")).to_contain_text("The routine Look around was made.")
    fires_at(page, service, company, at)


def fires_at(page: Page, service: Service, company: Company, at: str) -> None:
    """Moves the clock to just before an instant, and to it: then there is a run of that slot, and it is shown."""
    routine = page.url.rsplit("/", 1)[1]
    service.tick(datetime.fromisoformat(at) - service.clock.now() - SECOND)
    assert company.runs(routine) == []
    service.tick(SECOND)
    (run,) = company.runs(routine)
    assert run["scheduledFor"] == at
    page.reload()
    expect(page.get_by_role("region", name="Runs").get_by_role("row")).to_have_count(2)


@pytest.mark.parametrize(("width", "dark"), [(PHONE, False), (WIDE, True)], ids=["phone", "wide and dark"])
def test_the_forms_are_accessible_and_fit(browser: Browser, company: Company, *, width: int, dark: bool) -> None:
    triggers = [schedule("0 9 1 * 1", label="Both days", timezone="Europe/Berlin"), {"kind": "webhook"}]
    routine = company.routine(title=ALL_AT_ONCE[:200], triggers=triggers)
    page = browser.open(f"/companies/{company.id}/routines/new", width=width, dark=dark)
    for path in (
        f"/companies/{company.id}/upcoming",
        f"/companies/{company.id}/upcoming?range=week",
        f"/routines/{routine['id']}/edit",
        *(f"/triggers/{trigger['id']}/edit" for trigger in routine["triggers"]),
        f"/companies/{company.id}/routines/new",
    ):
        page.goto(path)
        check_accessible(page)
        check_fits(page)
