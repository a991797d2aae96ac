"""Triggers over HTTP: add, update, delete, rotate, and the fields of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response

from routines.core.instants import iso
from support.clock import MINUTE
from support.schedules import ONE_PM, schedule
from support.service import NOBODY, Caller, Company, Service, error, ok

WEBHOOK, API = {"kind": "webhook"}, {"kind": "api"}
EVERY_KIND = [schedule(), WEBHOOK, API]
MODES = ("bearer", "hmac_sha256", "github_hmac", "standard_webhooks", "none")
Json = dict[str, Any]


def add(company: Company, routine: Json, body: Json) -> Response:
    """An attempt to add a trigger."""
    return company.board.post(f"/routines/{routine['id']}/triggers", body)


def change(company: Company, trigger: Json, **fields: object) -> Response:
    """An attempt to change a trigger."""
    return company.board.patch(f"/routine-triggers/{trigger['id']}", fields)


def rotate(company: Company, trigger: Json) -> Response:
    """An attempt to rotate a secret."""
    return company.board.post(f"/routine-triggers/{trigger['id']}/rotate-secret")


def stored(company: Company, routine: Json) -> list[Json]:
    """The routine's triggers as they now are."""
    found: list[Json] = ok(company.board.get(f"/routines/{routine['id']}"))["triggers"]
    return found


@pytest.mark.parametrize(
    ("body", "own"),
    [
        (schedule(), {"cronExpression": "0 * * * *", "timezone": "UTC", "nextRunAt": iso(ONE_PM)}),
        (WEBHOOK, {"signingMode": "bearer", "replayWindowSec": 300}),
        (API, {}),
    ],
    ids=["schedule", "webhook", "api"],
)
def test_an_added_trigger_has_every_field_and_its_defaults(
    service: Service, company: Company, body: Json, own: Json
) -> None:
    routine = company.routine()
    reply = ok(add(company, routine, body), 201)
    assert reply.keys() == {"trigger", "secretMaterial"}
    trigger, now = reply["trigger"], iso(service.clock.now())
    unset = (
        "cronExpression",
        "timezone",
        "nextRunAt",
        "lastFiredAt",
        "signingMode",
        "replayWindowSec",
        "lastRotatedAt",
    )
    expected = {
        "id": trigger["id"],
        "companyId": company.id,
        "routineId": routine["id"],
        "kind": body["kind"],
        "label": None,
        "enabled": True,
        "publicId": trigger["publicId"],
        **dict.fromkeys(unset),
        **own,
        "lastResult": None,
        "createdByAgentId": None,
        "createdByUserId": "local-board",
        "updatedByAgentId": None,
        "updatedByUserId": "local-board",
        "createdAt": now,
        "updatedAt": now,
        "externalKey": None,
    }
    assert trigger == expected
    assert (trigger["publicId"] is not None) == (reply["secretMaterial"] is not None) == (body["kind"] == "webhook")
    assert stored(company, routine) == [trigger]


@pytest.mark.parametrize("mode", MODES)
def test_a_webhooks_secret_is_shown_at_creation_only(company: Company, mode: str) -> None:
    routine = company.routine()
    reply = ok(add(company, routine, {**WEBHOOK, "signingMode": mode}), 201)
    trigger, material = reply["trigger"], reply["secretMaterial"]
    assert material["webhookUrl"] == f"http://127.0.0.1:3100/api/routine-triggers/public/{trigger['publicId']}/fire"
    secret = material["webhookSecret"]
    if mode == "none":
        assert secret is None
        return
    assert secret.startswith("whsec_") == (mode == "standard_webhooks")
    replies = [
        company.board.get(f"/routines/{routine['id']}"),
        company.board.get(f"/companies/{company.id}/routines"),
        company.board.get(f"/companies/{company.id}/activity"),
        change(company, trigger, label="shop"),
    ]
    assert all(secret not in each.text for each in replies)


def test_a_routine_can_have_many_triggers_of_each_kind(company: Company) -> None:
    routine = company.routine(triggers=EVERY_KIND * 2)
    assert [trigger["kind"] for trigger in stored(company, routine)] == ["schedule", "webhook", "api"] * 2
    public_ids = {trigger["publicId"] for trigger in routine["triggers"]} - {None}
    assert len(public_ids) == 2


@pytest.mark.parametrize("body", EVERY_KIND, ids=["schedule", "webhook", "api"])
def test_an_empty_update_changes_nothing(service: Service, company: Company, body: Json) -> None:
    (trigger,) = company.routine(triggers=[body])["triggers"]
    service.clock.advance(MINUTE)
    assert ok(change(company, trigger)) == trigger


def test_a_changed_schedule_has_its_next_time_from_now(service: Service, company: Company) -> None:
    (trigger,) = company.routine(triggers=[schedule()])["triggers"]
    service.clock.advance(MINUTE)
    moved = ok(change(company, trigger, cronExpression="30 14 * * *", timezone="Europe/Berlin"))
    assert moved["nextRunAt"] == iso(ONE_PM + 30 * MINUTE)
    assert moved["updatedAt"] == iso(service.clock.now())


def test_a_disabled_schedule_has_no_next_time(company: Company) -> None:
    routine = company.routine()
    (made, disabled) = (ok(add(company, routine, schedule(enabled=flag)), 201)["trigger"] for flag in (True, False))
    assert (made["nextRunAt"], disabled["nextRunAt"]) == (iso(ONE_PM), None)
    assert ok(change(company, made, enabled=False))["nextRunAt"] is None
    assert ok(change(company, disabled, enabled=True))["nextRunAt"] == iso(ONE_PM)


def test_a_deleted_trigger_is_gone_and_never_fires_again(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[schedule(), {**WEBHOOK, "signingMode": "none"}])
    for trigger in routine["triggers"]:
        reply = company.board.delete(f"/routine-triggers/{trigger['id']}")
        assert (reply.status_code, reply.content) == (204, b"")
        error(change(company, trigger, label="x"), 404)
        error(company.board.post(f"/routines/{routine['id']}/run", {"triggerId": trigger["id"]}), 404)
    error(company.board.post(f"/routine-triggers/public/{routine['triggers'][1]['publicId']}/fire"), 404)
    service.clock.at = ONE_PM
    service.tick()
    assert stored(company, routine) == []
    assert company.runs(routine["id"]) == []


@pytest.mark.parametrize("mode", MODES)
def test_rotating_gives_a_new_secret_and_keeps_the_address_unless_there_is_no_secret(
    service: Service, company: Company, mode: str
) -> None:
    routine = company.routine()
    before = ok(add(company, routine, {**WEBHOOK, "signingMode": mode}), 201)
    service.clock.advance(MINUTE)
    after = ok(rotate(company, before["trigger"]))
    old, new = before["secretMaterial"], after["secretMaterial"]
    assert after["trigger"]["lastRotatedAt"] == iso(service.clock.now())
    if mode == "none":
        assert (old["webhookSecret"], new["webhookSecret"]) == (None, None)
        assert after["trigger"]["publicId"] != before["trigger"]["publicId"]
        error(company.board.post(f"/routine-triggers/public/{before['trigger']['publicId']}/fire"), 404)
        return
    assert new["webhookSecret"] != old["webhookSecret"]
    assert new["webhookUrl"] == old["webhookUrl"]
    assert after["trigger"]["publicId"] == before["trigger"]["publicId"]
    assert new["webhookSecret"] not in company.board.get(f"/routines/{routine['id']}").text


def test_the_old_secret_is_dead_at_once(service: Service, company: Company) -> None:
    before = ok(add(company, company.routine(), WEBHOOK), 201)
    after = ok(rotate(company, before["trigger"]))
    statuses = [
        Caller(service.client, each["secretMaterial"]["webhookSecret"])
        .post(f"/routine-triggers/public/{before['trigger']['publicId']}/fire")
        .status_code
        for each in (before, after)
    ]
    assert statuses == [401, 202]


@pytest.mark.parametrize("body", [schedule(), API], ids=["schedule", "api"])
def test_only_a_webhook_has_a_secret_to_rotate(company: Company, body: Json) -> None:
    (trigger,) = company.routine(triggers=[body])["triggers"]
    error(rotate(company, trigger), 422)


CALLS: dict[str, Callable[[Caller, str, str], Response]] = {
    "add": lambda caller, routine, _: caller.post(f"/routines/{routine}/triggers", API),
    "update": lambda caller, _, trigger: caller.patch(f"/routine-triggers/{trigger}", {"label": "x"}),
    "rotate": lambda caller, _, trigger: caller.post(f"/routine-triggers/{trigger}/rotate-secret"),
    "delete": lambda caller, _, trigger: caller.delete(f"/routine-triggers/{trigger}"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_who_may_change_triggers(
    service: Service, company: Company, call: Callable[[Caller, str, str], Response]
) -> None:
    routine = company.routine(triggers=[WEBHOOK] * 2)
    mine, boards = (trigger["id"] for trigger in routine["triggers"])
    outsider = service.company("Other").agent
    assert call(company.colleague, routine["id"], mine).status_code == 403
    assert call(outsider, routine["id"], mine).status_code == 404
    assert stored(company, routine) == routine["triggers"]
    assert call(company.agent, routine["id"], mine).is_success
    assert call(company.board, routine["id"], boards).is_success


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("unknown", [NOBODY, "not-a-uuid"])
def test_an_unknown_or_malformed_id_is_not_found(
    company: Company, call: Callable[[Caller, str, str], Response], unknown: str
) -> None:
    assert error(call(company.board, unknown, unknown), 404) in {"Routine not found", "Routine trigger not found"}
