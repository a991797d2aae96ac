"""Subscriptions over HTTP: made, changed and ended by the board; secrets are shown once; the log is paged."""

from __future__ import annotations

from typing import Any

import pytest

from routines.core.limits import SUBSCRIPTIONS_PER_COMPANY_MAX
from support.databases import on_sqlite
from support.service import Company, Service, created, error, ok
from support.subscribing import deliveries, subscribed

WHERE = "https://ops.example.com/hook"


def path(company: Company) -> str:
    return f"/companies/{company.id}/notification-subscriptions"


def test_a_subscription_is_made_changed_and_ended(service: Service, company: Company) -> None:
    body = {
        "channel": "webhook",
        "target": WHERE,
        "events": ["issue.blocked", "run.failed", "run.failed"],
        "name": "Ops",
    }
    made = created(company.board.post(path(company), body))
    subscription, secret = made["subscription"], made["secret"]
    assert secret.startswith("whsec_")
    assert subscription["events"] == ["run.failed", "issue.blocked"]
    assert (subscription["quietAfterSeconds"], subscription["enabled"], subscription["routineId"]) == (3600, True, None)
    own = f"/notification-subscriptions/{subscription['id']}"
    assert ok(company.board.get(path(company))) == [subscription] == [ok(company.board.get(own))]
    routine = company.routine()["id"]
    changes = {"routineId": routine, "events": ["routine.quiet"], "quietAfterSeconds": 60, "name": None}
    changed = ok(company.board.patch(own, changes))
    assert changed.items() >= changes.items()
    rotated = ok(company.board.post(f"{own}/rotate-secret"))
    assert rotated["secret"] not in {secret, None}
    assert rotated["subscription"]["lastRotatedAt"] is not None
    assert not [each for each in service.kept() if secret.encode() in each or rotated["secret"].encode() in each]
    waiting = ok(company.board.post(f"{own}/test"), 202)
    assert company.board.delete(own).status_code == 204
    error(company.board.get(own), 404)
    error(company.board.post(f"/notification-deliveries/{waiting['id']}/resend"), 404)
    assert ok(company.board.get(path(company))) == []
    entries = ok(company.board.get(f"/companies/{company.id}/activity", params={"entityId": subscription["id"]}))
    assert [each["action"].rpartition(".")[2] for each in entries] == [
        "deleted",
        "tried",
        "secret_rotated",
        "updated",
        "created",
    ]
    assert secret not in str(entries)


@on_sqlite
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"channel": "webhook", "target": "ftp://x", "events": ["run.failed"]}, 400, "no http or https URL"),
        ({"channel": "slack", "target": "https://a:b@x", "events": ["run.failed"]}, 400, "has a user in it"),
        ({"channel": "email", "target": "a@b\r\nBcc: c@d", "events": ["run.failed"]}, 400, "no e-mail address"),
        ({"channel": "email", "target": "grace@example.com", "events": ["run.failed"]}, 422, "ROUTINES_SMTP_URL"),
        ({"channel": "webhook", "target": WHERE, "events": []}, 400, "at least 1 item"),
        ({"channel": "webhook", "target": WHERE, "events": ["notification.test"]}, 400, "run.failed"),
        ({"channel": "webhook", "target": WHERE, "events": ["run.failed"], "quietAfterSeconds": 59}, 400, "60"),
        ({"channel": "webhook", "target": WHERE, "events": ["run.failed"], "secret": "mine"}, 400, "Unknown key"),
    ],
)
def test_what_cannot_be_subscribed_is_said(company: Company, body: dict[str, Any], status: int, said: str) -> None:
    refused = company.board.post(path(company), body)
    assert refused.status_code == status
    assert said in refused.text


@on_sqlite
def test_a_routine_is_one_of_the_company_and_subscriptions_are_bounded(service: Service, company: Company) -> None:
    theirs = service.company("Rival").routine()["id"]
    body = {"channel": "webhook", "target": WHERE, "events": ["run.failed"]}
    error(company.board.post(path(company), {**body, "routineId": theirs}), 422)
    made = [subscribed(company, WHERE) for _ in range(SUBSCRIPTIONS_PER_COMPANY_MAX)]
    assert "delete one" in error(company.board.post(path(company), body), 409)
    own = f"/notification-subscriptions/{made[0]['subscription']['id']}"
    error(company.board.patch(own, {"routineId": theirs}), 422)
    error(company.board.patch(own, {"target": "nowhere"}), 400)
    error(company.board.patch(own, {"channel": "slack"}), 400)


@on_sqlite
def test_only_a_webhook_has_a_secret_to_rotate(company: Company) -> None:
    made = subscribed(company, "https://hooks.example.com/services/T0/B0/hunter2", "slack")
    assert made["secret"] is None
    assert made["subscription"]["target"] == "https://hooks.example.com/…"
    error(company.board.post(f"/notification-subscriptions/{made['subscription']['id']}/rotate-secret"), 422)


@on_sqlite
def test_the_log_is_paged_from_the_newest(company: Company) -> None:
    own = subscribed(company, WHERE)["subscription"]["id"]
    made = [ok(company.board.post(f"/notification-subscriptions/{own}/test"), 202)["id"] for _ in range(3)]
    assert [each["id"] for each in deliveries(company.board, own)] == made[::-1]
    page = {"limit": 1, "before": made[2]}
    listed = ok(company.board.get(f"/notification-subscriptions/{own}/deliveries", params=page))
    assert [each["id"] for each in listed] == [made[1]]
