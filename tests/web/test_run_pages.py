"""The pages of runs: all of a routine's by outcome, page by page, and one with everything around it."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import pytest

from routines.core.model import LOCAL_BOARD
from support.clock import HOUR
from support.pages import shown
from support.service import Company, Service, ok
from support.webhooks import webhook

WHY = {
    "completed": ["It was run by hand. It made ACME-1, which is done now.", "by the board", "Final"],
    "open": ["Its slot, Mon 2 Mar 15:00, was due, and fired 30 s late. It made ACME-3, which is todo now.", "hourly"],
    "coalesced": ["ACME-3 was open, so this fire joined it.", "the key", "the run of", '"n": [\n    1,\n    2\n  ]'],
    "skipped": ["ACME-3 was open, and the policy is to skip."],
    "missed": ["It records slots that were dropped after an outage.", "2, from", "Mon 2 Mar 13:00", "14:00"],
    "failed": ["It made ACME-2, which is cancelled now.", "Execution issue moved to cancelled."],
}
OUTCOMES = tuple(WHY)


def fired(company: Company, routine_id: str, **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = ok(company.board.post(f"/routines/{routine_id}/run", body), 202)
    return made


@pytest.fixture
def lived(service: Service, company: Company) -> dict[str, Any]:
    """A routine with one run of each outcome, by outcome under `runs`."""
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "0 * * * *", "label": "hourly"}])
    own = routine["id"]
    runs = {"completed": fired(company, own), "missed": {}}
    company.close(runs["completed"]["linkedIssueId"])
    runs["failed"] = fired(company, own)
    company.close(runs["failed"]["linkedIssueId"], "cancelled")
    service.tick(3 * HOUR)  # the clock stands 30 s after the hour, so that the newest of three slots is fired
    ok(company.board.patch(f"/routines/{own}", {"concurrencyPolicy": "skip_if_active"}))
    runs["skipped"] = fired(company, own)
    ok(company.board.patch(f"/routines/{own}", {"concurrencyPolicy": "coalesce_if_active"}))
    runs["coalesced"] = fired(company, own, payload={"n": [1, 2]}, idempotencyKey="the key")
    listed = company.runs(own)
    runs["missed"] = next(each for each in listed if each["details"])
    runs["open"] = next(each for each in listed if each["status"] == "issue_created")
    return {**routine, "runs": runs}


def test_runs_are_filtered_by_outcome_and_each_says_why(service: Service, lived: dict[str, Any]) -> None:
    own = f"/routines/{lived['id']}/runs"
    everything = shown(service, own)
    for outcome in OUTCOMES:
        page = shown(service, f"{own}?outcome={outcome}")
        found = [each for each in OUTCOMES if f"{own}/{lived['runs'][each]['id']}" in page]
        assert found == [outcome]
        assert f"{own}/{lived['runs'][outcome]['id']}" in everything
    for why in ("ACME-3 was open, so this fire joined it", "and the policy is to skip", "skip_missed", "cancelled"):
        assert why in unescape(everything)
    shown(service, f"{own}?outcome=nonsense&before=nonsense")


def test_each_run_says_why_it_became_what_it_became(service: Service, lived: dict[str, Any]) -> None:
    for outcome, words in WHY.items():
        page = unescape(shown(service, f"/routines/{lived['id']}/runs/{lived['runs'][outcome]['id']}"))
        for each in words:
            assert each in page, f"{each!r} is not on the page of the run that is {outcome}"


def test_a_run_shows_those_that_joined_it_and_its_heartbeats(service: Service, lived: dict[str, Any]) -> None:
    runs = lived["runs"]
    own = f"/routines/{lived['id']}/runs"
    page = shown(service, f"{own}/{runs['open']['id']}")
    assert f'href="{own}/{runs["coalesced"]["id"]}"' in page
    assert f'href="{own}/{runs["skipped"]["id"]}"' in page
    assert 'href="/heartbeat-runs/' in page
    assert "polls by itself" in page
    assert f'href="{own}/{runs["open"]["id"]}"' in shown(service, f"{own}/{runs['coalesced']['id']}")


def test_runs_that_joined_a_run_are_read_without_their_payloads(service: Service, company: Company) -> None:
    routine = company.routine()["id"]
    first, second = (
        ok(company.board.post(f"/routines/{routine}/run", {"payload": {"n": number}}), 202) for number in range(2)
    )
    detail = service.server.services.runs.detail(LOCAL_BOARD, routine, first["id"])
    assert [(each.run.id, each.run.trigger_payload) for each in detail.joined_by] == [(second["id"], None)]
    assert detail.run.run.trigger_payload == '{"n":0}'


def test_a_run_of_another_routine_is_404(service: Service, company: Company, lived: dict[str, Any]) -> None:
    other = company.routine()
    shown(service, f"/routines/{other['id']}/runs/{lived['runs']['open']['id']}", 404)
    shown(service, f"/routines/{lived['id']}/runs/nonsense", 404)


def test_runs_come_in_pages(service: Service, company: Company) -> None:
    routine = company.routine()
    first = fired(company, routine["id"])["id"]
    for _ in range(51):
        fired(company, routine["id"])
    own = f"/routines/{routine['id']}/runs"
    page = shown(service, f"{own}?outcome=coalesced")
    assert page.count(">coalesced<") == 51  # fifty, and the filter's own word
    older = unescape(page.split('">Older')[0].rsplit('href="', 1)[1])
    rest = shown(service, older)
    assert rest.count(">coalesced<") == 2
    assert first not in rest
    assert f"{own}/{first}" in shown(service, unescape(shown(service, own).split('">Older')[0].rsplit('href="', 1)[1]))


def test_a_large_payload_is_cut_and_the_page_says_so(service: Service, company: Company) -> None:
    sender = webhook(service, company)
    body = json.dumps({"words": ['"<&' * 20] * 5_000}).encode()
    run = ok(sender.fire(body), 202)
    page = shown(service, f"/routines/{sender.routine['id']}/runs/{run['id']}")
    assert len(page) < 300_000
    assert "These are the first of" in page
    deep = ok(sender.fire(b'{"a": ' + b"[" * 60 + b"[]," * 9_000 + b"[]" + b"]" * 60 + b"}"), 202)
    assert len(shown(service, f"/routines/{sender.routine['id']}/runs/{deep['id']}")) < 300_000
