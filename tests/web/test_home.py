"""Home: what ran, what did not and why, what comes next, and a company's routines in pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from markupsafe import escape

from routines.core.model import AgentStatus
from routines.core.zones import zone
from routines.services.overview import LOOKS_MAX
from routines.storage.queries import agents
from routines.web.pages import routines as home
from routines.web.times import as_told, when
from support.clock import HOUR, MINUTE
from support.databases import on_sqlite
from support.hostile import ALL_AT_ONCE, HOSTILE
from support.service import Company, Service, created, ok

HOURLY = [{"kind": "schedule", "cronExpression": "0 * * * *"}]


def shown(service: Service, company: Company, query: str = "") -> str:
    reply = service.client.get(f"/companies/{company.id}/routines{query}")
    assert reply.status_code == 200, reply.text
    return reply.text


def sentence(page: str) -> str:
    found = re.search(r'<p class="said[^"]*"><strong>(.*?)</strong>', page)
    assert found is not None
    return found[1]


def titles(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/routines/[^"]*">(.*?)</a>', page)


def tally(page: str) -> dict[str, int]:
    found = re.findall(r'<span class="(\w+)"></span></span><b>([\d,]+)</b>', page)
    return {outcome: int(number.replace(",", "")) for outcome, number in found}


def looking(page: str) -> str:
    """What needs a look."""
    return page[page.index("What needs a look</h2>") : page.index("What comes next</h2>")]


def run(company: Company, routine: dict[str, Any]) -> dict[str, Any]:
    return ok(company.board.post(f"/routines/{routine['id']}/run"), 202)


def send(service: Service, company: Company, **fields: Any) -> str:
    return service.client.post(f"/companies/{company.id}/routines", data=fields).text


def test_a_day_on_which_everything_ran_says_so_first(service: Service, company: Company) -> None:
    routine = company.routine(title="Hourly look", triggers=HOURLY)
    assert sentence(shown(service, company)).startswith("Nothing was due since yesterday ")
    for _ in range(3):
        service.tick(HOUR)
        company.close(company.issues(routine["id"])[0]["id"])
    page = shown(service, company)
    assert sentence(page).startswith("Everything ran: 3 of 3 slots since yesterday ")
    assert tally(page)["completed"] == 3
    assert "Last 3 runs: 3 completed" in page
    assert "Nothing needs a look." in page
    run(company, routine)
    assert sentence(shown(service, company)).endswith(", and 1 other fire.")


def test_what_was_missed_and_what_failed_is_told_first_and_is_a_link_away(service: Service, company: Company) -> None:
    routine = company.routine(title="Hourly look", triggers=HOURLY)
    service.tick(5 * HOUR)  # four slots missed, one within the grace is fired
    company.close(company.issues(routine["id"])[0]["id"], "cancelled")
    page = shown(service, company)
    assert sentence(page).startswith("4 slots were missed and 1 run failed since yesterday ")
    assert (tally(page)["missed"], tally(page)["failed"]) == (4, 1)
    runs = {each["status"]: each for each in company.runs(routine["id"])}
    for status in ("failed", "skipped"):
        assert f'<a href="/routines/{routine["id"]}/runs/{runs[status]["id"]}">Hourly look</a>' in page
        told = as_told(runs[status]["failureReason"], lambda at: when(at, service.clock.now(), zone("UTC")).local)
        assert escape(told) in page
    assert "1 failed" in page
    assert "1 missed" in page


@on_sqlite
def test_a_deleted_routine_is_named_without_a_link(service: Service, company: Company) -> None:
    routine = company.routine(title="Gone since")
    company.close(run(company, routine)["linkedIssueId"], "cancelled")
    assert f'href="/routines/{routine["id"]}' in shown(service, company)
    assert company.board.delete(f"/routines/{routine['id']}").status_code == 204
    page = shown(service, company)
    assert "Gone since (deleted)" in page
    assert f"/routines/{routine['id']}" not in page


@on_sqlite
def test_all_that_failed_today_is_one_link_further(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    routine = company.routine(title="Failing")
    own = f'<a href="/routines/{routine["id"]}/runs/'
    for _ in range(LOOKS_MAX + 2):
        company.close(run(company, routine)["linkedIssueId"], "cancelled")
    looks = looking(shown(service, company))
    assert looks.count(own) == LOOKS_MAX
    assert 'href="?troubles=all"' in looks
    looks = looking(shown(service, company, "?troubles=all"))
    assert looks.count(own) == LOOKS_MAX + 2
    assert "newest are shown" not in looks
    monkeypatch.setattr(home, "TROUBLES_MAX", LOOKS_MAX + 1)
    looks = looking(shown(service, company, "?troubles=all"))
    assert looks.count(own) == LOOKS_MAX + 1
    assert f"The {LOOKS_MAX + 1} newest are shown." in looks


def test_a_skipped_slot_is_no_slot_that_ran(service: Service, company: Company) -> None:
    company.routine(concurrencyPolicy="skip_if_active", triggers=HOURLY)
    service.tick(HOUR)
    service.tick(HOUR)
    page = shown(service, company)
    assert sentence(page).startswith("Nothing failed and nothing was missed: 1 of 2 slots since yesterday ")
    assert sentence(page).endswith("1 was skipped.")
    assert "ACME-1 was open, and the policy is to skip" in page


def test_a_day_is_24_hours(service: Service, company: Company) -> None:
    routine = company.routine()
    company.close(run(company, routine)["linkedIssueId"], "cancelled")
    service.tick(24 * HOUR - MINUTE)
    assert tally(shown(service, company))["failed"] == 1
    service.tick(2 * MINUTE)
    assert tally(shown(service, company))["failed"] == 0


def test_slots_that_nobody_decides_are_told(service: Service, company: Company) -> None:
    company.routine(triggers=HOURLY)
    service.clock.advance(2 * HOUR)  # and no scheduler is there
    assert "1 slot is due and not decided: no scheduler is at work." in sentence(shown(service, company))


def test_agents_in_error_and_routines_that_the_service_paused_need_a_look(service: Service, company: Company) -> None:
    routine = company.routine(title="Left behind")
    company.routine(title="Paused by hand", status="paused")
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    with service.server.database.write() as transaction:
        colleague = agents.get(transaction.connection, company.colleague_id)
        assert colleague is not None
        in_error = {**{name: getattr(colleague, name) for name in colleague.__slots__}, "status": AgentStatus.ERROR}
        agents.change(transaction.connection, type(colleague)(**{**in_error, "status_reason": "It has no money left"}))
    page = shown(service, company)
    assert "1 agent is in error and 2 routines were paused by the service." in sentence(page)
    assert f'<a href="/agents/{company.colleague_id}">Agent Bob</a>' in page
    assert "It has no money left" in page
    assert f'<a href="/routines/{routine["id"]}">Left behind</a>' in page
    assert "Agent Ada was terminated; assign another agent and activate the routine" in page


def test_what_comes_next_are_the_next_five_fires_of_all(service: Service, company: Company) -> None:
    company.routine(title="Yearly", triggers=[{"kind": "schedule", "cronExpression": "0 0 1 1 *"}])
    company.routine(title="Each minute", triggers=[{"kind": "schedule", "cronExpression": "* * * * *"}])
    company.routine(title="Hourly", triggers=HOURLY)
    page = shown(service, company)
    coming = page[page.index("What comes next</h2>") : page.index("All routines")]
    upcoming = ok(company.board.get(f"/companies/{company.id}/upcoming", params={"limit": 5}))
    assert [each["title"] for each in upcoming] == re.findall(r'<a href="/routines/[^"]*">(.*?)</a>', coming)
    assert len(upcoming) == 5
    assert "Ada" in coming
    service.clock.advance(HOUR)  # what is due and not decided hides nothing that comes
    assert ok(company.board.get(f"/companies/{company.id}/upcoming", params={"limit": 1}))[0]["title"] == "Each minute"


def test_the_list_is_filtered_searched_and_sorted(service: Service, company: Company) -> None:
    other = created(company.board.post(f"/companies/{company.id}/projects", {"name": "Other"}))["id"]
    company.routine(title="beta", triggers=HOURLY)
    company.routine(title="Alpha", description="Needle here", status="paused")
    service.clock.advance(MINUTE)
    company.routine(title="Gamma", projectId=other, assigneeAgentId=company.colleague_id)
    gone = company.routine(title="Delta")
    ok(company.board.patch(f"/routines/{gone['id']}", {"status": "archived"}))
    for query, expected in {
        "": ["Alpha", "beta", "Gamma"],
        "?sort=next": ["beta", "Alpha", "Gamma"],
        "?sort=updated": ["Gamma", "Alpha", "beta"],
        "?sort=agent": ["Alpha", "beta", "Gamma"],
        "?sort=nonsense&page=x": ["Alpha", "beta", "Gamma"],
        "?status=archived": ["Delta"],
        "?status=paused": ["Alpha"],
        "?q=NEEDLE": ["Alpha"],
        f"?projectId={other}": ["Gamma"],
        f"?assigneeAgentId={company.colleague_id}": ["Gamma"],
        "?q=%25": [],
    }.items():
        assert titles(shown(service, company, query)) == expected, query
    assert "No routine agrees with all of this" in shown(service, company, "?q=nothing")
    assert service.client.get(f"/companies/{company.id}/routines?status=x").status_code == 400


def test_the_list_comes_in_pages(service: Service, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "ROUTINES_A_PAGE", 2)
    for number in range(5):
        company.routine(title=f"R{number}")
    first = shown(service, company, "?q=r")
    assert titles(first) == ["R0", "R1"]
    assert "1 to 2 of 5" in first
    assert 'href="?q=r&amp;page=2" rel="next"' in first
    assert 'rel="prev"' not in first
    for beyond in ("?page=3", "?page=999999", f"?page={'9' * 5000}"):
        last = shown(service, company, beyond)
        assert titles(last) == ["R4"]
        assert 'rel="next"' not in last


def test_a_strip_has_the_newest_thirty_runs_of_each_routine(service: Service, company: Company) -> None:
    many, few = company.routine(title="Many"), company.routine(title="Few")
    run(company, few)
    for _ in range(32):
        run(company, many)
    page = shown(service, company)
    assert "Last 1 run: 1 open" in page
    assert "Last 30 runs: 30 coalesced" in page
    assert page.count('<i role="img" title="coalesced') == 30
    assert "ACME-2 was open, so this fire joined it" in page
    assert re.search(r'<td data-name="Active issue"><a href="/issues/[^"]*">ACME-2</a>', page)


def test_many_are_paused_and_resumed_at_once_and_those_refused_say_why(service: Service, company: Company) -> None:
    one, other = company.routine(title="One"), company.routine(title="Other", assigneeAgentId=company.colleague_id)
    ids = [one["id"], other["id"]]
    assert "2 routines were paused." in send(service, company, do="pause", routine=ids, here="?q=o")
    assert {ok(company.board.get(f"/routines/{each}"))["status"] for each in ids} == {"paused"}
    ok(company.board.post(f"/agents/{company.colleague_id}/terminate"))
    page = send(service, company, do="resume", routine=ids)
    assert "1 routine was resumed. 1 refused, 1 because: Agent Bob is terminated" in page
    assert "Tick the routines" in send(service, company, do="pause")
    assert "Tick the routines" in send(service, company, do="explode", routine=ids)


def test_a_routine_is_run_from_its_line(service: Service, company: Company) -> None:
    routine = company.routine(title="One")
    assert "One was run: it made an issue." in send(service, company, run=routine["id"])
    assert "One was run: it joined the open issue." in send(service, company, run=routine["id"])
    ok(company.board.patch(f"/routines/{routine['id']}", {"status": "archived"}))
    assert "Routine is archived" in send(service, company, run=routine["id"])


def test_after_a_button_one_is_where_one_was_and_nowhere_else(service: Service, company: Company) -> None:
    routine = company.routine(title="One")
    for here, lands in {"?q=o&page=2": "?q=o&page=2", "\\evil.example": "/", "": ""}.items():
        reply = service.client.post(
            f"/companies/{company.id}/routines", data={"run": routine["id"], "here": here}, follow_redirects=False
        )
        expected = "/" if lands == "/" else f"/companies/{company.id}/routines{lands}"
        assert reply.headers["location"] == expected


def test_an_empty_company_says_what_a_routine_is_and_where_to_make_one(service: Service, company: Company) -> None:
    page = shown(service, company)
    assert "A routine is a recurring task for an agent" in page
    assert f'href="/companies/{company.id}/routines/new"' in page
    assert service.client.get("/").url.path == f"/companies/{company.id}/routines"


@on_sqlite
def test_text_from_outside_is_inert_on_home(service: Service) -> None:
    company = service.company(ALL_AT_ONCE[:200])
    agent, _ = service.hire(company.id, ALL_AT_ONCE[:200])
    for text in HOSTILE:
        routine = company.routine(title=text, assigneeAgentId=agent, triggers=HOURLY)
        company.close(run(company, routine)["linkedIssueId"], "cancelled")
    service.tick(5 * HOUR)
    page = shown(service, company)
    for text in HOSTILE:
        assert str(escape(text)) in page
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<a href=javascript" not in page
    for text in HOSTILE:
        reply = service.client.get(f"/companies/{company.id}/routines", params={"q": text, "sort": text, "page": text})
        assert "<script>alert" not in reply.text


@on_sqlite
def test_home_of_many_routines_is_no_heavier_than_its_part(service: Service, company: Company) -> None:
    for number in range(home.ROUTINES_A_PAGE + 5):
        routine = company.routine(title=f"Look after part {number:02}", triggers=HOURLY)
    light = len(shown(service, company, "?page=2"))
    for _ in range(30):
        run(company, routine)
    strip = len(shown(service, company, "?page=2")) - light
    assert len(shown(service, company)) + home.ROUTINES_A_PAGE * strip < 300_000
