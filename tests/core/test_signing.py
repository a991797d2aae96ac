"""Promises of `routines.core.signing`: each mode against published examples, its window and every way to forge.

What a refused delivery is answered with belongs to the tests of `routines.http`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routines.core.errors import UnauthorizedError
from routines.core.limits import IDEMPOTENCY_KEY_CHARACTERS_MAX
from routines.core.signing import (
    SECRET_ENTROPY_BYTES,
    Delivery,
    SigningMode,
    Verified,
    is_github_ping,
    new_secret,
    sign_github,
    sign_hmac_sha256,
    sign_standard_webhooks,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_SECONDS = int(NOW.timestamp())
WINDOW_SECONDS = 300
SECRET = "5ecret-é"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
SECRETS = {
    SigningMode.BEARER: SECRET,
    SigningMode.HMAC_SHA256: SECRET,
    SigningMode.GITHUB_HMAC: SECRET,
    SigningMode.STANDARD_WEBHOOKS: STANDARD_SECRET,
}


def check(
    mode: SigningMode, headers: dict[str, str], *, body: bytes = BODY, secret: str | None = None, now: datetime = NOW
) -> Verified:
    delivery = Delivery({name.lower(): value for name, value in headers.items()}, body)
    return verify(mode, secret or SECRETS.get(mode), delivery, now=now, replay_window_seconds=WINDOW_SECONDS)


def signed(mode: SigningMode) -> dict[str, str]:
    match mode:
        case SigningMode.BEARER:
            return {"Authorization": f"Bearer {SECRET.encode().decode('latin-1')}"}
        case SigningMode.HMAC_SHA256:
            return sign_hmac_sha256(SECRET, BODY, NOW_SECONDS)
        case SigningMode.GITHUB_HMAC:
            return sign_github(SECRET, BODY)
        case _:
            return sign_standard_webhooks(STANDARD_SECRET, "msg_1", NOW_SECONDS, BODY)


def hmac_headers(timestamp: str, *, secret: str = SECRET, body: bytes = BODY) -> dict[str, str]:
    """Signed as a sender would whose clock reads `timestamp`, whatever it is."""
    content = timestamp.encode("latin-1", "replace") + b"." + body
    signature = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return {"X-Paperclip-Timestamp": timestamp, "X-Paperclip-Signature": signature}


# Every mode.


@pytest.mark.parametrize("mode", SECRETS)
def test_what_is_signed_with_the_secret_is_authentic(mode: SigningMode) -> None:
    check(mode, signed(mode))


@pytest.mark.parametrize("mode", SECRETS)
def test_another_secret_is_refused(mode: SigningMode) -> None:
    other = new_secret(mode, b"\1" * SECRET_ENTROPY_BYTES)
    with pytest.raises(UnauthorizedError):
        check(mode, signed(mode), secret=other)


@pytest.mark.parametrize("mode", [mode for mode in SECRETS if mode is not SigningMode.BEARER])
def test_another_body_is_refused(mode: SigningMode) -> None:
    with pytest.raises(UnauthorizedError):
        check(mode, signed(mode), body=BODY + b" ")


@pytest.mark.parametrize("mode", SECRETS)
@pytest.mark.parametrize("wrong", ["", " ", "é", "💥", "\0", ",", "x" * 100_000], ids=ascii)
def test_a_header_that_is_missing_wrong_or_sent_twice_is_refused(mode: SigningMode, wrong: str) -> None:
    headers = signed(mode)
    for name, value in headers.items():
        others = {other: headers[other] for other in headers if other != name}
        for bad in (others, {**others, name: wrong}, {**others, name: f"{value}, {value}"}):
            with pytest.raises(UnauthorizedError):
                check(mode, bad)


@pytest.mark.parametrize("mode", SECRETS)
@pytest.mark.parametrize("secret", [None, ""])
def test_a_mode_that_needs_a_secret_and_has_none_refuses_all(mode: SigningMode, secret: str | None) -> None:
    headers = sign_github("", BODY) | hmac_headers(str(NOW_SECONDS), secret="") | {"authorization": "Bearer "}
    with pytest.raises(UnauthorizedError):
        verify(mode, secret, Delivery(headers, BODY), now=NOW, replay_window_seconds=WINDOW_SECONDS)


def test_without_a_signing_mode_everything_is_authentic() -> None:
    assert check(SigningMode.NONE, {}) == Verified(idempotency_key=None, signature_digest=None)


def test_all_refusals_read_alike() -> None:
    with pytest.raises(UnauthorizedError, match=r"^Unauthorized$"):
        check(SigningMode.BEARER, {})
    with pytest.raises(UnauthorizedError, match=r"^Unauthorized$"):
        check(SigningMode.HMAC_SHA256, hmac_headers("1"))


@given(
    mode=st.sampled_from(SigningMode),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "authorization",
                "x-paperclip-signature",
                "x-paperclip-timestamp",
                "x-hub-signature-256",
                "x-github-delivery",
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
            ]
        ),
        st.text() | st.just(str(NOW_SECONDS)) | st.from_regex(r"\A(Bearer |sha256=|v1,)", fullmatch=False),
    ),
    body=st.binary(),
)
@settings(deadline=None)
def test_whatever_is_sent_is_authentic_or_unauthorized(mode: SigningMode, headers: dict[str, str], body: bytes) -> None:
    if mode is SigningMode.NONE:
        check(mode, headers, body=body)
    else:
        with pytest.raises(UnauthorizedError):
            check(mode, headers, body=body)


# Bearer.


@pytest.mark.parametrize("authorization", ["Bearer s", "bearer s", "BEARER s", "Bearer   s"])
def test_the_bearer_scheme_is_in_any_case(authorization: str) -> None:
    assert check(SigningMode.BEARER, {"Authorization": authorization}, secret="s") == Verified()


@pytest.mark.parametrize("authorization", ["s", "Bearer", "Bearer S", "Basic s", "Bearer ss", "Bearer s s", "Bearers"])
def test_nothing_but_the_secret_is_a_bearer_token(authorization: str) -> None:
    with pytest.raises(UnauthorizedError):
        check(SigningMode.BEARER, {"Authorization": authorization}, secret="s")


# HMAC-SHA256 over a timestamp and the body.


@pytest.mark.parametrize(
    "respell", [str, str.upper, lambda digest: f"sha256={digest}", lambda digest: f"SHA256={digest.upper()}"]
)
def test_a_signed_request_is_the_same_however_its_signature_is_spelt(respell: Callable[[str], str]) -> None:
    headers = hmac_headers(str(NOW_SECONDS))
    digest = headers["X-Paperclip-Signature"]
    verified = check(SigningMode.HMAC_SHA256, headers | {"X-Paperclip-Signature": respell(digest)})
    assert verified == Verified(idempotency_key=None, signature_digest=digest)


def test_another_request_has_another_digest() -> None:
    first = check(SigningMode.HMAC_SHA256, sign_hmac_sha256(SECRET, BODY, NOW_SECONDS))
    second = check(SigningMode.HMAC_SHA256, sign_hmac_sha256(SECRET, BODY, NOW_SECONDS + 1))
    assert first.signature_digest != second.signature_digest


def test_the_signed_content_is_timestamp_dot_body_and_the_key_the_secret_as_shown() -> None:
    headers = sign_hmac_sha256("key", b"body", 1_700_000_000)
    expected = hmac.new(b"key", b"1700000000.body", hashlib.sha256).hexdigest()
    assert headers == {"X-Paperclip-Timestamp": "1700000000", "X-Paperclip-Signature": f"sha256={expected}"}


@pytest.mark.parametrize("away", [-1, 1])
@pytest.mark.parametrize(
    "clock",
    [str, lambda seconds: str(seconds * 1000), lambda seconds: f"{seconds}.0", lambda seconds: f"{seconds}000.0"],
)
def test_timestamps_in_seconds_or_milliseconds_are_fresh_within_the_window_both_ways(
    clock: Callable[[int], str], away: int
) -> None:
    check(SigningMode.HMAC_SHA256, hmac_headers(clock(NOW_SECONDS + away * WINDOW_SECONDS)))
    with pytest.raises(UnauthorizedError):
        check(SigningMode.HMAC_SHA256, hmac_headers(clock(NOW_SECONDS + away * (WINDOW_SECONDS + 1))))


NO_TIMESTAMPS = [
    "NaN", "nan", "inf", "Infinity", "-1", "+1", "1e9", "0x10", "", " ", ".", "1.", ".5", "1.2.3", "9" * 400,
    f"-{NOW_SECONDS}", f"+{NOW_SECONDS}", f" {NOW_SECONDS}", f"{NOW_SECONDS} ", f"{NOW_SECONDS}\n", f"{NOW_SECONDS}e0",
    f"{NOW_SECONDS:_}", f"{NOW_SECONDS:,}", "".join(chr(ord(digit) + 0x660 - 0x30) for digit in str(NOW_SECONDS)),
    f"{NOW_SECONDS}²",
]  # fmt: skip


@pytest.mark.parametrize("timestamp", NO_TIMESTAMPS, ids=ascii)
def test_a_timestamp_is_plain_digits_even_if_it_is_signed(timestamp: str) -> None:
    with pytest.raises(UnauthorizedError):
        check(SigningMode.HMAC_SHA256, hmac_headers(timestamp))


# GitHub.


def test_githubs_published_example_is_authentic() -> None:
    secret, body = "It's a Secret to Everybody", b"Hello, World!"
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert sign_github(secret, body) == {"X-Hub-Signature-256": signature}
    assert check(SigningMode.GITHUB_HMAC, {"X-Hub-Signature-256": signature}, secret=secret, body=body) == Verified()


@pytest.mark.parametrize(("delivery_id", "key"), [("72d3162e-cc78", "72d3162e-cc78"), ("", None)])
def test_githubs_delivery_id_is_the_idempotency_key(delivery_id: str, key: str | None) -> None:
    headers = sign_github(SECRET, BODY) | {"X-GitHub-Delivery": delivery_id}
    assert check(SigningMode.GITHUB_HMAC, headers).idempotency_key == key


@pytest.mark.parametrize(
    ("headers", "ping"), [({"x-github-event": "ping"}, True), ({"x-github-event": "push"}, False), ({}, False)]
)
def test_a_ping_of_github_is_told_by_its_event(headers: dict[str, str], ping: bool) -> None:  # noqa: FBT001 - a table
    assert is_github_ping(Delivery(headers, b"{}")) is ping


# Standard Webhooks.

STANDARD_EXAMPLE = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
STANDARD_EXAMPLE_TIME = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)


def check_standard(**changed: str) -> Verified:
    headers = STANDARD_EXAMPLE | {f"webhook-{name}": value for name, value in changed.items()}
    return check(SigningMode.STANDARD_WEBHOOKS, headers, now=STANDARD_EXAMPLE_TIME)


def test_the_published_example_of_standard_webhooks_is_authentic() -> None:
    signature = sign_standard_webhooks(STANDARD_SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY)
    assert signature == STANDARD_EXAMPLE
    assert check_standard() == Verified(idempotency_key="msg_p5jXN8AQM9LWM0D4loKWxJek", signature_digest=None)


@pytest.mark.parametrize(
    "signatures", ["v1,bm9wZQ== {}", "{} v1,bm9wZQ==", "v1a,bm9wZQ== v2,x {} v1,", "junk {}", " {} "]
)
def test_one_matching_signature_among_several_is_enough(signatures: str) -> None:
    check_standard(signature=signatures.format(STANDARD_EXAMPLE["webhook-signature"]))


@pytest.mark.parametrize(
    "signature",
    [
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE",
        "v1,G0HM9SSE+OTPJTGT/TMIKTSYZLE3UFJELVLNIOLJ1OE=",
        "v1,",
        "v1",
    ],
)
def test_a_signature_of_another_version_or_spelling_is_refused(signature: str) -> None:
    with pytest.raises(UnauthorizedError):
        check_standard(signature=signature)


@pytest.mark.parametrize("away", [-1, 1])
def test_standard_timestamps_are_fresh_within_the_window_both_ways(away: int) -> None:
    for seconds, fresh in ((WINDOW_SECONDS, True), (WINDOW_SECONDS + 1, False)):
        now = STANDARD_EXAMPLE_TIME + away * timedelta(seconds=seconds)
        if fresh:
            check(SigningMode.STANDARD_WEBHOOKS, STANDARD_EXAMPLE, now=now)
        else:
            with pytest.raises(UnauthorizedError):
                check(SigningMode.STANDARD_WEBHOOKS, STANDARD_EXAMPLE, now=now)


@pytest.mark.parametrize("timestamp", [*NO_TIMESTAMPS, f"{NOW_SECONDS}.0", f"{NOW_SECONDS}000"], ids=ascii)
def test_a_standard_timestamp_is_whole_seconds_even_if_it_is_signed(timestamp: str) -> None:
    content = b"msg_1." + timestamp.encode("latin-1", "replace") + b"." + BODY
    key = base64.b64decode(STANDARD_SECRET.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}
    with pytest.raises(UnauthorizedError):
        check(SigningMode.STANDARD_WEBHOOKS, headers)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64", "whsec_é"])
def test_a_secret_that_is_not_base64_opens_nothing_and_signs_nothing(secret: str) -> None:
    with pytest.raises(UnauthorizedError):
        check(SigningMode.STANDARD_WEBHOOKS, STANDARD_EXAMPLE, secret=secret, now=STANDARD_EXAMPLE_TIME)
    with pytest.raises(ValueError, match=r"."):
        sign_standard_webhooks(secret, "msg_1", NOW_SECONDS, BODY)


def test_the_prefix_of_a_standard_secret_is_optional() -> None:
    bare = STANDARD_SECRET.removeprefix("whsec_")
    check(SigningMode.STANDARD_WEBHOOKS, STANDARD_EXAMPLE, secret=bare, now=STANDARD_EXAMPLE_TIME)


# The providers' ids as idempotency keys.


def test_an_id_that_no_key_could_be_is_stood_for_by_its_hash() -> None:
    longest = "a" * IDEMPOTENCY_KEY_CHARACTERS_MAX
    keys = [
        check(
            SigningMode.STANDARD_WEBHOOKS, sign_standard_webhooks(STANDARD_SECRET, id_, NOW_SECONDS, BODY)
        ).idempotency_key
        for id_ in (longest, longest + "a", longest + "b", "tab\there", "\x85")
    ]
    assert keys[0] == longest
    assert keys[1] == f"sha256:{hashlib.sha256(b'a' * 256).hexdigest()}"
    assert len(set(keys)) == len(keys)
    assert all(key is not None and len(key) <= IDEMPOTENCY_KEY_CHARACTERS_MAX and key.isprintable() for key in keys)


def test_the_hash_of_an_id_is_taken_in_every_mode() -> None:
    headers = sign_github(SECRET, BODY) | {"X-GitHub-Delivery": "\ud800" * 300}
    assert str(check(SigningMode.GITHUB_HMAC, headers).idempotency_key).startswith("sha256:")


# New secrets.

ENTROPY = bytes(range(SECRET_ENTROPY_BYTES))


def test_a_new_secret_is_in_the_form_of_its_mode() -> None:
    assert new_secret(SigningMode.STANDARD_WEBHOOKS, ENTROPY) == f"whsec_{base64.b64encode(ENTROPY).decode()}"
    for mode in (SigningMode.BEARER, SigningMode.HMAC_SHA256, SigningMode.GITHUB_HMAC):
        assert new_secret(mode, ENTROPY) == ENTROPY.hex()
    assert new_secret(SigningMode.NONE, b"") is None


def test_a_secret_needs_its_full_entropy() -> None:
    with pytest.raises(ValueError, match="A secret is made of 32 random bytes, not 31"):
        new_secret(SigningMode.BEARER, ENTROPY[1:])
