"""Promises of `routines.outgoing`, against servers that really listen: what is called, what never, and how long."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from routines import outgoing
from routines.outgoing import PUBLIC_ONLY, Answer, Reach, RefusedError, UnreachableError, post
from support.certificates import Authority
from support.listener import LOOPBACK, Line, Listener, answering, hanging_up

PUBLIC = "93.184.215.14"
ANOTHER_PUBLIC = "2606:4700:4700::1111"
HERE = Reach.of(LOOPBACK)
GENEROUS_SECONDS = 10.0
NO_TIME = 0.3
SOON = 5.0
"""Far more than a call may take that has a timeout of NO_TIME, however slow the machine."""


class Resolver:
    """Stands before the system's resolver: knows some names, and what each is at the first question, and so on."""

    def __init__(self, system: Callable[..., Any]) -> None:
        self._system = system
        self._names: dict[str, list[Sequence[str]]] = {}
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def knows(self, name: str, *answers: Sequence[str]) -> None:
        """Let a name have these addresses, an answer a question, the last for good."""
        self._names[name] = list(answers)

    def __call__(self, host: str, port: int, *args: Any, **options: Any) -> Any:
        """What `socket.getaddrinfo` answers."""
        self.asked.append(host)
        self.meanwhile()
        if host not in self._names:
            return self._system(host, port, *args, **options)
        answers = self._names[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [found for address in addresses for found in self._system(address, port, *args, **options)]


class Network:
    """Stands before connections: notes each, and leads those to public addresses to a listener here, or nowhere."""

    def __init__(self, system: Callable[[socket.socket, Any], None]) -> None:
        self._system = system
        self.leads_to: dict[str, int] = {}
        self.dialled: list[str] = []
        self.timeouts: list[float | None] = []

    def connect(self, connection: socket.socket, at: Any) -> None:
        """What a socket does to connect."""
        host, port = at[:2]
        self.dialled.append(host)
        self.timeouts.append(connection.gettimeout())
        if host in self.leads_to:
            self._system(connection, (LOOPBACK, self.leads_to[host]))
        elif host == LOOPBACK:
            self._system(connection, (host, port))
        else:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    stub = Resolver(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", stub)
    return stub


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    stub = Network(socket.socket.connect)
    monkeypatch.setattr(socket.socket, "connect", lambda self, at: stub.connect(self, at))  # noqa: PLW0108 - binds the socket
    return stub


def call(
    url: str,
    body: bytes = b"{}",
    headers: dict[str, str] | None = None,
    *,
    reach: Reach = HERE,
    timeout_seconds: float = GENEROUS_SECONDS,
    answer_bytes_max: int = 1_000,
) -> Answer:
    return post(
        url, body, headers or {}, reach=reach, timeout_seconds=timeout_seconds, answer_bytes_max=answer_bytes_max
    )


def saying(content: bytes) -> Callable[[Line], None]:
    """A script that answers with these bytes and closes."""

    def script(line: Line) -> None:
        line.read()
        line.write(content)

    return script


def test_a_call_arrives_as_it_was_made_and_brings_its_answer() -> None:
    with Listener(answering(201, {"a": "é"}, x_one="1", x_One="2")) as listener:
        answer = call(f"{listener.url}?a=b#part", b"\x00body", {"X-Name": "é", "content-type": "text/plain"})
    assert answer.status == 201
    assert answer.body == b'{"a": "\\u00e9"}'
    assert answer.headers["x-one"] == "1, 2"
    (request,) = listener.requests
    assert request.line == "POST /wake?a=b HTTP/1.1"
    assert request.body == b"\x00body"
    assert request.headers["host"] == f"{LOOPBACK}:{listener.port}"
    assert request.headers["x-name"] == "é"
    assert request.headers["content-type"] == "text/plain"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["connection"] == "close"


@pytest.mark.parametrize(
    "content",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwh\r\n3\r\nole\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nwhole",
        b"HTTP/1.0 200 OK\r\n\r\nwhole",
        b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole and more than was said",
    ],
    ids=["chunked", "until closed", "1.0", "announced", "too much"],
)
def test_an_answer_is_read_in_each_form_that_http_has(content: bytes) -> None:
    with Listener(saying(content)) as listener:
        answer = call(listener.url)
    assert (answer.status, answer.body) == (200, b"whole")


@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 400, 404, 500, 503])
def test_every_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    with Listener(answering(200)) as elsewhere, Listener(answering(status, location=elsewhere.url)) as listener:
        answer = call(listener.url)
    assert answer.status == status
    assert answer.headers["location"] == elsewhere.url
    assert elsewhere.connections == 0


PRIVATE_HOSTS = [
    "localhost",
    "LOCALHOST.",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "0",
    "0.0.0.0",  # noqa: S104 - called, not bound
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "172.16.0.1",
    "192.168.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]",
    "[2002:7f00:1::]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[ff02::1]",
]


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_no_spelling_of_a_private_address_is_called(host: str, network: Network) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(RefusedError) as refused:
            call(f"{scheme}://{host}/", reach=PUBLIC_ONLY)
        assert "not on the public internet" in refused.value.sentence
    assert network.dialled == []


@pytest.mark.parametrize("private", [LOOPBACK, "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"])
def test_a_name_that_leads_to_a_private_address_is_not_called(
    private: str, resolver: Resolver, network: Network
) -> None:
    resolver.knows("agent.test", [private])
    with pytest.raises(RefusedError, match=r"agent\.test is not on the public internet") as refused:
        call("http://agent.test/?token=5ecret", reach=PUBLIC_ONLY)
    assert private not in refused.value.sentence
    assert "5ecret" not in refused.value.sentence
    assert network.dialled == []


@pytest.mark.parametrize("addresses", [[PUBLIC, LOOPBACK], [LOOPBACK, PUBLIC], [*[PUBLIC] * 20, LOOPBACK]])
def test_a_name_that_has_a_private_address_among_others_is_not_called(
    addresses: list[str], resolver: Resolver, network: Network
) -> None:
    resolver.knows("agent.test", addresses)
    with pytest.raises(RefusedError):
        call("http://agent.test/", reach=PUBLIC_ONLY)
    assert network.dialled == []


def test_a_name_that_changes_after_the_check_is_called_where_it_was_checked(
    resolver: Resolver, network: Network
) -> None:
    with Listener(answering(200, b"public")) as public, Listener(answering(200, b"private")) as private:
        network.leads_to[PUBLIC] = public.port
        resolver.knows("agent.test", [PUBLIC], [LOOPBACK])
        answer = call(f"http://agent.test:{private.port}/", reach=PUBLIC_ONLY)
    assert answer.body == b"public"
    assert network.dialled == [PUBLIC]
    assert resolver.asked == ["agent.test"]
    assert private.connections == 0
    assert public.requests[0].headers["host"] == f"agent.test:{private.port}"


@pytest.mark.parametrize(
    "allowed", ["localhost", "LocalHost.:{port}", "127.0.0.1", "127.0.0.1:{port}", "127.0.0.0/8,::1", "x, 127.0.0.0/31"]
)
def test_an_operator_allows_a_private_place(allowed: str, resolver: Resolver) -> None:
    resolver.knows("localhost", [LOOPBACK])
    with Listener(answering(200, b"here")) as listener:
        reach = Reach.of(allowed.format(port=listener.port))
        assert call(f"http://localhost:{listener.port}/", reach=reach).body == b"here"


@pytest.mark.parametrize("allowed", ["localhost:1", "127.0.0.1:1", "127.0.0.2", "10.0.0.0/8", "local"])
def test_what_is_allowed_opens_no_other_place(allowed: str, resolver: Resolver, network: Network) -> None:
    resolver.knows("localhost", [LOOPBACK])
    with pytest.raises(RefusedError):
        call("http://localhost:9/", reach=Reach.of(allowed))
    assert network.dialled == []


def test_the_addresses_of_a_name_are_tried_in_their_order_until_one_connects(
    resolver: Resolver, network: Network
) -> None:
    resolver.knows("agent.test", [ANOTHER_PUBLIC, PUBLIC])
    with Listener(answering(200, b"second")) as listener:
        network.leads_to[PUBLIC] = listener.port
        assert call("http://agent.test/", reach=PUBLIC_ONLY).body == b"second"
    assert network.dialled == [ANOTHER_PUBLIC, PUBLIC]
    first, second = network.timeouts
    assert first is not None
    assert second is not None
    assert first <= GENEROUS_SECONDS / 2 < second <= GENEROUS_SECONDS  # a silent address leaves time for the next


def test_of_a_name_with_many_addresses_only_some_are_tried(resolver: Resolver, network: Network) -> None:
    resolver.knows("agent.test", [f"93.184.215.{last}" for last in range(100)])
    with pytest.raises(UnreachableError) as unreachable:
        call("http://agent.test/", reach=PUBLIC_ONLY)
    assert unreachable.value.sentence == "agent.test:80 cannot be reached: Connection refused"
    assert len(network.dialled) == outgoing.ADDRESSES_TRIED_MAX


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"])
def test_proxies_of_the_environment_are_not_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener(answering(502)) as proxy, Listener(answering(200)) as listener:
        monkeypatch.setenv(variable, proxy.url)
        assert call(listener.url).status == 200
    assert proxy.connections == 0


def unreachable_because(
    url: str, *, timeout_seconds: float = GENEROUS_SECONDS, reach: Reach = HERE
) -> UnreachableError:
    """The error of a call that must fail, and that in time."""
    begun = time.monotonic()
    with pytest.raises(UnreachableError) as unreachable:
        call(url, timeout_seconds=timeout_seconds, reach=reach, answer_bytes_max=10**9)
    assert time.monotonic() - begun < timeout_seconds + SOON
    return unreachable.value


def in_vain(line: Line) -> None:
    line.read()
    line.drip(b"")


def dripping_head(line: Line) -> None:
    line.read()
    line.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    line.drip(b"x")


def dripping_body(line: Line) -> None:
    line.read()
    line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    line.drip(b"x")


def dripping_announcements(line: Line) -> None:
    line.read()
    line.drip(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def not_reading(line: Line) -> None:
    line.drip(b"")


@pytest.mark.parametrize("script", [in_vain, dripping_head, dripping_body, dripping_announcements])
def test_a_slow_server_is_cut_off_when_the_whole_time_is_over(script: Callable[[Line], None]) -> None:
    with Listener(script) as listener:
        error = unreachable_because(listener.url, timeout_seconds=NO_TIME)
    assert error.sentence == f"{LOOPBACK}:{listener.port} gave no whole answer within 0.3 seconds"
    assert error.retry


def test_a_server_that_reads_nothing_is_cut_off() -> None:
    with Listener(not_reading) as listener, pytest.raises(UnreachableError, match=r"within 0\.3 seconds"):
        call(listener.url, b"x" * 50_000_000, timeout_seconds=NO_TIME)


def test_a_silent_tls_handshake_is_cut_off() -> None:
    with Listener(not_reading) as listener:
        error = unreachable_because(f"https://{LOOPBACK}:{listener.port}/", timeout_seconds=NO_TIME)
    assert "within 0.3 seconds" in error.sentence
    assert error.retry


def test_a_silent_resolver_is_cut_off(resolver: Resolver) -> None:
    resumed = Event()
    resolver.meanwhile = resumed.wait
    try:
        error = unreachable_because("http://agent.test/", timeout_seconds=NO_TIME)
    finally:
        resumed.set()
    assert error.sentence == "agent.test:80 gave no whole answer within 0.3 seconds"
    assert error.retry


@pytest.mark.parametrize(
    ("code", "retry"), [(socket.EAI_NONAME, False), (socket.EAI_AGAIN, True), (socket.EAI_FAIL, True)]
)
def test_a_name_that_cannot_be_resolved_is_said_so(code: int, retry: bool, resolver: Resolver) -> None:  # noqa: FBT001
    def fail() -> None:
        raise socket.gaierror(code, "No answer")

    resolver.meanwhile = fail
    error = unreachable_because("http://agent.test/")
    assert error.sentence == "The name agent.test cannot be resolved: No answer"
    assert error.retry is retry


def test_a_refused_connection_may_be_retried() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
    error = unreachable_because(f"http://{LOOPBACK}:{port}/")
    assert error.sentence == f"{LOOPBACK}:{port} cannot be reached: Connection refused"
    assert error.retry


@pytest.mark.parametrize(
    ("script", "words", "retry"),
    [
        (hanging_up, "closed the connection before its answer was whole", True),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Le"), "closed the connection before its answer was whole", True),
        (
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"),
            "closed the connection before its answer was whole",
            True,
        ),
        (saying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "not HTTP/1.1", False),
        (saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "not HTTP/1.1", False),
        (saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000), "not HTTP/1.1", False),
        (saying(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200_000), "not HTTP/1.1", False),
        (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "not HTTP/1.1", False),
    ],
)
def test_what_is_no_whole_answer_is_said_so(
    script: Callable[[Line], None],
    words: str,
    retry: bool,  # noqa: FBT001
) -> None:
    with Listener(script) as listener:
        error = unreachable_because(listener.url)
    assert error.sentence.startswith(f"{LOOPBACK}:{listener.port} ")
    assert words in error.sentence
    assert error.retry is retry


@pytest.mark.parametrize("framing", [b"Content-Length: 999999999999", b"X-Until: closed"])
def test_a_huge_answer_is_read_up_to_the_bound_and_no_further(framing: bytes) -> None:
    def endless(line: Line) -> None:
        line.read()
        line.write(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        line.drip(b"x" * 100_000)

    with Listener(endless) as listener:
        answer = call(listener.url, answer_bytes_max=150_000)
    assert (answer.status, answer.body) == (200, b"x" * 150_000)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Name": "a\r\nX-Other: b"},
        {"X-Name": "a\nb"},
        {"X-Name": "a\0"},
        {"X-Name": "☃"},
        {"X Name": "a"},
        {"X-Name:": "a"},
        {"": "a"},
        {"X-Näme": "a"},
    ],
)
def test_a_header_that_would_be_more_than_one_is_refused(headers: dict[str, str], network: Network) -> None:
    with pytest.raises(RefusedError, match="A header cannot be sent"):
        call("http://127.0.0.1:9/", headers=headers)
    assert network.dialled == []


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "CONNECTION", "Upgrade", "Expect"])
def test_a_header_that_is_the_calls_own_is_refused(name: str, network: Network) -> None:
    with pytest.raises(RefusedError, match=f"The header {name} cannot be set"):
        call("http://127.0.0.1:9/", headers={name: "1"})
    assert network.dialled == []


def test_a_thread_that_cannot_be_had_takes_no_place_in_the_resolver(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise RuntimeError("can't start new thread")

    resolver.knows("agent.test", [LOOPBACK])
    with monkeypatch.context() as patch:
        patch.setattr(outgoing, "Thread", refuse)
        for _ in range(outgoing.RESOLUTIONS_MAX):
            error = unreachable_because("http://agent.test/")
            assert error.retry
            assert error.sentence == "agent.test:80 cannot be reached: the machine has no thread left"
    with Listener(answering(200)) as listener:
        assert call(f"http://agent.test:{listener.port}/").status == 200


def test_tls_is_spoken_with_the_host_that_the_url_names(authority: Authority, resolver: Resolver) -> None:
    resolver.knows("agent.test", [LOOPBACK])
    asked_for: list[str | None] = []
    server = authority.server("agent.test")
    server.sni_callback = lambda _socket, name, _context: asked_for.append(name)  # type: ignore[assignment]
    with Listener(answering(200, b"safe"), tls=server) as listener:
        answer = call(f"https://Agent.test.:{listener.port}/", b"x" * 1_000_000)
    assert answer.body == b"safe"
    assert asked_for == ["agent.test"]
    assert listener.requests[0].headers["host"] == f"agent.test:{listener.port}"
    assert listener.requests[0].body == b"x" * 1_000_000


def test_a_certificate_for_another_name_is_refused(authority: Authority, resolver: Resolver) -> None:
    resolver.knows("agent.test", [LOOPBACK])
    with Listener(answering(200), tls=authority.server("other.test")) as listener:
        error = unreachable_because(f"https://agent.test:{listener.port}/")
    assert error.sentence.startswith(f"The certificate of agent.test:{listener.port} is refused: ")
    assert "'agent.test'" in error.sentence
    assert not error.retry
    assert listener.requests == []


def test_a_certificate_of_an_unknown_authority_is_refused(
    authority: Authority, tmp_path: Path, resolver: Resolver
) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = Authority(tmp_path / "stranger")
    resolver.knows("agent.test", [LOOPBACK])
    assert authority.file.exists()
    with Listener(answering(200), tls=stranger.server("agent.test")) as listener:
        error = unreachable_because(f"https://agent.test:{listener.port}/")
    assert "is refused" in error.sentence
    assert not error.retry
    assert listener.requests == []


def test_a_server_that_speaks_no_tls_is_not_retried() -> None:
    def plain(line: Line) -> None:
        line.hear()
        line.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Listener(plain) as listener:
        error = unreachable_because(f"https://{LOOPBACK}:{listener.port}/")
    assert error.sentence.startswith(f"No TLS connection with {LOOPBACK}:{listener.port}: ")
    assert not error.retry


def test_tls_that_is_closed_in_the_handshake_may_be_retried() -> None:
    def closing(line: Line) -> None:
        line.hear()

    with Listener(closing) as listener:
        error = unreachable_because(f"https://{LOOPBACK}:{listener.port}/")
    assert error.retry


def test_trust_asks_for_certificates_and_names() -> None:
    assert outgoing.trust().verify_mode is ssl.CERT_REQUIRED
    assert outgoing.trust().check_hostname
