"""What a list shows of each noun, and in which form: one table for terminals and pipes.

How a row is printed is in `output`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

Entry = Mapping[str, Any]


class Form(Enum):
    """How a value is read: a word never needs a second line, a text may."""

    WORD = auto()
    TEXT = auto()
    ID = auto()
    INSTANT = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, where its value is in an entry (`lastRun.status`) or how it follows from it, its form."""

    heading: str
    source: str | Callable[[Entry], Any]
    form: Form = Form.WORD

    def value(self, entry: Entry) -> Any:  # noqa: ANN401 - any JSON
        """What stands there; None for nothing."""
        if not isinstance(self.source, str):
            return self.source(entry)
        found: Any = entry
        for name in self.source.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found


def _next_slot(routine: Entry) -> str | None:
    slots = [each["nextRunAt"] for each in routine["triggers"] if each["enabled"] and each["nextRunAt"]]
    return min(slots, default=None)


def _schedule(trigger: Entry) -> str | None:
    if trigger["cronExpression"] is None:
        return trigger.get("signingMode")
    return f"{trigger['cronExpression']} {trigger['timezone']}"


def _actor(entry: Entry) -> str:
    return f"{entry['actorType']} {entry['actorId']}"


def _subject(entry: Entry) -> str:
    return f"{entry['entityType']} {entry['entityId']}"


def _what(entry: Entry) -> str | None:
    """What an entry of the activity is about, where it says so."""
    details = entry["details"] or {}
    named = (details.get(name) for name in ("title", "name", "identifier", "status", "reason"))
    return next((each for each in named if isinstance(each, str)), None)


def _standing(heartbeat: Entry) -> str | None:
    """What kept a heartbeat from its success, or keeps it from its start."""
    why: str | None = heartbeat["error"] or heartbeat["waitingFor"]
    return why


def _author(comment: Entry) -> str | None:
    author: str | None = comment["authorUserId"] or comment["authorAgentId"]
    return author


_ID = Column("id", "id", Form.ID)
_NAME = Column("name", "name", Form.TEXT)
_TITLE = Column("title", "title", Form.TEXT)
_STATUS = Column("status", "status")
_UPDATED = Column("updated", "updatedAt", Form.INSTANT)

ROUTINES = (
    _ID,
    _TITLE,
    _STATUS,
    Column("next", _next_slot, Form.INSTANT),
    Column("last", "lastRun.triggeredAt", Form.INSTANT),
    Column("became", "lastRun.status"),
    Column("open issue", "activeIssue.identifier"),
)
TRIGGERS = (
    _ID,
    Column("kind", "kind"),
    Column("label", "label", Form.TEXT),
    Column("when or how", _schedule),
    Column("enabled", "enabled"),
    Column("next", "nextRunAt", Form.INSTANT),
    Column("last", "lastFiredAt", Form.INSTANT),
    Column("result", "lastResult", Form.TEXT),
)
RUNS = (
    _ID,
    Column("when", "triggeredAt", Form.INSTANT),
    _STATUS,
    Column("source", "source"),
    Column("slot", "scheduledFor", Form.INSTANT),
    Column("issue", "linkedIssue.identifier"),
    Column("why", "failureReason", Form.TEXT),
)
RUNS_OF_AN_ISSUE = (
    _ID,
    Column("when", "triggeredAt", Form.INSTANT),
    _STATUS,
    Column("source", "source"),
    Column("payload", "triggerPayload", Form.TEXT),
)
ISSUES = (Column("issue", "identifier"), _TITLE, _STATUS, Column("priority", "priority"), _UPDATED)
COMMENTS = (Column("when", "createdAt", Form.INSTANT), Column("author", _author), Column("comment", "body", Form.TEXT))
AGENTS = (
    _ID,
    _NAME,
    Column("role", "role", Form.TEXT),
    _STATUS,
    Column("started by", "adapterType"),
    Column("why", "statusReason", Form.TEXT),
)
SUPERIORS = (_ID, _NAME, Column("role", "role", Form.TEXT), _TITLE)
KEYS = (_ID, _NAME, Column("made", "createdAt", Form.INSTANT), Column("revoked", "revokedAt", Form.INSTANT))
HEARTBEATS = (
    _ID,
    Column("when", "createdAt", Form.INSTANT),
    Column("agent", "agentId", Form.ID),
    _STATUS,
    Column("for", "reason"),
    Column("ended", "finishedAt", Form.INSTANT),
    Column("why", _standing, Form.TEXT),
)
PROJECTS = (_ID, _NAME, _STATUS, _UPDATED)
COMPANIES = (_ID, _NAME, Column("prefix", "issuePrefix"), _STATUS, _UPDATED)
DELIVERIES = (
    Column("received", "receivedAt", Form.INSTANT),
    Column("outcome", "outcome"),
    Column("answered", "status"),
    Column("why", "reason", Form.TEXT),
    Column("run", "runId", Form.ID),
)
UPCOMING = (Column("when", "at", Form.INSTANT), _TITLE, Column("routine", "routineId", Form.ID))
SLOTS = (
    Column("slot", "slot", Form.INSTANT),
    Column("outcome", "outcome"),
    Column("why", "reason", Form.TEXT),
    Column("run", "runId", Form.ID),
)
EVENTS = (
    Column("when", "createdAt", Form.INSTANT),
    Column("action", "action"),
    Column("what", _what, Form.TEXT),
    Column("of", _subject),
    Column("by", _actor),
)
PROFILES = (
    Column("in use", "inUse"),
    _NAME,
    Column("server", "server", Form.TEXT),
    Column("company", "company", Form.TEXT),
    Column("api key", "apiKey"),
)

SECRETS = (Column("webhook", "webhookUrl", Form.TEXT), Column("secret, shown this once", "webhookSecret", Form.TEXT))

LISTS_WITHIN = {
    "triggers": TRIGGERS,
    "secretMaterials": SECRETS,
    "recentRuns": RUNS,
    "routineRuns": RUNS_OF_AN_ISSUE,
    "ancestors": ISSUES,
    "chainOfCommand": SUPERIORS,
}
"""What a list inside of a single thing shows, by its name there."""
