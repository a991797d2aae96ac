"""Making a board token: written straight to the database, for only who runs the service may make one."""

from __future__ import annotations

from routines.clock import Ids, SystemClock
from routines.keyring import BOARD_TOKEN_PREFIX, hash_token, new_token
from routines.settings import Settings
from routines.storage.opening import open_database
from routines.storage.queries import board_tokens


def create(settings: Settings, name: str) -> str:
    """A new token of an operator of that name; works beside a running server."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = open_database(settings.database_url, settings.data_dir)
    try:
        now = SystemClock().now()
        token = new_token(BOARD_TOKEN_PREFIX)
        with database.write() as transaction:
            board_tokens.add(transaction.connection, Ids().new(now), name, hash_token(token), now)
    finally:
        database.close()
    return token
