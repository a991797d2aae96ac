"""Serving: one process with API, scheduler and pages, until it is told to stop.

What is served is built by `wiring`.
"""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import TextIO, cast

import structlog
import uvicorn

from routines.settings import Settings
from routines.wiring import Server

SHUTDOWN_SECONDS_MAX = 7  # leaves three of the ten within which a stopped server must be gone
STOP_SECONDS_MAX = 9.5  # then it goes as it is: a database that hangs may keep some thread of it for ever
GAVE_UP = 1
SWITCH_INTERVAL_SECONDS = 0.001  # how long a burst of slots may keep the event loop from answering

GARBAGE_THRESHOLD = 20_000  # a long list makes that many objects, none of them garbage before it is sent


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, finish what is in hand, and return."""
    configure_logging()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    server = Server(settings)
    gc.freeze()  # what is loaded by now stays, so that no collection during a burst has to walk through it
    gc.set_threshold(GARBAGE_THRESHOLD)
    # uvicorn raises the signal again once it has shut down; this is where it then goes, so that the exit is clean.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGALRM, _give_up)
    tell = partial(
        structlog.get_logger().info,
        "serving",
        url=settings.base_url,
        database=server.database.place,
        roles=sorted(settings.roles),
        auth=settings.auth,
    )
    _HttpServer(
        uvicorn.Config(
            server.app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS_MAX,
        ),
        tell,
        server.leave_off,
    ).run()


class _HttpServer(uvicorn.Server):
    """Tells when it listens, and the rest of the server of a signal at once: agents need as long to end as callers."""

    def __init__(self, config: uvicorn.Config, tell: Callable[[], None], leave_off: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = tell
        self._leave_off = leave_off

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """What uvicorn does to start, and a word once callers are answered."""
        await super().startup(sockets)
        if self.started:
            self._tell()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """What uvicorn does on a signal, and what is to begin with it."""
        if not self.should_exit:  # counted from the first signal, however many follow
            signal.setitimer(signal.ITIMER_REAL, STOP_SECONDS_MAX)
        self._leave_off()
        super().handle_exit(sig, frame)


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    """End the process; a handler, which must take no lock that the thread it interrupts may hold, as those of a log."""
    why = f"Not all in hand ended within {STOP_SECONDS_MAX:g} s, as when the database hangs; nobody was told it is done"
    line = json.dumps({"event": "stop_given_up", "why": why, "level": "error"})
    with suppress(OSError):
        os.write(sys.stderr.fileno(), f"{line}\n".encode())
    os._exit(GAVE_UP)


def configure_logging() -> None:
    """Logs go to standard error: for people on a terminal, as JSON lines elsewhere."""
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if on_terminal else [structlog.processors.format_exc_info]),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if on_terminal
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _MayFail(sys.stderr))),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


class _MayFail(io.TextIOBase):
    """A log that loses what cannot be written: a full disk or a closed pipe must end no thread that tells of it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Have it written, if that is possible."""
        with suppress(OSError):
            self._stream.flush()
