"""Wheels of the packages that are installed beside the tests, so that installing is tried without any index.

What is installed from them, and how, is the tests' own affair.
"""

from __future__ import annotations

from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_STORED, ZipFile

from packaging.requirements import Requirement
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name

MADE_BY_INSTALLERS = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"})


class _Wanted(NamedTuple):
    """A package, and which of its extras."""

    name: str
    extras: frozenset[str]


def fill(folder: Path, requirements: list[str]) -> list[str]:
    """Write a wheel of every package that the requirements need, directly or not; the names of those packages.

    A package that is needed and is not installed here, or in no fitting version, is an error.
    """
    named: set[str] = set()
    seen: set[_Wanted] = set()
    waiting = _that_count(requirements, frozenset())
    while waiting:
        requirement = waiting.pop()
        wanted = _Wanted(canonicalize_name(requirement.name), frozenset(requirement.extras))
        if wanted in seen:
            continue
        seen.add(wanted)
        installed = distribution(requirement.name)
        assert requirement.specifier.contains(installed.version, prereleases=True), f"{requirement} is not met"
        if wanted.name not in named:
            _pack(installed, folder)
            named.add(wanted.name)
        waiting += _that_count(installed.requires or [], wanted.extras)
    return sorted(named)


def _that_count(requirements: list[str], extras: frozenset[str]) -> list[Requirement]:
    """The requirements that hold here, with these extras of whoever requires."""
    read = map(Requirement, requirements)
    return [
        each
        for each in read
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras | {""})
    ]


def _pack(installed: Distribution, folder: Path) -> None:
    """Write the wheel that a package was installed from, less what only an installer writes."""
    described = installed.read_text("WHEEL")
    assert described is not None
    tags = [line.removeprefix("Tag: ") for line in described.splitlines() if line.startswith("Tag: ")]
    name = canonicalize_name(installed.name).replace("-", "_")
    with ZipFile(folder / f"{name}-{installed.version}-{_in_one(tags)}.whl", "w", ZIP_STORED) as wheel:
        record = []
        for file in installed.files or ():
            if ".." in file.parts or file.suffix == ".pyc":  # programs, which the installer makes of entry points
                continue
            if file.parent.suffix == ".dist-info" and file.name in MADE_BY_INSTALLERS:
                if file.name == "RECORD":
                    record_path = str(file)
                continue
            wheel.write(str(file.locate()), str(file))
            record.append(f"{file},,\n")
        wheel.writestr(record_path, "".join([*record, f"{record_path},,\n"]))


def _in_one(tags: list[str]) -> str:
    """The tags of a wheel as its file's name has them."""
    each: set[Tag] = set().union(*map(parse_tag, tags))
    parts = ({tag.interpreter for tag in each}, {tag.abi for tag in each}, {tag.platform for tag in each})
    return "-".join(".".join(sorted(part)) for part in parts)
