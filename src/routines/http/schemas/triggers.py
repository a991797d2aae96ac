"""Triggers on the wire: a body for each kind, the whole and the short reply, and the secret shown once.

What a trigger means is in the services; a field of another kind than the trigger's is refused here or there.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, RootModel, StrictInt, StrictStr

from routines.core.limits import (
    CRON_EXPRESSION_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    REPLAY_WINDOW_SECONDS_DEFAULT,
    REPLAY_WINDOW_SECONDS_MAX,
    REPLAY_WINDOW_SECONDS_MIN,
)
from routines.core.model import TriggerKind
from routines.core.signing import SigningMode
from routines.http.schemas.common import AnyWhole, ExternalKey, Flag, Label, RequestModel, UpdateModel, characters
from routines.http.schemas.reply import Instant, ReplyModel
from routines.services.triggers import NewTrigger, TriggerChanges

CronExpression = Annotated[StrictStr, characters(CRON_EXPRESSION_CHARACTERS_MAX, minimum=1)]
Timezone = Annotated[StrictStr, characters(NAME_CHARACTERS_MAX, minimum=1)]
ReplayWindow = Annotated[StrictInt, Field(ge=REPLAY_WINDOW_SECONDS_MIN, le=REPLAY_WINDOW_SECONDS_MAX), AnyWhole]


class _TriggerCreate(RequestModel):
    label: Label | None = None
    enabled: Flag = True
    external_key: ExternalKey | None = None


class ScheduleTriggerCreate(_TriggerCreate):
    """A trigger that fires on a cron schedule."""

    kind: Literal["schedule"]
    cron_expression: CronExpression
    timezone: Timezone = "UTC"

    def command(self) -> NewTrigger:
        """The trigger to be made."""
        return NewTrigger(
            TriggerKind.SCHEDULE,
            self.label,
            self.enabled,
            external_key=self.external_key,
            cron_expression=self.cron_expression,
            timezone=self.timezone,
        )


class WebhookTriggerCreate(_TriggerCreate):
    """A trigger that fires on an inbound webhook."""

    kind: Literal["webhook"]
    signing_mode: SigningMode = SigningMode.BEARER
    replay_window_sec: ReplayWindow = REPLAY_WINDOW_SECONDS_DEFAULT

    def command(self) -> NewTrigger:
        """The trigger to be made."""
        return NewTrigger(
            TriggerKind.WEBHOOK,
            self.label,
            self.enabled,
            external_key=self.external_key,
            signing_mode=self.signing_mode,
            replay_window_sec=self.replay_window_sec,
        )


class ApiTriggerCreate(_TriggerCreate):
    """A trigger that fires only by a manual run that names it."""

    kind: Literal["api"]

    def command(self) -> NewTrigger:
        """The trigger to be made."""
        return NewTrigger(TriggerKind.API, self.label, self.enabled, external_key=self.external_key)


TriggerCreate = Annotated[ScheduleTriggerCreate | WebhookTriggerCreate | ApiTriggerCreate, Field(discriminator="kind")]


class TriggerCreateBody(RootModel[TriggerCreate]):
    """A trigger to be made; its kind says which fields it has."""


class TriggerUpdate(UpdateModel):
    """The fields to change; those of another kind than the trigger's are refused."""

    label: Label | None = None
    enabled: Flag = True
    external_key: ExternalKey | None = None
    cron_expression: CronExpression = ""
    timezone: Timezone = ""
    signing_mode: SigningMode = SigningMode.BEARER
    replay_window_sec: ReplayWindow = REPLAY_WINDOW_SECONDS_DEFAULT

    def command(self) -> TriggerChanges:
        """The changes, only of fields that were named."""
        return self.given(TriggerChanges)


class ShortTrigger(ReplyModel):
    """A trigger in lists of routines."""

    id: str
    kind: TriggerKind
    label: str | None
    enabled: bool
    cron_expression: str | None
    timezone: str | None
    next_run_at: Instant | None
    last_fired_at: Instant | None
    last_result: str | None


class WholeTrigger(ShortTrigger):
    """A trigger with everything but its secret."""

    company_id: str
    routine_id: str
    public_id: str | None
    signing_mode: SigningMode | None
    replay_window_sec: int | None
    last_rotated_at: Instant | None
    created_by_agent_id: str | None
    created_by_user_id: str | None
    updated_by_agent_id: str | None
    updated_by_user_id: str | None
    created_at: Instant
    updated_at: Instant
    external_key: str | None


class SecretMaterialReply(ReplyModel):
    """Where to send a webhook and what to sign it with, shown this once."""

    webhook_url: str
    webhook_secret: str | None


class TriggerWithSecretReply(ReplyModel):
    """A trigger, and its secret if it is a webhook's, shown this once."""

    trigger: WholeTrigger
    secret_material: SecretMaterialReply | None


class RunTrigger(ReplyModel):
    """The trigger that fired a run."""

    id: str
    kind: TriggerKind
    label: str | None
