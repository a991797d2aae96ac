"""What would have to change so that there is what the files say: as data, from what there is and what is wanted.

Nothing is looked up, called or printed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic.alias_generators import to_camel

from routines.code.document import KEY_PATTERN
from routines.core.limits import TRIGGERS_PER_REQUEST_MAX

Fields = Mapping[str, Any]
"""The fields of a routine or trigger by the client's names for them, those of other kinds left out."""
_KEY = re.compile(KEY_PATTERN)
_EXTERNAL = re.compile(rf"({KEY_PATTERN[1:-1]})/({KEY_PATTERN[1:-1]})")

_IN_FILES = {
    "assignee_agent_id": "agent",
    "project_id": "project",
    "goal_id": "goal",
    "parent_issue_id": "parent",
    "external_key": "key",
}


@dataclass(frozen=True, slots=True)
class ProjectToMake:
    """A project that there is none of yet; in the fields it stands where its id will be."""

    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A routine or trigger as it should be; `adopts` is the id of one that may have no key yet."""

    key: str
    fields: Fields
    adopts: str | None = None
    triggers: tuple[Wanted, ...] = ()


@dataclass(frozen=True, slots=True)
class Current:
    """A routine or trigger as it is; `key` is its external key, or None.

    The id of a routine is empty that an earlier change of the plan makes.
    """

    id: str
    key: str | None
    fields: Fields
    triggers: tuple[Current, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is to change."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class CreateProject:
    """Make a project."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateRoutine:
    """Make a routine with its triggers."""

    wanted: Wanted


@dataclass(frozen=True, slots=True)
class UpdateRoutine:
    """Change fields of a routine."""

    current: Current
    wanted: Wanted
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class ArchiveRoutine:
    """End a routine that is in the files no more."""

    current: Current


@dataclass(frozen=True, slots=True)
class AddTrigger:
    """Make a trigger of a routine that there is."""

    routine: Current
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class UpdateTrigger:
    """Change fields of a trigger."""

    routine: Current
    current: Current
    wanted: Wanted
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class DeleteTrigger:
    """Take a trigger away that its routine has in the files no more."""

    routine: Current
    current: Current


Change = CreateProject | CreateRoutine | UpdateRoutine | ArchiveRoutine | AddTrigger | UpdateTrigger | DeleteTrigger


def external_key(set_name: str, key: str) -> str:
    """What a routine of a set is known by in the service."""
    return f"{set_name}/{key}"


def key_in_set(set_name: str, external: str | None) -> str | None:
    """The key of a routine in a set; None for one that is not of it, or whose key another program wrote."""
    found = _EXTERNAL.fullmatch(external or "")
    return found[2] if found is not None and found[1] == set_name else None


def is_own(trigger: Current) -> bool:
    """Whether a file may have a trigger: it has no key yet, or one that a file can say."""
    return trigger.key is None or _KEY.fullmatch(trigger.key) is not None


def in_files(name: str) -> str:
    """What a field of the client is called in files."""
    return _IN_FILES.get(name) or to_camel(name)


def plan(
    current: Sequence[Current], wanted: Sequence[Wanted], *, set_name: str, prune: bool = False
) -> tuple[Change, ...]:
    """What has to change, in the order in which it can be done; empty when all is as it should be.

    `current` has no archived routines. Without `prune` routines stay that the set has no more; what is not of the set
    is changed only where it is adopted.
    """
    return tuple(_changes(current, wanted, set_name=set_name, prune=prune))


def _changes(current: Sequence[Current], wanted: Sequence[Wanted], *, set_name: str, prune: bool) -> Iterator[Change]:
    yield from map(CreateProject, dict.fromkeys(_projects_to_make(wanted)))
    kept = set()
    for each in wanted:
        found = match(each, current)
        if found is None:
            yield from _creation(each)
            continue
        kept.add(found.id)
        differences = _differences(found, each)
        if differences:
            yield UpdateRoutine(found, each, differences)
        yield from _trigger_changes(found, each)
    if prune:
        yield from (
            ArchiveRoutine(each)
            for each in current
            if each.id not in kept and key_in_set(set_name, each.key) is not None
        )


def _creation(wanted: Wanted) -> Iterator[Change]:
    """A routine with as many triggers as one request may have, then the others one by one."""
    first, others = wanted.triggers[:TRIGGERS_PER_REQUEST_MAX], wanted.triggers[TRIGGERS_PER_REQUEST_MAX:]
    yield CreateRoutine(replace(wanted, triggers=first))
    made = Current("", wanted.key, wanted.fields)
    yield from (AddTrigger(made, each) for each in others)


def match(wanted: Wanted, current: Iterable[Current]) -> Current | None:
    """What there is already of what is wanted: by its key, or else the one without a key that it adopts."""
    by_id = None
    for each in current:
        if each.key == wanted.key:
            return each
        if each.key is None and each.id == wanted.adopts:
            by_id = each
    return by_id


def _projects_to_make(wanted: Sequence[Wanted]) -> Iterator[str]:
    for each in wanted:
        project = each.fields["project_id"]
        if isinstance(project, ProjectToMake):
            yield project.name


def _trigger_changes(routine: Current, wanted: Wanted) -> Iterator[Change]:
    """What has to change about a routine's triggers; those without a key of ours stay unless they are adopted.

    A kind cannot change: the trigger is then another one, and the old one goes first, for it has the key.
    """
    kept, later = set(), list[Change]()
    for each in wanted.triggers:
        found = match(each, routine.triggers)
        if found is None or found.fields["kind"] != each.fields["kind"]:
            later.append(AddTrigger(routine, each))
            continue
        kept.add(found.id)
        differences = _differences(found, each)
        if differences:
            later.append(UpdateTrigger(routine, found, each, differences))
    gone = (each for each in routine.triggers if each.key is not None and is_own(each) and each.id not in kept)
    yield from (DeleteTrigger(routine, each) for each in gone)
    yield from later


def _differences(current: Current, wanted: Wanted) -> tuple[Difference, ...]:
    changed = [
        Difference(name, current.fields.get(name), value)
        for name, value in wanted.fields.items()
        if current.fields.get(name) != value
    ]
    key = [] if current.key == wanted.key else [Difference("external_key", current.key, wanted.key)]
    return (*key, *changed)
