"""The use case of trying a webhook: a delivery that the service signs itself and receives like any other.

How deliveries are verified and fired is in `firing`; nothing passes over it here.
"""

from __future__ import annotations

from dataclasses import dataclass

from routines.core.access import Action, require
from routines.core.activity import ActivityAction
from routines.core.errors import ConflictError, ImpossibleError, RoutinesError
from routines.core.limits import BODY_BYTES_MAX
from routines.core.model import Actor, Trigger, TriggerKind
from routines.core.signing import Delivery, SigningMode, signed
from routines.keyring import MasterKeyError
from routines.services.context import Body, Context, visible_routine
from routines.services.firing import FireAnswer, FireBatcher, WebhookRequest
from routines.services.triggers import Triggers

USER_AGENT = "Routines test delivery"


@dataclass(frozen=True, slots=True)
class Trials:
    """The use case of trying a webhook."""

    context: Context
    batcher: FireBatcher
    triggers: Triggers

    def deliver(self, actor: Actor, trigger_id: str, body: Body[bytes]) -> FireAnswer | RoutinesError:
        """Deliver a body of JSON at a webhook, with the signature that its mode wants; the answer is its sender's.

        What a sender would be refused with is an answer too. It is not counted by the limit of deliveries a minute.
        """
        trigger = self.triggers.get(actor, trigger_id)
        with self.context.database.read() as connection:
            routine = visible_routine(connection, actor, trigger.routine_id)
        require(actor, Action.RUN_ROUTINE, assigned_to=routine.assignee_agent_id)
        content = body()
        if trigger.kind is not TriggerKind.WEBHOOK:
            raise ImpossibleError(f"Only a webhook takes deliveries; this trigger's kind is {trigger.kind.value}")
        if len(content) > BODY_BYTES_MAX:
            raise ImpossibleError(f"The payload has {len(content)} bytes; a delivery has at most {BODY_BYTES_MAX}")
        request = WebhookRequest(trigger.public_id or "", self._sign(trigger, content), None)
        with self.context.database.write() as transaction:
            now = self.context.clock.now()
            subject = (trigger.company_id, "routine_trigger", trigger.id)
            details = {"routineId": trigger.routine_id}
            self.context.record(transaction, actor, ActivityAction.TRIGGER_TRIED, subject, now, details)
        try:
            return self.batcher.submit(request).result()
        except RoutinesError as refusal:
            return refusal

    def _sign(self, trigger: Trigger, content: bytes) -> Delivery:
        mode = trigger.signing_mode or SigningMode.NONE
        now = self.context.clock.now()
        try:
            sealed = trigger.sealed_secret
            secret = None if sealed is None else self.context.keyring.open(sealed, owner=trigger.id)
            headers = signed(mode, secret, f"test_{self.context.ids.new(now)}", now, content)
        except (MasterKeyError, ValueError):
            raise ConflictError("The webhook's secret cannot be opened; rotate it") from None
        said = {"content-type": "application/json", "user-agent": USER_AGENT}
        return Delivery({**said, **{name.lower(): value for name, value in headers.items()}}, content)
