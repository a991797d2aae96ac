"""The use cases of the board's tokens: list, make, revoke; the command line and the settings page use them alike.

Who holds a token is `identity`'s. A token belongs to no company, so no company's activity tells of it: the list says
when each was made and revoked, and the server's log says by whom.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from routines.clock import Clock, Ids
from routines.core.access import Action, require
from routines.core.errors import NotFoundError
from routines.core.model import Actor
from routines.keyring import BOARD_TOKEN_PREFIX, hash_token, new_token
from routines.services.context import Body
from routines.storage.database import Database
from routines.storage.queries import board_tokens
from routines.storage.queries.board_tokens import BoardToken

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewBoardToken:
    """A board token with its text, which is shown this once."""

    record: BoardToken
    token: str


@dataclass(frozen=True, slots=True)
class BoardTokens:
    """The use cases of the board's tokens."""

    database: Database
    clock: Clock
    ids: Ids

    def every_token(self, actor: Actor) -> list[BoardToken]:
        """Every token that was made, without its text, oldest first; revoked ones included."""
        require(actor, Action.MANAGE_TOKEN)
        with self.database.read() as connection:
            return board_tokens.every_token(connection)

    def create(self, actor: Actor, name: Body[str]) -> NewBoardToken:
        """Make a token of an operator of that name; its text is shown this once."""
        require(actor, Action.MANAGE_TOKEN)
        now = self.clock.now()
        record = BoardToken(self.ids.new(now), name(), now, None)
        token = new_token(BOARD_TOKEN_PREFIX)
        with self.database.write() as transaction:
            board_tokens.add(transaction.connection, record.id, record.name, hash_token(token), now)
        log.info("board_token_created", token_id=record.id, name=record.name, by=actor.id)
        return NewBoardToken(record, token)

    def revoke(self, actor: Actor, token_id: str) -> None:
        """Make a token worthless, and end the sessions that hang on it; `NotFoundError` if there is none to revoke."""
        require(actor, Action.MANAGE_TOKEN)
        with self.database.write() as transaction:
            if not board_tokens.revoke(transaction.connection, token_id, self.clock.now()):
                raise NotFoundError(f"There is no unrevoked board token {token_id}")
        log.info("board_token_revoked", token_id=token_id, by=actor.id)
