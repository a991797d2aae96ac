"""The page of a routine: what it says, what its buttons do, and that nothing in it comes alive."""

from __future__ import annotations

from typing import Any

import pytest
from markupsafe import escape

from support.clock import DAY, HOUR, MINUTE
from support.databases import on_sqlite
from support.hostile import ALL_AT_ONCE, HOSTILE
from support.inert import require_inert
from support.pages import posted, said, shown
from support.service import NOBODY, Company, Service, created, ok

pytestmark = on_sqlite  # questions that only pages ask are in test_run_pages.py
EVERY_HOUR = {"kind": "schedule", "cronExpression": "0 * * * *"}
WEBHOOK = {"kind": "webhook", "label": "GitHub", "signingMode": "github_hmac"}


def routine_of(company: Company, routine_id: str) -> dict[str, Any]:
    found: dict[str, Any] = ok(company.board.get(f"/routines/{routine_id}"))
    return found


def test_everything_of_a_routine_is_on_its_page(service: Service, company: Company) -> None:
    goal = created(company.board.post(f"/companies/{company.id}/goals", {"title": "Sell more"}))
    parent = created(company.board.post(f"/companies/{company.id}/issues", {"title": "The whole"}))
    routine = company.routine(
        title="Look at orders",
        description="Line one\nLine two",
        goalId=goal["id"],
        parentIssueId=parent["id"],
        priority="high",
        concurrencyPolicy="skip_if_active",
        catchUpPolicy="enqueue_missed_with_cap",
        triggers=[EVERY_HOUR],
    )
    ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    page = shown(service, f"/routines/{routine['id']}")
    for words in (
        "<h1>Look at orders</h1>",
        "Line one\nLine two",
        "Sell more",
        parent["identifier"],
        f'href="/agents/{company.agent_id}"',
        f'href="/projects/{company.project_id}"',
        "a fire is skipped, and recorded",
        "the latest 25 still fire",
        "high",
        "ACME-2",
        "0 heartbeats",
        "by the board",
        "made the routine",
        "added the trigger",
        f'href="/companies/{company.id}/activity?routineId={routine["id"]}"',
        f'href="/routines/{routine["id"]}/edit"',
        f'href="/routines/{routine["id"]}/triggers/new?kind=webhook"',
    ):
        assert words in page, words


def test_a_routine_that_is_kept_elsewhere_says_so_where_it_is_changed(service: Service, company: Company) -> None:
    kept = company.routine(externalKey="shop/orders", triggers=[{**EVERY_HOUR, "externalKey": "hourly"}, WEBHOOK])
    own = company.routine()
    assert "shop/orders" in shown(service, f"/routines/{kept['id']}")
    assert "External key" not in shown(service, f"/routines/{own['id']}")
    hourly, by_hand = kept["triggers"]
    for path, key in (
        (f"/routines/{kept['id']}/edit", "shop/orders"),
        (f"/routines/{own['id']}/edit", None),
        (f"/triggers/{hourly['id']}/edit", "hourly"),
        (f"/triggers/{by_hand['id']}/edit", None),
    ):
        page = shown(service, path)
        assert ("is kept elsewhere too" in page) is (key is not None)
        assert key is None or f"<code>{key}</code>" in page


def test_the_next_fires_are_told_in_both_zones(service: Service, company: Company) -> None:
    routine = company.routine(
        triggers=[{"kind": "schedule", "cronExpression": "30 2 * * *", "timezone": "America/New_York"}]
    )
    service.client.cookies.set("routines_zone", "Europe/Berlin")
    page = shown(service, f"/routines/{routine['id']}")
    assert "At 02:30" in page
    assert "Tue 3 Mar 08:30</time> (02:30)" in page
    assert "clock in America/New_York skips 02:00 to 03:00" in page
    assert page.count("(02:30)") == 5


def test_a_routine_that_is_not_there_is_404(service: Service) -> None:
    for path in ("", "/runs", f"/runs/{NOBODY}"):
        shown(service, f"/routines/{NOBODY}{path}", 404)
    assert posted(service, f"/routines/{NOBODY}/run").status_code == 404
    assert posted(service, f"/routines/{NOBODY}/delete").status_code == 404


def test_it_is_run_by_hand_with_a_payload_or_without(service: Service, company: Company) -> None:
    routine = company.routine()
    assert "It was run" in said(service, f"/routines/{routine['id']}/run")
    assert "&#34;since&#34;: 7" in said(service, f"/routines/{routine['id']}/run", payload='{"since": 7}')
    newest, oldest = company.runs(routine["id"])
    assert (newest["triggerPayload"], oldest["triggerPayload"]) == ({"since": 7}, None)


@pytest.mark.parametrize(
    ("payload", "fault"), [("{", "Malformed JSON"), ("[1]", "valid dictionary"), ('"\\ud800"', "surrogate")]
)
def test_a_payload_that_is_none_is_shown_again_with_what_is_wrong(
    service: Service, company: Company, payload: str, fault: str
) -> None:
    routine = company.routine()
    reply = posted(service, f"/routines/{routine['id']}/run", payload=payload)
    assert reply.status_code == 400
    assert 'id="payload-fault"' in reply.text
    assert fault in reply.text
    assert f">{escape(payload)}</textarea>" in reply.text
    assert company.runs(routine["id"]) == []


def test_a_pause_is_no_outage_and_the_page_says_so(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[EVERY_HOUR])
    assert "nothing is made up for afterwards" in said(service, f"/routines/{routine['id']}/pause")
    service.tick(5 * HOUR)
    page = said(service, f"/routines/{routine['id']}/resume")
    assert "For the time in between nothing fires" in page
    assert "It has not run yet" in page
    assert "Mon 2 Mar 18:00" in page
    service.tick()
    assert company.runs(routine["id"]) == []


def test_an_archived_routine_offers_nothing_that_would_be_refused(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[EVERY_HOUR, WEBHOOK])
    page = said(service, f"/routines/{routine['id']}/archive")
    assert "which is the end" in page
    assert "Duplicate" in page
    for gone in (
        "/pause",
        "/resume",
        f"{routine['id']}/edit",
        "/archive",
        f'{routine["id"]}/run"',
        "/rotate",
        "/disable",
    ):
        assert gone not in page
    assert "Routine is archived" in said(service, f"/routines/{routine['id']}/pause")


def test_a_copy_is_paused_has_the_same_triggers_and_new_secrets(service: Service, company: Company) -> None:
    routine = company.routine(title="T" * 200, description="Do it", triggers=[EVERY_HOUR, WEBHOOK])
    reply = posted(service, f"/routines/{routine['id']}/duplicate")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    listed = ok(company.board.get(f"/companies/{company.id}/routines"))
    copy = routine_of(company, next(each["id"] for each in listed if each["id"] != routine["id"]))
    assert (copy["title"], copy["status"], copy["description"]) == (f"Copy of {'T' * 192}", "paused", "Do it")
    assert [each["kind"] for each in copy["triggers"]] == ["schedule", "webhook"]
    webhook = copy["triggers"][1]
    assert webhook["publicId"] in reply.text
    assert webhook["publicId"] != routine["triggers"][1]["publicId"]
    assert routine["secretMaterials"][1]["webhookSecret"] not in reply.text
    assert "shown this once" in reply.text
    assert said(service, f"/routines/{copy['id']}/resume")


def test_a_copy_without_webhooks_is_shown_at_once(service: Service, company: Company) -> None:
    routine = company.routine(title="One", triggers=[EVERY_HOUR])
    assert "<h1>Copy of One</h1>" in said(service, f"/routines/{routine['id']}/duplicate")


def test_a_routine_of_a_dismissed_agent_is_not_copied_and_the_page_says_why(service: Service, company: Company) -> None:
    routine = company.routine()
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    reply = posted(service, f"/routines/{routine['id']}/duplicate")
    assert reply.status_code == 409
    assert "Agent Ada is terminated" in reply.text


def test_deleting_asks_once_more_while_an_issue_is_open(service: Service, company: Company) -> None:
    routine = company.routine(title="Busy")
    ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    reply = posted(service, f"/routines/{routine['id']}/delete")
    assert reply.status_code == 409
    assert "Execution issue ACME-1 is open" in reply.text
    assert company.board.get(f"/routines/{routine['id']}").status_code == 200
    gone = posted(service, f"/routines/{routine['id']}/delete", force="true")
    assert gone.headers["location"] == f"/companies/{company.id}/routines"
    assert company.board.get(f"/routines/{routine['id']}").status_code == 404


def test_the_slots_of_the_last_week_are_all_told_of(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[EVERY_HOUR])
    service.tick(30 * MINUTE - MINUTE / 2)
    service.tick(30 * MINUTE)
    service.tick(5 * HOUR)
    page = shown(service, f"/routines/{routine['id']}")
    assert "6 were due" in page
    assert "4 from" in page
    assert "skip_missed" in page


def test_a_zone_that_has_gone_is_told_of(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[EVERY_HOUR])
    with service.server.database.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE triggers SET timezone = 'Mars/Olympus'")
        transaction.connection.exec_driver_sql("UPDATE schedule_changes SET timezone = 'Mars/Olympus'")
    service.clock.advance(DAY)
    assert "Mars/Olympus" in shown(service, f"/routines/{routine['id']}")


def test_many_triggers_come_in_pages(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[{"kind": "api", "label": f"number {n:02}"} for n in range(30)])
    first = shown(service, f"/routines/{routine['id']}")
    second = shown(service, f"/routines/{routine['id']}?triggers=2")
    assert '-name">number 00' in first
    assert '-name">number 29' not in first
    assert '-name">number 29' in second
    for odd in ("0", "-1", "99999999999999999999", "x", "²"):
        shown(service, f"/routines/{routine['id']}?triggers={odd}")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_from_outside_is_inert(service: Service, company: Company, hostile: str) -> None:
    ok(company.board.patch(f"/agents/{company.agent_id}", {"name": hostile}))
    ok(company.board.patch(f"/projects/{company.project_id}", {"name": hostile}))
    goal = created(company.board.post(f"/companies/{company.id}/goals", {"title": hostile}))
    parent = created(company.board.post(f"/companies/{company.id}/issues", {"title": hostile}))
    routine = company.routine(
        title=hostile,
        description=ALL_AT_ONCE,
        goalId=goal["id"],
        parentIssueId=parent["id"],
        triggers=[{**trigger, "label": hostile} for trigger in (EVERY_HOUR, WEBHOOK, {"kind": "api"})],
    )
    run = ok(
        company.board.post(
            f"/routines/{routine['id']}/run", {"payload": {hostile: ALL_AT_ONCE}, "idempotencyKey": hostile}
        ),
        202,
    )
    own = f"/routines/{routine['id']}"
    for path in (own, f"{own}/runs", f"{own}/runs/{run['id']}", f"/triggers/{routine['triggers'][1]['id']}/deliveries"):
        require_inert(shown(service, path))
    require_inert(posted(service, f"{own}/run", payload=ALL_AT_ONCE).text)
    require_inert(posted(service, f"/triggers/{routine['triggers'][1]['id']}/try", payload=ALL_AT_ONCE).text)
    require_inert(posted(service, f"{own}/delete").text)
    require_inert(posted(service, f"{own}/duplicate").text)


def test_each_mark_of_the_strip_is_a_link_that_says_what_it_is(service: Service, company: Company) -> None:
    routine = company.routine()
    for _ in range(3):
        ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    page = shown(service, f"/routines/{routine['id']}")
    strip = page[page.index('<ol class="strip') : page.index("</ol>")]
    assert 'aria-label="Last 3 runs: 1 open, 2 coalesced"' in strip
    assert strip.count('aria-label="coalesced · ') == 2
    for each in company.runs(routine["id"]):
        assert f'<a href="/routines/{routine["id"]}/runs/{each["id"]}" title=' in strip
