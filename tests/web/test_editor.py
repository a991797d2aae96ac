"""The editor: a routine with its first trigger in one form, triggers of each kind, previews, mistakes at fields."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from httpx2 import Response

from routines.core.instants import iso
from routines.core.model import HeartbeatRun, HeartbeatStatus, WakeReason
from routines.storage.queries import heartbeat_runs
from support.clock import HOUR, MINUTE, MONDAY_NOON
from support.databases import on_sqlite
from support.hostile import ALL_AT_ONCE, HOSTILE
from support.inert import require_inert
from support.pages import filled, said, shown
from support.service import NOBODY, Company, Service, created, ok

ROUTINE = {"title": "Look", "status": "active", "priority": "medium", "catchUpPolicy": "skip_missed"}
SCHEDULE = {"kind": "schedule", "every": "workday", "time": "09:00", "timezone": "Europe/Berlin"}


def sent(service: Service, path: str, **fields: Any) -> Response:
    """What a form is answered with; boxes that are ticked several times are lists."""
    return service.client.post(path, data=fields, follow_redirects=False)


def routine_form(company: Company, **fields: Any) -> dict[str, Any]:
    own = {"assigneeAgentId": company.agent_id, "projectId": company.project_id}
    return {**ROUTINE, "concurrencyPolicy": "coalesce_if_active", **own, **SCHEDULE, **fields}


def fault(page: str, name: str) -> str:
    """What a page says is wrong with a field; empty for nothing."""
    found = re.search(rf'<p class="fault" id="{name}-fault"[^>]*>([^<]*)<', page)
    return unescape(found[1]) if found else ""


def only_routine(company: Company) -> dict[str, Any]:
    (listed,) = ok(company.board.get(f"/companies/{company.id}/routines"))
    return dict(ok(company.board.get(f"/routines/{listed['id']}")))


def test_a_routine_is_made_with_its_schedule(service: Service, company: Company) -> None:
    path = f"/companies/{company.id}/routines/new"
    parent = created(company.board.post(f"/companies/{company.id}/issues", {"title": "Above"}))
    goal = created(company.board.post(f"/companies/{company.id}/goals", {"title": "Fewer mistakes"}))
    assert "Fewer mistakes" in shown(service, path)
    form = routine_form(
        company,
        description="All of it",
        parentIssueId=parent["identifier"].lower(),
        goalId=goal["id"],
        priority="high",
        catchUpPolicy="enqueue_missed_with_cap",
        concurrencyPolicy="always_enqueue",
    )
    assert "The routine Look was made." in said(service, path, **form)
    routine = only_routine(company)
    expected = {**form, "parentIssueId": parent["id"]}
    assert {name: routine[name] for name in expected if name in routine} == {
        name: value for name, value in expected.items() if name in routine
    }
    (trigger,) = routine["triggers"]
    assert (trigger["kind"], trigger["cronExpression"], trigger["timezone"]) == (
        "schedule",
        "0 9 * * 1-5",
        "Europe/Berlin",
    )
    assert trigger["nextRunAt"] == "2026-03-03T08:00:00.000Z"


@on_sqlite
@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ({"every": "minutes", "everyMinutes": "15"}, "*/15 * * * *"),
        ({"every": "week", "weekday": ["1", "3"], "time": "23:59"}, "59 23 * * 1,3"),
        ({"every": "cron", "cronExpression": " 0 9 1 * 1 ", "minute": "nonsense"}, "0 9 1 * 1"),
    ],
)
def test_what_the_form_says_is_what_fires(
    service: Service, company: Company, fields: dict[str, Any], expression: str
) -> None:
    sent(service, f"/companies/{company.id}/routines/new", **routine_form(company, **fields))
    assert only_routine(company)["triggers"][0]["cronExpression"] == expression


def test_without_a_trigger_and_with_one_for_programs(service: Service, company: Company) -> None:
    path = f"/companies/{company.id}/routines/new"
    for kind in ("none", "api"):
        assert sent(service, path, **routine_form(company, kind=kind)).status_code == 303
    routines = ok(company.board.get(f"/companies/{company.id}/routines"))
    assert sorted(tuple(each["kind"] for each in routine["triggers"]) for routine in routines) == [(), ("api",)]


def test_a_webhooks_secret_is_shown_once(service: Service, company: Company) -> None:
    form = routine_form(company, kind="webhook", signingMode="hmac_sha256", replayWindowSec="60")
    reply = sent(service, f"/companies/{company.id}/routines/new", **form)
    assert reply.status_code == 200
    assert "shown this once" in reply.text
    assert reply.headers["cache-control"] == "no-store"
    routine = only_routine(company)
    (trigger,) = routine["triggers"]
    assert (trigger["signingMode"], trigger["replayWindowSec"]) == ("hmac_sha256", 60)
    assert f"/public/{trigger['publicId']}/fire" in reply.text
    added = sent(
        service, f"/routines/{routine['id']}/triggers/new?kind=webhook", signingMode="none", replayWindowSec="300"
    )
    assert added.status_code == 200
    assert "whoever knows the URL can fire it" in added.text


@on_sqlite
@pytest.mark.parametrize(
    ("fields", "name", "sentence", "status"),
    [
        ({"title": " "}, "title", "at least 1 character", 400),
        ({"every": "cron", "cronExpression": "0 9 * *"}, "cronExpression", "takes five fields", 422),
        ({"every": "cron", "cronExpression": "0 9 31 2 *"}, "cronExpression", "can never happen", 422),
        ({"timezone": "europe/berlin"}, "timezone", "such as 'Europe/Berlin'", 422),
        ({"time": "25:00"}, "time", "is no time of day", 400),
        ({"every": "week"}, "weekday", "at least one day", 400),
        ({"every": "month", "dayOfMonth": "32"}, "dayOfMonth", "from 1 to 31", 400),
        ({"kind": "webhook", "signingMode": "bearer", "replayWindowSec": "5"}, "replayWindowSec", "30", 400),
        ({"parentIssueId": "ACM-999"}, "parentIssueId", "No issue of this company is called 'ACM-999'", 400),
        ({"parentIssueId": NOBODY}, "parentIssueId", "No issue of this company", 400),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_nothing_is_lost(
    service: Service, company: Company, fields: dict[str, Any], name: str, sentence: str, status: int
) -> None:
    form = routine_form(company, description="All of it", **fields)
    reply = sent(service, f"/companies/{company.id}/routines/new", **form)
    assert reply.status_code == status
    assert sentence in fault(reply.text, name)
    assert "All of it" in reply.text
    assert ok(company.board.get(f"/companies/{company.id}/routines")) == []


def test_the_preview_tells_what_then_fires_and_makes_nothing(service: Service, company: Company) -> None:
    path = f"/companies/{company.id}/routines/new"
    form = routine_form(company, every="cron", cronExpression="30 2 1 * 1", preview="yes")
    page = sent(service, path, **form).text
    assert ok(company.board.get(f"/companies/{company.id}/routines")) == []
    assert "At 02:30, on day 1 of the month, or on Monday" in page
    assert "both set" in page
    explained = ok(company.board.post("/cron/explain", {"cronExpression": "30 2 1 * 1", "timezone": "Europe/Berlin"}))[
        "nextTimes"
    ]
    times = re.search(r'id="preview-times".*?</table>', page, re.DOTALL)
    assert times is not None
    assert re.findall(r'<td><time datetime="([^"]+)"', times[0])[::2] == explained
    wrong = sent(service, path, **routine_form(company, every="cron", cronExpression="x", preview="yes"))
    assert wrong.status_code == 200
    assert "takes five fields" in fault(wrong.text, "cronExpression")


def heartbeats_of(service: Service, company: Company, took: timedelta, count: int) -> None:
    """Records heartbeats of the company's agent that took so long."""
    ids = [service.server.services.outlook.context.ids.new(MONDAY_NOON) for _ in range(count)]
    runs = [
        HeartbeatRun(
            id=each,
            company_id=company.id,
            agent_id=company.agent_id,
            issue_id=None,
            routine_id=None,
            reason=WakeReason.ON_DEMAND,
            attempt=1,
            status=HeartbeatStatus.SUCCEEDED,
            created_at=MONDAY_NOON - took,
            started_at=MONDAY_NOON - took,
            finished_at=MONDAY_NOON,
            updated_at=MONDAY_NOON,
        )
        for each in ids
    ]
    with service.server.database.write() as transaction:
        heartbeat_runs.add(transaction.connection, runs)


def test_a_schedule_too_frequent_for_its_agent_is_said(service: Service, company: Company) -> None:
    heartbeats_of(service, company, 2 * HOUR, 3)
    form = routine_form(company, every="hour", minute="0", preview="yes")
    page = unescape(sent(service, f"/companies/{company.id}/routines/new", **form).text)
    assert "Too frequent for Ada: it fires 24 times in the coming day" in page
    assert "fires that come while the issue is open join it" in page
    colleague = {**form, "assigneeAgentId": company.colleague_id}
    assert "Too frequent" not in sent(service, f"/companies/{company.id}/routines/new", **colleague).text


def test_the_viewers_zone_is_proposed_and_the_only_project_chosen(service: Service, company: Company) -> None:
    service.client.cookies.set("routines_zone", "Asia%2FKolkata")
    page = shown(service, f"/companies/{company.id}/routines/new?assigneeAgentId={company.colleague_id}")
    assert 'value="Asia/Kolkata" maxlength' in page
    assert f'value="{company.colleague_id}" selected' in page
    assert "Choose a project" not in page


def test_where_no_agent_and_no_project_is_the_page_leads_to_them(service: Service) -> None:
    company_id = created(service.board.post("/companies", {"name": "Empty"}))["id"]
    page = shown(service, f"/companies/{company_id}/routines/new")
    assert f'href="/companies/{company_id}/agents">Make an agent' in page
    assert f'href="/companies/{company_id}/projects">Make a project' in page


def test_a_routine_is_changed(service: Service, company: Company) -> None:
    routine = company.routine(title="Before", description="Old")
    path = f"/routines/{routine['id']}/edit"
    assert 'value="Before"' in shown(service, path)
    form = routine_form(company, title="After", description="", assigneeAgentId=company.colleague_id)
    assert "The routine was changed." in said(service, path, **form)
    changed = ok(company.board.get(f"/routines/{routine['id']}"))
    assert (changed["title"], changed["description"], changed["status"]) == ("After", None, "active")
    assert changed["assignee"]["name"] == "Bob"
    assert sent(service, path, **{**form, "title": ""}).status_code == 400
    ok(company.board.patch(f"/routines/{routine['id']}", {"status": "archived"}))
    assert sent(service, path, **{**form, "title": "Again"}).status_code == 409


@on_sqlite
def test_a_form_that_stood_open_overwrites_only_what_was_changed_in_it(service: Service, company: Company) -> None:
    routine = company.routine(title="Before", description="Two\nlines ", priority="low")
    path = f"/routines/{routine['id']}/edit"
    form = filled(service, path)
    assert "status" not in form
    assert "Nothing was changed." in said(service, path, **form)
    meanwhile = {"status": "paused", "title": "Renamed", "description": "Another", "priority": "high"}
    ok(company.board.patch(f"/routines/{routine['id']}", meanwhile))
    refused = sent(service, path, **{**form, "parentIssueId": "ACM-999"})
    assert refused.status_code == 400
    assert 'name="was-title" value="Before"' in refused.text
    assert "The routine was changed." in said(service, path, **{**form, "priority": "critical"})
    changed = ok(company.board.get(f"/routines/{routine['id']}"))
    assert {name: changed[name] for name in meanwhile} == {**meanwhile, "priority": "critical"}


def test_a_schedule_is_shown_in_its_form_and_kept_in_its_words(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "@daily", "timezone": "UTC"}])
    trigger = routine["triggers"][0]
    path = f"/triggers/{trigger['id']}/edit"
    page = shown(service, path)
    assert 'value="day" checked' in page
    assert 'type="time" value="00:00"' in page
    service.tick(MINUTE)
    same = {"every": "day", "time": "00:00", "timezone": "UTC", "label": "Nightly", "enabled": "yes"}
    assert "The trigger was changed." in said(service, path, **same)
    kept = ok(company.board.get(f"/routines/{routine['id']}"))["triggers"][0]
    assert (kept["cronExpression"], kept["label"]) == ("@daily", "Nightly")
    said(service, path, **{**same, "time": "06:30"})
    moved = ok(company.board.get(f"/routines/{routine['id']}"))["triggers"][0]
    assert moved["cronExpression"] == "30 6 * * *"
    disabled = {name: value for name, value in same.items() if name != "enabled"}
    said(service, path, **disabled)
    assert ok(company.board.get(f"/routines/{routine['id']}"))["triggers"][0]["enabled"] is False


def test_triggers_of_each_kind_are_added_and_changed(service: Service, company: Company) -> None:
    routine = company.routine()
    path = f"/routines/{routine['id']}/triggers/new"
    assert "New webhook trigger" in shown(service, f"{path}?kind=webhook")
    assert "New schedule trigger" in shown(service, f"{path}?kind=nonsense")
    said(service, f"{path}?kind=api", label="From the shop", enabled="yes")
    said(service, f"{path}?kind=schedule", **SCHEDULE, label="Mornings")
    triggers = ok(company.board.get(f"/routines/{routine['id']}"))["triggers"]
    assert [(each["kind"], each["label"], each["enabled"]) for each in triggers] == [
        ("api", "From the shop", True),
        ("schedule", "Mornings", False),
    ]
    sent(service, f"{path}?kind=webhook", signingMode="bearer", replayWindowSec="300", enabled="yes")
    webhook = ok(company.board.get(f"/routines/{routine['id']}"))["triggers"][2]
    edit = f"/triggers/{webhook['id']}/edit"
    changed = {"signingMode": "standard_webhooks", "replayWindowSec": "300", "enabled": "yes", "label": ""}
    assert "rotate it to see the new one" in said(service, edit, **changed)
    assert "another secret" not in said(service, edit, **{**changed, "label": "Hook"})
    assert sent(service, edit, **{**changed, "replayWindowSec": ""}).status_code == 400
    assert service.client.get(f"/triggers/{NOBODY}/edit").status_code == 404


@on_sqlite
def test_text_from_outside_is_inert(service: Service, company: Company) -> None:
    labelled = {"kind": "schedule", "cronExpression": "0 9 * * *"}
    routine = company.routine(description=ALL_AT_ONCE, triggers=[labelled])
    trigger_id = routine["triggers"][0]["id"]
    names = ("kind", "every", "cronExpression", "timezone", "time", "weekday", "signingMode", "parentIssueId", "label")
    for text in (" ".join(HOSTILE[:5]), " ".join(HOSTILE[5:])):
        ok(company.board.patch(f"/agents/{company.agent_id}", {"name": text}))
        ok(company.board.patch(f"/projects/{company.project_id}", {"name": text}))
        created(company.board.post(f"/companies/{company.id}/goals", {"title": text}))
        ok(company.board.patch(f"/routines/{routine['id']}", {"title": text}))
        ok(company.board.patch(f"/routine-triggers/{trigger_id}", {"label": text[:120]}))
        wrong = routine_form(company, **dict.fromkeys(names, text))
        for path in (f"/triggers/{trigger_id}/edit", f"/companies/{company.id}/routines/new"):
            require_inert(shown(service, path))
            require_inert(sent(service, path, **wrong).text)
            require_inert(sent(service, path, **wrong, preview="yes").text)
        require_inert(shown(service, f"/routines/{routine['id']}/edit"))
        require_inert(shown(service, f"/routines/{routine['id']}/triggers/new?kind=webhook"))


def test_the_preview_says_the_instant_at_which_it_fires(service: Service, company: Company) -> None:
    path = f"/companies/{company.id}/routines/new"
    form = routine_form(company, every="hour", minute="7")
    page = sent(service, path, **form, preview="yes").text
    assert f'datetime="{iso(MONDAY_NOON.replace(minute=7, second=0))}"' in page
    sent(service, path, **form)
    service.tick(7 * MINUTE)
    (run,) = company.runs(only_routine(company)["id"])
    assert run["scheduledFor"] == iso(MONDAY_NOON.replace(minute=7, second=0))
