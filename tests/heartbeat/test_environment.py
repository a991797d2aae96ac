"""Promises of `routines.heartbeat.environment`: what a process knows of its server, and what of its heartbeat."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routines.heartbeat.environment import INHERITED, RunFacts, child_environment

RUN = RunFacts("agent-1", "company-1", "run-1", "http://127.0.0.1:3100", "pcr_key", "issue_assigned", "issue-1")
FACTS = {
    "PAPERCLIP_AGENT_ID": "agent-1",
    "PAPERCLIP_COMPANY_ID": "company-1",
    "PAPERCLIP_RUN_ID": "run-1",
    "PAPERCLIP_API_URL": "http://127.0.0.1:3100",
    "PAPERCLIP_API_KEY": "pcr_key",
    "PAPERCLIP_WAKE_REASON": "issue_assigned",
    "PAPERCLIP_TASK_ID": "issue-1",
}
SERVER = {
    "PATH": "/usr/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "LC_ALL": "C",
    "TERM": "xterm",
    "ROUTINES_MASTER_KEY": "key",
    "ROUTINES_DATABASE_URL": "postgresql://u:p@db/r",
    "PGPASSWORD": "p",
    "AWS_SECRET_ACCESS_KEY": "s",
    "PYTHONPATH": "/srv",
    "LD_PRELOAD": "x.so",
    "PAPERCLIP_API_KEY": "another's",
}
NAMES = st.sampled_from([*SERVER, *INHERITED, *FACTS, "PAPERCLIP_OTHER", "OTHER"])
VARIABLES = st.dictionaries(NAMES, st.text(max_size=5))


def test_a_process_gets_little_of_the_server_and_all_of_its_heartbeat() -> None:
    kept = {"PATH": "/usr/bin", "HOME": "/root", "LANG": "C.UTF-8", "LC_ALL": "C"}
    assert child_environment(SERVER, {}, RUN) == {**kept, **FACTS}


def test_the_agents_own_variables_win_over_the_servers() -> None:
    made = child_environment(SERVER, {"PATH": "/opt/bin", "TERM": "dumb", "PGPASSWORD": "own"}, RUN)
    assert (made["PATH"], made["TERM"], made["PGPASSWORD"]) == ("/opt/bin", "dumb", "own")


def test_without_an_issue_there_is_no_task() -> None:
    made = child_environment({"PAPERCLIP_TASK_ID": "old"}, {"PAPERCLIP_TASK_ID": "forged"}, RUN._replace(issue_id=None))
    assert "PAPERCLIP_TASK_ID" not in made


@given(VARIABLES, VARIABLES)
def test_nobody_but_the_service_says_what_a_heartbeat_is(server: dict[str, str], agent: dict[str, str]) -> None:
    before = (dict(server), dict(agent))
    made = child_environment(server, agent, RUN)
    assert {name: value for name, value in made.items() if name.startswith("PAPERCLIP_")} == FACTS
    assert set(made) <= INHERITED | {"LC_ALL"} | set(agent) | set(FACTS)
    assert (server, agent) == before
