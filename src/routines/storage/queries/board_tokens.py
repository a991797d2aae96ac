"""Questions about the board's API tokens, of which only hashes are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from routines.storage.rows import every, select_model
from routines.storage.schema import board_tokens


def add(connection: Connection, token_id: str, name: str, token_hash: str, at: datetime) -> None:
    """Store a new token by its hash."""
    connection.execute(insert(board_tokens).values(id=token_id, name=name, token_hash=token_hash, created_at=at))


@dataclass(frozen=True, slots=True)
class BoardToken:
    """A board token, of which only a hash is stored."""

    id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


def every_token(connection: Connection) -> list[BoardToken]:
    """Every token, revoked ones included, oldest first."""
    return every(connection, BoardToken, select_model(board_tokens, BoardToken).order_by(board_tokens.c.id))


def revoke(connection: Connection, token_id: str, at: datetime) -> bool:
    """Make a token worthless; False if there was none to revoke."""
    unrevoked = update(board_tokens).where(board_tokens.c.id == token_id, board_tokens.c.revoked_at.is_(None))
    return connection.execute(unrevoked.values(revoked_at=at)).rowcount == 1


def name_of(connection: Connection, token_hash: str) -> str | None:
    """The name under which the unrevoked token with that hash was made, or None."""
    query = select(board_tokens.c.name).where(
        board_tokens.c.token_hash == token_hash, board_tokens.c.revoked_at.is_(None)
    )
    return connection.execute(query).scalar_one_or_none()


def name_of_id(connection: Connection, token_id: str) -> str | None:
    """The name of the unrevoked token with that id, or None; sessions are tied to tokens by it."""
    query = select(board_tokens.c.name).where(board_tokens.c.id == token_id, board_tokens.c.revoked_at.is_(None))
    return connection.execute(query).scalar_one_or_none()


def id_of(connection: Connection, token_hash: str) -> str | None:
    """The id of the unrevoked token with that hash, or None."""
    query = select(board_tokens.c.id).where(
        board_tokens.c.token_hash == token_hash, board_tokens.c.revoked_at.is_(None)
    )
    return connection.execute(query).scalar_one_or_none()
