"""Signatures of webhook deliveries: made for clients, checked at a given instant, one function per signing mode.

Which trigger a delivery is for, and whether it came before, is not known here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from routines.core.errors import UnauthorizedError
from routines.core.instants import to_milliseconds
from routines.core.limits import IDEMPOTENCY_KEY_CHARACTERS_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SECRET_ENTROPY_BYTES = 32  # the size of a SHA-256 key; Standard Webhooks asks for 24 to 64

STANDARD_PREFIX = "whsec_"
_MILLISECONDS_FROM = 1e11  # in seconds that is the year 5138, in milliseconds 1973
_TIMESTAMP = re.compile(rb"[0-9]{1,16}(?:\.[0-9]{1,9})?")  # clocks that count in floats have a fraction
_WHOLE_SECONDS = re.compile(rb"[0-9]{1,16}")
_HEX_SHA256 = re.compile(rb"[0-9a-f]{64}")
_STANDARD_SIGNATURE = re.compile(rb"v1,[A-Za-z0-9+/]{43}=")
_HMAC_HEADERS = "mode hmac_sha256 wants X-Paperclip-Timestamp and X-Paperclip-Signature"
_STANDARD_HEADERS = "mode standard_webhooks wants webhook-id, webhook-timestamp and webhook-signature"
_SENT_WITH = {
    "Authorization": "mode bearer wants `Authorization: Bearer <secret>`",
    "X-Paperclip-Signature": _HMAC_HEADERS,
    "X-Paperclip-Timestamp": _HMAC_HEADERS,
    "X-Hub-Signature-256": "GitHub sends it once its webhook has been given the trigger's secret",
    "webhook-id": _STANDARD_HEADERS,
    "webhook-timestamp": _STANDARD_HEADERS,
    "webhook-signature": _STANDARD_HEADERS,
}


class SigningMode(StrEnum):
    """How a webhook trigger tells that a delivery is authentic."""

    BEARER = "bearer"
    HMAC_SHA256 = "hmac_sha256"
    GITHUB_HMAC = "github_hmac"
    STANDARD_WEBHOOKS = "standard_webhooks"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived: the raw body, and the headers by lower-case name, decoded as Latin-1 (so that none is lost)."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Verified:
    """Proof that a delivery is authentic.

    `idempotency_key` is the provider's own id of the delivery, in modes that have one. `signature_digest` stands for
    the signed request itself, however its signature was spelt, in the mode that refuses replays.
    """

    idempotency_key: str | None = None
    signature_digest: str | None = None


def verify(
    mode: SigningMode, secret: str | None, delivery: Delivery, *, now: datetime, replay_window_seconds: int
) -> Verified:
    """Tell an authentic delivery from any other.

    `now` is aware; timestamps may differ from it by the replay window, both ways. Raises UnauthorizedError, the same
    for missing, stale and failed authentication, and for a mode that needs a secret and has none; only its `why`, which
    no sender sees, tells them apart.
    """
    if mode is SigningMode.NONE:
        return Verified()
    if not secret:
        raise UnauthorizedError("The trigger has no secret for its signing mode; rotate the secret to make one")
    match mode:
        case SigningMode.BEARER:
            return _verify_bearer(secret, delivery)
        case SigningMode.HMAC_SHA256:
            return _verify_hmac_sha256(secret, delivery, now, replay_window_seconds)
        case SigningMode.GITHUB_HMAC:
            return _verify_github(secret, delivery)
        case SigningMode.STANDARD_WEBHOOKS:
            return _verify_standard_webhooks(secret, delivery, now, replay_window_seconds)
        case _:
            assert_never(mode)


def is_github_ping(delivery: Delivery) -> bool:
    """True for the delivery by which GitHub tries a new webhook: it announces no event."""
    return delivery.headers.get("x-github-event") == "ping"


def new_secret(mode: SigningMode, entropy: bytes) -> str | None:
    """A secret as its owner sees it, made of SECRET_ENTROPY_BYTES random bytes; None in mode `none`."""
    if mode is SigningMode.NONE:
        return None
    if len(entropy) != SECRET_ENTROPY_BYTES:
        raise ValueError(f"A secret is made of {SECRET_ENTROPY_BYTES} random bytes, not {len(entropy)}")
    if mode is SigningMode.STANDARD_WEBHOOKS:
        return STANDARD_PREFIX + base64.b64encode(entropy).decode()
    return entropy.hex()


def keeps_its_secret(before: SigningMode, after: SigningMode) -> bool:
    """True if the secret of a webhook in one mode is of the form that the other wants."""
    special = {SigningMode.NONE, SigningMode.STANDARD_WEBHOOKS}
    return before is after or (before not in special and after not in special)


def sign_hmac_sha256(secret: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers of a delivery in mode `hmac_sha256`; `timestamp` is in seconds or milliseconds since the epoch."""
    signature = _timestamped_mac(secret, b"%d" % timestamp, body).hex()
    return {"X-Paperclip-Timestamp": str(timestamp), "X-Paperclip-Signature": f"sha256={signature}"}


def sign_github(secret: str, body: bytes) -> dict[str, str]:
    """The header that GitHub signs a delivery with."""
    return {"X-Hub-Signature-256": f"sha256={_mac(secret.encode(), body).hex()}"}


def sign_standard_webhooks(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a Standard Webhooks delivery; `timestamp` is in seconds since the epoch.

    Raises ValueError unless the secret is base64, with or without `whsec_`, and the id is Latin-1, as headers are.
    """
    signature = _standard_signature(secret, message_id.encode("latin-1"), b"%d" % timestamp, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature.decode()}",
    }


def signed(mode: SigningMode, secret: str | None, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers by which `verify` knows a delivery to be authentic, in any mode; `message_id` is its own alone.

    Raises ValueError where the mode needs a secret and there is none, or it is of another form.
    """
    if mode is SigningMode.NONE:
        return {}
    if not secret:
        raise ValueError(f"A delivery in mode {mode.value} is signed with a secret")
    milliseconds = to_milliseconds(at)
    match mode:
        case SigningMode.BEARER:
            return {"Authorization": f"Bearer {secret}"}
        case SigningMode.HMAC_SHA256:
            return sign_hmac_sha256(secret, body, milliseconds)
        case SigningMode.GITHUB_HMAC:
            return {**sign_github(secret, body), "X-GitHub-Delivery": message_id}
        case SigningMode.STANDARD_WEBHOOKS:
            return sign_standard_webhooks(secret, message_id, milliseconds // 1000, body)
        case _:
            assert_never(mode)


def _verify_bearer(secret: str, delivery: Delivery) -> Verified:
    """RFC 6750; the scheme's name is in any case (RFC 9110, section 11.1)."""
    scheme, _, presented = _header(delivery, "Authorization").partition(b" ")
    _demand(
        scheme.lower() == b"bearer",
        "The Authorization header has another scheme than Bearer; it is `Authorization: Bearer <secret>`",
    )
    _demand(
        hmac.compare_digest(presented.strip(b" "), secret.encode()),
        "The secret in the Authorization header is not the trigger's; if that was rotated, send the new one",
    )
    return Verified()


def _verify_hmac_sha256(secret: str, delivery: Delivery, now: datetime, replay_window_seconds: int) -> Verified:
    """The reference's own scheme: hex of HMAC-SHA256 over `<timestamp>.<raw body>`."""
    presented = _header(delivery, "X-Paperclip-Signature")
    timestamp = _header(delivery, "X-Paperclip-Timestamp")
    _demand(
        _TIMESTAMP.fullmatch(timestamp) is not None,
        "X-Paperclip-Timestamp is not a number; it is the time of sending in seconds or milliseconds since the epoch",
    )
    seconds = float(timestamp)
    if seconds >= _MILLISECONDS_FROM:
        seconds /= 1000
    _demand_fresh("X-Paperclip-Timestamp", seconds, now, replay_window_seconds)
    expected = _timestamped_mac(secret, timestamp, delivery.body).hex()
    _demand_same_hex("X-Paperclip-Signature", presented, expected, signed="`<X-Paperclip-Timestamp>.<body>`")
    return Verified(signature_digest=expected)


def _verify_github(secret: str, delivery: Delivery) -> Verified:
    """GitHub's scheme, from its "Validating webhook deliveries": the body alone is signed, so nothing grows stale."""
    presented = _header(delivery, "X-Hub-Signature-256")
    _demand_same_hex("X-Hub-Signature-256", presented, _mac(secret.encode(), delivery.body).hex(), signed="the body")
    delivery_id = delivery.headers.get("x-github-delivery")
    return Verified(idempotency_key=_idempotency_key(delivery_id) if delivery_id else None)


def _verify_standard_webhooks(secret: str, delivery: Delivery, now: datetime, replay_window_seconds: int) -> Verified:
    """Standard Webhooks 1.0.0, symmetric: one of several signatures is enough, so that senders can rotate keys."""
    message_id = _header(delivery, "webhook-id")
    timestamp = _header(delivery, "webhook-timestamp")
    signatures = _header(delivery, "webhook-signature")
    # The seam of two headers joined into one, which no sender writes.
    _demand(b", " not in signatures, "webhook-signature came twice; several signatures are one header, with spaces")
    _demand(
        _WHOLE_SECONDS.fullmatch(timestamp) is not None,
        "webhook-timestamp is not a whole number; it is the time of sending in seconds since the epoch",
    )
    _demand_fresh("webhook-timestamp", int(timestamp), now, replay_window_seconds)
    try:
        expected = _standard_signature(secret, message_id, timestamp, delivery.body)
    except ValueError:  # a secret that is none opens nothing
        why = f"The trigger's secret is not {STANDARD_PREFIX} and base64, as Standard Webhooks has it; rotate it"
        raise UnauthorizedError(why) from None
    presented = signatures.split(b" ")
    if not any(hmac.compare_digest(signature, b"v1," + expected) for signature in presented):
        well_formed = any(_STANDARD_SIGNATURE.fullmatch(signature) for signature in presented)
        raise UnauthorizedError(
            "webhook-signature does not match; it signs `<webhook-id>.<webhook-timestamp>.<body>`, the body byte for "
            "byte as it was sent, with the trigger's secret"
            if well_formed
            else "webhook-signature is malformed; it is `v1,` and the 44 base64 characters of an HMAC-SHA256"
        )
    return Verified(idempotency_key=_idempotency_key(message_id.decode("latin-1")))


def _header(delivery: Delivery, name: str) -> bytes:
    """A header's bytes as they were on the wire; what is missing, empty or could not have been there is refused."""
    value = delivery.headers.get(name.lower())
    if not value:
        raise UnauthorizedError(f"There is no {name} header, or it is empty; {_SENT_WITH[name]}")
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise UnauthorizedError(f"{name} has characters that no header can have; {_SENT_WITH[name]}") from None


def _demand(condition: bool, why: str) -> None:  # noqa: FBT001 - reads as a sentence, like an assertion
    if not condition:
        raise UnauthorizedError(why)


def _demand_fresh(header: str, seconds: float, now: datetime, replay_window_seconds: int) -> None:
    age = now.timestamp() - seconds
    if not abs(age) <= replay_window_seconds:
        off = f"{math.ceil(abs(age))} seconds {'old' if age > 0 else 'ahead of this service'}"
        raise UnauthorizedError(
            f"{header} is {off}, and the trigger's replay window is {replay_window_seconds} seconds; it is the time of "
            "sending by a clock that is right"
        )


def _demand_same_hex(header: str, presented: bytes, expected: str, *, signed: str) -> None:
    """Compare in constant time; hex is in either case, and may say which hash it is."""
    digits = presented.lower().removeprefix(b"sha256=")
    if not hmac.compare_digest(digits, expected.encode()):
        raise UnauthorizedError(
            f"{header} does not match; it is the HMAC-SHA256 of {signed}, the body byte for byte as it was sent, with "
            "the trigger's secret"
            if _HEX_SHA256.fullmatch(digits)
            else f"{header} is malformed; it is the 64 hexadecimal digits of an HMAC-SHA256, alone or after `sha256=`"
        )


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")


def _timestamped_mac(secret: str, timestamp: bytes, body: bytes) -> bytes:
    return _mac(secret.encode(), b"%b.%b" % (timestamp, body))


def _standard_signature(secret: str, message_id: bytes, timestamp: bytes, body: bytes) -> bytes:
    key = base64.b64decode(secret.removeprefix(STANDARD_PREFIX), validate=True)
    if not key:
        raise ValueError("A Standard Webhooks secret is base64 after `whsec_`, and this one is empty")
    return base64.b64encode(_mac(key, b"%b.%b.%b" % (message_id, timestamp, body)))


def _idempotency_key(provider_id: str) -> str:
    """The provider's id as a key; one that no key could be, too long or unprintable, is stood for by its hash.

    Cutting it short would make one fire of two whose ids begin alike.
    """
    if len(provider_id) <= IDEMPOTENCY_KEY_CHARACTERS_MAX and provider_id.isprintable():
        return provider_id
    return f"sha256:{hashlib.sha256(provider_id.encode('utf-8', 'surrogatepass')).hexdigest()}"
