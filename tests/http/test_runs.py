"""Run history: every run with its links, newest first, in pages."""

from __future__ import annotations

from typing import Any

import pytest

from support.clock import MINUTE
from support.schedules import ONE_PM, hourly, schedule, tick_at
from support.service import NOBODY, Company, Service, created, error, ok

Json = dict[str, Any]
RUN_FIELDS = {
    "id",
    "companyId",
    "routineId",
    "triggerId",
    "source",
    "status",
    "triggeredAt",
    "scheduledFor",
    "idempotencyKey",
    "triggerPayload",
    "linkedIssueId",
    "coalescedIntoRunId",
    "failureReason",
    "completedAt",
    "createdAt",
    "updatedAt",
}


def run(company: Company, routine: Json, **body: object) -> Json:
    """A manual run."""
    made: Json = ok(company.board.post(f"/routines/{routine['id']}/run", body), 202)
    return made


def page(company: Company, routine: Json, **query: object) -> list[str]:
    """The ids of a page of a routine's runs."""
    return [each["id"] for each in ok(company.board.get(f"/routines/{routine['id']}/runs", params=query))]


@pytest.fixture
def busy(company: Company) -> Json:
    """A routine with five runs, and their ids, newest first."""
    routine = company.routine()
    return {**routine, "runIds": [run(company, routine)["id"] for _ in range(5)][::-1]}


def test_a_listed_run_is_the_run_with_its_issue_and_trigger(service: Service, company: Company) -> None:
    routine = company.routine(priority="high", triggers=[{**schedule(), "label": "hourly"}])
    tick_at(service, ONE_PM)
    (listed,) = company.runs(routine["id"])
    (issue,) = company.issues(routine["id"])
    trigger = routine["triggers"][0]
    assert listed.keys() >= RUN_FIELDS
    assert listed["trigger"] == {"id": trigger["id"], "kind": "schedule", "label": "hourly"}
    names = ("id", "identifier", "title", "status", "priority", "updatedAt")
    assert listed["linkedIssue"] == {name: issue[name] for name in names}
    assert issue["priority"] == "high"


def test_a_run_without_issue_or_trigger_has_null_links(company: Company) -> None:
    routine = company.routine()
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    run(company, routine)
    (listed,) = company.runs(routine["id"])
    assert (listed["linkedIssue"], listed["trigger"], listed["triggerId"]) == (None, None, None)


def test_a_deleted_triggers_runs_stay(service: Service, company: Company) -> None:
    routine = hourly(company)
    tick_at(service, ONE_PM)
    before = company.runs(routine["id"])
    assert company.board.delete(f"/routine-triggers/{routine['triggers'][0]['id']}").status_code == 204
    assert company.runs(routine["id"]) == before


def test_runs_are_listed_newest_first_even_within_one_millisecond(company: Company, busy: Json) -> None:
    assert page(company, busy) == busy["runIds"]
    assert {each["triggeredAt"] for each in company.runs(busy["id"])} == {"2026-03-02T12:00:30.000Z"}


def test_a_routine_that_never_ran_has_an_empty_history(company: Company) -> None:
    assert page(company, company.routine()) == []


def test_another_routines_runs_are_not_listed(company: Company, busy: Json) -> None:
    other = company.routine()
    made = run(company, other)
    assert page(company, other) == [made["id"]]
    assert made["id"] not in page(company, busy)


def test_pages_follow_each_other_without_gap_or_overlap(company: Company, busy: Json) -> None:
    first = page(company, busy, limit=2)
    second = page(company, busy, limit=2, before=first[-1])
    third = page(company, busy, limit=2, before=second[-1])
    assert first + second + third == busy["runIds"]
    assert page(company, busy, before=third[-1]) == []


def test_new_runs_do_not_shift_later_pages(company: Company, busy: Json) -> None:
    first = page(company, busy, limit=2)
    run(company, busy)
    assert page(company, busy, before=first[-1]) == busy["runIds"][2:]


@pytest.mark.parametrize(("limit", "count"), [(-1, 1), (0, 1), (1, 1), (3, 3), (200, 5), (201, 5), (10**30, 5)])
def test_the_limit_is_clamped(company: Company, busy: Json, limit: int, count: int) -> None:
    assert page(company, busy, limit=limit) == busy["runIds"][:count]


def test_the_limit_is_50_by_default_and_200_at_most(service: Service, company: Company) -> None:
    minutely = [schedule("* * * * *")] * 50
    routine = company.routine(triggers=minutely)
    for _ in range(5):
        service.tick(MINUTE)
    assert len(page(company, routine)) == 50
    assert len(page(company, routine, limit=1_000)) == 200


@pytest.mark.parametrize("limit", ["x", "1.5", "", "1e3", "\u0663", "0x10", " "])
def test_a_limit_that_is_no_whole_number_is_refused(company: Company, limit: str) -> None:
    routine = company.routine()
    reply = company.board.get(f"/routines/{routine['id']}/runs", params={"limit": limit})
    assert error(reply, 400) == "Validation error"
    assert reply.json()["details"][0]["path"] == ["limit"]


@pytest.mark.parametrize("query", [{"before": "no-uuid"}, {"unknown": "1"}])
def test_a_wrong_query_is_refused_by_name(company: Company, query: dict[str, str]) -> None:
    routine = company.routine()
    reply = company.board.get(f"/routines/{routine['id']}/runs", params=query)
    assert error(reply, 400) == "Validation error"
    assert reply.json()["details"][0]["path"] == list(query)


@pytest.mark.parametrize("routine_id", [NOBODY, "not-a-uuid"])
def test_an_unknown_or_malformed_routine_is_not_found(company: Company, routine_id: str) -> None:
    assert error(company.board.get(f"/routines/{routine_id}/runs"), 404) == "Routine not found"


def test_every_agent_of_the_company_and_no_other_reads_runs(service: Service, company: Company, busy: Json) -> None:
    outsider = service.company("Other").agent
    callers = {company.board: 200, company.agent: 200, company.colleague: 200, outsider: 404}
    for path in (f"/routines/{busy['id']}/runs", f"/routines/{busy['id']}/runs/{busy['runIds'][0]}"):
        assert {caller: caller.get(path).status_code for caller in callers} == callers


def test_one_run_is_as_the_list_has_it(company: Company, busy: Json) -> None:
    for listed in ok(company.board.get(f"/routines/{busy['id']}/runs")):
        assert ok(company.board.get(f"/routines/{busy['id']}/runs/{listed['id']}")) == listed


def test_a_run_that_there_is_not_and_one_of_another_routine_are_not_found(company: Company, busy: Json) -> None:
    other = company.routine()
    elsewhere = run(company, other)["id"]
    for run_id in (NOBODY, "not-a-uuid", elsewhere):
        assert error(company.board.get(f"/routines/{busy['id']}/runs/{run_id}"), 404) == "Routine run not found"
    assert company.board.delete(f"/routines/{other['id']}?force=true").status_code == 204
    assert error(company.board.get(f"/routines/{other['id']}/runs/{elsewhere}"), 404) == "Routine not found"


def test_a_routine_shows_its_25_newest_runs_and_a_list_its_newest(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[schedule("* * * * *")] * 26)
    service.tick(MINUTE)
    newest = company.runs(routine["id"])
    assert len(newest) == 26
    assert ok(company.board.get(f"/routines/{routine['id']}"))["recentRuns"] == newest[:25]
    (listed,) = ok(company.board.get(f"/companies/{company.id}/routines"))
    assert listed["lastRun"] == newest[0]


def test_an_issue_made_by_hand_shows_no_runs(company: Company) -> None:
    issue = created(company.board.post(f"/companies/{company.id}/issues", {"title": "By hand"}))
    assert ok(company.board.get(f"/issues/{issue['id']}"))["routineRuns"] == []
