"""What a delivery at a webhook came to, told to whoever has to find out why nothing happened, and what is kept of it.

How a delivery is verified is in `signing`, and what a fire becomes in `policies`; no header's value is kept here whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from routines.core.limits import SENDER_WORDS_CHARACTERS_MAX
from routines.core.model import RunStatus
from routines.core.signing import STANDARD_PREFIX

if TYPE_CHECKING:
    from datetime import datetime

HELD_SECRET = "(left out, for it held the secret)"  # noqa: S105 - a sentence, and no secret
JOINED = "An execution issue was open, which the run joined"
SKIPPED = "An execution issue was open, so the run was skipped"
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


class DeliveryOutcome(StrEnum):
    """What a delivery came to, for its sender."""

    ACCEPTED = "accepted"  # it is a run
    REPEATED = "repeated"  # its idempotency key came before; it was answered with the run of then
    PING = "ping"  # GitHub asked whether anybody is there
    REFUSED = "refused"  # it is not known to be authentic
    UNREADABLE = "unreadable"  # authentic, but its body or its idempotency key is none
    INACTIVE = "inactive"  # authentic, but the routine or the trigger takes none now
    REPLAY = "replay"  # the same signed request was accepted before


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery as its trigger's owner sees it; what is not known of it is None."""

    id: str
    trigger_id: str
    received_at: datetime
    outcome: DeliveryOutcome
    reason: str | None
    run_id: str | None
    content_type: str | None = None
    body_bytes: int | None = None
    user_agent: str | None = None


def kept_words(value: str | None, secret: str | None) -> str | None:
    """What is kept of a header in which senders say what they are: printable ASCII, up to a bound, without the secret.

    What is not printable becomes `?`, for taking it out could put the pieces of a secret together.
    """
    if not value:
        return None
    if secret is not None and secret.removeprefix(STANDARD_PREFIX).lower() in value.lower():
        return HELD_SECRET
    return _UNPRINTABLE.sub("?", value[:SENDER_WORDS_CHARACTERS_MAX])


def reason_of_run(status: RunStatus, linked_issue_id: str | None, failure_reason: str | None) -> str | None:
    """Why an accepted delivery made no issue of its own; None where it did, whatever became of that."""
    if status is RunStatus.COALESCED:
        return JOINED
    if linked_issue_id is not None:
        return SKIPPED if status is RunStatus.SKIPPED else None
    if status is RunStatus.SKIPPED:
        return f"The company or the project is {failure_reason}, so the run was skipped"
    return failure_reason
