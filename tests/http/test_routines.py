"""Routines over HTTP: list, create, get, update, delete."""

from __future__ import annotations

from typing import Any

import pytest

from routines.core.instants import iso
from support.clock import MINUTE
from support.schedules import ONE_PM, schedule
from support.service import NOBODY, Company, Service, created, error, ok

EVERY_KIND = [schedule(), {"kind": "webhook", "label": "shop"}, {"kind": "api"}]
SHORT_TRIGGER = {
    "id",
    "kind",
    "label",
    "enabled",
    "cronExpression",
    "timezone",
    "nextRunAt",
    "lastFiredAt",
    "lastResult",
}

Json = dict[str, Any]


def get(company: Company, routine: Json) -> Json:
    """The routine as it now is."""
    found: Json = ok(company.board.get(f"/routines/{routine['id']}"))
    return found


def titles(company: Company, **query: str) -> list[str]:
    """The titles of the company's routines that a query finds."""
    return [each["title"] for each in ok(company.board.get(f"/companies/{company.id}/routines", params=query))]


def test_a_created_routine_has_every_field_and_its_defaults(service: Service, company: Company) -> None:
    routine = company.routine()
    now = iso(service.clock.now())
    assert routine == {
        "id": routine["id"],
        "companyId": company.id,
        "projectId": company.project_id,
        "goalId": None,
        "parentIssueId": None,
        "assigneeAgentId": company.agent_id,
        "title": "Look around",
        "description": None,
        "priority": "medium",
        "status": "active",
        "pauseReason": None,
        "concurrencyPolicy": "coalesce_if_active",
        "catchUpPolicy": "skip_missed",
        "createdByAgentId": None,
        "createdByUserId": "local-board",
        "updatedByAgentId": None,
        "updatedByUserId": "local-board",
        "lastTriggeredAt": None,
        "lastEnqueuedAt": None,
        "createdAt": now,
        "updatedAt": now,
        "externalKey": None,
    }
    assert routine["id"][14] == "7"  # the version of a UUID


def test_every_create_field_is_kept(company: Company) -> None:
    goal = created(company.board.post(f"/companies/{company.id}/goals", {"title": "Grow"}))
    parent = created(company.board.post(f"/companies/{company.id}/issues", {"title": "All looks"}))
    fields = {
        "title": "Look",
        "description": "# Around\n",
        "assigneeAgentId": company.colleague_id,
        "goalId": goal["id"],
        "parentIssueId": parent["id"],
        "priority": "low",
        "status": "paused",
        "concurrencyPolicy": "always_enqueue",
        "catchUpPolicy": "enqueue_missed_with_cap",
    }
    routine = company.routine(**fields)
    found = get(company, routine)
    assert {name: found[name] for name in fields} == fields
    assert found["parentIssue"]["id"] == parent["id"]


def test_an_agent_that_creates_a_routine_is_its_maker(company: Company) -> None:
    body = {"title": "Look", "assigneeAgentId": company.agent_id, "projectId": company.project_id}
    made = created(company.agent.post(f"/companies/{company.id}/routines", body))
    assert (made["createdByAgentId"], made["createdByUserId"]) == (company.agent_id, None)
    for_another = {**body, "assigneeAgentId": company.colleague_id}
    error(company.agent.post(f"/companies/{company.id}/routines", for_another), 403)


@pytest.mark.parametrize(("action", "status"), [("pause", 201), ("terminate", 409)])
def test_work_can_be_assigned_to_a_paused_agent_but_not_to_a_terminated_one(
    company: Company, action: str, status: int
) -> None:
    ok(company.board.post(f"/agents/{company.agent_id}/{action}"))
    body = {"title": "Look", "assigneeAgentId": company.agent_id, "projectId": company.project_id}
    assert company.board.post(f"/companies/{company.id}/routines", body).status_code == status


def test_triggers_named_in_create_are_made_with_the_routine_and_their_secrets_shown_once(company: Company) -> None:
    made = company.routine(triggers=EVERY_KIND)
    assert [trigger["kind"] for trigger in made["triggers"]] == ["schedule", "webhook", "api"]
    timed, hook, api = made["secretMaterials"]
    assert (timed, api) == (None, None)
    assert hook["webhookUrl"].endswith(f"/api/routine-triggers/public/{made['triggers'][1]['publicId']}/fire")
    assert hook["webhookSecret"]
    reply = company.board.get(f"/routines/{made['id']}")
    assert ok(reply)["triggers"] == made["triggers"]
    assert hook["webhookSecret"] not in reply.text


def test_without_triggers_in_create_the_reply_has_none(company: Company) -> None:
    assert not {"triggers", "secretMaterials"} & company.routine().keys()
    empty = company.routine(triggers=[])
    assert (empty["triggers"], empty["secretMaterials"]) == ([], [])


def test_a_bad_trigger_in_create_leaves_no_routine_behind(company: Company) -> None:
    body = {"title": "Look", "assigneeAgentId": company.agent_id, "projectId": company.project_id}
    for bad, status in ((schedule("61 * * * *"), 422), ({"kind": "api", "timezone": "UTC"}, 400)):
        triggers = [schedule(), bad]
        error(company.board.post(f"/companies/{company.id}/routines", {**body, "triggers": triggers}), status)
    assert titles(company) == []


def test_a_list_shows_short_triggers_the_last_run_and_the_open_issue(company: Company) -> None:
    routine = company.routine(triggers=EVERY_KIND)
    ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    (listed,) = ok(company.board.get(f"/companies/{company.id}/routines"))
    assert [trigger.keys() for trigger in listed["triggers"]] == [SHORT_TRIGGER] * 3
    (run,) = company.runs(routine["id"])
    assert listed["lastRun"] == run
    assert listed["activeIssue"] == run["linkedIssue"]
    company.close(run["linkedIssueId"])
    (listed,) = ok(company.board.get(f"/companies/{company.id}/routines"))
    assert listed["activeIssue"] is None


def test_a_list_has_the_newest_update_first(service: Service, company: Company) -> None:
    made = []
    for title in ("a", "b", "c"):
        service.clock.advance(MINUTE)
        made.append(company.routine(title=title))
    assert titles(company) == ["c", "b", "a"]
    service.clock.advance(MINUTE)
    ok(company.board.patch(f"/routines/{made[0]['id']}", {"priority": "low"}))
    assert titles(company) == ["a", "c", "b"]


def test_the_filters_of_the_list(company: Company) -> None:
    project = created(company.board.post(f"/companies/{company.id}/projects", {"name": "Shop"}))
    company.routine(title="Sweep the 100% log")
    company.routine(title="Greet", description="each NEW customer", assigneeAgentId=company.colleague_id)
    company.routine(title="Audit", status="archived", projectId=project["id"])
    found = {
        (): {"Sweep the 100% log", "Greet", "Audit"},
        (("projectId", project["id"]),): {"Audit"},
        (("assigneeAgentId", company.colleague_id),): {"Greet"},
        (("status", "archived"),): {"Audit"},
        (("status", "paused"),): set(),
        (("q", "sweep"),): {"Sweep the 100% log"},
        (("q", "new"),): {"Greet"},
        (("q", "0%"),): {"Sweep the 100% log"},
        (("q", "_"),): set(),
        (("q", ""),): {"Sweep the 100% log", "Greet", "Audit"},
        (("status", "active"), ("projectId", company.project_id), ("q", "greet")): {"Greet"},
        (("projectId", NOBODY),): set(),
    }
    assert {query: set(titles(company, **dict(query))) for query in found} == found


@pytest.mark.parametrize("query", [{"status": "lost"}, {"projectId": "x"}, {"assigneeAgentId": "x"}, {"unknown": "x"}])
def test_a_wrong_filter_is_refused_by_name(company: Company, query: dict[str, str]) -> None:
    reply = company.board.get(f"/companies/{company.id}/routines", params=query)
    assert error(reply, 400) == "Validation error"
    assert reply.json()["details"][0]["path"] == list(query)


def test_another_companys_routines_are_not_listed(service: Service, company: Company) -> None:
    service.company("Other").routine(title="Theirs")
    assert titles(company) == []


def test_a_routine_comes_with_everything_around_it(service: Service, company: Company) -> None:
    routine = company.routine(triggers=EVERY_KIND)
    ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    service.clock.at = ONE_PM
    service.tick()
    found = get(company, routine)
    assert found["project"]["name"] == "Web"
    assert found["assignee"]["name"] == "Ada"
    assert "adapterConfig" not in found["assignee"]
    assert found["parentIssue"] is None
    assert len(found["triggers"]) == 3
    assert found["recentRuns"] == company.runs(routine["id"])
    assert found["activeIssue"]["identifier"] == "ACME-1"
    assert (found["lastTriggeredAt"], found["lastEnqueuedAt"]) == (iso(ONE_PM), "2026-03-02T12:00:30.000Z")


def test_an_update_changes_what_it_names_and_answers_with_the_routine(service: Service, company: Company) -> None:
    routine = company.routine()
    service.clock.advance(MINUTE)
    changes = {
        "title": "Look again",
        "description": "Twice",
        "assigneeAgentId": company.colleague_id,
        "priority": "low",
    }
    updated = ok(company.board.patch(f"/routines/{routine['id']}", changes))
    assert updated == {**routine, **changes, "updatedAt": iso(service.clock.now())}


def test_an_empty_update_changes_nothing(service: Service, company: Company) -> None:
    routine = company.routine()
    service.clock.advance(MINUTE)
    assert ok(company.board.patch(f"/routines/{routine['id']}", {})) == routine


def test_null_clears_what_may_be_empty(company: Company) -> None:
    goal = created(company.board.post(f"/companies/{company.id}/goals", {"title": "Grow"}))
    parent = created(company.board.post(f"/companies/{company.id}/issues", {"title": "All looks"}))
    routine = company.routine(description="Text", goalId=goal["id"], parentIssueId=parent["id"])
    cleared = {"description": None, "goalId": None, "parentIssueId": None}
    updated = ok(company.board.patch(f"/routines/{routine['id']}", cleared))
    assert {name: updated[name] for name in cleared} == cleared


def test_only_the_board_reassigns(company: Company) -> None:
    routine = company.routine()
    body = {"assigneeAgentId": company.colleague_id}
    error(company.agent.patch(f"/routines/{routine['id']}", body), 403)
    assert ok(company.board.patch(f"/routines/{routine['id']}", body))["assigneeAgentId"] == company.colleague_id


def test_a_deleted_routine_is_gone_with_its_triggers_and_its_issues_stay(company: Company) -> None:
    routine = company.routine(triggers=EVERY_KIND)
    issue_id = ok(company.board.post(f"/routines/{routine['id']}/run"), 202)["linkedIssueId"]
    company.close(issue_id)
    reply = company.board.delete(f"/routines/{routine['id']}")
    assert (reply.status_code, reply.content) == (204, b"")
    assert titles(company) == []
    for path in (f"/routines/{routine['id']}", f"/routines/{routine['id']}/runs"):
        assert error(company.board.get(path), 404) == "Routine not found"
    for trigger in routine["triggers"]:
        error(company.board.patch(f"/routine-triggers/{trigger['id']}", {"label": "x"}), 404)
    error(company.board.post(f"/routine-triggers/public/{routine['triggers'][1]['publicId']}/fire"), 404)
    error(company.board.delete(f"/routines/{routine['id']}"), 404)
    found = ok(company.board.get(f"/issues/{issue_id}"))
    assert (found["originId"], found["status"]) == (routine["id"], "done")


def test_a_routine_with_an_open_issue_is_deleted_only_by_force(company: Company) -> None:
    routine = company.routine()
    issue_id = ok(company.board.post(f"/routines/{routine['id']}/run"), 202)["linkedIssueId"]
    for query in ({}, {"force": "false"}):
        assert "ACME-1" in error(company.board.delete(f"/routines/{routine['id']}", params=query), 409)
    assert company.board.delete(f"/routines/{routine['id']}", params={"force": "true"}).status_code == 204
    assert ok(company.board.get(f"/issues/{issue_id}"))["status"] == "todo"
    assert company.close(issue_id)["status"] == "done"


def test_a_deleted_routine_never_fires_again(service: Service, company: Company) -> None:
    routine = company.routine(triggers=EVERY_KIND)
    assert company.board.delete(f"/routines/{routine['id']}").status_code == 204
    service.clock.at = ONE_PM
    service.tick()
    assert company.issues(routine["id"]) == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("routine_id", [NOBODY, "not-a-uuid", "0"])
def test_an_unknown_or_malformed_id_is_not_found(company: Company, method: str, routine_id: str) -> None:
    assert error(company.board.request(method, f"/routines/{routine_id}", json={}), 404) == "Routine not found"


def test_twenty_runs_of_an_idle_routine_make_one_issue(company: Company) -> None:
    routine = company.routine()
    for _ in range(20):
        ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    statuses = [run["status"] for run in company.runs(routine["id"])]
    assert sorted(statuses) == ["coalesced"] * 19 + ["issue_created"]
    assert len(company.issues(routine["id"])) == 1
