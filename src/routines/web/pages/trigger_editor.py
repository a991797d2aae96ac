"""A trigger's fields as a form: a new one of each kind, one that is changed, and the preview of a schedule.

When a schedule fires is the engine's to say; the preview asks it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from fastapi import APIRouter, Response
from pydantic import TypeAdapter

from routines.core.errors import NotFoundError, RoutinesError
from routines.core.limits import REPLAY_WINDOW_SECONDS_DEFAULT
from routines.core.model import ConcurrencyPolicy, Routine, Trigger, TriggerKind
from routines.core.signing import SigningMode
from routines.core.zones import ZONE_NAMES
from routines.http.call import PathId, canonical_id, validated, validated_by
from routines.http.schemas.outlook import CronExplain
from routines.http.schemas.triggers import (
    ApiTriggerCreate,
    ScheduleTriggerCreate,
    TriggerCreate,
    TriggerUpdate,
    WebhookTriggerCreate,
)
from routines.services.pace import PaceQuery
from routines.services.triggers import SecretMaterial
from routines.web.form import Form
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.views.cron_form import EVERY_MINUTES, WEEKDAYS, CronForm, cron_form, expression
from routines.web.views.schedules import Preview, cron_fields, faults_of, mark, preview_of, read_cron, schedule_body
from routines.web.views.webhooks import MODE_IN_WORDS, curl

NO_TRIGGER = "none"
TRIGGER_CHOICES = {
    TriggerKind.SCHEDULE.value: "It fires at the times that you set, to the minute.",
    TriggerKind.WEBHOOK.value: "It fires when another service sends a signed request to a URL of its own.",
    TriggerKind.API.value: "It fires when a program calls the API and names this trigger.",
    NO_TRIGGER: "It fires only when somebody runs it. Triggers can be added later.",
}
"""What a new routine can be given as its first trigger, and what that does."""
CHOICES = {
    "kinds": TRIGGER_CHOICES,
    "modes": MODE_IN_WORDS,
    "every_minutes": EVERY_MINUTES,
    "weekdays": list(enumerate(WEEKDAYS, 1)),
    "zones": sorted(ZONE_NAMES),
}
"""What the fields of a trigger offer."""

_CREATE: TypeAdapter[ScheduleTriggerCreate | WebhookTriggerCreate | ApiTriggerCreate] = TypeAdapter(TriggerCreate)

router = APIRouter(route_class=PageRoute)


class TriggerOwner(NamedTuple):
    """What of a routine matters to the pace of its schedule, as a form says it."""

    agent_id: str
    concurrency_policy: str


@router.get("/routines/{routine_id}/triggers/new")
def new_trigger(page: BoardPage, routine_id: PathId) -> Response:
    """The form of a new trigger of the kind that the address names."""
    routine = page.use.routines.get(page.actor, routine_id).routine
    return _page(page, routine, Form({"enabled": ["yes"], **new_trigger_fields(page)}))


@router.post("/routines/{routine_id}/triggers/new")
def create_trigger(page: BoardPage, routine_id: PathId) -> Response:
    """Add a trigger to a routine, or show what it would do."""
    routine = page.use.routines.get(page.actor, routine_id).routine
    if page.form.ticked("preview"):
        return _page(page, routine, page.form)
    kind = _kind(page)
    try:
        body = {"kind": kind, **_common(page.form), **trigger_body(page.form, kind)}
        made = page.use.triggers.add(page.actor, routine_id, lambda: validated_by(_CREATE, body, frozenset()).command())
    except RoutinesError as refusal:
        return _page(page, routine, mark(page.form, refusal))
    said = f"The {kind} trigger was made."
    if made.secret_material is not None:
        return secrets_page(page, routine, made.trigger, made.secret_material, said)
    return page.go(f"/routines/{routine_id}", said)


@router.get("/triggers/{trigger_id}/edit")
def edit_trigger(page: BoardPage, trigger_id: PathId) -> Response:
    """The form of a trigger."""
    trigger = page.use.triggers.get(page.actor, trigger_id)
    schedule = cron_form(trigger.cron_expression or "")
    fields = {
        "label": [trigger.label or ""],
        **({"enabled": ["yes"]} if trigger.enabled else {}),
        **cron_fields(schedule, trigger.timezone or ""),
        "signingMode": [trigger.signing_mode or ""],
        "replayWindowSec": [str(trigger.replay_window_sec or "")],
    }
    return _page(page, page.use.routines.get(page.actor, trigger.routine_id).routine, Form(fields), trigger)


@router.post("/triggers/{trigger_id}/edit")
def change_trigger(page: BoardPage, trigger_id: PathId) -> Response:
    """Change a trigger, or show what that would do."""
    trigger = page.use.triggers.get(page.actor, trigger_id)
    routine = page.use.routines.get(page.actor, trigger.routine_id).routine
    if page.form.ticked("preview"):
        return _page(page, routine, page.form, trigger)
    try:
        body = {**_common(page.form), **trigger_body(page.form, trigger.kind, trigger)}
        changed = page.use.triggers.update(page.actor, trigger_id, lambda: validated(TriggerUpdate, body).command())
    except RoutinesError as refusal:
        return _page(page, routine, mark(page.form, refusal), trigger)
    new_secret = changed.sealed_secret not in {None, trigger.sealed_secret}
    more = " Its mode wants another secret: rotate it to see the new one." if new_secret else ""
    return page.go(f"/routines/{routine.id}", f"The trigger was changed.{more}")


def new_trigger_fields(page: Page) -> dict[str, list[str]]:
    """The fields of a form for a trigger that nobody has said anything of yet; its zone is the viewer's."""
    return {
        **cron_fields(CronForm(), page.zone.key or "UTC"),
        "signingMode": [SigningMode.BEARER],
        "replayWindowSec": [str(REPLAY_WINDOW_SECONDS_DEFAULT)],
    }


def trigger_body(form: Form, kind: str, before: Trigger | None = None) -> dict[str, Any]:
    """The fields that only triggers of a kind have, as a body of the API."""
    if kind == TriggerKind.SCHEDULE:
        return schedule_body(form, before)
    if kind == TriggerKind.WEBHOOK:
        window = form.text("replayWindowSec")
        whole = int(window) if window.isascii() and window.isdigit() and len(window) < len("1000000000") else window
        return {"signingMode": form.text("signingMode"), "replayWindowSec": whole}
    return {}


def preview(page: Page, form: Form, owner: TriggerOwner) -> Preview:
    """What the schedule in a form means; what is wrong with it is also marked at its fields."""
    try:
        text = expression(read_cron(form))
        asked = {"cronExpression": text, "timezone": form.text("timezone")}
        explained = page.use.outlook.explain(lambda: validated(CronExplain, asked).command())
        found = preview_of(explained, text, form, page.now, page.zone)
        frequent = _too_frequent(page, found, owner)
    except RoutinesError as refusal:
        faults = faults_of(refusal)
        form.faults.update(faults)
        return Preview(problem=next(iter(faults.values()), refusal.sentence))
    return found if frequent is None else replace(found, warnings=[frequent, *found.warnings])


def secrets_page(page: Page, routine: Routine, trigger: Trigger, material: SecretMaterial, said: str) -> Response:
    """The one page that shows a new webhook's secret."""
    lines = curl(trigger.signing_mode or SigningMode.NONE, material.webhook_url, material.webhook_secret)
    return page.show(
        "secrets_shown.html",
        company_id=routine.company_id,
        section="routines",
        routine=routine,
        secrets=[(trigger, material, lines)],
        what=said,
    )


def _too_frequent(page: Page, found: Preview, owner: TriggerOwner) -> str | None:
    policy = owner.concurrency_policy
    known = ConcurrencyPolicy(policy) if policy in set(ConcurrencyPolicy) else ConcurrencyPolicy.COALESCE_IF_ACTIVE
    query = PaceQuery(found.expression, found.timezone, canonical_id(owner.agent_id), known)
    try:
        return page.use.outlook.too_frequent(page.actor, query)
    except NotFoundError:
        return None


def _kind(page: Page) -> TriggerKind:
    named = page.query("kind")
    return TriggerKind(named) if named in set(TriggerKind) else TriggerKind.SCHEDULE


def _common(form: Form) -> dict[str, Any]:
    return {"label": form.text("label") or None, "enabled": form.ticked("enabled")}


def _page(page: Page, routine: Routine, form: Form, trigger: Trigger | None = None) -> Response:
    kind = _kind(page) if trigger is None else trigger.kind
    owner = TriggerOwner(routine.assignee_agent_id, routine.concurrency_policy)
    return page.show(
        "trigger_edit.html",
        company_id=routine.company_id,
        section="routines",
        about=routine.id,
        form=form,
        routine=routine,
        trigger=trigger,
        kind=kind,
        choices=CHOICES,
        preview=preview(page, form, owner) if kind is TriggerKind.SCHEDULE else None,
    )
