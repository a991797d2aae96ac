"""From an agent's configuration to what is to be run: a command with its environment and prompt, or a call.

Nothing is started here; what cannot be started is said in a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from routines.core import adapters
from routines.core.adapters import AgentConfigError, LocalConfig
from routines.core.model import AdapterType
from routines.heartbeat import claude, codex, telling
from routines.heartbeat.claude import ClaudeReader
from routines.heartbeat.codex import CodexReader
from routines.heartbeat.environment import child_environment
from routines.heartbeat.http_agent import HttpAgent
from routines.heartbeat.processes import Start
from routines.heartbeat.report import Reader, SilentReader
from routines.keyring import Keyring
from routines.services.heartbeat_work import Work

WORKSPACE_MODE = 0o700


@dataclass(frozen=True, slots=True)
class Command:
    """A process to be started, and who reads what it says."""

    start: Start
    reader: Reader


@dataclass(frozen=True, slots=True)
class Call:
    """An agent elsewhere to be called; it may take `limit_seconds` in all."""

    agent: HttpAgent
    body: bytes
    limit_seconds: float


@dataclass(frozen=True, slots=True)
class Starting:
    """How agents are started by this worker; agents without a `cwd` work in a folder of their own in `workspaces`."""

    api_url: str
    workspaces: Path
    environment: Mapping[str, str]
    keyring: Keyring

    def plan(self, work: Work) -> Command | Call:
        """What is to be run for a heartbeat; raises `RoutinesError` when it cannot be."""
        config = json.loads(work.agent.adapter_config)
        match work.agent.adapter_type:
            case AdapterType.PROCESS:
                process = adapters.process_config(config)
                return self._command(work, process, adapters.command_line(process), SilentReader())
            case AdapterType.CLAUDE_LOCAL:
                claude_config = adapters.claude_config(config)
                return self._command(work, claude_config, claude.command(claude_config), ClaudeReader())
            case AdapterType.CODEX_LOCAL:
                codex_config = adapters.codex_config(config)
                return self._command(work, codex_config, codex.command(codex_config), CodexReader())
            case AdapterType.HTTP:
                return self._call(work, config)
            case AdapterType.NONE:
                raise AgentConfigError("The agent polls by itself: its adapterType is none")

    def _command(self, work: Work, config: LocalConfig, line: list[str], reader: Reader) -> Command:
        api_url = self.api_url
        facts = telling.run_facts(work, api_url, self.keyring.run_token(work.run.id))
        folder = self._own_folder(work.agent.id) if config.cwd is None else Path(config.cwd)
        start = Start(
            run_id=work.run.id,
            command=line,
            folder=folder,
            environment=child_environment(self.environment, config.env, facts),
            stdin=telling.prompt_of(work, config.prompt_template, api_url).encode("utf-8", "replace"),
            timeout_seconds=config.timeout_seconds,
            grace_seconds=config.grace_seconds,
        )
        return Command(start, reader)

    def _call(self, work: Work, config: dict[str, object]) -> Call:
        http = adapters.http_config(config)
        api_url, token = self.api_url, self.keyring.run_token(work.run.id)
        text = telling.prompt_of(work, http.prompt_template, api_url)
        if http.secret is None:
            raise AgentConfigError("adapterConfig has no secret to sign with; change the agent, and it is given one")
        agent = HttpAgent(http.url, http.headers, http.secret)
        return Call(agent, telling.call_body(work, api_url, token, text), http.timeout_seconds)

    def _own_folder(self, agent_id: str) -> Path:
        folder = self.workspaces / agent_id
        folder.mkdir(mode=WORKSPACE_MODE, parents=True, exist_ok=True)
        return folder
