"""The same delivery again, in turn and at once, and too many deliveries: sections 2 and 3 of the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from httpx2 import Response

from routines.core.errors import RateLimitedError
from routines.http.rate_limit import RateLimiter
from support.service import Company, Place, Service, error, ok
from support.webhooks import MODES, Webhook, webhook

AT_ONCE = 20
KEY = {"Idempotency-Key": "delivery-1"}
REPLAY = "Webhook replay detected"


def at_once(call: Callable[[], Response]) -> list[Response]:
    """The replies to the same call of as many threads, none of which begins before all are there."""
    ready = Barrier(AT_ONCE)

    def wait_and_call(_: int) -> Response:
        ready.wait()
        return call()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(wait_and_call, range(AT_ONCE)))


def run_count(company: Company, hook: Webhook) -> int:
    """How many runs a webhook's routine has."""
    return len(company.runs(hook.routine["id"]))


def is_replayed(reply: Response) -> bool:
    """True if the reply says that the run was there before."""
    return reply.headers.get("Idempotent-Replayed") == "true"


@pytest.mark.parametrize("mode", MODES)
def test_the_same_idempotency_key_is_the_same_run_in_every_mode(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    first = hook.fire(b'{"n":1}', KEY)
    again = hook.fire(b'{"n":2}', KEY)
    assert ok(first, 202) == ok(again, 202)
    assert first.json()["triggerPayload"] == {"n": 1}
    assert first.json()["idempotencyKey"] == "delivery-1"
    assert (is_replayed(first), is_replayed(again)) == (False, True)
    assert run_count(company, hook) == 1


@pytest.mark.parametrize("mode", MODES)
def test_one_key_twenty_times_at_once_is_one_run(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    replies = at_once(lambda: hook.fire(headers=KEY))
    assert {ok(reply, 202)["id"] for reply in replies} == {company.runs(hook.routine["id"])[0]["id"]}
    assert Counter(map(is_replayed, replies)) == {False: 1, True: AT_ONCE - 1}
    assert run_count(company, hook) == 1


def test_a_key_answers_also_once_the_routine_is_paused_or_archived(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    run = ok(hook.fire(headers=KEY), 202)
    for status in ("paused", "archived"):
        ok(company.board.patch(f"/routines/{hook.routine['id']}", {"status": status}))
        again = hook.fire(headers=KEY)
        assert ok(again, 202)["id"] == run["id"]
        assert is_replayed(again)
        assert hook.post({**hook.signed_wrongly(), **KEY}).status_code == 401


def test_a_key_is_worth_nothing_to_another_trigger_or_source(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    made = company.trigger(hook.routine["id"], kind="webhook")
    other = Webhook(service, hook.routine, made["trigger"], made["secretMaterial"]["webhookSecret"])
    ids = {
        ok(hook.fire(headers=KEY), 202)["id"],
        ok(other.fire(headers=KEY), 202)["id"],
        ok(company.board.post(f"/routines/{hook.routine['id']}/run", {"idempotencyKey": "delivery-1"}), 202)["id"],
    }
    assert len(ids) == 3


@pytest.mark.parametrize(("length", "status"), [(0, 400), (1, 202), (255, 202), (256, 400), (60_000, 400)])
def test_a_key_has_1_to_255_characters(service: Service, company: Company, length: int, status: int) -> None:
    hook = webhook(service, company)
    assert hook.fire(headers={"Idempotency-Key": "k" * length}).status_code == status
    assert hook.post({**hook.signed_wrongly(), "Idempotency-Key": "k" * length}).status_code == 401


def test_a_signed_request_again_is_a_replay(service: Service, company: Company) -> None:
    hook = webhook(service, company, "hmac_sha256")
    signed = hook.signed()
    ok(hook.post(signed), 202)
    spelt_otherwise = {**signed, "X-Paperclip-Signature": "sha256=" + signed["X-Paperclip-Signature"].upper()}
    for headers in (signed, spelt_otherwise, {**signed, **KEY}):
        assert error(hook.post(headers), 409) == REPLAY
    assert run_count(company, hook) == 1


def test_a_signed_request_twenty_times_at_once_is_one_run(service: Service, company: Company) -> None:
    hook = webhook(service, company, "hmac_sha256")
    signed = hook.signed()
    replies = at_once(lambda: hook.post(signed))
    assert Counter(reply.status_code for reply in replies) == {202: 1, 409: AT_ONCE - 1}
    assert run_count(company, hook) == 1


def test_a_signed_request_again_with_its_key_is_answered_with_its_run(service: Service, company: Company) -> None:
    hook = webhook(service, company, "hmac_sha256")
    signed = hook.signed()
    run = ok(hook.post({**signed, **KEY}), 202)
    assert ok(hook.post({**signed, **KEY}), 202)["id"] == run["id"]
    assert error(hook.post(signed), 409) == REPLAY
    assert error(hook.post({**signed, "Idempotency-Key": "delivery-2"}), 409) == REPLAY
    assert run_count(company, hook) == 1


def test_the_same_body_signed_anew_is_another_delivery(service: Service, company: Company) -> None:
    hook = webhook(service, company, "hmac_sha256")
    ok(hook.fire(), 202)
    ok(hook.fire(), 202)
    assert run_count(company, hook) == 2


def test_a_refused_delivery_is_no_replay_once_it_is_accepted(service: Service, company: Company) -> None:
    hook = webhook(service, company, "hmac_sha256")
    trigger = f"/routine-triggers/{hook.trigger['id']}"
    signed = hook.signed()
    ok(company.board.patch(trigger, {"enabled": False}))
    error(hook.post(signed), 409)
    ok(company.board.patch(trigger, {"enabled": True}))
    ok(hook.post(signed), 202)


@pytest.mark.parametrize(
    ("mode", "header"), [("github_hmac", "X-GitHub-Delivery"), ("standard_webhooks", "webhook-id")]
)
def test_the_providers_id_is_the_idempotency_key(service: Service, company: Company, mode: str, header: str) -> None:
    hook = webhook(service, company, mode)
    signed = {"X-GitHub-Delivery": "72d3162e", **hook.signed()}
    first, again = hook.post(signed), hook.post(signed)
    assert ok(first, 202)["id"] == ok(again, 202)["id"]
    assert first.json()["idempotencyKey"] == signed[header]
    assert (is_replayed(first), is_replayed(again)) == (False, True)
    with_a_key_besides = hook.post({**signed, **KEY})
    assert ok(with_a_key_besides, 202)["id"] == first.json()["id"]
    ok(hook.post({**signed, **hook.signed(), "X-GitHub-Delivery": "another"}), 202)
    assert run_count(company, hook) == 2


def test_a_redelivery_twenty_times_at_once_is_one_run(service: Service, company: Company) -> None:
    hook = webhook(service, company, "github_hmac")
    replies = at_once(lambda: hook.fire(headers={"X-GitHub-Delivery": "72d3162e"}))
    assert len({ok(reply, 202)["id"] for reply in replies}) == 1
    assert run_count(company, hook) == 1


@pytest.mark.parametrize("mode", ["bearer", "github_hmac", "none"])
def test_deliveries_without_any_key_are_each_their_own(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    signed = hook.signed()
    ok(hook.post(signed), 202)
    ok(hook.post(signed), 202)
    assert run_count(company, hook) == 2


def test_too_many_fires_are_429_before_any_secret_is_looked_at(place: Place) -> None:
    service = Service(place, fires_per_minute=3)
    company = service.company()
    hook, other = webhook(service, company), webhook(service, company)
    wrong = hook.signed_wrongly()
    assert [hook.post(wrong).status_code for _ in range(3)] == [401, 401, 401]
    for headers in (hook.signed(), wrong, {}):
        refused = hook.post(headers)
        assert error(refused, 429)
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
    ok(other.fire(), 202)
    assert run_count(company, hook) == 0
    service.close()


def test_the_rate_is_refilled_evenly_over_a_minute() -> None:
    limiter = RateLimiter(per_minute=3)
    for _ in range(3):
        limiter.admit("a", 0.0)
    with pytest.raises(RateLimitedError) as refused:
        limiter.admit("a", 5.0)
    assert refused.value.retry_after_seconds == 15
    limiter.admit("a", 5.0 + refused.value.retry_after_seconds)
    limiter.admit("b", 5.0)
    for at in (600.0, 600.0, 600.0):
        limiter.admit("a", at)
    with pytest.raises(RateLimitedError):
        limiter.admit("a", 600.0)
