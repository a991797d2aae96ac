"""Schedules explained, slots to come, and slots that were due, on the wire.

What they are is reckoned in the services.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from routines.core.cron.explanation import Explanation
from routines.core.errors import ImpossibleError
from routines.core.limits import SLOTS_EXPLAINED_DEFAULT, SLOTS_EXPLAINED_MAX, UPCOMING_MAX
from routines.http.schemas.common import AnyWhole, PageLimit, RequestModel
from routines.http.schemas.reply import Instant, ReplyModel, Written
from routines.http.schemas.triggers import CronExpression, Timezone
from routines.services.outlook import ExplainQuery, RangeQuery, SlotHealth, SlotOutcome, UpcomingSlot

YEARS = range(1970, 2200)  # what clocks and zone data are about


def _instant(value: object) -> object:
    text = value if isinstance(value, str) else repr(value)
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError(f"{text[:40]!r} is no instant; write ISO 8601 with a zone, such as 2026-03-02T09:00:00Z")
    return instant


MomentInRequest = Annotated[
    datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""An instant in a body or query: ISO 8601 with a zone."""


def _within_years(instant: datetime | None) -> datetime | None:
    """The instant in UTC; raises `ImpossibleError` for a year of which no zone's rules are known."""
    if instant is None:
        return None
    if instant.year not in YEARS:
        raise ImpossibleError(f"The year {instant.year} is not from {YEARS.start} to {YEARS.stop - 1}")
    return instant.astimezone(UTC)


class CronExplain(RequestModel):
    """A schedule to be explained."""

    cron_expression: CronExpression
    timezone: Timezone = "UTC"
    count: Annotated[int, Field(strict=True, ge=1, le=SLOTS_EXPLAINED_MAX), AnyWhole] = SLOTS_EXPLAINED_DEFAULT
    from_: MomentInRequest | None = Field(default=None, alias="from")

    def command(self) -> ExplainQuery:
        """What is asked."""
        return ExplainQuery(self.cron_expression, self.timezone, self.count, _within_years(self.from_))


class RangeFilters(RequestModel):
    """A stretch of time."""

    from_: MomentInRequest | None = Field(default=None, alias="from")
    to: MomentInRequest | None = None

    def command(self) -> RangeQuery:
        """What is asked."""
        return RangeQuery(_within_years(self.from_), _within_years(self.to), UPCOMING_MAX)


class UpcomingFilters(RangeFilters):
    """A stretch of time, and how many slots of it are wanted at most."""

    limit: PageLimit = UPCOMING_MAX

    def command(self) -> RangeQuery:
        """What is asked."""
        limit = max(1, min(self.limit, UPCOMING_MAX))
        return RangeQuery(_within_years(self.from_), _within_years(self.to), limit)


class ExplanationReply(ReplyModel):
    """A schedule in plain words, its next times, and a sentence for each thing about it that may surprise."""

    words: str
    next_times: list[Instant]
    warnings: list[str]

    @classmethod
    def of(cls, explanation: Explanation) -> Written:
        """The reply for an explanation."""
        return cls.written(explanation, next_times=explanation.times)


class UpcomingReply(ReplyModel):
    """A slot that is to come, as things stand now."""

    at: Instant
    trigger_id: str
    routine_id: str
    title: str
    assignee_agent_id: str

    @classmethod
    def of(cls, slot: UpcomingSlot) -> Written:
        """The reply for a slot."""
        return cls.written(slot.schedule, at=slot.at)


class SlotHealthReply(ReplyModel):
    """A slot that was due, what became of it, and why if it did not fire."""

    slot: Instant
    trigger_id: str
    outcome: SlotOutcome
    run_id: str | None
    issue_id: str | None
    reason: str | None

    @classmethod
    def of(cls, health: SlotHealth) -> Written:
        """The reply for a slot."""
        return cls.written(health)
