"""What whoever runs the service can set, and what is refused by name: section 7 of the contract."""

from __future__ import annotations

import base64
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from routines.cli import main
from routines.clock import ClockSetting
from routines.core.access import AuthMode
from routines.core.errors import RoutinesError
from routines.keyring import MasterKeyError
from routines.notify.mail import MailServer, Security
from routines.settings import Role, Settings, SettingsError, from_environment
from routines.storage.migrations import DatabaseTooNewError
from routines.storage.opening import DatabaseInUseError, DatabaseUrlError
from support.service import Place, Service, ok
from support.webhooks import webhook

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(32)).decode()
WHOLE_ENVIRONMENT = {
    "ROUTINES_HOST": "localhost",
    "ROUTINES_PORT": "4000",
    "ROUTINES_DATA_DIR": "somewhere",
    "ROUTINES_DATABASE_URL": "sqlite:///elsewhere.db",
    "ROUTINES_AUTH": "authenticated",
    "ROUTINES_PUBLIC_URL": "https://routines.example",
    "ROUTINES_MASTER_KEY": KEY,
    "ROUTINES_MISFIRE_GRACE_SECONDS": "90",
    "ROUTINES_FIRE_RATE_PER_MINUTE": "60",
    "ROUTINES_RETENTION_DAYS": "90",
    "ROUTINES_DATABASE_DIRECT_URL": "postgresql://db/routines",
    "ROUTINES_ROLE": "scheduler, api",
    "ROUTINES_ACCEPT_NEW_MASTER_KEY": "1",
    "ROUTINES_SMTP_URL": "smtp://ro%40utines:p%40ss@mail.example.com?starttls",
    "ROUTINES_MAIL_FROM": "routines@example.com",
    "ROUTINES_METRICS_TOKEN": "a-token-for-metrics",
    "ROUTINES_TEST_CLOCK_OFFSET_SECONDS": "-5",
    "ROUTINES_TEST_CLOCK_RATE": "60",
    "ROUTINES_TEST_CLOCK_SINCE_SECONDS": "1772409600",
}
THEIR_SETTINGS = Settings(
    host="localhost",
    port=4000,
    data_dir=Path("somewhere"),
    database_url="sqlite:///elsewhere.db",
    auth=AuthMode.AUTHENTICATED,
    public_url="https://routines.example",
    master_key=KEY,
    misfire_grace=timedelta(seconds=90),
    fires_per_minute=60,
    retention=timedelta(days=90),
    database_direct_url="postgresql://db/routines",
    roles=frozenset({Role.API, Role.SCHEDULER}),
    accept_new_master_key=True,
    mail_server=MailServer("mail.example.com", 587, Security.STARTTLS, "routines@example.com", "ro@utines", "p@ss"),
    metrics_token="a-token-for-metrics",
    clock=ClockSetting(offset=timedelta(seconds=-5), rate=60, since=datetime(2026, 3, 2, tzinfo=UTC)),
)


def test_the_defaults_are_the_contracts() -> None:
    unset = from_environment({})
    assert (unset.host, unset.port) == ("127.0.0.1", 3100)
    assert (unset.auth, unset.database_url, unset.master_key) == ("local_trusted", None, None)
    assert (unset.misfire_grace, unset.fires_per_minute) == (timedelta(seconds=60), 600)
    assert unset.base_url == "http://127.0.0.1:3100"
    assert unset.data_dir.is_absolute()


def test_the_environment_sets_everything() -> None:
    assert from_environment(WHOLE_ENVIRONMENT) == THEIR_SETTINGS


def test_an_empty_variable_is_unset() -> None:
    assert from_environment(dict.fromkeys(WHOLE_ENVIRONMENT, "")) == from_environment({})


def test_variables_of_others_are_left_alone() -> None:
    assert from_environment({"PORT": "1", "HOST": "x", "PATH": "y"}) == from_environment({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROUTINES_PORT", "http"),
        ("ROUTINES_PORT", "-1"),
        ("ROUTINES_PORT", "65536"),
        ("ROUTINES_PORT", "3100.5"),
        ("ROUTINES_PORT", "inf"),
        ("ROUTINES_AUTH", "none"),
        ("ROUTINES_AUTH", "Local_Trusted"),
        ("ROUTINES_MISFIRE_GRACE_SECONDS", "-1"),
        ("ROUTINES_MISFIRE_GRACE_SECONDS", "1m"),
        ("ROUTINES_MISFIRE_GRACE_SECONDS", "nan"),
        ("ROUTINES_MISFIRE_GRACE_SECONDS", "inf"),
        ("ROUTINES_FIRE_RATE_PER_MINUTE", "0"),
        ("ROUTINES_FIRE_RATE_PER_MINUTE", "1.5"),
        ("ROUTINES_FIRE_RATE_PER_MINUTE", "1e400"),
        ("ROUTINES_TEST_CLOCK_SINCE_SECONDS", "noon"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment({name: value})
    assert name in refused.value.sentence
    assert repr(value) in refused.value.sentence


@pytest.mark.parametrize(("text", "wrong"), [("api,worker", "'worker'"), ("API", "'API'")])
def test_a_role_that_does_not_exist_is_named(text: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=wrong):
        from_environment({"ROUTINES_ROLE": text})


@pytest.mark.parametrize("text", [",", " , "])
def test_a_server_needs_a_role(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="api, scheduler"):
        replace(from_environment({"ROUTINES_ROLE": text}), data_dir=tmp_path).check()


def test_one_server_does_everything_on_sqlite(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="postgresql://"):
        Service(Place(tmp_path), roles=frozenset({Role.API}))
    Settings(roles=frozenset({Role.API}), database_url="postgresql://db/routines").check()


def test_a_server_that_only_starts_agents_must_know_whom_they_call() -> None:
    worker = Settings(roles=frozenset({Role.HEARTBEAT}), database_url="postgresql://db/routines")
    with pytest.raises(SettingsError, match="say where that is with --public-url"):
        worker.check()
    replace(worker, public_url="https://routines.example.com").check()


@pytest.mark.parametrize(
    "value", ["routines.example", "ftp://routines.example", "http://", "https://[", "http://x:port"]
)
def test_a_public_url_is_http_and_names_a_host(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError, match="public URL"):
        Service(Place(tmp_path), public_url=value)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--host", "127.0.0.2"], {"host": "127.0.0.2"}),
        (["--port", "5000"], {"port": 5000}),
        (["--data-dir", "flagged"], {"data_dir": Path("flagged")}),
        (["--database-url", "sqlite:///flagged.db"], {"database_url": "sqlite:///flagged.db"}),
        (["--auth", "local_trusted"], {"auth": AuthMode.LOCAL_TRUSTED}),
        (["--public-url", "https://flagged.example"], {"public_url": "https://flagged.example"}),
        (["--retention-days", "7"], {"retention": timedelta(days=7)}),
        ([], {}),
    ],
)
def test_flags_win_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, flags: list[str], expected: dict[str, Any]
) -> None:
    served: list[Settings] = []
    monkeypatch.setattr("routines.cli.serving.serve", served.append)
    result = CliRunner().invoke(main.app, ["serve", *flags], env=WHOLE_ENVIRONMENT)
    assert result.exit_code == 0, result.output
    for name in ("host", "port", "data_dir", "database_url", "auth", "public_url", "retention"):
        assert getattr(served[0], name) == expected.get(name, getattr(THEIR_SETTINGS, name))


def test_a_wrong_setting_is_one_line_and_exit_status_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routines.cli.serving.serve", lambda settings: settings.check())
    for environment, flags in (
        ({"ROUTINES_PORT": "http"}, []),
        ({}, ["--host", "0.0.0.0"]),  # noqa: S104 - refused
        ({}, ["--port", "70000"]),
    ):
        result = CliRunner().invoke(main.app, ["serve", *flags], env=environment)
        assert result.exit_code == 2
        assert len(result.output.splitlines()) == 1
        assert "Traceback" not in result.output


def test_the_key_file_is_made_at_first_start_for_its_owner_alone(tmp_path: Path) -> None:
    Service(Place(tmp_path / "data")).close()
    key_file = tmp_path / "data" / "master.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert len(base64.b64decode(key_file.read_text(encoding="ascii"))) == 32
    made = key_file.read_bytes()
    Service(Place(tmp_path / "data")).close()
    assert key_file.read_bytes() == made


def test_a_key_file_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Service(Place(tmp_path / "data")).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "data" / "master.key").stat().st_mode) == 0o600


def test_a_key_of_the_environment_needs_no_file(tmp_path: Path) -> None:
    Service(Place(tmp_path), master_key=KEY).close()
    assert not (tmp_path / "master.key").exists()


def test_an_empty_key_of_the_environment_is_a_key_file(tmp_path: Path) -> None:
    empty = from_environment({"ROUTINES_MASTER_KEY": "", "ROUTINES_DATA_DIR": str(tmp_path)})
    Service(Place(tmp_path), master_key=empty.master_key).close()
    assert (tmp_path / "master.key").exists()


@pytest.mark.parametrize("master_key", [None, KEY])
def test_the_same_key_opens_the_secrets_again(tmp_path: Path, master_key: str | None) -> None:
    first = Service(Place(tmp_path), master_key=master_key)
    hook = webhook(first, first.company())
    first.close()
    hook.service = Service(Place(tmp_path), first.clock, master_key=master_key)
    ok(hook.fire(), 202)
    hook.service.close()


def test_another_key_opens_nothing_and_a_rotation_mends_it(tmp_path: Path) -> None:
    first = Service(Place(tmp_path), master_key=KEY)
    hook = webhook(first, first.company())
    first.close()
    hook.service = Service(Place(tmp_path), first.clock, master_key=OTHER_KEY, accept_new_master_key=True)
    assert hook.fire().status_code == 401
    rotated = ok(hook.service.board.post(f"/routine-triggers/{hook.trigger['id']}/rotate-secret"))
    hook.secret = rotated["secretMaterial"]["webhookSecret"]
    ok(hook.fire(), 202)
    hook.service.close()


@pytest.mark.parametrize("key", ["x", "not base64!", base64.b64encode(bytes(31)).decode(), "ü", KEY + KEY])
def test_a_key_is_32_bytes_in_base64(tmp_path: Path, key: str) -> None:
    with pytest.raises(MasterKeyError, match="ROUTINES_MASTER_KEY"):
        Service(Place(tmp_path / "configured"), master_key=key)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "master.key").write_text(key, encoding="utf-8")
    with pytest.raises(MasterKeyError, match=r"master\.key"):
        Service(Place(tmp_path / "data"))


def test_the_data_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    Service(Place(tmp_path / "a" / "b")).close()
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_a_data_folder_has_one_server(tmp_path: Path) -> None:
    first = Service(Place(tmp_path))
    with pytest.raises(DatabaseInUseError):
        Service(Place(tmp_path))
    first.close()
    Service(Place(tmp_path)).close()


def test_a_database_newer_than_the_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    Service(Place(tmp_path)).close()
    file = tmp_path / "routines.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    before = file.read_bytes()
    with pytest.raises(DatabaseTooNewError, match="newer than this program"):
        Service(Place(tmp_path))
    assert file.read_bytes() == before


def test_a_database_url_names_the_file(tmp_path: Path) -> None:
    Service(Place(tmp_path / "data", f"sqlite:///{tmp_path}/other.db")).close()
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "data" / "routines.db").exists()


@pytest.mark.parametrize("url", ["", "x", "mysql://localhost/x", "sqlite://", "http://127.0.0.1"])
def test_a_database_url_of_another_kind_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(DatabaseUrlError) as refused:
        Service(Place(tmp_path, url))
    assert isinstance(refused.value, RoutinesError)
    assert repr(url) in refused.value.sentence


def test_history_is_kept_for_ever_unless_an_age_is_given() -> None:
    assert from_environment({"ROUTINES_RETENTION_DAYS": ""}).retention is None
    assert from_environment({"ROUTINES_RETENTION_DAYS": "30"}).retention == timedelta(days=30)


@pytest.mark.parametrize("token", ["x" * 15, "two words of a token", "tökens-are-ascii"])
def test_a_token_for_metrics_that_nobody_could_send_or_anybody_guess_is_refused(token: str) -> None:
    with pytest.raises(SettingsError, match=r"^ROUTINES_METRICS_TOKEN .* 16 or more letters") as refused:
        Settings(metrics_token=token).check()
    assert token not in refused.value.sentence


@pytest.mark.parametrize("days", ["1", "0", "-1", "2.5", "x", "nan", "1e9"])
def test_an_age_at_which_a_replay_would_be_forgotten_is_refused(days: str) -> None:
    with pytest.raises(SettingsError, match="ROUTINES_RETENTION_DAYS"):
        from_environment({"ROUTINES_RETENTION_DAYS": days})


@pytest.mark.parametrize(
    "settings",
    [
        {"ROUTINES_SMTP_URL": "smtp://mail.example.com"},
        {"ROUTINES_MAIL_FROM": "routines@example.com"},
        {"ROUTINES_SMTP_URL": "mail.example.com:25", "ROUTINES_MAIL_FROM": "routines@example.com"},
        {"ROUTINES_SMTP_URL": "smtp://mail.example.com:x", "ROUTINES_MAIL_FROM": "routines@example.com"},
        {"ROUTINES_SMTP_URL": "smtp://ada:hunter2@mail.example.com", "ROUTINES_MAIL_FROM": "routines@example.com"},
        {"ROUTINES_SMTP_URL": "smtps://mail.example.com", "ROUTINES_MAIL_FROM": "a@b\r\nBcc: c@d"},
        {"ROUTINES_SMTP_URL": "smtps://ada:25#hunter2@mail.example.com", "ROUTINES_MAIL_FROM": "a@b"},
        {"ROUTINES_SMTP_URL": "smtps://ada:hunter2%C3%BC@mail.example.com", "ROUTINES_MAIL_FROM": "a@b"},
        {"ROUTINES_SMTP_URL": "smtps://ad%C3%A4:hunter2@mail.example.com", "ROUTINES_MAIL_FROM": "a@b"},
        {"ROUTINES_SMTP_URL": "smtps://ada:hunter2@mail..example.com", "ROUTINES_MAIL_FROM": "a@b"},
        {"ROUTINES_SMTP_URL": f"smtps://ada:hunter2@{'m' * 64}.example.com", "ROUTINES_MAIL_FROM": "a@b"},
    ],
)
def test_a_mail_server_is_whole_and_keeps_its_password(settings: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"ROUTINES_SMTP_URL|ROUTINES_MAIL_FROM") as refused:
        from_environment(settings)
    assert "hunter2" not in str(refused.value)
