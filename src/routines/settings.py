"""What whoever runs the service can set: flags, environment, defaults, and what they must agree on.

Flags win over the environment; the table in the README is this file's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_data_path

from routines.clock import AS_IT_IS, ClockSetting
from routines.core.access import AuthMode
from routines.core.addresses import is_loopback_address
from routines.core.errors import RoutinesError
from routines.core.limits import RETENTION_DAYS_MAX, RETENTION_DAYS_MIN
from routines.outgoing import Reach
from routines.storage.opening import DatabasePlace

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 3100
DATA_FOLDER_MODE = 0o700
DEFAULT_MISFIRE_GRACE_SECONDS = 60
MISFIRE_GRACE_SECONDS_MIN = 1  # with none, every slot would be missed by the milliseconds that firing takes
MISFIRE_GRACE_SECONDS_MAX = 86_400  # all slots within it fire at once; a minutely schedule has 1,440 a day
DEFAULT_FIRES_PER_MINUTE = 600
DEFAULT_HEARTBEATS_AT_ONCE = 10  # agents wait for their models most of the time
HEARTBEATS_AT_ONCE_MAX = 1_000
DEFAULT_HEARTBEAT_LEASE_SECONDS = 30  # how long the work of a worker that died waits
HEARTBEAT_LEASE_SECONDS_MIN = 2
HEARTBEAT_LEASE_SECONDS_MAX = 3_600
PORT_MAX = 65_535
NUMBER_MAX = 1e9  # thirty years in seconds; nothing that is set here is sensibly larger


class Role(StrEnum):
    """A part of the work that a server can do."""

    API = "api"
    SCHEDULER = "scheduler"
    HEARTBEAT = "heartbeat"


class SettingsError(RoutinesError):
    """A setting is wrong, or two of them contradict each other."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server runs."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    data_dir: Path = field(default_factory=lambda: user_data_path("routines"))
    database_url: str | None = None
    database_direct_url: str | None = None
    roles: frozenset[Role] = frozenset(Role)
    auth: AuthMode = AuthMode.LOCAL_TRUSTED
    public_url: str | None = None
    master_key: str | None = None
    accept_new_master_key: bool = False
    misfire_grace: timedelta = timedelta(seconds=DEFAULT_MISFIRE_GRACE_SECONDS)
    fires_per_minute: int = DEFAULT_FIRES_PER_MINUTE
    retention: timedelta | None = None
    heartbeats_at_once: int = DEFAULT_HEARTBEATS_AT_ONCE
    heartbeat_lease: timedelta = timedelta(seconds=DEFAULT_HEARTBEAT_LEASE_SECONDS)
    private_hosts: Reach = field(default_factory=lambda: Reach.of(""))
    clock: ClockSetting = AS_IT_IS

    @property
    def base_url(self) -> str:
        """The address under which the service is called, without a slash at its end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def database(self) -> DatabasePlace:
        """Where the database is."""
        return DatabasePlace(self.database_url, self.data_dir, self.database_direct_url)

    @property
    def workspaces(self) -> Path:
        """Where agents work that are given no folder, each in its own."""
        return self.data_dir / "workspaces"

    @property
    def key_file(self) -> Path:
        """Where the master key is kept when the environment does not give it."""
        return self.data_dir / "master.key"

    def make_data_dir(self) -> None:
        """Make the data folder, for its owner alone, unless it is there."""
        self.data_dir.mkdir(mode=DATA_FOLDER_MODE, parents=True, exist_ok=True)

    def check(self) -> None:
        """Raise `SettingsError` for settings that must not be served with."""
        if self.auth is AuthMode.LOCAL_TRUSTED and not (self.host == "localhost" or is_loopback_address(self.host)):
            raise SettingsError(
                f"local_trusted makes everybody who reaches {self.host} the board; "
                "serve on 127.0.0.1, or with --auth authenticated"
            )
        if not self.roles:
            raise SettingsError(f"A server needs a role; give one or more of {', '.join(Role)}")
        if Role.HEARTBEAT in self.roles and Role.API not in self.roles and not self.public_url:
            raise SettingsError(
                "Agents that this server starts call a server with the role api; say where that is with --public-url"
            )
        if self.roles != frozenset(Role) and self.database.file() is not None:
            raise SettingsError(
                "On SQLite one server does everything; to split the work, give --database-url postgresql://..."
            )
        if not 0 <= self.port <= PORT_MAX:
            raise SettingsError(f"The port {self.port} must be from 0 to {PORT_MAX}")
        if self.public_url and not _is_http_url(self.public_url):
            raise SettingsError(f"The public URL {self.public_url!r} must begin with http:// or https:// and a host")


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0


def _reach(text: str) -> Reach:
    try:
        return Reach.of(text)
    except RoutinesError as error:
        raise SettingsError(f"ROUTINES_PRIVATE_HOSTS: {error.sentence}") from error


def roles_of(text: str) -> frozenset[Role]:
    """The roles that a text names, with commas between them; raises `SettingsError`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in set(Role):
            raise SettingsError(f"There is no role {name!r}; a server's roles are one or more of {', '.join(Role)}")
    return frozenset(Role(name) for name in names)


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings that the environment gives; an empty variable counts as unset.

    Raises `SettingsError` naming the variable and its value.
    """
    given = {name: value for name, value in environment.items() if name.startswith("ROUTINES_") and value}
    unset = Settings()

    def number(name: str, default: float, minimum: float, maximum: float = NUMBER_MAX, what: str = "number") -> float:
        text = given.get(name)
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = float("nan")
        if not minimum <= value <= maximum or (what == "whole number" and value % 1):
            raise SettingsError(f"{name} is {text!r}; it must be a {what} from {minimum:.0f} to {maximum:.0f}")
        return value

    def whole_number(name: str, default: int, minimum: int, maximum: float = NUMBER_MAX) -> int:
        return int(number(name, default, minimum, maximum, what="whole number"))

    retention_days = whole_number("ROUTINES_RETENTION_DAYS", RETENTION_DAYS_MIN, RETENTION_DAYS_MIN, RETENTION_DAYS_MAX)
    auth = given.get("ROUTINES_AUTH", unset.auth)
    if auth not in set(AuthMode):
        raise SettingsError(f"ROUTINES_AUTH is {auth!r}; it must be one of {', '.join(AuthMode)}")
    since = given.get("ROUTINES_TEST_CLOCK_SINCE_SECONDS")
    return Settings(
        host=given.get("ROUTINES_HOST", unset.host),
        port=whole_number("ROUTINES_PORT", unset.port, 0, PORT_MAX),
        data_dir=Path(given["ROUTINES_DATA_DIR"]) if "ROUTINES_DATA_DIR" in given else unset.data_dir,
        database_url=given.get("ROUTINES_DATABASE_URL"),
        database_direct_url=given.get("ROUTINES_DATABASE_DIRECT_URL"),
        roles=roles_of(given["ROUTINES_ROLE"]) if "ROUTINES_ROLE" in given else unset.roles,
        auth=AuthMode(auth),
        public_url=given.get("ROUTINES_PUBLIC_URL"),
        master_key=given.get("ROUTINES_MASTER_KEY"),
        accept_new_master_key=given.get("ROUTINES_ACCEPT_NEW_MASTER_KEY") == "1",
        misfire_grace=timedelta(
            seconds=number(
                "ROUTINES_MISFIRE_GRACE_SECONDS",
                DEFAULT_MISFIRE_GRACE_SECONDS,
                MISFIRE_GRACE_SECONDS_MIN,
                MISFIRE_GRACE_SECONDS_MAX,
            )
        ),
        fires_per_minute=whole_number("ROUTINES_FIRE_RATE_PER_MINUTE", DEFAULT_FIRES_PER_MINUTE, 1),
        retention=timedelta(days=retention_days) if "ROUTINES_RETENTION_DAYS" in given else unset.retention,
        heartbeats_at_once=whole_number(
            "ROUTINES_HEARTBEATS_AT_ONCE", unset.heartbeats_at_once, 1, HEARTBEATS_AT_ONCE_MAX
        ),
        heartbeat_lease=timedelta(
            seconds=number(
                "ROUTINES_HEARTBEAT_LEASE_SECONDS",
                DEFAULT_HEARTBEAT_LEASE_SECONDS,
                HEARTBEAT_LEASE_SECONDS_MIN,
                HEARTBEAT_LEASE_SECONDS_MAX,
            )
        ),
        private_hosts=_reach(given.get("ROUTINES_PRIVATE_HOSTS", "")),
        clock=ClockSetting(
            offset=timedelta(seconds=number("ROUTINES_TEST_CLOCK_OFFSET_SECONDS", 0, -NUMBER_MAX)),
            rate=number("ROUTINES_TEST_CLOCK_RATE", 1, 0),
            since=None
            if since is None
            else datetime.fromtimestamp(number("ROUTINES_TEST_CLOCK_SINCE_SECONDS", 0, 0, 1e11), UTC),
        ),
    )
