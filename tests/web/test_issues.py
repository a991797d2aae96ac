"""The issues' pages: found, read whole, commented on, moved and given on; and nothing in them comes alive."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from playwright.sync_api import expect

from routines.core.model import LOCAL_BOARD, IssueStatus
from routines.services.issue_board import StoryQuery
from routines.storage.database import Notices, ignore
from routines.web.pages import issues as pages
from support.browser import PHONE, Browser, Chromium, check_accessible, check_fits
from support.clock import MINUTE, RunningClock
from support.databases import on_sqlite
from support.hostile import ALL_AT_ONCE, HOSTILE
from support.inert import require_inert
from support.service import NOBODY, Company, Place, Service, ok
from support.site import serving


def made(company: Company, **fields: Any) -> dict[str, Any]:
    """A new issue, made by hand."""
    body = {"title": "Fix it", "assigneeAgentId": company.agent_id, **fields}
    return ok(company.board.post(f"/companies/{company.id}/issues", body), 201)


def fired(company: Company, payload: Any = None, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A routine that was fired by hand, and the issue that this made."""
    routine = company.routine(**fields)
    ok(company.board.post(f"/routines/{routine['id']}/run", {"payload": payload} if payload else {}), 202)
    return routine, company.issues(routine["id"])[0]


def text_of(source: str) -> str:
    """What a page says, in one line."""
    main = source[source.index("<main") :]
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)))


def read(service: Service, path: str, **query: Any) -> str:
    """The source of a page that is there."""
    reply = service.client.get(path, params=query or None)
    assert reply.status_code == 200, reply.text
    return reply.text


def listed(service: Service, company: Company, **query: Any) -> list[str]:
    """The titles in the list, as they stand there."""
    source = read(service, f"/companies/{company.id}/issues", **query)
    return [unescape(each) for each in re.findall(r"<th scope=\"row\">.*?</span> (.*?)</a>", source)]


def send(service: Service, path: str, **fields: str) -> str:
    """The page after a form was sent, which must have been taken."""
    reply = service.client.post(path, data=fields)
    assert reply.status_code == 200, reply.text
    return text_of(reply.text)


def test_the_list_shows_open_ones_unless_others_are_asked_for(service: Service, company: Company) -> None:
    for status in IssueStatus:
        made(company, title=status.value, status=status.value)
    assert listed(service, company) == ["blocked", "in_review", "in_progress", "todo", "backlog"]
    assert listed(service, company, status=["done", "blocked"]) == ["done", "blocked"]


def test_the_list_is_filtered_by_agent_project_routine_and_words(service: Service, company: Company) -> None:
    routine, _ = fired(company, title="From a routine")
    hers = made(company, title="100% hers")
    made(company, title="His", assigneeAgentId=company.colleague_id, projectId=company.project_id)
    made(company, title="Nobody's", assigneeAgentId=None)
    assert listed(service, company, assigneeAgentId=company.agent_id) == ["100% hers", "From a routine"]
    assert listed(service, company, projectId=company.project_id) == ["His", "From a routine"]
    assert listed(service, company, originId=routine["id"]) == ["From a routine"]
    assert listed(service, company, originId=routine["id"], status="done") == []
    assert listed(service, company, q="hErS") == ["100% hers"]
    assert listed(service, company, q="0%") == ["100% hers"]
    assert listed(service, company, q=hers["identifier"].lower()) == ["100% hers"]
    rival = service.company("Rival")
    assert listed(service, rival, originId=routine["id"]) == []
    assert listed(service, rival) == []


@pytest.mark.parametrize("sought", [0, 2_000])
def test_the_list_is_the_same_however_it_is_read(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch, sought: int
) -> None:
    monkeypatch.setattr("routines.storage.queries.issues.OPEN_SOUGHT_MAX", sought)
    monkeypatch.setattr(pages, "ISSUES_SHOWN", 2)
    for number in range(5):
        made(company, title=f"Number {number}", assigneeAgentId=company.agent_id if number % 2 else None)
    made(company, title="Closed", status="done")
    source = read(service, f"/companies/{company.id}/issues", q="number")
    seen = []
    while older := re.search(r'href="([^"]+)">Older', source):
        seen += re.findall(r"Number \d", source)
        source = read(service, unescape(older[1]))
    assert [*seen, *re.findall(r"Number \d", source)] == [f"Number {number}" for number in reversed(range(5))]


def test_a_look_for_words_goes_back_a_stretch_at_a_time(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routines.services.issue_board.LOOKED_THROUGH_MAX", 2)
    for title in ("Wanted 1", "Wanted 2", "Else 1", "Else 2", "Else 3", "Wanted 3"):
        made(company, title=title, status="done")
    source = read(service, f"/companies/{company.id}/issues", q="wanted", status="done")
    looks = [re.findall(r"Wanted \d", source)]
    while further := re.search(r'href="([^"]+)">Look further back', source):
        assert "older ones were not looked through" in source
        source = read(service, unescape(further[1]))
        looks.append(re.findall(r"Wanted \d", source))
    assert looks == [["Wanted 3"], [], ["Wanted 2", "Wanted 1"]]
    assert "older ones" not in source


def test_a_row_says_how_many_runs_point_to_it_and_where_it_came_from(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    routine, _ = fired(company, title="Look around")
    for _ in range(2):
        ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    source = read(service, f"/companies/{company.id}/issues")
    assert re.search(r'data-name="Runs" class="number">3<', source)
    monkeypatch.setattr("routines.storage.queries.runs.RUNS_COUNTED_MAX", 2)
    monkeypatch.setattr("routines.web.views.issues.RUNS_COUNTED_MAX", 2)
    assert "2 or more<" in read(service, f"/companies/{company.id}/issues")
    assert f'<a href="/routines/{routine["id"]}">Look around</a>' in source
    assert f'<a href="/agents/{company.agent_id}">Ada</a>' in source


def test_an_issue_is_made_by_hand_or_the_form_says_what_is_wrong(service: Service, company: Company) -> None:
    path = f"/companies/{company.id}/issues"
    page = send(service, path, title="Mend", description="All", assigneeAgentId=company.agent_id, priority="high")
    assert "Issue ACME-1 was made." in page
    assert "Mend" in page
    reply = service.client.post(path, data={"title": " ", "description": "kept </textarea>", "priority": "low"})
    assert reply.status_code == 400
    assert 'aria-describedby="title-fault"' in reply.text
    assert "kept &lt;/textarea&gt;" in reply.text
    ok(company.board.post(f"/agents/{company.colleague_id}/terminate"))
    reply = service.client.post(path, data={"title": "Late", "assigneeAgentId": company.colleague_id})
    assert reply.status_code == 409
    assert "Bob is terminated" in reply.text


def test_an_issue_shows_every_run_with_its_payload_page_by_page(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "RUNS_SHOWN", 2)
    monkeypatch.setattr(pages, "CHARACTERS_SHOWN", 50)
    routine, issue = fired(company, {"number": 0})
    for number in (1, 2):
        ok(company.board.post(f"/routines/{routine['id']}/run", {"payload": {"number": number}}), 202)
    long = ok(company.board.post(f"/routines/{routine['id']}/run", {"payload": {"text": "y" * 60}}), 202)
    source = read(service, f"/issues/{issue['id']}")
    assert "4 runs point to it" in source
    assert unescape(re.findall(r"<pre[^>]*>(.*?)</pre>", source, re.DOTALL)[1]) == '{\n  "number": 2\n}'
    assert "y" * 41 in source
    assert "y" * 42 not in source
    assert f'<a href="/routines/{routine["id"]}/runs/{long["id"]}">All of it</a>' in source
    older = re.search(r'href="([^"]+)#runs">Older runs', source)
    assert older is not None
    source = read(service, older[1])
    assert "it made the issue" in text_of(source)
    assert [unescape(each) for each in re.findall(r"&#34;number&#34;: \d", source)] == ['"number": 1', '"number": 0']


def test_comments_are_oldest_first_with_their_authors_and_whole_on_a_page_of_their_own(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "COMMENTS_SHOWN", 2)
    monkeypatch.setattr(pages, "CHARACTERS_SHOWN", 20)
    issue = made(company)
    ok(company.agent.post(f"/issues/{issue['id']}/comments", {"body": "First"}), 201)
    ok(company.board.post(f"/issues/{issue['id']}/comments", {"body": "Second"}), 201)
    long = ok(company.agent.post(f"/issues/{issue['id']}/comments", {"body": "Third and very long, to its end"}), 201)
    source = read(service, f"/issues/{issue['id']}")
    page = text_of(source)
    assert "3 comments" in page
    assert "First" not in page
    assert page.index("The board") < page.index("Second") < page.index("Third and very long,")
    assert "to its end" not in page
    assert "to its end" in read(service, f"/issues/{issue['id']}/comments/{long['id']}")
    earlier = re.search(r'href="([^"]+)#comments">Earlier', source)
    assert earlier is not None
    assert "First" in read(service, earlier[1])
    other = made(company)
    assert service.client.get(f"/issues/{other['id']}/comments/{long['id']}").status_code == 404


def test_a_comment_is_added_and_wakes_the_agent(service: Service, company: Company) -> None:
    issue = made(company, assigneeAgentId=None)
    ok(company.board.patch(f"/issues/{issue['id']}", {"assigneeAgentId": company.agent_id}))
    page = send(service, f"/issues/{issue['id']}/comments", body="Look at <b>this</b>\r\nand that")
    assert "The comment was added." in page
    assert "Look at <b>this</b> and that" in page
    assert "queued" in page
    reply = service.client.post(f"/issues/{issue['id']}/comments", data={"body": "  "})
    assert reply.status_code == 400
    assert 'aria-describedby="body-hint body-fault"' in reply.text


def test_moves_are_told_beforehand_and_carry_the_run_along(service: Service, company: Company) -> None:
    routine, issue = fired(company)
    path = f"/issues/{issue['id']}"
    page = text_of(read(service, path))
    assert "done its run is completed, and the routine's next fire makes an issue of its own" in page
    assert "cancelled its run has failed" in page
    assert "Issue ACME-1 is done now." in send(service, f"{path}/move", status="done", comment="There")
    assert company.runs(routine["id"])[0]["status"] == "completed"
    page = text_of(read(service, path))
    assert "There" in page
    assert "todo, in progress, in review, blocked its run is open again" in page
    send(service, f"{path}/move", status="todo")
    assert company.runs(routine["id"])[0]["status"] == "issue_created"
    send(service, f"{path}/move", status="cancelled")
    assert company.runs(routine["id"])[0]["status"] == "failed"
    reply = service.client.post(f"{path}/move", data={"status": "lost", "comment": "typed"})
    assert reply.status_code == 400
    assert "typed" in reply.text


def test_an_issue_is_given_on_released_and_made_more_urgent(service: Service, company: Company) -> None:
    issue = made(company, status="in_progress")
    path = f"/issues/{issue['id']}"
    assert "it is to do again" in send(service, f"{path}/release")
    assert "Release" not in text_of(read(service, path))
    send(service, f"{path}/assign", assigneeAgentId=company.colleague_id)
    send(service, f"{path}/priority", priority="critical")
    now = ok(company.board.get(path))
    assert (now["status"], now["assigneeAgentId"], now["priority"]) == ("todo", company.colleague_id, "critical")
    assert "given to nobody" in send(service, f"{path}/assign", assigneeAgentId="")
    assert ok(company.board.get(path))["assigneeAgentId"] is None
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    assert "is terminated" in send(service, f"{path}/assign", assigneeAgentId=company.agent_id)


def test_an_issue_stands_among_its_parent_children_goal_and_routine(service: Service, company: Company) -> None:
    goal = ok(company.board.post(f"/companies/{company.id}/goals", {"title": "Grow"}), 201)["id"]
    parent = made(company, title="The whole")
    routine, issue = fired(company, title="A part", parentIssueId=parent["id"], goalId=goal)
    page = text_of(read(service, f"/issues/{issue['id']}"))
    for words in ("Part of ACME-1", "The whole", "Goal Grow", "Project Web", "Routine A part", "Made by its run of"):
        assert words in page
    assert "Parts of it todo ACME-2 A part" in text_of(read(service, f"/issues/{parent['id']}"))
    assert company.board.delete(f"/routines/{routine['id']}?force=true").status_code == 204
    source = read(service, f"/issues/{issue['id']}")
    assert "A part" in source
    assert f"/routines/{routine['id']}" not in source


def test_what_is_not_there_is_not_found(service: Service, company: Company) -> None:
    del company
    for path in (f"/issues/{NOBODY}", "/issues/x", f"/companies/{NOBODY}/issues"):
        assert service.client.get(path).status_code == 404
    assert service.client.post(f"/issues/{NOBODY}/comments", data={"body": "Hello"}).status_code == 404
    assert service.client.post(f"/issues/{NOBODY}/release").status_code == 404


@on_sqlite
def test_text_from_outside_is_inert_in_every_field(service: Service, company: Company) -> None:
    board = company.board
    for text in HOSTILE:
        ok(board.patch(f"/agents/{company.agent_id}", {"name": text}))
        ok(board.patch(f"/projects/{company.project_id}", {"name": text}))
        goal = ok(board.post(f"/companies/{company.id}/goals", {"title": text}), 201)["id"]
        routine, issue = fired(company, {text: text}, title=text, description=ALL_AT_ONCE, goalId=goal)
        label = company.trigger(routine["id"], kind="api", label=text)["trigger"]["id"]
        ok(board.post(f"/routines/{routine['id']}/run", {"triggerId": label, "payload": {"a": text}}), 202)
        comment = ok(company.agent.post(f"/issues/{issue['id']}/comments", {"body": ALL_AT_ONCE}), 201)["id"]
        child = made(company, title=text, parentId=issue["id"])["id"]
        for path in (f"/issues/{issue['id']}", f"/issues/{issue['id']}/comments/{comment}", f"/issues/{child}"):
            source = read(service, path)
            require_inert(source)
            assert unescape(source).count(text[:30]) > 0
        require_inert(read(service, f"/companies/{company.id}/issues", q=text))
        refused = {"title": " ", "description": text, "priority": text}
        require_inert(service.client.post(f"/companies/{company.id}/issues", data=refused).text)
        require_inert(service.client.post(f"/issues/{child}/move", data={"status": text, "comment": text}).text)


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
def test_an_issue_of_a_fire_is_commented_on_given_on_and_closed(
    browser: Browser, service: Service, company: Company, *, javascript: bool
) -> None:
    routine = company.routine(title="Look around", triggers=[{"kind": "schedule", "cronExpression": "* * * * *"}])
    service.tick(MINUTE)
    page = browser.open(f"/companies/{company.id}/issues", javascript=javascript)
    page.get_by_role("row").get_by_role("link", name="ACME-1 Look around").click()
    page.get_by_role("textbox", name="Comment", exact=True).fill("Please look at the shop too")
    page.get_by_role("button", name="Add the comment").click()
    expect(page.get_by_text("Please look at the shop too")).to_be_visible()
    page.get_by_role("combobox", name="Agent").select_option("Bob")
    page.get_by_role("button", name="Assign").click()
    expect(page.locator("#facts").get_by_role("link", name="Bob")).to_be_visible()
    page.get_by_role("button", name="Done", exact=True).click()
    expect(page.get_by_text("Issue ACME-1 is done now.")).to_be_visible()
    page.get_by_role("link", name="its run of").click()
    expect(page.get_by_text("completed").first).to_be_visible()
    assert company.runs(routine["id"])[0]["status"] == "completed"


def test_an_open_page_shows_what_others_do_and_keeps_what_is_being_typed(chromium: Chromium, place: Place) -> None:
    service = Service(place, RunningClock())
    service.server.database.watch(Notices(lambda _: None, ignore, service.server.events.notice))
    company = service.company()
    _, issue = fired(company, {"site": "https://example.com"})
    with serving(service) as site:
        with chromium.at(site) as browser:
            page = browser.open(f"/issues/{issue['id']}")
            expect(page.get_by_text("live", exact=True)).to_be_visible()
            page.locator("#body").fill("half a sent")
            ok(company.agent.post(f"/issues/{issue['id']}/comments", {"body": "I am on it"}), 201)
            ok(company.agent.patch(f"/issues/{issue['id']}", {"status": "in_progress"}))
            expect(page.get_by_text("I am on it")).to_be_visible()
            expect(page.locator("#facts").get_by_text("in progress")).to_be_visible()
            expect(page.locator("#body")).to_have_value("half a sent")
        service.server.events.leave_off()
    service.close()


@pytest.mark.parametrize(("width", "dark"), [(PHONE, True), (1400, False)], ids=["phone", "wide"])
def test_the_pages_are_accessible_and_fit(browser: Browser, company: Company, *, width: int, dark: bool) -> None:
    parent = made(company, title="W" * 200)
    routine, issue = fired(company, {"long": "z" * 300}, title="W" * 200, parentIssueId=parent["id"])
    ok(company.board.post(f"/issues/{issue['id']}/comments", {"body": "w" * 300}), 201)
    made(company, title="Another")
    page = browser.open(f"/issues/{issue['id']}", width=width, dark=dark)
    for path in (None, f"/companies/{company.id}/issues?originId={routine['id']}", f"/companies/{company.id}/activity"):
        if path is not None:
            page.goto(path)
        check_accessible(page)
        check_fits(page)


@pytest.mark.parametrize("joins", [True, False])
def test_pages_of_an_issues_runs_are_whole_whether_or_not_its_routine_made_others(
    service: Service, company: Company, *, joins: bool
) -> None:
    routine = company.routine()["id"]
    path = f"/routines/{routine}"
    own = [ok(company.board.post(f"{path}/run"), 202) for _ in range(3)]
    if not joins:
        ok(company.board.patch(path, {"concurrencyPolicy": "always_enqueue"}))
        for _ in range(5):
            ok(company.board.post(f"{path}/run"), 202)
    told: list[str] = []
    while True:
        query = StoryQuery(runs=2, comments=0, characters=10, runs_before=told[-1] if told else None)
        story = service.server.services.issue_board.story(
            LOCAL_BOARD, own[0]["linkedIssueId"], lambda query=query: query
        )
        assert story.run_count == 3
        if not story.runs:
            break
        told += [each.run.id for each in story.runs]
    assert told == [each["id"] for each in reversed(own)]
