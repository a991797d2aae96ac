"""Promises of `routines.core.reach` and `addresses`: where URLs lead, what is public, what an operator can allow."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from routines.core.addresses import is_public
from routines.core.reach import PUBLIC_ONLY, Reach, ReachError, RefusedError, Target

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::5e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]
PRIVATE = [
    "0.0.0.0",  # noqa: S104 - called, not bound
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:0.0.0.0",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:100.64.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%2",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_somebodys_own_network_is_not_public_however_it_is_wrapped(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not PUBLIC_ONLY.permits(Target.of("http://name.test/"), ip_address(address))


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("http://Agent.Example/wake", Target("http", "agent.example", 80, "/wake"), "agent.example"),
        ("HTTPS://agent.example", Target("https", "agent.example", 443, "/"), "agent.example"),
        (
            "https://agent.example.:8443?a=b%20c",
            Target("https", "agent.example", 8443, "/?a=b%20c"),
            "agent.example:8443",
        ),
        ("http://[::1]:80/#part", Target("http", "::1", 80, "/"), "[::1]"),
        ("http://[0:0::0:1]:81/", Target("http", "::1", 81, "/"), "[::1]:81"),
        ("http://[::ffff:7f00:1]/", Target("http", "127.0.0.1", 80, "/"), "127.0.0.1"),
        ("http://a_b.example//x?y?z#q", Target("http", "a_b.example", 80, "//x?y?z"), "a_b.example"),
    ],
)
def test_a_url_leads_to_a_host_a_port_and_a_path(url: str, target: Target, authority: str) -> None:
    assert Target.of(url) == target
    assert Target.of(url).authority == authority


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "must begin with http:// or https://"),
        ("agent.example/wake", "must begin with http:// or https://"),
        ("//agent.example/wake", "must begin with http:// or https://"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("gopher://agent.example/", "must begin with http:// or https://"),
        ("unix:///run/docker.sock", "must begin with http:// or https://"),
        ("http:agent.example", "must begin with http:// or https://"),
        ("http:///wake", "is not a host"),
        ("http://:80/", "is not a host"),
        ("http://user@agent.example/", "a user name or password"),
        ("http://user:secret@agent.example/", "a user name or password"),
        ("http://agent.example\\@10.0.0.1/", "a user name or password"),
        ("http://10.0.0.1\\.agent.example/", "is not a host"),
        ("http://agent.example:0/", "is not a host"),
        ("http://agent.example:65536/", "is not a host"),
        ("http://agent.example:8x/", "is not a host"),
        ("http://agent..example/", "is not a host"),
        ("http://[::1/", "is not a host"),
        ("http://[::1]agent.example/", "is not a host"),
        ("http://[fe80::1%25eth0]/", "is not a host"),
        ("http://[1:2:3]/", "is not a host"),
        ("http://%31%32%37.0.0.1/", "is not a host"),
        (" http://agent.example/", "blanks or other than ASCII"),
        ("http://agent.example/a b", "blanks or other than ASCII"),
        ("http://agent.example/\r\nX: y", "blanks or other than ASCII"),
        ("http://agent\t.example/", "blanks or other than ASCII"),
        ("http://①②⑦.⓪.⓪.①/", "blanks or other than ASCII"),
        ("http://agent.example/" + "a" * 2_000, "at most 2000"),
    ],
)
def test_a_url_that_no_call_is_made_to_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(RefusedError) as refused:
        Target.of(url)
    assert sentence in refused.value.sentence
    assert "secret" not in refused.value.sentence


@pytest.mark.parametrize(
    ("allowed", "url", "address"),
    [
        ("agent.internal", "http://agent.internal:81/", "10.0.0.1"),
        ("Agent.Internal.", "http://agent.internal/", "10.0.0.1"),
        ("other, agent.internal:8080 ,", "http://AGENT.internal.:8080/", "10.0.0.1"),
        ("agent.internal:80", "http://agent.internal/", "10.0.0.1"),
        ("127.0.0.1", "http://localhost/", "127.0.0.1"),
        ("127.0.0.1", "http://2130706433/", "127.0.0.1"),
        ("127.0.0.1", "http://[::ffff:127.0.0.1]/", "127.0.0.1"),
        ("127.0.0.1", "http://name.test/", "::ffff:127.0.0.1"),
        ("::ffff:127.0.0.1", "http://127.0.0.1/", "127.0.0.1"),
        ("127.0.0.1:8080", "http://localhost:8080/", "127.0.0.1"),
        ("::1", "http://localhost/", "::1"),
        ("[::1]", "http://localhost/", "::1"),
        ("[0::1]:8080", "http://localhost:8080/", "::1"),
        ("10.0.0.0/8", "http://agent.internal/", "10.255.0.1"),
        ("10.0.0.0/8", "http://agent.internal/", "::ffff:10.255.0.1"),
        ("fd00::/8", "http://agent.internal/", "fd00::7"),
    ],
)
def test_an_operator_allows_private_places_by_name_address_or_network(allowed: str, url: str, address: str) -> None:
    assert Reach.of(allowed).permits(Target.of(url), ip_address(address))


@pytest.mark.parametrize(
    ("allowed", "url", "address"),
    [
        ("agent.internal", "http://agent.internal.example/", "10.0.0.1"),
        ("agent.internal", "http://x.agent.internal/", "10.0.0.1"),
        ("agent.internal:8080", "http://agent.internal/", "10.0.0.1"),
        ("127.0.0.1:8080", "http://localhost:8081/", "127.0.0.1"),
        ("127.0.0.1", "http://localhost/", "127.0.0.2"),
        ("127.0.0.1", "http://localhost/", "::1"),
        ("10.0.0.0/9", "http://agent.internal/", "10.128.0.1"),
        ("10.0.0.0/8", "http://agent.internal/", "64:ff9b::10.0.0.1"),
        ("", "http://agent.internal/", "10.0.0.1"),
    ],
)
def test_what_is_allowed_opens_nothing_else(allowed: str, url: str, address: str) -> None:
    assert not Reach.of(allowed).permits(Target.of(url), ip_address(address))


@pytest.mark.parametrize(
    "junk",
    [
        "*",
        "*.internal",
        "http://agent.internal",
        "agent.internal/",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "agent.internal:0",
        "agent.internal:65536",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0177.0.0.1:80",
        "300.1.1.1",
        "[::1",
        "::1]:80",
        "[agent]:80",
        "two words",
        "\u017f.internal",  # a long s, which some take for an s
        "ok.internal,agent@internal",
    ],
)
def test_a_place_that_is_none_is_refused_with_its_words(junk: str) -> None:
    with pytest.raises(ReachError) as refused:
        Reach.of(junk)
    assert repr(junk.rsplit(",", maxsplit=1)[-1]) in refused.value.sentence
    assert "10.0.0.0/8" in refused.value.sentence


def test_public_places_need_no_permission() -> None:
    assert Reach.of(" , ") == PUBLIC_ONLY
    assert PUBLIC_ONLY.permits(Target.of("https://agent.example/"), ip_address("8.8.8.8"))
