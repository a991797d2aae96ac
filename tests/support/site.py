"""A service of the test's process on a real port, so that a browser can open its pages.

What the browser does there is `browser`'s; the service is the test's own, with its clock, its database and its mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socket import create_server
from threading import Thread

import uvicorn

from support.service import Service

STOP_SECONDS_MAX = 10
"""Until a server is gone whose callers have gone before it."""


@dataclass(frozen=True)
class Site:
    """Where a service's pages are: `url`, without a slash at its end."""

    service: Service
    url: str

    def session(self, board_token: str) -> str:
        """The cookie of somebody who has signed in with this token."""
        cookie = self.service.server.app.state.authentication.sign_in(board_token)
        assert cookie is not None, "no such board token"
        return str(cookie)


@contextmanager
def serving(service: Service) -> Iterator[Site]:
    """A service on a free port of 127.0.0.1, until the end of the block; it starts within milliseconds.

    Calls through `service.board`, `company` and `service.tick` go on as in every test, beside what the browser asks.
    As there, nothing fires by itself: `service.tick` does. Give the service a `RunningClock` if time is to pass.
    """
    listening = create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            service.server.app,
            lifespan="off",  # the service has been started, and is stopped by whoever made it
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, name="site", daemon=True)
    thread.start()
    try:
        yield Site(service, f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS_MAX)
        listening.close()
        assert not thread.is_alive(), "the server still answers somebody"
