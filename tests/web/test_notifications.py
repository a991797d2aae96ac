"""Notifications on the board's pages: subscribe, try, look at what was sent, send again, end."""

from __future__ import annotations

import re

import pytest

from support.clock import SECOND
from support.databases import on_sqlite
from support.hostile import ALL_AT_ONCE, HOSTILE
from support.inert import require_inert
from support.pages import done, filled, posted, shown, text, words
from support.service import Company, Service, ok
from support.subscribing import deliveries, subscribed

pytestmark = on_sqlite
WHERE = "https://ops.example.com/hook"


def settings(company: Company) -> str:
    return f"/companies/{company.id}/settings/notifications"


def test_a_webhook_is_subscribed_tried_changed_and_ended(service: Service, company: Company) -> None:
    assert "Nobody is told of anything yet." in text(service, settings(company))
    fields = {**filled(service, settings(company)), "channel": "webhook", "target": WHERE, "events": "routine.paused"}
    page = posted(service, settings(company), **fields)
    [secret] = re.findall(r">(whsec_[^<]+)<", page.text)
    assert page.headers["cache-control"] == "no-store"
    [made] = ok(company.board.get(f"/companies/{company.id}/notification-subscriptions"))
    assert (made["target"], made["events"]) == (WHERE, ["routine.paused"])
    own = f"/notification-subscriptions/{made['id']}"
    assert WHERE in text(service, settings(company))
    assert done(posted(service, f"{own}/test")) == own
    [sent] = deliveries(company.board, made["id"])
    assert "Test notification pending" in text(service, own)
    assert done(posted(service, f"{own}/deliveries/{sent['id']}/resend")) == own
    changes = {**filled(service, own), "name": "Ops", "quietAfterSeconds": "120", "events": "run.failed"}
    del changes["enabled"]
    assert done(posted(service, own, **changes)) == own
    after = ok(company.board.get(own))
    assert (after["name"], after["quietAfterSeconds"], after["enabled"]) == ("Ops", 120, False)
    assert "The subscription was disabled" in text(service, own)
    rotated = posted(service, f"{own}/rotate-secret").text
    assert "whsec_" in rotated
    assert secret not in rotated
    assert "whsec_" not in shown(service, own) + shown(service, settings(company))
    assert "subscribed to notifications Ops" in text(service, f"/companies/{company.id}/activity")
    assert done(posted(service, f"{own}/delete")) == settings(company)
    assert "Nobody is told of anything yet." in text(service, settings(company))


def test_a_slack_url_is_not_shown_again_and_stays_unless_another_is_typed(service: Service, company: Company) -> None:
    made = subscribed(company, "https://hooks.example.com/hunter2", "slack", events=["run.failed"])["subscription"]
    own = f"/notification-subscriptions/{made['id']}"
    assert filled(service, own)["target"] == ""
    assert done(posted(service, own, **{**filled(service, own), "name": "Team"})) == own
    assert ok(company.board.get(own))["target"] == "https://hooks.example.com/…"
    assert "hunter2" not in shown(service, own) + shown(service, settings(company))


def test_the_newest_routines_can_be_chosen_and_the_one_that_is_stays(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routines.services.notifications.CHOICES_MAX", 2)
    chosen = company.routine(title="Chosen long ago")["id"]
    for title in ("Older", "Newer", "Newest"):
        service.clock.advance(SECOND)
        company.routine(title=title)
    made = subscribed(company, WHERE, routineId=chosen)["subscription"]
    own = f"/notification-subscriptions/{made['id']}"

    def offered(path: str) -> list[str]:
        return re.findall(r">(Chosen long ago|Older|Newer|Newest)</option>", shown(service, path))

    assert offered(settings(company)) == ["Newest", "Newer"]
    assert offered(own) == ["Chosen long ago", "Newest", "Newer"]
    assert done(posted(service, own, **filled(service, own))) == own
    assert ok(company.board.get(own))["routineId"] == chosen


def test_what_is_wrong_stands_beside_its_field(service: Service, company: Company) -> None:
    wrong = {"channel": "webhook", "target": "nowhere", "events": "run.failed", "quietAfterSeconds": "3600"}
    for fields, fault in (
        (wrong, "target"),
        ({**wrong, "target": WHERE, "quietAfterSeconds": "soon"}, "quietAfterSeconds"),
        ({"channel": "webhook", "target": WHERE, "quietAfterSeconds": "3600"}, "events"),
    ):
        refused = posted(service, settings(company), **fields)
        assert refused.status_code == 400
        assert re.findall(r'id="([A-Za-z]+)-fault"', refused.text) == [fault]
    no_mail = posted(service, settings(company), **{**wrong, "channel": "email", "target": "grace@example.com"})
    assert "This service sends no e-mail" in words(no_mail)


def test_text_from_outside_is_inert(service: Service, company: Company) -> None:
    for hostile in (*HOSTILE, ALL_AT_ONCE):
        made = subscribed(company, WHERE, name=hostile[:200])["subscription"]
        routine = company.routine(title=hostile[:200])
        ok(company.board.patch(f"/routines/{routine['id']}", {"status": "paused"}))
        own = f"/notification-subscriptions/{made['id']}"
        wrong = {
            "channel": hostile,
            "target": hostile,
            "events": hostile,
            "name": hostile,
            "quietAfterSeconds": hostile,
        }
        for page in (
            shown(service, own),
            shown(service, settings(company)),
            posted(service, settings(company), **wrong).text,
            posted(service, own, **wrong).text,
        ):
            require_inert(page)


def test_the_pages_are_the_boards(service: Service, company: Company) -> None:
    made = subscribed(company, WHERE)["subscription"]
    key = {"Authorization": f"Bearer {company.agent.token}"}
    for path in (settings(company), f"/notification-subscriptions/{made['id']}"):
        assert service.client.get(path, headers=key).status_code == 403
