"""A routine: its state, triggers, runs and activity, and what can be done with it.

Changing its fields is `editor`'s, what is done with one trigger `triggers`'s, and one run `runs`'s.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from routines.core import strict_json
from routines.core.errors import (
    ConflictError,
    Fault,
    ImpossibleError,
    InvalidError,
    MalformedBodyError,
    NotFoundError,
    RoutinesError,
)
from routines.core.model import ActorType, RoutineStatus, Trigger, TriggerKind
from routines.http.call import PathId, validated
from routines.http.schemas.routines import RoutineUpdate
from routines.http.schemas.runs import RunCreate
from routines.services.context import PageQuery
from routines.services.outlook import ExplainQuery
from routines.storage.queries.activity import ActivityQuery
from routines.web.form import Form
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.views.activity import activity_rows, actor_in_words
from routines.web.views.overview import summary
from routines.web.views.routine import CATCH_UP_IN_WORDS, CONCURRENCY_IN_WORDS, Health, health, notes
from routines.web.views.runs import run_row
from routines.web.views.triggers import TriggerCard, card, schedule_view, webhook_view
from routines.web.views.webhooks import curl

FIRES_SHOWN = 5
DELIVERIES_SHOWN = 5
TRIGGERS_SHOWN_MAX = 20  # on one page; a routine has one or two
ACTIVITY_SHOWN = 20

router = APIRouter(route_class=PageRoute)


@router.get("/routines/{routine_id}")
def show_routine(page: BoardPage, routine_id: PathId) -> Response:
    """A routine."""
    return routine_page(page, routine_id)


@router.post("/routines/{routine_id}/run")
def run_routine(page: BoardPage, routine_id: PathId) -> Response:
    """Run it by hand, with the payload that the form may have."""
    try:
        fired = page.use.firing.run(
            page.actor, routine_id, lambda: validated(RunCreate, _run_body(page.form)).command()
        )
    except RoutinesError as refusal:
        page.form.refused(refusal)
        return routine_page(page, routine_id)
    return page.go(f"/routines/{routine_id}/runs/{fired.run.id}", "It was run.")


@router.post("/routines/{routine_id}/pause")
def pause_routine(page: BoardPage, routine_id: PathId) -> Response:
    """Have no schedule and no webhook fire it."""
    return _set_status(page, routine_id, RoutineStatus.PAUSED, "The routine is paused.")


@router.post("/routines/{routine_id}/resume")
def resume_routine(page: BoardPage, routine_id: PathId) -> Response:
    """Have it fire again, from now on."""
    return _set_status(
        page, routine_id, RoutineStatus.ACTIVE, "The routine is active again. For the time in between nothing fires."
    )


@router.post("/routines/{routine_id}/archive")
def archive_routine(page: BoardPage, routine_id: PathId) -> Response:
    """Bring it to its end."""
    return _set_status(page, routine_id, RoutineStatus.ARCHIVED, "The routine is archived.")


@router.post("/routines/{routine_id}/duplicate")
def duplicate_routine(page: BoardPage, routine_id: PathId) -> Response:
    """Make a paused copy of it; if that has webhooks, their secrets are shown this once."""
    try:
        made = page.use.routines.duplicate(page.actor, routine_id, lambda: None)
    except RoutinesError as refusal:
        page.form.refused(refusal)
        return routine_page(page, routine_id)
    copy = made.routine
    pairs = zip(made.triggers or (), made.secret_materials or (), strict=True)
    secrets = [
        (trigger, material, curl(trigger.signing_mode, material.webhook_url, material.webhook_secret))
        for trigger, material in pairs
        if material is not None and trigger.signing_mode is not None
    ]
    if not secrets:
        return page.go(f"/routines/{copy.id}", "This is the copy. It is paused, so that it can be changed first.")
    return page.show(
        "secrets_shown.html",
        company_id=copy.company_id,
        section="routines",
        routine=copy,
        secrets=secrets,
        what="The copy was made, and is paused, so that it can be changed first.",
    )


@router.post("/routines/{routine_id}/delete")
def delete_routine(page: BoardPage, routine_id: PathId) -> Response:
    """Delete it; while an execution issue is open, ask once more."""
    routine = page.use.routines.get(page.actor, routine_id).routine
    try:
        page.use.routines.delete(page.actor, routine_id, lambda: page.form.ticked("force"))
    except ConflictError as refusal:
        page.form.refused(refusal)
        return page.show(
            "routine_delete.html", company_id=routine.company_id, section="routines", routine=routine, form=page.form
        )
    return page.go(f"/companies/{routine.company_id}/routines", f"The routine {routine.title} was deleted.")


def routine_page(page: Page, routine_id: str, *, tried: str = "") -> Response:
    """The page of a routine; `tried` is the webhook to which the page's form belongs, if it does."""
    detail = page.use.routines.get(page.actor, routine_id)
    routine = detail.routine
    first = max(0, _whole_number(page.query("triggers")) - 1) * TRIGGERS_SHOWN_MAX
    happened = ActivityQuery(ACTIVITY_SHOWN, routine_id=routine.id, fires=False)
    slots = [each.next_run_at for each in detail.triggers if each.next_run_at is not None]
    names: dict[str, str] = {} if detail.assignee is None else {detail.assignee.id: detail.assignee.name}
    rows = [run_row(each, page.when) for each in detail.recent_runs]
    return page.show(
        "routine.html",
        company_id=routine.company_id,
        section="routines",
        about=routine.id,
        form=page.form,
        tried=tried,
        detail=detail,
        next=None if not slots else page.when(min(slots)),
        routine=routine,
        goal=None if routine.goal_id is None else page.use.goals.get(page.actor, routine.goal_id),
        notes=notes(detail, page.company(routine.company_id)),
        concurrency=CONCURRENCY_IN_WORDS[routine.concurrency_policy],
        catch_up=CATCH_UP_IN_WORDS[routine.catch_up_policy],
        made_by=agent_or_user(page, routine.created_by_agent_id, routine.created_by_user_id, names),
        changed_by=agent_or_user(page, routine.updated_by_agent_id, routine.updated_by_user_id, names),
        cards=[_card(page, each) for each in detail.triggers[first : first + TRIGGERS_SHOWN_MAX]],
        trigger_pages=-(-len(detail.triggers) // TRIGGERS_SHOWN_MAX),
        trigger_page=first // TRIGGERS_SHOWN_MAX + 1,
        rows=rows,
        runs_summary=summary([each.outcome for each in rows]),
        health=_health(page, routine_id),
        entries=activity_rows(page.use.activity.told(page.actor, routine.company_id, lambda: happened), page.when),
    )


def agent_or_user(page: Page, agent_id: str | None, user_id: str | None, names: dict[str, str]) -> str:
    """Which agent or operator did something, by name; `names` are of agents known already, and takes further ones."""
    if agent_id is None:
        return actor_in_words(ActorType.USER, user_id or "")
    if agent_id not in names:
        try:
            names[agent_id] = page.use.agents.get(page.actor, agent_id).agent.name
        except NotFoundError:
            names[agent_id] = agent_id
    return names[agent_id]


def _run_body(form: Form) -> dict[str, Any]:
    """The body of a manual run that the form is; raises `InvalidError` for a payload that is no JSON."""
    text = form.text("payload")
    if not text:
        return {}
    try:
        return {"payload": strict_json.loads(text.encode("utf-8", "surrogatepass"))}
    except MalformedBodyError as error:
        raise InvalidError([Fault(("payload",), error.sentence, "json")]) from None


def _set_status(page: Page, routine_id: str, status: RoutineStatus, notice: str) -> Response:
    def change() -> None:
        body = {"status": status.value}
        page.use.routines.update(page.actor, routine_id, lambda: validated(RoutineUpdate, body).command())

    return page.act(change, f"/routines/{routine_id}", notice)


def _card(page: Page, trigger: Trigger) -> TriggerCard:
    if trigger.kind is TriggerKind.WEBHOOK:
        newest = page.use.deliveries.page(page.actor, trigger.id, lambda: PageQuery(DELIVERIES_SHOWN))
        url = page.use.triggers.url_of(trigger)
        return card(trigger, page.when, webhook=webhook_view(trigger, url, newest, page.when))
    if trigger.kind is TriggerKind.API:
        return card(trigger, page.when)
    after = max(page.now, trigger.slots_decided_until or page.now)
    query = ExplainQuery(trigger.cron_expression or "", trigger.timezone or "", FIRES_SHOWN, after)
    try:
        explained = page.use.outlook.explain(lambda: query)
    except ImpossibleError as error:  # a zone that has gone from the time zone data
        return card(trigger, page.when, schedule=schedule_view(trigger, error.sentence, page.when, page.zone))
    return card(trigger, page.when, schedule=schedule_view(trigger, explained, page.when, page.zone))


def _health(page: Page, routine_id: str) -> Health:
    try:
        return health(page.use.outlook.recent_health(page.actor, routine_id), page.when)
    except ImpossibleError as error:  # a zone that has gone from the time zone data
        return Health("week", 0, [], [], 0, error.sentence)


def _whole_number(text: str) -> int:
    return int(text[:9]) if text.isdecimal() and text.isascii() else 1
