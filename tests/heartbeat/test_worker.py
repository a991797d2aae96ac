"""The worker with real children, on both databases: how each way to end is told, and that nothing is left behind."""

from __future__ import annotations

import json
import socket
import sys
import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from routines.core.errors import UnavailableError
from routines.core.model import HeartbeatRun
from routines.core.output import HEAD_BYTES_MAX, TAIL_BYTES_MAX
from routines.core.reach import Reach
from routines.services.heartbeat_work import HeartbeatWork
from support.at_work import STAND_INS, AtWork, is_alive, until, until_gone
from support.clock import ManualClock
from support.heartbeats import heartbeats, issue_for, process_agent, status_of
from support.listener import Listener, answering
from support.service import Company, Place, Service, ok

STOPS_AT_ONCE_SECONDS = 5  # on a busy machine; the agent would be waited for for sixty

MEBIBYTE = 1024 * 1024
MEMORY_BYTES_MAX = 20 * MEBIBYTE
PYTHON = [sys.executable, "-I", "-S", "-c"]
DEAF = "trap '' TERM; echo $$; while true; do sleep 0.05; done"
"""A child that tells its number and ignores that it is told to end."""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt its orphans")


@pytest.fixture
def service(place: Place, clock: ManualClock) -> Iterator[Service]:
    running = Service(place, clock, private_hosts=Reach.of("127.0.0.1"))
    yield running
    running.close()


@pytest.fixture
def idle(service: Service, company: Company) -> AtWork:
    """A worker that has not begun."""
    return AtWork(service, company)


@pytest.fixture
def at_work(idle: AtWork) -> AtWork:
    """A worker that has begun."""
    idle.begin()
    return idle


def ending(run: dict[str, Any]) -> tuple[str, int | None, str | None, str | None]:
    """How a heartbeat ended, in short."""
    return run["status"], run["exitCode"], run["signal"], run["errorCode"]


def test_a_line_for_the_shell_is_run(at_work: AtWork) -> None:
    run = at_work.run("echo one && echo two >&2 && cat | head -c 7")
    assert ending(run) == ("succeeded", 0, None, None)
    assert run["error"] is None
    assert at_work.log(run["id"])["isEnd"]
    printed = at_work.log(run["id"])["content"]
    assert {"one\n" in printed, "two\n" in printed, len(printed)} == {True, 4 + 4 + 7}
    assert "You are" in printed, "the prompt is its input"


def test_a_command_gets_its_arguments_as_they_are(at_work: AtWork) -> None:
    said = at_work.run(["printf", "%s|"], args=["a b", "", "$HOME", "'", "*"])
    assert at_work.log(said["id"])["content"] == "a b||$HOME|'|*|"
    by_the_shell = at_work.run("printf '%s|' first", args=["a b", "$HOME"])
    assert at_work.log(by_the_shell["id"])["content"] == "first|a b|$HOME|"


def test_an_exit_code_is_told_with_the_last_words(at_work: AtWork) -> None:
    run = at_work.run("echo no disk >&2; exit 3")
    assert ending(run) == ("failed", 3, None, "exit_code")
    assert run["error"] == "The command exited with code 3; its last words: no disk"


def test_a_signal_is_told(at_work: AtWork) -> None:
    run = at_work.run("kill -SEGV $$")
    assert ending(run) == ("failed", None, "SIGSEGV", "signal")
    assert run["error"] == "The command was ended by SIGSEGV."


def test_any_bytes_can_be_read_while_it_runs_and_after(at_work: AtWork, tmp_path: Path) -> None:
    go = tmp_path / "go"
    program = f"""
import os, time
os.write(1, b"a\\xff\\0\\xc3")
while not os.path.exists({str(go)!r}):
    time.sleep(0.01)
os.write(1, b"\\xbcz\\xc3")
"""
    run_id = at_work.wake(at_work.agent([*PYTHON, program]))
    assert at_work.logged(run_id, "a") == "a\ufffd\ufffd", "half a character waits for its other half"
    before = at_work.log(run_id)
    assert (before["after"], before["isEnd"], at_work.get(run_id)["status"]) == (3, False, "running")
    go.touch()
    at_work.ended(run_id)
    assert at_work.log(run_id, after=3) == {"content": "üz\ufffd", "start": 3, "after": 7, "isEnd": True}
    assert at_work.log(run_id)["content"] == "a\ufffd\ufffdüz\ufffd"


def test_one_that_takes_too_long_and_does_not_listen_is_killed_after_its_grace(at_work: AtWork) -> None:
    begun = time.monotonic()
    run = at_work.run(DEAF, timeoutSec=1, graceSec=0.3)
    assert ending(run) == ("timed_out", None, "SIGKILL", "timeout")
    assert run["error"] == "The agent took longer than its 1 seconds (timeoutSec) and was stopped."
    assert time.monotonic() - begun >= 1.3
    until_gone(int(at_work.log(run["id"])["content"]))


def test_one_that_is_cancelled_and_does_not_listen_is_killed_after_its_grace(at_work: AtWork) -> None:
    issue = issue_for(at_work.company, at_work.agent(DEAF, graceSec=0.3))
    [queued] = heartbeats(at_work.company)
    run_id = queued["id"]
    child = int(at_work.logged(run_id, "\n"))
    asked_at = time.monotonic()
    assert ok(at_work.board.post(f"/heartbeat-runs/{run_id}/cancel"))["status"] == "running"
    run = at_work.ended(run_id)
    assert 0.3 <= time.monotonic() - asked_at < 3
    assert ending(run) == ("cancelled", None, "SIGKILL", "cancelled")
    until_gone(child)
    assert (status_of(at_work.company, issue), len(heartbeats(at_work.company))) == ("todo", 1), "it was meant to end"


def test_one_that_listens_ends_in_its_own_way(at_work: AtWork) -> None:
    program = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("saved")))
print("up", flush=True)
time.sleep(600)
"""
    run_id = at_work.wake(at_work.agent([*PYTHON, program]))
    at_work.logged(run_id, "up")
    ok(at_work.board.post(f"/heartbeat-runs/{run_id}/cancel"))
    assert ending(at_work.ended(run_id)) == ("cancelled", 0, None, "cancelled")
    assert at_work.log(run_id)["content"] == "up\nsaved\n"


def test_agents_who_are_dismissed_at_work_are_ended(at_work: AtWork) -> None:
    agent = at_work.agent("echo $$; sleep 600")
    run_id = at_work.wake(agent)
    child = int(at_work.logged(run_id, "\n"))
    ok(at_work.board.post(f"/agents/{agent}/terminate"))
    assert at_work.ended(run_id)["status"] == "cancelled"
    until_gone(child)
    assert ok(at_work.board.get(f"/agents/{agent}"))["status"] == "terminated"


@linux_only
def test_a_daemon_ends_with_the_heartbeat_that_left_it(at_work: AtWork) -> None:
    run = at_work.run("setsid sh -c 'echo $$; exec sleep 600' & sleep 0.2")
    assert ending(run) == ("succeeded", 0, None, None)
    assert not is_alive(int(at_work.log(run["id"])["content"]))


def test_one_that_closes_its_output_goes_on(at_work: AtWork, tmp_path: Path) -> None:
    done = tmp_path / "done"
    run = at_work.run(f"echo here; exec >&- 2>&-; sleep 0.3; touch {done}; exit 5")
    assert (ending(run), done.exists()) == (("failed", 5, None, "exit_code"), True)
    assert at_work.log(run["id"])["content"] == "here\n"


def test_of_200_megabytes_the_head_and_the_tail_are_kept_in_bounded_memory(at_work: AtWork) -> None:
    megabytes = 200
    line = r"b'%09d\n' % number + b'x' * 999_989 + b'\n'"
    program = f"import sys\nfor number in range({megabytes}): sys.stdout.buffer.write({line})"
    agent = at_work.agent([*PYTHON, program])
    tracemalloc.start()
    try:
        run_id = at_work.wake(agent)
        while at_work.get(run_id)["status"] in {"queued", "running"}:
            time.sleep(0.2)  # whoever looks more often holds up the worker
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    run = at_work.get(run_id)
    assert ending(run) == ("succeeded", 0, None, None)
    assert peak <= MEMORY_BYTES_MAX
    parts, after, is_end = [], 0, False
    while not is_end:
        part = at_work.log(run["id"], after)
        parts.append((part["start"], len(part["content"])))
        after, is_end = part["after"], part["isEnd"]
        last = part["content"]
    assert after == megabytes * 1_000_000
    assert last.endswith("x\n")
    assert sum(length for _, length in parts) == HEAD_BYTES_MAX + TAIL_BYTES_MAX
    assert at_work.log(run["id"])["content"].startswith("000000000\nx")
    assert {start for start, _ in parts} >= {0, after - TAIL_BYTES_MAX}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"command": ["/nowhere/agent"]}, "It could not be started: No such file or directory: /nowhere/agent"),
        (
            {"command": "true", "cwd": "/nowhere/folder"},
            "It could not be started: No such file or directory: /nowhere/folder",
        ),
        ({}, 'adapterConfig has no command; set {"command": "python3 /srv/agents/ada.py"}'),
    ],
)
def test_an_agent_that_cannot_be_started_is_in_error_its_issue_blocked_and_its_routine_unharmed(
    at_work: AtWork, config: dict[str, Any], words: str
) -> None:
    agent = process_agent(at_work.company, adapterConfig=config)
    routine = at_work.company.routine(assigneeAgentId=agent)["id"]
    issue = ok(at_work.board.post(f"/routines/{routine}/run"), 202)["linkedIssueId"]
    first, second = at_work.all_ended(2)
    for run, attempt in ((first, 1), (second, 2)):
        assert ending(run) == ("failed", None, None, "start_failed")
        assert (run["error"], run["attempt"], run["issueId"]) == (words, attempt, issue)
    broken = ok(at_work.board.get(f"/agents/{agent}"))
    assert broken["status"] == "error"
    assert broken["statusReason"] == f"2 heartbeats failed in a row, the last: {words}"
    assert status_of(at_work.company, issue) == "blocked"
    [comment] = ok(at_work.board.get(f"/issues/{issue}/comments"))
    assert words in comment["body"]
    assert ok(at_work.board.get(f"/routines/{routine}"))["status"] == "active"


def test_the_servers_environment_is_not_the_agents(at_work: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROUTINES_MASTER_KEY", "ROUTINES_DATABASE_URL", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "not-for-agents")
    run = at_work.run("env; cat /proc/$PPID/environ 2>/dev/null", env={"MINE": "1"})
    printed = at_work.log(run["id"])["content"]
    assert "not-for-agents" not in printed
    names = {line.partition("=")[0] for line in printed.splitlines()}
    assert names >= {"MINE", "PATH", "PAPERCLIP_API_KEY", "PAPERCLIP_API_URL", "PAPERCLIP_RUN_ID"}
    assert "PAPERCLIP_TASK_ID" not in names, "it was woken for no issue"


def test_agents_without_a_folder_have_each_their_own(at_work: AtWork) -> None:
    agents = [at_work.agent("pwd; touch here") for _ in range(2)]
    folders = []
    for agent in agents:
        run = at_work.ended(at_work.wake(agent))
        folders.append(Path(at_work.log(run["id"])["content"].strip()))
    assert [folder.name for folder in folders] == agents
    assert all((folder / "here").exists() and folder.stat().st_mode & 0o077 == 0 for folder in folders)


def test_a_worker_that_stops_ends_its_children_and_their_work_is_woken_again(at_work: AtWork) -> None:
    listening, deaf = at_work.agent("echo $$; sleep 600"), at_work.agent(DEAF, graceSec=1)
    issues = [issue_for(at_work.company, agent) for agent in (listening, deaf)]
    running = heartbeats(at_work.company)
    children = [int(at_work.logged(run["id"], "\n")) for run in running]
    begun = time.monotonic()
    at_work.worker.stop()
    assert time.monotonic() - begun < 9
    assert not any(map(is_alive, children))
    for run in running:
        ended = at_work.get(run["id"])
        assert (ended["status"], ended["errorCode"]) == ("failed", "worker_stopped")
    queued = heartbeats(at_work.company, status="queued")
    assert sorted(run["issueId"] for run in queued) == sorted(issues)
    assert {(run["reason"], run["attempt"]) for run in queued} == {("issue_unfinished", 1)}
    for agent in (listening, deaf):
        assert ok(at_work.board.get(f"/agents/{agent}"))["status"] == "idle"


@pytest.mark.parametrize(
    ("adapter", "usage"),
    [
        ("claude", {"inputTokens": 3412, "cachedInputTokens": 56000, "outputTokens": 789, "costUsd": 0.041234}),
        ("codex", {"inputTokens": 315, "cachedInputTokens": 24448, "outputTokens": 122, "costUsd": 0.0}),
    ],
)
def test_what_claude_and_codex_say_of_their_work_is_kept(
    at_work: AtWork, adapter: str, usage: dict[str, float]
) -> None:
    agent = at_work.agent(str(STAND_INS / adapter), adapter=f"{adapter}_local")
    run = at_work.ended(at_work.wake(agent))
    assert ending(run) == ("succeeded", 0, None, None)
    assert run["summary"] == "Closed the issue: all links work."
    assert run["usage"] == usage
    spent = ok(at_work.board.get(f"/agents/{agent}"))["usage"]
    assert {name: spent[name] for name in usage} == usage


@pytest.mark.parametrize(
    ("adapter", "mode", "words"),
    [
        ("claude", "error", "API Error: 529 overloaded_error"),
        ("claude", "crash", "TypeError: Cannot read properties of undefined"),
        ("codex", "failed", "You have hit your usage limit."),
        ("codex", "silent", "The command exited with code 0 and never said how its work ended"),
    ],
)
def test_what_claude_and_codex_fail_at_is_told(at_work: AtWork, adapter: str, mode: str, words: str) -> None:
    run = at_work.run(str(STAND_INS / adapter), adapter=f"{adapter}_local", env={"STAND_IN_MODE": mode})
    assert run["status"] == "failed"
    assert words in run["error"]


def http_agent(company: Company, url: str, **config: Any) -> str:
    """An agent that is called under a URL."""
    return process_agent(company, adapterType="http", adapterConfig={"url": url, **config})


def test_an_http_agent_may_tell_its_outcome_at_once(at_work: AtWork) -> None:
    usage = {"inputTokens": 5, "cachedInputTokens": 4, "outputTokens": 3, "costUsd": 0.5}
    said = {"status": "succeeded", "summary": "All well.", "usage": usage}
    with Listener(answering(200, said)) as elsewhere:
        run = at_work.ended(at_work.wake(http_agent(at_work.company, elsewhere.url)))
    assert (run["status"], run["summary"], run["usage"]) == ("succeeded", "All well.", usage)


def test_an_http_agent_may_accept_and_complete_later_with_its_run_token(at_work: AtWork) -> None:
    with Listener(answering(202)) as elsewhere:
        issue = issue_for(at_work.company, http_agent(at_work.company, elsewhere.url))
        until(lambda: elsewhere.requests, lambda: "nobody calls")
        [request] = elsewhere.requests
    told = json.loads(request.body)
    assert (told["taskId"], told["attempt"], told["wakeReason"]) == (issue, 1, "issue_assigned")
    caller = at_work.service.as_agent(told["apiKey"])
    ok(caller.patch(f"/issues/{issue}", {"status": "done", "comment": "All well."}))
    assert at_work.get(told["runId"])["status"] == "running"
    ended = ok(caller.post(f"/heartbeat-runs/{told['runId']}/complete", {"status": "succeeded", "summary": "So."}))
    assert (ended["status"], ended["summary"]) == ("succeeded", "So.")
    assert status_of(at_work.company, issue) == "done"


def test_an_http_agent_that_accepted_is_called_once_although_the_database_is_away_then(
    at_work: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over, tries = HeartbeatWork.hand_over, []

    def twice_away(work: HeartbeatWork, run: HeartbeatRun, limit: timedelta) -> None:
        tries.append(run.id)
        if len(tries) <= 2:
            raise UnavailableError("The database is away")
        hand_over(work, run, limit)

    monkeypatch.setattr(HeartbeatWork, "hand_over", twice_away)
    with Listener(answering(202)) as elsewhere:
        run_id = at_work.wake(http_agent(at_work.company, elsewhere.url))
        until(lambda: len(tries) > 2, lambda: "it is not handed over")
        assert len(elsewhere.requests) == 1
    assert at_work.get(run_id)["status"] == "running"


def test_a_worker_stops_at_once_although_an_http_agent_is_silent(at_work: AtWork) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        run_id = at_work.wake(http_agent(at_work.company, f"http://127.0.0.1:{silent.getsockname()[1]}/"))
        until(lambda: at_work.get(run_id)["status"] == "running", lambda: "nobody calls")
        began = time.monotonic()
        at_work.worker.stop()
        assert time.monotonic() - began < STOPS_AT_ONCE_SECONDS
    assert at_work.get(run_id)["errorCode"] == "worker_stopped"


def test_an_http_agent_that_accepted_may_be_cancelled(at_work: AtWork) -> None:
    with Listener(answering(202)) as elsewhere:
        run_id = at_work.wake(http_agent(at_work.company, elsewhere.url))
        until(lambda: elsewhere.requests, lambda: "nobody calls")
    ok(at_work.board.post(f"/heartbeat-runs/{run_id}/cancel"))
    assert at_work.ended(run_id)["status"] == "cancelled"


def test_an_http_agent_that_refuses_is_told_in_its_words(at_work: AtWork) -> None:
    with Listener(answering(400, b"no such agent")) as elsewhere:
        run = at_work.ended(at_work.wake(http_agent(at_work.company, elsewhere.url)))
    assert (run["status"], run["errorCode"]) == ("failed", "agent_error")
    assert run["error"] == "The agent's URL answered 400: no such agent"


def test_an_http_agent_in_a_place_that_may_not_be_called_is_not_called(at_work: AtWork) -> None:
    run = at_work.ended(at_work.wake(http_agent(at_work.company, "http://127.0.0.2:9/wake")))
    assert (run["status"], run["errorCode"]) == ("failed", "refused")
    assert "127.0.0.2" in run["error"]


def test_an_http_agent_that_is_not_there_is_told_in_words(at_work: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routines.heartbeat.http_agent.PAUSES_SECONDS", (0.01, 0.01, 0.01))
    with Listener(answering(200)) as elsewhere:
        url = elsewhere.url
    run = at_work.ended(at_work.wake(http_agent(at_work.company, url)))
    assert (run["status"], run["errorCode"]) == ("failed", "unreachable")
    assert "127.0.0.1" in run["error"]
    assert "(tried 4 times)" in run["error"]


def test_a_worker_has_no_more_children_than_places_and_takes_up_the_rest_later(idle: AtWork, tmp_path: Path) -> None:
    go = tmp_path / "go"
    waiting = f"echo up; while [ ! -e {go} ]; do sleep 0.02; done"
    for _ in range(13):
        idle.wake(idle.agent(waiting))
    idle.begin()
    until(lambda: len(heartbeats(idle.company, status="running")) == 10, lambda: str(heartbeats(idle.company)))
    assert len(heartbeats(idle.company, status="queued")) == 3
    go.touch()
    assert {run["status"] for run in idle.all_ended(13)} == {"succeeded"}
