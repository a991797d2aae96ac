"""One master key for a database: a server with another one is told so before it seals or opens anything."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from routines.keyring import MasterKeyError
from support.databases import Places
from support.service import Place, Service

KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(2)]


@pytest.fixture
def place(places: Places) -> Iterator[Place]:
    """Where no server has been, so that no key is known there yet."""
    with places.blank() as blank:
        yield blank


def test_a_server_with_another_key_does_not_start(place: Place) -> None:
    Service(place, master_key=KEYS[0]).close()
    with pytest.raises(MasterKeyError, match="ROUTINES_MASTER_KEY"):
        Service(place, master_key=KEYS[1])
    Service(place, master_key=KEYS[0]).close()


def test_a_new_key_is_taken_when_the_operator_says_so_and_is_the_key_from_then_on(place: Place) -> None:
    Service(place, master_key=KEYS[0]).close()
    Service(place, master_key=KEYS[1], accept_new_master_key=True).close()
    Service(place, master_key=KEYS[1]).close()
    with pytest.raises(MasterKeyError):
        Service(place, master_key=KEYS[0])
