"""Who is calling: agents by key, the board by token or by the session that hangs on one.

What the caller may then do is `core.access`; which ways of calling are open is decided by `http.auth`.
"""

from __future__ import annotations

from dataclasses import dataclass

from routines.core.model import Actor, ActorType, AgentStatus
from routines.keyring import AGENT_KEY_PREFIX, BOARD_TOKEN_PREFIX, hash_token
from routines.services.context import Context
from routines.storage.queries import agents, board_tokens


@dataclass(frozen=True, slots=True)
class Identity:
    """Tells callers by what they carry."""

    context: Context

    def holder(self, token: str) -> Actor | None:
        """The agent or operator whose token this is, or None for one that is unknown, revoked or a dead agent's."""
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

    def session_of(self, token: str) -> str | None:
        """The id of the board token, to which a session is tied, or None for a token that is no good."""
        with self.context.database.read() as connection:
            return board_tokens.id_of(connection, hash_token(token))

    def holder_of_session(self, token_id: str) -> Actor | None:
        """The operator whose session is tied to that board token, or None once it was revoked."""
        with self.context.database.read() as connection:
            name = board_tokens.name_of_id(connection, token_id)
        return None if name is None else Actor(ActorType.USER, name)
