"""Webhook deliveries against servers that come and go, and what became of each as its sender knows it.

A sender with an idempotency key tries again, elsewhere, until it is told that the fire is recorded; one without takes
what comes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from random import Random
from threading import Event, Thread
from typing import Any, Self

from support.ledger import Ledger

REPLY_SECONDS_MAX = 30
PAUSE_SECONDS = 0.01  # of a sender after each delivery, so that servers and not senders have the machine
ACCEPTED, REPLAY, AWAY = 202, 409, 503


@dataclass(frozen=True)
class Hook:
    """Where deliveries go, and with what they are signed."""

    routine_id: str
    public_id: str
    secret: str | None

    @property
    def path(self) -> str:
        """Below a server's address."""
        return f"/api/routine-triggers/public/{self.public_id}/fire"


@dataclass
class Sent:
    """One delivery, however often it was sent; its number is in its payload."""

    number: str
    hook: Hook
    key: str | None
    headers: dict[str, str]
    body: bytes
    run_ids: set[str] = field(default_factory=set)
    is_there: bool = False
    """Whether a server has said that it is recorded."""


class Load:
    """Senders that deliver between `with` and its end; then every delivery with a key is told to be recorded."""

    def __init__(
        self, ports: Sequence[int], hooks: Sequence[Hook], seed: str, *, senders: int, now: Callable[[], float]
    ) -> None:
        self._ports = ports
        self._hooks = hooks
        self._now = now
        self._ended = Event()
        self._insisting = True
        self.sent: list[Sent] = []
        self.answers: Counter[int] = Counter()
        self.cut_off = 0
        self.unexpected: list[str] = []
        self._threads = [
            Thread(target=self._deliver, args=(number, f"{seed} sender {number}"), name=f"sender-{number}")
            for number in range(senders)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def give_up(self) -> None:
        """From now on try nothing twice: there is no other server, and this one does not come back."""
        self._insisting = False

    def findings(self, ledger: Ledger) -> Iterator[str]:
        """What the ledger has lost or doubled of what was delivered, and answers that nobody should get."""
        yield from self.unexpected
        runs: defaultdict[str, list[str]] = defaultdict(list)
        for run in ledger.runs:
            if run.source.value == "webhook":
                runs[json.loads(run.trigger_payload).get("number")].append(run.id)
        for sent in self.sent:
            there = runs.pop(sent.number, [])
            name = f"delivery {sent.number} ({'with' if sent.key else 'without'} a key)"
            if len(there) > 1:
                yield f"doubled: {name} has runs {there}"
            if not there and sent.is_there:
                yield f"lost: {name} was answered {ACCEPTED} or {REPLAY} and has no run"
            if sent.run_ids - set(there):
                yield f"lost: {name} was answered with {sent.run_ids}, and what is there is {there}"
            if self._insisting and sent.key is not None and not sent.is_there:
                yield f"lost: {name} was never accepted"
        for number, there in runs.items():
            yield f"doubled: runs {there} of delivery {number}, which nobody sent"

    def _deliver(self, sender: int, seed: str) -> None:
        rng = Random(seed)  # noqa: S311 - chosen to be repeatable
        connections = {port: HTTPConnection("127.0.0.1", port, timeout=REPLY_SECONDS_MAX) for port in self._ports}
        count = 0
        while not self._ended.is_set():
            sent = self._new(f"{sender}-{count}", rng)
            count += 1
            self.sent.append(sent)
            tries = None if sent.key is not None and self._insisting else 1
            if sent.key is None and sent.hook.secret is not None and rng.random() < 0.5:
                tries = 3  # the same signed request again is at most a replay
            self._insist(sent, connections, rng, tries)
            self._ended.wait(PAUSE_SECONDS)
        for connection in connections.values():
            connection.close()

    def _new(self, number: str, rng: Random) -> Sent:
        hook = rng.choice(self._hooks)
        key = f"key {number}" if rng.random() < 0.5 else None
        body = json.dumps({"number": number}).encode()
        headers = {"Content-Type": "application/json"}
        if hook.secret is not None:
            timestamp = str(int(self._now() * 1000))
            signed = hmac.new(hook.secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
            headers |= {"X-Paperclip-Timestamp": timestamp, "X-Paperclip-Signature": signed.hexdigest()}
        if key is not None:
            headers["Idempotency-Key"] = key
        return Sent(number, hook, key, headers, body)

    def _insist(self, sent: Sent, connections: dict[int, HTTPConnection], rng: Random, tries: int | None) -> None:
        """Send it to one server after the other until one has accepted it, or so many times."""
        patient_until = time.monotonic() + REPLY_SECONDS_MAX
        while tries != 0 and not sent.is_there and time.monotonic() < patient_until:
            answer = _send(connections[rng.choice(self._ports)], sent)
            if answer is None:
                self.cut_off += 1
                time.sleep(PAUSE_SECONDS)
            else:
                self._take(sent, *answer)
            tries = None if tries is None else tries - 1

    def _take(self, sent: Sent, status: int, retry_after: str | None, reply: Any) -> None:
        self.answers[status] += 1
        if status == ACCEPTED:
            sent.is_there = True
            sent.run_ids.add(reply["id"])
        elif status == REPLAY and sent.hook.secret is not None and sent.key is None:
            sent.is_there = True
        elif status == AWAY:
            if not (retry_after or "").isdigit():
                self.unexpected.append(f"wrong: delivery {sent.number} got {status} without Retry-After")
            time.sleep(PAUSE_SECONDS)
        else:
            self.unexpected.append(f"wrong: delivery {sent.number} got {status} {reply}")


def _send(connection: HTTPConnection, sent: Sent) -> tuple[int, str | None, Any] | None:
    """Status, `Retry-After` and JSON of the reply; None where it was cut off or nobody listened."""
    try:
        connection.request("POST", sent.hook.path, sent.body, sent.headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, HTTPException):
        connection.close()
        return None
    return response.status, response.getheader("Retry-After"), json.loads(content)
