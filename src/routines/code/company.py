"""What there is in a company, asked of the service: its routines as they are, and the names of all they refer to.

Nothing is changed from here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from typing import Any

from routines.client import Client, models
from routines.code.planning import Current
from routines.core.errors import RoutinesError
from routines.core.limits import ISSUES_LOOKED_THROUGH_MAX
from routines.core.model import AgentStatus, RoutineStatus

ROUTINE_FIELDS = (
    "title",
    "description",
    "assignee_agent_id",
    "project_id",
    "goal_id",
    "parent_issue_id",
    "priority",
    "status",
    "concurrency_policy",
    "catch_up_policy",
)
TRIGGER_FIELDS = {
    "schedule": ("kind", "label", "enabled", "cron_expression", "timezone"),
    "webhook": ("kind", "label", "enabled", "signing_mode", "replay_window_sec"),
    "api": ("kind", "label", "enabled"),
}


class NotThereError(RoutinesError):
    """A name stands for nothing, or for more than one thing."""


@dataclass(frozen=True, slots=True)
class Named:
    """Something that files refer to by its name or id; what is `past` only by its id."""

    id: str
    name: str
    past: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """The things of one kind in a company, such as its agents."""

    kind: str
    things: tuple[Named, ...]

    def find(self, wanted: str) -> Named:
        """The thing of that name or id; raises `NotThereError`."""
        found = [each for each in self.things if each.id == wanted.lower()]
        found = found or [each for each in self.things if each.name == wanted and not each.past]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(each.id for each in found)
            raise NotThereError(f"{len(found)} {self.kind}s are called {wanted!r}; write the id of one: {ids}")
        names = [each.name for each in self.things if not each.past]
        close = get_close_matches(wanted, names, n=1)
        instead = f"; is {close[0]!r} meant?" if close else f"; there are {', '.join(map(repr, names[:10])) or 'none'}"
        raise NotThereError(f"There is no {self.kind} {wanted!r}{instead}")

    def written(self, identity: str) -> str:
        """How a file refers to a thing: by its name where that is enough."""
        same = [each for each in self.things if each.id == identity and not each.past]
        named = [each for each in self.things if same and each.name == same[0].name and not each.past]
        is_enough = len(named) == 1 and all(each.id != same[0].name.lower() for each in self.things)
        trimmed = same[0].name.strip() == same[0].name if same else False
        return named[0].name if is_enough and trimmed else identity


@dataclass(frozen=True, slots=True)
class Directory:
    """Everything that routines of a company refer to; of issues only those that were asked for."""

    agents: Names
    projects: Names
    goals: Names
    parents: Names = field(default_factory=lambda: Names("parent issue", ()))

    def of_field(self, name: str) -> Names | None:
        """Where the id in a routine's field is looked up; None for fields that hold no id."""
        return {
            "assignee_agent_id": self.agents,
            "project_id": self.projects,
            "goal_id": self.goals,
            "parent_issue_id": self.parents,
        }.get(name)


def directory(client: Client, company_id: str, parents: Collection[str] = ()) -> Directory:
    """What routines of a company may refer to, and which issues these identifiers and ids are."""
    return Directory(
        Names(
            "agent",
            tuple(
                Named(each.id, each.name, past=each.status == AgentStatus.TERMINATED)
                for each in client.list_agents(company_id)
            ),
        ),
        Names("project", tuple(Named(each.id, each.name) for each in client.list_projects(company_id))),
        Names("goal", tuple(Named(each.id, each.title) for each in client.list_goals(company_id))),
        Names("parent issue", tuple(_issues(client, company_id, parents))),
    )


def _issues(client: Client, company_id: str, parents: Collection[str]) -> Iterator[Named]:
    """These issues, looked for from the newest on, as far as that is worth it."""
    left = {each.lower() for each in parents}
    if not left:
        return
    for issue in islice(client.list_issues.every(company_id), ISSUES_LOOKED_THROUGH_MAX):
        if issue.id in left or issue.identifier.lower() in left:
            left -= {issue.id, issue.identifier.lower()}
            yield Named(issue.id, issue.identifier)
        if not left:
            return


def current_routines(
    client: Client, company_id: str, is_wanted: Callable[[models.ListedRoutineReply], bool]
) -> list[Current]:
    """Those of a company's routines that are wanted and not archived, whole; a call for each of them."""
    listed = client.list_routines(company_id)
    return [
        _current(client.get_routine(each.id))
        for each in listed
        if each.status != RoutineStatus.ARCHIVED and is_wanted(each)
    ]


def _current(routine: models.RoutineDetailReply) -> Current:
    triggers = tuple(
        Current(each.id, each.external_key, _plain(each, TRIGGER_FIELDS[str(each.kind)]))
        for each in routine.triggers
        if str(each.kind) in TRIGGER_FIELDS
    )
    return Current(routine.id, routine.external_key, _plain(routine, ROUTINE_FIELDS), triggers)


def _plain(value: object, names: Iterable[str]) -> dict[str, Any]:
    """Fields of a reply, words of the service as texts."""
    found = {name: getattr(value, name) for name in names}
    return {name: str(each) if isinstance(each, str) else each for name, each in found.items()}
