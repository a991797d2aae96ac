"""What a webhook's owner is told of its deliveries, above all of those after which nothing happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from routines.core.limits import SENDER_WORDS_CHARACTERS_MAX, UNFIRED_DELIVERIES_KEPT_MAX
from support.clock import MINUTE, SECOND
from support.service import NOBODY, Caller, Company, Service, error, ok
from support.webhooks import MODES, SECRET_MODES, Webhook, mac, webhook

WINDOW = timedelta(seconds=300)
JSON = {"Content-Type": "application/json"}
HMAC_HEADERS = ("X-Paperclip-Timestamp", "X-Paperclip-Signature")
STANDARD_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def listed(company: Company, hook: Webhook, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ok(
        company.board.get(f"/routine-triggers/{hook.trigger['id']}/deliveries", params=query)
    )
    return found


def newest(company: Company, hook: Webhook) -> dict[str, Any]:
    return listed(company, hook, limit="1")[0]


def told(company: Company, hook: Webhook) -> tuple[str, int, str | None]:
    """Outcome, status and reason of the newest delivery."""
    entry = newest(company, hook)
    return entry["outcome"], entry["status"], entry["reason"]


def refusal(company: Company, hook: Webhook, headers: Mapping[str, Any], body: bytes = b"{}") -> str:
    """The reason that is told of a delivery which is refused with 401, and no more than that to its sender."""
    reply = hook.post(headers, body)
    assert (reply.status_code, reply.json()) == (401, {"error": "Unauthorized"})
    outcome, status, reason = told(company, hook)
    assert (outcome, status) == ("refused", 401)
    assert reason is not None
    return reason


@pytest.mark.parametrize("mode", MODES)
def test_an_accepted_delivery_is_its_run(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    run = ok(hook.fire(), 202)
    assert listed(company, hook) == [
        {
            "id": run["id"],
            "triggerId": hook.trigger["id"],
            "receivedAt": run["triggeredAt"],
            "outcome": "accepted",
            "status": 202,
            "reason": None,
            "runId": run["id"],
            "contentType": None,
            "bodyBytes": None,
            "userAgent": None,
        }
    ]


def test_a_refused_delivery_says_what_came_and_why_it_was_refused(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    hook.post({"Content-Type": "text/plain; charset=x", "User-Agent": "curl/8"}, b"hello")
    entry = newest(company, hook)
    assert entry.pop("id")
    assert "no Authorization header" in entry.pop("reason")
    assert entry == {
        "triggerId": hook.trigger["id"],
        "receivedAt": run_instant(service),
        "outcome": "refused",
        "status": 401,
        "runId": None,
        "contentType": "text/plain",
        "bodyBytes": 5,
        "userAgent": "curl/8",
    }


def run_instant(service: Service) -> str:
    return service.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_bearer_refusals_say_why(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    assert "no Authorization header" in refusal(company, hook, {})
    assert "another scheme than Bearer" in refusal(company, hook, {"Authorization": f"Basic {hook.secret}"})
    assert "another scheme than Bearer" in refusal(company, hook, {"Authorization": hook.secret})
    assert "is not the trigger's" in refusal(company, hook, hook.signed_wrongly())


@pytest.mark.parametrize(
    ("mode", "header"),
    [
        *(("hmac_sha256", header) for header in HMAC_HEADERS),
        ("github_hmac", "X-Hub-Signature-256"),
        *(("standard_webhooks", header) for header in STANDARD_HEADERS),
    ],
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_header_is_named(
    service: Service, company: Company, mode: str, header: str, value: str | None
) -> None:
    hook = webhook(service, company, mode)
    headers = {name: each for name, each in hook.signed().items() if name != header}
    assert f"There is no {header} header" in refusal(
        company, hook, headers | ({} if value is None else {header: value})
    )


@pytest.mark.parametrize(
    ("mode", "header"), [("hmac_sha256", HMAC_HEADERS[0]), ("standard_webhooks", STANDARD_HEADERS[1])]
)
def test_a_timestamp_out_of_the_window_is_told_with_its_age(
    service: Service, company: Company, mode: str, header: str
) -> None:
    hook = webhook(service, company, mode)
    window = "the trigger's replay window is 300 seconds"
    stale = refusal(company, hook, hook.signed(at=service.clock.now() - WINDOW - 100 * SECOND))
    assert f"{header} is 400 seconds old" in stale
    assert window in stale
    early = refusal(company, hook, hook.signed(at=service.clock.now() + WINDOW + 100 * SECOND))
    assert f"{header} is 40" in early
    assert "seconds ahead of this service" in early
    assert f"{header} is not a" in refusal(company, hook, {**hook.signed(), header: "soon"})


@pytest.mark.parametrize(
    ("mode", "header", "malformed"),
    [
        ("hmac_sha256", "X-Paperclip-Signature", "md5=0"),
        ("github_hmac", "X-Hub-Signature-256", "sha256=cut"),
        ("standard_webhooks", "webhook-signature", "v2,abc"),
    ],
)
def test_a_malformed_signature_is_told_from_one_that_does_not_match(
    service: Service, company: Company, mode: str, header: str, malformed: str
) -> None:
    hook = webhook(service, company, mode)
    assert f"{header} does not match" in refusal(company, hook, hook.signed_wrongly())
    assert f"{header} does not match" in refusal(company, hook, hook.signed(), b'{"another": "body"}')
    assert f"{header} is malformed" in refusal(company, hook, {**hook.signed(), header: malformed})


def test_a_signature_that_came_twice_is_told(service: Service, company: Company) -> None:
    hook = webhook(service, company, "standard_webhooks")
    signed = hook.signed()
    twice = {**signed, "webhook-signature": ", ".join([signed["webhook-signature"]] * 2)}
    assert "came twice" in refusal(company, hook, twice)


@pytest.mark.parametrize("mode", SECRET_MODES)
def test_a_trigger_without_a_secret_says_so(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, "none")
    ok(company.board.patch(f"/routine-triggers/{hook.trigger['id']}", {"signingMode": mode}))
    hook.post(JSON)
    assert newest(company, hook)["outcome"] == "refused"


def test_what_cannot_be_read_says_where(service: Service, company: Company) -> None:
    hook = webhook(service, company, "none")
    error(hook.post(JSON, b'{"a": }'), 400)
    assert told(company, hook) == ("unreadable", 400, "Malformed JSON: expecting value at line 1, column 7")
    number = "123456789" * 2 + "e999"
    assert number in error(hook.post(JSON, number.encode()), 400)
    assert told(company, hook) == ("unreadable", 400, "Malformed JSON: a number is larger than a double can be")
    error(hook.post({"Idempotency-Key": "k" * 256}), 400)
    assert told(company, hook) == ("unreadable", 400, "Idempotency-Key: Has 256 characters; 1 to 255 are allowed")


@pytest.mark.parametrize(
    ("path", "change", "why"),
    [
        ("/routine-triggers/{trigger}", {"enabled": False}, "The trigger is disabled"),
        ("/routines/{routine}", {"status": "paused"}, "The routine is paused"),
        ("/routines/{routine}", {"status": "archived"}, "The routine is archived"),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_what_is_not_active_says_which(
    service: Service, company: Company, mode: str, path: str, change: dict[str, Any], why: str
) -> None:
    hook = webhook(service, company, mode)
    ok(company.board.patch(path.format(trigger=hook.trigger["id"], routine=hook.routine["id"]), change))
    assert error(hook.fire(), 409) == "Routine trigger is not active"
    outcome, status, reason = told(company, hook)
    assert (outcome, status) == ("inactive", 409)
    assert (reason or "").startswith(why)


def test_a_replay_names_the_run_that_it_replays(service: Service, company: Company) -> None:
    hook = webhook(service, company, "hmac_sha256")
    signed = hook.signed()
    run = ok(hook.post(signed), 202)
    assert error(hook.post(signed), 409) == "Webhook replay detected"
    outcome, status, reason = told(company, hook)
    assert (outcome, status) == ("replay", 409)
    assert run["id"] in (reason or "")
    assert [each["outcome"] for each in listed(company, hook)] == ["replay", "accepted"]


def test_a_repeat_and_a_ping_are_told(service: Service, company: Company) -> None:
    hook = webhook(service, company, "github_hmac")
    run = ok(hook.fire(headers={"X-GitHub-Delivery": "1"}), 202)
    ok(hook.fire(headers={"X-GitHub-Delivery": "1"}), 202)
    ok(hook.fire(headers={"X-GitHub-Event": "ping"}))
    ping, repeat, accepted = listed(company, hook)
    assert [(each["outcome"], each["status"], each["runId"]) for each in (ping, repeat, accepted)] == [
        ("ping", 200, None),
        ("repeated", 202, run["id"]),
        ("accepted", 202, run["id"]),
    ]
    assert ping["reason"]
    assert repeat["reason"]


def test_accepted_deliveries_are_found_though_the_clock_steps_back_or_long_passes(
    service: Service, company: Company
) -> None:
    hook = webhook(service, company)
    service.clock.advance(-9 * SECOND)
    made = [ok(hook.fire(), 202)["id"]]
    assert [each["id"] for each in listed(company, hook)] == made
    for step in (SECOND, 100 * MINUTE):
        service.clock.advance(step)
        made.insert(0, ok(hook.fire(), 202)["id"])
        service.clock.advance(100 * MINUTE)
        ok(company.board.post(f"/routines/{hook.routine['id']}/run"), 202)
        assert [each["id"] for each in listed(company, hook)] == made


@pytest.mark.parametrize("policy", ["coalesce_if_active", "skip_if_active"])
def test_an_accepted_delivery_without_an_issue_of_its_own_says_why(
    service: Service, company: Company, policy: str
) -> None:
    hook = webhook(service, company)
    ok(company.board.patch(f"/routines/{hook.routine['id']}", {"concurrencyPolicy": policy}))
    ok(hook.fire(), 202)
    ok(hook.fire(), 202)
    ok(company.board.patch(f"/projects/{company.project_id}", {"status": "paused"}))
    ok(hook.fire(), 202)
    suppressed, joined, first = listed(company, hook)
    assert {each["outcome"] for each in (suppressed, joined, first)} == {"accepted"}
    assert suppressed["reason"] == "The company or the project is paused, so the run was skipped"
    assert "An execution issue was open" in joined["reason"]
    assert first["reason"] is None
    company.close(company.issues(hook.routine["id"])[0]["id"], "cancelled")
    assert listed(company, hook)[-1]["reason"] is None


def test_deliveries_are_paged_newest_first_across_accepted_and_refused(service: Service, company: Company) -> None:
    hook, other = webhook(service, company), webhook(service, company)
    statuses = []
    for number in range(12):
        if number % 4 == 0:
            service.clock.advance(SECOND)
        ok(other.fire(), 202)
        reply = hook.fire() if number % 3 else hook.post({})
        statuses.append(reply.status_code)
        ok(company.board.post(f"/routines/{hook.routine['id']}/run", {"triggerId": hook.trigger["id"]}), 202)
    whole = listed(company, hook)
    assert [each["status"] for each in whole] == statuses[::-1]
    assert [each["id"] for each in whole] == sorted((each["id"] for each in whole), reverse=True)
    paged: list[dict[str, Any]] = []
    before: dict[str, str] = {}
    while page := listed(company, hook, limit="5", **before):
        paged += page
        before = {"before": page[-1]["id"]}
    assert paged == whole


@pytest.mark.parametrize(("limit", "count"), [("0", 1), ("-5", 1), ("3", 3), (None, 50), ("1000", 60)])
def test_a_page_is_as_long_as_asked_for(service: Service, company: Company, limit: str | None, count: int) -> None:
    hook = webhook(service, company, "none")
    for _ in range(60):
        error(hook.post(JSON, b"{"), 400)
    assert len(listed(company, hook, **({} if limit is None else {"limit": limit}))) == count


def test_of_a_flood_only_the_newest_are_kept(service: Service, company: Company) -> None:
    hook, quiet = webhook(service, company), webhook(service, company)
    hook.post({})
    hook.fire()
    quiet.post({})
    for number in range(UNFIRED_DELIVERIES_KEPT_MAX + 5):
        hook.post({}, b"x" * number)
    whole = listed(company, hook, limit="200")
    assert [each["outcome"] for each in whole] == ["refused"] * UNFIRED_DELIVERIES_KEPT_MAX + ["accepted"]
    assert [each["bodyBytes"] for each in whole[:-1]] == list(range(104, 4, -1))
    assert len(listed(company, quiet)) == 1


def test_only_who_may_read_the_trigger_reads_its_deliveries(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    hook.post({})
    path = f"/routine-triggers/{hook.trigger['id']}/deliveries"
    for caller in (company.board, company.agent, company.colleague):
        assert len(ok(caller.get(path))) == 1
    stranger = service.company("Rival").agent
    unknown = error(company.board.get(f"/routine-triggers/{NOBODY}/deliveries"), 404)
    assert error(stranger.get(path), 404) == unknown
    assert error(company.board.get("/routine-triggers/x/deliveries"), 404) == unknown
    error(service.as_agent("pcp_wrong").get(path), 401)


@pytest.mark.parametrize("kind", [{"kind": "api"}, {"kind": "schedule", "cronExpression": "0 9 * * *"}])
def test_only_a_webhook_has_deliveries(company: Company, kind: dict[str, str]) -> None:
    trigger = company.trigger(company.routine()["id"], **kind)["trigger"]["id"]
    assert kind["kind"] in error(company.board.get(f"/routine-triggers/{trigger}/deliveries"), 422)


@pytest.mark.parametrize("query", [{"limit": "x"}, {"before": "x"}, {"outcome": "refused"}])
def test_a_query_that_is_none_is_400(service: Service, company: Company, query: dict[str, str]) -> None:
    hook = webhook(service, company)
    error(company.board.get(f"/routine-triggers/{hook.trigger['id']}/deliveries", params=query), 400)


@pytest.mark.parametrize("path", ["/routine-triggers/{trigger}", "/routines/{routine}"])
def test_deliveries_go_with_their_trigger(service: Service, company: Company, path: str) -> None:
    hook = webhook(service, company)
    hook.post({"User-Agent": "found-nowhere"})
    assert any(b"found-nowhere" in each for each in tables(service))
    company.board.delete(path.format(trigger=hook.trigger["id"], routine=hook.routine["id"]))
    error(company.board.get(f"/routine-triggers/{hook.trigger['id']}/deliveries"), 404)
    assert not any(b"found-nowhere" in each for each in tables(service))
    error(hook.post({"User-Agent": "found-nowhere"}), 404)
    assert not any(b"found-nowhere" in each for each in tables(service))


def tables(service: Service) -> list[bytes]:
    """What every table holds; the files of a database may hold what was removed from it for a while."""
    return [each for each in service.kept() if each.startswith(b"[")]


def test_what_a_sender_says_of_itself_is_bounded_and_printable(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    hook.post({"User-Agent": b"\xff\x01" + b"a" * 1000, "Content-Type": b"t\xe9xt/" + b"b" * 1000})
    entry = newest(company, hook)
    assert entry["userAgent"] == "??" + "a" * (SENDER_WORDS_CHARACTERS_MAX - 2)
    assert entry["contentType"] == "t?xt/" + "b" * (SENDER_WORDS_CHARACTERS_MAX - 5)


@pytest.mark.parametrize("mode", SECRET_MODES)
def test_no_place_in_which_a_secret_comes_is_kept(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    secret = hook.secret or ""
    bare = secret.removeprefix("whsec_")
    signed = hook.signed()
    places = {
        **dict.fromkeys(
            [
                *("Authorization", "Proxy-Authorization", "Cookie", "User-Agent", "Content-Type", "Referer"),
                *(*HMAC_HEADERS, *STANDARD_HEADERS, "X-Hub-Signature-256", "X-Hub-Signature", "X-GitHub-Delivery"),
                *("Idempotency-Key", "X-Api-Key", "Host", "X-GitHub-Event"),
            ],
            secret,
        ),
        f"X-{bare.rstrip('=').replace('/', '').replace('+', '')}": "1",
    }
    everything = {**places, "Content-Type": f"text/plain; boundary={secret}"}
    deliveries = [
        *({name: value} for name, value in places.items()),
        *({**signed, name: value} for name, value in places.items() if name in signed),
        {**signed, "User-Agent": f"curl/8 ({secret.upper()})", "Content-Type": f"application/{bare}+json"},
        {**everything, "User-Agent": f"{'x' * (SENDER_WORDS_CHARACTERS_MAX - 20)}{secret}"},
        {**signed, "Content-Type": "application/json", "Idempotency-Key": "k" * 200 + secret * 3},
    ]
    caller = Caller(service.client)
    for headers in deliveries:
        reply = caller.request(
            "POST", hook.path, headers=headers, content=f'{{"a": {bare}'.encode(), params={"secret": secret}
        )
        assert reply.status_code in {400, 401}, (headers, reply.text)
    signatures = [value for value in signed.values() if len(value) > 40]
    looked_for = [bare[:20], bare[-20:], *signatures, mac(secret.encode(), b"{}").hex()]
    kept = [*service.kept(), str(listed(company, hook, limit="200")).encode()]
    assert any(b"left out, for it held the secret" in each for each in kept)
    assert [each for each in looked_for if any(each.lower().encode() in text.lower() for text in kept)] == []


def test_a_wrong_delivery_does_not_take_the_good_ones_of_its_set_along(service: Service, company: Company) -> None:
    hook = webhook(service, company, "none")
    service.clock.advance(MINUTE)
    for headers in ({"User-Agent": b"\x80\xed\xa0\x80"}, {"Content-Type": b"application/json\x85"}, {"User-Agent": ""}):
        hook.post({**headers, "Idempotency-Key": ""})
        ok(hook.fire(), 202)
    assert [each["outcome"] for each in listed(company, hook)] == ["accepted", "unreadable"] * 3
