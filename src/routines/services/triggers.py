"""The use cases of triggers: add, change, delete, rotate the secret.

What a trigger's fire becomes is in `dispatch`; how a webhook is verified is in `firing`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from sqlalchemy import Connection

from routines.core import cron
from routines.core.access import Action, require, require_visible
from routines.core.activity import ActivityAction
from routines.core.errors import ConflictError, Fault, ImpossibleError, InvalidError, NotFoundError
from routines.core.lifecycle import require_changeable
from routines.core.model import Actor, Routine, Trigger, TriggerKind
from routines.core.signing import SECRET_ENTROPY_BYTES, SigningMode, keeps_its_secret, new_secret
from routines.services.context import Body, Context, changed_names, on_the_wire, visible_routine
from routines.services.schedules import is_live, keep_history, scheduled, settle_before_change
from routines.storage.database import Transaction
from routines.storage.queries import deliveries, triggers

TRIGGER_NOT_FOUND = "Routine trigger not found"
PUBLIC_ID_BYTES = 12
FIELDS_OF_KIND = {
    TriggerKind.SCHEDULE: frozenset({"cron_expression", "timezone"}),
    TriggerKind.WEBHOOK: frozenset({"signing_mode", "replay_window_sec"}),
    TriggerKind.API: frozenset[str](),
}
"""The fields that only triggers of one kind have."""


@dataclass(frozen=True, slots=True)
class NewTrigger:
    """A trigger to be made; the fields of other kinds than its own are None."""

    kind: TriggerKind
    label: str | None
    enabled: bool
    cron_expression: str | None = None
    timezone: str | None = None
    signing_mode: SigningMode | None = None
    replay_window_sec: int | None = None
    external_key: str | None = None


class TriggerChanges(TypedDict, total=False):
    """The fields that an update names, with their new values."""

    label: str | None
    enabled: bool
    cron_expression: str
    timezone: str
    signing_mode: SigningMode
    replay_window_sec: int
    external_key: str | None


@dataclass(frozen=True, slots=True)
class SecretMaterial:
    """Where to send a webhook and what to sign it with, shown this once."""

    webhook_url: str
    webhook_secret: str | None


@dataclass(frozen=True, slots=True)
class TriggerWithSecret:
    """A trigger, and its secret if it is a webhook's."""

    trigger: Trigger
    secret_material: SecretMaterial | None


@dataclass(frozen=True, slots=True)
class Triggers:
    """The use cases of triggers."""

    context: Context

    def get(self, actor: Actor, trigger_id: str) -> Trigger:
        """The trigger with that id; `NotFoundError` if there is none for this caller."""
        with self.context.database.read() as connection:
            trigger = triggers.get(connection, trigger_id)
        if trigger is None:
            raise NotFoundError(TRIGGER_NOT_FOUND)
        require_visible(actor, trigger.company_id, TRIGGER_NOT_FOUND)
        return trigger

    def url_of(self, trigger: Trigger) -> str:
        """Where a webhook is fired."""
        return f"{self.context.public_url}/api/routine-triggers/public/{trigger.public_id}/fire"

    def add(self, actor: Actor, routine_id: str, body: Body[NewTrigger]) -> TriggerWithSecret:
        """Add a trigger to a routine that its caller may change."""
        with self.context.database.write() as transaction:
            transaction.locks.routine(routine_id)
            routine = visible_routine(transaction.connection, actor, routine_id)
            require(actor, Action.CHANGE_ROUTINE, assigned_to=routine.assignee_agent_id)
            made = self.create(transaction, actor, routine, body(), self.context.clock.now())
            require_changeable(routine)  # told last; what was made is then rolled back
            return made

    def create(
        self, transaction: Transaction, actor: Actor, routine: Routine, new: NewTrigger, now: datetime
    ) -> TriggerWithSecret:
        """Make a trigger of a routine in the caller's transaction; raises `CronError` or `ZoneError`."""
        trigger = Trigger(
            id=self.context.ids.new(now),
            company_id=routine.company_id,
            routine_id=routine.id,
            kind=new.kind,
            label=new.label,
            enabled=new.enabled,
            cron_expression=new.cron_expression,
            timezone=new.timezone,
            slots_decided_until=None,
            next_run_at=None,
            last_fired_at=None,
            public_id=None,
            signing_mode=new.signing_mode,
            replay_window_sec=new.replay_window_sec,
            sealed_secret=None,
            last_rotated_at=None,
            last_result=None,
            created_by_agent_id=actor.agent_id,
            created_by_user_id=actor.user_id,
            updated_by_agent_id=actor.agent_id,
            updated_by_user_id=actor.user_id,
            created_at=now,
            updated_at=now,
            external_key=new.external_key,
        )
        _require_free_key(transaction.connection, trigger)
        secret = None
        if new.kind is TriggerKind.SCHEDULE:
            cron.parse(new.cron_expression or "", new.timezone or "")
            trigger = scheduled(trigger, routine.status, now)
        if new.kind is TriggerKind.WEBHOOK:
            trigger, secret = self._with_new_secret(replace(trigger, public_id=os.urandom(PUBLIC_ID_BYTES).hex()))
        triggers.add(transaction.connection, trigger)
        keep_history(
            self.context, transaction, trigger, now, live=is_live(trigger, routine.status), reason="trigger created"
        )
        self._record(transaction, actor, ActivityAction.TRIGGER_CREATED, trigger, now, {"kind": trigger.kind})
        return TriggerWithSecret(trigger, self._material(trigger, secret))

    def update(self, actor: Actor, trigger_id: str, body: Body[TriggerChanges]) -> Trigger:
        """Change a trigger; a changed schedule counts from now on, and what was due before is fired first."""
        with self.context.database.write() as transaction:
            transaction.locks.trigger(trigger_id)
            before, routine = self._own(transaction, actor, trigger_id)
            changes = body()
            _refuse_fields_of_other_kinds(before, changes)
            if "cron_expression" in changes or "timezone" in changes:
                cron.parse(
                    changes.get("cron_expression", before.cron_expression or ""),
                    changes.get("timezone", before.timezone or ""),
                )
            if not changed_names(before, replace(before, **changes)):
                return before
            require_changeable(routine)
            if changes.get("external_key", before.external_key) != before.external_key:
                _require_free_key(transaction.connection, replace(before, **changes))
            return self._change(transaction, actor, before, routine, changes)

    def _change(
        self, transaction: Transaction, actor: Actor, before: Trigger, routine: Routine, changes: TriggerChanges
    ) -> Trigger:
        now = self.context.clock.now()
        settle_before_change(self.context, transaction, [before], now)
        before = triggers.get(transaction.connection, before.id) or before
        after = replace(
            before, **changes, updated_by_agent_id=actor.agent_id, updated_by_user_id=actor.user_id, updated_at=now
        )
        mode, new_mode = before.signing_mode, after.signing_mode
        if mode is not None and new_mode is not None and not keeps_its_secret(mode, new_mode):
            after, _ = self._with_new_secret(after)
        reschedules = {"cronExpression", "timezone", "enabled"} & set(changed_names(before, after))
        names = changed_names(before, after)
        if reschedules:
            after = scheduled(after, routine.status, now)
            keep_history(
                self.context,
                transaction,
                after,
                now,
                live=is_live(after, routine.status),
                reason=f"trigger updated: {', '.join(sorted(reschedules))}",
            )
        triggers.change(transaction.connection, after)
        self._record(
            transaction,
            actor,
            ActivityAction.TRIGGER_UPDATED,
            after,
            now,
            {"changed": sorted(set(names) - {"sealedSecret"})},
        )
        return after

    def delete(self, actor: Actor, trigger_id: str, body: Body[None]) -> None:
        """Delete a trigger; its runs stay."""
        with self.context.database.write() as transaction:
            transaction.locks.trigger(trigger_id)
            trigger, routine = self._own(transaction, actor, trigger_id)
            body()
            require_changeable(routine)
            now = self.context.clock.now()
            settle_before_change(self.context, transaction, [trigger], now)
            triggers.delete(transaction.connection, [trigger.id], now)
            deliveries.forget(transaction.connection, [trigger.id])
            keep_history(self.context, transaction, trigger, now, live=False, reason="trigger deleted")
            self._record(transaction, actor, ActivityAction.TRIGGER_DELETED, trigger, now, {"kind": trigger.kind})

    def rotate_secret(self, actor: Actor, trigger_id: str, body: Body[None]) -> TriggerWithSecret:
        """Give a webhook a new secret, or in mode `none` a new public id; the old one is dead at once."""
        with self.context.database.write() as transaction:
            transaction.locks.trigger(trigger_id)
            before, routine = self._own(transaction, actor, trigger_id)
            body()
            if before.kind is not TriggerKind.WEBHOOK:
                raise ImpossibleError(
                    f"Only a webhook trigger has a secret to rotate; this one's kind is {before.kind.value}"
                )
            require_changeable(routine)
            now = self.context.clock.now()
            after = replace(
                before,
                last_rotated_at=now,
                updated_by_agent_id=actor.agent_id,
                updated_by_user_id=actor.user_id,
                updated_at=now,
            )
            if before.signing_mode is SigningMode.NONE:
                after = replace(after, public_id=os.urandom(PUBLIC_ID_BYTES).hex())
            after, secret = self._with_new_secret(after)
            triggers.change(transaction.connection, after)
            self._record(transaction, actor, ActivityAction.TRIGGER_SECRET_ROTATED, after, now)
            return TriggerWithSecret(after, self._material(after, secret))

    def _own(self, transaction: Transaction, actor: Actor, trigger_id: str) -> tuple[Trigger, Routine]:
        """A trigger that the caller may change, and its routine."""
        trigger = triggers.get(transaction.connection, trigger_id)
        if trigger is None:
            raise NotFoundError(TRIGGER_NOT_FOUND)
        require_visible(actor, trigger.company_id, TRIGGER_NOT_FOUND)
        routine = visible_routine(transaction.connection, actor, trigger.routine_id)
        require(actor, Action.CHANGE_ROUTINE, assigned_to=routine.assignee_agent_id)
        return trigger, routine

    def _with_new_secret(self, trigger: Trigger) -> tuple[Trigger, str | None]:
        """The trigger with a fresh secret sealed for it, and the secret; mode `none` has none."""
        secret = new_secret(trigger.signing_mode or SigningMode.NONE, os.urandom(SECRET_ENTROPY_BYTES))
        sealed = None if secret is None else self.context.keyring.seal(secret, owner=trigger.id)
        return replace(trigger, sealed_secret=sealed), secret

    def _material(self, trigger: Trigger, secret: str | None) -> SecretMaterial | None:
        if trigger.kind is not TriggerKind.WEBHOOK:
            return None
        return SecretMaterial(self.url_of(trigger), secret)

    def _record(
        self,
        transaction: Transaction,
        actor: Actor,
        action: ActivityAction,
        trigger: Trigger,
        now: datetime,
        details: dict[str, object] | None = None,
    ) -> None:
        self.context.record(
            transaction,
            actor,
            action,
            (trigger.company_id, "routine_trigger", trigger.id),
            now,
            {"routineId": trigger.routine_id, **(details or {})},
        )


def _require_free_key(connection: Connection, trigger: Trigger) -> None:
    """Raise `ConflictError` if another trigger of the routine is known by that key already; the routine is locked."""
    others = triggers.of_routines(connection, [trigger.routine_id]) if trigger.external_key is not None else []
    if any(each.external_key == trigger.external_key for each in others):
        raise ConflictError(
            f"Another trigger of the routine has the externalKey {trigger.external_key!r}; each has one of its own"
        )


def _refuse_fields_of_other_kinds(trigger: Trigger, changes: TriggerChanges) -> None:
    """Raise `InvalidError` naming each field that a trigger of this kind does not have."""
    foreign = set().union(*FIELDS_OF_KIND.values()) - FIELDS_OF_KIND[trigger.kind]
    faults = [
        Fault((on_the_wire(name),), f"A {trigger.kind.value} trigger has no such field", "unrecognized_keys")
        for name in sorted(foreign & changes.keys())
    ]
    if faults:
        raise InvalidError(faults)
