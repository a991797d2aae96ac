"""An agent as a real process, which notes when it begins and ends, and who else works on the same at that moment.

It is run by its path with the standard library alone; tests import it to read the notes. While it lives it holds a
lock on its issue and one on itself, which the system lets go of when it dies, however it does.

What it does is told by its environment: `NOTES` is the folder of its notes, `SECONDS` how long it works, `ENDS` words
of which it chooses one by its run: `done` and `blocked` close the issue so, `left` leaves it as it is, `failed` exits
with 1, and `never` ends only when it is ended. In `first,later` the words before the comma are for whoever is the first
to begin that issue.
"""

import fcntl
import os
import random
import socket
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

NOTES_FILE = "notes"
OK = 200
UNAUTHORIZED = 401
TRIES_SECONDS_MAX = 20
COMMAND = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]


class Note(NamedTuple):
    """What an agent's process noted; `at` is on the machine's monotonic clock, which is one for all processes."""

    what: str
    run: str
    issue: str
    agent: str
    pid: int
    at: float


def notes(folder: Path) -> list[Note]:
    """All that was noted, in order."""
    try:
        lines = (folder / NOTES_FILE).read_text().splitlines()
    except FileNotFoundError:
        return []
    parts = (line.split() for line in lines)
    return [Note(what, run, issue, agent, int(pid), float(at)) for what, run, issue, agent, pid, at in parts]


def together(noted: list[Note]) -> Iterator[str]:
    """Where two processes worked at the same time on one issue, or as one agent that is one at a time."""
    for note in noted:
        if note.what.startswith("beside-"):
            yield f"doubled: process {note.pid} of run {note.run} began while another held {note.what[7:]}"
    spans: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    ends = {note.run: note.at for note in noted if note.what == "end"}
    for note in noted:
        if note.what == "begin" and note.run in ends:
            spans[note.agent].append((note.at, ends[note.run]))
    for agent, each in spans.items():
        each.sort()
        for (_, end), (begin, _) in pairwise(each):
            if begin < end:
                yield f"doubled: agent {agent} was at work twice at {begin}"
    for run, times in Counter(note.run for note in noted if note.what == "begin").items():
        if times > 1:
            yield f"doubled: run {run} was started {times} times"


def main() -> int:
    """Work as the environment says; the exit status."""
    folder = Path(os.environ["NOTES"])
    run, agent = os.environ["PAPERCLIP_RUN_ID"], os.environ["PAPERCLIP_AGENT_ID"]
    issue = os.environ.get("PAPERCLIP_TASK_ID", "none")

    def note(what: str) -> None:
        line = f"{what} {run} {issue} {agent} {os.getpid()} {time.monotonic()}\n"
        file = os.open(folder / NOTES_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, line.encode())
        os.close(file)

    held: list[IO[str]] = []
    for what in (issue, agent):
        held.append((folder / f"{what}.lock").open("a"))
        try:
            fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(f"beside-{what}")
    begun_before = (folder / f"{issue}.begun").exists()
    (folder / f"{issue}.begun").touch()
    note("begin")
    words = os.environ.get("ENDS", "done")
    first, _, later = words.partition(",")
    word = random.Random(run).choice((later if later and begun_before else first).split())  # noqa: S311 - repeatable
    if word == "never":
        time.sleep(600)
    time.sleep(float(os.environ.get("SECONDS", "0")))
    if word in {"done", "blocked"} and issue != "none":
        status = tell(issue, word)
        if status != OK:
            note(f"refused-{status}")
            return 4
        note(f"closed-{word}")
    note("end")
    return 1 if word == "failed" else 0


def tell(issue: str, word: str) -> int:
    """Close the issue; the status of the answer. Like curl without the time that it takes to load http.client."""
    host, _, port = os.environ["PAPERCLIP_API_URL"].removeprefix("http://").partition(":")
    body = f'{{"status": "{word}", "comment": "As asked."}}'.encode()
    head = (
        f"PATCH /api/issues/{issue} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {os.environ['PAPERCLIP_API_KEY']}\r\n"
        f"X-Paperclip-Run-Id: {os.environ['PAPERCLIP_RUN_ID']}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    give_up_at = time.monotonic() + TRIES_SECONDS_MAX
    while True:
        status = 0
        try:
            with socket.create_connection((host, int(port)), timeout=10) as line:
                line.sendall(head.encode() + body)
                answer = b""
                while part := line.recv(65_536):
                    answer += part
            status = int(answer.split(b" ", 2)[1])
        except (OSError, IndexError):
            pass  # it is being started anew
        if status in {OK, UNAUTHORIZED} or 400 <= status < 500 or time.monotonic() > give_up_at:
            return status
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
