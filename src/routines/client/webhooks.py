"""Signing what is sent to a webhook trigger, and verifying what the service sends.

The rules themselves are `core.signing`'s; here is only what a program without a service needs around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from routines.client.errors import ConfigurationError, WebhookRefusedError
from routines.client.models import AnySigningMode
from routines.core.errors import UnauthorizedError
from routines.core.limits import REPLAY_WINDOW_SECONDS_DEFAULT
from routines.core.signing import Delivery, SigningMode, Verified, signed, verify


def sign_webhook(
    secret: str | None,
    body: bytes,
    *,
    mode: AnySigningMode = SigningMode.STANDARD_WEBHOOKS,
    message_id: str | None = None,
    now: datetime | None = None,
) -> dict[str, str]:
    """The headers by which a receiver knows that `body` comes from who has the secret.

    `message_id` is the delivery's own; one that is sent again has the same, and else it is a new one. `now` is the time
    of this machine unless given. Raises `ConfigurationError` for a secret that is none in this mode.

    >>> secret = "whsec_" + "c2VjcmV0" * 4
    >>> headers = sign_webhook(secret, b"{}", message_id="msg_1")
    >>> sorted(headers)
    ['webhook-id', 'webhook-signature', 'webhook-timestamp']
    """
    try:
        return signed(SigningMode(mode), secret, message_id or uuid4().hex, now or datetime.now(UTC), body)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def verify_webhook(
    secret: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    mode: AnySigningMode = SigningMode.STANDARD_WEBHOOKS,
    replay_window_seconds: int = REPLAY_WINDOW_SECONDS_DEFAULT,
    now: datetime | None = None,
) -> Verified:
    """Return only if a delivery is authentic: who has the secret sent exactly this body, a moment ago.

    `body` is the bytes as they came, before anything reads them, and `headers` are in any case. The result's
    `idempotency_key` is the same for a delivery that comes again. Raises `WebhookRefusedError`, whose sentence says why
    and is for your log, not for the sender; answer with 401.

    >>> secret = "whsec_" + "c2VjcmV0" * 4
    >>> headers = sign_webhook(secret, b"{}", message_id="msg_1")
    >>> verify_webhook(secret, b"{}", headers).idempotency_key
    'msg_1'
    >>> verify_webhook(secret, b"[]", headers)
    Traceback (most recent call last):
    ...
    routines.client.errors.WebhookRefusedError: webhook-signature does not match; ...
    """
    delivery = Delivery({name.lower(): value for name, value in headers.items()}, body)
    moment = now or datetime.now(UTC)
    try:
        return verify(SigningMode(mode), secret, delivery, now=moment, replay_window_seconds=replay_window_seconds)
    except UnauthorizedError as error:
        raise WebhookRefusedError(error.why or error.sentence) from None
