"""Idempotency keys: the same key in the same scope is the same run, however and whenever it comes again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response

from support.clock import DAY
from support.service import Caller, Company, Service, error, ok
from support.together import together

WEBHOOK = {"kind": "webhook", "signingMode": "none"}
API = {"kind": "api"}
REPLAYED = "Idempotent-Replayed"

Json = dict[str, Any]


def fire(company: Company, routine: Json, **body: object) -> Response:
    """A manual run's reply."""
    return company.board.post(f"/routines/{routine['id']}/run", body)


def deliver(service: Service, routine: Json, key: str, payload: Json | None = None) -> Response:
    """The reply to a delivery with a key to the routine's first trigger."""
    path = f"/routine-triggers/public/{routine['triggers'][0]['publicId']}/fire"
    return Caller(service.client).post(path, payload or {}, headers={"Idempotency-Key": key})


def test_the_same_key_is_the_same_run(company: Company) -> None:
    routine = company.routine(concurrencyPolicy="always_enqueue")
    first, again = (fire(company, routine, idempotencyKey="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert first.json()["idempotencyKey"] == "k"
    assert REPLAYED not in first.headers
    assert again.headers[REPLAYED] == "true"
    assert len(company.runs(routine["id"])) == 1


def test_another_payload_under_the_same_key_changes_nothing(company: Company) -> None:
    routine = company.routine()
    first = fire(company, routine, idempotencyKey="k", payload={"order": 1})
    again = fire(company, routine, idempotencyKey="k", payload={"order": 2})
    assert again.json() == first.json()
    assert [run["triggerPayload"] for run in company.runs(routine["id"])] == [{"order": 1}]


def test_a_repeat_shows_the_run_as_it_now_is(company: Company) -> None:
    routine = company.routine()
    first = ok(fire(company, routine, idempotencyKey="k"), 202)
    company.close(first["linkedIssueId"])
    assert ok(fire(company, routine, idempotencyKey="k"), 202)["status"] == "completed"


def test_a_key_does_not_wear_out(service: Service, company: Company) -> None:
    routine = company.routine()
    first = ok(fire(company, routine, idempotencyKey="k"), 202)
    company.close(first["linkedIssueId"])
    service.tick(400 * DAY)
    assert ok(fire(company, routine, idempotencyKey="k"), 202)["id"] == first["id"]


def test_without_a_key_every_call_is_a_run_of_its_own(company: Company) -> None:
    routine = company.routine()
    replies = [fire(company, routine, payload={"order": 1}) for _ in range(2)]
    assert replies[0].json()["id"] != replies[1].json()["id"]
    assert all(REPLAYED not in reply.headers for reply in replies)


def test_the_scope_is_routine_source_trigger_and_key(service: Service, company: Company) -> None:
    first, other = (company.routine(triggers=[WEBHOOK, API, API]) for _ in range(2))
    _, one, two = first["triggers"]
    replies = [
        fire(company, first, idempotencyKey="k"),
        fire(company, first, idempotencyKey="K"),
        fire(company, first, idempotencyKey="k", source="api"),
        fire(company, first, idempotencyKey="k", triggerId=one["id"]),
        fire(company, first, idempotencyKey="k", triggerId=two["id"]),
        fire(company, first, idempotencyKey="k", triggerId=two["id"], source="api"),
        fire(company, other, idempotencyKey="k"),
        deliver(service, first, "k"),
        deliver(service, other, "k"),
    ]
    assert len({ok(reply, 202)["id"] for reply in replies}) == len(replies)
    assert all(REPLAYED not in reply.headers for reply in replies)


@pytest.mark.parametrize("key", ["k", "k" * 255, "\u00fc\u4e2d\U0001f600", "a/b/key/c", "' OR 1=1 --", " "])
def test_a_key_is_any_text_of_1_to_255_characters(company: Company, key: str) -> None:
    routine = company.routine()
    first, again = (ok(fire(company, routine, idempotencyKey=key), 202) for _ in range(2))
    assert first["idempotencyKey"] == key
    assert again["id"] == first["id"]


@pytest.mark.parametrize("key", ["", "k" * 256, 1, ["k"]])
def test_other_keys_are_refused_by_name(company: Company, key: object) -> None:
    routine = company.routine()
    reply = fire(company, routine, idempotencyKey=key)
    assert error(reply, 400) == "Validation error"
    assert reply.json()["details"][0]["path"] == ["idempotencyKey"]


STATES: dict[str, Callable[[Company, Json], Response]] = {
    "paused": lambda company, routine: company.board.patch(f"/routines/{routine['id']}", {"status": "paused"}),
    "archived": lambda company, routine: company.board.patch(f"/routines/{routine['id']}", {"status": "archived"}),
    "trigger disabled": lambda company, routine: company.board.patch(
        f"/routine-triggers/{routine['triggers'][0]['id']}", {"enabled": False}
    ),
    "project paused": lambda company, _: company.board.patch(f"/projects/{company.project_id}", {"status": "paused"}),
    "agent terminated": lambda company, _: company.board.post(f"/agents/{company.agent_id}/terminate"),
}


@pytest.mark.parametrize("change", STATES.values(), ids=STATES.keys())
def test_a_repeat_is_answered_whatever_has_become_of_the_routine_since(
    service: Service, company: Company, change: Callable[[Company, Json], Response]
) -> None:
    routine = company.routine(triggers=[WEBHOOK])
    trigger_id = routine["triggers"][0]["id"]

    def replies() -> list[Response]:
        return [
            fire(company, routine, idempotencyKey="k"),
            fire(company, routine, idempotencyKey="k", triggerId=trigger_id),
            deliver(service, routine, "k"),
        ]

    before = [ok(reply, 202)["id"] for reply in replies()]
    ok(change(company, routine))
    again = replies()
    assert [ok(reply, 202)["id"] for reply in again] == before
    assert {reply.headers.get(REPLAYED) for reply in again} == {"true"}
    assert len(company.runs(routine["id"])) == 3


def test_a_refused_fire_uses_up_no_key(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[WEBHOOK], status="paused")
    assert deliver(service, routine, "k").status_code == 409
    ok(company.board.patch(f"/routines/{routine['id']}", {"status": "active"}))
    reply = deliver(service, routine, "k")
    assert ok(reply, 202)["status"] == "issue_created"
    assert REPLAYED not in reply.headers


def test_twenty_parallel_calls_with_one_key_are_one_run(company: Company) -> None:
    routine = company.routine(concurrencyPolicy="always_enqueue")
    replies = together([lambda: fire(company, routine, idempotencyKey="k")] * 20)
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert sum(REPLAYED in reply.headers for reply in replies) == 19
    assert len(company.runs(routine["id"])) == len(company.issues(routine["id"])) == 1


def test_twenty_parallel_deliveries_with_one_key_are_one_run(service: Service, company: Company) -> None:
    routine = company.routine(concurrencyPolicy="always_enqueue", triggers=[WEBHOOK])
    replies = together([lambda: deliver(service, routine, "k")] * 20)
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert sum(REPLAYED in reply.headers for reply in replies) == 19
    assert len(company.issues(routine["id"])) == 1


def test_parallel_calls_with_keys_of_their_own_are_runs_of_their_own(company: Company) -> None:
    routine = company.routine(concurrencyPolicy="always_enqueue")
    calls = [lambda key=str(number): fire(company, routine, idempotencyKey=key) for number in range(10)]
    replies = together(calls * 2)
    assert [reply.json()["id"] for reply in replies[:10]] == [reply.json()["id"] for reply in replies[10:]]
    assert len(company.runs(routine["id"])) == 10
