"""Applying files to a real service: only what differs is sent, only what is the set's is touched, and all is told."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from routines import Client
from routines.cli.commands import apply
from routines.cli.main import app
from routines.cli.session import Surroundings
from routines.client import ForbiddenError
from routines.code.applying import Done, carry_out, prepare
from routines.code.company import current_routines, directory
from routines.code.exporting import exported, to_yaml
from routines.code.planning import UpdateRoutine, UpdateTrigger
from routines.code.reading import Source, declared_set
from routines.core.limits import TRIGGERS_PER_REQUEST_MAX
from support.calling import Transport
from support.databases import Places
from support.hostile import HOSTILE
from support.service import BASE_URL, Company, Service, created, ok

ROOT = Path(__file__).parents[2]
FILE = """
set: site
defaults: {agent: Ada, project: Web, timezone: Europe/Berlin}
routines:
- key: links
  title: Look for broken links
  triggers:
  - {kind: schedule, cronExpression: "0 9 * * 1-5"}
  - {kind: webhook, signingMode: github_hmac}
- key: news
  title: News
  project: {name: Press, create: true}
"""


class Counting(Transport):
    """The application, and which calls that change something it was sent; those after `changes_max` break."""

    def __init__(self, service: Service, changes_max: int = 1_000) -> None:
        super().__init__(service.server.app)
        self.changes: list[str] = []
        self._changes_max = changes_max

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The application's answer."""
        if request.method != "GET":
            if len(self.changes) == self._changes_max:
                return httpx2.Response(409, json={"error": "Not now"})
            self.changes.append(f"{request.method} {request.url.path.split('/')[2]}")
        return super().handle_request(request)


@pytest.fixture(scope="module")
def service(places_on_sqlite: Places) -> Iterator[Service]:
    with places_on_sqlite.lend() as place:
        running = Service(place)
        yield running
        running.close()


@pytest.fixture
def company(service: Service, request: pytest.FixtureRequest) -> Company:
    """A company of the test's own."""
    return service.company(request.node.name[:200])


def typed(service: Service, company: Company, *words: str, **how: Any) -> Result:
    """How a command ends, typed as the board."""
    transport = how.pop("transport", None) or Transport(service.server.app)
    around = Surroundings(transport=transport, is_terminal=lambda _: how.get("terminal", False))
    apart = {"ROUTINES_API_URL": BASE_URL, "ROUTINES_COMPANY": company.id, "TERM": "xterm-256color"}
    runner = CliRunner(charset=how.get("charset", "utf-8"))
    return runner.invoke(app, words, env=apart, obj=around, input=how.get("input"), catch_exceptions=False)


def applied(service: Service, company: Company, text: str, *options: str, **how: Any) -> Result:
    """How applying a file ends."""
    return typed(service, company, "apply", "-f", "-", *options, input=text, **how)


def kept(company: Company) -> dict[str, dict[str, Any]]:
    """The company's routines that have a key, by it."""
    found = ok(company.board.get(f"/companies/{company.id}/routines"))
    return {each["externalKey"]: each for each in found if each["externalKey"] and each["status"] != "archived"}


def test_a_second_apply_sends_nothing_and_rotates_nothing(service: Service, company: Company) -> None:
    dry = applied(service, company, FILE, "--dry-run")
    assert (dry.exit_code, kept(company)) == (6, {})
    assert "+ routine site/links" in dry.stdout
    first = applied(service, company, FILE)
    assert first.exit_code == 0, first.output
    secret = re.findall(r"webhook: (\w+)$", first.stdout, re.MULTILINE)
    assert len(secret) == 1
    before = {key: ok(company.board.get(f"/routines/{each['id']}")) for key, each in kept(company).items()}
    assert sorted(before) == ["site/links", "site/news"]
    service.clock.advance(service.server.settings.misfire_grace)
    again = Counting(service)
    for options in ((), ("--prune",), ("--dry-run",)):
        result = applied(service, company, FILE, *options, transport=again)
        assert (result.exit_code, result.stdout) == (0, "Nothing to change\n")
    assert again.changes == []
    assert before == {key: ok(company.board.get(f"/routines/{each['id']}")) for key, each in kept(company).items()}


def test_only_what_differs_is_sent_and_shown(service: Service, company: Company) -> None:
    applied(service, company, FILE)
    links = kept(company)["site/links"]["id"]
    ok(company.board.patch(f"/routines/{links}", {"status": "paused"}))
    by_hand = company.trigger(links, kind="api", label="by hand")["trigger"]["id"]
    changed = FILE.replace("Look for broken links", "Look\n    twice").replace("0 9 *", "30 9 *")
    changed = changed.replace("github_hmac", "standard_webhooks")
    counting = Counting(service)
    result = applied(service, company, changed, transport=counting)
    assert result.exit_code == 0, result.output
    assert counting.changes == ["PATCH routines", *["PATCH routine-triggers"] * 2, "POST routine-triggers"]
    assert '    title: "Look for broken links" → "Look twice"\n' in result.stdout
    assert '    cronExpression: "0 9 * * 1-5" → "30 9 * * 1-5"\n' in result.stdout
    assert "webhook: whsec_" in result.stdout, "the mode wants a secret of another form"
    found = ok(company.board.get(f"/routines/{links}"))
    assert (found["title"], found["status"]) == ("Look twice", "paused"), "paused by hand stays paused"
    without = changed.replace('  - {kind: schedule, cronExpression: "30 9 * * 1-5"}\n', "")
    assert applied(
        service, company, without.replace("kind: webhook, signingMode: standard_webhooks", "kind: api, key: webhook")
    )
    kinds = {each["externalKey"]: each["kind"] for each in ok(company.board.get(f"/routines/{links}"))["triggers"]}
    assert kinds == {None: "api", "webhook": "api"}
    assert by_hand in {each["id"] for each in ok(company.board.get(f"/routines/{links}"))["triggers"]}


def test_pruning_archives_what_is_of_the_set_and_nothing_else(service: Service, company: Company) -> None:
    applied(service, company, FILE)
    applied(service, company, FILE.replace("set: site", "set: other"))
    others = [company.routine(), company.routine(externalKey="site/Not ours"), company.routine(externalKey="sites/x")]
    less = FILE.partition("- key: news")[0]
    assert applied(service, company, less).stdout == "Nothing to change\n"
    result = applied(service, company, less, "--prune")
    assert "- routine site/news" in result.stdout
    statuses = {
        each["externalKey"]: each["status"] for each in ok(company.board.get(f"/companies/{company.id}/routines"))
    }
    assert statuses.pop("site/news") == "archived"
    assert set(statuses.values()) == {"active"}
    assert len(statuses) == len(others) + 3
    assert applied(service, company, FILE, "--prune").exit_code == 0, "a key that comes back is a new routine"


def test_pruning_and_sets_need_a_name_that_can_be_one(service: Service, company: Company) -> None:
    applied(service, company, FILE.replace("set: site\n", ""))
    counting = Counting(service)
    unnamed = applied(service, company, "routines: []", "--prune", transport=counting)
    assert (unnamed.exit_code, counting.changes) == (2, [])
    assert "name the set, so that only its routines are ended" in unnamed.stderr
    crontab = ("import", "crontab", "-", "--agent", "Ada", "--project", "Web", "--set", "My set")
    for wrong in ("a/b", "A", "", "a" * 64, "a\n"):
        told = applied(service, company, FILE, "--set", wrong)
        assert (told.exit_code, told.stdout) == (2, "")
        assert "--set:" in told.stderr
        assert "is no name of a set, which is made of a to z" in told.stderr
    for words in (("export", "--set", "My set"), crontab):
        told = typed(service, company, *words, input="")
        assert (told.exit_code, told.stdout) == (2, "")
        assert "'My set' is no name of a set" in told.stderr
    assert applied(service, company, "routines: []", "--prune", "--set", "default").exit_code == 0
    assert kept(company) == {}


class Losing(Counting):
    """The application, whose reply to one of the changes is lost, or not waited for, after it was made."""

    def __init__(self, service: Service, lost: str, end: BaseException | None = None) -> None:
        super().__init__(service)
        self._lost = lost
        self._end = end

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The application's answer, unless it is the one that is lost."""
        reply = super().handle_request(request)
        if f"{request.method} {request.url.path.rsplit('/')[-1]}" == self._lost:
            raise self._end or httpx2.ReadError("lost", request=request)
        return reply


@pytest.mark.parametrize(("end", "code"), [(None, 5), (KeyboardInterrupt(), 130)])
def test_a_secret_that_nobody_saw_is_told_of(
    service: Service, company: Company, end: BaseException | None, code: int
) -> None:
    lost = applied(service, company, FILE, transport=Losing(service, "POST routines", end))
    assert lost.exit_code == code
    assert "of 3 changes were made; apply again" in lost.stderr
    assert "A secret of site/links may have been made that nobody saw" in lost.stderr
    assert "`routines trigger rotate`" in lost.stderr
    applied(service, company, FILE)
    [webhook] = [each for each in kept(company)["site/links"]["triggers"] if each["kind"] == "webhook"]
    changed = FILE.replace("github_hmac", "standard_webhooks")
    refused = applied(service, company, changed, transport=Counting(service, changes_max=0))
    assert refused.exit_code == 3
    assert "secret" not in refused.stderr, "it was refused before anything changed"
    half = applied(service, company, changed, transport=Counting(service, changes_max=1))
    assert half.exit_code == 3
    assert f"`routines trigger rotate {webhook['id']}` does" in half.stderr
    assert typed(service, company, "trigger", "rotate", webhook["id"], "--yes").exit_code == 0


def test_more_triggers_than_one_request_takes_are_made_and_exported(service: Service, company: Company) -> None:
    count = TRIGGERS_PER_REQUEST_MAX + 2
    triggers = "".join(f"  - {{kind: webhook, key: t{n}}}\n" for n in range(count))
    text = FILE.partition("  triggers:\n")[0] + "  triggers:\n" + triggers
    result = applied(service, company, text)
    assert result.exit_code == 0, result.output
    assert len(set(re.findall(r"^  (t\d+): http", result.stdout, re.MULTILINE))) == count
    assert len(ok(company.board.get(f"/routines/{kept(company)['site/links']['id']}"))["triggers"]) == count
    again = typed(service, company, "export", "--set", "site").stdout
    assert applied(service, company, again).stdout == "Nothing to change\n"


def test_a_trigger_that_is_adopted_keeps_its_kind(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "0 9 * * *"}])
    adopting = f"  id: {routine['id']}\n  triggers:\n  - {{kind: webhook, id: {routine['triggers'][0]['id']}}}\n"
    text = FILE.partition("  triggers:\n")[0] + adopting
    told = applied(service, company, text)
    assert told.exit_code == 2
    assert "The trigger with this id is a schedule; a kind cannot change" in told.stderr


def test_what_fails_half_way_is_told_and_taken_up_by_the_next_apply(service: Service, company: Company) -> None:
    result = applied(service, company, FILE, transport=Counting(service, changes_max=2))
    assert result.exit_code == 3
    assert "Done: routine site/links" in result.stdout
    assert result.stderr.splitlines() == [
        "2 of 3 changes were made; apply again, and it goes on from there",
        "routines: Not now",
    ]
    assert "Done: routine site/news" in applied(service, company, FILE).stdout
    wrong = FILE.replace("agent: Ada", "agent: Eve") + "- {key: x, title: X, goal: Grow}\n"
    counting = Counting(service)
    refused = applied(service, company, wrong, transport=counting)
    assert (refused.exit_code, counting.changes) == (2, [])
    assert "standard input:13:28: There is no goal 'Grow'" in refused.stderr
    assert "standard input:5:3: There is no agent 'Eve'; there are 'Ada', 'Bob'" in refused.stderr


def test_secrets_go_into_a_file_for_its_owner_only(service: Service, company: Company, tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    result = applied(service, company, FILE, "--secrets-file", str(path))
    said = json.loads(path.read_text("utf-8"))
    assert (said["routine"], said["trigger"], stat.S_IMODE(path.stat().st_mode)) == ("site/links", "webhook", 0o600)
    assert said["webhookSecret"]
    assert said["webhookSecret"] not in result.output
    untouched = applied(service, company, FILE.replace("site", "b"), "--secrets-file", str(tmp_path / "no" / "where"))
    assert untouched.exit_code == 2
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    with open(os.open(pipe, os.O_RDWR), "rb"):  # noqa: PTH123 - so that there is a reader
        piped = applied(service, company, FILE.replace("site", "b"), "--secrets-file", str(pipe))
    assert (piped.exit_code, stat.S_IMODE(pipe.stat().st_mode)) == (2, 0o644)
    assert "is no regular file" in piped.stderr
    assert not [key for key in kept(company) if key.startswith("b/")]


def test_a_secret_for_which_there_is_no_room_is_told_of(
    service: Service, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (full := tmp_path / "secrets").touch()
    monkeypatch.setattr(apply, "_opened", lambda path: path.open("rb", buffering=0))  # takes nothing, as a full one
    result = applied(service, company, FILE, "--secrets-file", str(full))
    assert result.exit_code == 1, result.output
    assert "nobody has it; `routines trigger rotate`" in result.stderr
    assert "2 of 3 changes were made; apply again" in result.stderr


def test_texts_from_outside_do_nothing_to_a_terminal(service: Service, company: Company) -> None:
    title = f"\x1b[31m\x9b0m\x07 {HOSTILE[-1]} [red]{HOSTILE[0]}"
    routine = company.routine(title=title, description=f"first\n{title}")
    text = typed(service, company, "export").stdout
    assert exported_title(text) == title
    shown = applied(service, company, text.replace(f"  id: {routine['id']}\n", ""), "--dry-run", terminal=True).stdout
    coloured = re.sub(r"\x1b\[\d*(;\d+)*m", "", shown)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text + coloured)
    assert coloured != shown


def exported_title(text: str) -> str:
    """The title of an exported routine, as any program reads it."""
    found: str = yaml.safe_load(text)["routines"][0]["title"]
    return found


def test_a_file_is_the_same_where_a_locale_lacks_its_characters(
    service: Service, company: Company, tmp_path: Path
) -> None:
    company.routine(title=(title := "Grüße → ☀"), description=f"{title}\n{title}")
    crontab = tmp_path / "crontab"
    crontab.write_text(f"# {title}\n0 3 * * * echo {title}\n", "utf-8")
    for words in (("export",), ("import", "crontab", str(crontab), "--agent", "Ada", "--project", "Web")):
        text = typed(service, company, *words, charset="latin-1").stdout
        assert text.isascii()
        assert yaml.safe_load(text) == yaml.safe_load(typed(service, company, *words).stdout)
        assert exported_title(text) == title


def test_an_agent_applies_its_own_routines_and_no_others(service: Service, company: Company) -> None:
    client = Client(BASE_URL, company.agent.token, transport=Transport(service.server.app))
    own = declared_set([Source("a", FILE.partition("- key: news")[0])])
    assert len(list(carry_out(client, prepare(client, company.id, own)))) == 1
    for_another = declared_set(
        [Source("a", FILE.partition("- key: news")[0].replace("Ada", "Bob").replace("links", "b"))]
    )
    with pytest.raises(ForbiddenError):
        list(carry_out(client, prepare(client, company.id, for_another)))


def test_exported_routines_are_adopted_and_nothing_else_about_them_changes(service: Service, company: Company) -> None:
    goal = created(company.board.post(f"/companies/{company.id}/goals", {"title": "Grow"}))
    parent = created(company.board.post(f"/companies/{company.id}/issues", {"title": "All looks"}))
    webhook = {"kind": "webhook", "label": "L", "enabled": False}
    company.routine(goalId=goal["id"], parentIssueId=parent["id"], triggers=[webhook, webhook], status="paused")
    company.routine(externalKey="elsewhere/x")
    result = typed(service, company, "export")
    assert result.stderr == "1 routines of other sets are not in it; --set NAME exports another set\n"
    text = result.stdout
    prepared = prepare(client := Client(BASE_URL, transport=Transport(service.server.app)), company.id, of(text))
    assert {type(each) for each in prepared.changes} == {UpdateRoutine, UpdateTrigger}
    assert {d.name for each in prepared.changes for d in getattr(each, "differences", ())} == {"external_key"}
    assert all(not done.secrets for done in carry_out(client, prepared))
    assert applied(service, company, text).stdout == "Nothing to change\n"
    assert (
        applied(service, company, typed(service, company, "export", "--kept-only").stdout).stdout
        == "Nothing to change\n"
    )
    stolen = text.replace("key: look-around\n", "key: mine\n")
    assert "is kept as 'default/look-around' already" in applied(service, company, stolen).stderr


def of(text: str, set_name: str | None = None) -> Any:
    """The set that a text declares."""
    return declared_set([Source("it", text)], set_name)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
TITLES = WORDS.filter(lambda each: each.strip()).map(lambda each: each.strip())
OPTIONAL = {
    "description": WORDS,
    "priority": st.sampled_from(["low", "medium", "critical"]),
    "status": st.sampled_from(["active", "paused"]),
    "project": st.sampled_from(["Web", {"name": "Made", "create": True}]),
    "concurrencyPolicy": st.sampled_from(["always_enqueue", "skip_if_active"]),
}
SCHEDULES = st.fixed_dictionaries(
    {"kind": st.just("schedule"), "cronExpression": st.sampled_from(["0 9 * * *", "@daily"])},
    optional={"timezone": st.just("Europe/Berlin"), "enabled": st.booleans()},
)
WEBHOOKS = st.fixed_dictionaries(
    {"kind": st.just("webhook")},
    optional={"signingMode": st.sampled_from(["none", "standard_webhooks"]), "label": TITLES},
)
TRIGGERS = st.dictionaries(st.sampled_from("abc"), SCHEDULES | WEBHOOKS | st.just({"kind": "api"}), max_size=2)
ROUTINES = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.fixed_dictionaries({"title": TITLES, "triggers": TRIGGERS}, optional=OPTIONAL),
    max_size=3,
)


def as_file(routines: dict[str, Any]) -> str:
    """Generated routines as a file."""
    listed = [
        {**each, "key": key, "triggers": [{**trigger, "key": name} for name, trigger in each["triggers"].items()]}
        for key, each in routines.items()
    ]
    return to_yaml({"defaults": {"agent": "Ada", "project": "Web"}, "routines": listed})


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=ROUTINES, after=ROUTINES)
def test_whatever_there_is_a_plan_that_was_carried_out_leaves_nothing_to_plan(
    service: Service, before: dict[str, Any], after: dict[str, Any]
) -> None:
    company = service.company()
    client = Client(BASE_URL, transport=Transport(service.server.app))
    for routines in (before, after):
        wanted = of(as_file(routines), "default")
        done: list[Done] = list(carry_out(client, prepare(client, company.id, wanted, prune=True)))
        left = prepare(client, company.id, wanted, prune=True).changes
        assert left == (), done
    assert sorted(kept(company)) == sorted(f"default/{key}" for key in after)
    current = current_routines(client, company.id, lambda each: each.external_key is not None)
    text = to_yaml(exported(current, directory(client, company.id), set_name="default", company=None))
    assert prepare(client, company.id, of(text, "default"), prune=True).changes == ()


def test_the_page_about_it_does_what_it_says(service: Service, company: Company, tmp_path: Path) -> None:
    ok(company.board.patch(f"/projects/{company.project_id}", {"name": "Website"}))
    page = (ROOT / "docs" / "routines-as-code.md").read_text("utf-8")
    ran = []
    with chdir(tmp_path):
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
            if language != "sh":
                Path(block.split("\n", 1)[0].removeprefix("# ")).write_text(block, "utf-8")
                continue
            for line in block.splitlines():
                command, _, into = line.partition("  #")[0].partition(">")
                code = re.search(r"# (\d):", line)
                result = typed(service, company, *shlex.split(command)[1:])
                assert result.exit_code == (int(code[1]) if code else 0), (line, result.output)
                if into:
                    Path(into.strip()).write_text(result.stdout, "utf-8")
                ran.append((shlex.split(command)[1], result.stdout))
    assert [command for command, _ in ran] == ["apply"] * 4 + ["export", "apply", "import", "apply"]
    assert [said for _, said in ran[2:6] if said.startswith("Nothing")] == ["Nothing to change\n"] * 3
    assert sorted(kept(company)) == ["machine/back-up-the-shop", "website/broken-links", "website/pull-requests"]


def test_the_workflow_types_what_the_program_knows(service: Service, company: Company, tmp_path: Path) -> None:
    workflow = yaml.safe_load((ROOT / "examples" / "github" / "routines.yml").read_text("utf-8"))
    lines = [step["run"] for step in workflow["jobs"]["apply"]["steps"] if "routines apply" in step.get("run", "")]
    (tmp_path / "routines").mkdir()
    (tmp_path / "routines" / "a.yaml").write_text(FILE.replace("set: site", "set: website"), "utf-8")
    with chdir(tmp_path):
        codes = [
            typed(service, company, *shlex.split(line.partition(" ||")[0].replace("$RUNNER_TEMP/", ""))[1:]).exit_code
            for line in lines
        ]
    assert codes == [6, 0]
    assert sorted(kept(company)) == ["website/links", "website/news"]
