"""The use cases of the audit: read it, and read it with what everything in it is called.

Entries are written by the use cases that they tell of; fires are read from the runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from routines.core.model import Activity, Actor, ActorType
from routines.services.context import Body, Context, company_of_path
from routines.storage.queries import activity
from routines.storage.queries.activity import ActivityQuery
from routines.storage.queries.names import Kind, Named, names_of

REFERENCES = {
    "routineId": Kind.ROUTINE,
    "triggerId": Kind.TRIGGER,
    "linkedIssueId": Kind.ISSUE,
    "issueId": Kind.ISSUE,
    "agentId": Kind.AGENT,
}
"""What the details of an entry refer to, by the field that holds its id."""


@dataclass(frozen=True, slots=True)
class ToldEntry:
    """An entry with its details read."""

    entry: Activity
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToldActivity:
    """A page of the audit, and what the actors and things in it are called, by id, of those that are known."""

    entries: Sequence[ToldEntry]
    names: Mapping[str, Named]


@dataclass(frozen=True, slots=True)
class ActivityLog:
    """The audit of a company."""

    context: Context

    def page(
        self,
        actor: Actor,
        company_id: str,
        query: Body[ActivityQuery],
    ) -> list[Activity]:
        """A company's activity, newest first."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            return activity.page(connection, company_id, query())

    def told(self, actor: Actor, company_id: str, query: Body[ActivityQuery]) -> ToldActivity:
        """A company's activity, newest first, with the names of everything in it."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            entries = [_read(entry) for entry in activity.page(connection, company_id, query())]
            return ToldActivity(entries, _names(connection, entries))


def _read(entry: Activity) -> ToldEntry:
    return ToldEntry(entry, {} if entry.details is None else json.loads(entry.details))


def _names(connection: Connection, entries: Sequence[ToldEntry]) -> Mapping[str, Named]:
    """The names of all that the entries mention, and of what those belong to."""
    mentioned = {reference for each in entries for reference in _mentioned(each)}
    names = names_of(connection, mentioned)
    owners = {
        (Kind.AGENT if each.kind is Kind.HEARTBEAT else Kind.ROUTINE, each.of_id)
        for each in names.values()
        if each.of_id is not None and each.of_id not in names
    }
    return {**names, **names_of(connection, owners)}


def _mentioned(each: ToldEntry) -> Iterator[tuple[str, str]]:
    yield each.entry.entity_type, each.entry.entity_id
    if each.entry.actor_type is ActorType.AGENT:
        yield Kind.AGENT, each.entry.actor_id
    for field, kind in REFERENCES.items():
        value = each.details.get(field)
        if isinstance(value, str):
            yield kind, value
