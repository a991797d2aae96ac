"""Which thing somebody means who gives an id, the beginning of one, a title, a name or an identifier.

Looking it up is a call of the client; what is then done with it is the command's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from routines.cli.exits import NothingSuchError, WrongUseError
from routines.client import Client
from routines.core.model import AgentStatus, RoutineStatus

ID_BEGINNING_CHARACTERS_MIN = 6
LOOKED_THROUGH_MAX = 10_000  # issues, heartbeats or runs: some twenty calls, a second or two
CHOICES_TOLD_MAX = 5  # what fits a line or two
_WHOLE_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ID_BEGINNING = re.compile(rf"[0-9a-fA-F-]{{{ID_BEGINNING_CHARACTERS_MIN},36}}")


@dataclass(frozen=True, slots=True)
class Noun:
    """A kind of thing: its word, how those in a scope are listed, and which names one has.

    What is past is meant by a name only if nothing else is.
    """

    word: str
    entries: Callable[[Client, str, str], Iterable[Any]]
    names: Callable[[Any], Iterable[str | None]]
    within: str = "in the company"
    is_past: Callable[[Any], bool] = lambda _: False


def is_whole_id(given: str) -> bool:
    """Whether it needs no looking up."""
    return _WHOLE_ID.fullmatch(given) is not None


def find(client: Client, noun: Noun, scope: str, given: str) -> str:
    """The id of the one thing that is meant; `scope` is the id of the company, agent or routine that it belongs to.

    Raises `NothingSuchError`, or `WrongUseError` with the choices if it may be several.
    """
    entries = list(islice(noun.entries(client, scope, given), LOOKED_THROUGH_MAX))
    found = _not_past(noun, [each for each in entries if given in noun.names(each)])
    if not found and _ID_BEGINNING.fullmatch(given):
        found = [each for each in entries if each.id.startswith(given.lower())]
    if not found:
        looked = f" among the newest {LOOKED_THROUGH_MAX:,}" if len(entries) == LOOKED_THROUGH_MAX else ""
        raise NothingSuchError(
            f"There is no {noun.word} {given!r} {noun.within}{looked}; give its whole id, "
            f"{ID_BEGINNING_CHARACTERS_MIN} or more characters of its beginning, or the exact name"
        )
    if len(found) > 1:
        raise WrongUseError(f"{given!r} may be any of {len(found)}: {_told(noun, found)}; give the id of one")
    return str(found[0].id)


def only(client: Client, noun: Noun, scope: str, option: str) -> str:
    """The id of the only thing that there is; raises `WrongUseError` with the choices if there is not one."""
    entries = _not_past(noun, list(islice(noun.entries(client, scope, ""), LOOKED_THROUGH_MAX)))
    if len(entries) == 1:
        return str(entries[0].id)
    if not entries:
        raise WrongUseError(f"There is no {noun.word} yet; make one with `routines {noun.word} create`")
    raise WrongUseError(f"Choose one {noun.word} with {option}: {_told(noun, entries)}")


def _not_past(noun: Noun, entries: list[Any]) -> list[Any]:
    """Those that are not past, or all where each of them is."""
    return [each for each in entries if not noun.is_past(each)] or entries


def _told(noun: Noun, entries: list[Any]) -> str:
    told = [f"{next(filter(None, noun.names(each)), noun.word)} ({each.id})" for each in entries[:CHOICES_TOLD_MAX]]
    more = len(entries) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _routines(client: Client, company: str, given: str) -> Iterable[Any]:
    """Those whose title or description has the words, unless it may be the beginning of an id."""
    if not given or _ID_BEGINNING.fullmatch(given):
        return client.list_routines(company)
    return client.list_routines(company, q=given)


def _triggers(client: Client, company: str, _given: str) -> Iterable[Any]:
    return (trigger for routine in client.list_routines(company) for trigger in routine.triggers)


COMPANY = Noun(
    "company",
    lambda client, _, __: client.list_companies(),
    lambda each: (each.name, each.issue_prefix),
    "that you may see",
)
PROJECT = Noun("project", lambda client, company, _: client.list_projects(company), lambda each: (each.name,))
AGENT = Noun(
    "agent",
    lambda client, company, _: client.list_agents(company),
    lambda each: (each.name,),
    is_past=lambda each: each.status == AgentStatus.TERMINATED,
)
GOAL = Noun("goal", lambda client, company, _: client.list_goals(company), lambda each: (each.title,))
ROUTINE = Noun(
    "routine",
    _routines,
    lambda each: (each.title,),
    is_past=lambda each: each.status == RoutineStatus.ARCHIVED,
)
TRIGGER = Noun("trigger", _triggers, lambda each: (each.label,))
ISSUE = Noun(
    "issue",
    lambda client, company, _: client.list_issues.every(company),
    lambda each: (each.identifier, each.title),
)
KEY = Noun("key", lambda client, agent, _: client.list_keys(agent), lambda each: (each.name,), "of this agent")
HEARTBEAT = Noun("heartbeat", lambda client, company, _: client.list_heartbeats.every(company), lambda _: ())
RUN = Noun("run", lambda client, routine, _: client.list_runs.every(routine), lambda _: (), "of this routine")
