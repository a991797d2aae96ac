"""Who is calling: agents by key, the board by token or by the session that hangs on one.

What the caller may then do is `core.access`; which ways of calling are open is decided by `http.auth`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from routines.core.model import Actor, ActorType, AgentStatus, HeartbeatStatus
from routines.keyring import AGENT_KEY_PREFIX, BOARD_TOKEN_PREFIX, hash_token
from routines.services.context import Context
from routines.storage.queries import agents, board_tokens, heartbeat_runs


@dataclass(frozen=True, slots=True)
class Identity:
    """Tells callers by what they carry."""

    context: Context

    def holder(self, token: str) -> Actor | None:
        """The agent or operator whose token this is, or None for one that is unknown, revoked or a dead agent's."""
        run_id = self.context.keyring.run_of_token(token)
        if run_id is not None:
            return self._in_heartbeat(run_id)
        token_hash = hash_token(token)
        with self.context.database.read() as connection:
            if token.startswith(AGENT_KEY_PREFIX):
                agent = agents.holder_of_key(connection, token_hash)
                if agent is None or agent.status is AgentStatus.TERMINATED:
                    return None
                return Actor(ActorType.AGENT, agent.id, agent.company_id)
            if token.startswith(BOARD_TOKEN_PREFIX):
                name = board_tokens.name_of(connection, token_hash)
                return None if name is None else Actor(ActorType.USER, name)
        return None

    def in_heartbeat(self, actor: Actor, run_id: str) -> Actor:
        """An agent as acting in a heartbeat of its own that it names; any other id says nothing."""
        if actor.agent_id is None or actor.is_run_token:
            return actor
        with self.context.database.read() as connection:
            run = heartbeat_runs.get(connection, run_id)
        if run is None or run.agent_id != actor.id:
            return actor
        return replace(actor, heartbeat_run_id=run.id)

    def _in_heartbeat(self, run_id: str) -> Actor | None:
        """The agent in a heartbeat that runs; None once that is over, or the agent is dismissed."""
        with self.context.database.read() as connection:
            run = heartbeat_runs.get(connection, run_id)
            if run is None or run.status is not HeartbeatStatus.RUNNING:
                return None
            agent = agents.get(connection, run.agent_id)
        if agent is None or agent.status is AgentStatus.TERMINATED:
            return None
        return Actor(ActorType.AGENT, agent.id, agent.company_id, heartbeat_run_id=run.id, is_run_token=True)

    def session_of(self, token: str) -> str | None:
        """The id of the board token, to which a session is tied, or None for a token that is no good."""
        with self.context.database.read() as connection:
            return board_tokens.id_of(connection, hash_token(token))

    def holder_of_session(self, token_id: str) -> Actor | None:
        """The operator whose session is tied to that board token, or None once it was revoked."""
        with self.context.database.read() as connection:
            name = board_tokens.name_of_id(connection, token_id)
        return None if name is None else Actor(ActorType.USER, name)
