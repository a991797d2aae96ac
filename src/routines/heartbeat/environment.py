"""The environment of an agent's process: little of the server's own, the agent's, and the facts of its heartbeat.

Nothing here reads the environment of this process: whoever starts an agent passes it in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from routines.core.adapter_values import RESERVED_PREFIX

INHERITED = frozenset(
    {
        "PATH",  # where programs are found
        "HOME",  # where programs keep their settings and credentials
        "USER",
        "LOGNAME",
        "SHELL",  # what an agent's own tools run commands with
        "LANG",
        "TZ",
        "TMPDIR",
        "SSL_CERT_FILE",  # a company's own certificate authority
        "SSL_CERT_DIR",
    }
)
"""Variables of the server that its agents get too.

An allow-list, since the rest holds what no agent may know: the database's password and the master key. `TERM` is left
out because there is no terminal.
"""
_INHERITED_PREFIX = "LC_"


class RunFacts(NamedTuple):
    """What an agent is told of its heartbeat; `api_key` is good for this run alone, `issue_id` is None without one."""

    agent_id: str
    company_id: str
    run_id: str
    api_url: str
    api_key: str
    wake_reason: str
    issue_id: str | None = None


def child_environment(server: Mapping[str, str], agent: Mapping[str, str], run: RunFacts) -> dict[str, str]:
    """The whole environment of an agent's process.

    The agent's variables win over the server's, and no variable whose name begins with `PAPERCLIP_` comes from either.
    """
    inherited = {name: value for name, value in server.items() if _is_inherited(name)}
    own = {name: value for name, value in agent.items() if not name.startswith(RESERVED_PREFIX)}
    facts = {
        "PAPERCLIP_AGENT_ID": run.agent_id,
        "PAPERCLIP_COMPANY_ID": run.company_id,
        "PAPERCLIP_API_URL": run.api_url,
        "PAPERCLIP_API_KEY": run.api_key,
        "PAPERCLIP_RUN_ID": run.run_id,
        "PAPERCLIP_WAKE_REASON": run.wake_reason,
    }
    issue = {} if run.issue_id is None else {"PAPERCLIP_TASK_ID": run.issue_id}
    return {**inherited, **own, **facts, **issue}


def _is_inherited(name: str) -> bool:
    return name in INHERITED or name.startswith(_INHERITED_PREFIX)
