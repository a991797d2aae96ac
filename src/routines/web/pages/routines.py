"""Home: the day at a glance, what comes next, and the company's routines in pages.

One routine is `routine`'s, changing it is `editor`'s.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Response

from routines.core.errors import RoutinesError, UnauthorizedError
from routines.core.limits import UPCOMING_DAYS_MAX
from routines.core.model import RoutineStatus, Run, RunStatus
from routines.http.call import PathId, canonical_id, validated
from routines.http.schemas.routines import RoutineFilters, RoutineUpdate
from routines.http.schemas.runs import RunCreate
from routines.services.outlook import RangeQuery
from routines.services.overview import LOOKS_MAX, TROUBLES_MAX
from routines.storage.queries.overview import Named, RoutineOrder, RoutinesQuery
from routines.web.form import Form
from routines.web.meanwhile import meanwhile
from routines.web.page import BoardPage, Page, PageRoute, own_path
from routines.web.rendering import options
from routines.web.times import shown_locally
from routines.web.views.overview import day_view, routine_row

ROUTINES_A_PAGE = 25  # with a strip of thirty marks each; forty take a tenth of a second
PAGE_DIGITS_MAX = 6  # of its number in an address
NEXT_FIRES = 5  # what comes next at a glance; there is a page for more
FILTERS = ("q", "status", "assigneeAgentId", "projectId")
SORTS = {
    RoutineOrder.TITLE: "Title",
    RoutineOrder.NEXT: "Next fire",
    RoutineOrder.LAST: "Last fire",
    RoutineOrder.UPDATED: "Last updated",
    RoutineOrder.AGENT: "Agent",
}
NEWEST_FIRST = frozenset({RoutineOrder.LAST, RoutineOrder.UPDATED})
BULK = {"pause": (RoutineStatus.PAUSED, "paused"), "resume": (RoutineStatus.ACTIVE, "resumed")}
FIRED = {
    RunStatus.ISSUE_CREATED: "it made an issue",
    RunStatus.COALESCED: "it joined the open issue",
    RunStatus.SKIPPED: "it was skipped, because its issue is open",
    RunStatus.FAILED: "the run failed",
}
RUN_BUTTON = "run"

router = APIRouter(route_class=PageRoute)


@router.get("/companies/{company_id}/routines")
def home(page: BoardPage, company_id: PathId) -> Response:
    """The day, what comes next, and a page of the routines."""
    form = Form.of({name: page.query(name) for name in (*FILTERS, "sort", "page")})
    troubles_max = TROUBLES_MAX if page.query("troubles") == "all" else LOOKS_MAX
    with meanwhile(lambda: page.use.overview.day(page.actor, company_id, troubles_max)) as asked:  # counts all fires
        found = page.use.overview.routines(page.actor, company_id, lambda: _wanted(form))
        soon = RangeQuery(None, page.now + timedelta(days=UPCOMING_DAYS_MAX), NEXT_FIRES)
        upcoming = page.use.outlook.upcoming(page.actor, company_id, lambda: soon)
        their_agents = {slot.schedule.assignee_agent_id for slot in upcoming}
        agent_names = page.use.overview.agent_names(page.actor, company_id, their_agents)
        choices = page.use.overview.choices(page.actor, company_id)
        local = shown_locally(page.now, page.zone)
        rows = [routine_row(each, found.joined, page.when, local) for each in found.routines]
        day = asked.result()
    part = found.offset // ROUTINES_A_PAGE + 1
    filters = {name: form.text(name) for name in (*FILTERS, "sort") if form.text(name)}
    return page.show(
        "routines.html",
        company_id=company_id,
        section="routines",
        form=form,
        is_filtered=any(form.text(name) for name in FILTERS),
        day=day_view(day, page.now, page.zone, page.when, troubles_max),
        upcoming=upcoming,
        agent_names=agent_names,
        agents=_options(choices.agents, form.text("assigneeAgentId")),
        projects=_options(choices.projects, form.text("projectId")),
        statuses=options(RoutineStatus),
        sorts=[(str(order), words) for order, words in SORTS.items()],
        rows=rows,
        total=found.total,
        first=found.offset + 1,
        here=_part(filters, part),
        before=_part(filters, part - 1) if part > 1 else None,
        after=_part(filters, part + 1) if part * ROUTINES_A_PAGE < found.total else None,
        sort=form.text("sort") if form.text("sort") in SORTS else RoutineOrder.TITLE,
        sort_links={str(order): _part({**filters, "sort": order}, 1) for order in SORTS},
    )


@router.post("/companies/{company_id}/routines")
def change_routines(page: BoardPage, company_id: PathId) -> Response:
    """Run one routine now, or pause or resume those that are ticked; then show the same part of the list again."""
    here = f"/companies/{company_id}/routines"
    back = own_path(f"{here}{page.form.text('here')}")
    if routine_id := page.form.text(RUN_BUTTON):
        return _run_now(page, canonical_id(routine_id), back)
    ticked = list(dict.fromkeys(map(canonical_id, page.form.every("routine"))))[:ROUTINES_A_PAGE]
    if page.form.text("do") not in BULK or not ticked:
        return page.go(back, problem="Tick the routines that are to be paused or resumed.")
    status, done = BULK[page.form.text("do")]
    refused: Counter[str] = Counter()
    for routine_id in ticked:
        try:
            change = validated(RoutineUpdate, {"status": status.value})
            page.use.routines.update(page.actor, routine_id, change.command)
        except UnauthorizedError:
            raise
        except RoutinesError as refusal:
            refused[refusal.sentence] += 1
    changed = len(ticked) - refused.total()
    said = f"{changed} {'routine was' if changed == 1 else 'routines were'} {done}."
    if not refused:
        return page.go(back, said)
    reasons = "; ".join(f"{count} because: {sentence}" for sentence, count in refused.items())
    return page.go(back, problem=f"{said} {refused.total()} refused, {reasons}.")


def _run_now(page: Page, routine_id: str, back: str) -> Response:
    made: list[Run] = []
    refused = page.act(
        lambda: made.append(page.use.firing.run(page.actor, routine_id, validated(RunCreate, {}).command).run), back, ""
    )
    if not made:
        return refused
    title = page.use.routines.get(page.actor, routine_id).routine.title
    return page.go(back, f"{title} was run: {FIRED[made[0].status]}.")


def _wanted(form: Form) -> RoutinesQuery:
    """The part of the list that the address asks for; what it says of order and page and is none, is passed over."""
    filters = validated(RoutineFilters, form.filled(*FILTERS)).command()
    sort = form.text("sort")
    order = RoutineOrder(sort) if sort in set(RoutineOrder) else RoutineOrder.TITLE
    number = form.text("page")[:PAGE_DIGITS_MAX]
    part = int(number) if number.isascii() and number.isdecimal() else 1
    offset = max(0, part - 1) * ROUTINES_A_PAGE
    return RoutinesQuery(filters, order, order in NEWEST_FIRST, ROUTINES_A_PAGE, offset)


def _options(choices: list[Named], chosen: str) -> list[tuple[str, str]]:
    """What there is to choose from, and what is chosen even if it is not among that."""
    found = {each.id: each.name for each in choices}
    if chosen and chosen not in found:
        found[chosen] = "The one that is chosen"
    return list(found.items())


def _part(filters: dict[str, str], number: int) -> str:
    """The address of a part of the list, from its question mark on."""
    query = urlencode({**filters, "page": str(number)} if number > 1 else filters)
    return f"?{query}" if query else ""
