"""Heartbeats, what they printed and what they took on the wire, in the reference's names.

What ends a heartbeat, and what follows, is in the services.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema

from routines.core.heartbeats import Outcome, Usage
from routines.core.limits import LIST_PAGE_DEFAULT, LIST_PAGE_MAX
from routines.core.model import HeartbeatStatus, WakeReason, WakeSource
from routines.core.outcomes import parse_outcome
from routines.core.output import Excerpt
from routines.http.schemas.common import PageLimit, Reference, RequestModel, several, words_of
from routines.http.schemas.reply import Instant, ReplyModel, Written
from routines.services.heartbeats import Heartbeat
from routines.storage.queries.heartbeat_runs import HeartbeatQuery
from routines.storage.queries.usage import UsageTotal

MICROS_OF_A_DOLLAR = 1_000_000


class HeartbeatFilters(RequestModel):
    """Which heartbeats are wanted; `status` may name several with commas between them."""

    limit: PageLimit = LIST_PAGE_DEFAULT
    before: Reference | None = None
    agent_id: Reference | None = None
    issue_id: Reference | None = None
    routine_id: Reference | None = None
    status: several(HeartbeatStatus, "queued,running") = ""  # type: ignore[valid-type]  # an alias that is made

    def command(self) -> HeartbeatQuery:
        """The page to be read."""
        return HeartbeatQuery(
            limit=max(1, min(self.limit, LIST_PAGE_MAX)),
            before=self.before,
            agent_id=self.agent_id,
            issue_id=self.issue_id,
            routine_id=self.routine_id,
            statuses=words_of(self.status, HeartbeatStatus) if "status" in self.model_fields_set else (),
        )


class UsageReply(ReplyModel):
    """What heartbeats took since the month began."""

    month: str
    heartbeats: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: float

    @classmethod
    def of(cls, month: datetime, total: UsageTotal) -> Written:
        """The reply for the sums of a month."""
        return cls.written(total, month=month.strftime("%Y-%m"), cost_usd=total.cost_micros / MICROS_OF_A_DOLLAR)


class HeartbeatUsage(ReplyModel):
    """What one heartbeat took, as far as its adapter told."""

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: float


class HeartbeatReply(ReplyModel):
    """One execution window of an agent; `waitingFor` says why a queued one has not been started."""

    id: str
    company_id: str
    agent_id: str
    issue_id: str | None
    routine_id: str | None
    invocation_source: WakeSource
    reason: WakeReason
    attempt: int
    status: HeartbeatStatus
    waiting_for: str | None
    started_at: Instant | None
    finished_at: Instant | None
    exit_code: int | None
    signal: str | None
    error_code: str | None
    error: str | None
    summary: str | None
    usage: HeartbeatUsage
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, heartbeat: Heartbeat) -> Written:
        """The reply for a heartbeat."""
        run = heartbeat.run
        usage = HeartbeatUsage.written(
            Usage(run.input_tokens, run.cached_input_tokens, run.output_tokens, run.cost_micros),
            cost_usd=run.cost_micros / MICROS_OF_A_DOLLAR,
        )
        return cls.written(run, invocation_source=run.reason.source, waiting_for=heartbeat.waiting_for, usage=usage)


def _place(value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text[:40]!r} is not a whole number from 0 on, as `after` of the reply before was")
    return min(int(text[:20]), 2**62)


class LogFilters(RequestModel):
    """From which place of the output on: 0, or what the reply before said."""

    after: Annotated[int, BeforeValidator(_place), WithJsonSchema({"type": "integer", "minimum": 0})] = 0

    def command(self) -> int:
        """The place."""
        return int(self.after)


class LogReply(ReplyModel):
    """A part of what a heartbeat printed, in bytes from the beginning: `after` is where to read on."""

    content: str
    start: int
    after: int
    is_end: bool

    @classmethod
    def of(cls, part: Excerpt) -> Written:
        """The reply for a part of an output."""
        return cls.written(part)


class HeartbeatCompletion(RequestModel):
    """How a heartbeat that was started by HTTP ended, in its agent's own words."""

    status: Any = Field(json_schema_extra={"enum": ["succeeded", "failed"]})
    summary: Any = Field(default=None, json_schema_extra={"type": ["string", "null"]})
    error: Any = Field(default=None, json_schema_extra={"type": ["string", "null"]})
    usage: Any = Field(default=None, json_schema_extra={"type": ["object", "null"]})
    reference_fields: ClassVar = frozenset[str]()

    def command(self) -> Outcome:
        """The outcome; raises `InvalidError` for what is wrong with it, as for an agent's answer to a delivery."""
        return parse_outcome({name: getattr(self, name) for name in self.model_fields_set})
