"""From what files say to what is wanted of the service: names become ids, and what is adopted is looked at.

The plan that follows from it is `planning`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from routines.code.company import Directory, NotThereError
from routines.code.document import AnyTrigger, NamedProject, ScheduleTrigger, WebhookTrigger
from routines.code.faults import FileFault, FilesError
from routines.code.planning import Current, ProjectToMake, Wanted, external_key
from routines.code.reading import DeclaredRoutine, DeclaredSet, key_of

_KINDS = {"schedule": "a schedule", "webhook": "a webhook", "api": "one of kind api"}


def parents_of(declared: DeclaredSet) -> set[str]:
    """The parent issues that the files name."""
    return {each.written.parent for each in declared.routines if each.written.parent is not None}


def adopted_by(declared: DeclaredSet) -> set[str]:
    """The ids of routines that the files give a key."""
    return {each.written.id.lower() for each in declared.routines if each.written.id is not None}


def wanted_routines(declared: DeclaredSet, names: Directory, current: Sequence[Current]) -> tuple[Wanted, ...]:
    """The routines that the files want; raises `FilesError` for each name that stands for nothing, at its place."""
    resolving = _Resolving(declared.name, names, {each.id: each for each in current})
    wanted = tuple(resolving.routine(each) for each in declared.routines)
    if resolving.faults:
        raise FilesError(resolving.faults)
    return wanted


class _Resolving:
    """One set on its way from names to ids; what is wrong is among the faults."""

    def __init__(self, set_name: str, names: Directory, current: Mapping[str, Current]) -> None:
        self._set_name = set_name
        self._names = names
        self._current = current
        self.faults: list[FileFault] = []

    def routine(self, declared: DeclaredRoutine) -> Wanted:
        """A routine as it should be."""
        written = declared.written
        fields: dict[str, Any] = {
            "title": written.title,
            "description": written.description,
            "assignee_agent_id": self._found(declared, "assignee_agent_id", "agent"),
            "project_id": self._project(declared),
            "goal_id": self._found(declared, "goal_id", "goal"),
            "parent_issue_id": self._found(declared, "parent_issue_id", "parent"),
            "priority": written.priority.value,
            "concurrency_policy": written.concurrency_policy.value,
            "catch_up_policy": written.catch_up_policy.value,
        }
        if written.status is not None:
            fields["status"] = written.status
        triggers = tuple(_trigger(declared, each) for each in written.triggers)
        wanted = Wanted(external_key(self._set_name, written.key), fields, _lower(written.id), triggers)
        self.faults.extend(self._adoptions(declared, wanted))
        return wanted

    def _found(self, declared: DeclaredRoutine, field: str, name: str) -> str | None:
        """The id of what a field of the file names."""
        said = getattr(declared.written, name) or getattr(declared.defaults, name, None)
        among = self._names.of_field(field)
        if said is None or among is None:
            if name == "agent":
                self._fault(declared, "`agent` is missing, here and in `defaults`")
            return None
        try:
            return among.find(said).id
        except NotThereError as error:
            self._fault(declared, error.sentence, name)
            return None

    def _project(self, declared: DeclaredRoutine) -> str | ProjectToMake | None:
        said = declared.written.project or declared.defaults.project
        if said is None:
            self._fault(declared, "`project` is missing, here and in `defaults`")
            return None
        name = said.name if isinstance(said, NamedProject) else said
        may_be_made = isinstance(said, NamedProject) and said.create
        known = {each.name for each in self._names.projects.things}
        if may_be_made and name not in known:
            return ProjectToMake(name)
        try:
            return self._names.projects.find(name).id
        except NotThereError as error:
            self._fault(declared, f"{error.sentence}; to have it made, write {{name: …, create: true}}", "project")
            return None

    def _adoptions(self, declared: DeclaredRoutine, wanted: Wanted) -> Iterator[FileFault]:
        """What is wrong with the ids that a file gives keys to."""
        if wanted.adopts is None:
            adopted = next((each for each in self._current.values() if each.key == wanted.key), None)
        else:
            adopted = self._current.get(wanted.adopts)
            if adopted is None:
                message = "There is no routine with this id in the company, or it is archived"
                yield FileFault(declared.place("id"), message)
            elif adopted.key not in {None, wanted.key}:
                yield FileFault(declared.place("id"), f"This routine is kept as {adopted.key!r} already")
        triggers = () if adopted is None else adopted.triggers
        for number, trigger in enumerate(wanted.triggers):
            of_id = [each for each in triggers if each.id == trigger.adopts]
            if trigger.adopts is not None and not any(each.key in {None, trigger.key} for each in of_id):
                already = f"is kept as {of_id[0].key!r} already" if of_id else "is none of this routine"
                yield FileFault(declared.place("triggers", number, "id"), f"The trigger with this id {already}")
            elif of_id and of_id[0].fields["kind"] != trigger.fields["kind"]:
                message = f"The trigger with this id is {_KINDS[of_id[0].fields['kind']]}; a kind cannot change"
                yield FileFault(declared.place("triggers", number, "id"), message)

    def _fault(self, declared: DeclaredRoutine, message: str, *way: str) -> None:
        self.faults.append(FileFault(declared.place(*way), message))


def _trigger(declared: DeclaredRoutine, written: AnyTrigger) -> Wanted:
    fields: dict[str, Any] = {"kind": written.kind, "label": written.label}
    if written.enabled is not None:
        fields["enabled"] = written.enabled
    if isinstance(written, ScheduleTrigger):
        fields |= {"cron_expression": written.cron_expression, "timezone": declared.timezone(written)}
    elif isinstance(written, WebhookTrigger):
        fields |= {"signing_mode": written.signing_mode.value, "replay_window_sec": written.replay_window_sec}
    return Wanted(key_of(written), fields, _lower(written.id))


def _lower(identity: str | None) -> str | None:
    return None if identity is None else identity.lower()


def is_of_set(ids: Collection[str], prefix: str, identity: str, key: str | None) -> bool:
    """Whether a routine of the company concerns a set: it is adopted, or known by a key of the set."""
    return identity in ids or (key or "").startswith(prefix)
