"""Who may fire a webhook: section 3 of the contract, mode by mode."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from routines.core.access import AuthMode
from support.clock import MINUTE, SECOND
from support.service import NOBODY, Caller, Company, Place, Service, error, ok
from support.webhooks import MODES, SECRET_MODES, Webhook, mac, webhook

NOT_ACTIVE = "Routine trigger is not active"
WINDOW = timedelta(seconds=300)
SIGNATURE_HEADERS = {
    "bearer": "Authorization",
    "hmac_sha256": "X-Paperclip-Signature",
    "github_hmac": "X-Hub-Signature-256",
    "standard_webhooks": "webhook-signature",
}
TIMESTAMP_HEADERS = {"hmac_sha256": "X-Paperclip-Timestamp", "standard_webhooks": "webhook-timestamp"}


@pytest.mark.parametrize("mode", MODES)
def test_a_delivery_with_the_right_secret_is_a_run(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    run = ok(hook.fire(b'{"n":1}'), 202)
    assert run["source"] == "webhook"
    assert run["status"] == "issue_created"
    assert run["triggerId"] == hook.trigger["id"]
    assert run["triggerPayload"] == {"n": 1}
    assert [each["id"] for each in company.runs(hook.routine["id"])] == [run["id"]]


@pytest.mark.parametrize("mode", SECRET_MODES)
def test_missing_and_wrong_authentication_are_401_alike_and_make_no_run(
    service: Service, company: Company, mode: str
) -> None:
    hook = webhook(service, company, mode)
    right = hook.signed()
    refused = {
        "missing": hook.post({}),
        "wrong secret": hook.post(hook.signed_wrongly()),
        "empty": hook.post({**right, SIGNATURE_HEADERS[mode]: ""}),
        "cut short": hook.post({**right, SIGNATURE_HEADERS[mode]: right[SIGNATURE_HEADERS[mode]][:-1]}),
        "prolonged": hook.post({**right, SIGNATURE_HEADERS[mode]: right[SIGNATURE_HEADERS[mode]] + "0"}),
    }
    if mode != "bearer":
        refused["another body"] = hook.post(right, b'{"n":2}')
    assert {name: (reply.status_code, reply.json()) for name, reply in refused.items()} == dict.fromkeys(
        refused, (401, {"error": "Unauthorized"})
    )
    assert company.runs(hook.routine["id"]) == []


@pytest.mark.parametrize("mode", TIMESTAMP_HEADERS)
@pytest.mark.parametrize(
    ("age", "status"),
    [
        (WINDOW, 202),
        (WINDOW + SECOND, 401),
        (-WINDOW, 202),
        (-WINDOW - 2 * SECOND, 401),
    ],
)
def test_a_timestamp_may_be_off_by_the_replay_window_both_ways(
    service: Service, company: Company, mode: str, age: timedelta, status: int
) -> None:
    hook = webhook(service, company, mode)
    assert hook.post(hook.signed(at=service.clock.now() - age)).status_code == status


@pytest.mark.parametrize("mode", TIMESTAMP_HEADERS)
def test_the_replay_window_is_the_triggers_own(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode, replayWindowSec=30)
    signed = hook.signed()
    service.clock.advance(31 * SECOND)
    assert hook.post(signed).status_code == 401
    ok(company.board.patch(f"/routine-triggers/{hook.trigger['id']}", {"replayWindowSec": 60}))
    assert hook.post(signed).status_code == 202


@pytest.mark.parametrize("mode", TIMESTAMP_HEADERS)
def test_a_timestamp_that_is_no_instant_is_401(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    for timestamp in ("", "NaN", "inf", "1e400", "-1", "0x10", "soon", "9" * 400, "\uff11\uff12"):
        headers = {**hook.signed(), TIMESTAMP_HEADERS[mode]: timestamp.encode()}
        if mode == "hmac_sha256":
            signature = mac((hook.secret or "").encode(), timestamp.encode() + b".{}").hex()
            headers["X-Paperclip-Signature"] = signature
        assert (timestamp, hook.post(headers).status_code) == (timestamp, 401)


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_hmac_takes_seconds_and_milliseconds_and_plain_and_named_hex(
    service: Service, company: Company, unit: int, prefix: str
) -> None:
    hook = webhook(service, company, "hmac_sha256")
    timestamp = str(int(service.clock.now().timestamp()) * unit)
    body = b"any \xff bytes"
    signature = mac((hook.secret or "").encode(), timestamp.encode() + b"." + body).hex()
    ok(hook.post({"X-Paperclip-Timestamp": timestamp, "X-Paperclip-Signature": prefix + signature}, body), 202)


def test_a_standard_webhook_may_carry_signatures_of_several_keys(service: Service, company: Company) -> None:
    hook = webhook(service, company, "standard_webhooks")
    signed = hook.signed()
    wrong = hook.signed_wrongly()["webhook-signature"]
    ok(hook.post({**signed, "webhook-signature": f"{wrong} v1a,other {signed['webhook-signature']}"}), 202)
    assert hook.post({**hook.signed(), "webhook-signature": f"{wrong} v1a,other"}).status_code == 401


@pytest.mark.parametrize(
    ("mode", "beginning"), [("bearer", ""), ("hmac_sha256", ""), ("github_hmac", ""), ("standard_webhooks", "whsec_")]
)
def test_every_mode_but_none_has_a_secret_of_its_form(
    service: Service, company: Company, mode: str, beginning: str
) -> None:
    secret = webhook(service, company, mode).secret
    assert secret is not None
    assert secret.startswith(beginning)
    assert secret != webhook(service, company, mode).secret


def test_mode_none_has_no_secret(service: Service, company: Company) -> None:
    assert webhook(service, company, "none").secret is None


def test_a_github_ping_is_answered_and_makes_no_run(service: Service, company: Company) -> None:
    hook = webhook(service, company, "github_hmac")
    assert ok(hook.fire(headers={"X-GitHub-Event": "ping", "X-GitHub-Delivery": "1"})) == {"ok": True}
    assert hook.post({**hook.signed_wrongly(), "X-GitHub-Event": "ping"}).status_code == 401
    assert company.runs(hook.routine["id"]) == []
    assert ok(hook.fire(headers={"X-GitHub-Event": "push", "X-GitHub-Delivery": "2"}), 202)["status"] == "issue_created"


@pytest.mark.parametrize("mode", ["bearer", "none"])
def test_only_github_pings(service: Service, company: Company, mode: str) -> None:
    ok(webhook(service, company, mode).fire(headers={"X-GitHub-Event": "ping"}), 202)


@pytest.mark.parametrize("public_id", ["f" * 24, "x", NOBODY, "%00", "%C3%A9", "x" * 4000])
def test_an_unknown_public_id_is_404(board: Caller, public_id: str) -> None:
    error(board.post(f"/routine-triggers/public/{public_id}/fire"), 404)


def test_a_triggers_own_id_does_not_fire_it(service: Service, company: Company) -> None:
    hook = webhook(service, company, "none")
    error(company.board.post(f"/routine-triggers/public/{hook.trigger['id']}/fire"), 404)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("trigger", {"enabled": False}),
        ("routine", {"status": "paused"}),
        ("routine", {"status": "archived"}),
    ],
)
@pytest.mark.parametrize("mode", SECRET_MODES)
def test_the_secret_is_checked_before_the_state(
    service: Service, company: Company, mode: str, kind: str, change: dict[str, Any]
) -> None:
    hook = webhook(service, company, mode)
    path = f"/routine-triggers/{hook.trigger['id']}" if kind == "trigger" else f"/routines/{hook.routine['id']}"
    ok(company.board.patch(path, change))
    assert error(hook.post({}), 401) == "Unauthorized"
    assert error(hook.post(hook.signed_wrongly()), 401) == "Unauthorized"
    assert error(hook.fire(), 409) == NOT_ACTIVE
    assert company.runs(hook.routine["id"]) == []


def test_a_deleted_trigger_or_routine_is_unknown(service: Service, company: Company) -> None:
    first, second = webhook(service, company), webhook(service, company)
    assert company.board.delete(f"/routine-triggers/{first.trigger['id']}").status_code == 204
    assert company.board.delete(f"/routines/{second.routine['id']}").status_code == 204
    error(first.fire(), 404)
    error(second.fire(), 404)


@pytest.mark.parametrize("path", ["/companies/{0.id}", "/projects/{0.project_id}"])
def test_a_paused_company_or_project_skips_the_fire_with_202(service: Service, company: Company, path: str) -> None:
    hook = webhook(service, company)
    ok(company.board.patch(path.format(company), {"status": "paused"}))
    run = ok(hook.fire(), 202)
    assert (run["status"], run["failureReason"]) == ("skipped", "paused")


@pytest.mark.parametrize("mode", SECRET_MODES)
def test_rotating_kills_the_old_secret_at_once(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    rotated = ok(company.board.post(f"/routine-triggers/{hook.trigger['id']}/rotate-secret"))
    assert rotated["trigger"]["publicId"] == hook.trigger["publicId"]
    assert rotated["trigger"]["lastRotatedAt"] is not None
    assert hook.fire().status_code == 401
    renewed = Webhook(service, hook.routine, rotated["trigger"], rotated["secretMaterial"]["webhookSecret"])
    assert renewed.fire().status_code == 202


def test_rotating_in_mode_none_makes_a_new_public_id(service: Service, company: Company) -> None:
    hook = webhook(service, company, "none")
    rotated = ok(company.board.post(f"/routine-triggers/{hook.trigger['id']}/rotate-secret"))
    assert rotated["secretMaterial"]["webhookSecret"] is None
    assert rotated["trigger"]["publicId"] in rotated["secretMaterial"]["webhookUrl"]
    assert hook.fire().status_code == 404
    assert Webhook(service, hook.routine, rotated["trigger"], None).fire().status_code == 202


@pytest.mark.parametrize("mode", SECRET_MODES)
def test_a_trigger_moved_out_of_mode_none_is_shut_until_its_secret_is_rotated(
    service: Service, company: Company, mode: str
) -> None:
    hook = webhook(service, company, "none")
    ok(company.board.patch(f"/routine-triggers/{hook.trigger['id']}", {"signingMode": mode}))
    assert hook.post({}).status_code == 401
    rotated = ok(company.board.post(f"/routine-triggers/{hook.trigger['id']}/rotate-secret"))
    renewed = Webhook(service, hook.routine, rotated["trigger"], rotated["secretMaterial"]["webhookSecret"])
    assert renewed.fire().status_code == 202


@pytest.mark.parametrize("kind", [{"kind": "api"}, {"kind": "schedule", "cronExpression": "0 9 * * *"}])
def test_only_a_webhook_has_a_secret_to_rotate(company: Company, kind: dict[str, str]) -> None:
    made = company.trigger(company.routine()["id"], **kind)
    assert made["secretMaterial"] is None
    error(company.board.post(f"/routine-triggers/{made['trigger']['id']}/rotate-secret"), 422)


@pytest.mark.parametrize("mode", SECRET_MODES)
def test_a_secret_is_in_no_reply_but_those_of_create_and_rotate(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    ok(hook.fire(), 202)
    trigger, routine = hook.trigger["id"], hook.routine["id"]
    replies = [
        company.board.patch(f"/routine-triggers/{trigger}", {"label": "renamed"}).text,
        *(
            company.board.get(path).text
            for path in (
                f"/routines/{routine}",
                f"/routines/{routine}/runs",
                f"/companies/{company.id}/routines",
                f"/companies/{company.id}/activity",
            )
        ),
    ]
    assert not [text for text in replies if (hook.secret or "") in text]


@pytest.mark.parametrize("mode", SECRET_MODES)
def test_a_secret_is_not_readable_in_what_is_kept(place: Place, mode: str) -> None:
    service = Service(place)
    hook = webhook(service, service.company(), mode)
    kept = service.kept()
    service.close()
    secret = (hook.secret or "").removeprefix("whsec_").encode()
    assert any(hook.trigger["publicId"].encode() in each for each in kept)
    assert not [each for each in kept if secret in each]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("auth", AuthMode)
def test_no_rule_of_other_routes_applies_to_the_fire_route(place: Place, mode: str, auth: AuthMode) -> None:
    service = Service(place, auth=auth)
    hook = webhook(service, service.company(), mode)
    headers = {
        "Host": "hooks.example.com",
        "Origin": "https://elsewhere.example",
        "Sec-Fetch-Site": "cross-site",
        "Content-Type": "text/plain",
        **({} if mode == "bearer" else {"Authorization": "Bearer pcp_nonsense"}),
    }
    assert hook.post({**headers, **hook.signed(b"hello")}, b"hello").status_code == 202
    service.close()


def test_no_callers_token_opens_a_webhook(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    board_token = service.board_token("operator")
    for token in (company.agent.token, company.colleague.token, board_token):
        assert hook.post({"Authorization": f"Bearer {token}"}).status_code == 401


def test_an_agent_cannot_call_with_a_webhooks_secret(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    error(service.as_agent(hook.secret or "").get(f"/routines/{hook.routine['id']}"), 401)


def test_the_webhook_url_is_where_the_trigger_is_fired(place: Place) -> None:
    service = Service(place, public_url="https://routines.example/base/")
    company = service.company()
    made = company.trigger(company.routine()["id"], kind="webhook")
    url = made["secretMaterial"]["webhookUrl"]
    public_id = made["trigger"]["publicId"]
    assert url == f"https://routines.example/base/api/routine-triggers/public/{public_id}/fire"
    service.close()


def test_a_fire_moves_the_triggers_last_fired_time(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    service.clock.advance(MINUTE)
    ok(hook.fire(), 202)
    trigger = ok(company.board.get(f"/routines/{hook.routine['id']}"))["triggers"][0]
    assert trigger["lastFiredAt"] == "2026-03-02T12:01:30.000Z"
