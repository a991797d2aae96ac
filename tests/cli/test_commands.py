"""Every command that calls a service, typed against a real one, and how it ends."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer
from typer.testing import CliRunner, Result

from routines.cli.exits import ExitCode
from routines.cli.main import app
from routines.cli.nouns import NOUNS
from routines.cli.session import Surroundings
from support.calling import Transport
from support.clock import ManualClock
from support.databases import Places
from support.hostile import HOSTILE
from support.service import BASE_URL, NOBODY, Service
from support.site import serving

NO_ESCAPES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@dataclass
class Shell:
    """Types commands, as somebody whose only service is the test's."""

    service: Service
    config: Path
    terminal: bool = False
    transport: httpx2.BaseTransport | None = None
    naps: list[float] = field(default_factory=list)
    typed: set[str] = field(default_factory=set)

    def nap(self, seconds: float) -> None:
        """What a command does instead of sleeping."""
        self.naps.append(seconds)

    def __call__(self, *words: str, typing: str = "", environment: dict[str, str] | None = None) -> Result:
        """How a command ends that was typed."""
        self.typed |= {" ".join(words[:length]) for length in (1, 2, 3)}
        around = Surroundings(
            transport=self.transport or Transport(self.service.server.app),
            clock=self.service.clock,
            sleep=self.nap,
            is_terminal=lambda _: self.terminal,
        )
        names = ("API_URL", "API_KEY", "COMPANY", "PROFILE")
        unset = dict.fromkeys(f"ROUTINES_{name}" for name in names)
        apart = {**unset, "ROUTINES_CONFIG_DIR": str(self.config), "COLUMNS": "200", **(environment or {})}
        return CliRunner().invoke(app, words, input=typing, env=apart, obj=around, catch_exceptions=False)

    def done(self, *words: str, typing: str = "") -> str:
        """What a command prints that must succeed."""
        result = self(*words, typing=typing)
        assert result.exit_code == ExitCode.DONE, result.output
        return result.stdout

    def json(self, *words: str, typing: str = "") -> Any:
        """The same with --json: one document, and nothing beside it."""
        return json.loads(self.done(*words, "--json", typing=typing))

    def fails(self, code: ExitCode, *words: str, **how: Any) -> str:
        """What a command says on standard error that must end so; standard output stays empty."""
        result = self(*words, **how)
        assert (result.exit_code, result.stdout) == (code, ""), result.output
        [sentence] = result.stderr.splitlines()
        return sentence.removeprefix("routines: ")


@pytest.fixture(scope="module")
def service(places_on_sqlite: Places) -> Iterator[Service]:
    with places_on_sqlite.lend(with_company=True) as place:
        running = Service(place, ManualClock())
        yield running
        running.close()


@pytest.fixture
def shell(service: Service, tmp_path: Path) -> Shell:
    return Shell(service, tmp_path / "config")


def company_of(service: Service) -> str:
    """The company that the service began with."""
    return next(each["id"] for each in service.board.get("/companies").json() if each["name"] == "Acme")


def words_of(command: Any, before: str = "") -> Iterator[str]:
    """Every command that can be typed, below one."""
    if not hasattr(command, "list_commands"):
        yield before
        return
    context = typer.Context(command)
    for word in command.list_commands(context):
        yield from words_of(command.get_command(context, word), f"{before} {word}".strip())


def test_every_command_does_what_the_api_does(shell: Shell) -> None:
    routine = _make_routines(shell)
    _work_with_triggers(shell, routine)
    _run(shell, routine)
    _work_on_issues(shell, routine)
    _look_ahead(shell, routine)
    _manage(shell)
    shell.done("routine", "delete", routine, "--force")
    assert shell.fails(ExitCode.NOT_FOUND, "routine", "show", routine)
    remote = {each for each in words_of(typer.main.get_command(app)) if each.split()[0] in NOUNS}
    elsewhere = {"watch", "login", "apply", "export", "import crontab"} | {
        each for each in remote if each.startswith("profile ")
    }
    assert remote - shell.typed == elsewhere, "each of these has an own test"


def _make_routines(shell: Shell) -> str:
    company = _same(shell, "company list", "/companies")[0]["id"]
    made = shell.json(
        *("routine", "create", "Look for links", "--agent", "Ada", "--description", "-"),
        *("--cron", "0 9 * * *", "--cron", "@weekly", "--timezone", "Europe/Berlin", "--webhook", "github_hmac"),
        typing="Every page\nof the site\n",
    )
    assert (made["description"], made["companyId"]) == ("Every page\nof the site", company)
    assert [each["kind"] for each in made["triggers"]] == ["schedule", "schedule", "webhook"]
    assert "secret, shown this once" in shell.done("routine", "create", "Hook", "--agent", "Bob", "--webhook", "bearer")
    shell.json("routine", "create", "Sweep", "--agent", "Bob", "--paused")
    assert shell.json("routine", "edit", "Sweep", "--title", "Sweep up", "--agent", "Ada")["title"] == "Sweep up"
    _same(shell, "routine list", f"/companies/{company}/routines")
    assert [each["title"] for each in shell.json("routine", "list", "--status", "paused")] == ["Sweep up"]
    assert shell.done("routine", "resume", "Sweep up") == "Sweep up is active\n"
    assert shell.done("routine", "pause", "Sweep up") == "Sweep up is paused\n"
    assert shell.json("routine", "archive", "Sweep up")["status"] == "archived"
    identity = str(made["id"])
    _same(shell, f"routine show {identity}", f"/routines/{identity}")
    assert "every page" in shell.done("routine", "show", identity).lower()
    return identity


def _same(shell: Shell, words: str, path: str) -> Any:
    """What a command says is what the API says."""
    said = shell.json(*words.split())
    assert said == shell.service.board.get(path).json()
    return said


def _work_with_triggers(shell: Shell, routine: str) -> None:
    added = shell.json("trigger", "add", routine, "--webhook", "bearer", "--label", "hook", "--disabled")
    assert added["secretMaterial"]["webhookSecret"]
    assert not added["trigger"]["enabled"]
    assert shell.json("trigger", "edit", "hook", "--enable", "--label", "The hook")["enabled"]
    assert "webhook secret" in shell.done("trigger", "rotate", "The hook")
    fired = shell.service.board.request("POST", f"/routine-triggers/public/{added['trigger']['publicId']}/fire")
    assert fired.status_code == 401
    [refused] = shell.json("trigger", "deliveries", "The hook")
    assert refused["outcome"] == "refused"
    assert shell.done("trigger", "delete", "The hook") == "The trigger The hook is deleted\n"
    assert len(shell.json("trigger", "list", routine)) == 3
    shell.fails(ExitCode.WRONG_USE, "trigger", "add", routine, "--api", "--cron", "@daily")


def _run(shell: Shell, routine: str) -> None:
    run = shell.json("routine", "run", routine, "--payload", '{"site": "é"}', "--idempotency-key", "monday")
    assert (run["status"], run["triggerPayload"]) == ("issue_created", {"site": "é"})
    assert shell.json("routine", "run", routine, "--idempotency-key", "monday") == run
    _same(shell, f"runs {routine}", f"/routines/{routine}/runs")
    [listed] = shell.json("runs", "list", "Look for links", "--limit", "1")
    assert shell.json("runs", "show", routine, run["id"][:23]) == listed


def _work_on_issues(shell: Shell, routine: str) -> None:
    [execution] = shell.json("issue", "list", "--routine", routine, "--status", "todo")
    identifier = execution["identifier"]
    assert shell.done("issue", "comment", identifier, "-", typing="Two links\nare dead") != ""
    [comment] = shell.json("issue", "comments", identifier)
    assert comment["body"] == "Two links\nare dead"
    assert shell.json("issue", "show", identifier)["routineRuns"][0]["triggerPayload"] == {"site": "é"}
    assert shell.done("issue", "move", identifier, "done", "--comment", "All mended") == f"{identifier} is done\n"
    by_hand = shell.json("issue", "create", "Mend the links", "--parent", identifier, "--project", "Web")
    assert by_hand["parentId"] == execution["id"]
    assert shell.json("issue", "assign", "Mend the links", "Bob")["assigneeAgentId"]
    assert shell.json("issue", "assign", by_hand["id"], "--nobody")["assigneeAgentId"] is None


def _look_ahead(shell: Shell, routine: str) -> None:
    now = shell.service.clock.now()
    told = shell.json("cron", "explain", "0 9 * * *", "--timezone", "Europe/Berlin", "--from", now.isoformat())
    upcoming = shell.json("upcoming", "--limit", "1", "--from", now.isoformat())
    assert [each["at"] for each in upcoming] == told["nextTimes"][:1]
    shell.service.tick(timedelta(days=1))
    slots = shell.json("health", routine, "--from", now.isoformat(), "--to", shell.service.clock.now().isoformat())
    assert [(each["slot"], each["outcome"]) for each in slots] == [(told["nextTimes"][0], "missed")]


def _manage(shell: Shell) -> None:
    agent = shell.json("agent", "create", "Grace", "--reports-to", "Ada", "--runtime-config", '{"a": {}}')
    assert agent["runtimeConfig"] == {"a": {}}
    _same(shell, "agent list", f"/companies/{agent['companyId']}/agents")
    assert shell.json("agent", "show", "Grace")["chainOfCommand"][0]["name"] == "Ada"
    edited = ("agent", "edit", "Grace", "--title", "Dr", "--role", "qa", "--runtime-config", '{"b": 1}')
    assert [shell.json(*edited)[name] for name in ("title", "role", "runtimeConfig")] == ["Dr", "qa", {"b": 1}]
    emptied = shell.json("agent", "edit", "Grace", "--title", "", "--reports-to", "", "--capabilities", "")
    assert [emptied[name] for name in ("role", "title", "reportsTo", "capabilities")] == ["qa", None, None, None]
    shell.done("agent", "edit", "Grace", "--reports-to", "Bob")
    assert shell.json("agent", "show", "Grace")["chainOfCommand"][0]["name"] == "Bob"
    key = shell.json("agent", "key", "make", "Grace", "--name", "laptop")
    assert shell.json("agent", "list", "--api-key", key["token"])
    assert shell.json("agent", "key", "list", "Grace")[0]["id"] == key["id"]
    shell.done("agent", "key", "revoke", "Grace", "laptop")
    shell.fails(ExitCode.REFUSED, "agent", "list", "--api-key", key["token"])
    assert shell.done("agent", "pause", "Grace") == "Grace is paused\n"
    assert shell.done("agent", "resume", "Grace") == "Grace is idle\n"
    awake = shell.json("agent", "create", "Hal", "--adapter", "process", "--adapter-config", '{"command": "true"}')
    assert shell.json("agent", "wake", awake["id"])["status"] == "queued"
    _look_at_heartbeats(shell, awake)
    assert shell.done("agent", "terminate", "Grace") == "Grace is terminated\n"
    assert shell.json("agent", "show", "Grace")["id"] == agent["id"]
    living = shell.json("agent", "create", "Grace")
    assert shell.json("agent", "show", "Grace")["id"] == living["id"]
    assert shell.json("agent", "show", agent["id"][:-1])["status"] == "terminated"
    assert shell.json("project", "create", "Shop", "--status", "paused")["status"] == "paused"
    shell.json("project", "edit", "Shop", "--name", "Store", "--description", "Sells")
    assert {"Web", "Store"} <= {each["name"] for each in shell.json("project", "list")}
    other = shell.json("company", "create", "Beta", "--issue-prefix", "BB")
    assert shell.json("company", "edit", "BB", "--name", "Beta 2", "--status", "archived")["name"] == "Beta 2"
    assert shell.json("company", "show", "--company", "BB")["id"] == other["id"]
    assert "Choose one company" in shell.fails(ExitCode.WRONG_USE, "routine", "list")


def _look_at_heartbeats(shell: Shell, agent: dict[str, Any]) -> None:
    [queued] = shell.json("heartbeat", "list", "--agent", agent["id"], "--status", "queued", "--status", "running")
    assert (queued["agentId"], queued["reason"]) == (agent["id"], "on_demand")
    assert "on_demand" in shell.done("heartbeat", "list", "--limit", "1")
    assert shell.json("heartbeat", "list", "--routine", "Look for links", "--issue", "Mend the links") == []
    _same(shell, f"heartbeat show {queued['id']}", f"/heartbeat-runs/{queued['id']}")
    assert shell.json("heartbeat", "log", queued["id"]) == [{"content": "", "start": 0, "after": 0, "isEnd": False}]
    assert shell.done("heartbeat", "cancel", queued["id"][:-1]) == f"The heartbeat {queued['id']} is cancelled\n"
    shell.fails(ExitCode.REFUSED, "heartbeat", "cancel", queued["id"])


class Printed(httpx2.BaseTransport):
    """Answers with what an agent has printed, from the place on that is asked for."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """One part of it, between the first and the second of which some is not kept."""
        parts = {0: ("first\nhalf", 0, 10), 10: (" a line\x1b[2J\n", 1010, 1022), 1022: ("", 1022, 1022)}
        content, start, after = parts[int(request.url.params.get("after", 0))]
        return httpx2.Response(200, json={"content": content, "start": start, "after": after, "isEnd": False})


def test_what_an_agent_printed_is_told_to_its_end_and_does_nothing(shell: Shell) -> None:
    shell.transport = Printed()
    lines = shell.done("heartbeat", "log", NOBODY).splitlines()
    assert lines == ["first", "half", "(1,000 bytes are left out here)", r" a line\x1b[2J"]
    assert [each["start"] for each in shell.json("heartbeat", "log", NOBODY)] == [0, 1010]


def test_what_is_meant_is_told_by_id_its_beginning_or_name(shell: Shell) -> None:
    company = ("--company", "Acme")
    made = [shell.json("routine", "create", "Twice", "--agent", "Ada", "--project", "Web", *company) for _ in "12"]
    first, second = (each["id"] for each in made)
    assert shell.json("routine", "show", first[:-1], *company)["id"] == first
    assert first in (said := shell.fails(ExitCode.WRONG_USE, "routine", "show", "Twice", *company))
    assert second in said
    shell.fails(ExitCode.WRONG_USE, "routine", "show", first[:6], *company)
    shell.done("routine", "archive", first)
    assert shell.json("routine", "show", "Twice", *company)["id"] == second
    shell.done("routine", "archive", second)
    shell.fails(ExitCode.WRONG_USE, "routine", "show", "Twice", *company)
    shell.done("routine", "delete", second)
    assert shell.json("routine", "show", "Twice", *company)["id"] == first
    assert "no routine 'Thrice'" in shell.fails(ExitCode.NOT_FOUND, "routine", "show", "Thrice", *company)
    shell.fails(ExitCode.NOT_FOUND, "routine", "show", NOBODY)
    assert "no company 'Nowhere'" in shell.fails(ExitCode.NOT_FOUND, "agent", "list", "--company", "Nowhere")


@dataclass
class Broken(httpx2.BaseTransport):
    """Answers nothing, or the same to everything."""

    status: int = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Its answer."""
        if not self.status:
            raise httpx2.ConnectError("refused", request=request)
        return httpx2.Response(self.status, json={"error": "No\x1b[31m"})


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (0, ExitCode.UNREACHABLE),
        (400, ExitCode.REFUSED),
        (401, ExitCode.REFUSED),
        (404, ExitCode.NOT_FOUND),
        (409, ExitCode.REFUSED),
        (429, ExitCode.REFUSED),
        (500, ExitCode.UNREACHABLE),
        (503, ExitCode.UNREACHABLE),
    ],
)
def test_each_refusal_has_its_code_and_one_inert_sentence(shell: Shell, status: int, code: ExitCode) -> None:
    shell.transport = Broken(status)
    sentence = shell.fails(code, "company", "list", "--json")
    assert sentence == "No\\x1b[31m" if status else "brought no reply" in sentence
    assert bool(shell.naps) is (status in {0, 429, 503})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("company", "list", "--server", "ftp://a"), "begins with http"),
        (("company", "list", "--server", BASE_URL, "--profile", "x"), "--server or --profile"),
        (("routine", "run", NOBODY, "--payload", "[1]"), "JSON object"),
        (("routine", "run", NOBODY, "--payload", "{"), "--payload: Malformed JSON"),
        (("routine", "run", NOBODY, "--payload", "@/nowhere"), "/nowhere cannot be read"),
        (("upcoming", "--company", NOBODY, "--to", "noon"), "2026-03-02T12:00"),
        (("issue", "assign", NOBODY), "--nobody"),
        (("routine", "list", "--company", NOBODY, "--search", "\udcff"), "bytes that are no text"),
        (("routine", "show", "--company", NOBODY, "Caf\udce9"), "bytes that are no text"),
    ],
)
def test_wrong_use_is_told_before_anything_is_asked(shell: Shell, words: tuple[str, ...], said: str) -> None:
    shell.transport = Broken(500)
    assert said in shell.fails(ExitCode.WRONG_USE, *words)


def test_what_comes_from_outside_does_nothing_to_a_terminal(shell: Shell, service: Service) -> None:
    company = company_of(service)
    for text in ["\x1b]0;x\x07[red]", HOSTILE[-1]]:
        service.board.post(f"/companies/{company}/issues", {"title": f"a{text}", "description": f"{text}\n{text}"})
    [newest, eldest, *_] = service.board.get(f"/companies/{company}/issues").json()
    for shell.terminal in (False, True):
        listed = shell.done("issue", "list", "--company", company)
        shown = "".join(shell.done("issue", "show", each["id"]) for each in (newest, eldest))
        styled = re.sub(r"\x1b\[[\d;]*m", "", listed)
        assert not NO_ESCAPES.search(styled), ascii(styled)
        assert not NO_ESCAPES.search(shown), ascii(shown)
        assert r"a\x1b]0;x\x07[red]" in styled
        assert (listed != styled) is shell.terminal
    assert not NO_ESCAPES.search(shell.done("issue", "list", "--company", company, "--json"))
    assert "\x1b[3" not in shell("issue", "list", "--company", company, environment={"NO_COLOR": "1"}).stdout


@pytest.fixture
def routine(service: Service) -> Iterator[str]:
    """A routine whose issues may be moved while somebody waits."""
    company = company_of(service)
    agent = service.board.get(f"/companies/{company}/agents").json()[0]["id"]
    project = service.board.get(f"/companies/{company}/projects").json()[0]["id"]
    body = {"title": "Wait for me", "assigneeAgentId": agent, "projectId": project}
    made = service.board.post(f"/companies/{company}/routines", body).json()["id"]
    yield made
    service.board.delete(f"/routines/{made}?force=true")


@pytest.mark.parametrize(
    ("moved", "code", "said"),
    [
        ("done", ExitCode.DONE, ""),
        ("cancelled", ExitCode.FOUND_WRONG, "The run is failed"),
        ("blocked", ExitCode.FOUND_WRONG, "is still blocked"),
        (KeyboardInterrupt, ExitCode.INTERRUPTED, ""),
    ],
)
def test_waiting_ends_as_the_run_does(
    shell: Shell, service: Service, routine: str, moved: Any, code: ExitCode, said: str
) -> None:
    def meanwhile(seconds: float) -> None:
        if moved is KeyboardInterrupt:
            raise KeyboardInterrupt
        [run, *_] = service.board.get(f"/routines/{routine}/runs").json()
        service.board.patch(f"/issues/{run['linkedIssueId']}", {"status": moved})
        service.clock.advance(timedelta(seconds=seconds))

    shell.nap = meanwhile  # type: ignore[method-assign]
    result = shell("routine", "run", routine, "--wait", "--timeout-seconds", "5")
    assert (result.exit_code, said in result.stderr) == (code, True), result.output


class Restarted(Transport):
    """The application, at which for some requests nobody is, or only a proxy before it."""

    def __init__(self, service: Service, away: int) -> None:
        super().__init__(service.server.app)
        self.away = away

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The application's answer, or none."""
        if "/runs/" not in request.url.path or self.away == 0:
            return super().handle_request(request)
        self.away -= 1
        if self.away % 2:
            raise httpx2.ConnectError("refused", request=request)
        return httpx2.Response(502, text="Bad gateway")


@pytest.mark.parametrize(("away", "code"), [(30, ExitCode.DONE), (2_000, ExitCode.UNREACHABLE)])
def test_waiting_outlasts_a_restart_of_the_service(
    shell: Shell, service: Service, routine: str, away: int, code: ExitCode
) -> None:
    def meanwhile(seconds: float) -> None:
        service.clock.advance(timedelta(seconds=seconds))
        if restarted.away == 0:
            [run, *_] = service.board.get(f"/routines/{routine}/runs").json()
            service.board.patch(f"/issues/{run['linkedIssueId']}", {"status": "done"})

    shell.nap = meanwhile  # type: ignore[method-assign]
    shell.transport = restarted = Restarted(service, away)
    result = shell("routine", "run", routine, "--wait")
    assert result.exit_code == code, result.output


def test_a_run_that_joins_an_open_issue_is_no_success(shell: Shell, routine: str) -> None:
    shell.done("routine", "run", routine)
    result = shell("routine", "run", routine, "--wait", "--json")
    assert result.exit_code == ExitCode.FOUND_WRONG
    assert json.loads(result.stdout)["status"] == "coalesced"
    assert "the open issue is ACME-" in result.stderr


def test_what_cannot_be_taken_back_is_asked_about_on_a_terminal(shell: Shell, routine: str) -> None:
    shell.terminal = True
    refused = shell("routine", "delete", routine, typing="n\n")
    assert refused.exit_code == ExitCode.FOUND_WRONG
    assert "Nothing was changed" in refused.stderr
    assert shell("routine", "archive", routine, typing="y\n").exit_code == ExitCode.DONE
    assert "is deleted" in shell.done("routine", "delete", routine, "--yes")


def test_a_payload_is_read_from_a_file_or_standard_input(shell: Shell, routine: str, tmp_path: Path) -> None:
    (tmp_path / "payload.json").write_text('{"a": 1}')
    assert shell.json("routine", "run", routine, "--payload", f"@{tmp_path}/payload.json")["triggerPayload"] == {"a": 1}
    assert shell.json("routine", "run", routine, "--payload", "-", typing='{"b": 2}')["triggerPayload"] == {"b": 2}


def test_profiles_are_kept_unseen_and_name_a_service(shell: Shell, service: Service) -> None:
    company = company_of(service)
    agent = service.board.get(f"/companies/{company}/agents").json()[0]["id"]
    token = service.board.post(f"/agents/{agent}/keys", {}).json()["token"]
    printed = shell("login", "--server", BASE_URL, "--company", "Acme", typing=f"{token}\n").output
    printed += shell.done("profile", "add", "Other", "--server", "http://127.0.0.1:9/api", "--api-key", "rtb_1")
    assert "It is the profile default" in printed
    kept = shell.config / "profiles.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(shell.config.stat().st_mode) == 0o700
    listed = shell.json("profile", "list")
    assert [(each["name"], each["server"], each["inUse"]) for each in listed] == [
        ("Other", "http://127.0.0.1:9", False),
        ("default", BASE_URL, True),
    ]
    assert token in kept.read_text()
    assert token not in printed + json.dumps(listed) + shell.done("profile", "list")
    assert shell.done("agent", "list").splitlines()[0].split()[:2] == ["id", "name"]
    assert shell.fails(ExitCode.REFUSED, "agent", "resume", agent), "it is called as the agent of the profile"
    as_board = shell("agent", "resume", agent, environment={"ROUTINES_API_URL": BASE_URL})
    assert as_board.exit_code == ExitCode.DONE, "an environment that names a service comes before the profile in use"
    shell.done("profile", "use", "Other")
    shell.transport = Broken()
    assert "127.0.0.1:9/" in shell.fails(ExitCode.UNREACHABLE, "company", "list")
    shell.done("profile", "remove", "Other")
    assert "there are: default" in shell.fails(ExitCode.NOT_FOUND, "company", "list", "--profile", "Other")
    kept.write_text("[]")
    assert "mend it" in shell.fails(ExitCode.WRONG_USE, "company", "list")


def test_a_login_that_is_refused_is_not_kept(shell: Shell) -> None:
    shell.fails(ExitCode.REFUSED, "login", "--server", BASE_URL, typing="nonsense\n")
    assert not shell.config.exists()


def test_watching_prints_an_object_a_line_as_it_happens(shell: Shell, service: Service) -> None:
    company = company_of(service)
    made = [service.board.post(f"/companies/{company}/goals", {"title": f"Goal {n}"}).json()["id"] for n in range(3)]
    activity = service.board.get(f"/companies/{company}/activity?limit=3").json()
    shell.transport = httpx2.HTTPTransport()
    with serving(service) as site:
        words = ("watch", "--server", site.url, "--company", company, "--after", activity[-1]["id"], "--count", "2")
        lines = shell.done(*words, "--json").splitlines()
        plain = shell.done(*words).splitlines()
    assert [json.loads(each)["entityId"] for each in lines] == made[1:]
    assert ["goal.created  Goal 1" in plain[0], "goal.created  Goal 2" in plain[1]] == [True, True]


PROGRAM = (sys.executable, "-m", "routines")


def test_a_command_loads_nothing_of_a_server(tmp_path: Path) -> None:
    look = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules)); from routines.cli.main import app;"
        "app(['routine', 'list', '--server', 'ftp://nowhere'], prog_name='routines')"
    )
    environment = {**os.environ, "ROUTINES_CONFIG_DIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    assert ended.returncode == ExitCode.WRONG_USE, ended.stderr
    loaded = set(ended.stdout.split())
    assert "routines.client" in loaded
    assert not {"sqlalchemy", "fastapi", "starlette", "uvicorn", "alembic", "structlog", "rich"} & loaded


def test_words_are_completed_in_bash() -> None:
    environment = {"_ROUTINES_COMPLETE": "complete_bash", "COMP_WORDS": "routines routine pa", "COMP_CWORD": "2"}
    ended = CliRunner().invoke(app, [], env=environment, prog_name="routines")
    assert ended.stdout.split() == ["pause"]
