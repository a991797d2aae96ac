"""The stream of a company's events: what it tells, to whom, from where on, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest

from routines.core.access import AuthMode
from routines.core.activity import ActivityAction
from routines.core.model import LOCAL_BOARD
from routines.http.routes import events as route
from routines.services import events
from routines.storage.postgres.database import PostgresDatabase
from support.databases import on_postgres
from support.service import NOBODY, Caller, Company, Place, error, ok
from support.streams import DeafService, LiveService, Received, Stream

QUIET_SECONDS = 0.4
"""How long a stream is watched that must say nothing: several looks of its reader."""


@pytest.fixture
def service(place: Place) -> Iterator[LiveService]:
    running = LiveService(place, auth=AuthMode.AUTHENTICATED)
    yield running
    running.close()


@pytest.fixture
def firm(service: LiveService) -> Company:
    return service.company()


def entries(company: Company) -> list[Received]:
    """A company's activity as the list has it, oldest first."""
    found = ok(company.board.get(f"/companies/{company.id}/activity", params={"limit": 500}))
    return [Received(each["id"], each) for each in reversed(found)]


def live_through(company: Company) -> None:
    """Let things of several kinds happen."""
    routine = company.routine(triggers=[{"kind": "api"}])["id"]
    run = ok(company.board.post(f"/routines/{routine}/run"), 202)
    ok(company.agent.patch(f"/issues/{run['linkedIssueId']}", {"status": "done", "comment": "There"}))
    ok(company.board.post(f"/routines/{routine}/run"), 202)


def quiet(stream: Stream) -> list[str]:
    """What a stream has told after a while in which it should tell nothing."""
    stream.is_over.wait(QUIET_SECONDS)
    return stream.actions


def test_each_message_is_an_entry_as_the_list_has_it(service: LiveService, firm: Company) -> None:
    stream = Stream(service, firm.id)
    assert stream.status == 200
    assert (
        stream.headers.items()
        >= {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-store",
            "x-accel-buffering": "no",
        }.items()
    )
    assert stream.text.startswith("retry: ")
    before = len(entries(firm))
    live_through(firm)
    told = entries(firm)[before:]
    assert stream.wait_for(len(told))[-len(told) :] == told
    assert {"routine.run_triggered", "issue.updated", "issue.comment_added"} <= set(stream.actions)
    stream.close()


def test_a_stream_that_resumes_anywhere_gets_exactly_the_rest(
    service: LiveService, firm: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "EVENTS_READ_AT_ONCE", 3)
    monkeypatch.setattr(events, "EVENTS_KEPT_MAX", 4)
    live_through(firm)
    whole = entries(firm)
    follows = Stream(service, firm.id, f"after={NOBODY.replace('7000', '0000')}", last_event_id=whole[0].id)
    for place in range(len(whole) - 1):
        stream = Stream(service, firm.id, f"after={whole[place].id.upper()}")
        assert stream.wait_for(len(whole) - place - 1) == whole[place + 1 :]
        stream.close()
    live_through(firm)
    whole = entries(firm)
    assert follows.wait_for(len(whole) - 1) == whole[1:], "the header wins, and what is live follows what is old"
    follows.close()


def test_a_stream_that_had_told_nothing_yet_is_resumed_where_it_began(service: LiveService, firm: Company) -> None:
    stream = Stream(service, firm.id)
    first_id = stream.text.split("id: ")[1].split("\n")[0]
    stream.close()
    live_through(firm)
    resumed = Stream(service, firm.id, last_event_id=first_id)
    rest = [entry for entry in entries(firm) if entry.id > first_id]
    assert resumed.wait_for(len(rest)) == rest
    resumed.close()


def test_an_entry_is_there_well_within_a_second(service: LiveService, firm: Company) -> None:
    stream = Stream(service, firm.id)
    taken = []
    for number in range(3):
        count = len(stream.messages)
        ok(firm.board.patch(f"/projects/{firm.project_id}", {"name": f"Name {number}"}))
        began = time.monotonic()
        stream.until(lambda count=count: "project.updated" in stream.actions[count:])
        taken.append(time.monotonic() - began)
    assert min(taken) < 0.5, taken
    stream.close()


def test_streams_are_open_to_whom_the_company_is(service: LiveService, firm: Company) -> None:
    rival = service.company("Rival")
    path = f"/companies/{firm.id}/events"
    for caller in (firm.board, firm.agent, firm.colleague):
        stream = Stream(service, firm.id, caller=caller)
        assert stream.status == 200
        stream.close()
    assert rival.agent.get(path).status_code == 403
    assert Caller(service.client).get(path).status_code == 401
    assert firm.board.get(f"/companies/{NOBODY}/events").status_code == 404
    assert firm.agent.get(f"/companies/{NOBODY}/events").status_code == 403
    for bad in ({"params": {"after": "x"}}, {"headers": {"Last-Event-ID": "7"}}, {"params": {"since": NOBODY}}):
        assert error(firm.board.get(path, **bad), 400) == "Validation error"  # type: ignore[arg-type]
    assert rival.agent.get(path, params={"after": "x"}).status_code == 403


def test_a_company_is_told_nothing_of_another(service: LiveService, firm: Company) -> None:
    rival = service.company("Rival")
    stream = Stream(service, firm.id)
    live_through(rival)
    live_through(firm)
    newest = entries(firm)[-1].id
    stream.until(lambda: newest in [message.id for message in stream.messages])
    assert {message.data["companyId"] for message in stream.messages} == {firm.id}
    stream.close()


def test_a_stream_ends_soon_after_its_callers_key(
    service: LiveService, firm: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "COMMENT_SECONDS", 0.1)
    stream = Stream(service, firm.id, caller=firm.agent)
    stream.until(lambda: stream.text.count(":\n\n") >= 2)
    (key,) = ok(firm.board.get(f"/agents/{firm.agent_id}/keys"))
    assert firm.board.delete(f"/agents/{firm.agent_id}/keys/{key['id']}").status_code == 204
    assert stream.is_over.wait(5)


def test_all_streams_end_at_once_when_the_server_stops(service: LiveService, firm: Company) -> None:
    streams = [Stream(service, firm.id) for _ in range(3)]
    streams.append(Stream(service, firm.id, stalls=True))
    service.server.leave_off()
    for stream in streams:
        assert stream.is_over.wait(5)
    assert firm.board.get(f"/companies/{firm.id}/events").status_code == 503


def test_a_server_has_room_for_so_many_streams(
    service: LiveService, firm: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "EVENT_STREAMS_MAX", 1)
    first = Stream(service, firm.id)
    refused = firm.board.get(f"/companies/{firm.id}/events")
    assert "event streams are open" in error(refused, 503)
    assert int(refused.headers["Retry-After"]) > 0
    first.close()
    second = Stream(service, firm.id)
    assert second.status == 200
    second.close()


def test_a_moment_without_threads_keeps_no_later_stream_from_being_told(
    service: LiveService, firm: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> Thread:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(events, "Thread", refuse)
        assert "no thread left" in error(firm.board.get(f"/companies/{firm.id}/events"), 503)
    stream = Stream(service, firm.id)
    ok(firm.board.patch(f"/companies/{firm.id}", {"name": "Renamed"}))
    assert stream.wait_for(1) == entries(firm)[-1:]
    stream.close()


@pytest.mark.parametrize("of_all", [False, True])
def test_agents_leave_room_for_each_other_and_the_board(
    service: LiveService, firm: Company, monkeypatch: pytest.MonkeyPatch, *, of_all: bool
) -> None:
    monkeypatch.setattr(events, "EVENT_STREAMS_OF_AGENTS_MAX" if of_all else "EVENT_STREAMS_PER_AGENT_MAX", 1)
    first = Stream(service, firm.id, caller=firm.agent)
    refused = firm.agent.get(f"/companies/{firm.id}/events")
    assert ("streams of agents are" if of_all else "streams of this agent are") in error(refused, 503)
    assert int(refused.headers["Retry-After"]) > 0
    others = [Stream(service, firm.id) for _ in range(2)]
    if of_all:
        assert firm.colleague.get(f"/companies/{firm.id}/events").status_code == 503
    else:
        others.append(Stream(service, firm.id, caller=firm.colleague))
    assert {each.status for each in others} == {200}
    first.close()
    again = Stream(service, firm.id, caller=firm.agent)
    assert again.status == 200
    for each in (again, *others):
        each.close()


def test_a_stop_does_not_wait_for_a_database_that_is_cut_off(
    service: LiveService, firm: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STOP_SECONDS_MAX", 0.1)
    asked, answered = Event(), Event()

    def never(*_: object) -> list[Any]:
        asked.set()
        answered.wait(30)
        return []

    monkeypatch.setattr(events.activity, "following", never)
    using = service.server.events
    using.follow(using.begin(LOCAL_BOARD, firm.id, lambda: None), lambda: None)
    assert asked.wait(5)
    began = time.monotonic()
    using.stop()
    assert time.monotonic() - began < 5
    answered.set()


def test_a_client_that_takes_nothing_loses_its_place(
    service: LiveService, firm: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "SLOW_CLIENT_SECONDS_MAX", 0.1)
    monkeypatch.setattr(events, "EVENT_STREAMS_MAX", 1)
    slow = Stream(service, firm.id, stalls=True)
    deadline = time.monotonic() + 10
    while (stream := Stream(service, firm.id)).status != 200:
        stream.close()
        assert time.monotonic() < deadline
    assert not slow.is_over.is_set(), "its client has not even heard of the end"
    stream.close()
    slow.close()


class Writing:
    """A write transaction that is held open with an entry in it."""

    def __init__(self, service: LiveService, company: Company, name: str) -> None:
        self._context = service.server.services.companies.context
        self._subject = (company.id, "company", company.id)
        self._name = name
        self._commits, self._written = Event(), Event()
        self._thread = Thread(target=self._write)
        self._thread.start()
        assert self._written.wait(5)

    def commit(self) -> None:
        """Have it committed."""
        self._commits.set()
        self._thread.join()

    def _write(self) -> None:
        context = self._context
        with context.database.write() as transaction:
            now = context.clock.now()
            details: dict[str, Any] = {"name": self._name}
            context.record(transaction, LOCAL_BOARD, ActivityAction.COMPANY_UPDATED, self._subject, now, details)
            self._written.set()
            assert self._commits.wait(10)


def names(stream: Stream) -> list[str]:
    """Which held transactions a stream has told of."""
    return [each.data["details"]["name"] for each in stream.messages if each.data["action"] == "company.updated"]


@on_postgres
def test_what_commits_out_of_order_is_told_in_order_and_whole(service: LiveService, firm: Company) -> None:
    stream = Stream(service, firm.id)
    first = Writing(service, firm, "first")
    late = Stream(service, firm.id)
    second = Writing(service, firm, "second")
    second.commit()
    quiet(stream)
    assert names(stream) == names(late) == []
    first.commit()
    for each in (stream, late):
        each.until(lambda each=each: len(names(each)) == 2)
        assert names(each) == ["first", "second"]
        each.close()


@on_postgres
def test_whoever_reads_for_long_holds_nobody_up(service: LiveService, firm: Company) -> None:
    stream = Stream(service, firm.id)
    with service.server.database.read() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM runs")
        Writing(service, firm, "only").commit()
        stream.until(lambda: names(stream) == ["only"], 5)
    stream.close()


@on_postgres
@pytest.mark.parametrize("kind", [LiveService, DeafService])
def test_what_another_server_does_arrives_also_when_notifications_are_lost(
    place: Place, service: LiveService, firm: Company, kind: type[LiveService], monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind is DeafService:
        monkeypatch.setattr(PostgresDatabase, "rescan_seconds", 0.5)
    other = kind(Place(place.data_dir, place.database_url), auth=AuthMode.AUTHENTICATED)
    stream = Stream(service if kind is LiveService else other, firm.id)
    Writing(other if kind is LiveService else service, firm, "elsewhere").commit()
    stream.until(lambda: names(stream) == ["elsewhere"], 3)
    stream.close()
    other.close()
