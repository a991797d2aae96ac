"""Triggers on the page of their routine: what is done with one, and deliveries that the service sends itself."""

from __future__ import annotations

from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from shutil import which
from subprocess import run
from typing import Any

import pytest

from routines.core.signing import SigningMode
from routines.web.views.webhooks import SECRET_TO_BE_FILLED_IN, curl
from support.clock import HOUR
from support.databases import on_sqlite
from support.pages import posted, said, shown
from support.service import NOBODY, Company, Service, ok
from support.site import serving
from support.webhooks import MODES, SECRET_MODES, Webhook, webhook

pytestmark = on_sqlite  # questions that only pages ask are in test_run_pages.py
EVERY_HOUR = {"kind": "schedule", "cronExpression": "0 * * * *"}


def deliveries(sender: Webhook, company: Company) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ok(company.board.get(f"/routine-triggers/{sender.trigger['id']}/deliveries"))
    return found


def test_a_trigger_is_disabled_enabled_and_deleted(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[EVERY_HOUR])
    own = f"/triggers/{routine['triggers'][0]['id']}"
    page = said(service, f"{own}/disable")
    assert "It does not fire as things stand" in page
    assert ">disabled<" in page
    service.tick(5 * HOUR)
    assert "Mon 2 Mar 18:00" in said(service, f"{own}/enable")
    service.tick()
    assert company.runs(routine["id"]) == []
    assert "Nothing fires it by itself yet" in said(service, f"{own}/delete")
    assert posted(service, f"{own}/enable").status_code == 404


def test_a_rotated_secret_is_shown_once_and_never_again(service: Service, company: Company) -> None:
    sender = webhook(service, company, "hmac_sha256", label="Shop")
    reply = posted(service, f"/triggers/{sender.trigger['id']}/rotate")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    assert "Shop: its secret, shown this once" in reply.text
    secret = reply.text.split('aria-label="Secret">')[1].split("<")[0]
    assert len(secret) == 64
    assert sender.fire().status_code == 401
    sender.secret = secret
    assert sender.fire().status_code == 202
    own = f"/routines/{sender.routine['id']}"
    for path in (own, f"{own}/runs", f"/triggers/{sender.trigger['id']}/deliveries"):
        assert secret not in shown(service, path)


def test_rotating_a_webhook_without_a_secret_shows_its_new_url(service: Service, company: Company) -> None:
    sender = webhook(service, company, "none")
    page = posted(service, f"/triggers/{sender.trigger['id']}/rotate").text
    assert "its URL" in page
    assert sender.trigger["publicId"] not in page
    assert "/api/routine-triggers/public/" in page


@pytest.mark.parametrize("mode", MODES)
def test_a_test_delivery_goes_the_way_of_any_other(service: Service, company: Company, mode: str) -> None:
    sender = webhook(service, company, mode)
    page = said(service, f"/triggers/{sender.trigger['id']}/try", payload='{"number": 7}')
    assert "answered with 202 and a run that is issue created" in page
    assert "&#34;number&#34;: 7" in page
    made = company.runs(sender.routine["id"])
    assert [(each["source"], each["triggerPayload"]) for each in made] == [("webhook", {"number": 7})]
    [recorded] = deliveries(sender, company)
    assert (recorded["outcome"], recorded["runId"]) == ("accepted", made[0]["id"])


def test_a_test_delivery_is_coalesced_like_any_other(service: Service, company: Company) -> None:
    sender = webhook(service, company)
    ok(company.board.patch(f"/routines/{sender.routine['id']}", {"concurrencyPolicy": "coalesce_if_active"}))
    said(service, f"/triggers/{sender.trigger['id']}/try")
    page = said(service, f"/triggers/{sender.trigger['id']}/try")
    assert "a run that is coalesced" in page
    assert "ACME-1 was open, so this fire joined it" in page


def test_a_refused_test_delivery_says_why_and_is_among_the_deliveries(service: Service, company: Company) -> None:
    sender = webhook(service, company)
    own = f"/triggers/{sender.trigger['id']}"
    posted(service, f"{own}/disable")
    assert "answered with 409: Routine trigger is not active" in said(service, f"{own}/try")
    reply = posted(service, f"{own}/try", payload="{")
    assert reply.status_code == 400
    assert "Answered with 400: Malformed JSON" in reply.text
    assert f'id="try-{sender.trigger["id"]}-fault"' in reply.text
    assert {each["outcome"] for each in deliveries(sender, company)} == {"inactive", "unreadable"}
    page = shown(service, f"{own}/deliveries")
    for words in ("inactive", "409", "unreadable", "400", "application/json", "Routines test delivery"):
        assert words in page
    assert company.runs(sender.routine["id"]) == []


def test_only_a_webhook_is_tried_or_rotated(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[EVERY_HOUR])
    own = f"/triggers/{routine['triggers'][0]['id']}"
    assert posted(service, f"{own}/try").status_code == 422
    assert "Only a webhook trigger has a secret" in said(service, f"{own}/rotate")
    for action in ("try", "rotate", "disable", "delete"):
        assert posted(service, f"/triggers/{NOBODY}/{action}").status_code == 404


def test_who_sent_a_test_delivery_is_in_the_activity(service: Service, company: Company) -> None:
    sender = webhook(service, company)
    said(service, f"/triggers/{sender.trigger['id']}/try")
    entries = ok(company.board.get(f"/companies/{company.id}/activity"))
    [tried] = [each for each in entries if each["action"] == "routine.trigger_tried"]
    assert (tried["actorId"], tried["entityId"]) == ("local-board", sender.trigger["id"])
    assert tried["details"] == {"routineId": sender.routine["id"]}


def test_deliveries_come_in_pages_with_the_reason_of_each(service: Service, company: Company) -> None:
    sender = webhook(service, company)
    for _ in range(55):
        sender.post(sender.signed_wrongly())
    accepted = ok(sender.fire(), 202)["id"]
    own = f"/triggers/{sender.trigger['id']}/deliveries"
    first = shown(service, own)
    assert first.count(">refused<") == 49
    assert f"/runs/{accepted}" in first
    assert "Authorization" in first
    older = unescape(first.split('">Older')[0].rsplit('href="', 1)[1])
    assert shown(service, older).count(">refused<") == 6


def test_the_lines_for_a_shell_never_hold_the_secret_on_the_routines_page(service: Service, company: Company) -> None:
    sender = webhook(service, company, "hmac_sha256")
    page = shown(service, f"/routines/{sender.routine['id']}")
    assert sender.secret is not None
    assert sender.secret not in page
    assert SECRET_TO_BE_FILLED_IN in page
    for mode in SECRET_MODES:
        assert curl(SigningMode(mode), "http://x/fire").startswith(f"secret='{SECRET_TO_BE_FILLED_IN}'\n")


@pytest.mark.skipif(not (which("bash") and which("curl") and which("openssl")), reason="needs bash, curl and openssl")
@pytest.mark.parametrize("mode", MODES)
def test_the_lines_for_a_shell_send_a_delivery_that_is_accepted(
    service: Service, company: Company, mode: str, tmp_path: Path
) -> None:
    sender = webhook(service, company, mode)
    with serving(service) as site:
        lines = curl(SigningMode(mode), f"{site.url}/api{sender.path}", sender.secret)
        # By the machine's clock, which the lines sign with.
        service.clock.advance(datetime.now(UTC) - service.clock.now())
        sent = run(["bash", "-ceu", lines], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603,S607
    assert sent.stderr == ""
    assert '"status":"issue_created"' in sent.stdout
    assert company.runs(sender.routine["id"])[0]["triggerPayload"] == {"hello": "world"}
