"""The activity page: the audit as sentences, with names, links and filters, and nothing in it comes alive."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

import pytest

from routines.core.activity import ActivityAction
from routines.web.pages import activity as pages
from routines.web.views.activity import VERBS
from support.clock import MINUTE
from support.databases import on_sqlite
from support.hostile import HOSTILE
from support.inert import require_inert
from support.service import Company, Service, ok


def page_of(service: Service, company: Company, **filters: str) -> str:
    """The page's source."""
    reply = service.client.get(f"/companies/{company.id}/activity", params=filters)
    assert reply.status_code == 200, reply.text
    return reply.text


def sentences(source: str) -> list[str]:
    """What the entries say, newest first."""
    entries = re.search(r'<ol class="audit">(.*?)</ol>', source, re.DOTALL)
    if entries is None:
        return []
    found = re.findall(r"<p>(.*?)</p>", entries[1], re.DOTALL)
    return [unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", each))).strip() for each in found]


def told(service: Service, company: Company, **filters: str) -> list[str]:
    """What the page says in its entries, newest first."""
    return sentences(page_of(service, company, **filters))


def test_an_entry_is_a_sentence_with_who_what_and_what_came_of_it(service: Service, company: Company) -> None:
    routine = company.routine(title="Look around", triggers=[{"kind": "schedule", "cronExpression": "* * * * *"}])
    service.tick(MINUTE)
    issue = company.issues(routine["id"])[0]
    ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    checkout = {"agentId": company.agent_id, "expectedStatuses": ["todo"]}
    ok(company.agent.post(f"/issues/{issue['id']}/checkout", checkout))
    ok(company.agent.patch(f"/issues/{issue['id']}", {"status": "done", "comment": "There"}))
    ok(company.board.patch(f"/issues/{issue['id']}", {"status": "todo", "priority": "low"}))
    ok(company.board.patch(f"/routines/{routine['id']}", {"status": "paused", "title": "Look closer"}))
    name = issue["identifier"]
    assert told(service, company)[:9] == [
        "The board changed the routine Look closer: title, status is now paused",
        f"The board changed {name}: priority, status is now todo",
        f"Ada commented on {name}",
        f"Ada moved {name} to done",
        f"Ada checked out {name}",
        f"The board fired Look closer, which joined {name}",
        f"The scheduler fired Look closer, which made {name}",
        "The board added the trigger * * * * * of Look closer",
        "The board made the routine Look closer",
    ]


def test_every_action_has_its_words() -> None:
    assert set(VERBS) == set(ActivityAction)


def test_things_are_links_while_they_are_there_and_names_after(service: Service, company: Company) -> None:
    routine = company.routine(title="Short-lived", triggers=[{"kind": "webhook", "label": "From the shop"}])
    source = page_of(service, company)
    assert f'href="/routines/{routine["id"]}"' in source
    assert f'href="/triggers/{routine["triggers"][0]["id"]}/edit"' in source
    assert company.board.delete(f"/routines/{routine['id']}").status_code == 204
    source = page_of(service, company)
    assert f'href="/routines/{routine["id"]}"' not in source
    assert "The board deleted the routine Short-lived" in sentences(source)
    assert "The board added the trigger From the shop of Short-lived" in sentences(source)


def test_a_page_is_of_one_kind_or_about_one_thing(service: Service, company: Company) -> None:
    routine, other = company.routine(title="One"), company.routine(title="Other")
    trigger = company.trigger(routine["id"], kind="api")["trigger"]
    for each in (routine, other):
        ok(company.board.post(f"/routines/{each['id']}/run"), 202)
    assert told(service, company, entityType="project") == ["The board made the project Web"]
    assert told(service, company, entityId=company.agent_id) == [
        "The board made a key for Ada: default",
        "The board hired Ada",
    ]
    assert told(service, company, entityId=trigger["id"]) == ["The board added the trigger api of One"]
    issue = company.issues(routine["id"])[0]["identifier"]
    assert told(service, company, routineId=routine["id"]) == [
        f"The board fired One, which made {issue}",
        "The board added the trigger api of One",
        "The board made the routine One",
    ]


def test_what_is_older_is_on_further_pages(service: Service, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ENTRIES_SHOWN", 3)
    routine = company.routine()["id"]
    for number in range(4):
        ok(company.board.patch(f"/routines/{routine}", {"title": f"Title {number}"}))
    source = page_of(service, company, entityType="routine")
    assert len(sentences(source)) == 3
    older = re.search(r'href="([^"]+)">Older', source)
    assert older is not None
    source = service.client.get(unescape(older[1])).text
    assert len(sentences(source)) == 2
    assert ">Older<" not in source
    newest = re.search(r'href="([^"]+)">Newest', source)
    assert newest is not None
    assert urlsplit(unescape(newest[1])).query == "entityType=routine"


def test_another_companys_activity_is_not_told(service: Service, company: Company) -> None:
    rival = service.company("Rival")
    routine = rival.routine()
    ok(rival.board.post(f"/routines/{routine['id']}/run"), 202)
    assert told(service, company, entityId=rival.agent_id) == []
    assert told(service, company, routineId=routine["id"]) == []
    run = rival.runs(routine["id"])[0]
    assert told(service, company, entityId=run["id"]) == []


@on_sqlite
def test_names_from_outside_are_inert(service: Service, company: Company) -> None:
    for text in HOSTILE:
        board = company.board
        routine = company.routine(title=text, triggers=[{"kind": "api", "label": text}])
        ok(board.patch(f"/agents/{company.agent_id}", {"name": text}))
        ok(company.agent.post(f"/routines/{routine['id']}/run"), 202)
        ok(board.post(f"/agents/{company.agent_id}/keys", {"name": text}), 201)
        ok(board.post(f"/companies/{company.id}/issues", {"title": text}), 201)
        assert board.delete(f"/routines/{routine['id']}?force=true").status_code == 204
    require_inert(page_of(service, company))


def test_a_malformed_filter_is_told_so(service: Service, company: Company) -> None:
    assert service.client.get(f"/companies/{company.id}/activity", params={"entityId": "x"}).status_code == 400
