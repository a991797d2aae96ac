"""A crontab as routines: what a line becomes, and what is said of a line that cannot be taken as it is."""

from __future__ import annotations

import pytest

from routines.code.crontab import read_crontab
from routines.core.zones import ZoneError

WHOLE = r"""
# A header, which is nobody's.

SHELL=/bin/bash
MAILTO = "ops@example.com"
TOKEN=hush
TZ="Europe/Berlin"
# Back up the shop
# The key is with the agent.
0 3 * * 1-5   /usr/bin/backup --day $(date +\%F)%first%second
#30 4 * * * /usr/bin/old
@Weekly	tidy ```up```
CRON_TZ=Nowhere/At_All
  5 4 * * sun  tidy ```up```
"""


def test_lines_become_routines() -> None:
    found = read_crontab(WHOLE)
    backup, weekly, sunday = found.jobs
    assert (backup.key, backup.title, backup.cron_expression) == ("back-up-the-shop", "Back up the shop", "0 3 * * 1-5")
    assert {each.timezone for each in found.jobs} == {"Europe/Berlin"}
    assert backup.description == (
        "The key is with the agent.\n\nRun this command:\n\n```sh\n/usr/bin/backup --day $(date +%F)\n```\n\n"
        "with this on its standard input:\n\n```\nfirst\nsecond\n```\n"
    )
    assert (weekly.key, sunday.key, weekly.cron_expression) == ("tidy-up", "tidy-up-2", "@Weekly")
    assert "````sh\ntidy ```up```\n````" in weekly.description
    assert [str(each).partition(":")[0] for each in found.remarks] == [f"line {n}" for n in (4, 5, 6, 11, 13)]
    assert "hush" not in "".join(map(str, found.remarks))
    assert found.is_whole


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("@reboot warm-up", "@reboot is no time"),
        ("61 * * * * x", "Cron minute '61'"),
        ("0 0 31 2 * x", "never"),
        ("* * * * *", "this is no line of a crontab"),
        ("@daily", "this is no line of a crontab"),
        ("@every_minute x", "@every_minute"),
        ("nonsense", "this is no line of a crontab"),
        ("@daily %first%second", "its command begins with %"),
    ],
)
def test_a_line_that_cannot_be_a_routine_is_left_out_and_said(line: str, told: str) -> None:
    found = read_crontab(f"CRON_TZ=UTC\n{line}\n")
    [remark] = found.remarks
    assert (found.jobs, remark.line, remark.is_left_out, found.is_whole) == ((), 2, True, False)
    assert told in remark.message


def test_a_system_crontab_names_a_user() -> None:
    line = "17 * * * *\troot\tcd / && run-parts --report /etc/cron.hourly\n"
    [job] = read_crontab(line, system=True, timezone="Europe/Berlin").jobs
    assert job.title == "cd / && run-parts --report /etc/cron.hourly"
    assert "Run this command as the user `root`:" in job.description
    for_users = read_crontab(line)
    assert for_users.jobs[0].title.startswith("root")
    assert [each.line for each in for_users.remarks] == [1, 1], "of its zone, and of the user"
    assert not read_crontab("17 * * * * root\n", system=True).is_whole
    with pytest.raises(ZoneError):
        read_crontab("", timezone="Berlin")
