"""Profiles: the services that somebody works with, by name, in one file of the platform's configuration folder.

The file holds API keys, so only its owner may read it, and nothing here prints one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from secrets import token_hex
from typing import Any, Self

from platformdirs import user_config_path

from routines.cli.exits import NothingSuchError, WrongUseError

FILE_MODE = 0o600
FOLDER_MODE = 0o700
PROFILE_NAME_CHARACTERS_MAX = 64  # it is typed
FILE_BYTES_MAX = 1_000_000  # thousands of profiles; what is larger is some other file


@dataclass(frozen=True, slots=True)
class Profile:
    """A service, as whom it is called, and the company that is meant unless another is named."""

    server: str
    api_key: str = field(default="", repr=False)
    company: str = ""


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles of a person, and the name of the one in use; none is in use if that is empty."""

    path: Path
    in_use: str = ""
    by_name: Mapping[str, Profile] = field(default_factory=dict)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Those of the file, which need not be there; raises `WrongUseError` if it is no such file."""
        folder = environment.get("ROUTINES_CONFIG_DIR")
        path = (Path(folder) if folder else user_config_path("routines")) / "profiles.json"
        try:
            with path.open("rb") as file:
                content = json.loads(file.read(FILE_BYTES_MAX))
            return cls(
                path, _text(content["inUse"]), {name: _profile(each) for name, each in content["profiles"].items()}
            )
        except FileNotFoundError:
            return cls(path)
        except OSError as error:
            raise WrongUseError(f"The profiles in {path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise WrongUseError(f"{path} holds no profiles that can be read; mend it, or move it away") from None

    def named(self, name: str) -> Profile:
        """The profile of that name; raises `NothingSuchError`."""
        if name not in self.by_name:
            there = ", ".join(sorted(self.by_name)) or "none"
            raise NothingSuchError(f"There is no profile {name!r}; there are: {there}")
        return self.by_name[name]

    def current(self) -> Profile | None:
        """The profile in use, if one is."""
        return self.by_name.get(self.in_use)

    def with_profile(self, name: str, profile: Profile) -> Self:
        """These and that one, which is in use if it is the first."""
        if not name.strip() or len(name) > PROFILE_NAME_CHARACTERS_MAX or not name.isprintable():
            raise WrongUseError(
                f"{name[:PROFILE_NAME_CHARACTERS_MAX]!r} is no name of a profile, which has 1 to "
                f"{PROFILE_NAME_CHARACTERS_MAX} visible characters"
            )
        return replace(self, in_use=self.in_use or name, by_name={**self.by_name, name: profile})

    def without(self, name: str) -> Self:
        """These but for that one; raises `NothingSuchError`."""
        self.named(name)
        rest = {each: profile for each, profile in self.by_name.items() if each != name}
        return replace(self, in_use="" if self.in_use == name else self.in_use, by_name=rest)

    def using(self, name: str) -> Self:
        """These with that one in use; raises `NothingSuchError`."""
        self.named(name)
        return replace(self, in_use=name)

    def write(self) -> None:
        """Put them into the file, whole or not at all, readable by its owner alone."""
        content = {"inUse": self.in_use, "profiles": {name: asdict(each) for name, each in self.by_name.items()}}
        beside = self.path.with_name(f".profiles-{token_hex(4)}.json")
        try:
            self.path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(content, file, indent=2)
                beside.replace(self.path)
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            raise WrongUseError(f"The profiles cannot be written to {self.path}: {error.strerror}") from None


def _profile(content: Any) -> Profile:  # noqa: ANN401 - whatever stands in the file
    return Profile(**{each.name: _text(content[each.name]) for each in fields(Profile)})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
