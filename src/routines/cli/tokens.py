"""The board's tokens: made, listed and revoked straight in the database, for only who runs the service may.

All of it works beside a running server.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from routines.clock import Ids, SystemClock
from routines.core.errors import NotFoundError
from routines.keyring import BOARD_TOKEN_PREFIX, hash_token, new_token
from routines.settings import Settings
from routines.storage.database import Database
from routines.storage.opening import open_database
from routines.storage.queries import board_tokens
from routines.storage.queries.board_tokens import BoardToken


def create(settings: Settings, name: str) -> str:
    """A new token of an operator of that name."""
    now = SystemClock().now()
    token = new_token(BOARD_TOKEN_PREFIX)
    with _database(settings) as database, database.write() as transaction:
        board_tokens.add(transaction.connection, Ids().new(now), name, hash_token(token), now)
    return token


def listed(settings: Settings) -> list[BoardToken]:
    """Every token that was made, without the token itself, oldest first."""
    with _database(settings) as database, database.read() as connection:
        return board_tokens.every_token(connection)


def revoke(settings: Settings, token_id: str) -> None:
    """Make a token worthless, and end the sessions that hang on it; raises `NotFoundError`."""
    with _database(settings) as database, database.write() as transaction:
        if not board_tokens.revoke(transaction.connection, token_id, SystemClock().now()):
            raise NotFoundError(f"There is no unrevoked token {token_id}; see `routines token list`")


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    settings.make_data_dir()
    database = open_database(settings.database)
    try:
        yield database
    finally:
        database.close()
