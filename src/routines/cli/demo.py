"""`routines demo`: starts the real service, walks through a sample company whose agents it starts, ends all of it.

The service is a process as anybody would run it; the steps are `tour`'s.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import sysconfig
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import routines
from routines.cli.calls import Call
from routines.cli.children import ChildEndedError, Children
from routines.cli.tour import Screen, Tour
from routines.core.errors import RoutinesError

HOST = "127.0.0.1"
USUAL_PORT = 3100
SERVING = '"event": "serving"'  # in the log of a service that listens
STARTING_SECONDS_MAX = 20  # a first start makes the database, and a busy laptop takes its time
POLL_SECONDS = 0.1


class DemoError(RoutinesError):
    """The demo cannot be shown here; the sentence says what would help."""


def show(*, once: bool, port: int | None) -> None:
    """Start the service on a fresh data folder, show it at work, and keep serving until Ctrl-C.

    With `once`, return as soon as a run of each routine is completed. What was started is ended, however this ends.
    """
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    examples = _examples()
    screen = Screen()
    with ExitStack() as ending:
        folder = Path(ending.enter_context(TemporaryDirectory(prefix="routines-demo-")))
        children = ending.enter_context(Children())
        screen.say("Routines, shown on a sample company. All of it is real, and each curl line repeats its step:")
        screen.more("run it without ONCE to paste them." if once else "paste any of them into another terminal.")
        url = _start_service(screen, children, folder, port)
        tour = Tour(screen, url)
        company = tour.set_up([sys.executable, str(examples / "agent.py"), "--once"])
        tour.fire(company, examples / "pull_request.json")
        tour.let_agents_work(company)
        tour.await_completed(company, children.check)
        tour.tell_outcome(company)
        if not once:
            tour.say_where_to_look()
            with suppress(KeyboardInterrupt):
                _serve_on(children)
    screen.say("All processes were ended, and the data folder was removed.")


def _start_service(screen: Screen, children: Children, folder: Path, wanted_port: int | None) -> str:
    """Start `routines serve`, where nobody else serves unless a port is wanted; return its address once it answers."""
    screen.step("The service")
    while True:
        port = _port(wanted_port)
        try:
            return _serve_at(port, screen, children, folder)
        except ChildEndedError:
            if _bound(port) is not None:
                raise
            if wanted_port is None:  # else it is told as an error
                screen.say(f"Port {port} was taken meanwhile.")  # in the second or two that the service takes to load


def _serve_at(port: int, screen: Screen, children: Children, folder: Path) -> str:
    url = f"http://{HOST}:{port}"
    flags = ["--host", HOST, "--port", str(port), "--data-dir", str(folder), "--auth", "local_trusted"]
    screen.say(f"It runs on a fresh data folder, {folder}, by: routines serve {' '.join(flags)}")
    command, log = [sys.executable, "-m", "routines", "serve", *flags], folder / "service.log"
    children.start("the service", command, _environment(), log=log)
    health = Call("GET", f"{url}/api/health")
    for _ in range(int(STARTING_SECONDS_MAX / POLL_SECONDS)):
        children.check()
        if SERVING in log.read_text(errors="replace"):  # before, another program's service may answer there
            screen.curl(health)
            screen.answer(f"version {health.send()['version']} answers")
            return url
        time.sleep(POLL_SECONDS)
    raise DemoError(f"The service did not answer at {url} within {STARTING_SECONDS_MAX} seconds")


def _serve_on(children: Children) -> None:
    """Return never: only Ctrl-C, or a process that ends by itself, ends this."""
    while True:
        children.check()
        time.sleep(1)


def _environment() -> dict[str, str]:
    """The environment of the demo without settings of other servers and agents; tests may set the clock."""
    foreign = ("ROUTINES_", "PAPERCLIP_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(foreign) or name.startswith("ROUTINES_TEST_CLOCK_")
    }
    return kept | {"NO_PROXY": HOST, "no_proxy": HOST}


def _port(wanted: int | None) -> int:
    """The port that was asked for, or else the usual one if it is free, or else any that is."""
    for port in (USUAL_PORT, 0) if wanted is None else (wanted,):
        if (found := _bound(port)) is not None:
            return found
    raise DemoError(f"Port {wanted} is taken; without --port the demo finds a free one")


def _bound(port: int) -> int | None:
    """The port, or any for 0, if somebody could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def _examples() -> Path:
    """The folder of the example agent: the repository's, or the one that was installed with the package."""
    repository = Path(routines.__file__).parents[2]
    for folder in (repository / "examples", Path(sysconfig.get_path("data"), "share", "routines", "examples")):
        if (folder / "agent.py").is_file():
            return folder
    raise DemoError("The example agent is not installed; run `make demo` in the repository")
