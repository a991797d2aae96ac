"""What senders and receivers of webhooks use: each mode there and back, and every way in which it is not the same."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta

import pytest

from routines import sign_webhook, verify_webhook
from routines.client import ConfigurationError, WebhookRefusedError, webhooks
from routines.core.signing import SECRET_ENTROPY_BYTES, SigningMode, new_secret

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BODY = b'{"n": 1}'
SIGNED = [mode for mode in SigningMode if mode is not SigningMode.NONE]


@pytest.mark.parametrize("mode", SIGNED)
def test_what_is_signed_is_verified_and_nothing_else(mode: SigningMode) -> None:
    secret, other = (new_secret(mode, bytes([n]) * SECRET_ENTROPY_BYTES) or "" for n in (1, 2))
    headers = sign_webhook(secret, BODY, mode=mode, message_id="msg_1", now=NOW)
    upper = {name.upper(): value for name, value in headers.items()}
    first, again = (verify_webhook(secret, BODY, each, mode=mode, now=NOW) for each in (headers, upper))
    assert first == again
    with pytest.raises(WebhookRefusedError):
        verify_webhook(other, BODY, headers, mode=mode, now=NOW)
    with pytest.raises(WebhookRefusedError, match="There is no"):
        verify_webhook(secret, BODY, {}, mode=mode, now=NOW)
    if mode is not SigningMode.BEARER:
        with pytest.raises(WebhookRefusedError, match="does not match"):
            verify_webhook(secret, BODY + b" ", headers, mode=mode, now=NOW)


def test_a_delivery_grows_stale_and_a_repeated_one_is_known() -> None:
    secret = new_secret(SigningMode.STANDARD_WEBHOOKS, bytes(SECRET_ENTROPY_BYTES)) or ""
    headers = sign_webhook(secret, BODY, message_id="msg_1", now=NOW)
    assert verify_webhook(secret, BODY, headers, now=NOW).idempotency_key == "msg_1"
    late = NOW + timedelta(minutes=5, seconds=1)
    with pytest.raises(WebhookRefusedError, match="301 seconds old"):
        verify_webhook(secret, BODY, headers, now=late)
    assert verify_webhook(secret, BODY, headers, now=late, replay_window_seconds=600)
    one, two = (sign_webhook(secret, BODY)["webhook-id"] for _ in range(2))
    assert one != two


def test_a_secret_of_another_form_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError):
        sign_webhook("no base64!", BODY)
    with pytest.raises(ConfigurationError, match="signed with a secret"):
        sign_webhook(None, BODY, mode="hmac_sha256")


def test_the_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(webhooks, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 4
    assert result.failed == 0
