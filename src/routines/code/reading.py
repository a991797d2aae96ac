"""Files and folders to the one set of routines that they declare, checked as far as that goes without the service.

Names of agents, projects and the like are looked up in `resolving`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from routines.code.checking import checked
from routines.code.document import (
    DEFAULT_SET,
    KEY_PATTERN,
    AnyTrigger,
    Defaults,
    RoutinesDocument,
    ScheduleTrigger,
    WrittenRoutine,
)
from routines.code.faults import FileFault, FilesError, Place
from routines.code.yaml_text import Part, read_yaml
from routines.core import cron
from routines.core.cron import CronError, ZoneError
from routines.core.errors import RoutinesError
from routines.core.limits import FILE_BYTES_MAX, FILE_KEY_CHARACTERS_MAX, FILES_MAX, ROUTINES_IN_FILES_MAX

STDIN = "-"
ENDINGS = {".yaml", ".yml"}
"""Of the files that are taken from a folder."""
UTC = "UTC"


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text, under the name by which it was asked for."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class DeclaredRoutine:
    """A routine as its file says it, with the places of its fields and the defaults that stand above it."""

    written: WrittenRoutine
    part: Part
    defaults: Defaults

    def place(self, *way: str | int) -> Place:
        """Where something of it stands, or the nearest thing around that."""
        part = self.part
        for step in way:
            part = part.members.get(step, part)
        return part.place

    def timezone(self, trigger: ScheduleTrigger) -> str:
        """The zone of one of its schedules."""
        return trigger.timezone or self.defaults.timezone or UTC


@dataclass(frozen=True, slots=True)
class DeclaredSet:
    """All that the files say: which routines of a set there should be, and of which company."""

    name: str
    company: str | None
    routines: tuple[DeclaredRoutine, ...]
    is_named: bool = True
    """Whether somebody said the name, and it is not only the default."""


class SetNameError(RoutinesError):
    """A text cannot be the name of a set."""


def checked_set_name(name: str) -> str:
    """The name of a set as it is; raises `SetNameError` for one that no file could say."""
    if len(name) > FILE_KEY_CHARACTERS_MAX or re.fullmatch(KEY_PATTERN, name) is None:
        raise SetNameError(
            f"{name[:FILE_KEY_CHARACTERS_MAX]!r} is no name of a set, which is made of a to z, 0 to 9, dots, strokes "
            f"and underscores, begins with a letter or digit, and has at most {FILE_KEY_CHARACTERS_MAX} characters"
        )
    return name


def key_of(trigger: AnyTrigger) -> str:
    """What a trigger is known by in its routine."""
    return trigger.key or trigger.kind


def sources(paths: Iterable[str], standard_input: Callable[[], bytes]) -> list[Source]:
    """The texts of files, of all YAML files in folders, and of standard input for `-`.

    Raises `FilesError` for what cannot be read, is too large, or holds no file at all.
    """
    found: list[Source] = []
    for path in dict.fromkeys(paths):
        named = [path] if path == STDIN else [str(each) for each in _files(Path(path))]
        for name in named:
            if len(found) == FILES_MAX:
                raise FilesError([FileFault(Place(path), f"More than {FILES_MAX} files; is this the right folder?")])
            found.append(Source("standard input" if name == STDIN else name, _text(name, standard_input)))
    return found


def declared_set(read: Sequence[Source], set_name: str | None = None) -> DeclaredSet:
    """The set that all sources together declare; raises `FilesError` with everything that is wrong with any of them.

    Raises `SetNameError` for a `set_name` that is none.
    """
    if set_name is not None:
        checked_set_name(set_name)
    faults: list[FileFault] = []
    documents: list[tuple[RoutinesDocument, Part]] = []
    for source in read:
        try:
            text = source.text.replace("\t", " ") if source.name.endswith(".json") else source.text
            documents.extend((checked(part), part) for part in read_yaml(text, source.name))
        except FilesError as error:
            faults.extend(error.faults)
    routines = tuple(_routines(documents))
    faults.extend(_disagreements(documents, set_name))
    faults.extend(_twice(routines))
    for routine in routines:
        faults.extend(_schedules(routine))
    if len(routines) > ROUTINES_IN_FILES_MAX:
        faults.append(FileFault(Place(read[0].name), f"More than {ROUTINES_IN_FILES_MAX} routines in one set"))
    if faults:
        raise FilesError(faults)
    if not documents:
        names = ", ".join(each.name for each in read)
        raise FilesError([FileFault(Place(names), "There is nothing here; a set without routines says `routines: []`")])
    named = next((document.set for document, _ in documents if document.set), None)
    company = next((document.company for document, _ in documents if document.company), None)
    chosen = set_name or named
    return DeclaredSet(chosen or DEFAULT_SET, company, routines, is_named=chosen is not None)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(
        each
        for each in path.rglob("*")
        if each.suffix in ENDINGS and each.is_file() and not _is_hidden(each.relative_to(path))
    )
    if not found:
        raise FilesError([FileFault(Place(str(path)), "No file in this folder ends with .yaml or .yml")])
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _text(name: str, standard_input: Callable[[], bytes]) -> str:
    place = Place("standard input" if name == STDIN else name)
    try:
        if name == STDIN:
            content = standard_input()
        else:
            with Path(name).open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise FilesError([FileFault(place, f"It is larger than {FILE_BYTES_MAX} bytes; make several files of it")])
        return content.decode("utf-8-sig")
    except OSError as error:
        raise FilesError([FileFault(place, f"It cannot be read: {error.strerror or error}")]) from None
    except UnicodeDecodeError:
        raise FilesError([FileFault(place, "It is not in UTF-8")]) from None


def _routines(documents: Iterable[tuple[RoutinesDocument, Part]]) -> Iterator[DeclaredRoutine]:
    for document, part in documents:
        for number, written in enumerate(document.routines):
            yield DeclaredRoutine(written, part.members["routines"].members[number], document.defaults)


def _disagreements(documents: Sequence[tuple[RoutinesDocument, Part]], set_name: str | None) -> Iterator[FileFault]:
    """Documents that name another set or company than one before them."""
    for name, first in (("set", set_name), ("company", None)):
        agreed = first
        for document, part in documents:
            said = getattr(document, name)
            agreed = agreed or said
            if said not in {None, agreed}:
                message = f"The files of one apply are of one {name}, and this one says {said!r} instead of {agreed!r}"
                yield FileFault(part.members[name].place, message)


def _twice(routines: Sequence[DeclaredRoutine]) -> Iterator[FileFault]:
    """Keys and ids that stand for more than one thing."""
    seen: dict[tuple[str, str], Place] = {}
    for routine in routines:
        within = f"{routine.written.key}/"
        named = [("key", routine.written.key, routine.place("key"))]
        named += [("id", routine.written.id.lower(), routine.place("id"))] if routine.written.id else []
        for number, trigger in enumerate(routine.written.triggers):
            at = routine.place("triggers", number)
            named.append(("key", within + key_of(trigger), at))
            named += [("id", trigger.id.lower(), at)] if trigger.id else []
        for kind, name, place in named:
            first = seen.setdefault((kind, name), place)
            if first is not place:
                what = "trigger" if name.startswith(within) else kind
                help_ = "; give each trigger a `key` of its own" if name.startswith(within) else ""
                yield FileFault(place, f"The {what} {name!r} is there already, at {first}{help_}")


def _schedules(routine: DeclaredRoutine) -> Iterator[FileFault]:
    """Schedules that can never fire, as the service would tell them."""
    for number, trigger in enumerate(routine.written.triggers):
        if not isinstance(trigger, ScheduleTrigger):
            continue
        try:
            cron.parse(trigger.cron_expression, routine.timezone(trigger))
        except CronError as error:
            yield FileFault(routine.place("triggers", number, "cronExpression"), error.sentence)
        except ZoneError as error:
            yield FileFault(routine.place("triggers", number, "timezone"), error.sentence)
