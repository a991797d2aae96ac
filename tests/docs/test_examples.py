"""Each example of the documentation does what its page says, in the order of the page, against a real server."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment

from support.clock import RunningClock
from support.documents import NAMES, REPOSITORY, Example, all_examples, examples_of
from support.heartbeats import Worker, issue_for, process_agent
from support.process import free_port
from support.service import Place, Service
from support.site import Site, serving
from support.webhooks import webhook

PAGE_SECONDS_MAX = 60
ADDRESS = "127.0.0.1:3100"
"""Where pages say that the service is; what is run says where the test's is."""
RUN = ("sh", "python")

MISSING = [program for program in ("bash", "curl", "make", "openssl") if shutil.which(program) is None]

NOT_RUN = {
    "docs/operations.md": {
        "as root, on a machine of its own": 3,
        "builds in the repository; tests/packaging builds the same, and runs it by uvx": 1,
        "on a PostgreSQL of one's own": 2,
        "on the data of a server in use": 2,
        "the configuration of another program": 2,
        "with a Docker daemon": 1,
    },
    "docs/cli.md": {"it asks for a key of a service of yours": 1},
    "docs/mcp.md": {"with Claude Code or Codex": 4},
    "docs/routines-as-code.md": {"tests/code runs it, with its exit codes": 4},
    "examples/README.md": {"with the key of an agent of yours; tests/examples runs it with one": 1},
}
"""What is not run and why, so that nothing is left out in silence: for each page the reasons, and how many examples."""

PRELUDE = """\
set -euo pipefail
make() { command make --dry-run --directory "$REPOSITORY" "$@" > "make.log"; }
"""
"""A failure anywhere ends the page. What `make` does is what runs this test, so that it only has to know the target."""

EPILOGUE = "\nwait\n"
"""Whatever a page has started it has also ended."""


def run_of(page: str) -> list[Example]:
    """The examples of a page that are run, and those that are files for them."""
    return [
        each
        for each in examples_of(page)
        if each.remark != "not run" and (each.language in RUN or each.remark == "file")
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    service = Service(Place(tmp_path_factory.mktemp("service")), RunningClock())
    with serving(service) as served:
        yield served
    service.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader works: a folder with an environment, as `make setup` leaves it, and nothing else."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".curlrc").write_text("fail\nshow-error\n")  # what is refused is a failure
    return tmp_path


def reader_of_any(site: Site) -> dict[str, str]:
    """Whoever has made the README's first routine has its parts at hand; programs find the service by themselves."""
    company = site.service.company()
    made = {"project": company.project_id, "agent": company.agent_id, "key": company.agent.token or ""}
    routine = company.routine()["id"]
    return {"api": f"{site.url}/api", "company": company.id, "routine": routine, **made, "ROUTINES_API_URL": site.url}


def reader_of_api(site: Site) -> dict[str, str]:
    """Whoever reads of webhooks has one, and its secret."""
    hook = webhook(site.service, site.service.company(), "hmac_sha256")
    return {"secret": hook.secret or "", "webhook_url": f"{site.url}/api{hook.path}"}


def reader_of_agents(site: Site) -> dict[str, str]:
    """Agents are told of their issue by the environment, and by a call."""
    company = site.service.company()
    agent = process_agent(company, adapterType="http", adapterConfig={"url": "https://agent.example"})
    issue = issue_for(company, agent)
    run = Worker(site.service).one().run.id
    token = site.service.server.services.heartbeats.context.keyring.run_token(run)
    told = {"API_URL": site.url, "API_KEY": token, "RUN_ID": run, "TASK_ID": issue}
    called = {"apiUrl": site.url, "runId": run, "apiKey": token}
    return {f"PAPERCLIP_{name}": value for name, value in told.items()} | called


READERS: dict[str, Callable[[Site], dict[str, str]]] = {
    "docs/api.md": reader_of_api,
    "docs/agents.md": reader_of_agents,
}
"""What the reader of a page has that its examples name as variables."""


@pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)}, which examples call, cannot be found")
@pytest.mark.parametrize("page", [name for name in NAMES if run_of(name)])
def test_what_a_page_shows_works(page: str, folder: Path, request: pytest.FixtureRequest) -> None:
    examples = run_of(page)
    shell = [each for each in examples if each.language == "sh" or each.remark == "file"]
    starts_its_own = any("routines serve" in each.text for each in shell)
    environment = reader(folder)
    if starts_its_own:
        port = free_port()
        environment["ROUTINES_PORT"] = str(port)
        address = f"127.0.0.1:{port}"
    else:
        site: Site = request.getfixturevalue("site")
        environment |= reader_of_any(site) | READERS.get(page, lambda _: {})(site)
        address = site.url.removeprefix("http://")
        shell = [*the_readmes_functions(), *shell]
    if shell:
        run(["bash", "-s"], "".join([PRELUDE, *map(step, shell), EPILOGUE]), folder, environment, address)
    python = [each for each in examples if each.language == "python" and each.remark != "file"]
    if program := "\n".join(each.text for each in python if not each.is_dialogue):
        run([sys.executable, "-"], program, folder, environment, address)
    if dialogue := "\n".join(each.text for each in python if each.is_dialogue):
        (folder / "page.txt").write_text(dialogue.replace(ADDRESS, address))
        run([sys.executable, "-m", "doctest", "-o", "ELLIPSIS", "page.txt"], "", folder, environment, address)


def the_readmes_functions() -> list[Example]:
    """The shell functions that the README defines, which other pages call too."""
    defining = [each for each in examples_of("README.md") if each.language == "sh" and "() {" in each.text]
    lines = [line + "\n" for each in defining for line in each.text.splitlines() if "() {" in line]
    assert len(lines) > 1
    return [defining[0]._replace(text="".join(lines))]


def reader(folder: Path) -> dict[str, str]:
    """The environment of somebody who reads, with the programs of ours before all others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROUTINES_", "PAPERCLIP_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ours = {"PATH": path, "CURL_HOME": str(folder), "REPOSITORY": str(REPOSITORY), "PYTHONWARNINGS": "error"}
    return kept | ours


def step(example: Example) -> str:
    """An example as a part of its page's script."""
    said = f"echo '{example.place}' >&2\n"
    if example.remark == "file":
        return f"{said}cat > {example.value} <<'END OF EXAMPLE'\n{example.text}END OF EXAMPLE\n"
    return said + example.text


def run(command: list[str], program: str, folder: Path, environment: dict[str, str], address: str) -> None:
    """Run a program that must succeed; `address` stands where the page has the usual one."""
    process = subprocess.Popen(  # noqa: S603 - our own documentation
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that all of it can be ended
    )
    try:
        said, _ = process.communicate(program.replace(ADDRESS, address), timeout=PAGE_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        said, _ = process.communicate()
        pytest.fail(f"it does not end:\n{said[-4_000:]}")
    assert process.returncode == 0, said[-4_000:]


def test_what_is_not_run_is_known() -> None:
    left = {name: Counter(each.value for each in examples_of(name) if each.remark == "not run") for name in NAMES}
    assert {name: dict(reasons) for name, reasons in left.items() if reasons} == NOT_RUN


@pytest.mark.parametrize("example", all_examples(), ids=lambda example: example.place)
def test_an_example_is_well_formed(example: Example) -> None:
    match example.language:
        case "sh":
            read = subprocess.run(["bash", "-n"], input=example.text, text=True, capture_output=True, check=False)  # noqa: S607
            assert read.returncode == 0, read.stderr
        case "python" if not example.is_dialogue:
            compile(example.text, example.place, "exec")
        case "json":
            json.loads(example.text)
        case "yaml":
            list(yaml.safe_load_all(example.text))
        case "jinja":
            Environment(autoescape=False).parse(example.text)  # noqa: S701 - a prompt is no page
        case "ini":
            configparser.ConfigParser(strict=False, interpolation=None).read_string(example.text)
        case "text" | "python":
            pass
        case _:
            assert example.remark == "not run", f"nothing here reads {example.language or 'what has no language'}"


def test_what_quotes_a_file_is_that_file() -> None:
    quotes = [each for each in all_examples() if each.remark == "as in"]
    assert quotes
    for each in quotes:
        assert each.text == (REPOSITORY / each.value).read_text(encoding="utf-8"), f"{each.place}: {each.value} differs"
