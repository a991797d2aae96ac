"""A webhook's deliveries on the wire, each with the status that its sender was answered with.

What a delivery came to is in `core.deliveries`, and the status of an error in `http.errors`.
"""

from __future__ import annotations

from routines.core.deliveries import DeliveryOutcome, DeliveryRecord
from routines.core.errors import ConflictError, MalformedBodyError, UnauthorizedError
from routines.http.errors import STATUS_CODES
from routines.http.schemas.reply import Instant, ReplyModel, Written

STATUS_OF_OUTCOME = {
    DeliveryOutcome.ACCEPTED: 202,
    DeliveryOutcome.REPEATED: 202,
    DeliveryOutcome.PING: 200,
    DeliveryOutcome.REFUSED: STATUS_CODES[UnauthorizedError],
    DeliveryOutcome.UNREADABLE: STATUS_CODES[MalformedBodyError],
    DeliveryOutcome.INACTIVE: STATUS_CODES[ConflictError],
    DeliveryOutcome.REPLAY: STATUS_CODES[ConflictError],
}


class DeliveryReply(ReplyModel):
    """One delivery at a webhook, what became of it, and why if it made no issue."""

    id: str
    trigger_id: str
    received_at: Instant
    outcome: DeliveryOutcome
    reason: str | None
    run_id: str | None
    content_type: str | None
    body_bytes: int | None
    user_agent: str | None
    status: int

    @classmethod
    def of(cls, record: DeliveryRecord) -> Written:
        """The reply for one delivery."""
        return cls.written(record, status=STATUS_OF_OUTCOME[record.outcome])
