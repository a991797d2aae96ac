"""Agents and their heartbeats in a real browser: hired by the form, woken, and watched while they print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from routines.core.access import AuthMode
from support.at_work import AtWork
from support.browser import PHONE, WIDE, Browser, Chromium, check_accessible, check_fits
from support.clock import RunningClock
from support.heartbeats import FAILED, Worker, issue_for, process_agent
from support.hostile import ALL_AT_ONCE
from support.service import Company, Place, Service, ok
from support.site import Site, serving
from support.subscribing import subscribed


@pytest.fixture
def service(place: Place) -> Iterator[Service]:
    running = Service(place, RunningClock())
    yield running
    running.close()


@pytest.fixture
def guarded(place: Place) -> Iterator[Site]:
    running = Service(place, RunningClock(), auth=AuthMode.AUTHENTICATED)
    with serving(running) as served:
        yield served
    running.close()


def hire(page: Page, command: str) -> None:
    """Hire a process agent by the form that is open."""
    page.get_by_label("Name", exact=True).fill("Grace")
    page.get_by_role("radio", name="A command").check()
    page.get_by_label("Command (optional)", exact=True).fill(command)
    page.get_by_role("button", name="Hire the agent").click()
    expect(page.get_by_role("heading", name="Grace", level=1)).to_be_visible()


def test_an_agent_is_hired_woken_and_watched(
    browser: Browser, service: Service, company: Company, tmp_path: Path
) -> None:
    AtWork(service, company).begin()
    go = tmp_path / "go"
    page = browser.open(f"/companies/{company.id}/agents")
    page.get_by_role("link", name="Hire an agent").click()
    expect(page.get_by_role("textbox", name="URL (optional)")).to_be_hidden()
    page.get_by_role("radio", name="A URL").check()
    expect(page.get_by_role("textbox", name="URL (optional)")).to_be_visible()
    hire(page, f"echo '<b>first</b>'; while [ ! -e {go} ]; do sleep 0.05; done; echo second")
    page.get_by_role("button", name="Wake now").click()
    page.locator("#heartbeats a").first.click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("<b>first</b>")
    expect(log).not_to_contain_text("second")
    expect(page.locator("#heartbeat-actions")).to_contain_text("running")
    go.touch()
    expect(log).to_contain_text("second")
    expect(page.get_by_text("That is all.")).to_be_visible()
    expect(page.locator("#heartbeat-actions")).to_contain_text("succeeded")


def test_an_agent_is_hired_woken_and_looked_at_without_scripts(
    browser: Browser, service: Service, company: Company
) -> None:
    at_work = AtWork(service, company)
    at_work.begin()
    page = browser.open(f"/companies/{company.id}/agents/new", javascript=False)
    hire(page, "echo hello")
    page.get_by_role("button", name="Wake now").click()
    at_work.all_ended(1)
    page.reload()
    page.locator("#heartbeats a").first.click()
    expect(page.get_by_role("log")).to_contain_text("hello")
    page.get_by_role("link", name="Grace").first.click()
    page.get_by_text("Terminate this agent").click()
    page.get_by_role("button", name="Terminate Grace for good").click()
    expect(page.locator("#agent-actions")).to_contain_text("terminated")


def test_of_a_long_log_the_end_is_seen_first(browser: Browser, service: Service, company: Company) -> None:
    at_work = AtWork(service, company)
    at_work.begin()
    run = at_work.run("seq 1 30000")["id"]
    page = browser.open(f"/heartbeat-runs/{run}")
    log = page.get_by_role("log")
    expect(log).to_contain_text("KiB are left out here.")
    at_end = "each => each.scrollHeight - each.scrollTop - each.clientHeight < 2"
    expect(log).to_contain_text("30000")
    page.wait_for_function(f"({at_end})(document.getElementById('log'))")
    check_fits(page)


@pytest.mark.parametrize(("width", "dark"), [(PHONE, False), (WIDE, True)], ids=["phone-light", "wide-dark"])
def test_every_page_is_accessible_and_fits(
    browser: Browser, service: Service, company: Company, *, width: int, dark: bool
) -> None:
    worker = Worker(service)
    name = ALL_AT_ONCE[:200]
    agent = process_agent(company, name=name, title=name, capabilities=ALL_AT_ONCE, budgetMonthlyCents=100)
    company.routine(title=name, assigneeAgentId=agent)
    for _ in range(2):
        ok(company.board.post(f"/agents/{agent}/heartbeat/invoke"), 202)
        work = worker.one()
        worker.end(work, FAILED, ALL_AT_ONCE.encode() * 20)
    issue_for(company, agent, name)
    service.board_token(name)
    hearing = subscribed(company, "https://ops.example.com/hook", name=name)["subscription"]["id"]
    ok(company.board.post(f"/notification-subscriptions/{hearing}/test"), 202)
    page = browser.open(f"/companies/{company.id}/agents", width=width, dark=dark)
    for path in (
        f"/companies/{company.id}/agents",
        f"/agents/{agent}",
        f"/agents/{agent}/edit",
        f"/companies/{company.id}/heartbeats",
        f"/heartbeat-runs/{work.run.id}",
        f"/companies/{company.id}/settings",
        f"/companies/{company.id}/settings/notifications",
        f"/notification-subscriptions/{hearing}",
    ):
        page.goto(path)
        check_accessible(page)
        check_fits(page)


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
def test_one_signs_in_makes_a_token_and_signs_out(chromium: Chromium, guarded: Site, *, javascript: bool) -> None:
    company = guarded.service.company()
    with chromium.at(guarded) as browser:
        page = browser.open(f"/companies/{company.id}/settings", javascript=javascript)
        expect(page).to_have_url(re.compile("/login"))
        page.get_by_label("Board token").fill(guarded.service.board_token("Grace"))
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(re.compile(f"/companies/{company.id}/settings$"))
        page.get_by_label("For whom is a new token").fill("Ada")
        page.get_by_role("button", name="Make a board token").click()
        expect(page.get_by_label("The board token")).to_contain_text("rtb_")
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(re.compile("/login"))
        page.goto(f"/companies/{company.id}/settings")
        expect(page).to_have_url(re.compile("/login"))
