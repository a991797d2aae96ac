"""Whatever is sent to the fire route, the answer is one of the contract's: section 3, and no fault of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.databases import Places
from support.service import Service
from support.webhooks import MODES, Webhook, webhook

EXAMPLES = 75  # for each mode
Senders = dict[str, Webhook]

printable = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)
tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_!#$%&'*+.^`|~", min_size=1, max_size=20)
names = st.one_of(
    st.sampled_from(
        [
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
            "Cookie",
            "Origin",
            "Sec-Fetch-Site",
        ]
    ),
    tokens.filter(lambda name: name not in {"content-length", "transfer-encoding", "connection", "host"}),
)
headers = st.dictionaries(names, printable, max_size=8)
numbers = st.floats().map(str) | st.integers().map(str)
content_types = st.one_of(
    st.sampled_from(
        [
            "application/json",
            "application/vnd.github+json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "text/plain; charset=utf-16",
            "",
        ]
    ),
    printable,
)
bodies = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode(errors="surrogatepass")),
    st.text('{}[]",:\\u0dD8c1eE+-. \n', max_size=60).map(str.encode),
    st.binary(max_size=100).map(
        lambda part: b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + part + b"--x--"
    ),
)


@pytest.fixture(scope="module")
def senders(places: Places) -> Iterator[Senders]:
    with places.lend() as place:
        service = Service(place, fires_per_minute=10**9)
        company = service.company()
        yield {mode: webhook(service, company, mode) for mode in MODES}
        service.close()


def _latin_1(headers: dict[str, str]) -> dict[str, bytes]:
    return {name: value.encode("latin-1") for name, value in headers.items()}


@pytest.mark.parametrize("mode", MODES)
@given(headers=headers, body=bodies)
@example(headers={"Authorization": "Bearer \xe9"}, body=b"")
@example(headers={"X-Paperclip-Signature": "\xe9" * 64, "X-Paperclip-Timestamp": "NaN"}, body=b"{}")
@example(headers={"X-Paperclip-Signature": "0" * 64, "X-Paperclip-Timestamp": "1e400"}, body=b"{}")
@example(headers={"X-Paperclip-Signature": "0" * 64, "X-Paperclip-Timestamp": "9" * 400}, body=b"{}")
@example(headers={"webhook-id": "\xe9", "webhook-timestamp": "-1", "webhook-signature": "v1,\xe9 v1,"}, body=b"{}")
@settings(max_examples=EXAMPLES)
def test_no_headers_and_no_bytes_are_a_fault_of_ours(
    senders: Senders, mode: str, headers: dict[str, str], body: bytes
) -> None:
    reply = senders[mode].post(_latin_1(headers), body)
    assert reply.status_code in ({202, 400} if mode == "none" else {401}), reply.text


@pytest.mark.parametrize("mode", MODES)
@given(body=bodies, content_type=content_types, key=st.none() | printable.filter(str.strip))
@settings(max_examples=EXAMPLES)
def test_signed_bytes_of_any_type_are_taken_unless_they_claim_to_be_json(
    senders: Senders, mode: str, body: bytes, content_type: str, key: str | None
) -> None:
    sender = senders[mode]
    unsigned = {"Content-Type": content_type, **({} if key is None else {"Idempotency-Key": key})}
    reply = sender.post({**sender.signed(body), **_latin_1(unsigned)}, body)
    is_json = content_type.partition(";")[0].strip().lower().endswith(("application/json", "+json"))
    assert reply.status_code in ({202, 400} if is_json else {202}), reply.text
    assert reply.status_code == 202 or "JSON" in reply.text


@pytest.mark.parametrize("mode", ["hmac_sha256", "standard_webhooks"])
@given(timestamp=numbers | printable)
@settings(max_examples=EXAMPLES)
def test_a_timestamp_that_is_no_number_near_now_is_401(senders: Senders, mode: str, timestamp: str) -> None:
    sender = senders[mode]
    signed = sender.signed()
    name = next(name for name in signed if name.lower().endswith("timestamp"))
    assert sender.post({**signed, **_latin_1({name: timestamp})}).status_code == 401
