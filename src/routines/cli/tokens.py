"""The board's tokens on the command line: made, listed and revoked straight in the database, beside a running server.

Only who runs the service may reach its database; what is done there is `services.board_tokens`'.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from routines.clock import Ids, SystemClock
from routines.core.errors import NotFoundError
from routines.core.model import LOCAL_BOARD
from routines.services.board_tokens import BoardTokens
from routines.settings import Settings
from routines.storage.opening import open_database
from routines.storage.queries.board_tokens import BoardToken


def create(settings: Settings, name: str) -> str:
    """A new token of an operator of that name."""
    with _tokens(settings) as tokens:
        return tokens.create(LOCAL_BOARD, lambda: name).token


def listed(settings: Settings) -> list[BoardToken]:
    """Every token that was made, without the token itself, oldest first."""
    with _tokens(settings) as tokens:
        return tokens.every_token(LOCAL_BOARD)


def revoke(settings: Settings, token_id: str) -> None:
    """Make a token worthless, and end the sessions that hang on it; raises `NotFoundError`."""
    with _tokens(settings) as tokens:
        try:
            tokens.revoke(LOCAL_BOARD, token_id)
        except NotFoundError as error:
            raise NotFoundError(f"{error.sentence}; see `routines token list`") from None


@contextmanager
def _tokens(settings: Settings) -> Iterator[BoardTokens]:
    # Who made or revoked what is for a server's log; here it would stand beside the answer to whoever typed it.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    settings.make_data_dir()
    database = open_database(settings.database)
    try:
        yield BoardTokens(database, SystemClock(), Ids())
    finally:
        database.close()
