"""What every use case is given: the database, the clock, ids, secrets, and the audit to write to.

No rule of any noun is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from routines.clock import Clock, Ids
from routines.core import strict_json
from routines.core.access import require_company_path, require_visible
from routines.core.activity import ActivityAction
from routines.core.errors import NotFoundError
from routines.core.model import Activity, Actor, Company, Routine
from routines.dispatch.dispatcher import ROUTINE_NOT_FOUND
from routines.keyring import Keyring
from routines.storage.database import Database, Transaction
from routines.storage.queries import activity, companies, routines

T = TypeVar("T")
Body = Callable[[], T]
"""A request's body, read when it is asked for: what is wrong with the path or the caller is told before its faults."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A page of a list: at most `limit` entries, from the one after the entry `before` on."""

    limit: int
    before: str | None = None


class Entry(NamedTuple):
    """What the audit is told: what happened, to what (company id, entity type, entity id), and the details."""

    action: ActivityAction
    subject: tuple[str, str, str]
    details: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of every use case; `notice_slot` tells the scheduler of a slot that may be nearer."""

    database: Database
    clock: Clock
    ids: Ids
    keyring: Keyring
    grace: timedelta
    public_url: str
    notice_slot: Callable[[datetime | None], None]

    def record(
        self,
        transaction: Transaction,
        actor: Actor,
        action: ActivityAction,
        subject: tuple[str, str, str],
        at: datetime,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Append to the audit; the subject is (company id, entity type, entity id)."""
        self.record_all(transaction, actor, [Entry(action, subject, details)], at)

    def record_all(self, transaction: Transaction, actor: Actor, entries: Sequence[Entry], at: datetime) -> None:
        """Append entries to the audit of what one actor does at once, and have whoever follows it told.

        `at` was read in this very transaction: by that, those who follow know what may still come in between.
        """
        written = [
            Activity(
                id=identity,
                company_id=entry.subject[0],
                actor_type=actor.type,
                actor_id=actor.id,
                action=entry.action.value,
                entity_type=entry.subject[1],
                entity_id=entry.subject[2],
                details=None if entry.details is None else strict_json.dumps(entry.details),
                created_at=at,
                heartbeat_run_id=actor.heartbeat_run_id,
            )
            for identity, entry in zip(self.ids.many(at, len(entries)), entries, strict=True)
        ]
        activity.add(transaction.connection, written)
        transaction.changes(entry.company_id for entry in written)


def company_of_path(connection: Connection, actor: Actor, company_id: str) -> Company:
    """The company that a path names: `ForbiddenError` for another company's agent, `NotFoundError` if unknown."""
    require_company_path(actor, company_id)
    company = companies.get(connection, company_id)
    if company is None:
        raise NotFoundError("Company not found")
    return company


def changed_names(before: object, after: object) -> list[str]:
    """The fields in which two values of one model differ, named as on the wire, but for when and by whom."""
    passing = {"updated_at", "updated_by_agent_id", "updated_by_user_id"}
    names: tuple[str, ...] = before.__slots__  # type: ignore[attr-defined]  # models have slots
    return [on_the_wire(n) for n in names if n not in passing and getattr(before, n) != getattr(after, n)]


def on_the_wire(name: str) -> str:
    """A field's name in camelCase, as callers know it."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def visible_routine(connection: Connection, actor: Actor, routine_id: str) -> Routine:
    """The routine with that id, if it exists for this caller; else `NotFoundError`."""
    routine = routines.get(connection, routine_id)
    if routine is None:
        raise NotFoundError(ROUTINE_NOT_FOUND)
    require_visible(actor, routine.company_id, ROUTINE_NOT_FOUND)
    return routine
