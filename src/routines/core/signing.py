"""Signatures of webhook deliveries: made for clients, checked at a given instant, one function per signing mode.

Which trigger a delivery is for, and whether it came before, is not known here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
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

_STANDARD_PREFIX = "whsec_"
_MILLISECONDS_FROM = 1e11  # in seconds that is the year 5138, in milliseconds 1973
_TIMESTAMP = re.compile(rb"[0-9]{1,16}(?:\.[0-9]{1,9})?")  # clocks that count in floats have a fraction
_WHOLE_SECONDS = re.compile(rb"[0-9]{1,16}")


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
    for missing, stale and failed authentication, and for a mode that needs a secret and has none.
    """
    if mode is SigningMode.NONE:
        return Verified()
    if not secret:
        raise UnauthorizedError
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
        return _STANDARD_PREFIX + base64.b64encode(entropy).decode()
    return entropy.hex()


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
    scheme, _, presented = _header(delivery, "authorization").partition(b" ")
    _demand(scheme.lower() == b"bearer")
    _demand(hmac.compare_digest(presented.strip(b" "), secret.encode()))
    return Verified()


def _verify_hmac_sha256(secret: str, delivery: Delivery, now: datetime, replay_window_seconds: int) -> Verified:
    """The reference's own scheme: hex of HMAC-SHA256 over `<timestamp>.<raw body>`."""
    presented = _header(delivery, "x-paperclip-signature")
    timestamp = _header(delivery, "x-paperclip-timestamp")
    _demand(_TIMESTAMP.fullmatch(timestamp) is not None)
    seconds = float(timestamp)
    if seconds >= _MILLISECONDS_FROM:
        seconds /= 1000
    _demand_fresh(seconds, now, replay_window_seconds)
    expected = _timestamped_mac(secret, timestamp, delivery.body).hex()
    _demand(_same_hex(presented, expected))
    return Verified(signature_digest=expected)


def _verify_github(secret: str, delivery: Delivery) -> Verified:
    """GitHub's scheme, from its "Validating webhook deliveries": the body alone is signed, so nothing grows stale."""
    presented = _header(delivery, "x-hub-signature-256")
    _demand(_same_hex(presented, _mac(secret.encode(), delivery.body).hex()))
    delivery_id = delivery.headers.get("x-github-delivery")
    return Verified(idempotency_key=_idempotency_key(delivery_id) if delivery_id else None)


def _verify_standard_webhooks(secret: str, delivery: Delivery, now: datetime, replay_window_seconds: int) -> Verified:
    """Standard Webhooks 1.0.0, symmetric: one of several signatures is enough, so that senders can rotate keys."""
    message_id = _header(delivery, "webhook-id")
    timestamp = _header(delivery, "webhook-timestamp")
    signatures = _header(delivery, "webhook-signature")
    _demand(b", " not in signatures)  # the seam of two headers joined into one, which no sender writes
    _demand(_WHOLE_SECONDS.fullmatch(timestamp) is not None)
    _demand_fresh(int(timestamp), now, replay_window_seconds)
    try:
        expected = _standard_signature(secret, message_id, timestamp, delivery.body)
    except ValueError:
        raise UnauthorizedError from None  # a secret that is none opens nothing
    _demand(any(hmac.compare_digest(signature, b"v1," + expected) for signature in signatures.split(b" ")))
    return Verified(idempotency_key=_idempotency_key(message_id.decode("latin-1")))


def _header(delivery: Delivery, name: str) -> bytes:
    """A header's bytes as they were on the wire; what is missing, empty or could not have been there is refused."""
    value = delivery.headers.get(name)
    if not value:
        raise UnauthorizedError
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise UnauthorizedError from None


def _demand(condition: bool) -> None:  # noqa: FBT001 - reads as a sentence, like an assertion
    if not condition:
        raise UnauthorizedError


def _demand_fresh(seconds: float, now: datetime, replay_window_seconds: int) -> None:
    _demand(abs(now.timestamp() - seconds) <= replay_window_seconds)


def _same_hex(presented: bytes, expected: str) -> bool:
    """Compare in constant time; hex is in either case, and may say which hash it is."""
    return hmac.compare_digest(presented.lower().removeprefix(b"sha256="), expected.encode())


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")


def _timestamped_mac(secret: str, timestamp: bytes, body: bytes) -> bytes:
    return _mac(secret.encode(), b"%b.%b" % (timestamp, body))


def _standard_signature(secret: str, message_id: bytes, timestamp: bytes, body: bytes) -> bytes:
    key = base64.b64decode(secret.removeprefix(_STANDARD_PREFIX), validate=True)
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
