"""Promises of `routines.core.zones`: every IANA name gives its zone, and everything else a sentence.

What a zone does to a schedule belongs to the tests of `routines.core.cron`.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routines.core.zones import ZONE_DATA_VERSION, ZONE_NAMES, ZoneError, zone

if TYPE_CHECKING:
    from pathlib import Path


def test_every_name_gives_the_zone_of_that_name() -> None:
    for name in ZONE_NAMES:
        assert zone(name).key == name
        assert zone(name) is zone(name)


def test_the_names_include_those_that_people_use() -> None:
    assert {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT-14", "EST5EDT"} <= ZONE_NAMES


def test_the_machine_s_own_zone_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "Asia").mkdir()
    (tmp_path / "Asia/Kolkata").write_bytes(files("tzdata").joinpath("zoneinfo/UTC").read_bytes())
    program = (
        "import datetime, routines.core.zones as z; print(z.zone('Asia/Kolkata').utcoffset(datetime.datetime.min))"
    )
    said = subprocess.check_output(  # noqa: S603 - a program of our own
        [sys.executable, "-c", program], env={"PYTHONTZPATH": str(tmp_path)}, text=True
    )
    assert said == "5:53:28\n"  # the sun's time of long ago; in the file above it is 0


def test_the_version_of_the_rules_is_known() -> None:
    assert ZONE_DATA_VERSION >= "2025b"


def changes_of_offset(name: str) -> list[int]:
    """When the clocks of a zone change, in seconds since the epoch, as its file lists it (RFC 9636, section 3)."""
    data = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    for size in (4, 8):  # a block for old readers comes first
        utc, standard, leaps, times, kinds, letters = struct.unpack(">20x6l", data[:44])
        block, data = (
            data[44:],
            data[44 + times * (size + 1) + kinds * 6 + letters + leaps * (size + 4) + standard + utc :],
        )
    begins = struct.unpack(f">{times}q", block[: 8 * times])
    offsets = [offset for offset, _, _ in struct.iter_unpack(">lBB", block[9 * times : 9 * times + 6 * kinds])]
    kept = [offsets[0], *(offsets[kind] for kind in block[8 * times : 9 * times])]
    return [begin for begin, (before, after) in zip(begins, pairwise(kept), strict=True) if before != after]


def test_no_zone_changes_its_offset_twice_within_days() -> None:
    """What looks for changes of offset goes by strides of a day."""
    assert changes_of_offset("Europe/Berlin")[-1] > 0
    pauses = [later - sooner for name in ZONE_NAMES for sooner, later in pairwise(changes_of_offset(name))]
    assert min(pauses) > 6 * 86_400


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "Mars/Olympus",
        "UTC ",
        "+02:00",
        "Factory",
        "localtime",
        "posixrules",
        "posix/Europe/Berlin",
        "right/Europe/Berlin",
        "Europe",
        "Europe/",
        "Europe//Berlin",
        "Europe/Berlin/",
        "/Europe/Berlin",
        "/etc/localtime",
        "../zoneinfo/UTC",
        "Europe/../UTC",
        "./UTC",
        "C:\\UTC",
        "tzdata.zi",
        "__init__.py",
        "UTC\0",
        "UTC\n",
        "Zürich",
        "Eu\udcffrope",
    ],
)
def test_what_is_no_name_is_refused_with_its_value_and_an_example(name: str) -> None:
    with pytest.raises(ZoneError) as refusal:
        zone(name)
    assert repr(name) in refusal.value.sentence
    assert "'Europe/Berlin'" in refusal.value.sentence
    refusal.value.sentence.encode()


def test_a_name_in_another_case_is_told_its_own() -> None:
    with pytest.raises(ZoneError, match="'America/New_York'"):
        zone("america/new_york")


def test_a_huge_name_is_refused_without_repeating_it() -> None:
    with pytest.raises(ZoneError) as refusal:
        zone("x" * 1_000_000)
    assert len(refusal.value.sentence) < 200


@given(st.text())
def test_any_text_is_a_zone_or_a_zone_error(name: str) -> None:
    try:
        assert zone(name).key == name
    except ZoneError:
        assert name not in ZONE_NAMES
