"""Each request has an id: the caller's if that is sane, in the reply, and in every line of the log about it."""

from __future__ import annotations

import pytest
import structlog
from structlog.testing import LogCapture

from support.databases import on_sqlite
from support.service import NOBODY, Service
from support.webhooks import webhook

pytestmark = on_sqlite


@pytest.mark.parametrize("given", ["req-1", "a" * 128, "01J.abc_DEF:9/x+y=="])
def test_a_sane_id_is_taken_over(service: Service, given: str) -> None:
    assert service.board.get("/health", headers={"X-Request-Id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a" * 129, "two words", 'quo"te', "ümlaut".encode(), "line\tfeed"])
def test_any_other_is_replaced(service: Service, given: str | bytes) -> None:
    got = [service.board.get("/health", headers={"X-Request-Id": given}).headers["x-request-id"] for _ in range(2)]
    assert got[0] != got[1]
    assert all(len(each) == 32 for each in got)


def test_every_reply_has_one(service: Service) -> None:
    company = service.company()
    replies = [
        service.client.get("/"),
        service.client.get("/api/nothing"),
        service.client.get("/metrics"),
        webhook(service, company).fire(),
        service.client.get("/metrics", headers={"Origin": "https://elsewhere.example"}),
    ]
    assert [len(reply.headers.get_list("x-request-id")) for reply in replies] == [1] * len(replies)


def test_lines_about_a_request_bear_its_id_and_its_heartbeat(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    captured = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, captured])

    def broken(*_: object) -> None:
        raise RuntimeError("as if")

    monkeypatch.setattr("routines.services.companies.Companies.every_company", broken)
    ids = {"X-Request-Id": "req-1", "X-Paperclip-Run-Id": NOBODY}
    try:
        assert service.board.get("/companies", headers=ids).status_code == 500
        service.board.get("/companies", headers={"X-Request-Id": "req-2"})
    finally:
        structlog.configure(**before)
    lines = [(line["event"], line["request_id"], line.get("heartbeat_run_id")) for line in captured.entries]
    assert lines == [("request_failed", "req-1", NOBODY), ("request_failed", "req-2", None)]
    assert structlog.contextvars.get_contextvars() == {}
