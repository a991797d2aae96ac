"""Concurrency policies: what a fire does while an execution issue is open, one by one and all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response

from support.clock import MINUTE
from support.service import Caller, Company, Service, ok
from support.together import together

COALESCE, SKIP, ALWAYS = "coalesce_if_active", "skip_if_active", "always_enqueue"
JOINED_STATUS = {COALESCE: "coalesced", SKIP: "skipped"}
OPEN_STATUSES = ("backlog", "todo", "in_progress", "in_review", "blocked")

Json = dict[str, Any]


def run(company: Company, routine: Json, **body: object) -> Json:
    """A manual run."""
    made: Json = ok(company.board.post(f"/routines/{routine['id']}/run", body), 202)
    return made


def outcome(company: Company, routine: Json) -> Counter[str]:
    """How many runs of each status a routine has."""
    return Counter(run["status"] for run in company.runs(routine["id"]))


@pytest.mark.parametrize("policy", JOINED_STATUS)
@pytest.mark.parametrize("status", OPEN_STATUSES)
def test_a_routine_is_active_while_its_issue_is_open_in_whatever_status(
    company: Company, policy: str, status: str
) -> None:
    routine = company.routine(concurrencyPolicy=policy)
    first = run(company, routine)
    company.close(first["linkedIssueId"], status)
    second = run(company, routine)
    assert second["status"] == JOINED_STATUS[policy]
    assert len(company.issues(routine["id"])) == 1


@pytest.mark.parametrize("policy", [COALESCE, SKIP, ALWAYS])
@pytest.mark.parametrize("status", ["done", "cancelled"])
def test_a_closed_issue_makes_room_for_the_next(company: Company, policy: str, status: str) -> None:
    routine = company.routine(concurrencyPolicy=policy)
    first = run(company, routine)
    company.close(first["linkedIssueId"], status)
    second = run(company, routine)
    assert second["status"] == "issue_created"
    assert second["linkedIssueId"] != first["linkedIssueId"]
    assert len(company.issues(routine["id"])) == 2


@pytest.mark.parametrize("policy", JOINED_STATUS)
def test_a_run_that_joins_is_final_at_once_and_points_to_what_it_joined(company: Company, policy: str) -> None:
    routine = company.routine(concurrencyPolicy=policy)
    first = run(company, routine)
    second = run(company, routine)
    third = run(company, routine)
    for joined in (second, third):
        assert joined["linkedIssueId"] == first["linkedIssueId"]
        assert joined["coalescedIntoRunId"] == first["id"]
        assert joined["completedAt"] == joined["triggeredAt"]
        assert joined["failureReason"] is None
    assert first["coalescedIntoRunId"] is None
    assert first["completedAt"] is None


@pytest.mark.parametrize("policy", JOINED_STATUS)
def test_closing_the_issue_does_not_touch_the_runs_that_joined_it(company: Company, policy: str) -> None:
    routine = company.routine(concurrencyPolicy=policy)
    first, second = run(company, routine), run(company, routine)
    company.close(first["linkedIssueId"])
    statuses = {each["id"]: each["status"] for each in company.runs(routine["id"])}
    assert statuses == {first["id"]: "completed", second["id"]: JOINED_STATUS[policy]}


def test_always_enqueue_gives_each_fire_an_issue_of_its_own_again_and_again(company: Company) -> None:
    routine = company.routine(concurrencyPolicy=ALWAYS)
    runs = [run(company, routine) for _ in range(5)]
    assert [each["status"] for each in runs] == ["issue_created"] * 5
    assert len({each["linkedIssueId"] for each in runs}) == 5
    assert len({issue["identifier"] for issue in company.issues(routine["id"])}) == 5


def test_the_policy_of_the_moment_counts(company: Company) -> None:
    routine = company.routine(concurrencyPolicy=COALESCE)
    statuses = []
    for policy in (COALESCE, SKIP, ALWAYS, COALESCE):
        ok(company.board.patch(f"/routines/{routine['id']}", {"concurrencyPolicy": policy}))
        statuses.append(run(company, routine)["status"])
    assert statuses == ["issue_created", "skipped", "issue_created", "coalesced"]


def test_routines_do_not_stand_in_each_others_way(company: Company) -> None:
    first, second = company.routine(), company.routine()
    assert run(company, first)["status"] == "issue_created"
    assert run(company, second)["status"] == "issue_created"


def test_equal_and_different_payloads_coalesce_alike_and_all_are_kept(company: Company) -> None:
    routine = company.routine()
    payloads = [{"order": 1}, {"order": 1}, {"order": 2}, None]
    runs = [run(company, routine, **({} if payload is None else {"payload": payload})) for payload in payloads]
    assert [each["status"] for each in runs] == ["issue_created", "coalesced", "coalesced", "coalesced"]
    assert [each["triggerPayload"] for each in reversed(company.runs(routine["id"]))] == payloads


@pytest.mark.parametrize("path", ["", "/heartbeat-context"])
@pytest.mark.parametrize("policy", JOINED_STATUS)
def test_every_payload_is_in_sight_of_the_agent_that_works_on_the_issue(
    company: Company, policy: str, path: str
) -> None:
    routine = company.routine(concurrencyPolicy=policy)
    runs = [run(company, routine, payload={"order": number}) for number in range(3)]
    seen = ok(company.agent.get(f"/issues/{runs[0]['linkedIssueId']}{path}"))
    wanted = ("id", "status", "source", "triggeredAt", "triggerPayload")
    assert seen["routineRuns"] == [{name: each[name] for name in wanted} for each in runs]


def test_under_always_enqueue_an_issue_shows_its_own_run_only(company: Company) -> None:
    routine = company.routine(concurrencyPolicy=ALWAYS)
    first, second = run(company, routine, payload={"order": 1}), run(company, routine, payload={"order": 2})
    for each in (first, second):
        seen = ok(company.agent.get(f"/issues/{each['linkedIssueId']}"))
        assert [joined["id"] for joined in seen["routineRuns"]] == [each["id"]]


def by_hand(company: Company, routine: Json) -> Callable[[], Response]:
    """A manual run, to be made when called."""
    return lambda: company.board.post(f"/routines/{routine['id']}/run")


def by_webhook(service: Service, public_id: str) -> Callable[[], Response]:
    """A delivery to a webhook without a secret, to be made when called."""
    sender = Caller(service.client)
    return lambda: sender.post(f"/routine-triggers/public/{public_id}/fire", {})


@pytest.mark.parametrize("count", [20, 200])
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (COALESCE, {"issue_created": 1, "coalesced": -1}),
        (SKIP, {"issue_created": 1, "skipped": -1}),
        (ALWAYS, {"issue_created": 0}),
    ],
)
def test_simultaneous_fires_obey_the_policy_as_if_they_had_come_one_by_one(
    service: Service, company: Company, count: int, policy: str, expected: dict[str, int]
) -> None:
    webhook = {"kind": "webhook", "signingMode": "none"}
    routine = company.routine(concurrencyPolicy=policy, triggers=[webhook])
    public_id = routine["triggers"][0]["publicId"]
    calls = [by_hand(company, routine), by_webhook(service, public_id)] * (count // 2)
    replies = together(calls)
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["id"] for reply in replies}) == count
    wanted = {status: number if number > 0 else count + number for status, number in expected.items()}
    assert outcome(company, routine) == wanted
    assert len(company.issues(routine["id"])) == wanted["issue_created"]


def test_simultaneous_fires_of_many_routines_each_make_their_own_issue(company: Company) -> None:
    routines = [company.routine() for _ in range(20)]
    replies = together([by_hand(company, routine) for routine in routines])
    assert {reply.json()["status"] for reply in replies} == {"issue_created"}
    identifiers = [issue["identifier"] for routine in routines for issue in company.issues(routine["id"])]
    assert len(set(identifiers)) == 20


def test_a_slot_obeys_the_policy_like_any_other_fire(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "* * * * *"}])
    by_hand(company, routine)()
    service.tick(MINUTE)
    assert outcome(company, routine) == {"issue_created": 1, "coalesced": 1}
