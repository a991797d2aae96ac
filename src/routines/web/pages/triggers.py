"""What is done with one trigger: enable, disable, delete, rotate the secret, try a webhook, its deliveries.

Adding and changing one is `editor`'s; its card is on the page of its routine.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.core.errors import Fault, InvalidError, MalformedBodyError, RoutinesError
from routines.core.limits import RUNS_PAGE_DEFAULT, UNFIRED_DELIVERIES_KEPT_MAX
from routines.core.model import Trigger
from routines.core.signing import SigningMode
from routines.http.call import NOBODY, PathId, canonical_id, validated
from routines.http.errors import status_of
from routines.http.schemas.triggers import TriggerUpdate
from routines.services.context import PageQuery
from routines.services.firing import Fired
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.pages.routine import routine_page
from routines.web.views.triggers import delivery_row
from routines.web.views.webhooks import curl

router = APIRouter(route_class=PageRoute)


@router.post("/triggers/{trigger_id}/enable")
def enable_trigger(page: BoardPage, trigger_id: PathId) -> Response:
    """Have it fire from now on."""
    return _set_enabled(page, trigger_id, enabled=True)


@router.post("/triggers/{trigger_id}/disable")
def disable_trigger(page: BoardPage, trigger_id: PathId) -> Response:
    """Have it fire no more."""
    return _set_enabled(page, trigger_id, enabled=False)


@router.post("/triggers/{trigger_id}/delete")
def delete_trigger(page: BoardPage, trigger_id: PathId) -> Response:
    """Delete it; its runs stay."""
    trigger = page.use.triggers.get(page.actor, trigger_id)
    return page.act(
        lambda: page.use.triggers.delete(page.actor, trigger_id, lambda: None),
        _routine(trigger),
        "The trigger was deleted; its runs stay.",
    )


@router.post("/triggers/{trigger_id}/rotate")
def rotate_secret(page: BoardPage, trigger_id: PathId) -> Response:
    """Give a webhook a new secret, and show it this once."""
    trigger = page.use.triggers.get(page.actor, trigger_id)
    try:
        made = page.use.triggers.rotate_secret(page.actor, trigger_id, lambda: None)
    except RoutinesError as refusal:
        return page.go(_routine(trigger), problem=refusal.sentence)
    material = made.secret_material
    lines = "" if material is None else curl(_mode(trigger), material.webhook_url, material.webhook_secret)
    return page.show(
        "secrets_shown.html",
        company_id=trigger.company_id,
        section="routines",
        routine=page.use.routines.get(page.actor, trigger.routine_id).routine,
        secrets=[(made.trigger, material, lines)],
        what="The old secret is dead already." if _mode(trigger) is not SigningMode.NONE else "The old URL is dead.",
    )


@router.post("/triggers/{trigger_id}/try")
def try_webhook(page: BoardPage, trigger_id: PathId) -> Response:
    """Deliver the form's payload at a webhook, as its sender would, and say what came of it."""
    trigger = page.use.triggers.get(page.actor, trigger_id)
    try:
        body = page.form.text("payload").encode("utf-8", "surrogatepass")
        answer = page.use.trials.deliver(page.actor, trigger_id, lambda: body)
        if isinstance(answer, MalformedBodyError):
            raise InvalidError([Fault(("payload",), f"Answered with 400: {answer.sentence}", "json")])
    except RoutinesError as refusal:
        page.form.refused(refusal)
        return routine_page(page, trigger.routine_id, tried=trigger.id)
    if isinstance(answer, RoutinesError):
        told = f"The test delivery was answered with {status_of(answer)}: {answer.sentence}"
        return page.go(_routine(trigger), problem=told)
    if not isinstance(answer, Fired):
        return page.go(_routine(trigger), "The test delivery was answered with 200 as a ping.")
    how = "the run that it repeats" if answer.replayed else f"a run that is {answer.run.status.value.replace('_', ' ')}"
    return page.go(f"{_routine(trigger)}/runs/{answer.run.id}", f"The test delivery was answered with 202 and {how}.")


@router.get("/triggers/{trigger_id}/deliveries")
def list_deliveries(page: BoardPage, trigger_id: PathId) -> Response:
    """A webhook's deliveries, newest first, those included that made no run."""
    trigger = page.use.triggers.get(page.actor, trigger_id)
    before = canonical_id(page.query("before"))
    query = PageQuery(RUNS_PAGE_DEFAULT + 1, None if before == NOBODY else before)
    found = page.use.deliveries.page(page.actor, trigger_id, lambda: query)
    return page.show(
        "deliveries.html",
        company_id=trigger.company_id,
        section="routines",
        about=trigger.routine_id,
        trigger=trigger,
        routine=page.use.routines.get(page.actor, trigger.routine_id).routine,
        rows=[delivery_row(each, page.when) for each in found[:RUNS_PAGE_DEFAULT]],
        older=found[RUNS_PAGE_DEFAULT - 1].id if len(found) > RUNS_PAGE_DEFAULT else "",
        is_first=before == NOBODY,
        kept=UNFIRED_DELIVERIES_KEPT_MAX,
    )


def _set_enabled(page: Page, trigger_id: str, *, enabled: bool) -> Response:
    trigger = page.use.triggers.get(page.actor, trigger_id)
    body = {"enabled": enabled}
    return page.act(
        lambda: page.use.triggers.update(page.actor, trigger_id, lambda: validated(TriggerUpdate, body).command()),
        _routine(trigger),
        f"The trigger is {'enabled, and fires from now on' if enabled else 'disabled'}.",
    )


def _routine(trigger: Trigger) -> str:
    return f"/routines/{trigger.routine_id}"


def _mode(trigger: Trigger) -> SigningMode:
    return trigger.signing_mode or SigningMode.NONE
