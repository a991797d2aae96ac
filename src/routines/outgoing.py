"""HTTP calls to addresses that somebody else gave, made so that they cannot reach into the operator's own network.

What is said in a call, and what its answer means, is not known here.

The messages are read and written by h11, which touches no socket: so every byte goes over a connection that was made
here, to an address that was checked, and under one deadline. `http.client` bounds each read, not the whole, and the
libraries above h11 have pools, proxies and redirects, which would each have to be kept from undoing that.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Thread
from typing import Any, NamedTuple

import h11

from routines.core.errors import RoutinesError
from routines.core.reach import PUBLIC_ONLY, Reach, ReachError, RefusedError, Target

__all__ = [
    "PUBLIC_ONLY",
    "Answer",
    "Deadline",
    "Reach",
    "ReachError",
    "RefusedError",
    "Target",
    "UnreachableError",
    "connected",
    "post",
    "trust",
]

ADDRESSES_TRIED_MAX = 8  # a name may have hundreds; that many do not fail together by chance
RESOLUTIONS_MAX = 64  # threads in the system's resolver, which may keep each for half a minute
RECEIVED_AT_ONCE_BYTES = 65_536
_SET_HERE = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "te", "transfer-encoding", "upgrade"}
)
_UNKNOWN_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_resolving = BoundedSemaphore(RESOLUTIONS_MAX)


class UnreachableError(RoutinesError):
    """The call was made and brought no answer; `retry` says whether it may go better later.

    It may have arrived all the same, so what is sent again must say that it is the same.
    """

    def __init__(self, sentence: str, *, retry: bool) -> None:
        super().__init__(sentence)
        self.retry = retry


class Answer(NamedTuple):
    """What a server answered: header names are in lower case, and the body may be cut short."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    reach: Reach,
    timeout_seconds: float,
    answer_bytes_max: int,
) -> Answer:
    """Send a body to a URL and return what is answered, whatever its status: no redirect is followed.

    The name is resolved once, and the very addresses that came are checked and connected to. The timeout is for all
    of it, from the name to the last byte of the answer, of whose body no more than `answer_bytes_max` are read.
    Proxies that the environment names are not used. Raises RefusedError and UnreachableError.
    """
    target = Target.of(url)
    messages = h11.Connection(h11.CLIENT)
    request = _request(messages, target, body, headers)
    deadline = Deadline(timeout_seconds)
    try:
        with _connected(target, reach, deadline) as connection:
            _send(connection, request, deadline)
            return _answer(_Reception(target, connection, messages, deadline), answer_bytes_max)
    except OSError as error:
        raise _unreachable(target, error, timeout_seconds) from error


def connected(host: str, port: int, deadline: Deadline) -> socket.socket:
    """A connection to a place that the operator has set, which may be anywhere, for whoever closes it.

    Raises OSError, as which it also says that time is up.
    """
    return _connected_to_first(_resolve(host, port, deadline)[:ADDRESSES_TRIED_MAX], deadline)


@cache
def trust() -> ssl.SSLContext:
    """How TLS is spoken: trusting whom the system does (or `SSL_CERT_FILE` says), as read at the first call."""
    return ssl.create_default_context()


class Deadline:
    """When all that is done for one call must be over."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds until then; raises TimeoutError when there are none."""
        seconds = self._at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def _request(messages: h11.Connection, target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes of the whole request."""
    for name in headers:
        if name.lower() in _SET_HERE:
            raise RefusedError(f"The header {name} cannot be set, since the call itself needs it; leave it out")
    own = {
        "Host": target.authority,
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Length": str(len(body)),
    }
    try:
        fields = [(name.encode("ascii"), value.encode("latin-1")) for name, value in {**own, **headers}.items()]
        head = messages.send(h11.Request(method="POST", target=target.path, headers=fields))
    except (UnicodeEncodeError, h11.LocalProtocolError):
        raise RefusedError(
            "A header cannot be sent: its name must be letters, digits and hyphens, its value one line of Latin-1 text"
        ) from None
    sent = [head, messages.send(h11.Data(data=body)), messages.send(h11.EndOfMessage())]
    return b"".join(part for part in sent if part)


def _connected(target: Target, reach: Reach, deadline: Deadline) -> socket.socket:
    """A connection to the target, for whoever closes it."""
    found = _resolve(target.host, target.port, deadline)
    for _, at in found:
        if not reach.permits(target, ip_address(at[0])):
            raise RefusedError(
                f"{target.host} is not on the public internet, or not with all its addresses; "
                "whoever runs the service can allow it by its name, address or network"
            )
    connection = _connected_to_first(found[:ADDRESSES_TRIED_MAX], deadline)
    if target.scheme == "http":
        return connection
    try:
        connection.settimeout(deadline.left())
        return trust().wrap_socket(connection, server_hostname=target.host)
    except BaseException:
        connection.close()
        raise


def _resolve(host: str, port: int, deadline: Deadline) -> Sequence[tuple[int, Any]]:
    """The address family and socket address of each address that a host has, at least one.

    The system's resolver knows no timeout, so it is waited for on a thread that is left behind when time is up.
    """
    if not _resolving.acquire(timeout=deadline.left()):
        raise TimeoutError
    answers: SimpleQueue[Sequence[tuple[int, Any]] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([(family, at) for family, _, _, _, at in found])
        except OSError as error:
            answers.put(error)
        finally:
            _resolving.release()

    try:
        Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    except RuntimeError as error:
        _resolving.release()
        raise OSError(errno.EAGAIN, "the machine has no thread left") from error
    try:
        answer = answers.get(timeout=deadline.left())
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _connected_to_first(found: Sequence[tuple[int, Any]], deadline: Deadline) -> socket.socket:
    """A connection to the first address that takes one, each given an equal share of the time that is left."""
    problem: OSError | None = None
    for index, (family, at) in enumerate(found):
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a system without IPv6
            problem = error
            continue
        try:
            connection.settimeout(deadline.left() / (len(found) - index))
            connection.connect(at)
        except OSError as error:
            connection.close()
            problem = error
        else:
            return connection
    raise problem or OSError("its name has no address")


def _send(connection: socket.socket, request: bytes, deadline: Deadline) -> None:
    rest = memoryview(request)
    while rest:
        connection.settimeout(deadline.left())
        rest = rest[connection.send(rest) :]


class _Reception(NamedTuple):
    """An answer that is being received."""

    target: Target
    connection: socket.socket
    messages: h11.Connection
    deadline: Deadline

    def next_event(self) -> object:
        """What comes next of the answer, as h11 has it."""
        closed = False
        while True:
            try:
                event = self.messages.next_event()
            except h11.RemoteProtocolError as error:
                if closed:
                    sentence = f"{self.target.place} closed the connection before its answer was whole"
                else:
                    sentence = f"{self.target.place} answered something that is not HTTP/1.1"
                raise UnreachableError(sentence, retry=closed) from error
            if event is not h11.NEED_DATA:
                return event
            self.connection.settimeout(self.deadline.left())
            received = self.connection.recv(RECEIVED_AT_ONCE_BYTES)
            closed = not received
            self.messages.receive_data(received)


def _answer(reception: _Reception, answer_bytes_max: int) -> Answer:
    head = reception.next_event()
    while isinstance(head, h11.InformationalResponse):
        head = reception.next_event()
    assert isinstance(head, h11.Response)  # noqa: S101 - h11 lets nothing else come first
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    body = bytearray()
    while len(body) < answer_bytes_max and isinstance(event := reception.next_event(), h11.Data):
        body += event.data
    return Answer(head.status_code, headers, bytes(body[:answer_bytes_max]))


def _unreachable(target: Target, error: OSError, timeout_seconds: float) -> UnreachableError:
    """What is said of a call that the system could not make."""
    place = target.place
    if isinstance(error, TimeoutError) and error.errno is None:
        return UnreachableError(f"{place} gave no whole answer within {timeout_seconds:g} seconds", retry=True)
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnreachableError(f"The certificate of {place} is refused: {error.verify_message}", retry=False)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return UnreachableError(f"{place} closed the TLS connection", retry=True)
    if isinstance(error, ssl.SSLError):
        return UnreachableError(f"No TLS connection with {place}: {error.reason or error}", retry=False)
    if isinstance(error, socket.gaierror):
        retry = error.errno not in _UNKNOWN_NAME
        return UnreachableError(f"The name {target.host} cannot be resolved: {error.strerror}", retry=retry)
    return UnreachableError(f"{place} cannot be reached: {error.strerror or error}", retry=True)
