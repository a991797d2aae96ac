"""An apply from files to the service: the preparation, which changes nothing, and the changes, one call after another.

What is to change is decided in `planning`; who prints what was done is the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic.alias_generators import to_camel

from routines.client import (
    Client,
    ConnectionFailedError,
    RoutinesClientError,
    ServerFaultError,
    UnexpectedReplyError,
    models,
)
from routines.code.company import Directory, current_routines, directory
from routines.code.planning import (
    AddTrigger,
    ArchiveRoutine,
    Change,
    CreateProject,
    CreateRoutine,
    DeleteTrigger,
    Difference,
    ProjectToMake,
    UpdateRoutine,
    UpdateTrigger,
    Wanted,
    external_key,
    plan,
)
from routines.code.reading import DeclaredSet
from routines.code.resolving import adopted_by, is_of_set, parents_of, wanted_routines
from routines.core.errors import RoutinesError
from routines.core.model import RoutineStatus, TriggerKind
from routines.core.signing import SigningMode, keeps_its_secret


class UnnamedSetError(RoutinesError):
    """Routines would be ended of a set that is only the default, which other files may be of too."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an apply would do, in which company, and the names of what it refers to."""

    company_id: str
    changes: tuple[Change, ...]
    names: Directory

    @property
    def makes_secrets(self) -> bool:
        """Whether a webhook gets a secret by it."""
        return any(_makes_secret(each) for each in self.changes)


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a webhook is fired and what it is signed with, known this once."""

    routine: str
    trigger: str
    webhook_url: str
    webhook_secret: str | None


@dataclass(frozen=True, slots=True)
class Done:
    """A change that has been made, and the secrets that it brought."""

    change: Change
    secrets: tuple[Secret, ...] = ()


def prepare(client: Client, company_id: str, declared: DeclaredSet, *, prune: bool = False) -> Prepared:
    """What would change if the set were applied to a company; nothing is changed.

    Raises `FilesError` for names that stand for nothing, `UnnamedSetError` for a `prune` of a set that nobody named,
    `RoutinesClientError` for what the service refuses.
    """
    if prune and not declared.is_named:
        raise UnnamedSetError(
            "What is to be pruned belongs to a set: name the set, so that only its routines are ended, by --set "
            "NAME or `set: NAME` in a file"
        )
    names = directory(client, company_id, parents_of(declared))
    adopted, prefix = adopted_by(declared), external_key(declared.name, "")
    current = current_routines(client, company_id, lambda each: is_of_set(adopted, prefix, each.id, each.external_key))
    wanted = wanted_routines(declared, names, current)
    return Prepared(company_id, plan(current, wanted, set_name=declared.name, prune=prune), names)


def carry_out(client: Client, prepared: Prepared) -> Iterator[Done]:
    """Make the changes in order, and tell each as soon as it has been made; raises `RoutinesClientError`.

    What was told has been done; a change that fails ends it, and the next apply goes on from there. Where it may have
    made a secret that nobody saw, a note of the error says so, and how to get a new one.
    """
    applying = _Applying(client, prepared.company_id)
    for change in prepared.changes:
        try:
            secrets = applying.make(change)
        except (RoutinesClientError, KeyboardInterrupt) as error:
            if _makes_secret(change) and (applying.has_made_half or _may_be_done(error)):
                error.add_note(_of_unseen_secret(change))
            raise
        yield Done(change, tuple(secrets))


class _Applying:
    """The changes of one apply, and the projects that it has made."""

    def __init__(self, client: Client, company_id: str) -> None:
        self._client = client
        self._company_id = company_id
        self._projects: dict[str, str] = {}
        self._routines: dict[str, str] = {}
        self.has_made_half = False
        """Whether of the change that failed the first call was made."""

    def make(self, change: Change) -> Sequence[Secret]:
        """Make one change; the secrets that it brought."""
        match change:
            case CreateProject(name):
                self._projects[name] = self._client.create_project(self._company_id, name=name).id
            case CreateRoutine(wanted):
                return self._create(wanted)
            case UpdateRoutine(current, _, differences):
                self._client.update_routine(current.id, **self._values(differences))
            case ArchiveRoutine(current):
                self._client.update_routine(current.id, status=RoutineStatus.ARCHIVED)
            case AddTrigger(routine, wanted):
                routine_id = routine.id or self._routines[routine.key or ""]
                made = self._client.add_trigger(routine_id, **_with_key(wanted))
                return _secrets(change_key(change), wanted.key, made.secret_material)
            case UpdateTrigger(_, current, wanted, differences):
                self._client.update_trigger(current.id, **self._values(differences))
                if _makes_secret(change):
                    self.has_made_half = True
                    rotated = self._client.rotate_secret(current.id)
                    self.has_made_half = False
                    return _secrets(change_key(change), wanted.key, rotated.secret_material)
            case DeleteTrigger(_, current):
                self._client.delete_trigger(current.id)
        return ()

    def _create(self, wanted: Wanted) -> Sequence[Secret]:
        fields = {name: self._value(value) for name, value in wanted.fields.items()}
        bodies = [{to_camel(name): value for name, value in _with_key(each).items()} for each in wanted.triggers]
        made = self._client.create_routine(self._company_id, external_key=wanted.key, triggers=bodies, **fields)
        self._routines[wanted.key] = made.id
        return [
            secret
            for trigger, material in zip(wanted.triggers, made.secret_materials, strict=True)
            for secret in _secrets(wanted.key, trigger.key, material)
        ]

    def _values(self, differences: Sequence[Difference]) -> dict[str, Any]:
        return {each.name: self._value(each.after) for each in differences}

    def _value(self, value: Any) -> Any:  # noqa: ANN401 - any field's
        return self._projects[value.name] if isinstance(value, ProjectToMake) else value


def change_key(change: Change) -> str:
    """The key of the routine that a change is about; its title where it has none; of a project the name."""
    match change:
        case CreateProject(name):
            return name
        case CreateRoutine(wanted) | UpdateRoutine(_, wanted):
            return wanted.key
        case ArchiveRoutine(routine) | AddTrigger(routine) | UpdateTrigger(routine) | DeleteTrigger(routine):
            return routine.key or str(routine.fields["title"])


def _makes_secret(change: Change) -> bool:
    """Whether a change brings a secret: a new webhook does, and a mode that wants one of another form."""
    match change:
        case CreateRoutine(wanted):
            return any(each.fields["kind"] == TriggerKind.WEBHOOK for each in wanted.triggers)
        case AddTrigger(_, wanted):
            return bool(wanted.fields["kind"] == TriggerKind.WEBHOOK)
        case UpdateTrigger(_, _, _, differences):
            modes = [(each.before, each.after) for each in differences if each.name == "signing_mode"]
            return any(
                after != SigningMode.NONE and not keeps_its_secret(SigningMode(before), SigningMode(after))
                for before, after in modes
            )
        case _:
            return False


def _may_be_done(error: RoutinesClientError | KeyboardInterrupt) -> bool:
    """Whether a call that failed, or was not waited for, may have done its work all the same."""
    if isinstance(error, ConnectionFailedError):
        return error.was_sent
    return isinstance(error, ServerFaultError | UnexpectedReplyError | KeyboardInterrupt)


def _of_unseen_secret(change: Change) -> str:
    """That a secret may have been made which nobody saw, and how to get a new one."""
    if isinstance(change, UpdateTrigger):
        return (
            f"The signing mode of the webhook {change.wanted.key} of {change_key(change)} may have changed, and a "
            "secret may have been made that nobody saw; applying again makes no other, "
            f"`routines trigger rotate {change.current.id}` does"
        )
    return (
        f"A secret of {change_key(change)} may have been made that nobody saw, and applying again makes no other; if "
        "`routines trigger list` shows a webhook there, `routines trigger rotate` with its id makes a new one"
    )


def _with_key(wanted: Wanted) -> Mapping[str, Any]:
    return {"external_key": wanted.key, **wanted.fields}


def _secrets(routine: str, trigger: str, material: models.SecretMaterialReply | None) -> list[Secret]:
    return [] if material is None else [Secret(routine, trigger, material.webhook_url, material.webhook_secret)]
