"""Files of routines, read strictly: what is wrong is told with its place, all of it at once, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from file_schema import written
from routines.code.exporting import to_yaml
from routines.code.faults import FilesError
from routines.code.reading import DeclaredSet, Source, declared_set, sources
from routines.code.yaml_text import read_yaml
from routines.core.limits import FILE_BYTES_MAX

DOCS = Path(__file__).parents[2] / "docs"
ONE = "routines:\n- key: a\n  title: A\n  agent: Ada\n  project: Web\n"


def read(*texts: str, set_name: str | None = None) -> DeclaredSet:
    """The set that these texts declare."""
    return declared_set([Source(f"{n}.yaml", text) for n, text in enumerate(texts)], set_name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ONE + "  titel: B\n", "0.yaml:6:3: `titel` is no field; is `title` meant?"),
        (ONE + "  assigneeAgentId: x\n", "0.yaml:6:3: `assigneeAgentId` is no field; is `agent` meant?"),
        (ONE + "  title: B\n", "0.yaml:6:3: `title` stands here twice, first in line 3"),
        (ONE + "  priority: urgent\n", "0.yaml:6:13: `priority` is one of 'critical', 'high', 'medium' or 'low'"),
        (
            ONE + "  status: archived\n",
            "0.yaml:6:11: `status` is one of 'active' or 'paused'; to archive a routine, take",
        ),
        (ONE + "  goal: 7\n", "0.yaml:6:9: `goal` is a text; write '7'"),
        (ONE.replace("key: a", "key: A b"), "0.yaml:2:8: `key` is made of a to z"),
        (ONE.replace("title: A", "title: ' '"), "0.yaml:3:10: `title` has at least 1 characters"),
        (ONE.replace("title: A\n", "title: yes\n"), "0.yaml:3:10: yes without quotes is not read alike"),
        (ONE.replace("title: A\n", "title: 012\n"), "0.yaml:3:10: 012 without quotes is not read alike"),
        (ONE.replace("title: A\n", "title: 1:30\n"), "0.yaml:3:10: 1:30 without quotes is not read alike"),
        (ONE.replace("title: A\n", "title: 2026-01-01\n"), "0.yaml:3:10: 2026-01-01 without quotes"),
        (ONE.replace("title: A\n", 'title: "\\0"\n'), "0.yaml:3:10: The character NUL"),
        (ONE + "  on: x\n", "0.yaml:6:3: on without quotes is not read alike"),
        (ONE + "  goal: &g x\n", "0.yaml:6:9: Anchors and aliases are not read here"),
        (ONE + "  goal: !!python/name:os.system x\n", "0.yaml:6:9: x without quotes is not read alike"),
        (ONE + "  triggers: [{kind: carrier}]\n", "0.yaml:6:14: A trigger's `kind` is schedule, webhook or api"),
        (ONE + "  triggers:\n  - {kind: api, cronExpression: x}\n", "0.yaml:7:17: `cronExpression` is no field"),
        (
            ONE + "  triggers:\n  - {kind: schedule, cron: x}\n",
            "0.yaml:7:22: `cron` is no field; is `cronExpression` meant?",
        ),
        (
            ONE + "  triggers:\n  - kind: schedule\n    cronExpression: * * * * *\n",
            "0.yaml:8:22: This is no YAML. A cron",
        ),
        (ONE + "  triggers:\n  - kind: schedule\n    cronExpression: @daily\n", "0.yaml:8:21: This is no YAML. A cron"),
        (ONE + "  triggers:\n  - {kind: schedule, cronExpression: 0 0 31 2 *}\n", "0.yaml:7:38: "),
        (
            ONE + "  triggers:\n  - {kind: schedule, cronExpression: '@daily', timezone: berlin}\n",
            "0.yaml:7:58: Unknown time",
        ),
        (
            ONE + "  triggers:\n  - {kind: webhook, secret: x}\n",
            "0.yaml:7:21: `secret` looks like a secret, and no secret",
        ),
        (
            ONE + "  triggers: [{kind: api}, {kind: api}]\n",
            "0.yaml:6:27: The trigger 'a/api' is there already, at 0.yaml:6:14",
        ),
        (ONE + f"  description: whsec_{'a' * 40}\n", "0.yaml:6:16: A text that begins with 'whsec_' is a secret"),
        (ONE + "- key: a\n  title: B\n", "0.yaml:6:8: The key 'a' is there already, at 0.yaml:2:8"),
        (
            ONE + "  triggers: [{kind: webhook, replayWindowSec: 0}]\n",
            "0.yaml:6:47: `replayWindowSec` is at least ",
        ),
        (ONE + "  triggers: [{kind: webhook, replayWindowSec: a}]\n", "0.yaml:6:47: `replayWindowSec` is a whole"),
        ("- key: a\n", "0.yaml:1:1: What stands here is a mapping of names to values"),
        ("routines: [", "0.yaml:1:12: This is no YAML"),
        ("[" * 500, "0.yaml: Lists and mappings stand in each other more than"),
        ("", "0.yaml: There is nothing here"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(text: str, told: str) -> None:
    with pytest.raises(FilesError) as raised:
        read(text)
    first, *more = [str(fault) for fault in raised.value.faults]
    assert any(each.startswith(told) for each in (first, *more)), raised.value.sentence


def test_everything_wrong_in_all_files_is_told_at_once_in_order() -> None:
    with pytest.raises(FilesError) as raised:
        read(
            ONE + "  colour: red\n  shape: round\n",
            "company: B\nroutines: [{}]\n",
            "company: C\nset: b\nroutines: []\n",
        )
    assert [str(each.place) for each in raised.value.faults] == [
        "0.yaml:6:3",
        "0.yaml:7:3",
        "1.yaml:2:12",
        "1.yaml:2:12",
    ]
    with pytest.raises(
        FilesError, match=r"1\.yaml:1:10: The files of one apply are of one company.*'C' instead of 'B'"
    ):
        read("company: B\n" + ONE, "company: C\nroutines: []\n")
    with pytest.raises(FilesError, match="one set"):
        read("set: b\n" + ONE, set_name="c")


def test_several_documents_and_files_are_one_set(tmp_path: Path) -> None:
    found = read("set: web\n" + ONE + "---\n" + ONE.replace("key: a", "key: b"), ONE.replace("key: a", "key: c"))
    assert (found.name, [each.written.key for each in found.routines]) == ("web", ["a", "b", "c"])
    (tmp_path / "deep").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("b.yaml", "deep/a.yml", "note.txt", ".hidden/c.yaml"):
        (tmp_path / name).write_text(ONE, "utf-8")
    folder = sources([str(tmp_path), "-"], lambda: b"routines: []")
    assert [Path(each.name).name for each in folder] == ["b.yaml", "a.yml", "standard input"]
    tabs = declared_set([Source("a.json", '{"routines":\n\t[{"key": "a", "title": "\\ud83d\\ude00"}]}')])
    assert tabs.routines[0].written.title == "😀"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.yaml", b"\xff", "It is not in UTF-8"),
        ("a.yaml", b"#" * (FILE_BYTES_MAX + 1), "It is larger than"),
        ("missing.yaml", None, "It cannot be read: No such file"),
        ("folder/a.txt", b"", "No file in this folder ends with"),
    ],
)
def test_a_file_that_cannot_be_taken_is_told(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if content is not None:
        path.write_bytes(content)
    asked = path.parent if path.parent != tmp_path else path
    with pytest.raises(FilesError, match=told):
        sources([str(asked)], bytes)


@settings(max_examples=50)
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=120) | st.integers(0, 10**9), max_size=4))
def test_what_is_written_is_read_alike_here_and_by_other_programs(value: dict[str, str | int]) -> None:
    said = {
        name.replace("\0", ""): each.replace("\0", "") if isinstance(each, str) else each
        for name, each in value.items()
    }
    text = to_yaml(said)
    assert [part.value for part in read_yaml(text, "it")] == [said]
    assert yaml.safe_load(text) == said


def test_the_schema_for_editors_is_that_of_the_models() -> None:
    assert (DOCS / "routines.schema.json").read_text("utf-8") == written(), "run `make schema`"
