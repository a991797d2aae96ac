"""Subscriptions of tests, and receivers for them: what they were sent, proven to be authentic.

Receivers listen on this machine, so a service that is to reach them is told that it may.
"""

from __future__ import annotations

import json
from typing import Any

from routines.core.notifications import NotificationEvent
from routines.core.signing import Delivery, SigningMode, verify
from routines.outgoing import Reach
from support.clock import ManualClock
from support.listener import LOOPBACK, Request
from support.service import Caller, Company, Service, created, ok

HERE = Reach.of(LOOPBACK)
EVENTS = [event.value for event in NotificationEvent]


def subscribed(company: Company, target: str, channel: str = "webhook", **fields: Any) -> dict[str, Any]:
    """A new subscription to every event unless fewer are named: `{subscription, secret}`."""
    body = {"channel": channel, "target": target, "events": EVENTS, **fields}
    return created(company.board.post(f"/companies/{company.id}/notification-subscriptions", body))


def deliveries(board: Caller, subscription_id: str) -> list[dict[str, Any]]:
    """What was sent to a subscription or waits to be, newest first."""
    return ok(board.get(f"/notification-subscriptions/{subscription_id}/deliveries"))


def sent(service: Service) -> int:
    """Send all that is due now; how many tries that were."""
    return service.server.sender.send_due()


def told(request: Request, secret: str, clock: ManualClock) -> tuple[str, dict[str, Any]]:
    """The id and the content of a delivery, which must be what the secret signed at this very second."""
    delivery = Delivery(request.headers, request.body)
    verified = verify(SigningMode.STANDARD_WEBHOOKS, secret, delivery, now=clock.now(), replay_window_seconds=1)
    assert verified.idempotency_key is not None
    return verified.idempotency_key, json.loads(request.body)
