"""Pages lead where they say, and name commands, flags and settings that there are, with the defaults that they have."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from routines.cli.main import app
from routines.settings import Settings, from_environment
from support.documents import NAMES, REPOSITORY, all_examples, anchors_of, code_of, links_of, rows_of

SETTINGS = "docs/reference/settings.md"
ELSEWHERE = ("http://", "https://", "mailto:")
# Quoted where it is read, in brackets where a flag's help names it.
VARIABLE = re.compile(r"""["\[](ROUTINES_[A-Z_]*[A-Z])["\]]""")
SHELL_CALL = re.compile(r"(?:^|/bin/|\| )routines (?=[a-z-])(.*)", re.MULTILINE)
# A default that stands at the beginning of its cell is one to the letter; others are told in words.
LITERALS = re.compile(r"(?:`[^`]+`(?:, )?)*")
COMMANDS = get_command(app)


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page: str) -> None:
    for link in links_of(page):
        if link.startswith(ELSEWHERE):
            continue
        path, _, anchor = link.partition("#")
        target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors_of(str(target.resolve().relative_to(REPOSITORY))), link


def test_the_index_of_the_documentation_leads_to_every_page() -> None:
    folder = REPOSITORY / "docs"
    reached = {(folder / link.partition("#")[0]).resolve() for link in links_of("docs/README.md")}
    for page in NAMES:
        if page.startswith("docs/") and page != "docs/README.md" and not page.startswith("docs/decisions/"):
            assert REPOSITORY / page in reached, f"docs/README.md does not lead to {page}"


def test_pages_name_commands_and_flags_that_there_are() -> None:
    examples = [each.text.replace("\\\n", " ") for each in all_examples() if each.language == "sh"]
    now = [page for page in NAMES if not page.startswith("docs/decisions/")]  # what was chosen then is told as of then
    said = [*examples, *(code for page in now for code in code_of(page) if code.startswith("routines "))]
    calls = [call for text in said for call in SHELL_CALL.findall(text)]
    assert len(calls) > 10
    for call in calls:
        assert_there_is(shlex.split(call, comments=True))


def assert_there_is(words: list[str]) -> None:
    """That a call's words name a command of the program, and options of it."""
    command = COMMANDS
    left = list(words)
    while isinstance(command, TyperGroup) and left and not left[0].startswith("-"):
        name = left.pop(0)
        assert name in command.commands, f"there is no `routines {name}`: {words}"
        command = command.commands[name]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in left:
        if word in {"|", ";", "&", "&&", ">"}:
            break
        if word.startswith("--"):
            assert word.partition("=")[0] in {*options, "--help"}, f"{command.name} has no {word}: {words}"


def variables() -> set[str]:
    """The variables that the program reads."""
    sources = (REPOSITORY / "src").rglob("*.py")
    return {name for source in sources for name in VARIABLE.findall(source.read_text(encoding="utf-8"))}


def flags() -> dict[str, str]:
    """The variables that the help of commands names, each with its flag."""
    found = {}
    waiting = [COMMANDS]
    while waiting:
        command = waiting.pop()
        waiting += command.commands.values() if isinstance(command, TyperGroup) else []
        for parameter in command.params:
            if named := re.search(r"\[(ROUTINES_\w+)\]", getattr(parameter, "help", None) or ""):
                found[named[1]] = parameter.opts[0]
    return found


def settings_of(page: str) -> list[tuple[str, str, str]]:
    """The flag, the variable and the default of each setting in a page's tables."""
    found = []
    for cells in rows_of(page):
        written, names = (re.findall(r"`([^`]+)`", cell) for cell in cells[:2])
        if len(cells) > 2 and all(name.startswith("ROUTINES_") for name in names):
            defaults = re.findall(r"`([^`]+)`", "".join(LITERALS.findall(cells[2])[:1]))
            for number, name in enumerate(names):
                flag = written[number] if number < len(written) else ""
                found.append((flag, name, defaults[number] if number < len(defaults) else ""))
    return found


def test_the_page_of_settings_has_every_variable_that_the_program_reads() -> None:
    named = [name for _, name, _ in settings_of(SETTINGS)]
    assert sorted(named) == sorted(variables())


@pytest.mark.parametrize("page", ["README.md", SETTINGS])
def test_settings_have_the_flags_that_a_page_gives_them(page: str) -> None:
    there_are = flags()
    rows = settings_of(page)
    assert len(rows) >= 10
    for flag, name, _ in rows:
        assert flag == there_are.get(name, ""), name


@pytest.mark.parametrize("page", ["README.md", SETTINGS])
def test_a_default_that_a_page_names_is_the_default(page: str) -> None:
    checked = 0
    for _, name, default in settings_of(page):
        if default:
            assert from_environment({name: default}) == Settings(), f"{name} is not {default} when nobody sets it"
            checked += 1
    assert checked > 3
