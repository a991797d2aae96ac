"""What comes next: every fire of the coming day and week, by hour and agent, and minutes that are crowded."""

from __future__ import annotations

import re
from html import unescape

from support.clock import HOUR, MINUTE
from support.databases import on_sqlite
from support.hostile import HOSTILE
from support.inert import require_inert
from support.pages import shown
from support.schedules import schedule
from support.service import NOBODY, Company, Service, ok


def words(page: str) -> str:
    """A page's text, its white space as single spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def test_the_day_tells_each_fire_once_and_who_has_too_many(service: Service, company: Company) -> None:
    for title in ("First", "Second", "Third"):
        company.routine(title=title, triggers=[schedule("0 15 * * *")])
    company.routine(title="Other", assigneeAgentId=company.colleague_id, triggers=[schedule("0 15 * * *")])
    company.routine(title="Minutely", assigneeAgentId=company.colleague_id, triggers=[schedule("* 20 * * *")])
    page = shown(service, f"/companies/{company.id}/upcoming")
    told = words(page)
    assert "64 fires in the coming day, in hours of UTC" in told
    assert "In 1 minute more fires for an agent than it works on at a time" in told
    assert "Mon 2 Mar 15:00 : 4 fires, 3 of them for Ada, who works on 1 at a time" in told
    assert "Mon 2 Mar 15:00 4 fires 15:00 First Ada 15:00 Second Ada 15:00 Third Ada 15:00 Other Bob" in told
    assert "60 times from 20:00 to 20:59 Minutely Bob" in told
    assert re.search(r'<td class="heat-2 crowded" title="1 crowded minute">4</td>', page)
    ok(company.board.patch(f"/agents/{company.agent_id}", {"runtimeConfig": {"heartbeat": {"maxConcurrentRuns": 3}}}))
    assert "There are none" in words(shown(service, f"/companies/{company.id}/upcoming"))


def test_hours_and_days_are_the_viewers(service: Service, company: Company) -> None:
    company.routine(title="Late", triggers=[schedule("30 23 * * *")])
    service.client.cookies.set("routines_zone", "Europe%2FBerlin")
    told = words(shown(service, f"/companies/{company.id}/upcoming"))
    assert "Tue 3 Mar 00:00 1 fire 00:30 Late" in told
    week = words(shown(service, f"/companies/{company.id}/upcoming?range=week"))
    assert "7 fires in the coming week, in hours of Europe/Berlin" in week
    assert "Tue 3 Mar 1 fire 00:30 Late" in week
    assert "Mon 9 Mar 1 fire 00:30 Late" in week


def test_the_list_goes_on_from_page_to_page(service: Service, company: Company) -> None:
    triggers = [schedule(f"{minute} 15 * * *") for minute in range(50)]
    for part in range(3):
        company.routine(title=f"Part {part}", triggers=triggers)
    path = f"/companies/{company.id}/upcoming"
    first = shown(service, path)
    following = re.search(r'<a href="([^"]*)" rel="next">', first)
    assert following is not None
    second = shown(service, path + unescape(following[1]))
    assert [page.count('scope="row"><a href="/routines/') for page in (first, second)] == [100, 50]
    assert 'rel="next"' not in second
    assert "150 fires, continued" in words(second)
    assert shown(service, f"{path}?after=nonsense").count('scope="row"><a href="/routines/') == 100


def test_one_agent_is_looked_at_by_itself(service: Service, company: Company) -> None:
    company.routine(title="Mine", triggers=[schedule()])
    company.routine(title="Other", assigneeAgentId=company.colleague_id, triggers=[schedule()])
    told = words(shown(service, f"/companies/{company.id}/upcoming?agent={company.colleague_id}"))
    assert "24 fires" in told
    assert "Mine" not in told
    assert "48 fires" in words(shown(service, f"/companies/{company.id}/upcoming?agent={NOBODY}"))


def test_what_cannot_fire_does_not_come_next(service: Service, company: Company) -> None:
    company.routine(title="Paused", status="paused", triggers=[schedule()])
    told = words(shown(service, f"/companies/{company.id}/upcoming"))
    assert "No schedule fires in the coming day" in told
    assert service.client.get(f"/companies/{NOBODY}/upcoming").status_code == 404
    company.routine(triggers=[schedule()])
    ok(company.board.patch(f"/companies/{company.id}", {"status": "paused"}))
    assert "recorded as skipped" in words(shown(service, f"/companies/{company.id}/upcoming"))


def test_what_comes_next_is_what_then_fires(service: Service, company: Company) -> None:
    routine = company.routine(concurrencyPolicy="always_enqueue", triggers=[schedule("*/20 13,14 * * *")])
    told = words(shown(service, f"/companies/{company.id}/upcoming"))
    assert "6 fires" in told
    for _ in range(9):
        service.tick(20 * MINUTE)
    assert len(company.runs(routine["id"])) == 6
    assert "6 fires" in words(shown(service, f"/companies/{company.id}/upcoming"))  # tomorrow's
    service.tick(20 * HOUR)


@on_sqlite
def test_text_from_outside_is_inert(service: Service, company: Company) -> None:
    routines = [company.routine(triggers=[schedule()])["id"] for _ in range(2)]
    for text in (" ".join(HOSTILE[:5]), " ".join(HOSTILE[5:])):
        ok(company.board.patch(f"/agents/{company.agent_id}", {"name": text}))
        for routine in routines:
            ok(company.board.patch(f"/routines/{routine}", {"title": text}))
        require_inert(shown(service, f"/companies/{company.id}/upcoming"))
        require_inert(
            shown(service, f"/companies/{company.id}/upcoming?range=week&agent={company.agent_id}&after={text}")
        )
