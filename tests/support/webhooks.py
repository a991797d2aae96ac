"""Senders of webhooks: they sign as the contract's table has it, in words of their own rather than the service's."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from httpx2 import Response

from support.service import Caller, Company, Service

MODES = ("bearer", "hmac_sha256", "github_hmac", "standard_webhooks", "none")
SECRET_MODES = MODES[:-1]
WRONG_SECRETS = {"standard_webhooks": "whsec_" + base64.b64encode(b"w" * 32).decode()}


def mac(key: bytes, content: bytes) -> bytes:
    """HMAC-SHA256."""
    return hmac.new(key, content, hashlib.sha256).digest()


@dataclass
class Webhook:
    """A webhook trigger and a sender that knows its secret; no two of its deliveries are the same request."""

    service: Service
    routine: dict[str, Any]
    trigger: dict[str, Any]
    secret: str | None
    _numbers: count[int] = field(default_factory=count)

    @property
    def path(self) -> str:
        """Where it is fired, below `/api`."""
        return f"/routine-triggers/public/{self.trigger['publicId']}/fire"

    def signed(self, body: bytes = b"{}", *, secret: str | None = None, at: datetime | None = None) -> dict[str, str]:
        """The headers of a delivery sent at an instant, signed with the trigger's secret or with another."""
        secret = secret or self.secret or ""
        seconds = int((at or self.service.clock.now()).timestamp())
        number = next(self._numbers)
        match self.trigger["signingMode"]:
            case "bearer":
                return {"Authorization": f"Bearer {secret}"}
            case "hmac_sha256":
                timestamp = str(seconds * 1000 + number % 1000)
                signature = mac(secret.encode(), timestamp.encode() + b"." + body).hex()
                return {"X-Paperclip-Timestamp": timestamp, "X-Paperclip-Signature": signature}
            case "github_hmac":
                return {"X-Hub-Signature-256": f"sha256={mac(secret.encode(), body).hex()}"}
            case "standard_webhooks":
                key = base64.b64decode(secret.removeprefix("whsec_"))
                content = f"msg_{number}.{seconds}.".encode() + body
                return {
                    "webhook-id": f"msg_{number}",
                    "webhook-timestamp": str(seconds),
                    "webhook-signature": f"v1,{base64.b64encode(mac(key, content)).decode()}",
                }
        return {}

    def signed_wrongly(self, body: bytes = b"{}") -> dict[str, str]:
        """The headers of somebody who does not know the secret."""
        return self.signed(body, secret=WRONG_SECRETS.get(self.trigger["signingMode"], "wrong"))

    def post(self, headers: Mapping[str, Any] | None = None, body: Any = b"{}") -> Response:
        """A delivery with exactly these headers."""
        reply: Response = Caller(self.service.client).request("POST", self.path, headers=headers or {}, content=body)
        return reply

    def fire(self, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Response:
        """A delivery of JSON with the right signature and further headers."""
        return self.post({"Content-Type": "application/json", **self.signed(body), **(headers or {})}, body)


def webhook(service: Service, company: Company, mode: str = "bearer", **fields: Any) -> Webhook:
    """A new routine that makes an issue of every fire, with a webhook trigger of that mode and a sender for it."""
    routine = company.routine(concurrencyPolicy="always_enqueue")
    made = company.trigger(routine["id"], kind="webhook", signingMode=mode, **fields)
    return Webhook(service, routine, made["trigger"], made["secretMaterial"]["webhookSecret"])
