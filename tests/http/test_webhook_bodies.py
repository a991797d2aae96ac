"""What a webhook's body becomes, and that nothing a sender can put into one is a fault of ours: section 3."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from support.service import Company, Service, error, ok
from support.webhooks import MODES, SECRET_MODES, webhook

MEBIBYTE = 1024 * 1024
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
NOT_UTF_8 = b"\xff\x00\xfe"
BODIES: dict[str, tuple[str | None, bytes, object]] = {
    "a JSON object": ("application/json", b'{"a":{"b":[1,null]}}', {"a": {"b": [1, None]}}),
    "a JSON object of a subtype": ("application/vnd.github+json", b'{"a":1}', {"a": 1}),
    "a JSON object with a charset": ("application/json; charset=utf-8", '{"a":"ü"}'.encode(), {"a": "ü"}),
    "a JSON array": ("application/json", b"[1,2]", {"body": [1, 2]}),
    "a JSON text": ("application/json", b'"hello"', {"body": "hello"}),
    "a JSON number": ("application/json", b"1.5", {"body": 1.5}),
    "JSON null": ("application/json", b"null", {"body": None}),
    "a form": ("application/x-www-form-urlencoded", b"a=1&b=x+y%C3%BC&b=z", {"a": "1", "b": ["x yü", "z"]}),
    "GitHub's form": ("application/x-www-form-urlencoded", b"payload=%7B%22a%22%3A1%7D", {"payload": '{"a":1}'}),
    "a multipart form": ("multipart/form-data; boundary=b", MULTIPART, {"a": "1"}),
    "plain text": ("text/plain", "hello ü".encode(), {"body": "hello ü"}),
    "XML": ("application/xml", b"<a/>", {"body": "<a/>"}),
    "text without a type": (None, b"hello", {"body": "hello"}),
    "text of an unheard-of type": ("no such/type;;", b"hello", {"body": "hello"}),
    "an empty body": (None, b"", {}),
    "an empty JSON body": ("application/json", b"", {}),
    "an empty form": ("application/x-www-form-urlencoded", b"", {}),
    "bytes that are no text": (
        "application/octet-stream",
        NOT_UTF_8,
        {"body": base64.b64encode(NOT_UTF_8).decode(), "encoding": "base64"},
    ),
}
MALFORMED_JSON = {
    "cut short": b'{"a":',
    "NaN": b'{"a":NaN}',
    "an overflowing number": b'{"a":1e400}',
    "half a surrogate pair": b'{"a":"\\ud800"}',
    "NUL": b'{"a":"\\u0000"}',
    "not UTF-8": b'{"a":"\xff"}',
    "deep nesting": b"[" * 100_000,
    "a huge integer": b"9" * 10_000,
}
HOSTILE_VALUES = {
    "non-ASCII": "sígnature-☃".encode(),
    "no UTF-8": b"\xff\xfe",
    "NaN": b"NaN",
    "spaces": b"   ",
    "huge": b"a" * 60_000,
    "a bare scheme": b"Bearer",
    "commas": b"v1,,,, v1, ,v1",
    "a percent sign": b"%00%s%n",
}
ATTACKED_HEADERS = (
    "Authorization",
    "X-Paperclip-Signature",
    "X-Paperclip-Timestamp",
    "X-Hub-Signature-256",
    "X-GitHub-Delivery",
    "X-GitHub-Event",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "Idempotency-Key",
    "Content-Type",
    "Content-Length",
)


@pytest.mark.parametrize(("content_type", "body", "payload"), BODIES.values(), ids=BODIES)
def test_a_body_of_any_type_becomes_the_payload(
    service: Service, company: Company, content_type: str | None, body: bytes, payload: object
) -> None:
    hook = webhook(service, company, "hmac_sha256")
    headers = {} if content_type is None else {"Content-Type": content_type}
    run = ok(hook.post({**hook.signed(body), **headers}, body), 202)
    assert run["triggerPayload"] == payload
    assert company.runs(hook.routine["id"])[0]["triggerPayload"] == payload
    issue = ok(company.agent.get(f"/issues/{run['linkedIssueId']}"))
    assert issue["routineRuns"][0]["triggerPayload"] == payload


def test_malformed_json_is_400_only_after_authentication(service: Service, company: Company) -> None:
    hook = webhook(service, company, "bearer")
    for what, body in MALFORMED_JSON.items():
        wrong = {**hook.signed_wrongly(body), "Content-Type": "application/json"}
        assert (what, hook.post(wrong, body).status_code) == (what, 401)
        reply = hook.fire(body)
        assert (what, reply.status_code) == (what, 400)
        assert reply.json()["error"]
    assert company.runs(hook.routine["id"]) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_body_may_have_a_mebibyte_and_not_a_byte_more(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)

    def in_chunks(body: bytes) -> Iterator[bytes]:
        yield body[: MEBIBYTE // 2]
        yield body[MEBIBYTE // 2 :]

    largest, larger = b"x" * MEBIBYTE, b"x" * (MEBIBYTE + 1)
    plain = {"Content-Type": "text/plain"}
    assert hook.post({**plain, **hook.signed(largest)}, largest).status_code == 202
    assert hook.post({**plain, **hook.signed(largest)}, in_chunks(largest)).status_code == 202
    assert error(hook.post({**plain, **hook.signed(larger)}, larger), 413)
    assert error(hook.post({**plain, **hook.signed(larger)}, in_chunks(larger)), 413)
    assert error(hook.post(plain, b"x" * 11 * MEBIBYTE), 413)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_in_a_header_is_a_fault_of_ours(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    for name in ATTACKED_HEADERS:
        for what, value in HOSTILE_VALUES.items():
            headers = {header: text for header, text in hook.signed().items() if header != name}
            reply = hook.post({**headers, name: value})
            assert reply.status_code in {200, 202, 400, 401, 413}, (name, what, reply.text)


@pytest.mark.parametrize("mode", SECRET_MODES)
def test_no_hostile_value_passes_for_a_signature(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    for name in list(hook.signed()):
        for value in HOSTILE_VALUES.values():
            assert hook.post({**hook.signed(), name: value}).status_code == 401
    assert company.runs(hook.routine["id"]) == []


@pytest.mark.parametrize("mode", SECRET_MODES)
def test_an_empty_or_binary_body_is_signed_like_any_other(service: Service, company: Company, mode: str) -> None:
    hook = webhook(service, company, mode)
    for body in (b"", b"\x00", NOT_UTF_8, b"\r\n", "ü".encode()):
        assert hook.post(hook.signed(body), body).status_code == 202
